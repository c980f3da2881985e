//! The temporary database at work, with Prisma beside it.

use std::{borrow::Borrow, cell::RefCell, collections::BTreeMap, convert::Infallible, time::Duration};

use camino::Utf8Path;
use tokio::sync::OnceCell;

use super::inputs::Inputs;
use crate::{
    catalog::{self, Catalog},
    commands::{
        job::{Job, Stop},
        replayed::{HISTORY, Plan, Replayed, replayed},
    },
    error::Error,
    guard::{
        name::Name,
        proof::{self, carry},
    },
    history::{
        History,
        replay::{self, statements},
        squash::Verdict,
    },
    postgres::{Door, Role, Server, Venue},
    prisma::{self, Asked, Diff, Sides},
};

/// The clone that Prisma is asked about where something has to be different there.
const SHAPED: &str = "shaped";

/// A limit that is none: how long a history takes, nobody knows.
const AS_LONG_AS_IT_TAKES: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A server with the history in it, and Prisma, which is starting meanwhile.
pub(super) struct Live {
    pub(super) replayed: Replayed,
    catalog: OnceCell<Catalog>,
    /// What a person should know of how it came about.
    pub(super) notes: Vec<String>,
    early: RefCell<Option<Early>>,
}

/// A question to Prisma about a database that is not there yet.
struct Early {
    door: Door,
    asked: Asked,
    limit: Duration,
    _work: tempfile::TempDir,
}

impl Live {
    /// Starts the server, has the history in it, and starts Prisma.
    pub(super) async fn start(job: &Job<'_>, inputs: &Inputs<'_>) -> Result<Self, Stop> {
        // It only saves time: where it cannot be had, Prisma is asked when the database is there.
        let early = RefCell::new(Early::begin(job, inputs).await.ok().flatten());
        let Inputs { history, wanted, external, replay_as, venue, .. } = inputs;
        let plan = Plan { context: job.context, wanted, external, replay_as: *replay_as, history };
        let replayed = replayed(plan, venue, job.context.progress.stage("postgres")).await?;
        job.report.borrow_mut().timings.extend(&replayed.timings);
        let mut notes = Vec::new();
        if !replayed.about.roles.is_empty() {
            let roles = replayed.about.roles.join(", ");
            notes.push(format!("Roles that the history names were made for the replay: {roles}"));
        }
        notes.extend(job.remark_on_the_order(history));
        let target = job.target(&replayed.server, HISTORY);
        notes.extend(external.set_up(target).await?);
        let mut live = Self { replayed, catalog: OnceCell::new(), notes, early };
        if external.hides_something() {
            let unmatched = external.unmatched(live.catalog(job).await?);
            let remarks = unmatched.iter().map(|kept| format!("[external] keep: {kept} matches nothing"));
            live.notes.extend(remarks);
        }
        Ok(live)
    }

    /// What the history makes, with what is built beside it.
    pub(super) async fn catalog(&self, job: &Job<'_>) -> Result<&Catalog, Stop> {
        let target = job.target(self.server(), HISTORY);
        self.catalog.get_or_try_init(async || Ok(proof::before(target).await?)).await
    }

    pub(super) const fn server(&self) -> &Server {
        &self.replayed.server
    }

    /// Asks Prisma about a database, or about a clone of it without what Prisma must not see: only then its `catalog` is
    /// waited for.
    pub(super) async fn ask<C: Borrow<Catalog>>(
        &self,
        (job, inputs): (&Job<'_>, &Inputs<'_>),
        (database, catalog): (&str, impl Future<Output = Result<C, Stop>>),
    ) -> Result<Option<String>, Stop> {
        if !inputs.external.hides_something() {
            return self.diff(job, inputs, database).await;
        }
        let catalog = catalog.await?;
        let shaped = format!("{SHAPED}_{database}");
        self.server().clone_database(database, &shaped).await?;
        inputs.external.hide(catalog.borrow(), job.target(self.server(), &shaped)).await?;
        self.diff(job, inputs, &shaped).await
    }

    /// What Prisma sees of a database with this catalog: its own script for it, run on an empty one.
    pub(super) async fn seen_by_prisma(
        &self,
        (job, inputs): (&Job<'_>, &Inputs<'_>),
        (database, catalog): (&str, &Catalog),
    ) -> Result<Catalog, Stop> {
        let seen = "seen";
        self.server().create_database(seen, job.role()).await?;
        let target = job.target(self.server(), seen);
        inputs.external.prepare(target).await?;
        let script = match self.ask_now(job, inputs, (database, Sides::NothingToDatabase)).await? {
            Diff::Empty => String::new(),
            Diff::Script(sql) => sql,
        };
        let client = self.server().connect(seen, job.role()).await?;
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

    /// Whether `theirs`, another history, makes from nothing what is in a database with this catalog.
    pub(super) async fn stands_in_for(
        &self,
        (job, inputs): (&Job<'_>, &Inputs<'_>),
        theirs: &History,
        (database, catalog): (&str, &Catalog),
    ) -> Result<Verdict, Stop> {
        let other = "theirs";
        self.server().create_database(other, job.role()).await?;
        let target = job.target(self.server(), other);
        inputs.external.prepare(target).await?;
        if let Err(error) = replay::replay(theirs, target, |_| {}).await {
            return Ok(Verdict::Impossible(Error::from(error).text()));
        }
        inputs.external.set_up(target).await?;
        let made = proof::before(target).await?;
        let (theirs, ours) =
            (self.rows(job, (other, &made)).await?, self.rows(job, (database, catalog)).await?);
        Ok(Verdict::between((&made, &theirs), (catalog, &ours)))
    }

    /// How many rows each table of a database holds.
    async fn rows(
        &self,
        job: &Job<'_>,
        (database, catalog): (&str, &Catalog),
    ) -> Result<BTreeMap<Name, usize>, Stop> {
        let client = self.server().connect(database, job.role()).await?;
        let contents = carry::look(&client, catalog).await.map_err(proof::ProofError::Connection)?;
        Ok(contents.counts())
    }

    async fn diff(&self, job: &Job<'_>, inputs: &Inputs<'_>, database: &str) -> Result<Option<String>, Stop> {
        let stage = job.context.progress.stage("diff");
        stage.doing("prisma migrate diff");
        let early = self.early.take();
        let diff = match early {
            Some(early) => match self.meanwhile(job, early.answer(self.server(), database)).await {
                Ok(diff) => Ok(diff),
                Err(error @ (prisma::Error::Schema { .. } | prisma::Error::Timeout { .. })) => Err(error),
                // Asked in the ordinary way, it says what is wrong, if that is not the way it was asked.
                Err(_) => self.ask_now(job, inputs, (database, Sides::DatabaseToSchema)).await,
            },
            None => self.ask_now(job, inputs, (database, Sides::DatabaseToSchema)).await,
        }?;
        job.done(stage.done(&super::lines(&inputs.prisma.tools())));
        Ok(match diff {
            Diff::Empty => None,
            Diff::Script(sql) => Some(sql),
        })
    }

    /// Waits for Prisma, and gets ready for the next question meanwhile: most of Prisma's time is Node's, which leaves
    /// the server idle.
    async fn meanwhile<T>(&self, job: &Job<'_>, answer: impl Future<Output = T>) -> T {
        let get_ready = async {
            // Whatever goes wrong is said where it is needed.
            let _ = self.catalog(job).await;
            std::future::pending::<Infallible>().await
        };
        tokio::select! {
            biased;
            answer = answer => answer,
            never = get_ready => match never {},
        }
    }

    async fn ask_now(
        &self,
        job: &Job<'_>,
        inputs: &Inputs<'_>,
        (database, sides): (&str, Sides),
    ) -> Result<Diff, prisma::Error> {
        let url = self.server().prisma_url(database, Role::from(inputs.replay_as));
        // Below the server's directory, what a killed machine leaves is swept with it.
        let limit = job.context.settings.step_timeout();
        let place = (url.as_str(), self.server().socket_directory());
        let (asked, _work) = ask((job, inputs), sides, place, limit)?;
        asked.answer().await
    }
}

impl Early {
    /// Only for a server of our own: of another one it is not known yet how to reach the database.
    async fn begin(job: &Job<'_>, inputs: &Inputs<'_>) -> Result<Option<Self>, Error> {
        if matches!(inputs.venue, Venue::Theirs(_)) {
            return Ok(None);
        }
        let door = Door::closed(job.context).await?;
        let url = door.prisma_url(Role::from(inputs.replay_as), inputs.wanted.schema());
        let place = (url.as_str(), door.directory());
        let (asked, work) = ask((job, inputs), Sides::DatabaseToSchema, place, AS_LONG_AS_IT_TAKES)?;
        // The task that starts Prisma gets its turn before anything else is done.
        tokio::task::yield_now().await;
        let limit = job.context.settings.step_timeout();
        Ok(Some(Self { door, asked, limit, _work: work }))
    }

    /// The time that Prisma has counts from here: before, it may have had nobody to talk to.
    async fn answer(self, server: &Server, database: &str) -> Result<Diff, prisma::Error> {
        self.door.open(server, database);
        let late = prisma::Error::Timeout { what: "prisma migrate diff".into(), after: self.limit };
        tokio::time::timeout(self.limit, self.asked.answer()).await.unwrap_or(Err(late))
    }
}

/// Asks Prisma about the database behind a URL. What it works in lies in `directory` and goes with the second value.
fn ask(
    (job, inputs): (&Job<'_>, &Inputs<'_>),
    sides: Sides,
    (database_url, directory): (&str, &Utf8Path),
    timeout: Duration,
) -> Result<(Asked, tempfile::TempDir), prisma::Error> {
    let processes = &job.context.processes;
    let work = processes.temporary_directory(directory, "prisma-")?;
    let question = prisma::DiffRequest {
        database_url,
        schema: &job.project.schema,
        work_dir: Utf8Path::from_path(work.path()).unwrap_or(directory),
        timeout,
        config: inputs.config,
    };
    let asked = prisma::ask(processes, &inputs.prisma, &question, (inputs.schema.clone(), sides))?;
    Ok((asked, work))
}
