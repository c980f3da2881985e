//! What can be typed about a database that is not ours.

use std::{net::SocketAddr, str::FromStr, time::Duration};

use camino::Utf8PathBuf;
use clap::Args;

/// Which database, and what it should have.
#[derive(Debug, Clone, Default, Args)]
pub struct DatabaseArgs {
    /// The database, in Prisma's dialect of URLs [default: $DATABASE_URL]
    #[arg(long, value_name = "URL", env = "RUN_MIGRATION_DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<Secret>,
    /// The migrations that it should have: a directory, a wheel, or python:NAME of an installed package
    /// [default: the repository's]
    #[arg(long, value_name = "SOURCE", env = "RUN_MIGRATION_MIGRATIONS")]
    pub migrations: Option<String>,
}

/// Options of `status`.
#[derive(Debug, Clone, Default, Args)]
pub struct StatusArgs {
    /// Which database.
    #[command(flatten)]
    pub database: DatabaseArgs,
}

/// Options of `ready`.
#[derive(Debug, Clone, Default, Args)]
pub struct ReadyArgs {
    /// Which database.
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// Also name the tables and columns that the code expects and the database lacks, by the file that
    /// `run-migration snapshot` made
    #[arg(long, value_name = "FILE", env = "RUN_MIGRATION_SNAPSHOT")]
    pub snapshot: Option<Utf8PathBuf>,
    /// Refuse what is only warned about: a database that is ahead of the code, edited or not managed
    #[arg(long)]
    pub strict: bool,
    /// Say what is wrong as CRITICAL and end with 0 all the same: never block a start
    #[arg(long, conflicts_with_all = ["strict", "listen"])]
    pub advisory: bool,
    /// Answer probes over HTTP until SIGTERM: /health, /health/ready and /metrics. A port alone means
    /// 127.0.0.1
    #[arg(long, value_name = "ADDR", value_parser = listen_address)]
    pub listen: Option<SocketAddr>,
    /// How often the database is asked, in seconds, however many probes come
    #[arg(long, value_name = "SECONDS", value_parser = interval, default_value = "1", requires = "listen")]
    pub interval: Option<Duration>,
}

/// Options of `snapshot`.
#[derive(Debug, Clone, Default, Args)]
pub struct SnapshotArgs {
    /// The migrations to replay: a directory, a wheel, or python:NAME of an installed package
    /// [default: the repository's]
    #[arg(long, value_name = "SOURCE", env = "RUN_MIGRATION_MIGRATIONS")]
    pub migrations: Option<String>,
    /// Where to write the snapshot [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<Utf8PathBuf>,
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text, for whoever needs it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

/// `8080` and `:8080` mean the loopback interface; anything else says where it listens.
fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let port = text.strip_prefix(':').unwrap_or(text);
    if let Ok(port) = port.parse::<u16>() {
        return Ok(SocketAddr::from(([127, 0, 0, 1], port)));
    }
    let named = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    named
        .as_deref()
        .unwrap_or(text)
        .parse()
        .map_err(|_| "a port, or ADDRESS:PORT such as 0.0.0.0:8080".to_owned())
}

fn interval(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "a number of seconds".to_owned())?;
    if !(0.1..=3600.0).contains(&seconds) {
        return Err("from 0.1 to 3600 seconds".to_owned());
    }
    Ok(Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_listens_on_loopback() {
        for (text, wanted) in [
            ("8080", "127.0.0.1:8080"),
            (":0", "127.0.0.1:0"),
            ("localhost:80", "127.0.0.1:80"),
            ("0.0.0.0:8080", "0.0.0.0:8080"),
            ("[::]:8080", "[::]:8080"),
        ] {
            assert_eq!(listen_address(text), Ok(wanted.parse().unwrap()), "{text}");
        }
        for text in ["", "x", "host:80", "70000", "1.2.3.4"] {
            assert!(listen_address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_interval_is_neither_nothing_nor_for_ever() {
        assert_eq!(interval("0.5"), Ok(Duration::from_millis(500)));
        for text in ["0", "-1", "NaN", "inf", "1e9", "soon"] {
            assert!(interval(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        let args = DatabaseArgs { database_url: Some(Secret("hunter2".into())), migrations: None };
        assert!(!format!("{args:?}").contains("hunter2"));
    }
}
