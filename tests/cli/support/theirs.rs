//! A disposable server of the user's, with an extension that ours does not have.

use std::{os::unix::fs::symlink, path::Path};

use camino::{Utf8Path, Utf8PathBuf};
use run_migration::{
    cli::GlobalArgs,
    postgres::{Role, Server},
};
use tokio_postgres::Client;

use super::postgres::{Bench, open_directory};

/// A disposable server of the user's, with a stand-in for pgvector: the real one is in no package that this machine
/// can have, and that the extension is there is what the tool goes by.
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
            let original = Bench::new().installation().await.bin;
            let bin = with_vector(&original, Utf8Path::from_path(tree.path()).unwrap());
            let bench = Bench::with(GlobalArgs { postgres_bin: Some(bin), ..GlobalArgs::default() });
            let server = bench.server().await;
            (bench, server)
        });
        Self { server, runtime, _kept: (bench, tree) }
    }

    /// The URL that the user has, with a password that the server does not ask for.
    pub fn url(&self) -> String {
        let url = self.server.prisma_url("postgres", Role::Superuser);
        url.replacen("://postgres@", "://postgres:hunter2@", 1) + "&schema=ignored"
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

/// A tree like that around `bin` with one extension more: PostgreSQL finds its files by their place beside it.
fn with_vector(bin: &Utf8Path, tree: &Utf8Path) -> Utf8PathBuf {
    let (root, share) = root_and_share(bin);
    let place = |path: &Utf8Path| tree.join(path.strip_prefix(&root).unwrap());
    let own_bin = place(bin);
    std::fs::create_dir_all(&own_bin).unwrap();
    for program in ["postgres", "initdb"] {
        std::fs::copy(bin.join(program), own_bin.join(program)).unwrap();
    }
    let lib = bin.parent().unwrap().join("lib");
    symlink(&lib, place(&lib)).unwrap();
    let own_share = place(&share);
    mirror(share.as_std_path(), own_share.as_std_path());
    let extension = own_share.join("extension");
    std::fs::remove_file(&extension).unwrap();
    mirror(share.join("extension").as_std_path(), extension.as_std_path());
    std::fs::write(
        extension.join("vector.control"),
        "default_version = '1.0'\nrelocatable = true\ntrusted = true\n",
    )
    .unwrap();
    std::fs::write(
        extension.join("vector--1.0.sql"),
        "CREATE TYPE vector;\n\
         CREATE FUNCTION vector_in(cstring, oid, integer) RETURNS vector LANGUAGE internal IMMUTABLE AS 'varcharin';\n\
         CREATE FUNCTION vector_out(vector) RETURNS cstring LANGUAGE internal IMMUTABLE AS 'varcharout';\n\
         CREATE FUNCTION vector_typmod_in(cstring[]) RETURNS integer LANGUAGE internal IMMUTABLE AS 'varchartypmodin';\n\
         CREATE FUNCTION vector_typmod_out(integer) RETURNS cstring LANGUAGE internal IMMUTABLE AS 'varchartypmodout';\n\
         CREATE TYPE vector (INPUT = vector_in, OUTPUT = vector_out, TYPMOD_IN = vector_typmod_in, TYPMOD_OUT = vector_typmod_out);\n",
    )
    .unwrap();
    own_bin
}

/// The directory that holds both the programs and the shared files of a PostgreSQL, and the latter.
fn root_and_share(bin: &Utf8Path) -> (Utf8PathBuf, Utf8PathBuf) {
    // Debian's are in two trees below /usr, everybody else's beside each other.
    let version = bin.parent().unwrap().file_name().unwrap();
    let debian = Utf8PathBuf::from(format!("/usr/share/postgresql/{version}"));
    if bin.starts_with("/usr/lib/postgresql") && debian.is_dir() {
        return ("/usr".into(), debian);
    }
    let root = bin.parent().unwrap().to_owned();
    let share = ["share/postgresql", "share"].map(|share| root.join(share));
    let share = share.into_iter().find(|share| share.join("extension").is_dir()).unwrap();
    (root, share)
}

/// A directory with a link to each entry of `from`.
fn mirror(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in from.read_dir().unwrap() {
        let entry = entry.unwrap();
        symlink(entry.path(), to.join(entry.file_name())).unwrap();
    }
}
