//! Why a process could not do its work, and what to do about it.

use std::time::Duration;

use camino::Utf8PathBuf;

use super::OUTPUT_LIMIT;

/// Why a process could not do its work. Texts from outside are redacted.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// There is no such program.
    #[error("{program}: no such program")]
    NotFound {
        /// What was to be run.
        program: String,
    },
    /// It could not be started, or talking to it failed.
    #[error("{program} could not be run: {source}")]
    Io {
        /// What was to be run.
        program: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The run has come to its end, and nothing is started any more.
    #[error("the run is already over")]
    Over,
    /// It did not end in time and was ended.
    #[error("{program} did not answer within {} s and was ended{}", after.as_secs(), if stderr.is_empty() { String::new() } else { format!("; it last said: {stderr}") })]
    Timeout {
        /// What was run.
        program: String,
        /// The limit.
        after: Duration,
        /// The end of what it had written to standard error.
        stderr: String,
    },
    /// It wrote more than any sane answer.
    #[error("{program} wrote more than {} MiB and was ended", OUTPUT_LIMIT >> 20)]
    TooMuchOutput {
        /// What was run.
        program: String,
    },
    /// No temporary directory could be made.
    #[error("no temporary directory in {parent}: {source}")]
    TemporaryDirectory {
        /// Where it was to be.
        parent: Utf8PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl ProcessError {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotFound { program } => Some(format!("install {program}, or put it on the PATH")),
            Self::Timeout { .. } => Some("give it more time with --timeout SECONDS".into()),
            Self::TemporaryDirectory { .. } => {
                Some("make room there, or choose another place with TMPDIR".into())
            }
            Self::Io { .. } | Self::Over | Self::TooMuchOutput { .. } => None,
        }
    }
}
