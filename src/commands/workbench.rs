//! The temporary database with the history in it, Prisma beside it, and what the two are asked.

use camino::Utf8Path;

use super::{
    job::{Job, Stop, locate_prisma},
    replayed::{HISTORY, Replayed},
};
use crate::{
    catalog::{self, Catalog, Matching},
    context::Context,
    error::Error,
    external::External,
    guard::{
        convergence::{self, NotConverged},
        name::Name,
        proof::{self, Proof},
    },
    history::{History, Migration},
    postgres::{self, Role},
    prisma::{self, Diff, Toolchain, Wanting},
};

/// The clone that Prisma is asked about where something has to be different there.
const SHAPED: &str = "shaped";

/// A server with the history in it, and Prisma.
pub(super) struct Workbench<'j> {
    job: &'j Job<'j>,
    replayed: Replayed,
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
            let replayed = job.replayed(history, &external).await?;
            let target = job.target(&replayed.server, HISTORY);
            external.set_up(target).await?.iter().for_each(|note| job.note(note));
            let catalog = proof::before(target).await?;
            Ok::<_, Stop>((replayed, catalog))
        };
        let prisma =
            async { Ok::<_, Stop>(locate_prisma(job.context, job.project, Wanting::Install).await?) };
        let ((replayed, catalog), prisma) = tokio::try_join!(server, prisma)?;
        for kept in external.unmatched(&catalog) {
            job.note(&format!("[external] keep: {kept} matches nothing"));
        }
        Ok(Self { job, replayed, prisma, external, catalog })
    }

    /// The tables of the replayed history that are split into partitions.
    pub(super) async fn partitioned_tables(&self) -> Result<Vec<Name>, Error> {
        let client = self.replayed.server.connect(HISTORY, self.job.role()).await?;
        let question = "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                        WHERE c.relkind = 'p'";
        let rows = client.query(question, &[]).await.map_err(|source| postgres::Error::Query {
            what: "list its partitioned tables".into(),
            source,
        })?;
        // What is in the schema that Prisma works in is written without it.
        let name = |schema: String, table: String| match schema == self.replayed.server.schema() {
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
        self.replayed.server.clone_database(HISTORY, renamed).await?;
        let target = self.job.target(&self.replayed.server, renamed);
        let client = self.replayed.server.connect(renamed, Role::from(target.replay_as)).await?;
        client.batch_execute(renames).await.map_err(proof::ProofError::Connection)?;
        drop(client);
        self.ask((renamed, &proof::before(target).await?)).await
    }

    /// Proves on clones what `migrations` do, one after the other; what is kept and they take away all the same is
    /// among the verdicts.
    pub(super) async fn prove(&self, migrations: &[Migration]) -> Result<Vec<Proof>, Stop> {
        let target = self.job.target(&self.replayed.server, HISTORY);
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
            let wanted = proof::leads_to(own, self.job.target(&self.replayed.server, HISTORY)).await?;
            if catalog::compare(&wanted, &last.effect.after, Matching::Names).is_empty() {
                return Ok(());
            }
        }
        let left = self.left_after(proofs).await?.map_or(Diff::Empty, Diff::Script);
        convergence::check(&left).map_err(|left: NotConverged| left.into())
    }

    /// Ends the server.
    pub(super) async fn stop(self) -> Result<(), Stop> {
        Ok(self.replayed.stop().await?)
    }

    /// Asks Prisma about a database, or about a clone of it without what Prisma must not see.
    async fn ask(&self, (database, catalog): (&str, &Catalog)) -> Result<Option<String>, Stop> {
        if !self.external.hides_something() {
            return self.diff(database).await;
        }
        let shaped = format!("{SHAPED}_{database}");
        self.replayed.server.clone_database(database, &shaped).await?;
        self.external.hide(catalog, self.job.target(&self.replayed.server, &shaped)).await?;
        self.diff(&shaped).await
    }

    async fn diff(&self, database: &str) -> Result<Option<String>, Stop> {
        let Context { processes, settings, .. } = self.job.context;
        let stage = self.job.context.progress.stage("diff");
        stage.doing("prisma migrate diff");
        // Below the server's directory, what a killed machine leaves is swept with it.
        let work = processes.temporary_directory(self.replayed.server.socket_directory(), "prisma-")?;
        let question = prisma::DiffRequest {
            database_url: &self.replayed.server.prisma_url(database, self.job.role()),
            schema: &self.job.project.schema,
            work_dir: Utf8Path::from_path(work.path()).unwrap_or(self.replayed.server.socket_directory()),
            timeout: settings.step_timeout(),
            config: self.job.project.prisma_config.as_ref(),
        };
        let diff = prisma::diff(processes, &self.prisma, &question).await?;
        self.prisma.notes().iter().for_each(|note| self.job.note(note));
        self.job.took_part(stage, self.prisma.tools());
        Ok(match diff {
            Diff::Empty => None,
            Diff::Script(sql) => Some(sql),
        })
    }
}
