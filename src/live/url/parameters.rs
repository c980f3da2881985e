//! What stands behind the question mark.

use std::time::Duration;

use tokio_postgres::config::{ChannelBinding, Config};
use url::Url;

use super::{Target, encryption::TlsParameters, error::UrlError};

/// Prisma's defaults.
const SCHEMA: &str = "public";
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

/// What stands behind the question mark, understood.
#[derive(Default)]
pub(super) struct Parameters {
    schema: Option<String>,
    pub(super) host: Option<String>,
    connect_timeout: Option<Duration>,
    socket_timeout: Option<Duration>,
    application_name: Option<String>,
    options: Option<String>,
    channel_binding: Option<ChannelBinding>,
    tls: TlsParameters,
    notes: Vec<String>,
}

impl Parameters {
    pub(super) fn read(url: &Url) -> Result<Self, UrlError> {
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
            "sslmode" => self.tls.set_mode(&value)?,
            "sslaccept" => self.tls.set_acceptance(&value)?,
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

    pub(super) fn into_target(mut self, mut config: Config, place: String) -> Target {
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
        config.ssl_mode(self.tls.driver_mode());
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
