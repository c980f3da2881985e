//! One temporary PostgreSQL for all tests of this binary, and one of each other major for those that must hold on all.
//! A test gets databases of its own.

use std::{
    io::Write,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread,
};

use camino::Utf8PathBuf;
use run_migration::{
    cli::GlobalArgs,
    context::{Context, Environment},
    postgres::{self, Role, Server},
    report::progress::{Mode, Progress},
};
use tokio_postgres::Client;

use super::run::{PATIENCE, tools};

/// The majors of PostgreSQL that the tool works with.
const MAJORS: [u32; 5] = [14, 15, 16, 17, 18];

tokio::task_local! {
    /// The server that a test runs on, where it is not the one that most share.
    static OTHER: &'static Server;
}

/// The server: started by whoever comes first, ended by the tool's own reaper when the binary ends.
pub fn server() -> &'static Server {
    static SERVER: OnceLock<Result<Server, String>> = OnceLock::new();
    OTHER.try_with(|server| *server).unwrap_or_else(|_| started(&SERVER, None).unwrap())
}

/// Runs `test` on each major in turn, with a server of that major as [`server`]. `TEST_POSTGRES_BIN` leaves one. A
/// major that nobody has made for this platform is left out, and it is said so.
pub async fn on_every_major(test: impl AsyncFn()) {
    static SERVERS: [OnceLock<Result<Server, String>>; MAJORS.len()] =
        [const { OnceLock::new() }; MAJORS.len()];
    if std::env::var_os("TEST_POSTGRES_BIN").is_some() {
        return test().await;
    }
    for (major, server) in MAJORS.into_iter().zip(&SERVERS) {
        match started(server, Some(major)) {
            Ok(server) => OTHER.scope(server, test()).await,
            // Not by way of a macro: what those write is only shown where a test fails.
            Err(why) if why.contains("it has no PostgreSQL") => {
                let line = format!("NOT TESTED on PostgreSQL {major}: {why}\n");
                std::io::stderr().write_all(line.as_bytes()).unwrap();
            }
            Err(why) => panic!("PostgreSQL {major}: {why}"),
        }
    }
}

fn started(
    server: &'static OnceLock<Result<Server, String>>,
    major: Option<u32>,
) -> Result<&'static Server, &'static String> {
    let start = || {
        let (sender, receiver) = mpsc::channel();
        // Its connections live in a runtime that outlives every test's own.
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                sender.send(start(major).await).unwrap();
                std::future::pending::<()>().await;
            });
        });
        receiver.recv().unwrap()
    };
    server.get_or_init(start).as_ref()
}

async fn start(major: Option<u32>) -> Result<Server, String> {
    let bin = std::env::var("TEST_POSTGRES_BIN").ok().map(Into::into);
    let cache = Utf8PathBuf::from_path_buf(tools().join("cache")).unwrap();
    let timeout = PATIENCE.as_secs();
    let settings = GlobalArgs { timeout, postgres_bin: bin, cache_dir: Some(cache), ..GlobalArgs::default() };
    let progress = Progress::new(Mode::Silent);
    let context = Context::gather(settings, Environment::read(), progress).unwrap();
    let stage = context.progress.stage("postgres");
    let installation = postgres::acquire(&context, major, &stage).await.map_err(|error| error.to_string())?;
    let server = Server::start(&context, &installation).await.map_err(|error| error.to_string())?;
    if let Some(major) = major {
        assert_eq!(installation.version.major, major);
    }
    // Ends what the tool would end, only when the binary does.
    std::mem::forget(context);
    Ok(server)
}

/// A name for a database that no other test has.
pub fn unique(prefix: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{prefix}{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A fresh database that `sql` was applied to, by the plain role that owns it.
pub async fn database(sql: &str) -> String {
    let name = unique("test");
    server().create_database(&name, Role::Owner).await.unwrap();
    connect(&name).await.batch_execute(sql).await.unwrap();
    name
}

/// A client of the database's owner.
pub async fn connect(name: &str) -> Client {
    server().connect(name, Role::Owner).await.unwrap()
}
