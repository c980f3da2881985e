//! Real Prisma CLIs, small projects around a schema, and programs that play a part.

use std::{fs, os::unix::fs::symlink, path::Path, time::Duration};

use camino::{Utf8Path, Utf8PathBuf};
use run_migration::{
    cli::GlobalArgs,
    config::{Project, ReplayAs},
    context::{Context, Environment},
    history::{
        load::load,
        replay::{Target, replay},
    },
    prisma::{self, Diff, DiffRequest, Error, LocateRequest, Toolchain},
    process::Processes,
    report::progress::{Mode, Progress},
};

use super::{
    run::{PATIENCE, executable, hermetic, tools},
    server::{database, server},
};

/// The newest of each major that is worked with; the oldest is what LiteLLM uses.
pub const VERSIONS: [&str; 3] = ["5.4.2", "6.19.0", "7.10.1"];

/// The package of a real CLI, `node_modules/prisma`, installed beside the build and found again by later runs.
pub fn cli(version: &str) -> Utf8PathBuf {
    let tools = Utf8PathBuf::from_path_buf(tools()).unwrap();
    let place = tools.join(format!("prisma-{version}"));
    let package = place.join("node_modules/prisma");
    let lock = fs::File::create(tools.join(format!("prisma-{version}.lock"))).unwrap();
    lock.lock().unwrap();
    if !package.exists() {
        let staging = tempfile::tempdir_in(&tools).unwrap();
        fs::write(staging.path().join("package.json"), "{\"private\":true}").unwrap();
        let mut npm = hermetic("npm", staging.path());
        npm.args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--save-exact"]);
        let output = npm.arg(format!("prisma@{version}")).output().unwrap();
        assert!(output.status.success(), "npm: {}", String::from_utf8_lossy(&output.stderr));
        fs::rename(staging.path(), &place).unwrap();
    }
    package
}

/// The repository that is this project's example.
pub const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations_fixture");

/// The fixture's history.
pub const MIGRATIONS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/migrations_fixture/litellm-proxy-extras/litellm_proxy_extras/migrations"
);

/// A database that the fixture's history was applied to as the tool does it.
pub async fn replayed() -> String {
    let name = database("").await;
    let target = Target {
        server: server(),
        database: &name,
        replay_as: ReplayAs::Owner,
        now: "2026-01-01T00:00:00Z".parse().unwrap(),
        limit: PATIENCE,
    };
    replay(&load(MIGRATIONS.into()).unwrap().history, target, |_| ()).await.unwrap();
    name
}

/// Makes the real CLI of `version` the one in `directory`'s `node_modules`.
pub fn install(version: &str, directory: &Utf8Path) {
    let modules = directory.join("node_modules");
    fs::create_dir_all(&modules).unwrap();
    symlink(cli(version), modules.join("prisma")).unwrap();
}

/// The same with all that it comes with, as npm would have it: what a `prisma.config.ts` imports is there too.
pub fn install_all(version: &str, directory: &Utf8Path) {
    let from = cli(version).parent().unwrap().to_owned();
    let modules = directory.join("node_modules");
    fs::create_dir_all(&modules).unwrap();
    for entry in from.read_dir_utf8().unwrap().map(|entry| entry.unwrap()) {
        symlink(entry.path(), modules.join(entry.file_name())).unwrap();
    }
}

/// Writes `text` to `path`, making its directories.
pub fn write(path: &Utf8Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Writes a program for `/bin/sh`.
pub fn program(path: &Utf8Path, script: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    executable(path.as_std_path(), format!("#!/bin/sh\n{script}\n").as_bytes());
}

/// A package that passes for Prisma `version` and runs `script`.
pub fn fake_cli(package: &Utf8Path, version: &str, script: &str) {
    let manifest =
        format!(r#"{{"name":"prisma","version":"{version}","bin":{{"prisma":"build/index.js"}}}}"#);
    write(&package.join("package.json"), &manifest);
    write(&package.join("build/index.js"), script);
}

/// A project in a directory of its own.
#[derive(Debug)]
pub struct Site {
    directory: tempfile::TempDir,
    context: Context,
    /// What `--prisma` names.
    pub named: Option<Utf8PathBuf>,
    /// The tool's cache; the tests' common one unless a test wants its own.
    pub cache: Utf8PathBuf,
    /// The limit for each step.
    pub timeout: Duration,
    /// What `--server-url` names.
    pub server_url: Option<String>,
}

impl Site {
    /// A repository with `schema` as its `schema.prisma`. Must be called within a tokio runtime.
    pub fn new(schema: &str) -> Self {
        let site = Self::bare(|_| Vec::new());
        site.write("schema.prisma", schema);
        site
    }

    /// A repository with nothing in it, and the variables that `more` adds to the PATH and a HOME of its own.
    pub fn bare(more: impl FnOnce(&Utf8Path) -> Vec<(String, String)>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap().canonicalize_utf8().unwrap();
        let repo = root.join("repo");
        fs::create_dir_all(repo.join(".git")).unwrap();
        let mut pairs = vec![
            ("PATH".to_owned(), std::env::var("PATH").unwrap()),
            ("HOME".to_owned(), root.join("home").into_string()),
        ];
        pairs.extend(more(&repo));
        let environment =
            Environment::from_pairs(pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        let settings = GlobalArgs { timeout: PATIENCE.as_secs(), repo: Some(repo), ..GlobalArgs::default() };
        let context = Context::gather(settings, environment, Progress::new(Mode::Silent)).unwrap();
        let cache = Utf8PathBuf::from_path_buf(tools()).unwrap().join("cache");
        Self { directory, context, named: None, cache, timeout: PATIENCE, server_url: None }
    }

    /// The same with `--untrusted`.
    pub fn untrusted(mut self) -> Self {
        self.context.settings.untrusted = true;
        self
    }

    /// The repository.
    pub fn root(&self) -> Utf8PathBuf {
        self.context.settings.repo.clone().unwrap()
    }

    /// A directory beside the repository.
    pub fn beside(&self, name: &str) -> Utf8PathBuf {
        self.root().with_file_name(name)
    }

    /// Writes a file of the repository.
    pub fn write(&self, path: &str, text: &str) {
        write(&self.root().join(path), text);
    }

    /// Which CLI and engine are found.
    pub async fn locate(&self) -> Result<Toolchain, Error> {
        let project = Project::find(&self.context).await.unwrap();
        let request = LocateRequest {
            project: &project,
            explicit: self.named.as_deref(),
            environment: &self.context.environment,
            cwd: &self.root(),
            cache: &self.cache,
            timeout: self.timeout,
            server_url: self.server_url.as_deref(),
            wanting: prisma::Wanting::Install,
        };
        prisma::locate(&self.context.processes, &request).await
    }

    /// What Prisma says about the database in `url`.
    pub async fn diff(&self, url: &str) -> Result<Diff, Error> {
        let toolchain = self.locate().await?;
        self.diff_with(&toolchain, url).await
    }

    /// The same with a CLI that was found before.
    pub async fn diff_with(&self, toolchain: &Toolchain, url: &str) -> Result<Diff, Error> {
        self.asked(prisma::diff, (toolchain, url)).await
    }

    /// What Prisma has to say of how the database in `url` is made.
    pub async fn made(&self, url: &str) -> Result<Diff, Error> {
        let toolchain = self.locate().await?;
        self.asked(prisma::made, (&toolchain, url)).await
    }

    async fn asked(
        &self,
        ask: impl AsyncFnOnce(&Processes, &Toolchain, &DiffRequest<'_>) -> Result<Diff, Error>,
        (toolchain, url): (&Toolchain, &str),
    ) -> Result<Diff, Error> {
        let schema = Project::find(&self.context).await.unwrap().schema;
        let work = tempfile::tempdir_in(self.directory.path()).unwrap();
        let request = DiffRequest {
            database_url: url,
            schema: &schema,
            work_dir: Utf8Path::from_path(work.path()).unwrap(),
            timeout: self.timeout,
            config: None,
        };
        ask(&self.context.processes, toolchain, &request).await
    }

    /// Every file of the repository with what it holds, links as what they point to.
    pub fn contents(&self) -> Vec<(String, Vec<u8>)> {
        let mut found = Vec::new();
        collect(self.root().as_std_path(), &mut found);
        found.sort();
        found
    }
}

fn collect(directory: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        let name = path.display().to_string();
        if kind.is_symlink() {
            found.push((name, fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()));
        } else if kind.is_dir() {
            found.push((name, Vec::new()));
            collect(&path, found);
        } else {
            found.push((name, fs::read(&path).unwrap()));
        }
    }
}
