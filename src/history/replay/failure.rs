//! Why the history could not be applied, and where in which file.

use std::time::Duration;

use camino::Utf8PathBuf;
use tokio_postgres::error::{DbError, SqlState};

use super::{
    Target,
    place::{self, Place},
};
use crate::{config::ReplayAs, history::Migration};

/// Why the history could not be applied.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The database cannot be reached.
    #[error(transparent)]
    Server(#[from] crate::postgres::Error),
    /// Prisma's ledger cannot be made.
    #[error("the ledger _prisma_migrations could not be made: {0}")]
    Ledger(tokio_postgres::Error),
    /// One migration is at fault.
    #[error(transparent)]
    Migration(#[from] Box<Failure>),
}

/// A migration that could not be applied.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{path}{}: {what}{}", line.map(|line| format!(":{line}")).unwrap_or_default(), quoted(statement))]
pub struct Failure {
    /// The migration's name.
    pub migration: String,
    /// Its file.
    pub path: Utf8PathBuf,
    /// The line of the fault, from 1, where it is known.
    pub line: Option<usize>,
    /// PostgreSQL's five-character code, where PostgreSQL found the fault.
    pub sqlstate: Option<String>,
    /// What happened: PostgreSQL's message with its code, detail and hint, or the tool's own.
    pub what: String,
    /// The statement at fault, or the part of it around the fault; empty where it is not known.
    pub statement: String,
    /// What to do next.
    pub hint: Option<String>,
    /// Whether it may well succeed elsewhere: the fault is that of this server, or of the time it was given.
    pub may_succeed_elsewhere: bool,
}

/// Where a migration was applied: what is to be done about a failure depends on it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Site {
    /// A temporary database, as this role, with this limit.
    Temporary(ReplayAs, Duration),
    /// A live one.
    Live,
}

impl ReplayError {
    pub(super) fn new(migration: &Migration, target: Target<'_>, broken: &Broken) -> Self {
        let site = Site::Temporary(target.replay_as, target.limit);
        Self::Migration(Box::new(broken.describe(migration, site)))
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Server(error) => error.hint(),
            Self::Ledger(_) => None,
            Self::Migration(failure) => failure.hint.clone(),
        }
    }
}

/// What went wrong with one migration, as it was met.
#[derive(Debug)]
pub(crate) enum Broken {
    /// PostgreSQL refused a statement after `completed` others, or the connection broke.
    Sql { completed: usize, source: tokio_postgres::Error },
    /// It did not end in time.
    Timeout { stopped: Option<(usize, tokio_postgres::Error)>, waiting: Option<String> },
    /// It began a transaction and did not end it.
    OpenTransaction,
    /// The file holds a byte that SQL cannot hold.
    NulByte { offset: usize },
    /// It could not be recorded.
    Ledger(tokio_postgres::Error),
}

impl Broken {
    /// The same for whoever has to mend it.
    pub(crate) fn describe(&self, migration: &Migration, site: Site) -> Failure {
        let place = self.place(&migration.sql);
        let mut failure = Failure {
            migration: migration.name.clone(),
            path: migration.path.clone(),
            line: place.as_ref().map(|place| place.line),
            sqlstate: None,
            what: String::new(),
            statement: place.map(|place| place.statement).unwrap_or_default(),
            hint: None,
            may_succeed_elsewhere: matches!(self, Self::Timeout { .. }),
        };
        match self {
            Self::Sql { source, .. } => match source.as_db_error() {
                Some(error) => {
                    failure.may_succeed_elsewhere = is_of_the_server(error);
                    failure.sqlstate = Some(error.code().code().to_owned());
                    failure.what = message(error);
                    failure.hint = hint(error, migration, site);
                }
                None => {
                    (failure.what, failure.hint) = without_answer(source);
                    failure.may_succeed_elsewhere = source.is_closed();
                }
            },
            Self::Timeout { waiting, .. } => {
                let waiting = waiting.as_ref().map(|event| format!(", it was waiting for {event}"));
                failure.what =
                    format!("the migration is not done{}{}", site.limit(), waiting.unwrap_or_default());
                failure.hint = Some("give it more time with --timeout SECONDS if it is only slow".into());
            }
            Self::OpenTransaction => {
                failure.what =
                    "the migration begins a transaction and does not end it; Prisma would go on in it \
                                and lose every later migration"
                        .into();
                failure.hint =
                    Some("end it with COMMIT, or leave BEGIN out: a file is one transaction anyway".into());
            }
            Self::NulByte { .. } => {
                failure.what = "the file holds a NUL byte, which no SQL can hold".into();
                failure.hint = Some("save the file as UTF-8 text".into());
            }
            Self::Ledger(source) => {
                failure.what = format!(
                    "the migration leaves Prisma's ledger _prisma_migrations unusable: {}",
                    crate::postgres::describe(source)
                );
            }
        }
        failure
    }

    /// PostgreSQL's code, where PostgreSQL found the fault.
    pub(crate) fn code(&self) -> Option<&SqlState> {
        match self {
            Self::Sql { source, .. } | Self::Timeout { stopped: Some((_, source)), .. } => source.code(),
            _ => None,
        }
    }

    fn place(&self, sql: &str) -> Option<Place> {
        match self {
            Self::Sql { completed, source } => place::of_error(sql, *completed, source.as_db_error()),
            Self::Timeout { stopped, .. } => {
                let (completed, source) = stopped.as_ref()?;
                place::of_error(sql, *completed, source.as_db_error())
            }
            Self::NulByte { offset } => {
                Some(Place { line: place::line_of(sql, *offset), statement: String::new() })
            }
            Self::OpenTransaction | Self::Ledger(_) => None,
        }
    }
}

/// PostgreSQL's words, all of them.
fn message(error: &DbError) -> String {
    let mut text = format!("{} {}: {}", error.severity(), error.code().code(), error.message());
    for (name, more) in [("detail", error.detail()), ("hint", error.hint()), ("context", error.where_())] {
        if let Some(more) = more {
            text.push_str(&format!("\n  {name}: {}", more.replace('\n', "\n    ")));
        }
    }
    text
}

impl Site {
    fn limit(self) -> String {
        match self {
            Self::Temporary(_, limit) => format!(" after {} s", limit.as_secs()),
            Self::Live => String::new(),
        }
    }

    const fn is_live(self) -> bool {
        matches!(self, Self::Live)
    }
}

fn hint(error: &DbError, migration: &Migration, site: Site) -> Option<String> {
    let code = error.code();
    let says = |words: &str| error.message().contains(words);
    let hint = if *code == SqlState::INSUFFICIENT_PRIVILEGE
        && matches!(site, Site::Temporary(ReplayAs::Owner, _))
    {
        "the history is replayed by a role that owns the database and is no superuser; if this statement is meant \
         to need more, set replay_as = \"superuser\" in run-migration.toml"
    } else if *code == SqlState::INSUFFICIENT_PRIVILEGE && site.is_live() {
        "deploy as the role that owns these objects, or have that role grant what is missing"
    } else if *code == SqlState::LOCK_NOT_AVAILABLE {
        "another session holds a lock on what the statement needs: end it, or wait longer with --lock-timeout SECONDS"
    } else if *code == SqlState::FEATURE_NOT_SUPPORTED
        && says("extension")
        && says("is not available")
        && site.is_live()
    {
        "the server's administrator has to install the extension first"
    } else if *code == SqlState::FEATURE_NOT_SUPPORTED && says("extension") && says("is not available") {
        "install the extension into this PostgreSQL, or name one that has it with --postgres-bin DIR"
    } else if *code == SqlState::ACTIVE_SQL_TRANSACTION {
        "give the statement a migration of its own: several statements in one file are one transaction"
    } else if *code == SqlState::UNSAFE_NEW_ENUM_VALUE_USAGE {
        "add the value in a migration of its own, before the one that uses it"
    } else if *code == SqlState::UNDEFINED_OBJECT && error.message().starts_with("role ") && site.is_live() {
        "create the role first"
    } else if *code == SqlState::UNDEFINED_OBJECT && error.message().starts_with("role ") {
        "the temporary server has none of your roles: create it in the migration where it is missing (a DO block)"
    } else if migration.sql.starts_with('\u{feff}') {
        "the file begins with a byte order mark: save it as UTF-8 without one"
    } else if *code == SqlState::SYNTAX_ERROR && says("\"\\\"") {
        "commands of psql that begin with a backslash are no SQL: write them as SQL or take them out"
    } else {
        return None;
    };
    Some(hint.into())
}

/// Whether another server may well say something else: it has the extension, the role, the rights or the room.
fn is_of_the_server(error: &DbError) -> bool {
    let code = error.code();
    let says = |words: &str| error.message().contains(words);
    *code == SqlState::INSUFFICIENT_PRIVILEGE
        || *code == SqlState::FEATURE_NOT_SUPPORTED && says("extension")
        || *code == SqlState::UNDEFINED_OBJECT && error.message().starts_with("role ")
        || ["53", "57", "58", "XX"].iter().any(|class| code.code().starts_with(class))
}

/// What an error means that did not come from PostgreSQL.
fn without_answer(error: &tokio_postgres::Error) -> (String, Option<String>) {
    // The client understands everything that a simple query can be answered with, but for COPY.
    if error.to_string().contains("unexpected message") {
        let what =
            "COPY from or to the client cannot be part of a migration: there is nobody to send the data";
        return (what.into(), Some("write the rows as INSERT statements".into()));
    }
    let what = format!("the connection to the server broke: {}", crate::postgres::describe(error));
    (what, None)
}

fn quoted(statement: &str) -> String {
    if statement.is_empty() {
        return String::new();
    }
    format!("\n  statement:\n    {}", statement.replace('\n', "\n    "))
}
