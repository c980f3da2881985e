//! What can be typed about changing a database.

use std::time::Duration;

use camino::Utf8PathBuf;
use clap::Args;

use super::{consent::ConsentArgs, live::Secret};

/// Which database, past any pooler, and what it should have.
#[derive(Debug, Clone, Default, Args)]
pub struct DirectArgs {
    /// The database itself, past any pooler, in Prisma's dialect of URLs [default: $DIRECT_URL, else $DATABASE_URL]
    #[arg(long, value_name = "URL", env = "RUN_MIGRATION_DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<Secret>,
    /// The migrations that it should have: a directory, a wheel, or python:NAME of an installed package
    /// [default: the repository's]
    #[arg(long, value_name = "SOURCE", env = "RUN_MIGRATION_MIGRATIONS")]
    pub migrations: Option<String>,
}

/// Options of `preflight`.
#[derive(Debug, Clone, Default, Args)]
pub struct PreflightArgs {
    /// Which database.
    #[command(flatten)]
    pub database: DirectArgs,
    /// What is allowed.
    #[command(flatten)]
    pub consent: ConsentArgs,
}

/// Options of `deploy`.
#[derive(Debug, Clone, Default, Args)]
pub struct DeployArgs {
    /// Which database.
    #[command(flatten)]
    pub database: DirectArgs,
    /// What is allowed.
    #[command(flatten)]
    pub consent: ConsentArgs,
    /// Leave preflight out: for images without a PostgreSQL of their own. What destroys something is refused all the
    /// same
    #[arg(long)]
    pub skip_preflight: bool,
    /// Say what would be applied, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How long another deployment is waited for, and how long a statement waits for a lock
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub lock_timeout: Duration,
    /// How long one statement may take [default: the server's own limit]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub statement_timeout: Option<Duration>,
    /// Copy out first what an allowed migration destroys, into a new directory within this one, with the command that
    /// brings it back
    #[arg(long, value_name = "DIR")]
    pub backup: Option<Utf8PathBuf>,
}

/// PostgreSQL takes 0 for no limit at all, which is not what anybody means here.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.001..=604_800.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("a number of seconds, from 0.001 to 604800".to_owned()),
    }
}
