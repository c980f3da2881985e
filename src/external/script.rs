//! SQL that a project runs beside its migrations.

use std::ops::Range;

use camino::{Utf8Path, Utf8PathBuf};
use tokio_postgres::{Client, error::SqlState};

use crate::{
    catalog::{CatalogError, quoted},
    history::replay::statements,
    postgres::{self, Role},
};

/// A script and where it comes from.
#[derive(Debug, Clone)]
pub(super) struct Script {
    /// Its file; `None` for what is built in.
    path: Option<Utf8PathBuf>,
    sql: String,
}

/// What is outside Prisma's model could not be put in its place.
#[derive(Debug, thiserror::Error)]
pub enum ExternalError {
    /// A file could not be read.
    #[error(transparent)]
    File(#[from] std::io::Error),
    /// A statement failed.
    #[error("{place}: {message}\n  statement:\n    {statement}")]
    Statement {
        /// The file and the line.
        place: String,
        /// PostgreSQL's message with its code.
        message: String,
        /// The statement.
        statement: String,
    },
    /// A kept object cannot be taken away.
    #[error(
        "{kept} cannot be kept: something that is not kept depends on it: {}",
        postgres::describe(source)
    )]
    Hide {
        /// What is kept.
        kept: String,
        /// What PostgreSQL said.
        source: tokio_postgres::Error,
    },
    /// The catalog could not be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The temporary server failed.
    #[error(transparent)]
    Server(#[from] postgres::Error),
    /// The connection broke.
    #[error("the connection to the temporary server broke: {}", postgres::describe(.0))]
    Connection(#[from] tokio_postgres::Error),
}

impl ExternalError {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Hide { .. } => Some(
                "keep what depends on it as well, or take it out of [external] keep in run-migration.toml"
                    .into(),
            ),
            Self::Statement { .. } => {
                Some("mend the file that [external] in run-migration.toml names".into())
            }
            Self::Server(error) => error.hint(),
            Self::File(_) | Self::Catalog(_) | Self::Connection(_) => None,
        }
    }
}

impl Script {
    /// The script in the file at `path`.
    pub(super) fn read(path: &Utf8Path) -> Result<Self, ExternalError> {
        Ok(Self { sql: fs_err::read_to_string(path)?, path: Some(path.to_owned()) })
    }

    /// A script that stands in the file at `path`, which holds more than it.
    pub(super) fn within(path: &Utf8Path, sql: &str) -> Self {
        Self { path: Some(path.to_owned()), sql: sql.to_owned() }
    }

    /// A script that comes with the tool.
    pub(super) const fn built_in(sql: String) -> Self {
        Self { path: None, sql }
    }

    pub(super) fn path(&self) -> Option<&Utf8Path> {
        self.path.as_deref()
    }

    pub(super) fn sql(&self) -> &str {
        &self.sql
    }

    /// Runs every statement, each by itself.
    pub(super) async fn run_all(&self, client: &Client) -> Result<(), ExternalError> {
        for range in statements::split(&self.sql) {
            client
                .batch_execute(&self.sql[range.clone()])
                .await
                .map_err(|error| self.failed(&range, error))?;
        }
        Ok(())
    }

    /// Runs every statement, each by itself, but for those that meet what is not there yet or is there already.
    /// Gives a note on each of these.
    pub(super) async fn run_what_can_be(&self, client: &Client) -> Result<Vec<String>, ExternalError> {
        let mut notes = Vec::new();
        for range in statements::split(&self.sql) {
            let Err(error) = client.batch_execute(&self.sql[range.clone()]).await else { continue };
            let Some(found) = error.as_db_error().filter(|error| is_about_existence(error.code())) else {
                return Err(self.failed(&range, error));
            };
            notes.push(format!("{}: left out: {}", self.place(&range), found.message()));
        }
        Ok(notes)
    }

    fn failed(&self, range: &Range<usize>, error: tokio_postgres::Error) -> ExternalError {
        match error.as_db_error() {
            None => ExternalError::Connection(error),
            Some(found) => ExternalError::Statement {
                place: self.place(range),
                message: format!("{} {}: {}", found.severity(), found.code().code(), found.message()),
                statement: self.sql[range.clone()].trim_end().replace('\n', "\n    "),
            },
        }
    }

    fn place(&self, range: &Range<usize>) -> String {
        let line = self.sql[..range.start].matches('\n').count() + 1;
        match &self.path {
            Some(path) => format!("{path}:{line}"),
            None => "built-in setup".into(),
        }
    }
}

fn is_about_existence(code: &SqlState) -> bool {
    [
        SqlState::UNDEFINED_TABLE,
        SqlState::UNDEFINED_COLUMN,
        SqlState::UNDEFINED_OBJECT,
        SqlState::DUPLICATE_TABLE,
        SqlState::DUPLICATE_COLUMN,
        SqlState::DUPLICATE_OBJECT,
        SqlState::DUPLICATE_FUNCTION,
    ]
    .contains(code)
}

/// Gives every schema of the user's to `role`.
pub(super) async fn hand_over_schemas(client: &Client, role: Role) -> Result<(), ExternalError> {
    let schemas = client
        .query(
            "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
             AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_namespace'::regclass
               AND objid = pg_namespace.oid AND deptype = 'e')",
            &[],
        )
        .await?;
    for row in schemas {
        let schema = quoted(row.get(0));
        client.batch_execute(&format!("ALTER SCHEMA {schema} OWNER TO {}", role.name())).await?;
    }
    Ok(())
}
