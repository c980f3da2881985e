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
    /// Asking git.
    #[error(transparent)]
    Git(#[from] crate::git::Error),
    /// Asking whether the branch is up to date.
    #[error(transparent)]
    Freshness(#[from] crate::freshness::Error),
    /// Comparing the schema with its copies.
    #[error(transparent)]
    Schema(#[from] crate::schema_files::SchemaError),
    /// Writing the schema's copies.
    #[error(transparent)]
    Sync(#[from] crate::schema_files::SyncError),
    /// Reading the history.
    #[error(transparent)]
    History(#[from] crate::history::load::LoadError),
    /// Naming the new migration.
    #[error(transparent)]
    Name(#[from] crate::history::name::NameError),
    /// Placing the new migration after the others.
    #[error(transparent)]
    Order(#[from] crate::history::name::NothingSortsAfter),
    /// Writing the new migration.
    #[error(transparent)]
    Write(#[from] crate::history::write::WriteError),
    /// Making workflows.
    #[error(transparent)]
    Workflow(#[from] crate::workflows::WorkflowError),
    /// Asking Prisma.
    #[error(transparent)]
    Prisma(#[from] crate::prisma::Error),
    /// Running a program.
    #[error(transparent)]
    Process(#[from] crate::process::ProcessError),
    /// The temporary PostgreSQL.
    #[error(transparent)]
    Postgres(#[from] crate::postgres::Error),
    /// Objects outside Prisma's model.
    #[error(transparent)]
    External(#[from] crate::external::ExternalError),
    /// Proving what a migration does.
    #[error(transparent)]
    Proof(#[from] crate::guard::proof::ProofError),
    /// A migration that would not do its job.
    #[error(transparent)]
    Converged(#[from] crate::guard::convergence::NotConverged),
    /// A rename that was asked for.
    #[error(transparent)]
    Rename(#[from] crate::guard::renames::RenameError),
    /// Finding the way back from a migration.
    #[error(transparent)]
    Back(#[from] crate::back::BackError),
    /// A name that is no migration's.
    #[error(transparent)]
    NoSuchMigration(#[from] crate::history::NoSuchMigration),
    /// Replaying the history.
    #[error(transparent)]
    Replay(#[from] crate::history::replay::ReplayError),
    /// Reading a database's URL.
    #[error(transparent)]
    Url(#[from] crate::live::url::UrlError),
    /// Asking a database.
    #[error(transparent)]
    Database(#[from] crate::live::connect::DatabaseError),
    /// Changing a database.
    #[error(transparent)]
    Deploy(#[from] crate::deploy::DeployError),
    /// Finding the history that a database should have.
    #[error(transparent)]
    Expected(#[from] crate::live::expected::ExpectedError),
    /// Reading the catalog that a database should have.
    #[error(transparent)]
    Snapshot(#[from] crate::live::snapshot::SnapshotError),
    /// Reading a release.
    #[error(transparent)]
    Release(#[from] crate::release::source::SourceError),
    /// Reading or writing a file; the text names it.
    #[error(transparent)]
    File(#[from] std::io::Error),
}

impl From<crate::git::NameError> for Error {
    fn from(error: crate::git::NameError) -> Self {
        Self::Usage(error.to_string())
    }
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
            Self::Usage(_) | Self::Name(_) | Self::Rename(_) => Outcome::UsageError,
            Self::Config(error) if error.is_usage() => Outcome::UsageError,
            _ => Outcome::Failed,
        }
    }

    /// What to do next, where there is something to do.
    #[must_use]
    pub fn next_step(&self) -> Option<String> {
        match self {
            Self::Usage(_) | Self::Name(_) | Self::Rename(_) => Some("run-migration --help".into()),
            Self::Failed { hint, .. } => hint.clone(),
            Self::Config(error) => error.hint(),
            Self::Git(error) => error.hint(),
            Self::Freshness(error) => error.hint(),
            Self::Schema(error) => error.hint(),
            Self::Order(error) => Some(format!(
                "rename {:?} so that it begins with a UTC time stamp (YYYYMMDDHHMMSS_name), if it is not applied anywhere yet",
                error.0
            )),
            Self::Workflow(error) => error.hint(),
            Self::Prisma(error) => error.hint(),
            Self::Process(error) => error.hint(),
            Self::Postgres(error) => error.hint(),
            Self::External(error) => error.hint(),
            Self::Proof(error) => error.hint(),
            Self::Converged(_) => Some(
                "change the schema or the SQL so that they agree, or name what is built elsewhere under [external] in \
                 run-migration.toml"
                    .into(),
            ),
            Self::Replay(error) => error.hint(),
            Self::Back(error) => error.hint(),
            Self::NoSuchMigration(_) => Some("name it by its directory".into()),
            Self::Url(error) => error.hint(),
            Self::Database(error) => error.hint(),
            Self::Deploy(error) => error.hint(),
            Self::Expected(error) => error.hint(),
            Self::Snapshot(error) => error.hint(),
            Self::Release(error) => error.hint(),
            Self::Sync(_) | Self::History(_) | Self::Write(_) | Self::File(_) => None,
        }
        .map(|hint| redact(&hint))
    }

    /// The whole text, without secrets.
    #[must_use]
    pub fn text(&self) -> String {
        redact(&self.to_string())
    }
}
