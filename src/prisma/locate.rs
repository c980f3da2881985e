//! Which Prisma CLI is asked, and on which engine.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use semver::Version;

use super::{
    error::Error,
    find::{self, Found},
    install::Installer,
    managed, native,
    node::Node,
    packages, python,
    toolchain::{Cli, Engine, Start, Toolchain},
    version,
};
use crate::{config::Project, context::Environment, process::Processes};

/// What a search goes by. Paths are absolute.
#[derive(Debug, Clone, Copy)]
pub struct LocateRequest<'a> {
    /// The project that is asked about.
    pub project: &'a Project,
    /// What `--prisma`, its variable or the configuration names.
    pub explicit: Option<&'a Utf8Path>,
    /// The environment variables.
    pub environment: &'a Environment,
    /// Where the tool was called: relative paths in variables mean from here.
    pub cwd: &'a Utf8Path,
    /// The tool's cache directory. It need not exist.
    pub cache: &'a Utf8Path,
    /// The limit of each step that could hang.
    pub timeout: Duration,
}

/// Finds the CLI and its engine; installs what is missing into the cache.
///
/// The CLI is the one that is named, else the project's own, else the one on the PATH, else ours. The engine is
/// the one that `PRISMA_SCHEMA_ENGINE_BINARY` names, else the CLI's native one where it is on the disk, else ours.
///
/// # Errors
/// Where what is named is not there, no version can be used, or nothing can be installed.
pub async fn locate(processes: &Processes, request: &LocateRequest<'_>) -> Result<Toolchain, Error> {
    let search = Search { processes, request };
    match find::cli(request)? {
        Some((Found::Script(script), why)) => search.with_script(script, why).await,
        Some((Found::Program(program), why)) => search.with_program(program, why).await,
        Some((Found::Python(program), why)) => match search.behind_python(&program).await? {
            Some(script) => search.with_script(script, why).await,
            None => search.with_program(program, why).await,
        },
        None => search.with_managed().await,
    }
}

#[derive(Clone, Copy)]
struct Search<'a> {
    processes: &'a Processes,
    request: &'a LocateRequest<'a>,
}

impl Search<'_> {
    /// A CLI that Node.js runs.
    async fn with_script(self, script: Utf8PathBuf, why: String) -> Result<Toolchain, Error> {
        let version = version::of_script(&script)?;
        check(&version, &script)?;
        let node = Node::find(self.processes, self.request.environment).await?;
        node.check_for(&version)?;
        let engine = match self.named_engine()? {
            Some(engine) => engine,
            None => match native::find(self.processes, self.request.environment, &script).await {
                Some(engine) => engine,
                None => {
                    self.our_engine(
                        version.major,
                        "no native engine of this Prisma is on the disk that runs here",
                    )
                    .await?
                }
            },
        };
        let major = version.major;
        let cli = Cli { start: Start::Script(script), version, why };
        Ok(Toolchain { cli, engine, node: Some(node), major, notes: Vec::new() })
    }

    /// A CLI behind a program that may be anything. Asked for its version it would first download an engine, so
    /// it is given one at once.
    async fn with_program(self, program: Utf8PathBuf, why: String) -> Result<Toolchain, Error> {
        let named = self.named_engine()?;
        let to_ask = match &named {
            Some(engine) => engine.path.clone(),
            None => self.our_engine(5, "").await?.path,
        };
        let version = version::of_program(self.processes, &program, &to_ask, self.request.timeout).await?;
        check(&version, &program)?;
        let engine = match named {
            Some(engine) => engine,
            None => self.our_engine(version.major, "a program that hides where its own engine is").await?,
        };
        let node = Node::find(self.processes, self.request.environment).await.ok();
        let major = version.major;
        let cli = Cli { start: Start::Program(program), version, why };
        Ok(Toolchain { cli, engine, node, major, notes: Vec::new() })
    }

    /// The CLI that prisma-client-py has installed, or now installs, if it can be run without it.
    async fn behind_python(self, program: &Utf8Path) -> Result<Option<Utf8PathBuf>, Error> {
        if Node::find(self.processes, self.request.environment).await.is_err() {
            // It may have brought its own.
            return Ok(None);
        }
        let Some(script) = python::script_of(self.processes, self.request, program).await else {
            return Ok(None);
        };
        if !script.is_file() {
            let engine = self.our_engine(5, "").await?.path;
            version::of_program(self.processes, program, &engine, self.request.timeout).await?;
        }
        Ok(script.is_file().then_some(script))
    }

    /// No CLI at all: ours, with the engine that fits the schema.
    async fn with_managed(self) -> Result<Toolchain, Error> {
        let node = Node::find(self.processes, self.request.environment).await?;
        let stand_in = managed::for_project(self.request.project)?;
        let directory = self.installer().ensure(&packages::CLI).await?;
        let script = directory.join("node_modules/prisma/build/index.js");
        let version = version::of_script(&script)?;
        node.check_for(&version)?;
        let engine = match self.named_engine()? {
            Some(engine) => engine,
            None => self.our_engine(stand_in.major, &stand_in.why).await?,
        };
        let why = "installed by this tool, for want of one in the project".into();
        let cli = Cli { start: Start::Script(script), version, why };
        Ok(Toolchain { cli, engine, node: Some(node), major: stand_in.major, notes: stand_in.notes })
    }

    /// What `PRISMA_SCHEMA_ENGINE_BINARY` names.
    fn named_engine(self) -> Result<Option<Engine>, Error> {
        let Some(named) = self.request.environment.get("PRISMA_SCHEMA_ENGINE_BINARY") else {
            return Ok(None);
        };
        let path = self.request.cwd.join(named);
        if !path.is_file() {
            return Err(Error::NoEngine { path });
        }
        Ok(Some(Engine {
            path,
            version: "unknown".into(),
            why: "named by PRISMA_SCHEMA_ENGINE_BINARY".into(),
        }))
    }

    /// Our engine for a major of Prisma's.
    async fn our_engine(self, major: u64, why: &str) -> Result<Engine, Error> {
        let directory = self.installer().ensure(&packages::ENGINE).await?;
        let path = directory.join(format!("schema-engine-{major}"));
        Ok(Engine { path, version: packages::engine_version(major), why: why.to_owned() })
    }

    fn installer(&self) -> Installer<'_> {
        Installer {
            processes: self.processes,
            environment: self.request.environment,
            cache: self.request.cache.join("prisma"),
            timeout: self.request.timeout,
        }
    }
}

fn check(version: &Version, path: &Utf8Path) -> Result<(), Error> {
    match version.major {
        5..=7 => Ok(()),
        _ => Err(Error::Unsupported { version: version.clone(), path: path.to_owned() }),
    }
}
