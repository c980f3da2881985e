//! The catalog that a program expects, as a file: made when its image is built, read where neither Node nor a
//! parser is at hand.

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::catalog::{Catalog, Schemas};
use crate::history::History;

/// The version of the file's shape.
const VERSION: u32 = 1;

/// Larger than any; beyond it something is wrong.
const MAX_BYTES: u64 = 64 << 20;

/// The catalog that a history makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    version: u32,
    /// The history that was replayed.
    pub history: Origin,
    /// Its tables and views with their columns.
    pub tables: Catalog,
}

/// Which history a snapshot was made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// How many migrations it had.
    pub migrations: usize,
    /// The last one's name.
    pub last: Option<String>,
}

impl From<&History> for Origin {
    fn from(history: &History) -> Self {
        Self {
            migrations: history.migrations.len(),
            last: history.migrations.last().map(|migration| migration.name.clone()),
        }
    }
}

/// The file is no snapshot that this version understands.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The system says no; the text names the file.
    #[error("the snapshot cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// Too large.
    #[error("{path}: it has {bytes} bytes, more than any snapshot")]
    TooLarge {
        /// The file.
        path: Utf8PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// Of a later version.
    #[error("{path}: it is a snapshot of version {version}, this tool knows version {VERSION}")]
    Version {
        /// The file.
        path: Utf8PathBuf,
        /// Its version.
        version: u64,
    },
    /// Not a snapshot at all.
    #[error("{path}: it is no snapshot: {cause}")]
    Syntax {
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong, with line and column.
        cause: String,
    },
}

impl SnapshotError {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Version { .. } => "make it with the same version of run-migration that reads it",
            _ => "make it with `run-migration snapshot --output FILE` when the image is built",
        };
        Some(hint.to_owned())
    }
}

impl Snapshot {
    /// The snapshot of a catalog that `history` made.
    #[must_use]
    pub fn new(history: &History, tables: Catalog) -> Self {
        Self { version: VERSION, history: history.into(), tables }
    }

    /// Reads a snapshot.
    ///
    /// # Errors
    /// Where the file cannot be read, or is none of this version.
    pub fn load(path: &Utf8Path) -> Result<Self, SnapshotError> {
        let bytes = fs_err::metadata(path)?.len();
        if bytes > MAX_BYTES {
            return Err(SnapshotError::TooLarge { path: path.to_owned(), bytes });
        }
        let text = fs_err::read_to_string(path)?;
        let syntax = |error: serde_json::Error| SnapshotError::Syntax {
            path: path.to_owned(),
            cause: error.to_string(),
        };
        let value: serde_json::Value = serde_json::from_str(&text).map_err(syntax)?;
        match value.get("version").and_then(serde_json::Value::as_u64) {
            Some(version) if version > VERSION.into() => {
                Err(SnapshotError::Version { path: path.to_owned(), version })
            }
            // From the text again: its errors name line and column.
            _ => serde_json::from_str(&text).map_err(syntax),
        }
    }

    /// The file's text. The same catalog gives the same text.
    #[must_use]
    pub fn render(&self) -> String {
        // Plain maps with text for keys: there is nothing in it that JSON cannot hold.
        serde_json::to_string_pretty(self).map(|text| text + "\n").unwrap_or_default()
    }

    /// The schemas that have to be looked at where Prisma works in `home`.
    #[must_use]
    pub fn schemas(&self, home: &str) -> Schemas {
        let mut names: Vec<_> = self
            .tables
            .0
            .keys()
            .filter_map(|table| table.split_once('.'))
            .map(|(schema, _)| schema.to_owned())
            .collect();
        names.push(home.to_owned());
        names.sort();
        names.dedup();
        Schemas::Named(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Snapshot, SnapshotError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Snapshot::load(Utf8Path::from_path(file.path()).unwrap())
    }

    #[test]
    fn what_was_written_is_read() {
        let history = History { directory: "/m".into(), migrations: Vec::new() };
        let tables = serde_json::from_str(r#"{"A": {"id": "text"}, "audit.B": {}}"#).unwrap();
        let snapshot = Snapshot::new(&history, tables);
        assert_eq!(load(&snapshot.render()).unwrap(), snapshot);
        assert_eq!(snapshot.schemas("app"), Schemas::Named(vec!["app".into(), "audit".into()]));
    }

    #[test]
    fn what_is_no_snapshot_is_told_with_its_place() {
        let later = load(r#"{"version": 2, "other": true}"#).unwrap_err();
        assert!(matches!(later, SnapshotError::Version { version: 2, .. }), "{later}");
        for (text, wanted) in
            [("{", "line 1"), ("{\n\"version\": 1, \"more\": 1}", "line 2"), ("[]", "line 1")]
        {
            let error = load(text).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        }
    }
}
