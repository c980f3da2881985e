//! The history, applied to a temporary database exactly as `prisma migrate deploy` would: in byte order, each
//! file as one simple query, all in one session, recorded in Prisma's ledger.

mod failure;
mod place;
mod session;
pub(crate) mod statements;

use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio_postgres::Client;

pub(crate) use failure::{Broken, Site};
pub use failure::{Failure, ReplayError};

use super::{History, Migration};
use crate::{
    config::ReplayAs,
    deploy::ledger::{Attempt, Ledger},
    postgres::{Role, Server},
};

pub(crate) use session::Session;

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
    applied: impl FnMut(&Migration),
) -> Result<Aftermath, ReplayError> {
    let (bookkeeper, worker) = sessions(target).await?;
    let ledger = Ledger::create(bookkeeper, target.limit).await.map_err(ReplayError::Ledger)?;
    apply(&history.migrations, target, (&ledger, worker), applied).await
}

/// Applies `migrations`, which come after those that `target` has already, and records them. Before, nothing may have
/// been left in the session: what one migration sets, the next one would find.
///
/// # Errors
/// As for [`replay`].
pub async fn go_on(
    migrations: &[Migration],
    target: Target<'_>,
    applied: impl FnMut(&Migration),
) -> Result<Aftermath, ReplayError> {
    let (bookkeeper, worker) = sessions(target).await?;
    let ledger = Ledger::open(bookkeeper, target.limit).await.map_err(ReplayError::Ledger)?;
    apply(migrations, target, (&ledger, worker), applied).await
}

/// What the migrations left in their session beside what they left in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aftermath {
    /// Nothing: a new session is as good for the next migration.
    Nothing,
    /// Settings, a role, temporary tables and the like, which the next migration would find.
    Something,
}

/// Applies one more migration to a `target` that a history was replayed into, and records it.
///
/// # Errors
/// Where it fails, takes too long, or leaves a transaction open.
pub async fn add(migration: &Migration, target: Target<'_>) -> Result<(), ReplayError> {
    let (bookkeeper, worker) = sessions(target).await?;
    let ledger = Ledger::open(bookkeeper, target.limit).await.map_err(ReplayError::Ledger)?;
    apply(std::slice::from_ref(migration), target, (&ledger, worker), |_| {}).await.map(drop)
}

/// The ledger has a session of its own: a migration may change its session's search path or role.
async fn sessions(target: Target<'_>) -> Result<(Client, Client), ReplayError> {
    let role = Role::from(target.replay_as);
    let connect = || target.server.connect(target.database, role);
    Ok(tokio::try_join!(connect(), connect())?)
}

async fn apply(
    migrations: &[Migration],
    target: Target<'_>,
    (ledger, worker): (&Ledger, Client),
    mut applied: impl FnMut(&Migration),
) -> Result<Aftermath, ReplayError> {
    let mut session = Session::new(worker).await.map_err(ReplayError::Ledger)?;
    let clock = Clock { now: target.now, started: Instant::now() };
    for migration in migrations {
        let failed = |broken: Broken| ReplayError::new(migration, target, &broken);
        let id = ledger
            .begin(migration, Attempt::Apart, clock.now())
            .await
            .map_err(|error| failed(Broken::Ledger(error)))?;
        session.apply(migration, target.limit, ledger).await.map_err(failed)?;
        ledger.finish(&id, clock.now()).await.map_err(|error| failed(Broken::Ledger(error)))?;
        applied(migration);
    }
    Ok(session.aftermath(migrations, Role::from(target.replay_as)).await)
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
