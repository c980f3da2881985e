//! Prisma's ledger, the table `_prisma_migrations`, as a database has it.

use postgres_protocol::escape::{escape_identifier, escape_literal};
use tokio_postgres::SimpleQueryRow;

use super::url::Target;
use crate::deploy::ledger::Attempt;

/// The table that Prisma keeps its records in.
pub const TABLE: &str = "_prisma_migrations";

/// Longer messages of a failed migration are cut.
const LOGS: usize = 4000;

/// The advisory lock that `prisma migrate deploy` holds while it works.
pub const ADVISORY_LOCK: u32 = 72_707_369;

/// What a database records about its migrations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ledger {
    /// There is no such table: Prisma Migrate never worked here.
    Absent {
        /// How many tables the schema holds all the same, those of extensions left out; `None` where there is no
        /// such schema.
        tables: Option<u64>,
    },
    /// There is not even the database.
    NoDatabase {
        /// Its name.
        name: String,
        /// The server that does not have it.
        server: String,
    },
    /// Its rows, in the order in which they were begun.
    Present(Vec<Entry>),
}

impl Ledger {
    /// That of a database which its server does not have.
    #[must_use]
    pub fn of_nothing(target: &Target) -> Self {
        Self::NoDatabase { name: target.name().to_owned(), server: target.server().to_owned() }
    }
}

/// One row: one attempt to apply one migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The row's own name, a UUID.
    pub id: String,
    /// The migration's directory.
    pub name: String,
    /// Lower-case hex SHA-256 of the file that was run.
    pub checksum: String,
    /// When it was begun: ISO 8601, UTC, microseconds, so that texts sort as times do.
    pub started_at: String,
    /// When it was done, likewise; none where it failed or still runs.
    pub finished_at: Option<String>,
    /// When a human declared it rolled back, likewise.
    pub rolled_back_at: Option<String>,
    /// Why it failed, where it did: the beginning of Prisma's message.
    pub logs: Option<String>,
    /// Whether it is being applied just now: begun, neither done nor failed, and somebody holds Prisma's lock.
    pub is_running: bool,
}

impl Entry {
    /// Whether the attempt broke off and left nothing behind: the row has no end and no error, nobody is at work on it,
    /// and its id says that its end and the migration are one transaction.
    #[must_use]
    pub fn is_broken_off(&self) -> bool {
        let is_open = self.finished_at.is_none() && self.rolled_back_at.is_none() && self.logs.is_none();
        is_open && !self.is_running && Attempt::of_id(&self.id) == Attempt::Atomic
    }
}

/// Asks whether there is a ledger in `schema`, how many tables, and whether there is a schema.
///
/// The catalogs answer this to every role and never with an error, unlike a look at the table itself and, where
/// the role may not use the schema, `to_regclass`.
pub(crate) fn probe(schema: &str) -> String {
    let schema = escape_literal(schema);
    let table = escape_literal(TABLE);
    format!(
        "SELECT pg_catalog.count(*) FILTER (WHERE c.relname = {table}), \
                pg_catalog.count(*) FILTER (WHERE c.relname <> {table} AND c.relkind IN ('r', 'p') \
                  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = c.oid \
                    AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype = 'e')), \
                pg_catalog.count(DISTINCT n.oid) \
           FROM pg_catalog.pg_namespace n \
           LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f') \
          WHERE n.nspname = {schema};"
    )
}

/// The answer to [`probe`]: `None` where there is a ledger to be read.
pub(crate) fn absence(rows: &[SimpleQueryRow]) -> Option<Ledger> {
    let number = |column| {
        rows.first()
            .and_then(|row| row.try_get(column).ok().flatten()?.parse::<u64>().ok())
            .unwrap_or_default()
    };
    (number(0) == 0).then(|| Ledger::Absent { tables: (number(2) > 0).then(|| number(1)) })
}

/// Asks for the ledger's rows.
pub(crate) fn question(schema: &str) -> String {
    let utc = |column: &str| {
        format!("pg_catalog.to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")
    };
    let is_open = "finished_at IS NULL AND rolled_back_at IS NULL";
    format!(
        "SELECT id, migration_name, checksum, {}, {}, {}, \
                CASE WHEN {is_open} THEN pg_catalog.left(logs, {LOGS}) END, \
                CASE WHEN {is_open} AND logs IS NULL THEN EXISTS (SELECT FROM pg_catalog.pg_locks \
                  WHERE locktype = 'advisory' AND classid = 0 AND objid = {ADVISORY_LOCK} AND objsubid = 1 AND granted \
                    AND database = (SELECT oid FROM pg_catalog.pg_database \
                                     WHERE datname = pg_catalog.current_database())) END \
           FROM {}.{} ORDER BY started_at, migration_name;",
        utc("started_at"),
        utc("finished_at"),
        utc("rolled_back_at"),
        escape_identifier(schema),
        escape_identifier(TABLE),
    )
}

/// The answer to [`question`].
pub(crate) fn read(rows: &[SimpleQueryRow]) -> Ledger {
    let entry = |row: &SimpleQueryRow| {
        let text = |column| row.try_get(column).ok().flatten().map(ToOwned::to_owned);
        Entry {
            id: text(0).unwrap_or_default(),
            name: text(1).unwrap_or_default(),
            checksum: text(2).unwrap_or_default(),
            started_at: text(3).unwrap_or_default(),
            finished_at: text(4),
            rolled_back_at: text(5),
            logs: text(6).filter(|logs| !logs.is_empty()),
            is_running: text(7).as_deref() == Some("t"),
        }
    };
    Ledger::Present(rows.iter().map(entry).collect())
}
