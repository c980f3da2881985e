//! The history, applied to a temporary database exactly as `prisma migrate deploy` would: in byte order, each
//! file as one simple query, all in one session, recorded in Prisma's ledger.

mod failure;
mod ledger;
mod place;
mod session;
pub(crate) mod statements;

use std::time::{Duration, Instant};

use jiff::Timestamp;

pub use failure::{Failure, ReplayError};

use super::{History, Migration};
use crate::{
    config::ReplayAs,
    postgres::{Role, Server},
};
use failure::Broken;
use ledger::Ledger;
use session::Session;

/// What the history is applied to, and how.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The server.
    pub server: &'a Server,
    /// The database: empty, and owned by whom the history is applied as.
    pub database: &'a str,
    /// Whose rights the migrations have.
    pub replay_as: ReplayAs,
    /// When the run began.
    pub now: Timestamp,
    /// How long one migration may take.
    pub limit: Duration,
}

/// Applies every migration of `history` to `target` and records it. `applied` is told of each one that is done.
///
/// # Errors
/// The first migration that fails, takes too long, or leaves a transaction open.
pub async fn replay(
    history: &History,
    target: Target<'_>,
    mut applied: impl FnMut(&Migration),
) -> Result<(), ReplayError> {
    let role = Role::from(target.replay_as);
    // The ledger has a session of its own: a migration may change its session's search path or role.
    let (bookkeeper, worker) = tokio::try_join!(
        target.server.connect(target.database, role),
        target.server.connect(target.database, role)
    )?;
    let ledger = Ledger::create(bookkeeper).await.map_err(ReplayError::Ledger)?;
    let mut session = Session::new(worker);
    let clock = Clock { now: target.now, started: Instant::now() };
    for migration in &history.migrations {
        let failed = |broken: Broken| ReplayError::new(migration, target, &broken);
        let id = ledger.begin(migration, clock.now()).await.map_err(|error| failed(Broken::Ledger(error)))?;
        match tokio::time::timeout(target.limit, session.apply(migration)).await {
            Ok(outcome) => outcome.map_err(failed)?,
            Err(_) => {
                let waiting = ledger.waiting(session.backend()).await;
                return Err(failed(Broken::Timeout { completed: session.completed(), waiting }));
            }
        }
        ledger.finish(&id, clock.now()).await.map_err(|error| failed(Broken::Ledger(error)))?;
        applied(migration);
    }
    Ok(())
}

/// Applies one more migration to `target`, in a session of its own and without recording it.
///
/// # Errors
/// Where it fails, takes too long, or leaves a transaction open.
pub async fn try_migration(migration: &Migration, target: Target<'_>) -> Result<(), ReplayError> {
    let client = target.server.connect(target.database, Role::from(target.replay_as)).await?;
    let mut session = Session::new(client);
    let failed = |broken: Broken| ReplayError::new(migration, target, &broken);
    match tokio::time::timeout(target.limit, session.apply(migration)).await {
        Ok(outcome) => outcome.map_err(failed),
        Err(_) => Err(failed(Broken::Timeout { completed: session.completed(), waiting: None })),
    }
}

/// The time of day, from the one moment that the run began at.
struct Clock {
    now: Timestamp,
    started: Instant,
}

impl Clock {
    fn now(&self) -> Timestamp {
        self.now.checked_add(self.started.elapsed()).unwrap_or(self.now)
    }
}
