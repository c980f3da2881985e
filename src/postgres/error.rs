//! Why there is no temporary PostgreSQL, and what to do about it.

use std::time::Duration;

use camino::Utf8PathBuf;

use super::{Wish, wanted::ways_out};
use crate::{
    live::{connect::DatabaseError, url::UrlError},
    process::ProcessError,
};

/// One thing that was tried in vain.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// What was tried.
    pub what: String,
    /// Why it does not serve.
    pub why: String,
}

/// Why there is no temporary PostgreSQL. Texts from outside are redacted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing that was found or could be installed serves.
    #[error("no usable PostgreSQL{}:{}", wanted(*major), list(attempts))]
    NotFound {
        /// The major that the project requires.
        major: Option<u32>,
        /// Whether `--postgres-bin` left no choice.
        named: bool,
        /// Everything that was tried.
        attempts: Vec<Attempt>,
    },
    /// No PostgreSQL has an extension that the history installs.
    #[error("the project installs the extension {} ({}:{}), and no PostgreSQL here has it:{}", wish.name, wish.path, wish.line, list(attempts))]
    Extension {
        /// The extension, and where it is wanted.
        wish: Box<Wish>,
        /// Everything that was tried.
        attempts: Vec<Attempt>,
    },
    /// The server of `--server-url` lacks a role that the history names, and no role is made there.
    #[error("the history names the role {} ({}:{}), and {place} has none of that name", wish.name, wish.path, wish.line)]
    Role {
        /// The role, and where it is named.
        wish: Box<Wish>,
        /// The server.
        place: String,
    },
    /// The server of `--server-url` is of another version than the project requires.
    #[error("{place} is PostgreSQL {found}, and {}", required(*major))]
    Major {
        /// The server.
        place: String,
        /// Its major.
        found: u32,
        /// The one that the project requires.
        major: Option<u32>,
    },
    /// The role of `--server-url` may not make databases.
    #[error("the role {role} may not create a database on {place}")]
    MayNotCreate {
        /// The role.
        role: String,
        /// The server.
        place: String,
    },
    /// `--server-url` is no URL of a server.
    #[error("--server-url: {0}")]
    Url(#[from] UrlError),
    /// The server of `--server-url` does not answer.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// PostgreSQL may not run as root, and root may not become anybody else here.
    #[error("nobody can run the temporary server here:{}", list(attempts))]
    NoAccount {
        /// Everything that was tried.
        attempts: Vec<Attempt>,
    },
    /// No directory can hold the server's files.
    #[error("no directory for the temporary server:{}", list(attempts))]
    NoWorkDirectory {
        /// Every directory that was considered.
        attempts: Vec<Attempt>,
    },
    /// `initdb` failed.
    #[error("initdb failed ({ended}): {message}")]
    Initdb {
        /// How it ended.
        ended: String,
        /// What it said.
        message: String,
    },
    /// The server ended before it was ready.
    #[error("the temporary server did not start ({ended}): {log}")]
    Start {
        /// How it ended.
        ended: String,
        /// The end of its log.
        log: String,
    },
    /// The server was not ready in time.
    #[error("the temporary server was not ready after {} s: {last}; its log: {log}", after.as_secs())]
    NotReady {
        /// The limit.
        after: Duration,
        /// Why the last attempt to connect failed.
        last: String,
        /// The end of its log.
        log: String,
    },
    /// The server refused something that the tool needs.
    #[error("the temporary server could not {what}: {}", describe(source))]
    Query {
        /// What was asked.
        what: String,
        /// What it answered.
        source: tokio_postgres::Error,
    },
    /// The server did not answer in time.
    #[error("the temporary server did not {what} within {} s", after.as_secs())]
    NoAnswer {
        /// What was asked.
        what: String,
        /// The limit.
        after: Duration,
    },
    /// A program could not be run.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: Utf8PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Error {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotFound { named: true, .. } => Some(
                "name the directory that holds initdb and postgres, or leave --postgres-bin out to have one found".into(),
            ),
            Self::NotFound { major, .. } => {
                let version = major.map_or_else(String::new, |major| format!("-{major}"));
                Some(format!(
                    "install PostgreSQL (such as `apt-get install postgresql{version}`), or name the directory of \
                     initdb and postgres with --postgres-bin DIR, or make npm work here (it can install one by itself)"
                ))
            }
            Self::Extension { wish, .. } => Some(ways_out(wish)),
            Self::Role { wish, .. } => Some(format!(
                "create it there (CREATE ROLE \"{}\" NOLOGIN), or leave --server-url out: a server of the tool's own gets it by itself",
                wish.name
            )),
            Self::Major { .. } => Some("name a server of that version, or leave --server-url out".into()),
            Self::MayNotCreate { .. } => Some(
                "name a role that may, on a disposable server: the tool makes databases of its own there and touches no other".into(),
            ),
            Self::Url(UrlError::Missing) => None,
            Self::Url(error) => error.hint(),
            Self::Database(error) => error.hint(),
            Self::NoAccount { .. } => Some(
                "run the tool as a user with an entry in /etc/passwd who is not root, or let root change users (in a \
                 container: the capabilities SETUID and SETGID)"
                    .into(),
            ),
            Self::NoWorkDirectory { .. } => {
                Some("name one with a short path and 512 MB free in RUN_MIGRATION_WORK_DIR".into())
            }
            Self::NotReady { .. } | Self::NoAnswer { .. } => Some("give it more time with --timeout SECONDS".into()),
            Self::Process(error) => error.hint(),
            Self::Initdb { .. } | Self::Start { .. } => {
                Some("try another PostgreSQL with --postgres-bin DIR, or another directory with RUN_MIGRATION_WORK_DIR".into())
            }
            Self::Query { .. } | Self::File { .. } => None,
        }
    }
}

/// How much of the server's log a message shows.
const LOG_TAIL: usize = 2000;

/// The end of a text, from the beginning of a line.
pub(super) fn tail(text: &str) -> String {
    let mut start = text.len().saturating_sub(LOG_TAIL);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    let end = &text[start..];
    match end.find('\n') {
        Some(line) if start > 0 => end[line + 1..].to_owned(),
        _ => end.to_owned(),
    }
}

fn required(major: Option<u32>) -> String {
    match major {
        Some(major) => format!("the project requires {major}"),
        None => format!("the oldest that serves is {}", super::OLDEST_MAJOR),
    }
}

fn wanted(major: Option<u32>) -> String {
    match major {
        Some(major) => format!(" {major}"),
        None => format!(" (version {} or newer)", super::OLDEST_MAJOR),
    }
}

fn list(attempts: &[Attempt]) -> String {
    attempts.iter().map(|Attempt { what, why }| format!("\n  {what}: {why}")).collect()
}

/// What the server answered, in its own words where it spoke at all.
pub(crate) fn describe(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(db) => format!("{} (SQLSTATE {})", db.message(), db.code().code()),
        None => match std::error::Error::source(error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
    }
}
