//! What a migration does, proved on clones of the database that the history was replayed into.
//!
//! ```text
//! clone -> run as deployed          effect  the catalogs before and after
//! clone -> run statement by statement  trace   what each one locks, rewrites, scans
//! clone -> run with boundary rows      data    what becomes of rows that may exist
//! ```

use std::time::{Duration, Instant};

use tokio_postgres::Client;

use super::{
    Script, data,
    effect::Effect,
    locks,
    place::{Places, Verdict, merged},
    trace::trace,
};
use crate::{
    catalog::{self, Catalog, CatalogError},
    finding::Finding,
    history::{
        Migration,
        replay::{self, ReplayError, Target, statements},
    },
    postgres::{self, Role},
};

/// What was proved.
#[derive(Debug)]
pub struct Proof {
    /// What the migration did to the catalog.
    pub effect: Effect,
    /// What was found, in the order of the statements.
    pub findings: Vec<Finding>,
    /// The database in which the migration was run as it would be deployed.
    pub database: String,
    /// What each part of the proof cost.
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

/// Proves what `migration` does to the database of `target`, which nobody may be connected to and which stays
/// as it is. `file` is the migration's file, as a person at the repository's root would name it.
///
/// # Errors
/// Where the migration fails without any rows, or the server does.
pub async fn prove(
    migration: &Migration,
    script: Script<'_>,
    target: Target<'_>,
) -> Result<Proof, ProofError> {
    let mut clones = Clones { target, timings: Vec::new() };
    let started = Instant::now();
    let database = clones.make("effect").await?;
    let effect = effect(migration, Target { database: &database, ..target }).await?;
    clones.took("effect", started);

    let statements = statements::split(&migration.sql);
    let started = Instant::now();
    let traced = clones.make("trace").await?;
    let client = clones.connect(&traced).await?;
    let trace = trace(&client, &migration.sql, &statements).await?;
    drop(client);
    clones.took("locks", started);

    let places = Places { script: &script, statements: &statements, trace: &trace };
    let mut verdicts = effect.verdicts(places);
    if data::is_needed(&effect, places) {
        let started = Instant::now();
        let tried = clones.make("data").await?;
        let client = clones.connect(&tried).await?;
        verdicts.extend(data::verdicts(&client, &effect, places).await?);
        clones.took("data", started);
    }
    verdicts.extend(locks::verdicts(&effect.before, places));
    let findings = findings(verdicts, places);
    Ok(Proof { effect, findings, database, timings: clones.timings })
}

/// Runs the migration as it would be deployed, and compares.
async fn effect(migration: &Migration, target: Target<'_>) -> Result<Effect, ProofError> {
    let before = read(target).await?;
    replay::add(migration, target).await?;
    Ok(Effect::between(before, read(target).await?))
}

async fn read(target: Target<'_>) -> Result<Catalog, ProofError> {
    let client = target.server.connect(target.database, Role::from(target.replay_as)).await?;
    Ok(catalog::read(&client).await?)
}

fn findings(verdicts: Vec<Verdict>, places: Places<'_>) -> Vec<Finding> {
    let mut verdicts = merged(verdicts);
    verdicts.sort_by_key(|verdict| verdict.statement.unwrap_or(usize::MAX));
    verdicts.into_iter().map(|verdict| places.finding(verdict)).collect()
}

/// Clones of one database, and what they are good for.
struct Clones<'a> {
    target: Target<'a>,
    timings: Vec<(&'static str, Duration)>,
}

impl Clones<'_> {
    /// A fresh clone for `purpose`.
    async fn make(&self, purpose: &str) -> Result<String, postgres::Error> {
        let name = format!("{}_{purpose}", self.target.database);
        self.target.server.clone_database(self.target.database, &name).await?;
        Ok(name)
    }

    async fn connect(&self, database: &str) -> Result<Client, postgres::Error> {
        self.target.server.connect(database, Role::from(self.target.replay_as)).await
    }

    fn took(&mut self, what: &'static str, since: Instant) {
        self.timings.push((what, since.elapsed()));
    }
}
