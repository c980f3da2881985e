//! Why a database could not be changed.

use std::time::Duration;

use tokio_postgres::error::SqlState;

use super::lock::Holder;
use crate::live::connect::DatabaseError;

/// Why a database could not be changed. Nothing was changed by what failed so, unless the text says it.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// It cannot be reached, or says no.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A pooler hands its sessions out anew for every transaction: no lock of a session holds there.
    #[error("{place} is a pooler in transaction mode: a session there is nobody's own, and so is its lock")]
    Pooler {
        /// The database.
        place: String,
    },
    /// The database is not there, and cannot be made.
    #[error(
        "there is no database {name} at {server}, and it cannot be made: {}",
        crate::postgres::describe(source)
    )]
    Creation {
        /// Its name.
        name: String,
        /// The server.
        server: String,
        /// PostgreSQL's answer.
        source: tokio_postgres::Error,
    },
    /// A replica, which cannot be written to.
    #[error("{place} is a standby, which only reads")]
    Standby {
        /// The database.
        place: String,
    },
    /// Somebody else held Prisma's lock all the time.
    #[error("Prisma's advisory lock was not free within {} s: {}", after.as_secs(), held_by(holder.as_ref()))]
    Locked {
        /// How long it was waited for.
        after: Duration,
        /// Who held it at the end.
        holder: Option<Holder>,
    },
    /// Its catalog cannot be read.
    #[error(transparent)]
    Catalog(crate::catalog::CatalogError),
    /// What is about to be destroyed cannot be copied out.
    #[error(transparent)]
    Backup(#[from] super::backup::BackupError),
    /// The connection broke while a migration ran.
    #[error("the connection broke while {migration} was applied: {cause}")]
    BrokenOff {
        /// The migration.
        migration: String,
        /// What the system said.
        cause: String,
    },
    /// A migration released the lock that everything rests on.
    #[error(
        "{migration} is applied and recorded, and it released Prisma's advisory lock: nothing more is applied"
    )]
    LetGo {
        /// The migration.
        migration: String,
    },
    /// The ledger could not be made, read or written.
    #[error("the ledger _prisma_migrations could not be {what}: {}", crate::postgres::describe(source))]
    Ledger {
        /// What was tried: `written`, say.
        what: &'static str,
        /// PostgreSQL's answer.
        source: tokio_postgres::Error,
    },
}

fn held_by(holder: Option<&Holder>) -> String {
    holder.map_or_else(|| "nobody can be seen to hold it".to_owned(), |holder| format!("{holder} holds it"))
}

impl DeployError {
    /// Whether the server is there and has no such database.
    #[must_use]
    pub fn is_no_database(&self) -> bool {
        matches!(self, Self::Database(error) if error.is(&SqlState::INVALID_CATALOG_NAME))
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Database(error) => return error.hint(),
            Self::Catalog(_) => {
                "where another session holds a lock on a table for long, end it, or wait longer with --lock-timeout"
            }
            Self::Pooler { .. } => {
                "name the database itself, past the pooler, in DIRECT_URL or with --database-url; a pooler in session \
                 mode will do"
            }
            Self::Creation { .. } => {
                "have it made for this role, with CREATE DATABASE ... OWNER ..., or give the role CREATEDB; where it is there \
                 under another name, the URL's path names it"
            }
            Self::Standby { .. } => "name the primary in DIRECT_URL or with --database-url",
            Self::Locked { .. } => {
                "another deployment is at work: let it finish, or wait longer with --lock-timeout SECONDS; where that \
                 session is a dead one, a human ends it with SELECT pg_terminate_backend(PID)"
            }
            Self::BrokenOff { .. } => {
                "run the same again: it finds out what became of the migration, and goes on or says what has to be \
                 decided"
            }
            Self::Backup(_) => {
                "nothing of that migration was applied; the role must be able to read the whole table, and the directory \
                 must be writable"
            }
            Self::LetGo { .. } => "run the same again for what is left",
            Self::Ledger { .. } => {
                "the role needs CREATE on the schema where the ledger is new, and SELECT, INSERT and UPDATE on the \
                 table _prisma_migrations"
            }
        };
        Some(hint.to_owned())
    }
}
