//! Prisma's ledger, `_prisma_migrations`, written as Prisma writes it: on temporary databases and on live ones.

use std::time::Duration;

use jiff::Timestamp;
use tokio_postgres::{Client, Error, Statement};
use uuid::Uuid;

use crate::history::Migration;

/// To the letter: a dump of a replayed database must equal the dump of a deployed one.
const TABLE: &str = "CREATE TABLE _prisma_migrations (
    id                      VARCHAR(36) PRIMARY KEY NOT NULL,
    checksum                VARCHAR(64) NOT NULL,
    finished_at             TIMESTAMPTZ,
    migration_name          VARCHAR(255) NOT NULL,
    logs                    TEXT,
    rolled_back_at          TIMESTAMPTZ,
    started_at              TIMESTAMPTZ NOT NULL DEFAULT now(),
    applied_steps_count     INTEGER NOT NULL DEFAULT 0
);";

/// The schema and the table, where they are missing. The catalogs answer to every role.
const PRESENCE: &str = "SELECT pg_catalog.current_schema() IS NOT NULL, EXISTS (
    SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = pg_catalog.current_schema() AND c.relname = '_prisma_migrations')";

const BEGIN: &str = r#"INSERT INTO "_prisma_migrations"
    ("id", "checksum", "started_at", "migration_name") VALUES ($1, $2, $3, $4)"#;

const FINISH: &str = r#"UPDATE "_prisma_migrations"
    SET "applied_steps_count" = "applied_steps_count" + 1, "finished_at" = $1 WHERE "id" = $2"#;

const FAIL: &str = r#"UPDATE "_prisma_migrations" SET "logs" = $1 WHERE "id" = $2"#;

const ROLL_BACK: &str = r#"UPDATE "_prisma_migrations" SET "rolled_back_at" = $1 WHERE "id" = $2"#;

const ROLL_BACK_OPEN: &str = r#"UPDATE "_prisma_migrations" SET "rolled_back_at" = $1
    WHERE "migration_name" = $2 AND "finished_at" IS NULL AND "rolled_back_at" IS NULL"#;

const MARK_APPLIED: &str = r#"INSERT INTO "_prisma_migrations"
    ("id", "checksum", "logs", "started_at", "finished_at", "migration_name") VALUES ($1, $2, '', $3, $3, $4)"#;

const WAITING: &str = "SELECT wait_event_type, wait_event FROM pg_catalog.pg_stat_activity WHERE pid = $1";

/// How a migration is run, which its row's id tells for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// As Prisma runs it: row, migration and end of the row are three transactions. The id is a random UUID (version
    /// 4), as Prisma's are.
    Apart,
    /// The migration and the end of its row are one transaction: where the row has no end, nothing of the migration
    /// is there. The id is a UUID of version 8, which Prisma never makes.
    Atomic,
}

impl Attempt {
    fn new_id(self) -> String {
        let random = Uuid::new_v4();
        match self {
            Self::Apart => random,
            Self::Atomic => uuid::Builder::from_custom_bytes(*random.as_bytes()).into_uuid(),
        }
        .to_string()
    }

    /// How the migration of the row `id` was run.
    #[must_use]
    pub fn of_id(id: &str) -> Self {
        match Uuid::parse_str(id) {
            Ok(id) if id.get_version_num() == 8 => Self::Atomic,
            _ => Self::Apart,
        }
    }
}

/// The ledger of one database: that of the schema that the client's session looks into.
#[derive(Debug)]
pub struct Ledger {
    client: Client,
    begin: Statement,
    finish: Statement,
}

impl Ledger {
    /// Makes the empty ledger. Whatever a migration locks, no entry waits longer than `limit`.
    ///
    /// # Errors
    /// Where there is one, or the role may not make it.
    pub async fn create(client: Client, limit: Duration) -> Result<Self, Error> {
        client.batch_execute(TABLE).await?;
        Self::open(client, limit).await
    }

    /// The ledger that is there already.
    ///
    /// # Errors
    /// Where there is none, or the role may not write it.
    pub async fn open(client: Client, limit: Duration) -> Result<Self, Error> {
        client.batch_execute(&format!("SET statement_timeout = {}", limit.as_millis())).await?;
        let (begin, finish) = tokio::try_join!(client.prepare(BEGIN), client.prepare(FINISH))?;
        Ok(Self { client, begin, finish })
    }

    /// The ledger of a live database: it is made where it is missing, with the schema, as Prisma does. Whoever calls
    /// this holds Prisma's lock.
    ///
    /// # Errors
    /// Where the role may not make or write it.
    pub async fn open_or_create(client: Client, schema: &str, limit: Duration) -> Result<Self, Error> {
        let row = client.query_one(PRESENCE, &[]).await?;
        if !row.get::<_, bool>(0) {
            let name = postgres_protocol::escape::escape_identifier(schema);
            client.batch_execute(&format!("CREATE SCHEMA {name}")).await?;
        }
        if row.get::<_, bool>(1) {
            return Self::open(client, limit).await;
        }
        Self::create(client, limit).await
    }

    /// Records that `migration` begins, to be run as `attempt` says. Gives the id of its row.
    ///
    /// # Errors
    /// Where the row cannot be written.
    pub async fn begin(
        &self,
        migration: &Migration,
        attempt: Attempt,
        now: Timestamp,
    ) -> Result<String, Error> {
        let id = attempt.new_id();
        self.client.execute(&self.begin, &[&id, &migration.checksum, &now, &migration.name]).await?;
        Ok(id)
    }

    /// Records that the migration of row `id` is done.
    ///
    /// # Errors
    /// Where the row cannot be written.
    pub async fn finish(&self, id: &str, now: Timestamp) -> Result<(), Error> {
        self.client.execute(&self.finish, &[&now, &id]).await?;
        Ok(())
    }

    /// Records why the migration of row `id` failed: until somebody decides, Prisma applies nothing more.
    ///
    /// # Errors
    /// Where the row cannot be written.
    pub async fn fail(&self, id: &str, logs: &str) -> Result<(), Error> {
        self.client.execute(FAIL, &[&logs, &id]).await?;
        Ok(())
    }

    /// Records that nothing is left of the attempt of row `id`: the migration is pending again.
    ///
    /// # Errors
    /// Where the row cannot be written.
    pub async fn roll_back(&self, id: &str, now: Timestamp) -> Result<(), Error> {
        self.client.execute(ROLL_BACK, &[&now, &id]).await?;
        Ok(())
    }

    /// The same for every attempt at `migration` that has no end, as `prisma migrate resolve --rolled-back` does; how
    /// many there were.
    ///
    /// # Errors
    /// Where the rows cannot be written.
    pub async fn mark_rolled_back(&self, migration: &str, now: Timestamp) -> Result<u64, Error> {
        self.client.execute(ROLL_BACK_OPEN, &[&now, &migration]).await
    }

    /// Records `migration` as applied without running it, as `prisma migrate resolve --applied` does: attempts that
    /// have no end count as rolled back.
    ///
    /// # Errors
    /// Where the rows cannot be written; nothing is recorded then.
    pub async fn mark_applied(&mut self, migration: &Migration, now: Timestamp) -> Result<(), Error> {
        let id = Attempt::Apart.new_id();
        let transaction = self.client.transaction().await?;
        transaction.execute(ROLL_BACK_OPEN, &[&now, &migration.name]).await?;
        transaction.execute(MARK_APPLIED, &[&id, &migration.checksum, &now, &migration.name]).await?;
        transaction.commit().await
    }

    /// The session that the ledger is written in, for questions between its entries.
    pub(crate) const fn client(&self) -> &Client {
        &self.client
    }

    /// What another session waits for, as PostgreSQL names it: `Lock advisory`, `Timeout PgSleep`.
    pub(crate) async fn waiting(&self, backend: i32) -> Option<String> {
        let row = self.client.query_opt(WAITING, &[&backend]).await.ok()??;
        Some(format!("{} {}", row.get::<_, Option<&str>>(0)?, row.get::<_, Option<&str>>(1)?))
    }
}

/// The statement that ends the row `id` of the ledger in `schema` in whatever session runs it: it goes with a
/// migration that is one transaction.
#[must_use]
pub fn ending(schema: &str, id: &str) -> String {
    use postgres_protocol::escape::{escape_identifier, escape_literal};
    format!(
        "UPDATE {}.\"_prisma_migrations\" SET \"applied_steps_count\" = \"applied_steps_count\" \
         OPERATOR(pg_catalog.+) 1, \"finished_at\" = pg_catalog.clock_timestamp() \
         WHERE \"id\" OPERATOR(pg_catalog.=) {}",
        escape_identifier(schema),
        escape_literal(id)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_how_its_migration_was_run() {
        for attempt in [Attempt::Apart, Attempt::Atomic] {
            let id = attempt.new_id();
            assert_eq!((id.len(), Attempt::of_id(&id)), (36, attempt), "{id}");
        }
        assert_eq!(Attempt::of_id("no UUID"), Attempt::Apart);
    }
}
