//! A small history, and databases in every state towards it.

use camino::{Utf8Path, Utf8PathBuf};
use run_migration::history::checksum;

use crate::support::{
    live::{Database, server},
    run::{Ended, tool},
};

/// The history that the code expects: name and SQL.
pub const MIGRATIONS: [(&str, &str); 3] = [
    ("20260101000000_readers", "CREATE TABLE \"Reader\" (\n    \"id\" TEXT NOT NULL PRIMARY KEY\n);\n"),
    ("20260102000000_loans", "CREATE TABLE \"Loan\" (\n    \"id\" TEXT NOT NULL PRIMARY KEY\n);\n"),
    ("20260103000000_due", "ALTER TABLE \"Loan\" ADD COLUMN \"due\" DATE;\n"),
];

/// The schema that they make.
pub const SCHEMA: &str = "datasource db {\n  provider = \"postgresql\"\n  url = env(\"DATABASE_URL\")\n}\n
model Reader {\n  id String @id\n}\n\nmodel Loan {\n  id String @id\n  due DateTime? @db.Date\n}\n";

/// One that it does not.
pub const UNKNOWN: (&str, &str) =
    ("20260104000000_fines", "CREATE TABLE \"Fine\" (\"id\" TEXT NOT NULL PRIMARY KEY);\n");

/// The table as Prisma makes it.
pub const LEDGER: &str = "CREATE TABLE _prisma_migrations (
    id VARCHAR(36) PRIMARY KEY NOT NULL, checksum VARCHAR(64) NOT NULL, finished_at TIMESTAMPTZ,
    migration_name VARCHAR(255) NOT NULL, logs TEXT, rolled_back_at TIMESTAMPTZ,
    started_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(), applied_steps_count INTEGER NOT NULL DEFAULT 0);";

/// A state that a database can be in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// All of the history.
    Equal,
    /// All but the last.
    Behind,
    /// All and one more.
    Ahead,
    /// All but the last, and one more.
    Diverged,
    /// The last one failed.
    Failed,
    /// The last one failed and was declared rolled back.
    RolledBack,
    /// The last one was applied from another text.
    Edited,
    /// Tables, but no ledger.
    NotManaged,
    /// Nothing.
    Empty,
}

/// All of them.
pub const STATES: [State; 9] = [
    State::Equal,
    State::Behind,
    State::Ahead,
    State::Diverged,
    State::Failed,
    State::RolledBack,
    State::Edited,
    State::NotManaged,
    State::Empty,
];

/// The history in a directory of its own.
pub struct Site {
    directory: tempfile::TempDir,
}

impl Site {
    /// A directory with the migrations of [`MIGRATIONS`].
    pub fn new() -> Self {
        let site = Self { directory: tempfile::tempdir().unwrap() };
        for (name, sql) in MIGRATIONS {
            site.add(name, sql);
        }
        std::fs::write(site.path().join("prisma/schema.prisma"), SCHEMA).unwrap();
        site
    }

    /// The directory around the migrations.
    pub fn path(&self) -> &Utf8Path {
        Utf8Path::from_path(self.directory.path()).unwrap()
    }

    /// The directory of the migrations.
    pub fn migrations(&self) -> Utf8PathBuf {
        self.path().join("prisma/migrations")
    }

    /// Adds or overwrites a migration.
    pub fn add(&self, name: &str, sql: &str) {
        let directory = self.migrations().join(name);
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("migration.sql"), sql).unwrap();
        std::fs::write(self.migrations().join("migration_lock.toml"), "provider = \"postgresql\"\n").unwrap();
    }

    /// Runs the tool with `args` on the database in `url`, which only the environment knows.
    pub fn ask(&self, args: &[&str], url: &str) -> Ended {
        let mut command = tool(self.path().as_std_path(), args);
        let ended: Ended = command.env("DATABASE_URL", url).output().unwrap().into();
        ended.keeps_secrets()
    }
}

impl Ended {
    /// Fails where the password was said, in whatever spelling.
    #[track_caller]
    pub fn keeps_secrets(self) -> Self {
        for text in [&self.stdout, &self.stderr] {
            assert!(!text.contains("hunter2"), "the password is in\n{text}");
        }
        self
    }
}

impl Database {
    /// Records `name` in the ledger of `schema`; `columns` and `values` say what is special.
    pub async fn record(&self, schema: &str, name: &str, sql: &str, special: (&str, &str)) {
        let (columns, values) = special;
        let sum = checksum(sql.as_bytes());
        self.execute(&format!(
            "INSERT INTO {schema}._prisma_migrations (id, checksum, migration_name{columns})
             VALUES (gen_random_uuid(), '{sum}', '{name}'{values})"
        ))
        .await;
    }

    /// Applies a migration in `schema` and records it as Prisma does.
    pub async fn apply(&self, schema: &str, name: &str, sql: &str) {
        self.execute(&format!("SET search_path = {schema}; {sql}; RESET search_path")).await;
        self.record(schema, name, sql, DONE).await;
    }

    /// Makes the ledger in `schema`.
    pub async fn manage(&self, schema: &str) {
        self.execute(&format!("SET search_path = {schema}; {LEDGER}; RESET search_path")).await;
    }
}

const DONE: (&str, &str) = (", finished_at, applied_steps_count", ", clock_timestamp(), 1");
const BROKEN: (&str, &str) = (", logs", ", 'A migration failed to apply. Database error code: 42P01'");
const ROLLED_BACK: (&str, &str) =
    (", logs, rolled_back_at", ", 'A migration failed to apply.', clock_timestamp()");

/// A fresh database whose `schema` is in `state`.
pub async fn in_state(state: State, schema: &str) -> Database {
    let database = server().database().await;
    if state == State::Empty {
        return database;
    }
    if state == State::NotManaged {
        database
            .execute(&format!("SET search_path = {schema}; {}; RESET search_path", MIGRATIONS[0].1))
            .await;
        return database;
    }
    database.manage(schema).await;
    let [first, second, (name, sql)] = MIGRATIONS;
    database.apply(schema, first.0, first.1).await;
    database.apply(schema, second.0, second.1).await;
    match state {
        State::Equal | State::Ahead => database.apply(schema, name, sql).await,
        State::Edited => {
            database.apply(schema, name, "ALTER TABLE \"Loan\" ADD COLUMN \"due\" DATE NOT NULL").await
        }
        State::Failed => database.record(schema, name, sql, BROKEN).await,
        State::RolledBack => database.record(schema, name, sql, ROLLED_BACK).await,
        _ => {}
    }
    if matches!(state, State::Ahead | State::Diverged) {
        database.apply(schema, UNKNOWN.0, UNKNOWN.1).await;
    }
    database
}
