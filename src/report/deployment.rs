//! What became of a deployment, as data.

use camino::Utf8PathBuf;
use serde::Serialize;

/// What was applied to a database, or would be.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Deployment {
    /// The migrations that were applied, in order.
    pub applied: Vec<Done>,
    /// The one that was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<Broken>,
    /// Those that are still to be applied, in order.
    pub pending: Vec<String>,
    /// Migrations of which an earlier attempt broke off and left nothing behind: it was recorded as rolled back.
    pub broken_off: Vec<String>,
    /// What was copied out before it was destroyed.
    pub backups: Vec<Backup>,
}

/// A migration that was applied.
#[derive(Debug, Clone, Serialize)]
pub struct Done {
    /// Its name.
    pub name: String,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// A migration that could not be applied.
#[derive(Debug, Clone, Serialize)]
pub struct Broken {
    /// Its name.
    pub name: String,
    /// PostgreSQL's code, where PostgreSQL found the fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sqlstate: Option<String>,
    /// What happened.
    pub error: String,
    /// Recorded as rolled back, so that the next deployment tries it again; else it is recorded as failed.
    pub rolled_back: bool,
}

/// What was copied out before a migration.
#[derive(Debug, Clone, Serialize)]
pub struct Backup {
    /// The migration.
    pub migration: String,
    /// The directory with the copies and their manifest.
    pub directory: Utf8PathBuf,
    /// The command that brings them back.
    pub restore: String,
}
