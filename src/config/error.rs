//! Why there is no project to work on.

use camino::Utf8PathBuf;

use super::FILE_NAME;

/// Why there is no project to work on.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// `--repo` names no directory.
    #[error("{path}: no such directory")]
    NoDirectory {
        /// What was named.
        path: Utf8PathBuf,
    },
    /// Nothing looks like a Prisma project.
    #[error("no Prisma project found in {}", list(searched))]
    NoLayout {
        /// The directories that were looked at.
        searched: Vec<Utf8PathBuf>,
    },
    /// Only the file that `--untrusted` leaves aside says where things are.
    #[error("{path} says where the project's files are, and was not read: --untrusted")]
    Untrusted {
        /// The file.
        path: Utf8PathBuf,
    },
    /// Several projects may be meant.
    #[error("{path} has several projects: {}", names.join(", "))]
    Several {
        /// The configuration.
        path: Utf8PathBuf,
        /// Their names.
        names: Vec<String>,
    },
    /// `--project` names none.
    #[error("there is no project {name:?}{}", if names.is_empty() { String::new() } else { format!(": there are {}", names.join(", ")) })]
    NoProject {
        /// What was named.
        name: String,
        /// Those that there are.
        names: Vec<String>,
    },
    /// The project's own prisma.config.* cannot be read.
    #[error(transparent)]
    Prisma(#[from] Box<crate::prisma::Error>),
    /// The file cannot be read.
    #[error("the configuration cannot be read: {source}")]
    Unreadable {
        /// The file.
        path: Utf8PathBuf,
        /// What the system said; it names the file.
        source: std::io::Error,
    },
    /// The file is no TOML, or has a key or a type that is not understood.
    #[error("{path}:{line}: {message}")]
    Syntax {
        /// The file.
        path: Utf8PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// A value that makes no sense.
    #[error("{path}: {key} = {value:?} is not {wanted}")]
    Value {
        /// The file.
        path: Utf8PathBuf,
        /// The key.
        key: &'static str,
        /// What it holds.
        value: String,
        /// What it may hold.
        wanted: &'static str,
    },
}

impl ConfigError {
    /// Whether what was typed is at fault, and nothing else.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        matches!(self, Self::Several { .. } | Self::NoProject { .. })
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoLayout { .. } => Some(format!(
                "change into the repository or name it with --repo DIR; where its files have other places, write \
                 them into {FILE_NAME} (schema = \"...\", migrations = \"...\")"
            )),
            Self::Untrusted { .. } => Some(format!("name schema and migrations in {FILE_NAME}")),
            Self::Several { .. } => Some("name one with --project NAME, or change into its directory".into()),
            Self::NoProject { .. } => Some(format!("the names are those of [[project]] in {FILE_NAME}")),
            Self::Prisma(error) => error.hint(),
            Self::NoDirectory { .. } => Some("name the repository's root with --repo DIR".into()),
            _ => None,
        }
    }
}

fn list(paths: &[Utf8PathBuf]) -> String {
    paths.iter().map(|path| path.as_str()).collect::<Vec<_>>().join(", ")
}
