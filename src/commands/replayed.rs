//! A temporary server with the history in it: replayed from nothing, or from where an earlier run came to.

use std::time::Duration;

use tokio::task::JoinHandle;

use super::job::target;
use crate::{
    cache::databases::{About, Beginning, Databases, Found},
    config::ReplayAs,
    context::Context,
    error::Error,
    external::External,
    history::{
        History,
        replay::{self, Aftermath, Target},
    },
    postgres::{Installation, Role, Server, Venue, Wanted},
    report::{Tool, progress::Stage},
};

/// The database that the history is replayed into.
pub(super) const HISTORY: &str = "history";

/// What is to be there.
#[derive(Clone, Copy)]
pub(super) struct Plan<'p> {
    pub(super) context: &'p Context,
    pub(super) wanted: &'p Wanted,
    pub(super) external: &'p External,
    pub(super) replay_as: ReplayAs,
    pub(super) history: &'p History,
}

/// What is there.
pub(super) struct Replayed {
    pub(super) server: Server,
    /// What the report says of the server.
    pub(super) tool: Tool,
    /// The roles that were made for the history, and what the session was left with.
    pub(super) about: About,
    /// How many migrations were there from an earlier run; `None` where no run had left anything.
    pub(super) remembered: Option<usize>,
    /// How long each stage took.
    pub(super) timings: Vec<(&'static str, Duration)>,
    /// The thread that keeps all of it for later runs.
    keeping: Option<JoinHandle<()>>,
}

impl Replayed {
    /// Waits until it is kept, then ends the server.
    pub(super) async fn stop(self) -> Result<(), Error> {
        if let Some(keeping) = self.keeping {
            // What could not be kept is replayed again.
            let _ = keeping.await;
        }
        Ok(self.server.stop().await?)
    }
}

/// Has `plan` done at `venue`. `stage` is that of the server.
///
/// # Errors
/// Where the server does not come up, or a migration fails.
pub(super) async fn replayed(plan: Plan<'_>, venue: &Venue<'_>, stage: Stage) -> Result<Replayed, Error> {
    match venue {
        Venue::Theirs(url) => {
            stage.doing("connecting to the server of --server-url");
            let (server, tool) = Server::join(plan.context, url, plan.wanted).await?;
            plan.whole_history(server, tool, stage).await
        }
        Venue::Ours(installation) => {
            stage.doing("starting");
            plan.at_home(installation, stage).await
        }
    }
}

impl Plan<'_> {
    /// On a server of our own: from where an earlier run came to, and kept for the next one.
    async fn at_home(self, installation: &Installation, stage: Stage) -> Result<Replayed, Error> {
        let Self { context, wanted, external, replay_as, history } = self;
        let beginning = Beginning { installation, wanted, external, replay_as, today: context.today() };
        let databases = Databases::of(context, &beginning, history);
        let found = databases.as_ref().and_then(Databases::longest);
        let replayed = match self.resume(installation, found).await {
            Some((server, found)) => self.go_on(server, (&found, installation.tool()), stage).await?,
            None => {
                let server = Server::start(context, installation).await?;
                self.whole_history(server, installation.tool(), stage).await?
            }
        };
        match databases {
            Some(databases) if replayed.is_news(history) => {
                self.keep(replayed, &databases, installation).await
            }
            _ => Ok(replayed),
        }
    }

    /// A server on what was found, if it starts: what does not is as good as not there.
    async fn resume(&self, installation: &Installation, found: Option<Found>) -> Option<(Server, Found)> {
        let mut found = found?;
        let packed = std::mem::take(&mut found.packed);
        let server = Server::resume(self.context, installation, packed).await.ok()?;
        Some((server.with_roles(&found.about.roles), found))
    }

    /// Applies the history to an empty database of `server`, after what has to be there before it.
    async fn whole_history(self, server: Server, tool: Tool, stage: Stage) -> Result<Replayed, Error> {
        let Self { wanted, external, history, .. } = self;
        let server = server.looking_into(wanted);
        let roles = server.create_roles(&wanted.roles).await?;
        let started = stage.done(&line(&tool));
        let stage = self.context.progress.stage("replay");
        server.create_database(HISTORY, Role::from(self.replay_as)).await?;
        if self.replay_as == ReplayAs::Owner {
            // A superuser's migration may make databases; the owner's cannot.
            server.drop_templates().await?;
        }
        let target = self.target(&server);
        external.prepare(target).await?;
        stage.steps(history.migrations.len());
        let aftermath = replay::replay(history, target, |migration| stage.step(&migration.name)).await?;
        let replayed = stage.done(&format!("{} migrations applied", history.migrations.len()));
        let about = About { goes_on: aftermath == Aftermath::Nothing, roles };
        let timings = vec![started, replayed];
        Ok(Replayed { server, tool, about, remembered: None, timings, keeping: None })
    }

    /// Applies the rest of the history to what an earlier run left.
    async fn go_on(
        self,
        server: Server,
        (found, tool): (&Found, Tool),
        stage: Stage,
    ) -> Result<Replayed, Error> {
        let server = server.looking_into(self.wanted);
        let started = stage.done(&line(&tool));
        let stage = self.context.progress.stage("replay");
        let (remembered, rest) = (found.applied, &self.history.migrations[found.applied..]);
        let mut about = found.about.clone();
        if !rest.is_empty() {
            stage.steps(rest.len());
            let target = self.target(&server);
            let aftermath = replay::go_on(rest, target, |one| stage.step(&one.name)).await?;
            about.goes_on = aftermath == Aftermath::Nothing;
        }
        let replayed = stage.done(&match rest.len() {
            0 => format!("{remembered} migrations, from the cache"),
            more => format!("{remembered} migrations, from the cache, and {more} applied"),
        });
        let timings = vec![started, replayed];
        let remembered = Some(remembered);
        Ok(Replayed { server, tool, about, remembered, timings, keeping: None })
    }

    /// Puts a copy of what was replayed aside for later runs, which a thread keeps while this one goes on.
    async fn keep(
        self,
        replayed: Replayed,
        databases: &Databases,
        installation: &Installation,
    ) -> Result<Replayed, Error> {
        let Replayed { server, about, .. } = replayed;
        let (server, aside) = server.put_aside(self.context, installation).await?;
        let keeping = databases.keep(&self.context.processes, &about, aside);
        Ok(Replayed { server, about, keeping, ..replayed })
    }

    fn target<'t>(&self, server: &'t Server) -> Target<'t> {
        target(self.context, (server, HISTORY), self.replay_as)
    }
}

impl Replayed {
    /// Whether there is more in it than an earlier run left.
    fn is_news(&self, history: &History) -> bool {
        self.remembered != Some(history.migrations.len())
    }
}

fn line(tool: &Tool) -> String {
    format!("{} {}, {}", tool.role, tool.version, tool.why)
}
