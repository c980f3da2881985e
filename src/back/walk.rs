//! The way is walked on a temporary database: step by step to find it, at one go to prove it.

use tokio_postgres::{Client, error::SqlState};

use super::{
    losses::Losses,
    plan::{Retype, Way},
};
use crate::{
    catalog::{self, Catalog, CatalogError, Change, Difference, Matching, compare},
    guard::{proof::Effect, row_changes},
    history::{
        Migration, checksum,
        replay::{self, ReplayError, Target},
    },
    postgres::{self, Role},
};

/// More steps than any way has: a thing that is made and never becomes what it was.
const STEPS: usize = 60;

/// A way back that was proved.
#[derive(Debug, Clone)]
pub struct Back {
    /// Its statements, one paragraph each.
    pub sql: String,
    /// What it cannot do.
    pub losses: Losses,
}

/// Why there is no way back that could be proved.
#[derive(Debug, thiserror::Error)]
pub enum NoWayBack {
    /// Nothing that is known leads on.
    #[error("no statement is known that would undo this:{}", list(.0))]
    Stuck(Vec<Difference>),
    /// A statement fails even without rows.
    #[error("{statement} fails: {message}")]
    Fails {
        /// The statement.
        statement: String,
        /// What PostgreSQL said.
        message: String,
    },
    /// It leads somewhere else.
    #[error("after it the catalog would not be as before:{}", list(.0))]
    Elsewhere(Vec<Difference>),
    /// What came later needs what would go, or was changed along with it.
    #[error("migrations after it build on it: on what they made, the way back would do this:{}", list(.0))]
    BuiltOn(Vec<Difference>),
}

fn list(differences: &[Difference]) -> String {
    differences.iter().map(|one| format!("\n  {one}")).collect()
}

/// No way back was found.
#[derive(Debug, thiserror::Error)]
pub enum BackError {
    /// There is none.
    #[error("there is no way back from {migration} that could be proved: {why}")]
    None {
        /// The migration.
        migration: String,
        /// Why.
        why: Box<NoWayBack>,
    },
    /// The temporary server failed.
    #[error(transparent)]
    Server(#[from] postgres::Error),
    /// The catalog could not be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// A script could not be run for a reason that is not its own.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The connection broke.
    #[error("the connection to the temporary server broke: {}", postgres::describe(.0))]
    Connection(#[from] tokio_postgres::Error),
    /// The system grants no thread to parse in.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl BackError {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::None { .. } => Some(
                "write down.sql beside the migration by hand: it is proved before it is used; or undo the change in the \
                 schema and generate a migration"
                    .into(),
            ),
            Self::Server(error) => error.hint(),
            Self::Replay(error) => error.hint(),
            Self::Catalog(_) | Self::Connection(_) | Self::Io(_) => None,
        }
    }
}

/// What `migration` did to the database of `target`, which `before` is the same without: the catalogs as seen from the
/// schema that Prisma works in.
///
/// # Errors
/// Where a database cannot be asked.
pub async fn effect_of(before: &str, target: Target<'_>) -> Result<Effect, BackError> {
    let before = read(Target { database: before, ..target }).await?;
    Ok(Effect::between(before, read(target).await?))
}

/// Finds the way back from what `migration` did to the database of `target`, which nobody may be connected to and which
/// stays as it is, and proves it.
///
/// # Errors
/// Where there is none, or the server fails.
pub async fn find(migration: &Migration, effect: &Effect, target: Target<'_>) -> Result<Back, BackError> {
    let client = clone(target).await?;
    let statements = match walk(&client, effect, target.server.schema()).await? {
        Ok(statements) => statements,
        Err(why) => return Err(none(migration, why)),
    };
    drop(client);
    let sql: String = statements.iter().map(|statement| format!("\n{statement};\n")).collect();
    let sql = sql.trim_start().to_owned();
    given(migration, &sql, effect, target).await
}

/// The way back that somebody wrote, proved.
///
/// # Errors
/// Where it does not lead back, or the server fails.
pub async fn given(
    migration: &Migration,
    sql: &str,
    effect: &Effect,
    target: Target<'_>,
) -> Result<Back, BackError> {
    leads_back(migration, sql, effect, target).await?;
    let losses = Losses::of(effect, sql, &row_changes::lines(&migration.sql)?);
    Ok(Back { sql: sql.to_owned(), losses })
}

/// Proves that `sql` leads back from what `migration` did to the database of `target`.
///
/// # Errors
/// Where it does not, or the server fails.
async fn leads_back(
    migration: &Migration,
    sql: &str,
    effect: &Effect,
    target: Target<'_>,
) -> Result<(), BackError> {
    let reached = run(migration, sql, target).await?;
    let differences = compare(&effect.before, &reached, Matching::Names);
    if differences.is_empty() { Ok(()) } else { Err(none(migration, NoWayBack::Elsewhere(differences))) }
}

/// Proves that `sql` undoes just what `migration` did, as `effect` has it, on the database of `target`, where later
/// migrations came after it.
///
/// # Errors
/// Where it does something else, or the server fails.
pub async fn is_undone(
    migration: &Migration,
    sql: &str,
    effect: &Effect,
    target: Target<'_>,
) -> Result<(), BackError> {
    let wanted = compare(&effect.after, &effect.before, Matching::Names);
    let now = read(target).await?;
    let mut done = compare(&now, &run(migration, sql, target).await?, Matching::Names);
    let is_same = |one: &Difference, other: &Difference| {
        (one.kind, &one.object, &one.change) == (other.kind, &other.object, &other.change)
    };
    let missing = wanted.iter().any(|one| !done.iter().any(|other| is_same(one, other)));
    if !missing {
        done.retain(|one| !wanted.iter().any(|other| is_same(one, other)));
    }
    if done.is_empty() && !missing { Ok(()) } else { Err(none(migration, NoWayBack::BuiltOn(done))) }
}

fn none(migration: &Migration, why: NoWayBack) -> BackError {
    BackError::None { migration: migration.name.clone(), why: Box::new(why) }
}

async fn read(target: Target<'_>) -> Result<Catalog, BackError> {
    let client = target.server.connect(target.database, Role::from(target.replay_as)).await?;
    Ok(catalog::read_from(&client, target.server.schema()).await?)
}

/// The catalog that `sql` leads to, run on a clone of the database of `target` as a migration would be.
async fn run(migration: &Migration, sql: &str, target: Target<'_>) -> Result<Catalog, BackError> {
    let database = fresh(target).await?;
    let target = Target { database: &database, ..target };
    let script = Migration {
        name: format!("{} (down)", migration.name),
        path: migration.path.with_file_name(super::FILE_NAME),
        checksum: checksum(sql.as_bytes()),
        sql: sql.to_owned(),
    };
    match replay::add(&script, target).await {
        Err(ReplayError::Migration(failure)) if !failure.may_succeed_elsewhere => {
            let (statement, message) = (failure.statement.clone(), failure.what.clone());
            Err(none(migration, NoWayBack::Fails { statement, message }))
        }
        other => {
            other?;
            read(target).await
        }
    }
}

async fn fresh(target: Target<'_>) -> Result<String, postgres::Error> {
    let name = format!("back_{:08x}", uuid::Uuid::new_v4().as_fields().0);
    target.server.clone_database(target.database, &name).await?;
    Ok(name)
}

/// A session in a clone, in which no statement takes longer than a migration may.
async fn clone(target: Target<'_>) -> Result<Client, BackError> {
    let client = target.server.connect(&fresh(target).await?, Role::from(target.replay_as)).await?;
    client.batch_execute(&format!("SET statement_timeout = {}", target.limit.as_millis())).await?;
    Ok(client)
}

/// Takes step after step until nothing is different.
async fn walk(
    client: &Client,
    effect: &Effect,
    home: &str,
) -> Result<Result<Vec<String>, NoWayBack>, BackError> {
    let mut walked = Vec::new();
    let mut retype = Retype::Cast;
    for _ in 0..STEPS {
        let now = catalog::read_from(client, home).await?;
        let mut way = Way::between(&effect.before, &now, home);
        way.retype = retype;
        if way.differences.is_empty() {
            return Ok(Ok(walked));
        }
        let Some(statements) = way.next() else { return Ok(Err(NoWayBack::Stuck(way.differences))) };
        match client.batch_execute(&format!("BEGIN;\n{};\nCOMMIT", statements.join(";\n"))).await {
            Ok(()) => walked.extend(statements),
            Err(error) => {
                client.batch_execute("ROLLBACK").await?;
                if error.code() == Some(&SqlState::CANNOT_COERCE) && retype == Retype::Cast {
                    retype = Retype::Anew;
                } else if error.as_db_error().is_some() {
                    let statement = statements.join(";\n");
                    return Ok(Err(NoWayBack::Fails { statement, message: postgres::describe(&error) }));
                } else {
                    return Err(error.into());
                }
            }
        }
    }
    let now = catalog::read_from(client, home).await?;
    let mut differences = compare(&effect.before, &now, Matching::Identity);
    differences.retain(|one| one.change != Change::Replaced);
    Ok(Err(NoWayBack::Stuck(differences)))
}
