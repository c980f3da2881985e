//! Everything that the temporary database and Prisma are given, and so everything that their answers depend on.

use std::sync::Arc;

use jiff::civil::Date;

use crate::{
    cache::{
        Fingerprint, Key,
        databases::{Beginning, chain},
    },
    commands::job::{Job, Stop, locate_prisma},
    config::ReplayAs,
    error::Error,
    external::External,
    history::History,
    postgres::{self, Venue, Wanted},
    prisma::{self, ProjectConfig, Schema, Toolchain, Wanting},
};

/// The inputs of a run. Whoever asks the database or Prisma takes what is needed from here, and from nowhere else.
pub(super) struct Inputs<'j> {
    pub(super) history: &'j History,
    /// What the history and the schema need of the server.
    pub(super) wanted: Wanted,
    pub(super) external: External,
    pub(super) replay_as: ReplayAs,
    pub(super) schema: Arc<Schema>,
    pub(super) config: Option<&'j ProjectConfig>,
    pub(super) venue: Venue<'j>,
    pub(super) prisma: Toolchain,
    pub(super) today: Date,
}

impl<'j> Inputs<'j> {
    /// Reads the files, and finds PostgreSQL and Prisma. Neither waits for the other.
    pub(super) async fn gather(job: &'j Job<'j>, history: &'j History) -> Result<Self, Stop> {
        let project = job.project;
        let schema = Arc::new(Schema::read(&project.schema)?);
        let external = project.external()?;
        // The migration that Prisma writes for the schema is run, too.
        let wanted = job.wanted(history, &external)?.with_extensions(prisma::extensions(&project.schema));
        let stage = job.context.progress.stage("postgres");
        stage.doing("looking for PostgreSQL and Prisma");
        let venue = async { Ok::<_, Error>(postgres::venue(job.context, &wanted, &stage).await?) };
        let prisma = locate_prisma(job.context, project, Wanting::Install);
        let (venue, prisma) = tokio::try_join!(venue, prisma)?;
        let (replay_as, config) = (project.replay_as, project.prisma_config.as_ref());
        let today = job.context.today();
        Ok(Self { history, wanted, external, replay_as, schema, config, venue, prisma, today })
    }

    /// A hash of all of it; `None` where it cannot be told what all of it is.
    pub(super) fn key(&self) -> Option<Key> {
        let Self { history, wanted, external, replay_as, schema, config, venue, prisma, today } = self;
        let Venue::Ours(installation) = venue else { return None };
        let (replay_as, today) = (*replay_as, *today);
        let beginning = Beginning { installation, wanted, external, replay_as, today };
        Some(
            Fingerprint::new("inputs")
                .with(chain(&beginning, history)?.last()?)
                .with(external.fingerprint())
                .with(schema.fingerprint())
                .with_option(config.map(ProjectConfig::told))
                .with(prisma.identity()?)
                .key(),
        )
    }
}
