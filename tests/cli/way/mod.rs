//! The way back: `generate --down` and `generate --revert`; and what a database is told of its history: `baseline`,
//! `resolve`.

mod back;
mod baseline;
mod generate;
mod resolve;

use crate::support::live::Database;

/// The rows of the ledger in `schema`, but for ids and times, of which the order counts; `None` where there is none.
async fn rows(database: &Database, schema: &str) -> Option<Vec<String>> {
    let question = format!(
        "SELECT concat_ws('|', migration_name, checksum, coalesce(logs, 'no logs'), applied_steps_count,
             finished_at IS NOT NULL, rolled_back_at IS NOT NULL, length(id),
             CASE WHEN logs = '' THEN finished_at = started_at END)
         FROM {schema}._prisma_migrations ORDER BY started_at, finished_at"
    );
    let rows = database.client.query(&question, &[]).await.ok()?;
    Some(rows.iter().map(|row| row.get(0)).collect())
}
