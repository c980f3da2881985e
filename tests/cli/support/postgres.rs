//! Temporary servers for tests, and what they leave behind.

use std::{
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use camino::{Utf8Path, Utf8PathBuf};
use run_migration::{
    cli::GlobalArgs,
    context::{Context, Environment},
    history::{History, Migration, checksum},
    postgres::{Installation, Server, acquire},
    process::Processes,
    report::progress::{Mode, Progress},
};

use super::run::{PATIENCE, tools};

/// Where every account may make directories, in memory where there is any.
fn common_directory() -> Utf8PathBuf {
    let memory = Utf8Path::new("/dev/shm");
    if memory.is_dir() {
        memory.to_owned()
    } else {
        Utf8PathBuf::from_path_buf(std::env::temp_dir()).unwrap()
    }
}

/// A directory that every account can enter.
pub fn open_directory() -> tempfile::TempDir {
    tempfile::Builder::new()
        .prefix("rm-test-")
        .permissions(std::fs::Permissions::from_mode(0o755))
        .tempdir_in(common_directory())
        .unwrap()
}

/// A context and the directory that its servers live in.
pub struct Bench {
    pub context: Context,
    place: Utf8PathBuf,
    _own: Option<tempfile::TempDir>,
}

impl Bench {
    /// With a directory of its own.
    pub fn new() -> Self {
        Self::with(GlobalArgs::default())
    }

    /// With a directory of its own and these options; the time limit and the cache are set where they are left
    /// out.
    pub fn with(settings: GlobalArgs) -> Self {
        let own = open_directory();
        let place = Utf8PathBuf::from_path_buf(own.path().to_owned()).unwrap();
        Self { _own: Some(own), ..Self::at(place, settings) }
    }

    /// With a directory that somebody else takes care of.
    pub fn at(place: Utf8PathBuf, settings: GlobalArgs) -> Self {
        let path = std::env::var("PATH").unwrap();
        let timeout = if settings.timeout == 0 { PATIENCE.as_secs() } else { settings.timeout };
        let cache = Utf8PathBuf::from_path_buf(tools().join("cache")).unwrap();
        let context = Context {
            command_line: vec!["run-migration".into()],
            settings: GlobalArgs { timeout, cache_dir: settings.cache_dir.or(Some(cache)), ..settings },
            environment: Environment::from_pairs([
                ("PATH", path.as_str()),
                ("RUN_MIGRATION_WORK_DIR", place.as_str()),
            ]),
            cwd: Utf8PathBuf::from_path_buf(std::env::temp_dir()).unwrap(),
            now: jiff::Timestamp::now(),
            processes: Processes::new(),
            progress: Arc::new(Progress::new(Mode::Silent)),
        };
        Self { context, place, _own: None }
    }

    /// Where its servers live.
    pub fn path(&self) -> &Utf8Path {
        &self.place
    }

    pub async fn installation(&self) -> Installation {
        acquire(&self.context, None, &self.context.progress.stage("postgres")).await.unwrap()
    }

    pub async fn server(&self) -> Server {
        Server::start(&self.context, &self.installation().await).await.unwrap()
    }
}

/// One server for all tests that need no server of their own.
pub struct Shared {
    runtime: tokio::runtime::Runtime,
    pub server: Server,
    /// Ends the server with the test binary.
    _bench: Bench,
}

static SHARED: LazyLock<Shared> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (bench, server) = runtime.block_on(async {
        // Nobody drops what is static: the reaper removes the server's directory, but only that one.
        let bench = Bench::at(common_directory(), GlobalArgs::default());
        let server = bench.server().await;
        (bench, server)
    });
    Shared { runtime, server, _bench: bench }
});

/// Runs `test` with the shared server.
pub fn with_server<F: Future>(test: impl FnOnce(&'static Server) -> F) -> F::Output {
    let shared: &'static Shared = &SHARED;
    shared.runtime.block_on(test(&shared.server))
}

/// The first column of the first row that `query` gives.
pub async fn answer(client: &tokio_postgres::Client, query: &str) -> String {
    client.query_one(query, &[]).await.unwrap().get(0)
}

/// A history that exists in memory only.
pub fn history(migrations: &[(&str, &str)]) -> History {
    let mut migrations: Vec<Migration> = migrations
        .iter()
        .map(|(name, sql)| Migration {
            name: (*name).to_owned(),
            path: format!("/repo/migrations/{name}/migration.sql").into(),
            sql: (*sql).to_owned(),
            checksum: checksum(sql.as_bytes()),
        })
        .collect();
    migrations.sort_by(|a, b| a.name.cmp(&b.name));
    History { directory: "/repo/migrations".into(), migrations }
}

/// Waits until `condition` holds.
#[track_caller]
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// How long what was killed may take to go. Nothing that would stay for ever goes in that time.
const CLEANING: Duration = Duration::from_secs(120);

/// Waits until nothing is left in `directory`, and no process that works in it or names it.
#[track_caller]
pub fn eventually_clean(directory: &Path) {
    let started = Instant::now();
    loop {
        let left = leftovers(directory);
        if left.is_empty() {
            return;
        }
        assert!(started.elapsed() < CLEANING, "left behind: {left:#?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Files in `directory`, and processes that name it in their arguments or environment or work in it.
pub fn leftovers(directory: &Path) -> Vec<String> {
    let mut left: Vec<String> =
        directory.read_dir().unwrap().map(|entry| entry.unwrap().path().display().to_string()).collect();
    let name = directory.to_str().unwrap();
    for process in Path::new("/proc").read_dir().unwrap().flatten() {
        let path = process.path();
        let read = |file: &str| {
            String::from_utf8_lossy(&std::fs::read(path.join(file)).unwrap_or_default()).into_owned()
        };
        let cwd = path.join("cwd").read_link().unwrap_or_default();
        let is_me = process.file_name().to_str() == Some(&std::process::id().to_string());
        if !is_me
            && (cwd.starts_with(name) || read("cmdline").contains(name) || read("environ").contains(name))
        {
            left.push(format!("{}: {}", path.display(), read("cmdline").replace('\0', " ")));
        }
    }
    left
}
