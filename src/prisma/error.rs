//! Why Prisma's answer could not be had.

use std::time::Duration;

use camino::Utf8PathBuf;

use crate::process::ProcessError;

/// Why Prisma's answer could not be had. Texts from outside are redacted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What `--prisma` names is no Prisma CLI.
    #[error("{path}: {problem}")]
    NoCli {
        /// What was named.
        path: Utf8PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A program that is needed is not on the PATH.
    #[error("{program} is not on the PATH; {purpose}")]
    Missing {
        /// The program.
        program: &'static str,
        /// What it is needed for.
        purpose: String,
    },
    /// Node.js is older than the CLI or the engine can bear.
    #[error("Node.js {found} ({path}) is too old: {needs} needs {minimum} or newer")]
    NodeTooOld {
        /// The version that was found.
        found: String,
        /// Where it is.
        path: Utf8PathBuf,
        /// What needs a newer one.
        needs: String,
        /// The oldest that will do.
        minimum: String,
    },
    /// The CLI did not say which version it is.
    #[error("{path} does not tell its version{}", if said.is_empty() { String::new() } else { format!("; it said: {said}") })]
    NoVersion {
        /// The CLI.
        path: Utf8PathBuf,
        /// What it said instead.
        said: String,
    },
    /// A Prisma that this tool does not know.
    #[error("Prisma {version} ({path}) is not supported: majors 5, 6 and 7 are")]
    Unsupported {
        /// Its version.
        version: semver::Version,
        /// Where it is.
        path: Utf8PathBuf,
    },
    /// `PRISMA_SCHEMA_ENGINE_BINARY` names nothing.
    #[error("PRISMA_SCHEMA_ENGINE_BINARY names {path}, which is no file")]
    NoEngine {
        /// What it names.
        path: Utf8PathBuf,
    },
    /// It is not installed, and was not to be.
    #[error("{what} is not installed yet: the first run that needs it installs it with npm")]
    NotInstalled {
        /// What is not there.
        what: String,
    },
    /// npm could not install what is needed.
    #[error("npm could not install {what}: {said}")]
    Install {
        /// What was to be installed.
        what: String,
        /// The end of what npm said.
        said: String,
    },
    /// Another run is installing, and does not come to an end.
    #[error("another run has been installing {what} for more than {} s (lock: {lock})", after.as_secs())]
    Locked {
        /// What is being installed.
        what: String,
        /// The lock's file.
        lock: Utf8PathBuf,
        /// How long was waited.
        after: Duration,
    },
    /// The schema cannot be read, or is none.
    #[error("the schema cannot be read: {0}")]
    Unreadable(std::io::Error),
    /// There is no schema where there should be one.
    #[error("{path}: {problem}")]
    NoSchema {
        /// Where it was looked for.
        path: Utf8PathBuf,
        /// What is wrong.
        problem: &'static str,
    },
    /// The schema is for another kind of database.
    #[error("{path}:{line}: the provider is \"{provider}\"; only postgresql is supported")]
    Provider {
        /// The schema's file.
        path: Utf8PathBuf,
        /// The line of the provider, from 1.
        line: usize,
        /// What stands there.
        provider: String,
    },
    /// A folder of schema files is more than this CLI takes.
    #[error("{path} is a folder, which Prisma {version} cannot read: 5.15 or newer can")]
    SchemaFolder {
        /// The folder.
        path: Utf8PathBuf,
        /// The CLI's version.
        version: semver::Version,
    },
    /// The project's own configuration cannot be evaluated.
    #[error("{path} cannot be read: {said}")]
    Config {
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong.
        said: String,
    },
    /// Prisma finds mistakes in the schema.
    #[error("the schema is not valid\n{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Schema {
        /// The mistakes, in the schema's order.
        problems: Vec<Problem>,
    },
    /// The CLI failed.
    #[error("prisma migrate diff failed ({ended}): {said}")]
    Failed {
        /// How it ended.
        ended: String,
        /// What it said.
        said: String,
    },
    /// The CLI did not come to an end.
    #[error("{what} did not answer within {} s and was ended", after.as_secs())]
    Timeout {
        /// What was asked.
        what: String,
        /// The limit.
        after: Duration,
    },
    /// The CLI answered something that is no script.
    #[error("prisma migrate diff answered something that is no SQL script: {start}")]
    NoScript {
        /// How the answer begins.
        start: String,
    },
    /// A program could not be run.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A file of ours could not be read or written.
    #[error(transparent)]
    File(#[from] std::io::Error),
}

/// A mistake in the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The schema's file, in the repository.
    pub path: Utf8PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub message: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}: {}", self.path, self.line, self.message)
    }
}

impl Error {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoCli { .. } => "name Prisma's package (node_modules/prisma), its build/index.js or a prisma \
                                   program with --prisma PATH"
                .into(),
            Self::Missing { program: "node" | "npm", .. } => {
                "install Node.js with npm (20.19 or newer), or put its directory on the PATH".into()
            }
            Self::Missing { .. } => return None,
            Self::NodeTooOld { minimum, .. } => {
                format!("put Node.js {minimum} or newer first on the PATH")
            }
            Self::NoVersion { path, .. } => {
                format!("see that `{path} --version` works, or name another Prisma CLI with --prisma PATH")
            }
            Self::Unsupported { version, .. } if version.major >= 8 => {
                "install Prisma 7 in the project (npm install --save-dev prisma@7), or name one with --prisma PATH"
                    .into()
            }
            Self::Unsupported { .. } => {
                "install Prisma 5 or newer in the project, or name one with --prisma PATH".into()
            }
            Self::NoEngine { .. } => {
                "unset PRISMA_SCHEMA_ENGINE_BINARY, or let it name the schema-engine program".into()
            }
            Self::NotInstalled { .. } => "any run of the main job installs it".into(),
            Self::Install { .. } => "check that npm reaches its registry (npm ping), and run again; without a \
                                     network, name the project's own Prisma with --prisma PATH and its engine with \
                                     PRISMA_SCHEMA_ENGINE_BINARY"
                .into(),
            Self::Locked { .. } => "wait for it, or end it and run again".into(),
            Self::Timeout { .. } => "give it more time with --timeout SECONDS".into(),
            Self::SchemaFolder { .. } => "upgrade Prisma to 5.15 or newer".into(),
            Self::Config { .. } => "see that Prisma is installed in the project (npm ci) and can read it; or leave it aside \
                                    with --untrusted, and name schema and migrations in run-migration.toml"
                .into(),
            Self::Schema { .. } => "mend the schema, then run again".into(),
            Self::NoScript { .. } => {
                "if a wrapper stands before Prisma, name the real CLI with --prisma node_modules/prisma".into()
            }
            Self::Process(error) => return error.hint(),
            Self::Unreadable(_)
            | Self::NoSchema { .. }
            | Self::Provider { .. }
            | Self::Failed { .. }
            | Self::File(_) => return None,
        })
    }
}
