//! The databases that two releases make: the new one's from nothing, the previous one's, and that one upgraded.

mod schema;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use camino::{Utf8Path, Utf8PathBuf};

use super::bench::{Bench, Made};
use crate::{
    catalog::{self, Catalog, Difference, Matching, compare},
    error::Error,
    external::External,
    guard::{
        name::Name,
        proof::{
            self, Proof, ProofError,
            carry::{self, Fate},
        },
    },
    history::{
        History, Migration,
        replay::{self, Failure, ReplayError, Target},
        squash::Verdict,
    },
    postgres::{self, Role, Server},
    release::{compare::Pair, package::Package},
    report::progress::Stage,
};

/// What was proved.
pub(super) struct Proofs {
    /// A new database of the new release.
    pub(super) fresh: Result<(), Box<Failure>>,
    /// A database of the previous one, and what became of it.
    pub(super) upgrade: Upgrade,
    /// What each migration did that a deploy applies, as far as the upgrade came.
    pub(super) steps: Vec<(String, Proof)>,
    /// The migrations against the schema.
    pub(super) schema: Schema,
    /// What became of the question whether one migration stands in for others.
    pub(super) squash: Verdict,
    /// What the programs that took part have to say.
    pub(super) notes: Vec<String>,
}

/// What became of a database of the previous release.
pub(super) enum Upgrade {
    /// There can be none.
    Impossible(Box<Failure>),
    /// A migration that would have to be applied cannot be read.
    Unreadable(String),
    /// It does not take this migration.
    Stopped(Box<Failure>),
    /// It took them all.
    Done(Box<Done>),
}

/// An upgrade that came to its end.
pub(super) struct Done {
    /// The catalog before.
    pub(super) before: Catalog,
    /// The catalog after.
    pub(super) after: Catalog,
    /// What a new database has otherwise.
    pub(super) unlike: Vec<Difference>,
    /// How many rows went in before.
    pub(super) rows: usize,
    /// What became of them.
    pub(super) fates: Vec<Fate>,
    /// The migration that fails on rows.
    pub(super) rows_fail: Option<Box<Failure>>,
}

/// The migrations against the schema.
pub(super) enum Schema {
    /// There is no schema.
    None,
    /// There is no database to compare it with.
    NoDatabase,
    /// It could not be compared.
    Failed(Error),
    /// What the schema asks for, what of that the migrations make otherwise, and what was so before.
    Compared { wanted: Box<Catalog>, unlike: Vec<Difference>, before: Vec<Difference> },
}

impl Proofs {
    /// What was proved about the migration `name`.
    pub(super) fn of(&self, name: &str) -> Option<&Proof> {
        self.steps.iter().find(|(step, _)| step == name).map(|(_, proof)| proof)
    }
}

/// Proves what `pair` does to databases.
///
/// # Errors
/// Where the server cannot be had or breaks, or a migration meets what only this server lacks.
pub(super) async fn prove(bench: &Bench<'_>, pair: &Pair<'_>, stage: &Stage) -> Result<Proofs, Error> {
    let server = bench.server(stage).await?;
    let (from, to) = (Side::new(bench, server, pair.from)?, Side::new(bench, server, pair.to)?);
    let work = Work { bench, pair, server, from, to, notes: RefCell::default() };
    stage.doing(format!("making a new database of {}", pair.to_name));
    let fresh = work.make(&work.to, &pair.loaded.history).await?;
    stage.doing(format!("making a database of {}", pair.from_name));
    let from = work.old().await?;
    let squash = work.squash(&from, &fresh).await?;
    stage.doing("upgrading it");
    let (upgrade, steps) = work.upgrade((&from, &squash), fresh.as_ref().ok()).await?;
    stage.doing("prisma migrate diff");
    let schema = work.schema(fresh.as_ref().ok(), from.as_ref().ok()).await;
    if let Ok(from) = from {
        server.drop_database(&from.database).await?;
    }
    let fresh = fresh.map(|fresh| bench.keep(&pair.to.path, fresh));
    Ok(Proofs { fresh, upgrade, steps, schema, squash, notes: work.notes.into_inner() })
}

struct Work<'a> {
    bench: &'a Bench<'a>,
    pair: &'a Pair<'a>,
    server: &'a Server,
    from: Side,
    to: Side,
    notes: RefCell<Vec<String>>,
}

/// One of the two releases, its schema on the disk.
struct Side {
    /// The schema's file or folder, if there is a schema.
    schema: Option<Utf8PathBuf>,
    /// What the project has outside Prisma's model.
    external: External,
    _directory: tempfile::TempDir,
}

impl Side {
    fn new(bench: &Bench<'_>, server: &Server, package: &Package) -> Result<Self, Error> {
        // Below the server's directory, what a killed machine leaves is swept with it.
        let parent = server.socket_directory();
        let directory = bench.context.processes.temporary_directory(parent, "schema-")?;
        let path = Utf8Path::from_path(directory.path()).unwrap_or(parent);
        let schema = if package.schema.is_some() { Some(schema::write_schema(package, path)?) } else { None };
        let project = &bench.project;
        let base = project.config.as_deref().and_then(Utf8Path::parent).unwrap_or(&project.root);
        let external = External::load(&project.external, base, schema.as_deref())?;
        Ok(Self { schema, external, _directory: directory })
    }
}

impl Work<'_> {
    fn target<'t>(&'t self, database: &'t str) -> Target<'t> {
        self.bench.target(self.server, database)
    }

    fn note(&self, note: &str) {
        let mut notes = self.notes.borrow_mut();
        if !notes.iter().any(|known| known == note) {
            notes.push(note.to_owned());
        }
    }

    /// A database of the previous release: the one that the last pair left, if it is that.
    async fn old(&self) -> Result<Result<Made, Box<Failure>>, Error> {
        match self.bench.kept(&self.pair.from.path) {
            Some((made, true)) => return Ok(Ok(made)),
            Some((made, false)) => self.server.drop_database(&made.database).await?,
            None => {}
        }
        self.make(&self.from, &self.pair.from.history().history).await
    }

    /// A database that the history of `side` was applied to from nothing, with what is built beside it.
    async fn make(&self, side: &Side, history: &History) -> Result<Result<Made, Box<Failure>>, Error> {
        let database = self.bench.database("release");
        self.bench.begin(self.server, &database).await?;
        if let Err(error) = replay::replay(history, self.target(&database), |_| {}).await {
            return Ok(Err(fault(error)?));
        }
        let catalog = self.built_beside(side, &database).await?;
        Ok(Ok(Made { database, catalog }))
    }

    /// Builds in `database` what `side` builds outside its migrations, and reads its catalog.
    async fn built_beside(&self, side: &Side, database: &str) -> Result<Catalog, Error> {
        side.external.set_up(self.target(database)).await?.iter().for_each(|note| self.note(note));
        Ok(proof::before(self.target(database)).await?)
    }

    /// Whether one new migration stands in for what the new release has no more.
    async fn squash(
        &self,
        from: &Result<Made, Box<Failure>>,
        fresh: &Result<Made, Box<Failure>>,
    ) -> Result<Verdict, Error> {
        if self.pair.squash().is_none() {
            return Ok(Verdict::Untried);
        }
        match (from, fresh) {
            (Ok(from), Ok(fresh)) => {
                let rows = (self.rows(from).await?, self.rows(fresh).await?);
                Ok(Verdict::between((&from.catalog, &rows.0), (&fresh.catalog, &rows.1)))
            }
            (Err(failure), _) => Ok(Verdict::Impossible(failure.what.clone())),
            (_, Err(failure)) => Ok(Verdict::Unlike(vec![failure.what.clone()])),
        }
    }

    /// How many rows each table of a database holds.
    async fn rows(&self, made: &Made) -> Result<BTreeMap<Name, usize>, Error> {
        let client = self.server.connect(&made.database, Role::Superuser).await?;
        Ok(carry::look(&client, &made.catalog).await.map_err(ProofError::from)?.counts())
    }

    /// Applies to a database of the previous release what a deploy of the new one would, and looks at each step. A
    /// squash is recorded as applied before.
    async fn upgrade(
        &self,
        (from, squash): (&Result<Made, Box<Failure>>, &Verdict),
        fresh: Option<&Made>,
    ) -> Result<(Upgrade, Vec<(String, Proof)>), Error> {
        let from = match from {
            Ok(from) => from,
            Err(failure) => return Ok((Upgrade::Impossible(failure.clone()), Vec::new())),
        };
        let recorded = self.pair.squash().filter(|_| *squash == Verdict::Same).map(|squash| squash.into);
        let pending = match self.pending() {
            Ok(mut pending) => {
                pending.retain(|one| recorded.as_ref() != Some(&one.name));
                pending
            }
            Err(unreadable) => return Ok((Upgrade::Unreadable(unreadable), Vec::new())),
        };
        let (mut database, mut after) = (from.database.clone(), from.catalog.clone());
        let mut steps = Vec::new();
        for migration in &pending {
            let proved = proof::prove(migration, after, self.target(&database)).await;
            if database != from.database {
                self.server.drop_database(&database).await?;
            }
            match proved {
                Ok(mut proof) => {
                    proof.verdicts.extend(self.from.external.lost(&proof.effect));
                    (database, after) = (proof.database.clone(), proof.effect.after.clone());
                    steps.push((migration.name.clone(), proof));
                }
                Err(ProofError::Migration(error)) => return Ok((Upgrade::Stopped(fault(error)?), steps)),
                Err(error) => return Err(error.into()),
            }
        }
        if database != from.database {
            after = self.built_beside(&self.to, &database).await?;
            self.server.drop_database(&database).await?;
        }
        let mut done = Done {
            before: from.catalog.clone(),
            unlike: fresh.map(|fresh| compare(&after, &fresh.catalog, Matching::Names)).unwrap_or_default(),
            after,
            rows: 0,
            fates: Vec::new(),
            rows_fail: None,
        };
        if !pending.is_empty() {
            self.carry(from, &pending, &mut done).await?;
        }
        Ok((Upgrade::Done(Box::new(done)), steps))
    }

    /// The migrations that a deploy applies, or the name of one that cannot be read.
    fn pending(&self) -> Result<Vec<&Migration>, String> {
        let readable = |name: &str| {
            let migrations = &self.pair.loaded.history.migrations;
            migrations.iter().find(|one| one.name == name).ok_or_else(|| name.to_owned())
        };
        let damaged =
            self.pair.loaded.damages.iter().find(|damage| !self.pair.theirs.contains_key(&damage.object));
        match damaged {
            Some(damage) => Err(damage.object.clone()),
            None => self.pair.pending().into_iter().map(readable).collect(),
        }
    }

    /// Puts rows into a database of the previous release, applies what a deploy would, and looks at them again.
    async fn carry(&self, from: &Made, pending: &[&Migration], done: &mut Done) -> Result<(), Error> {
        let database = self.bench.database("rows");
        self.server.clone_database(&from.database, &database).await?;
        let broken = |source| postgres::Error::Query { what: "put rows into a database".into(), source };
        // What is there before a history belongs to others.
        let witness = self.server.connect(&database, Role::Superuser).await?;
        let client = self.server.connect(&database, self.bench.role()).await?;
        let touched = touched(&from.catalog, &done.after);
        done.rows = carry::put(&client, &from.catalog, &touched).await.map_err(broken)?;
        drop(client);
        let before = carry::look(&witness, &from.catalog).await.map_err(broken)?;
        for migration in pending {
            if let Err(error) = replay::add(migration, self.target(&database)).await {
                done.rows_fail = Some(fault(error)?);
                return Ok(self.server.drop_database(&database).await?);
            }
        }
        let catalog = catalog::read(&witness).await.map_err(ProofError::from)?;
        let after = carry::look(&witness, &catalog).await.map_err(broken)?;
        drop(witness);
        done.fates = carry::fates((&from.catalog, &before), (&catalog, &after));
        Ok(self.server.drop_database(&database).await?)
    }
}

/// The tables of `before` that are other ones in `after`, or have something else on them.
fn touched<'a>(before: &'a Catalog, after: &Catalog) -> BTreeSet<&'a Name> {
    let differences = compare(before, after, Matching::Identity);
    let is_touched = |name: &Name| {
        let object = name.to_string();
        differences
            .iter()
            .any(|difference| difference.object == object || difference.on.as_ref() == Some(name))
    };
    before.tables.keys().filter(|name| is_touched(name)).collect()
}

/// The migration's own fault; an error where only this server is to blame.
fn fault(error: ReplayError) -> Result<Box<Failure>, Error> {
    match error {
        ReplayError::Migration(failure) if !failure.may_succeed_elsewhere => Ok(failure),
        other => Err(other.into()),
    }
}
