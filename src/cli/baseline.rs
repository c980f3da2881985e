//! What can be typed about telling a database what it has already.

use std::time::Duration;

use clap::Args;

use super::deploy::{DirectArgs, seconds};

/// Options of `baseline`.
#[derive(Debug, Clone, Default, Args)]
pub struct BaselineArgs {
    /// Which database.
    #[command(flatten)]
    pub database: DirectArgs,
    /// Mark the migrations up to this one; the others are deployed afterwards
    #[arg(long, value_name = "MIGRATION")]
    pub up_to: Option<String>,
    /// Prove it, say what would be marked, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How long another deployment is waited for
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub lock_timeout: Duration,
}

/// Options of `resolve`.
#[derive(Debug, Clone, Default, Args)]
pub struct ResolveArgs {
    /// The migration
    #[arg(value_name = "MIGRATION")]
    pub name: String,
    /// Which database.
    #[command(flatten)]
    pub database: DirectArgs,
    /// It is there: record it as applied, after proving that the database has what it makes
    #[arg(long, required_unless_present = "rolled_back", conflicts_with = "rolled_back")]
    pub applied: bool,
    /// Nothing of it is there: record it as rolled back, so that it is applied again
    #[arg(long)]
    pub rolled_back: bool,
    /// Record it as applied without the proof. A human's decision
    #[arg(long, requires = "reason", conflicts_with = "rolled_back")]
    pub force: bool,
    /// Why the proof is left out
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// How long another deployment is waited for
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub lock_timeout: Duration,
}
