//! Prisma's dialect of database URLs, which tokio-postgres does not speak.
//!
//! No message made here holds a value from the URL: any part of it may be a piece of a password that somebody
//! forgot to percent-encode.

use std::time::Duration;

use camino::Utf8PathBuf;
use tokio_postgres::config::{ChannelBinding, Config, SslMode};
use url::Url;

use super::tls::{Policy, Roots, Verify};

/// Prisma's defaults.
const SCHEMA: &str = "public";
const DATABASE: &str = "postgres";
const PORT: u16 = 5432;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What Prisma's own pool and statement cache go by. There is no pool here, and nothing is prepared.
const OF_PRISMAS_POOL: [&str; 7] = [
    "connection_limit",
    "max_connection_lifetime",
    "max_idle_connection_lifetime",
    "pgbouncer",
    "pool_timeout",
    "single_use_connections",
    "statement_cache_size",
];

/// A database, as its URL names it.
#[derive(Debug, Clone)]
pub struct Target {
    /// `host:port/database`, or the socket's directory in place of the host: for messages.
    pub place: String,
    /// The schema that Prisma works in, the home of `_prisma_migrations`.
    pub schema: String,
    /// What in the URL is not understood or not supported, a sentence each.
    pub notes: Vec<String>,
    /// How long making a connection may take; without a value there is no limit of the URL's own.
    pub connect_timeout: Option<Duration>,
    /// How long one answer may take, likewise.
    pub socket_timeout: Option<Duration>,
    pub(super) config: Config,
    pub(super) tls: Policy,
}

impl Target {
    /// The same under another name for the session.
    pub(crate) fn session(&self, application: &str) -> Self {
        let mut target = self.clone();
        target.config.application_name(application);
        target
    }

    /// The database's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.config.get_dbname().unwrap_or(DATABASE)
    }

    /// Where the server is: `host:port`, or the socket's directory in place of the host.
    #[must_use]
    pub fn server(&self) -> &str {
        self.place
            .strip_suffix(self.name())
            .and_then(|server| server.strip_suffix('/'))
            .unwrap_or(&self.place)
    }

    /// Another database of the same server.
    pub(crate) fn beside(&self, name: &str) -> Self {
        let mut target = self.clone();
        target.config.dbname(name);
        target.place = format!("{}/{name}", self.server());
        target
    }

    /// Another database of the same server, with these options beside the URL's own.
    pub(crate) fn database(mut self, name: &str, options: &str) -> Self {
        let own = self.config.get_options().unwrap_or_default();
        let options = format!("{own} {options}");
        self.config.dbname(name).options(options.trim());
        self
    }
}

/// The URL names no database that can be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Nobody named a database.
    #[error("no database is named")]
    Missing,
    /// The quotation marks of a shell or an env file became part of the value.
    #[error("the database URL begins with a quotation mark")]
    Quoted,
    /// Not PostgreSQL's.
    #[error("the database URL does not begin with postgresql:// or postgres://")]
    Scheme,
    /// Prisma's own proxy, which is no PostgreSQL server.
    #[error("{0}:// names Prisma's own service (Accelerate or Prisma Postgres), not a PostgreSQL server")]
    Service(&'static str),
    /// It cannot be taken apart.
    #[error("the database URL cannot be read: {0}")]
    Malformed(&'static str),
    /// A parameter that is known has a value that is not.
    #[error("the database URL's {name} is not {wanted}")]
    Parameter {
        /// Its name.
        name: &'static str,
        /// What it may be.
        wanted: &'static str,
    },
}

impl UrlError {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Missing => "set DATABASE_URL, or pass --database-url",
            Self::Quoted => {
                "take the quotation marks away: env files and Kubernetes manifests keep them as they are"
            }
            Self::Scheme => "postgresql://USER:PASSWORD@HOST:5432/DATABASE?schema=public",
            Self::Service(_) => "name the database itself: the postgresql:// URL, often kept as DIRECT_URL",
            Self::Malformed(_) => {
                "write the characters / ? # @ : % [ ] and the space in user and password percent-encoded, such as %40 for @"
            }
            Self::Parameter { .. } => return None,
        };
        Some(hint.to_owned())
    }
}

/// Reads a URL in Prisma's dialect.
///
/// # Errors
/// Where it is none, or a parameter that would change how the database is reached is not understood. Other
/// parameters that are not understood become notes.
pub fn parse(text: &str) -> Result<Target, UrlError> {
    let text = text.trim();
    if text.starts_with(['"', '\'']) {
        return Err(UrlError::Quoted);
    }
    check_scheme(text)?;
    let url = Url::parse(text).map_err(|error| UrlError::Malformed(cause(error)))?;
    if url.fragment().is_some() || url.path().contains('@') {
        return Err(UrlError::Malformed("after the host stands what looks like a piece of the password"));
    }
    let parameters = Parameters::read(&url)?;
    let host = match &parameters.host {
        Some(host) => host.clone(),
        None => host_of(&url),
    };
    let port = url.port().unwrap_or(PORT);
    // Prisma, too, goes by the first part of the path.
    let database = match url.path().split('/').nth(1).map(decode) {
        Some(name) if !name.is_empty() => name,
        _ => DATABASE.to_owned(),
    };
    let mut config = Config::new();
    config.user(decode(url.username())).port(port).dbname(&database);
    if let Some(password) = url.password() {
        config.password(percent_encoding::percent_decode_str(password).collect::<Vec<_>>());
    }
    let is_socket = host.starts_with('/');
    if is_socket {
        config.host_path(&host)
    } else {
        config.host(&host)
    };
    let shown = if host.contains(':') && !is_socket { format!("[{host}]") } else { host };
    let mut target = parameters.into_target(config, format!("{shown}:{port}/{database}"));
    if is_socket {
        // As with libpq: nobody can listen on the way, and servers do not encrypt there.
        target.config.ssl_mode(SslMode::Disable);
    }
    Ok(target)
}

fn check_scheme(text: &str) -> Result<(), UrlError> {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    match scheme.as_deref() {
        Some("postgresql" | "postgres") => Ok(()),
        Some("prisma") => Err(UrlError::Service("prisma")),
        Some("prisma+postgres") => Err(UrlError::Service("prisma+postgres")),
        _ => Err(UrlError::Scheme),
    }
}

const fn cause(error: url::ParseError) -> &'static str {
    match error {
        url::ParseError::InvalidPort => "what stands after the host's colon is no port",
        url::ParseError::EmptyHost => "there is no host",
        _ => "its host is not valid",
    }
}

fn host_of(url: &Url) -> String {
    let host = decode(url.host_str().unwrap_or_default());
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(&host);
    if host.is_empty() { "localhost".to_owned() } else { host.to_owned() }
}

/// Percent-decoded, or as it stands where that is no text: a lone `%` is a common slip, and works with Prisma.
fn decode(text: &str) -> String {
    percent_encoding::percent_decode_str(text)
        .decode_utf8()
        .map_or_else(|_| text.to_owned(), std::borrow::Cow::into_owned)
}

/// What stands behind the question mark, understood.
#[derive(Default)]
struct Parameters {
    schema: Option<String>,
    host: Option<String>,
    connect_timeout: Option<Duration>,
    socket_timeout: Option<Duration>,
    application_name: Option<String>,
    options: Option<String>,
    channel_binding: Option<ChannelBinding>,
    tls: TlsParameters,
    notes: Vec<String>,
}

impl Parameters {
    fn read(url: &Url) -> Result<Self, UrlError> {
        let mut all = Self { connect_timeout: Some(CONNECT_TIMEOUT), ..Self::default() };
        for (key, value) in url.query_pairs() {
            all.take(&key, value.into_owned())?;
        }
        Ok(all)
    }

    fn take(&mut self, key: &str, value: String) -> Result<(), UrlError> {
        match key {
            "schema" if value.is_empty() => {
                return Err(UrlError::Parameter { name: "schema", wanted: "a schema's name" });
            }
            "schema" => self.schema = Some(value),
            "host" => self.host = Some(value).filter(|host| !host.is_empty()),
            "connect_timeout" => self.connect_timeout = seconds("connect_timeout", &value)?,
            "socket_timeout" => self.socket_timeout = seconds("socket_timeout", &value)?,
            "application_name" => self.application_name = Some(value),
            "options" => self.options = Some(value),
            "channel_binding" => self.channel_binding = Some(channel_binding(&value)?),
            "sslmode" => self.tls.mode = Mode::read(&value)?,
            "sslaccept" => self.tls.accept = Some(Accept::read(&value)?),
            "sslcert" => self.tls.prisma_roots = Some(value.into()),
            "sslrootcert" => self.tls.roots = Some(value.into()),
            "sslidentity" | "sslpassword" | "sslkey" => self.notes.push(format!(
                "{key} in the database URL is not supported: no client certificate is presented"
            )),
            _ if OF_PRISMAS_POOL.contains(&key) => {}
            _ => self.notes.push(unknown(key)?),
        }
        Ok(())
    }

    fn into_target(mut self, mut config: Config, place: String) -> Target {
        if let Some(binding) = self.channel_binding {
            config.channel_binding(binding);
        }
        config.application_name(self.application_name.as_deref().unwrap_or("run-migration"));
        if let Some(options) = &self.options {
            config.options(options);
        }
        if let Some(limit) = self.connect_timeout {
            config.connect_timeout(limit);
        }
        config.ssl_mode(self.tls.mode.to_driver());
        let tls = self.tls.policy(&mut self.notes);
        Target {
            place,
            schema: self.schema.unwrap_or_else(|| SCHEMA.to_owned()),
            notes: self.notes,
            connect_timeout: self.connect_timeout,
            socket_timeout: self.socket_timeout,
            config,
            tls,
        }
    }
}

/// The note about a parameter that is not understood. Its name is shown only where it looks like one.
fn unknown(key: &str) -> Result<String, UrlError> {
    let looks_like_a_name = key.len() <= 40
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    if !looks_like_a_name {
        return Err(UrlError::Malformed("after the question mark stands what is no parameter"));
    }
    Ok(format!("the parameter {key} in the database URL is not understood and has no effect"))
}

/// Whole seconds; 0 means no limit, as Prisma has it.
fn seconds(name: &'static str, value: &str) -> Result<Option<Duration>, UrlError> {
    let seconds: u32 =
        value.parse().map_err(|_| UrlError::Parameter { name, wanted: "a number of seconds" })?;
    Ok((seconds > 0).then(|| Duration::from_secs(seconds.into())))
}

fn channel_binding(value: &str) -> Result<ChannelBinding, UrlError> {
    match value {
        "disable" => Ok(ChannelBinding::Disable),
        "prefer" => Ok(ChannelBinding::Prefer),
        "require" => Ok(ChannelBinding::Require),
        _ => Err(UrlError::Parameter { name: "channel_binding", wanted: "disable, prefer or require" }),
    }
}

/// `sslmode`: Prisma's three, libpq's other three, and node-postgres' `no-verify`.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Mode {
    Disable,
    Allow,
    #[default]
    Prefer,
    Require,
    NoVerify,
    VerifyCa,
    VerifyFull,
}

impl Mode {
    fn read(value: &str) -> Result<Self, UrlError> {
        Ok(match value {
            "disable" => Self::Disable,
            "allow" => Self::Allow,
            "prefer" => Self::Prefer,
            "require" => Self::Require,
            "no-verify" => Self::NoVerify,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => {
                let wanted = "disable, allow, prefer, require, verify-ca, verify-full or no-verify";
                return Err(UrlError::Parameter { name: "sslmode", wanted });
            }
        })
    }

    const fn to_driver(self) -> SslMode {
        match self {
            Self::Disable => SslMode::Disable,
            Self::Allow | Self::Prefer => SslMode::Prefer,
            Self::Require | Self::NoVerify | Self::VerifyCa | Self::VerifyFull => SslMode::Require,
        }
    }
}

/// `sslaccept`, Prisma's own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Accept {
    Strict,
    InvalidCertificates,
}

impl Accept {
    fn read(value: &str) -> Result<Self, UrlError> {
        match value {
            "strict" => Ok(Self::Strict),
            "accept_invalid_certs" => Ok(Self::InvalidCertificates),
            _ => Err(UrlError::Parameter { name: "sslaccept", wanted: "strict or accept_invalid_certs" }),
        }
    }
}

#[derive(Default)]
struct TlsParameters {
    mode: Mode,
    accept: Option<Accept>,
    /// `sslcert`, which with Prisma is the authority that signed the server's certificate.
    prisma_roots: Option<Utf8PathBuf>,
    /// `sslrootcert`, the same with libpq.
    roots: Option<Utf8PathBuf>,
}

impl TlsParameters {
    /// The strictest of what was asked for, in whichever dialect.
    fn policy(self, notes: &mut Vec<String>) -> Policy {
        let system_roots = self.roots.as_deref().is_some_and(|path| path == "system");
        let verify = match (self.mode, self.accept) {
            (Mode::VerifyFull, _) | (_, Some(Accept::Strict)) => Verify::Full,
            _ if system_roots => Verify::Full,
            (Mode::VerifyCa, _) => Verify::Chain,
            (Mode::Require, None) if self.roots.is_some() => Verify::Chain,
            _ => Verify::Nothing,
        };
        if self.mode == Mode::Allow {
            notes.push("sslmode=allow in the database URL is taken for prefer".into());
        }
        if self.accept == Some(Accept::InvalidCertificates) && verify != Verify::Nothing {
            notes.push("sslaccept=accept_invalid_certs in the database URL contradicts the rest: the server's certificate is verified".into());
        }
        if self.prisma_roots.is_some() && self.accept.is_none() && verify == Verify::Nothing {
            notes.push("sslcert in the database URL has no effect without sslaccept=strict, as with Prisma: the server's certificate is not verified".into());
        }
        let roots = match self.roots.filter(|_| !system_roots).or(self.prisma_roots) {
            Some(path) => Roots::File(path),
            None => Roots::System,
        };
        Policy { verify, roots }
    }
}

#[cfg(test)]
mod tests {
    use tokio_postgres::config::Host;

    use super::*;

    const PLAIN: &str = "postgresql://u:s3cret@db.example/app";

    fn with(parameters: &str) -> Target {
        parse(&format!("{PLAIN}?{parameters}")).unwrap()
    }

    #[test]
    fn every_part_of_a_plain_url_arrives() {
        let target = parse("postgres://us%40er:p%2Fa%20ss@db.example:6543/my%20app?schema=other").unwrap();
        assert_eq!(target.place, "db.example:6543/my app");
        assert_eq!(target.schema, "other");
        assert_eq!(target.config.get_user(), Some("us@er"));
        assert_eq!(target.config.get_password(), Some(b"p/a ss".as_slice()));
        assert_eq!(target.config.get_dbname(), Some("my app"));
        assert_eq!(target.config.get_ports(), [6543]);
        assert!(target.notes.is_empty());
    }

    #[test]
    fn what_is_left_out_is_as_prisma_has_it() {
        let target = parse("postgresql://").unwrap();
        assert_eq!(target.place, "localhost:5432/postgres");
        assert_eq!(target.schema, "public");
        assert_eq!(target.connect_timeout, Some(Duration::from_secs(5)));
        assert_eq!(target.socket_timeout, None);
        assert_eq!(target.config.get_ssl_mode(), SslMode::Prefer);
        assert_eq!(target.tls, Policy { verify: Verify::Nothing, roots: Roots::System });
    }

    #[test]
    fn a_socket_is_named_by_the_host_parameter_or_by_an_encoded_host() {
        for url in ["postgresql://u@localhost/app?host=/run/pg", "postgresql://u@%2Frun%2Fpg/app"] {
            let target = parse(url).unwrap();
            assert_eq!(target.config.get_hosts(), [Host::Unix("/run/pg".into())], "{url}");
            assert_eq!(target.place, "/run/pg:5432/app");
            assert_eq!(target.config.get_ssl_mode(), SslMode::Disable);
        }
    }

    #[test]
    fn addresses_of_six_and_four_bytes_work() {
        let target = parse("postgresql://u@[::1]:5433/app").unwrap();
        assert_eq!(target.config.get_hosts(), [Host::Tcp("::1".into())]);
        assert_eq!(target.place, "[::1]:5433/app");
        assert_eq!(parse("postgresql://u@127.0.0.1/app").unwrap().place, "127.0.0.1:5432/app");
    }

    #[test]
    fn the_pools_parameters_are_ignored_and_others_are_named() {
        let quiet = with(
            "connection_limit=5&pool_timeout=0&pgbouncer=true&statement_cache_size=0&max_idle_connection_lifetime=9",
        );
        assert!(quiet.notes.is_empty(), "{:?}", quiet.notes);
        let named = with("sslidentity=/c.p12&sslpassword=hunter2&target_session_attrs=any");
        assert_eq!(named.notes.len(), 3);
        assert!(named.notes[0].contains("sslidentity") && named.notes[2].contains("target_session_attrs"));
        assert!(!format!("{named:?}").contains("hunter2"));
    }

    #[test]
    fn limits_options_and_names_are_passed_on() {
        let target = with(
            "connect_timeout=0&socket_timeout=7&application_name=me&options=-c%20a%3Db&channel_binding=require",
        );
        assert_eq!((target.connect_timeout, target.socket_timeout), (None, Some(Duration::from_secs(7))));
        assert_eq!(target.config.get_application_name(), Some("me"));
        assert_eq!(target.config.get_options(), Some("-c a=b"));
        assert_eq!(target.config.get_channel_binding(), ChannelBinding::Require);
    }

    #[test]
    fn each_way_to_ask_for_tls_has_its_meaning() {
        use SslMode::{Disable, Prefer, Require};
        use Verify::{Chain, Full, Nothing};
        for (parameters, mode, verify, notes) in [
            ("sslmode=disable", Disable, Nothing, 0),
            ("sslmode=allow", Prefer, Nothing, 1),
            ("sslmode=require", Require, Nothing, 0),
            ("sslmode=no-verify", Require, Nothing, 0),
            ("sslmode=verify-ca", Require, Chain, 0),
            ("sslmode=verify-full", Require, Full, 0),
            ("sslmode=verify-full&sslaccept=accept_invalid_certs", Require, Full, 1),
            ("sslmode=require&sslaccept=accept_invalid_certs", Require, Nothing, 0),
            ("sslmode=verify-ca&sslaccept=strict", Require, Full, 0),
            ("sslaccept=strict", Prefer, Full, 0),
            ("sslmode=require&sslcert=/ca.pem", Require, Nothing, 1),
            ("sslmode=require&sslcert=/ca.pem&sslaccept=strict", Require, Full, 0),
            ("sslmode=require&sslrootcert=/ca.pem", Require, Chain, 0),
            ("sslmode=require&sslrootcert=/ca.pem&sslaccept=accept_invalid_certs", Require, Nothing, 0),
            ("sslmode=require&sslrootcert=system", Require, Full, 0),
        ] {
            let target = with(parameters);
            assert_eq!(target.config.get_ssl_mode(), mode, "{parameters}");
            assert_eq!(target.tls.verify, verify, "{parameters}");
            assert_eq!(target.notes.len(), notes, "{parameters}: {:?}", target.notes);
            let roots =
                if parameters.contains("/ca.pem") { Roots::File("/ca.pem".into()) } else { Roots::System };
            assert_eq!(target.tls.roots, roots, "{parameters}");
        }
    }

    #[test]
    fn what_cannot_be_understood_is_refused_without_a_word_of_it() {
        for url in [
            "",
            "\"postgresql://u:s3cret@h/db\"",
            "mysql://u:s3cret@h/db",
            "u:s3cret@h/db",
            "prisma://h/?api_key=s3cret",
            "prisma+postgres://h/?api_key=s3cret",
            "postgresql://u:s3cret/1@h/db",
            "postgresql://u:12/s3cret@h/db",
            "postgresql://u:12?s3cret@h/db?schema=x",
            "postgresql://u:12#s3cret@h/db",
            "postgresql://u:s3cret@h:5432,i:5432/db",
            "postgresql://u:s3cret@h/db?connect_timeout=s3cret",
            "postgresql://u:s3cret@h/db?sslmode=s3cret",
            "postgresql://u:s3cret@h/db?sslaccept=s3cret",
            "postgresql://u:s3cret@h/db?schema=",
        ] {
            let error = parse(url).unwrap_err();
            let said = format!("{error} {error:?} {:?}", error.hint());
            assert!(!said.contains("s3cret"), "{url}: {said}");
        }
        assert_eq!(parse("prisma+postgres://h").unwrap_err(), UrlError::Service("prisma+postgres"));
        assert!(!format!("{:?}", parse(PLAIN).unwrap()).contains("s3cret"));
    }
}
