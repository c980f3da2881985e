//! What the checks of several pairs have in common: the configuration, the temporary server, Prisma.

use std::{
    cell::{Cell, RefCell},
    collections::HashSet,
    rc::Rc,
};

use camino::{Utf8Path, Utf8PathBuf};
use tokio::sync::OnceCell;

use crate::{
    catalog::Catalog,
    cli::release::ReleaseArgs,
    commands::{
        job::{locate_prisma, target},
        wanted::{self, database_schema},
    },
    config::Project,
    context::Context,
    error::Error,
    external::External,
    guard::allow_list::AllowList,
    history::{History, replay::Target},
    postgres::{self, Role, Server, Wanted},
    prisma::{Toolchain, Wanting},
    release::package::Package,
    report::{Tool, progress::Stage},
};

/// The database with what is there before any history.
const GROUND: &str = "ground";

/// What the checks work with.
pub(super) struct Bench<'a> {
    pub(super) context: &'a Context,
    pub(super) args: &'a ReleaseArgs,
    /// The project around, or what the configuration says without one.
    pub(super) project: Project,
    /// The programs that took part.
    pub(super) tools: RefCell<Vec<Tool>>,
    /// All the releases.
    packages: Vec<&'a Package>,
    server: OnceCell<Rc<Server>>,
    prisma: OnceCell<Toolchain>,
    databases: Cell<usize>,
    /// The database of the release that was the new one last time: of several releases it is the next pair's old one.
    kept: RefCell<Option<(Utf8PathBuf, Made)>>,
}

/// A database with a history in it.
pub(super) struct Made {
    pub(super) database: String,
    pub(super) catalog: Catalog,
}

impl<'a> Bench<'a> {
    /// A bench for the checks of `packages`.
    pub(super) async fn new(
        context: &'a Context,
        args: &'a ReleaseArgs,
        packages: Vec<&'a Package>,
    ) -> Result<Self, Error> {
        Ok(Self {
            context,
            args,
            project: Project::around(context).await?,
            packages,
            tools: RefCell::default(),
            server: OnceCell::new(),
            prisma: OnceCell::new(),
            databases: Cell::new(0),
            kept: RefCell::default(),
        })
    }

    /// The temporary server, started by whoever asks first.
    pub(super) async fn server(&self, stage: &Stage) -> Result<&Server, Error> {
        let server = self.server.get_or_try_init(async || {
            stage.doing("starting PostgreSQL");
            let external = self.project.external()?;
            let wanted = self.wanted(&external)?;
            let (server, tool) = match postgres::serve(self.context, &wanted, stage).await {
                // Of several releases some may do without it; those that do not say so themselves.
                Err(postgres::Error::Extension { .. }) => {
                    let less = Wanted { extensions: Vec::new(), ..wanted.clone() };
                    postgres::serve(self.context, &less, stage).await?
                }
                served => served?,
            };
            server.create_roles(&wanted.roles).await?;
            self.tools.borrow_mut().push(tool);
            server.create_database(GROUND, self.role()).await?;
            external.prepare(self.target(&server, GROUND)).await?;
            Ok::<_, Error>(Rc::new(server))
        });
        Ok(server.await?)
    }

    /// What all the releases and what runs before their histories want of it.
    fn wanted(&self, external: &External) -> Result<Wanted, Error> {
        let histories: Vec<History> = self.packages.iter().map(|one| one.history().history).collect();
        let mut seen = HashSet::new();
        let scripts = external.before().chain(histories.iter().flat_map(History::scripts));
        // Releases have most of their migrations in common.
        let scripts = scripts.filter(|(_, sql)| seen.insert(*sql));
        let schema = database_schema(self.context, &self.project).map(|(schema, _)| schema);
        wanted::for_scripts(self.context, (&self.project, schema), scripts)
    }

    /// Makes the database `name` of `server` with what is there before any history.
    pub(super) async fn begin(&self, server: &Server, name: &str) -> Result<(), Error> {
        Ok(server.clone_database(GROUND, name).await?)
    }

    /// `database` of `server`, and how migrations are applied to it.
    pub(super) fn target<'t>(&self, server: &'t Server, database: &'t str) -> Target<'t> {
        target(self.context, (server, database), self.project.replay_as)
    }

    /// Prisma as it is found for `project`, which has a schema.
    pub(super) async fn prisma(&self, project: &Project) -> Result<&Toolchain, Error> {
        self.prisma
            .get_or_try_init(async || {
                let prisma = locate_prisma(self.context, project, Wanting::Install).await?;
                self.tools.borrow_mut().extend(prisma.tools());
                Ok(prisma)
            })
            .await
    }

    /// A name that no database has yet.
    pub(super) fn database(&self, purpose: &str) -> String {
        self.databases.set(self.databases.get() + 1);
        format!("{purpose}_{}", self.databases.get())
    }

    /// Keeps the database of the package at `path` for the next pair.
    pub(super) fn keep(&self, path: &Utf8Path, made: Made) {
        self.kept.replace(Some((path.to_owned(), made)));
    }

    /// The database that was kept, and whether it is that of the package at `path`.
    pub(super) fn kept(&self, path: &Utf8Path) -> Option<(Made, bool)> {
        self.kept.take().map(|(other, made)| (made, other == path))
    }

    pub(super) fn role(&self) -> Role {
        Role::from(self.project.replay_as)
    }

    /// What humans have accepted.
    pub(super) fn allow_list(&self) -> AllowList<'_> {
        let today = self.context.now.to_zoned(jiff::tz::TimeZone::UTC).date();
        let file = self.project.config.as_deref().unwrap_or("run-migration.toml".into());
        AllowList::new(file, &self.project.allow, today)
    }

    /// Ends the server.
    pub(super) async fn end(self) -> Result<(), Error> {
        if let Some(server) = self.server.into_inner().and_then(Rc::into_inner) {
            server.stop().await?;
        }
        Ok(())
    }
}
