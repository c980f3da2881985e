//! The migration history.

pub mod order;
pub mod replay;

use camino::Utf8PathBuf;

/// One migration.
#[derive(Debug, Clone)]
pub struct Migration {
    /// The directory's name.
    pub name: String,
    /// The `migration.sql`.
    pub path: Utf8PathBuf,
    /// What it holds.
    pub sql: String,
    /// Lower-case hex SHA-256 of the file.
    pub checksum: String,
}

/// A migrations directory.
#[derive(Debug, Clone)]
pub struct History {
    /// Where it is.
    pub directory: Utf8PathBuf,
    /// In byte order of their names.
    pub migrations: Vec<Migration>,
}
