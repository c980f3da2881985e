//! Prisma's ledger, `_prisma_migrations`, written as Prisma writes it.

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

const BEGIN: &str = r#"INSERT INTO "_prisma_migrations"
    ("id", "checksum", "started_at", "migration_name") VALUES ($1, $2, $3, $4)"#;

const FINISH: &str = r#"UPDATE "_prisma_migrations"
    SET "applied_steps_count" = "applied_steps_count" + 1, "finished_at" = $1 WHERE "id" = $2"#;

const WAITING: &str = "SELECT wait_event_type, wait_event FROM pg_catalog.pg_stat_activity WHERE pid = $1";

/// The ledger of one database.
pub(super) struct Ledger {
    client: Client,
    begin: Statement,
    finish: Statement,
}

impl Ledger {
    /// Makes the empty ledger. Whatever a migration locks, no entry waits longer than `limit`.
    pub(super) async fn create(client: Client, limit: Duration) -> Result<Self, Error> {
        client.batch_execute(TABLE).await?;
        Self::open(client, limit).await
    }

    /// The ledger that is there already.
    pub(super) async fn open(client: Client, limit: Duration) -> Result<Self, Error> {
        client.batch_execute(&format!("SET statement_timeout = {}", limit.as_millis())).await?;
        let (begin, finish) = tokio::try_join!(client.prepare(BEGIN), client.prepare(FINISH))?;
        Ok(Self { client, begin, finish })
    }

    /// Records that `migration` begins. Gives the id of its row.
    pub(super) async fn begin(&self, migration: &Migration, now: Timestamp) -> Result<String, Error> {
        let id = Uuid::new_v4().to_string();
        self.client.execute(&self.begin, &[&id, &migration.checksum, &now, &migration.name]).await?;
        Ok(id)
    }

    /// Records that the migration of row `id` is done.
    pub(super) async fn finish(&self, id: &str, now: Timestamp) -> Result<(), Error> {
        self.client.execute(&self.finish, &[&now, &id]).await?;
        Ok(())
    }

    /// What another session waits for, as PostgreSQL names it: `Lock advisory`, `Timeout PgSleep`.
    pub(super) async fn waiting(&self, backend: i32) -> Option<String> {
        let row = self.client.query_opt(WAITING, &[&backend]).await.ok()??;
        Some(format!("{} {}", row.get::<_, Option<&str>>(0)?, row.get::<_, Option<&str>>(1)?))
    }
}
