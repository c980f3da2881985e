//! The one session that all migrations run in, as they do in Prisma's own deployment: what one of them sets,
//! the next one finds.

use std::pin::pin;

use futures_util::TryStreamExt;
use tokio_postgres::{Client, SimpleQueryMessage};

use super::failure::Broken;
use crate::history::Migration;

/// Asked after each migration. In an open transaction time stands still; fully qualified, because the search
/// path may be anything by now.
const STATE: &str = "SELECT pg_catalog.now() OPERATOR(pg_catalog.=) pg_catalog.statement_timestamp(), \
                     pg_catalog.pg_backend_pid()";

/// A session that migrations run in.
pub(super) struct Session {
    client: Client,
    /// How many statements of the current migration are done.
    completed: usize,
    backend: Option<i32>,
}

impl Session {
    pub(super) fn new(client: Client) -> Self {
        Self { client, completed: 0, backend: None }
    }

    /// How many statements of the current migration are done.
    pub(super) const fn completed(&self) -> usize {
        self.completed
    }

    /// The process id of the session's backend, once it is known.
    pub(super) const fn backend(&self) -> Option<i32> {
        self.backend
    }

    /// Runs the whole file as one simple query: one transaction, unless the file says otherwise.
    pub(super) async fn apply(&mut self, migration: &Migration) -> Result<(), Broken> {
        self.completed = 0;
        if self.backend.is_none() {
            self.check_state().await?;
        }
        if let Some(offset) = migration.sql.find('\0') {
            return Err(Broken::NulByte { offset });
        }
        self.run(&migration.sql).await.map_err(|source| Broken::Sql { completed: self.completed, source })?;
        self.check_state().await
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

    async fn check_state(&mut self) -> Result<(), Broken> {
        match self.client.simple_query(STATE).await {
            Ok(messages) => {
                let row = messages.iter().find_map(|message| match message {
                    SimpleQueryMessage::Row(row) => Some(row),
                    _ => None,
                });
                self.backend = row.and_then(|row| row.get(1)?.parse().ok());
                if row.is_some_and(|row| row.get(0) == Some("t")) {
                    Ok(())
                } else {
                    Err(Broken::OpenTransaction)
                }
            }
            Err(source)
                if source.code() == Some(&tokio_postgres::error::SqlState::IN_FAILED_SQL_TRANSACTION) =>
            {
                Err(Broken::OpenTransaction)
            }
            Err(source) => Err(Broken::Sql { completed: self.completed, source }),
        }
    }
}
