//! Applies migrations to a live database as Prisma does, and records each as Prisma does.
//!
//! Where a migration is one transaction, the end of its row goes into it: whatever happens to the tool, the machine
//! or the connection, the ledger says that it is done exactly where it is. Where it is not, as with `CREATE INDEX
//! CONCURRENTLY`, row and migration are as far apart as with Prisma, and a human has to look if it breaks off.

use std::time::Duration;

use jiff::Timestamp;
use postgres_protocol::escape::escape_literal;
use tokio_postgres::{Client, SimpleQueryMessage, error::SqlState};

use super::{
    DeployError,
    ledger::{Attempt, Ledger, ending},
    lock,
    plan::BrokenOff,
};
use crate::{
    guard::transaction,
    history::{
        Migration,
        replay::{Broken, Failure, Session, Site},
    },
    redact::redact,
};

/// Applies migrations, one after the other.
pub struct Applier<'a> {
    session: Session,
    ledger: Ledger,
    schema: &'a str,
    clock: fn() -> Timestamp,
}

/// What became of a migration.
#[derive(Debug)]
pub enum Applied {
    /// It is there, and recorded.
    Done,
    /// It failed, and is recorded so: until somebody decides, nothing more is applied.
    Failed(Box<Failure>),
    /// It could not get what it needed, nothing of it is there, and it is recorded as rolled back.
    RolledBack(Box<Failure>),
}

/// How each of `migrations` is run.
///
/// # Errors
/// Where the system grants no thread to read them in.
pub fn attempts(migrations: &[&Migration]) -> std::io::Result<Vec<Attempt>> {
    let scripts: Vec<_> = migrations.iter().map(|migration| migration.sql.as_str()).collect();
    let of = |is_one| if is_one { Attempt::Atomic } else { Attempt::Apart };
    Ok(transaction::are_one(&scripts)?.into_iter().map(of).collect())
}

impl<'a> Applier<'a> {
    /// Migrations are to be applied by `worker`, which holds the lock and looks into `schema`, the one that `ledger`
    /// is in; `clock` tells the time of day.
    ///
    /// # Errors
    /// Where the worker's connection broke.
    pub async fn new(
        worker: Client,
        (ledger, schema): (Ledger, &'a str),
        clock: fn() -> Timestamp,
    ) -> Result<Self, DeployError> {
        let session =
            Session::new(worker).await.map_err(|source| DeployError::Ledger { what: "read", source })?;
        Ok(Self { session, ledger, schema, clock })
    }

    /// Limits each statement of the migrations; `None` leaves that to the server. What was asked before is not meant.
    ///
    /// # Errors
    /// Where the worker's connection broke.
    pub async fn limit_statements(&self, limit: Option<Duration>) -> Result<(), DeployError> {
        let Some(limit) = limit else { return Ok(()) };
        let set = format!("SET statement_timeout = {}", limit.as_millis());
        let set = self.session.client().batch_execute(&set).await;
        set.map_err(|source| DeployError::Ledger { what: "read", source })
    }

    /// The session that keeps the ledger, for questions between migrations.
    #[must_use]
    pub const fn bookkeeper(&self) -> &Client {
        self.ledger.client()
    }

    /// Records that nothing is left of `attempts`.
    ///
    /// # Errors
    /// Where a row cannot be written.
    pub async fn roll_back(&self, attempts: &[BrokenOff]) -> Result<(), DeployError> {
        for attempt in attempts {
            let done = self.ledger.roll_back(&attempt.id, (self.clock)()).await;
            done.map_err(|source| DeployError::Ledger { what: "written", source })?;
        }
        Ok(())
    }

    /// Applies one migration.
    ///
    /// # Errors
    /// Where its row cannot be written, or the connection breaks: the row says nothing then, and the next deployment
    /// finds out.
    pub async fn apply(&mut self, migration: &Migration, attempt: Attempt) -> Result<Applied, DeployError> {
        let failed = |source| DeployError::Ledger { what: "written", source };
        let id = self.ledger.begin(migration, attempt, (self.clock)()).await.map_err(failed)?;
        let with_end;
        let text = match attempt {
            Attempt::Apart => &migration.sql,
            Attempt::Atomic => {
                // On a line of its own: the file may end with a comment.
                with_end = format!("{}\n;{}", migration.sql, ending(self.schema, &id));
                &with_end
            }
        };
        let limit = self.without_lock_timeout(migration).await;
        let outcome = self.session.run_to_its_end(migration, text).await;
        if matches!(outcome, Err(Broken::OpenTransaction)) {
            self.session.roll_back().await;
        }
        if let Some(limit) = limit {
            // Where the session is gone, the outcome says so.
            let _ = self.session.client().simple_query(&limit).await;
        }
        match outcome {
            Ok(()) if attempt == Attempt::Apart => {
                self.ledger.finish(&id, (self.clock)()).await.map_err(failed)?;
            }
            Ok(()) => {}
            Err(broken) => return self.record(migration, (attempt, &id), &broken).await,
        }
        self.still_locked(migration).await?;
        Ok(Applied::Done)
    }

    /// What is done `CONCURRENTLY` waits for every older transaction and holds nobody up meanwhile: broken off, it
    /// would leave an index that is of no use. Gives the statement that sets the limit again.
    async fn without_lock_timeout(&self, migration: &Migration) -> Option<String> {
        if !migration.sql.to_ascii_lowercase().contains("concurrently") {
            return None;
        }
        let client = self.session.client();
        let messages = client.simple_query("SHOW lock_timeout").await.ok()?;
        let limit = messages.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(escape_literal),
            _ => None,
        })?;
        client.simple_query("SET lock_timeout = 0").await.ok()?;
        Some(format!("SET lock_timeout = {limit}"))
    }

    /// Records why a migration is not there.
    async fn record(
        &self,
        migration: &Migration,
        (attempt, id): (Attempt, &str),
        broken: &Broken,
    ) -> Result<Applied, DeployError> {
        let failure = Box::new(broken.describe(migration, Site::Live));
        if !matches!(broken, Broken::OpenTransaction | Broken::NulByte { .. })
            && broken.code().is_none_or(is_end_of_session)
        {
            // Whether the server went on is known to nobody here.
            return Err(DeployError::BrokenOff { migration: migration.name.clone(), cause: failure.what });
        }
        let failed = |source| DeployError::Ledger { what: "written", source };
        self.ledger.fail(id, &logs(&failure)).await.map_err(failed)?;
        // A file that is one transaction leaves nothing behind, and another moment may be a better one.
        if attempt == Attempt::Atomic && broken.code().is_some_and(is_of_the_moment) {
            self.ledger.roll_back(id, (self.clock)()).await.map_err(failed)?;
            return Ok(Applied::RolledBack(failure));
        }
        Ok(Applied::Failed(failure))
    }

    /// A migration may let go of the lock, as `DISCARD ALL` does: then somebody else may be at work already.
    async fn still_locked(&self, migration: &Migration) -> Result<(), DeployError> {
        let text = migration.sql.to_ascii_lowercase();
        if !text.contains("advisory") && !text.contains("discard") {
            return Ok(());
        }
        let failed = |source| DeployError::Ledger { what: "read", source };
        match lock::is_held(self.session.client()).await.map_err(failed)? {
            true => Ok(()),
            false => Err(DeployError::LetGo { migration: migration.name.clone() }),
        }
    }
}

/// Whether another moment may well do.
fn is_of_the_moment(code: &SqlState) -> bool {
    [&SqlState::LOCK_NOT_AVAILABLE, &SqlState::T_R_DEADLOCK_DETECTED].contains(&code)
}

/// Whether the server ended the session, or is about to.
fn is_end_of_session(code: &SqlState) -> bool {
    let ends = [
        &SqlState::ADMIN_SHUTDOWN,
        &SqlState::CRASH_SHUTDOWN,
        &SqlState::CANNOT_CONNECT_NOW,
        &SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
    ];
    ends.contains(&code)
}

/// What the ledger keeps of a failure, under the headings that readers of Prisma's logs look for.
fn logs(failure: &Failure) -> String {
    let code = failure.sqlstate.as_deref().unwrap_or("unknown");
    let place = failure.line.map(|line| format!("\n\nLine: {line}")).unwrap_or_default();
    redact(&format!(
        "The migration failed to apply (run-migration deploy).\n\nMigration name: {}\n\nDatabase error code: {code}\n\n\
         Database error:\n{}{place}\n",
        failure.migration, failure.what
    ))
}
