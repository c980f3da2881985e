//! The one session that all migrations run in, as they do in Prisma's own deployment: what one of them sets,
//! the next one finds.

use std::{pin::pin, sync::LazyLock, time::Duration};

use futures_util::TryStreamExt;
use regex::Regex;
use tokio_postgres::{CancelToken, Client, NoTls, SimpleQueryMessage, error::SqlState};

use super::{Aftermath, failure::Broken};
use crate::{deploy::ledger::Ledger, history::Migration, postgres::Role};

/// Asked after each migration. In an open transaction time stands still; fully qualified, because the search
/// path may be anything by now.
const STATE: &str = "SELECT pg_catalog.now() OPERATOR(pg_catalog.=) pg_catalog.statement_timestamp()";

/// What may set a variable that only the user knows.
#[expect(clippy::unwrap_used, reason = "a literal pattern, compiled by the tests below")]
static INVENTED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"(?i)\bset_config\b|\bset\s+(session\s+)?("[^"]+"|\w+)\s*\."#).unwrap());

/// Whether nothing is left in the session that the next migration would find.
fn clean(role: Role) -> String {
    let role = role.name();
    format!(
        "SELECT pg_catalog.pg_my_temp_schema() OPERATOR(pg_catalog.=) 0 \
         AND current_user::text OPERATOR(pg_catalog.=) '{role}' \
         AND session_user::text OPERATOR(pg_catalog.=) '{role}' \
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_settings s WHERE s.source OPERATOR(pg_catalog.=) 'session') \
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_prepared_statements p WHERE p.from_sql) \
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_cursors) \
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_listening_channels()) \
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.locktype OPERATOR(pg_catalog.=) 'advisory' \
             AND l.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid())"
    )
}

/// How long the server may take to stop what it was told to stop.
const GRACE: Duration = Duration::from_secs(30);

/// A session that migrations run in.
pub(crate) struct Session {
    client: Client,
    canceller: CancelToken,
    backend: i32,
    /// How many statements of the current migration are done.
    completed: usize,
}

impl Session {
    pub(crate) async fn new(client: Client) -> Result<Self, tokio_postgres::Error> {
        let backend = client.query_one("SELECT pg_backend_pid()", &[]).await?.get(0);
        Ok(Self { canceller: client.cancel_token(), client, backend, completed: 0 })
    }

    /// Runs the whole file as one simple query: one transaction, unless the file says otherwise. What is not
    /// done after `limit` is stopped; `ledger`, from its own session, finds out what it was waiting for.
    pub(super) async fn apply(
        &mut self,
        migration: &Migration,
        limit: Duration,
        ledger: &Ledger,
    ) -> Result<(), Broken> {
        let (backend, canceller) = (self.backend, self.canceller.clone());
        let mut run = pin!(self.run_to_its_end(migration, &migration.sql));
        if let Ok(outcome) = tokio::time::timeout(limit, &mut run).await {
            return outcome;
        }
        let waiting = ledger.waiting(backend).await;
        let _ = tokio::time::timeout(GRACE, canceller.cancel_query(NoTls)).await;
        // Only now the server says which statements were done.
        let stopped = match tokio::time::timeout(GRACE, run).await {
            Ok(Err(Broken::Sql { completed, source })) => Some((completed, source)),
            _ => None,
        };
        Err(Broken::Timeout { stopped, waiting })
    }

    /// Runs `text`, which is that of `migration` or begins with it, however long it takes.
    pub(crate) async fn run_to_its_end(&mut self, migration: &Migration, text: &str) -> Result<(), Broken> {
        if let Some(offset) = migration.sql.find('\0') {
            return Err(Broken::NulByte { offset });
        }
        self.completed = 0;
        self.run(text).await.map_err(|source| Broken::Sql { completed: self.completed, source })?;
        self.check_state().await
    }

    /// Undoes the transaction that a migration has left open.
    pub(crate) async fn roll_back(&self) {
        // A session that cannot even do this is of no more use to anybody.
        let _ = self.client.simple_query("ROLLBACK").await;
    }

    /// The client, for questions between migrations.
    pub(crate) const fn client(&self) -> &Client {
        &self.client
    }

    async fn run(&mut self, sql: &str) -> Result<(), tokio_postgres::Error> {
        let mut messages = pin!(self.client.simple_query_raw(sql).await?);
        while let Some(message) = messages.try_next().await? {
            if matches!(message, SimpleQueryMessage::CommandComplete(_)) {
                self.completed += 1;
            }
        }
        Ok(())
    }

    /// What the session is left with by `migrations`, which ran in it as `role`.
    pub(super) async fn aftermath(&self, migrations: &[Migration], role: Role) -> Aftermath {
        let is_clean = match self.client.simple_query(&clean(role)).await {
            Ok(messages) => messages
                .iter()
                .any(|message| matches!(message, SimpleQueryMessage::Row(row) if row.get(0) == Some("t"))),
            Err(_) => false,
        };
        // Settings of a user's own invention stand in no catalog.
        let invents = migrations.iter().any(|migration| INVENTED.is_match(&migration.sql));
        if is_clean && !invents { Aftermath::Nothing } else { Aftermath::Something }
    }

    async fn check_state(&self) -> Result<(), Broken> {
        match self.client.simple_query(STATE).await {
            Ok(messages) => {
                let is_new = messages.iter().any(|message| match message {
                    SimpleQueryMessage::Row(row) => row.get(0) == Some("t"),
                    _ => false,
                });
                if is_new { Ok(()) } else { Err(Broken::OpenTransaction) }
            }
            Err(source) if source.code() == Some(&SqlState::IN_FAILED_SQL_TRANSACTION) => {
                Err(Broken::OpenTransaction)
            }
            Err(source) => Err(Broken::Sql { completed: self.completed, source }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_a_users_own_invention_are_recognised() {
        for sql in [
            "SET my.tenant = 'a';",
            "set session app.user to 'x'",
            "SELECT set_config('my.tenant', 'a', false);",
            "SET \"my\".x = 1",
        ] {
            assert!(INVENTED.is_match(sql), "{sql}");
        }
        for sql in ["SET search_path = a;", "UPDATE t SET a = 1.5", "CREATE TABLE offset_configs ()"] {
            assert!(!INVENTED.is_match(sql), "{sql}");
        }
    }
}
