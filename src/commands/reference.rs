//! What a history makes, on a temporary server: for comparison with a database that is not ours.

use std::cell::Cell;

use super::{
    job::{Stop, target},
    wanted,
};
use crate::{
    catalog::{self, Catalog},
    config::{Project, ReplayAs},
    context::Context,
    error::Error,
    external::External,
    guard::proof::ProofError,
    history::{
        History,
        replay::{self, Target},
    },
    postgres::{self, Role, Server},
    report::Report,
};

/// The schema that every database has.
const PUBLIC: &str = "public";

/// The database with what is there before the history.
const GROUND: &str = "ground";

/// How many of the newest migrations are looked at one by one before older ones are.
const NEWEST: usize = 8;

/// A temporary server for a history.
pub(super) struct Reference<'a> {
    context: &'a Context,
    server: Server,
    external: External,
    replay_as: ReplayAs,
    databases: Cell<u32>,
    /// What is there before the history.
    pub(super) ground: Catalog,
    /// Its major version.
    pub(super) major: u32,
}

impl<'a> Reference<'a> {
    /// Starts the server, with what `history` needs, for a database that Prisma uses in `schema`.
    pub(super) async fn start(
        context: &'a Context,
        (history, schema): (&History, &str),
        report: &mut Report,
    ) -> Result<Self, Error> {
        let project = Project::around(context).await?;
        let (external, replay_as) = (project.external()?, project.replay_as);
        let stage = context.progress.stage("postgres");
        let schema = (schema != PUBLIC).then(|| schema.to_owned());
        let scripts = external.before().chain(history.scripts());
        let wanted = wanted::for_scripts(context, (&project, schema), scripts)?;
        let (server, tool) = postgres::serve(context, &wanted, &stage).await?;
        server.create_roles(&wanted.roles).await?;
        report.timings.push(stage.done(&format!("{} {}, {}", tool.role, tool.version, tool.why)));
        let major = tool.version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or_default();
        report.toolchain.push(tool);
        let databases = Cell::default();
        let mut reference =
            Self { context, server, external, replay_as, databases, ground: Catalog::default(), major };
        reference.ground = reference.prepared().await?;
        Ok(reference)
    }

    /// Makes the database that all others are copies of: what runs before the history may make roles, which all of the
    /// server's databases have, and so it can run only once.
    async fn prepared(&self) -> Result<Catalog, Error> {
        self.server.create_database(GROUND, Role::from(self.replay_as)).await?;
        let ground = Database { reference: self, name: GROUND.to_owned() };
        self.external.prepare(ground.target()).await?;
        ground.read().await
    }

    /// A database of its own with `history` in it.
    pub(super) async fn after(&self, history: &History) -> Result<Database<'_>, Error> {
        self.databases.set(self.databases.get() + 1);
        let database = Database { reference: self, name: format!("replayed_{}", self.databases.get()) };
        self.server.clone_database(GROUND, &database.name).await?;
        replay::replay(history, database.target(), |_| {}).await?;
        Ok(database)
    }

    /// The catalog that `history` makes, with a line for it in the report.
    pub(super) async fn catalog(&self, history: &History, report: &mut Report) -> Result<Catalog, Stop> {
        let stage = self.context.progress.stage("replay");
        let catalog = self.after(history).await?.read().await?;
        report.timings.push(stage.done(&format!("{} migrations applied", history.migrations.len())));
        Ok(catalog)
    }

    /// How many of the first migrations of `history` make a catalog that `fits`: the most of them; `None` where not
    /// even the first does.
    pub(super) async fn most(
        &self,
        history: &History,
        fits: impl Fn(&Catalog) -> bool,
    ) -> Result<Option<usize>, Error> {
        let stage = self.context.progress.stage("replay");
        stage.doing("looking for the newest migration up to which everything is there");
        let (mut end, mut width) = (history.migrations.len(), NEWEST);
        while end > 0 {
            let start = end.saturating_sub(width);
            let database = self.after(&history.first(start)).await?;
            let mut most = None;
            for count in start + 1..=end {
                database.add(&history.first(count)).await?;
                if fits(&database.read().await?) {
                    most = Some(count);
                }
            }
            if most.is_some() {
                return Ok(most);
            }
            (end, width) = (start, width * 4);
        }
        Ok(None)
    }

    /// Whether `[external]` names what a difference is about, or it was there before the history.
    pub(super) fn is_beside(&self, difference: &catalog::Difference) -> bool {
        let objects = self.ground.objects();
        self.external.keeps(difference)
            || objects.iter().any(|one| (one.kind, &one.name) == (difference.kind, &difference.object))
    }

    /// Ends the server.
    pub(super) async fn stop(self) -> Result<(), Error> {
        Ok(self.server.stop().await?)
    }
}

/// A database of the temporary server.
pub(super) struct Database<'r> {
    reference: &'r Reference<'r>,
    name: String,
}

impl Database<'_> {
    fn target(&self) -> Target<'_> {
        let Reference { context, server, replay_as, .. } = self.reference;
        target(context, (server, &self.name), *replay_as)
    }

    /// Applies the last migration of `history`, whose others are there.
    pub(super) async fn add(&self, history: &History) -> Result<(), Error> {
        match history.migrations.last() {
            Some(last) => Ok(replay::add(last, self.target()).await?),
            None => Ok(()),
        }
    }

    /// Its catalog.
    pub(super) async fn read(&self) -> Result<Catalog, Error> {
        let client = self.reference.server.connect(&self.name, Role::from(self.reference.replay_as)).await?;
        Ok(catalog::read(&client).await.map_err(ProofError::Catalog)?)
    }
}
