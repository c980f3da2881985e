//! One temporary PostgreSQL for all tests of this binary. A test gets databases of its own.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread,
};

use run_migration::{
    cli::GlobalArgs,
    context::{Context, Environment},
    postgres::{self, Role, Server},
    report::progress::{Mode, Progress},
};
use tokio_postgres::Client;

/// The server: started by whoever comes first, ended by the tool's own reaper when the binary ends.
pub fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let (sender, receiver) = mpsc::channel();
        // Its connections live in a runtime that outlives every test's own.
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                sender.send(start().await).unwrap();
                std::future::pending::<()>().await;
            });
        });
        receiver.recv().unwrap()
    })
}

async fn start() -> Server {
    let bin = std::env::var("TEST_POSTGRES_BIN").ok().map(Into::into);
    let settings = GlobalArgs { timeout: 60, postgres_bin: bin, ..GlobalArgs::default() };
    let progress = Progress::new(Mode::Silent);
    let context = Context::gather(settings, Environment::read(), progress).unwrap();
    let stage = context.progress.stage("postgres");
    let installation = postgres::acquire(&context, None, &stage).await.unwrap();
    let server = Server::start(&context, &installation).await.unwrap();
    // Ends what the tool would end, only when the binary does.
    std::mem::forget(context);
    server
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
