//! The one session that all migrations run in, as they do in Prisma's own deployment: what one of them sets,
//! the next one finds.

use std::{pin::pin, time::Duration};

use futures_util::TryStreamExt;
use tokio_postgres::{CancelToken, Client, NoTls, SimpleQueryMessage, error::SqlState};

use super::failure::Broken;
use crate::{deploy::ledger::Ledger, history::Migration};

/// Asked after each migration. In an open transaction time stands still; fully qualified, because the search
/// path may be anything by now.
const STATE: &str = "SELECT pg_catalog.now() OPERATOR(pg_catalog.=) pg_catalog.statement_timestamp()";

/// How long the server may take to stop what it was told to stop.
const GRACE: Duration = Duration::from_secs(5);

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
