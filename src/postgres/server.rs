//! The server itself: made, started, asked, stopped.

use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::process::Child;
use tokio_postgres::{Client, Config, NoTls};

use super::{Error, Installation, error::describe, locate::command, workdir::WorkDirectory};
use crate::{config::ReplayAs, context::Context, process::Finished, redact::redact};

/// Names the socket's file and nothing else, for the server listens on no port. A client that overlooks the
/// socket's path and tries TCP meets a port where nobody ever listens, not a developer's own server on 5432.
const PORT: u16 = 1;

/// The socket's file for [`PORT`].
pub(super) const SOCKET_NAME: &str = ".s.PGSQL.1";

/// The bootstrap superuser.
const SUPERUSER: &str = "postgres";

/// The plain role that owns the databases.
const OWNER: &str = "run_migration";

/// How often readiness is tried. A try costs microseconds, so the wait is as short as the start.
const POLL: Duration = Duration::from_millis(1);

/// How long a server may take to leave at once.
const LEAVE: Duration = Duration::from_secs(10);

/// How much of the server's log a message shows.
const LOG_TAIL: usize = 2000;

/// Settings for a server whose data nobody will ever need again.
const SETTINGS: [&str; 20] = [
    "listen_addresses=",
    "port=1",
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "autovacuum=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "shared_buffers=16MB",
    "max_connections=20",
    // A whole baseline of a large schema is one transaction.
    "max_locks_per_transaction=1024",
    "max_logical_replication_workers=0",
    "max_parallel_workers=0",
    "jit=off",
    "ssl=off",
    "logging_collector=off",
    "log_destination=stderr",
    // A migration that raises warnings in a loop must not fill the disk.
    "log_min_messages=log",
    "log_min_error_statement=panic",
    "restart_after_crash=off",
];

/// Who a client is on the temporary server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The plain role that owns the databases.
    Owner,
    /// The superuser.
    Superuser,
}

impl Role {
    /// The role's name in SQL and in URLs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Owner => OWNER,
            Self::Superuser => SUPERUSER,
        }
    }
}

impl From<ReplayAs> for Role {
    fn from(replay_as: ReplayAs) -> Self {
        match replay_as {
            ReplayAs::Owner => Self::Owner,
            ReplayAs::Superuser => Self::Superuser,
        }
    }
}

/// A running temporary server. Nobody but its own user can reach it: its only door is a socket in a private
/// directory. [`Server::stop`] ends it in order; dropped or killed, it goes all the same.
#[derive(Debug)]
pub struct Server {
    postmaster: Postmaster,
    admin: Client,
    major: u32,
}

impl Server {
    /// Makes a fresh data directory and starts a server on it. The time limit of each step is the one of
    /// `--timeout`.
    ///
    /// # Errors
    /// Where no directory will do, `initdb` fails, or the server does not come up; with the end of its log.
    pub async fn start(context: &Context, installation: &Installation) -> Result<Self, Error> {
        let directory = WorkDirectory::create(context, &installation.run_as).await?;
        initdb(context, installation, &directory).await?;
        let mut postmaster = Postmaster::spawn(context, installation, directory)?;
        let limit = context.settings.step_timeout();
        let admin = postmaster.ready(limit).await?;
        let server = Self { postmaster, admin, major: installation.version.major };
        server.execute("create its role", &format!("CREATE ROLE {OWNER} LOGIN")).await?;
        Ok(server)
    }

    /// Makes the empty database `name`, owned by `role`.
    ///
    /// # Errors
    /// Where there is one of that name, or the disk is full.
    pub async fn create_database(&self, name: &str, role: Role) -> Result<(), Error> {
        let statement = format!("CREATE DATABASE {} OWNER {}", quote(name), role.name());
        self.execute("create a database", &statement).await?;
        if self.major < 15 && role == Role::Owner {
            // Since 15 the schema belongs to whoever owns the database.
            let database = self.connect(name, Role::Superuser).await?;
            let statement = format!("ALTER SCHEMA public OWNER TO {OWNER}");
            let failed = |source| Error::Query { what: "hand over a schema".into(), source };
            database.batch_execute(&statement).await.map_err(failed)?;
        }
        Ok(())
    }

    /// Makes the database `name` a copy of `template`, which nobody may be connected to, with the same owner.
    ///
    /// # Errors
    /// Where somebody is connected to `template`, there is one called `name`, or the disk is full.
    pub async fn clone_database(&self, template: &str, name: &str) -> Result<(), Error> {
        let owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = $1";
        let what = || format!("copy the database {template}");
        let row = self
            .admin
            .query_one(owner, &[&template])
            .await
            .map_err(|source| Error::Query { what: what(), source })?;
        // Faster than through the WAL, which is all that older versions know.
        let strategy = if self.major >= 15 { " STRATEGY file_copy" } else { "" };
        let statement = format!(
            "CREATE DATABASE {} TEMPLATE {} OWNER {}{strategy}",
            quote(name),
            quote(template),
            quote(row.get(0))
        );
        self.execute(&what(), &statement).await
    }

    /// Connects to a database. The connection ends with the client.
    ///
    /// # Errors
    /// Where the database does not exist or the server is gone.
    pub async fn connect(&self, database: &str, role: Role) -> Result<Client, Error> {
        connect(self.postmaster.directory(), database, role)
            .await
            .map_err(|source| Error::Query { what: format!("open the database {database}"), source })
    }

    /// The URL of a database in Prisma's dialect. It leads nowhere for clients that do not know `host=`.
    #[must_use]
    pub fn prisma_url(&self, database: &str, role: Role) -> String {
        format!(
            "postgresql://{}@localhost:{PORT}/{}?host={}",
            role.name(),
            percent_encode(database),
            percent_encode(self.postmaster.directory().as_str())
        )
    }

    /// The directory of the server's socket.
    #[must_use]
    pub fn socket_directory(&self) -> &Utf8Path {
        self.postmaster.directory()
    }

    /// Ends the server at once and removes its files.
    ///
    /// # Errors
    /// Where it does not leave, or its files cannot be removed. Both are tried again when the tool ends.
    pub async fn stop(self) -> Result<(), Error> {
        drop(self.admin);
        self.postmaster.stop().await
    }

    async fn execute(&self, what: &str, statement: &str) -> Result<(), Error> {
        let failed = |source| Error::Query { what: what.to_owned(), source };
        self.admin.batch_execute(statement).await.map_err(failed)
    }
}

async fn initdb(
    context: &Context,
    installation: &Installation,
    directory: &WorkDirectory,
) -> Result<(), Error> {
    let mut invocation = command(&installation.bin.join("initdb"), &installation.run_as)
        .args(["-D", data(directory.path()).as_str(), "-U", SUPERUSER, "-A", "trust", "-E", "UTF8"])
        .args(["--no-locale", "--no-sync", "--wal-segsize=1"])
        .timeout(context.settings.step_timeout());
    if installation.version.major >= 18 {
        // The default since 18, of no use to data that lives for seconds.
        invocation = invocation.arg("--no-data-checksums");
    }
    let finished = context.processes.run(invocation).await?;
    if finished.success() {
        return Ok(());
    }
    Err(Error::Initdb { ended: finished.ended(), message: last_words(&finished) })
}

fn last_words(finished: &Finished) -> String {
    match finished.stderr_text() {
        text if text.is_empty() => tail(finished.stdout_text().trim()),
        text => tail(&text),
    }
}

/// The server's process and its directory.
#[derive(Debug)]
struct Postmaster {
    child: Child,
    /// `None` once it is removed.
    directory: Option<WorkDirectory>,
    path: Utf8PathBuf,
}

impl Postmaster {
    fn spawn(
        context: &Context,
        installation: &Installation,
        directory: WorkDirectory,
    ) -> Result<Self, Error> {
        let path = directory.path().to_owned();
        let mut invocation = command(&installation.bin.join("postgres"), &installation.run_as)
            .args(["-D", data(&path).as_str(), "-k", path.as_str()])
            .output_to(&log(&path));
        for setting in SETTINGS {
            invocation = invocation.args(["-c", setting]);
        }
        let child = context.processes.spawn(&invocation)?;
        Ok(Self { child, directory: Some(directory), path })
    }

    fn directory(&self) -> &Utf8Path {
        &self.path
    }

    /// Connects as soon as the server lets anybody in.
    async fn ready(&mut self, limit: Duration) -> Result<Client, Error> {
        let started = Instant::now();
        loop {
            let attempt = connect(&self.path, "postgres", Role::Superuser);
            let last = match tokio::time::timeout(limit.saturating_sub(started.elapsed()), attempt).await {
                Ok(Ok(client)) => return Ok(client),
                Ok(Err(error)) => describe(&error),
                Err(_) => "it accepts connections but does not answer".into(),
            };
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(Error::Start { ended: status.to_string(), log: self.log_tail() });
            }
            if started.elapsed() >= limit {
                return Err(Error::NotReady { after: limit, last, log: self.log_tail() });
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn log_tail(&self) -> String {
        let log = std::fs::read(log(&self.path)).unwrap_or_default();
        tail(&redact(String::from_utf8_lossy(&log).trim()))
    }

    async fn stop(mut self) -> Result<(), Error> {
        self.quit();
        let left = tokio::time::timeout(LEAVE, self.child.wait()).await;
        let failed = |source| Error::File { path: self.path.clone(), source };
        left.map_err(|_| failed(std::io::Error::other("the server there does not end")))?.map_err(failed)?;
        match self.directory.take() {
            Some(directory) => directory.remove().map_err(failed),
            None => Ok(()),
        }
    }

    /// SIGQUIT: the server leaves at once, and unlike after SIGKILL no shared memory stays behind.
    fn quit(&self) {
        if let Some(pid) = self.child.id().and_then(|id| i32::try_from(id).ok()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGQUIT);
        }
    }
}

impl Drop for Postmaster {
    /// The backstop for errors and panics. It waits a moment, because files that a live server still writes
    /// cannot be removed.
    fn drop(&mut self) {
        if self.directory.is_none() {
            return;
        }
        self.quit();
        let started = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && started.elapsed() < Duration::from_secs(1) {
            std::thread::sleep(POLL);
        }
    }
}

async fn connect(directory: &Utf8Path, database: &str, role: Role) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = Config::new()
        .host_path(directory)
        .port(PORT)
        .user(role.name())
        .dbname(database)
        .application_name("run-migration")
        .connect(NoTls)
        .await?;
    // Whoever uses the client learns of a broken connection from its own next call.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    Ok(client)
}

/// The reaper knows this place, too: it ends the server whose `postmaster.pid` is there.
fn data(directory: &Utf8Path) -> Utf8PathBuf {
    directory.join("data")
}

fn log(directory: &Utf8Path) -> Utf8PathBuf {
    directory.join("log")
}

/// The end of a text, from the beginning of a line.
fn tail(text: &str) -> String {
    let mut start = text.len().saturating_sub(LOG_TAIL);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    let end = &text[start..];
    match end.find('\n') {
        Some(line) if start > 0 => end[line + 1..].to_owned(),
        _ => end.to_owned(),
    }
}

fn quote(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte.into()),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
