//! Every stage's error, gathered: what happened, which exit code it means, and what to do next.
//!
//! A refusal is no error: it is a [`Report`](crate::report::Report). An error means that the tool could not
//! do its work, or that what was typed makes no sense.

use crate::{outcome::Outcome, redact::redact};

/// The work could not be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was typed makes no sense.
    #[error("{0}")]
    Usage(String),
    /// A failure with nothing more to know about it than its text.
    #[error("{message}")]
    Failed {
        /// What happened, naming the file or the object.
        message: String,
        /// The next step.
        hint: Option<String>,
    },
    /// Reading the configuration or finding the layout.
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
    /// Running a program.
    #[error(transparent)]
    Process(#[from] crate::process::ProcessError),
    /// The temporary PostgreSQL.
    #[error(transparent)]
    Postgres(#[from] crate::postgres::Error),
    /// Replaying the history.
    #[error(transparent)]
    Replay(#[from] crate::history::replay::ReplayError),
    /// Reading or writing a file; the text names it.
    #[error(transparent)]
    File(#[from] std::io::Error),
}

impl Error {
    /// A failure from a text.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::Failed { message: message.into(), hint: None }
    }

    /// The same with the next step. Errors that know their own hint keep it.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        match self {
            Self::Failed { message, .. } => Self::Failed { message, hint: Some(hint.into()) },
            other => other,
        }
    }

    /// How a run that met this error ended.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        match self {
            Self::Usage(_) => Outcome::UsageError,
            _ => Outcome::Failed,
        }
    }

    /// What to do next, where there is something to do.
    #[must_use]
    pub fn next_step(&self) -> Option<String> {
        match self {
            Self::Usage(_) => Some("run-migration --help".into()),
            Self::Failed { hint, .. } => hint.clone(),
            Self::Config(error) => error.hint(),
            Self::Process(error) => error.hint(),
            Self::Postgres(error) => error.hint(),
            Self::Replay(error) => error.hint(),
            Self::File(_) => None,
        }
        .map(|hint| redact(&hint))
    }

    /// The whole text, without secrets.
    #[must_use]
    pub fn text(&self) -> String {
        redact(&self.to_string())
    }
}
