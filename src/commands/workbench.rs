//! The temporary database with the history in it, Prisma beside it, and what the two are asked.

use std::collections::BTreeMap;

use camino::Utf8Path;

use super::{
    job::{Job, Stop, locate_prisma},
    way::Ground,
};
use crate::{
    catalog::{self, Catalog, Matching},
    context::Context,
    error::Error,
    external::External,
    guard::{
        convergence::{self, NotConverged},
        name::Name,
        proof::{self, Proof, carry},
    },
    history::{
        History, Migration,
        replay::{self, Target, statements},
        squash::Verdict,
    },
    postgres::{self, Role, Server},
    prisma::{self, Diff, DiffRequest, Toolchain, Wanting},
    process::Processes,
};

/// The database that the history is replayed into.
const HISTORY: &str = "history";

/// The clone that Prisma is asked about where something has to be different there.
const SHAPED: &str = "shaped";

/// A server with the history in it, and Prisma.
pub(super) struct Workbench<'j> {
    job: &'j Job<'j>,
    server: Server,
    prisma: Toolchain,
    external: External,
    /// What the history makes, with what is built beside it.
    pub(super) catalog: Catalog,
}

impl<'j> Workbench<'j> {
    /// Starts the server, replays `history` and finds Prisma. Neither waits for the other.
    pub(super) async fn set_up(job: &'j Job<'j>, history: &History) -> Result<Self, Stop> {
        prisma::check_schema(&job.project.schema)?;
        let external = job.project.external()?;
        let server = async {
            let server = job.postgres(history).await?;
            replay(job, (&server, &external), history).await?;
            let target = job.target(&server, HISTORY);
            external.set_up(target).await?.iter().for_each(|note| job.note(note));
            let catalog = proof::before(target).await?;
            Ok::<_, Stop>((server, catalog))
        };
        let prisma =
            async { Ok::<_, Stop>(locate_prisma(job.context, job.project, Wanting::Install).await?) };
        let ((server, catalog), prisma) = tokio::try_join!(server, prisma)?;
        for kept in external.unmatched(&catalog) {
            job.note(&format!("[external] keep: {kept} matches nothing"));
        }
        Ok(Self { job, server, prisma, external, catalog })
    }

    /// The tables of the replayed history that are split into partitions.
    pub(super) async fn partitioned_tables(&self) -> Result<Vec<Name>, Error> {
        let client = self.server.connect(HISTORY, self.job.role()).await?;
        let question = "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                        WHERE c.relkind = 'p'";
        let rows = client.query(question, &[]).await.map_err(|source| postgres::Error::Query {
            what: "list its partitioned tables".into(),
            source,
        })?;
        // What is in the schema that Prisma works in is written without it.
        let name = |schema: String, table: String| match schema == self.server.schema() {
            true => Name::bare(&table),
            false => Name::from_parts(&[schema, table]),
        };
        Ok(rows.iter().map(|row| name(row.get(0), row.get(1))).collect())
    }

    /// What the schema has and the history lacks, once `renames`, SQL, has been run.
    pub(super) async fn missing(&self, renames: &str) -> Result<Option<String>, Stop> {
        if renames.is_empty() {
            return self.ask((HISTORY, &self.catalog)).await;
        }
        let renamed = "renamed";
        self.server.clone_database(HISTORY, renamed).await?;
        let target = self.job.target(&self.server, renamed);
        let client = self.server.connect(renamed, Role::from(target.replay_as)).await?;
        client.batch_execute(renames).await.map_err(proof::ProofError::Connection)?;
        drop(client);
        self.ask((renamed, &proof::before(target).await?)).await
    }

    /// Proves on clones what `migrations` do, one after the other; what is kept and they take away all the same is
    /// among the verdicts.
    pub(super) async fn prove(&self, migrations: &[Migration]) -> Result<Vec<Proof>, Stop> {
        let target = self.job.target(&self.server, HISTORY);
        let mut proofs = proof::prove_all(migrations, self.catalog.clone(), target).await?;
        for proof in &mut proofs {
            proof.verdicts.extend(self.external.lost(&proof.effect));
            self.job.report.borrow_mut().timings.extend(proof.timings.iter().copied());
        }
        Ok(proofs)
    }

    /// What the schema still has and the database lacks after the migrations of `proofs`.
    pub(super) async fn left_after(&self, proofs: &[Proof]) -> Result<Option<String>, Stop> {
        match proofs.last() {
            Some(last) => self.ask((&last.database, &last.effect.after)).await,
            None => self.ask((HISTORY, &self.catalog)).await,
        }
    }

    /// Checks that the migrations of `proofs` do their job. `own` is Prisma's own text, which does: what leads to the
    /// same catalog does as well. Otherwise Prisma is asked again.
    pub(super) async fn converges(&self, proofs: &[Proof], own: Option<&str>) -> Result<(), Stop> {
        let Some(last) = proofs.last() else { return Ok(()) };
        if let Some(own) = own {
            let wanted = proof::leads_to(own, self.job.target(&self.server, HISTORY)).await?;
            if catalog::compare(&wanted, &last.effect.after, Matching::Names).is_empty() {
                return Ok(());
            }
        }
        let left = self.left_after(proofs).await?.map_or(Diff::Empty, Diff::Script);
        convergence::check(&left).map_err(|left: NotConverged| left.into())
    }

    /// What Prisma sees of a database with this catalog: its own script for it, run on an empty one. What of it cannot be
    /// run there is left out.
    pub(super) async fn seen_by_prisma(
        &self,
        (database, catalog): (&str, &Catalog),
    ) -> Result<Catalog, Stop> {
        let seen = "seen";
        self.server.create_database(seen, self.job.role()).await?;
        let target = self.job.target(&self.server, seen);
        self.external.prepare(target).await?;
        let script = match self.question(database, prisma::made).await? {
            Diff::Empty => String::new(),
            Diff::Script(sql) => sql,
        };
        let client = self.server.connect(seen, self.job.role()).await?;
        let extensions = catalog.extensions.keys().map(|name| catalog::quoted(name));
        let extensions = extensions.map(|name| format!("CREATE EXTENSION IF NOT EXISTS {name}"));
        let statements = statements::split(&script).into_iter().map(|range| script[range].to_owned());
        for statement in extensions.chain(statements) {
            // Prisma gives every index that it has read an order, which not every kind of index has.
            let without = statement.replace(" ASC,", ",").replace(" ASC)", ")");
            for attempt in [statement, without] {
                match client.batch_execute(&attempt).await {
                    Ok(()) => break,
                    Err(error) if error.as_db_error().is_some() => {}
                    Err(error) => return Err(proof::ProofError::Connection(error).into()),
                }
            }
        }
        drop(client);
        Ok(proof::before(target).await?)
    }

    /// Whether `theirs`, another history, makes from nothing what this one and the migrations of `proofs` make.
    pub(super) async fn stands_in_for(&self, theirs: &History, proofs: &[Proof]) -> Result<Verdict, Stop> {
        let other = "theirs";
        self.server.create_database(other, self.job.role()).await?;
        let target = self.job.target(&self.server, other);
        self.external.prepare(target).await?;
        if let Err(error) = replay::replay(theirs, target, |_| {}).await {
            return Ok(Verdict::Impossible(Error::from(error).text()));
        }
        self.external.set_up(target).await?;
        let made = proof::before(target).await?;
        let (database, catalog) = match proofs.last() {
            Some(last) => (last.database.as_str(), &last.effect.after),
            None => (HISTORY, &self.catalog),
        };
        let (theirs, ours) = (self.rows(other, &made).await?, self.rows(database, catalog).await?);
        Ok(Verdict::between((&made, &theirs), (catalog, &ours)))
    }

    /// How many rows each table of a database holds.
    async fn rows(&self, database: &str, catalog: &Catalog) -> Result<BTreeMap<Name, usize>, Stop> {
        let client = self.server.connect(database, self.job.role()).await?;
        let contents = carry::look(&client, catalog).await.map_err(proof::ProofError::Connection)?;
        Ok(contents.counts())
    }

    /// Where ways back are found and proved.
    pub(super) const fn ground(&self) -> Ground<'_> {
        Ground { job: self.job, server: &self.server, external: &self.external }
    }

    /// The way back from each of `migrations`, one after the other, as `down.sql` has it.
    pub(super) async fn downs(&self, migrations: &[Migration]) -> Result<Vec<String>, Stop> {
        let mut before = HISTORY.to_owned();
        let mut downs = Vec::new();
        for (at, migration) in migrations.iter().enumerate() {
            let after = format!("down_{at}");
            self.server.clone_database(&before, &after).await?;
            replay::add(migration, self.job.target(&self.server, &after)).await?;
            downs.push(self.ground().down(migration, (&before, &after)).await?);
            before = after;
        }
        Ok(downs)
    }

    /// Ends the server.
    pub(super) async fn stop(self) -> Result<(), Stop> {
        Ok(self.server.stop().await?)
    }

    /// Asks Prisma about a database, or about a clone of it without what Prisma must not see.
    async fn ask(&self, (database, catalog): (&str, &Catalog)) -> Result<Option<String>, Stop> {
        if !self.external.hides_something() {
            return self.diff(database).await;
        }
        let shaped = format!("{SHAPED}_{database}");
        self.server.clone_database(database, &shaped).await?;
        self.external.hide(catalog, self.job.target(&self.server, &shaped)).await?;
        self.diff(&shaped).await
    }

    async fn diff(&self, database: &str) -> Result<Option<String>, Stop> {
        Ok(match self.question(database, prisma::diff).await? {
            Diff::Empty => None,
            Diff::Script(sql) => Some(sql),
        })
    }

    /// Asks Prisma one of its questions about a database.
    async fn question(
        &self,
        database: &str,
        ask: impl AsyncFnOnce(&Processes, &Toolchain, &DiffRequest<'_>) -> Result<Diff, prisma::Error>,
    ) -> Result<Diff, Stop> {
        let Context { processes, settings, .. } = self.job.context;
        let stage = self.job.context.progress.stage("diff");
        stage.doing("prisma migrate diff");
        // Below the server's directory, what a killed machine leaves is swept with it.
        let work = processes.temporary_directory(self.server.socket_directory(), "prisma-")?;
        let question = DiffRequest {
            database_url: &self.server.prisma_url(database, self.job.role()),
            schema: &self.job.project.schema,
            work_dir: Utf8Path::from_path(work.path()).unwrap_or(self.server.socket_directory()),
            timeout: settings.step_timeout(),
            config: self.job.project.prisma_config.as_ref(),
        };
        let diff = ask(processes, &self.prisma, &question).await?;
        self.prisma.notes().iter().for_each(|note| self.job.note(note));
        self.job.took_part(stage, self.prisma.tools());
        Ok(diff)
    }
}

/// Applies the history to an empty database, after what has to be there before it.
async fn replay(
    job: &Job<'_>,
    (server, external): (&Server, &External),
    history: &History,
) -> Result<(), Stop> {
    let stage = job.context.progress.stage("replay");
    job.warn_of_the_order(history);
    server.create_database(HISTORY, job.role()).await?;
    let target: Target<'_> = job.target(server, HISTORY);
    external.prepare(target).await?;
    stage.steps(history.migrations.len());
    replay::replay(history, target, |migration| stage.step(&migration.name)).await?;
    job.done(stage.done(&format!("{} migrations applied", history.migrations.len())));
    Ok(())
}
