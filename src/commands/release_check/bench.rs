//! What the checks of several pairs have in common: the configuration, the temporary server, Prisma.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use tokio::sync::OnceCell;

use crate::{
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
}

impl<'a> Bench<'a> {
    pub(super) fn new(context: &'a Context, args: &'a ReleaseArgs) -> Result<Self, Error> {
        Ok(Self {
            context,
            args,
            project: Project::around(context)?,
            tools: RefCell::default(),
            server: OnceCell::new(),
            prisma: OnceCell::new(),
            databases: Cell::new(0),
        })
    }

    /// The temporary server, started by whoever asks first.
    pub(super) async fn server(&self, stage: &Stage) -> Result<&Server, Error> {
        let server = self.server.get_or_try_init(async || {
            stage.doing("starting PostgreSQL");
            let installation = postgres::acquire(self.context, self.project.postgres_major, stage).await?;
            let server = Server::start(self.context, &installation).await?;
            self.tools.borrow_mut().push(installation.tool());
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
