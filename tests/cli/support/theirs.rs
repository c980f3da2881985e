//! A disposable server of the user's, with an extension that ours does not have.

use std::path::Path;

use camino::Utf8Path;
use run_migration::{
    cli::GlobalArgs,
    postgres::{Role, Server},
};
use tokio_postgres::Client;

use super::{
    packages,
    postgres::{Bench, open_directory},
    run::hermetic,
};

/// A disposable server of the user's, with pgvector.
pub struct Theirs {
    server: Server,
    runtime: tokio::runtime::Runtime,
    /// Declared last: the server goes first.
    _kept: (Bench, tempfile::TempDir),
}

impl Theirs {
    /// Starts it.
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let tree = open_directory();
        let (bench, server) = runtime.block_on(async {
            // The account that it runs as may not enter the directory of the build.
            let from = packages::pgvector();
            let copied =
                hermetic("cp", Path::new("/")).arg("-rT").args([&from, tree.path()]).status().unwrap();
            assert!(copied.success());
            let bin = Utf8Path::from_path(tree.path()).unwrap().join("pgserver/pginstall/bin");
            let bench = Bench::with(GlobalArgs { postgres_bin: Some(bin), ..GlobalArgs::default() });
            let server = bench.server().await;
            (bench, server)
        });
        Self { server, runtime, _kept: (bench, tree) }
    }

    /// The URL that the user has, with a password that the server does not ask for.
    pub fn url(&self) -> String {
        let url = self.server.prisma_url("postgres", Role::Superuser);
        let url = url.replacen("://postgres@", "://postgres:hunter2@", 1) + "&schema=ignored";
        // On a busy machine more than the usual five seconds.
        url.replacen("connect_timeout=0", "connect_timeout=120", 1)
    }

    fn ask<T>(&self, work: impl AsyncFnOnce(Client) -> T) -> T {
        self.runtime.block_on(async {
            let client = self.server.connect("postgres", Role::Superuser).await.unwrap();
            work(client).await
        })
    }

    /// Runs SQL there as its superuser.
    pub fn execute(&self, sql: &str) {
        self.ask(async |client| client.batch_execute(sql).await.unwrap());
    }

    /// The first column of what the server answers.
    pub fn names(&self, question: &str) -> Vec<String> {
        self.ask(async |client| {
            client.query(question, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
        })
    }

    /// The databases that the tool has made.
    pub fn databases(&self) -> Vec<String> {
        self.names(
            "SELECT datname::text FROM pg_database WHERE datname LIKE 'run\\_migration\\_%' ORDER BY 1",
        )
    }
}
