//! What the checks of several pairs have in common: the configuration, the temporary server, Prisma.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use camino::{Utf8Path, Utf8PathBuf};
use tokio::sync::OnceCell;

use crate::{
    catalog::Catalog,
    cli::release::ReleaseArgs,
    commands::job::locate_prisma,
    config::Project,
    context::Context,
    error::Error,
    guard::allow_list::AllowList,
    postgres::{self, Role, Server},
    prisma::{Toolchain, Wanting},
    report::{Tool, progress::Stage},
};

/// What the checks work with.
pub(super) struct Bench<'a> {
    pub(super) context: &'a Context,
    pub(super) args: &'a ReleaseArgs,
    /// The project around, or what the configuration says without one.
    pub(super) project: Project,
    /// The programs that took part.
    pub(super) tools: RefCell<Vec<Tool>>,
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
    pub(super) async fn new(context: &'a Context, args: &'a ReleaseArgs) -> Result<Self, Error> {
        Ok(Self {
            context,
            args,
            project: Project::around(context).await?,
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
            let wanted = self.project.postgres_major.into();
            let (server, tool) = postgres::serve(self.context, &wanted, stage).await?;
            self.tools.borrow_mut().push(tool);
            Ok::<_, Error>(Rc::new(server))
        });
        Ok(server.await?)
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
