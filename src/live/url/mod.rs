//! Prisma's dialect of database URLs, which tokio-postgres does not speak.
//!
//! ```text
//! parameters  what stands behind the question mark
//! encryption  what of that is about TLS, in whichever dialect
//! error       what cannot be understood
//! ```
//!
//! No message made here holds a value from the URL: any part of it may be a piece of a password that somebody
//! forgot to percent-encode.

mod encryption;
mod error;
mod parameters;

use std::time::Duration;

use tokio_postgres::config::{Config, SslMode};
use url::Url;

pub use self::error::UrlError;
use self::parameters::Parameters;
use super::tls::Policy;

/// Prisma's defaults.
const DATABASE: &str = "postgres";
const PORT: u16 = 5432;

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

#[cfg(test)]
mod tests {
    use tokio_postgres::config::{ChannelBinding, Host};

    use super::{
        super::tls::{Roots, Verify},
        *,
    };

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
