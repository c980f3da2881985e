//! Which Prisma CLI is asked, and on which engine.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use semver::Version;

use super::{
    error::Error,
    find::{self, Candidate, Choice, Found},
    install::{Installer, Wanting},
    managed, native,
    node::Node,
    packages, python, secret,
    toolchain::{Cli, Engine, Start, Toolchain},
    version,
};
use crate::{
    cache::{Fingerprint, Key, programs::Programs},
    config::Project,
    context::Environment,
    process::Processes,
};

const OURS: &str = "Prisma's wasm build, installed by this tool";
const NO_NATIVE: &str = "no native engine of this Prisma is on the disk that runs here";
const DISCREET: &str = "Prisma 7 gives its own the server's password on the command line";

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
    /// The server of the user's that the history is replayed on, where there is one.
    pub server_url: Option<&'a str>,
    /// What is done about a package of ours that is not installed.
    pub wanting: Wanting,
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
    let Some(Candidate { found, choice, why }) = find::cli(request)? else {
        return search.with_managed().await;
    };
    let toolchain = match found {
        Found::Script(script) => search.with_script(script, why).await,
        Found::Program(program) => search.with_program(program, why).await,
        Found::Python(program) => search.with_python(program, why).await,
    };
    match toolchain {
        // Such as a shim of a version manager, with nothing behind it here.
        Err(error @ Error::NoVersion { .. }) if choice == Choice::Chance => {
            let mut managed = search.with_managed().await?;
            managed.notes.push(error.to_string());
            Ok(managed)
        }
        other => other,
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
        let node = self.node_for(&version).await?;
        let engine = match self.named_engine().await? {
            _ if self.must_hide_url_from(version.major) => self.our_engine(version.major, DISCREET).await?,
            Some(engine) => engine,
            None => match native::find(&self.programs(), self.request.environment, &script).await {
                Some(engine) => engine,
                None => self.our_engine(version.major, NO_NATIVE).await?,
            },
        };
        let cli = Cli { major: version.major, start: Start::Script(script), version, why };
        Ok(self.toolchain(cli, engine, Some(node)))
    }

    /// A CLI behind a program that may be anything. Asked for its version it would first download an engine, so
    /// it is given one at once.
    async fn with_program(self, program: Utf8PathBuf, why: String) -> Result<Toolchain, Error> {
        let named = self.named_engine().await?;
        let to_ask = match &named {
            Some(engine) => engine.path.clone(),
            None => self.our_engine(5, "").await?.path,
        };
        let version = version::of_program(self.processes, &program, &to_ask, self.request.timeout).await?;
        check(&version, &program)?;
        let engine = match named {
            _ if self.must_hide_url_from(version.major) => self.our_engine(version.major, DISCREET).await?,
            Some(engine) => engine,
            None => self.our_engine(version.major, "the program does not tell where its own is").await?,
        };
        let node = Node::find(&self.programs(), self.request.environment).await.ok();
        let cli = Cli { major: version.major, start: Start::Program(program), version, why };
        Ok(self.toolchain(cli, engine, node))
    }

    /// prisma-client-py: the CLI that it has installed, or now installs, if that can be run without it.
    async fn with_python(self, program: Utf8PathBuf, why: String) -> Result<Toolchain, Error> {
        match self.behind_python(&program).await? {
            Some(script) => self.with_script(script, why).await,
            None => self.with_program(program, why).await,
        }
    }

    async fn behind_python(self, program: &Utf8Path) -> Result<Option<Utf8PathBuf>, Error> {
        if Node::find(&self.programs(), self.request.environment).await.is_err() {
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

    /// No CLI at all: ours, with the engine that fits the project.
    async fn with_managed(self) -> Result<Toolchain, Error> {
        let stand_in = managed::for_project(self.request.project)?;
        let installer = self.installer();
        let directory = installer.ensure(&packages::CLI).await?;
        let script = directory.join("node_modules/prisma/build/index.js");
        let version = version::of_script(&script)?;
        let node = self.node_for(&version).await?;
        let engine = match self.named_engine().await? {
            _ if self.must_hide_url_from(version.major) => self.our_engine(stand_in.major, DISCREET).await?,
            Some(engine) => engine,
            None => self.our_engine(stand_in.major, &stand_in.why).await?,
        };
        let why = "installed by this tool, for want of one in the project".into();
        let cli = Cli { major: stand_in.major, start: Start::Script(script), version, why };
        Ok(Toolchain { notes: stand_in.notes, ..self.toolchain(cli, engine, Some(node)) })
    }

    async fn node_for(self, version: &Version) -> Result<Node, Error> {
        let node = Node::find(&self.programs(), self.request.environment).await?;
        node.check_for(version)?;
        Ok(node)
    }

    /// Whether an engine would be shown a password by a CLI of this major.
    fn must_hide_url_from(self, major: u64) -> bool {
        major >= 7 && self.request.server_url.is_some_and(secret::holds_password)
    }

    /// What `PRISMA_SCHEMA_ENGINE_BINARY` names.
    async fn named_engine(self) -> Result<Option<Engine>, Error> {
        let Some(named) = self.request.environment.get("PRISMA_SCHEMA_ENGINE_BINARY") else {
            return Ok(None);
        };
        let path = self.request.cwd.join(named);
        if !path.is_file() {
            return Err(Error::NoEngine { path });
        }
        let version = native::probe(&self.programs(), &path).await.unwrap_or_else(|| "unknown".into());
        Ok(Some(Engine { path, version, why: "named by PRISMA_SCHEMA_ENGINE_BINARY".into() }))
    }

    /// Our engine for a major of Prisma's.
    async fn our_engine(self, major: u64, why: &str) -> Result<Engine, Error> {
        let directory = self.installer().ensure(&packages::ENGINE).await?;
        let path = directory.join(format!("schema-engine-{major}"));
        Ok(Engine { path, version: packages::engine_version(major), why: format!("{OURS}: {why}") })
    }

    fn installer(&self) -> Installer<'_> {
        Installer {
            processes: self.processes,
            environment: self.request.environment,
            cache: self.cache(),
            npmrc: self.request.project.root.join(".npmrc"),
            timeout: self.request.timeout,
            wanting: self.request.wanting,
        }
    }

    fn programs(&self) -> Programs<'_> {
        Programs::new(self.processes, self.request.cache)
    }

    fn cache(&self) -> Utf8PathBuf {
        self.request.cache.join("prisma")
    }

    fn toolchain(self, cli: Cli, engine: Engine, node: Option<Node>) -> Toolchain {
        let identity = self.identity(&cli, &engine, node.as_ref());
        let compile_cache = self.cache().join("compiled");
        Toolchain { cli, engine, node, compile_cache, notes: Vec::new(), identity }
    }

    /// What an answer depends on. What stands behind a program that is none of Prisma's own scripts may change from
    /// one call to the next.
    fn identity(self, cli: &Cli, engine: &Engine, node: Option<&Node>) -> Option<Key> {
        let Start::Script(script) = &cli.start else { return None };
        let is_read = |name: &str| ["PRISMA_", "NODE_"].iter().any(|prefix| name.starts_with(prefix));
        let variables = self.request.environment.pairs().filter(|(name, _)| is_read(name));
        Some(
            Fingerprint::new("prisma")
                .with(cli.version.to_string())
                .with(cli.major.to_le_bytes())
                .with(self.programs().hash(script)?)
                .with(&engine.version)
                .with(self.programs().hash(&engine.path)?)
                .with_option(node.map(|node| node.version.to_string()))
                .with_all(variables.map(|(name, value)| format!("{name}={value:?}")))
                .key(),
        )
    }
}

fn check(version: &Version, path: &Utf8Path) -> Result<(), Error> {
    match version.major {
        5..=7 => Ok(()),
        _ => Err(Error::Unsupported { version: version.clone(), path: path.to_owned() }),
    }
}
