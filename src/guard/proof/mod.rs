//! What a migration does, proved on clones of the database that the history was replayed into.
//!
//! ```text
//! clone -> run as it would be deployed    effect   the catalogs before and after
//! clone -> run a statement at a time      trace    what each one locks, scans, rewrites -> locks
//! clone -> run with boundary rows         data     what becomes of rows that may exist
//! all of it                               verdict  what is said about each object
//! ```

mod data;
mod effect;
mod locks;
mod places;
mod trace;
mod verdict;

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use tokio_postgres::Client;

use self::places::Places;
pub use self::{
    data::carry,
    effect::Effect,
    verdict::{Basis, RuleId, Settled, Standing, Verdict},
};
use crate::{
    catalog::{self, Catalog, CatalogError},
    history::{
        Migration,
        replay::{self, ReplayError, Target, statements},
    },
    postgres::{self, Role},
};

/// What was proved about one migration.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Proof {
    /// What the migration did to the catalog.
    pub effect: Effect,
    /// What is bad about it, in the order of the statements.
    pub verdicts: Vec<Verdict>,
    /// What is not as bad as its text may look.
    pub settled: Vec<Settled>,
    /// What the statements wait for, by the bytes of the statement: who else has to wait meanwhile.
    pub waits: Vec<Verdict>,
    /// Statements that were seen to lock nothing for long.
    pub quick: Vec<usize>,
    /// The bytes of the script's statements.
    pub statements: Vec<Range<usize>>,
    /// The database in which the migration was run as it would be deployed. Nobody is connected to it. Of several proofs
    /// that were made together, only the last one's is still there.
    #[serde(skip)]
    pub database: String,
    /// What each part of the proof cost.
    #[serde(skip)]
    pub timings: Vec<(&'static str, Duration)>,
}

/// Why nothing was proved.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// The temporary server failed.
    #[error(transparent)]
    Server(#[from] postgres::Error),
    /// The catalog could not be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The migration fails even without rows.
    #[error(transparent)]
    Migration(#[from] ReplayError),
    /// The connection broke.
    #[error("the connection to the temporary server broke: {}", postgres::describe(.0))]
    Connection(#[from] tokio_postgres::Error),
}

impl ProofError {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Server(error) => error.hint(),
            Self::Migration(error) => error.hint(),
            Self::Catalog(_) | Self::Connection(_) => None,
        }
    }
}

/// The catalog of the database of `target`. It takes part of the time of a proof, and can be had while something
/// else is waited for.
///
/// # Errors
/// Where the database cannot be reached or asked.
pub async fn before(target: Target<'_>) -> Result<Catalog, ProofError> {
    let client = target.server.connect(target.database, Role::from(target.replay_as)).await?;
    Ok(catalog::read(&client).await?)
}

/// Proves what `migration` does to the database of `target`, whose catalog is `before`, to which nobody may be
/// connected, and which stays as it is.
///
/// # Errors
/// Where the migration fails without any rows, or the server does.
pub async fn prove(migration: &Migration, before: Catalog, target: Target<'_>) -> Result<Proof, ProofError> {
    let mut clones = Clones { target, timings: Vec::new() };
    let statements = statements::split(&migration.sql);
    let deployed = clones.make("deployed").await?;
    let after = timed(async {
        let target = Target { database: &deployed, ..target };
        replay::add(migration, target).await?;
        self::before(target).await
    });
    let traced = timed(
        clones.with("traced", async |client| Ok(trace::trace(client, &migration.sql, &statements).await?)),
    );
    let ((after, effect_took), (trace, trace_took)) = tokio::try_join!(after, traced)?;
    clones.timings.extend([("effect", effect_took), ("locks", trace_took)]);

    let effect = Effect::between(before, after);
    let places = Places { sql: &migration.sql, statements: &statements, trace: &trace };
    let mut verdicts = effect.verdicts(places);
    let mut settled = effect.settled();
    if data::is_needed(&effect, places) {
        let asked = clones.with("rows", async |client| Ok(data::ask(client, &effect, places).await?));
        let (said, took) = timed(asked).await?;
        verdicts.extend(said.verdicts);
        settled.extend(said.settled);
        clones.timings.push(("data", took));
    }
    let (waits, quick) = (locks::verdicts(&effect.before, places), locks::quick(&effect.before, places));
    let verdicts = verdict::merged(verdicts);
    Ok(Proof {
        effect,
        verdicts,
        settled,
        waits,
        quick,
        statements,
        database: deployed,
        timings: clones.timings,
    })
}

/// Proves one migration after the other, each on what those before it made. There is one proof for each.
///
/// # Errors
/// Where one fails without any rows, or the server does.
pub async fn prove_all(
    migrations: &[Migration],
    before: Catalog,
    target: Target<'_>,
) -> Result<Vec<Proof>, ProofError> {
    let mut proofs: Vec<Proof> = Vec::new();
    let mut before = before;
    for migration in migrations {
        let earlier = proofs.last().map(|proof| proof.database.clone());
        let database = earlier.as_deref().unwrap_or(target.database);
        let proof = prove(migration, before, Target { database, ..target }).await?;
        if let Some(earlier) = &earlier {
            target.server.drop_database(earlier).await?;
        }
        before = proof.effect.after.clone();
        proofs.push(proof);
    }
    Ok(proofs)
}

/// The catalog that `sql`, run on a clone of the database of `target`, leads to: two scripts that lead to the same
/// one do the same job.
///
/// # Errors
/// Where the script fails, or the server does.
pub async fn leads_to(sql: &str, target: Target<'_>) -> Result<Catalog, ProofError> {
    let clones = Clones { target, timings: Vec::new() };
    let read = async |client: &Client| {
        client.batch_execute(sql).await?;
        Ok(catalog::read(client).await?)
    };
    clones.with("plain", read).await
}

/// Clones of one database, and the time that they are good for.
struct Clones<'a> {
    target: Target<'a>,
    timings: Vec<(&'static str, Duration)>,
}

impl Clones<'_> {
    /// A fresh clone for `purpose`.
    async fn make(&self, purpose: &str) -> Result<String, postgres::Error> {
        // Several migrations are proved one after the other, and each has clones of its own.
        let name = format!("{purpose}_{:08x}", uuid::Uuid::new_v4().as_fields().0);
        self.target.server.clone_database(self.target.database, &name).await?;
        Ok(name)
    }

    /// What `work` finds out in a session on a clone that nobody needs afterwards.
    async fn with<T>(
        &self,
        purpose: &str,
        work: impl AsyncFnOnce(&Client) -> Result<T, ProofError>,
    ) -> Result<T, ProofError> {
        let name = self.make(purpose).await?;
        let client = self.connect(&name).await?;
        let found = work(&client).await;
        drop(client);
        self.target.server.discard(name).await?;
        found
    }

    /// A session in which no statement takes longer than a migration may.
    async fn connect(&self, database: &str) -> Result<Client, ProofError> {
        let client = self.target.server.connect(database, Role::from(self.target.replay_as)).await?;
        client.batch_execute(&format!("SET statement_timeout = {}", self.target.limit.as_millis())).await?;
        Ok(client)
    }
}

/// What `work` comes to, and how long it took.
async fn timed<T>(work: impl Future<Output = Result<T, ProofError>>) -> Result<(T, Duration), ProofError> {
    let started = Instant::now();
    Ok((work.await?, started.elapsed()))
}
