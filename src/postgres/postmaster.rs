//! The server's process: started, waited for, told to go.

use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::process::Child;
use tokio_postgres::{Client, Config, NoTls};

use super::{
    Error, Installation,
    data::data,
    error::{describe, tail},
    kept::is_at_rest,
    locate::command,
    server::{PUBLIC, Role, quote},
    workdir::WorkDirectory,
};
use crate::{context::Context, redact::redact};

/// Names the socket's file and nothing else, for the server listens on no port. A client that overlooks the
/// socket's path and tries TCP meets a port where nobody ever listens, not a developer's own server on 5432.
pub(super) const PORT: u16 = 1;

/// The socket's file for [`PORT`].
pub(super) const SOCKET_NAME: &str = ".s.PGSQL.1";

/// How often readiness is tried. A try costs microseconds, so the wait is as short as the start.
const POLL: Duration = Duration::from_millis(1);

/// How long a server may take to leave. It takes milliseconds, where the machine does not stand still.
const LEAVE: Duration = Duration::from_secs(60);

/// How long a value that is dropped waits for its server: by itself it kills what does not leave within five seconds.
const MOMENT: Duration = Duration::from_secs(10);

/// Settings for a server whose data nobody will ever need again.
pub(super) const SETTINGS: [&str; 23] = [
    "listen_addresses=",
    "port=1",
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "autovacuum=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    // What is kept for later runs is small, and so is what goes at the end.
    "wal_init_zero=off",
    "wal_recycle=off",
    "min_wal_size=2MB",
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

/// The server's process and its directory.
#[derive(Debug)]
pub(super) struct Postmaster {
    child: Child,
    /// `None` once it is removed.
    directory: Option<WorkDirectory>,
    path: Utf8PathBuf,
}

impl Postmaster {
    pub(super) fn spawn(
        context: &Context,
        installation: &Installation,
        directory: WorkDirectory,
    ) -> Result<Self, Error> {
        let path = directory.path().to_owned();
        let mut invocation = command(&installation.bin.join("postgres"), &installation.run_as)
            .args(["-D", data(&path).as_str(), "-k", &quote(path.as_str())])
            .output_to(&log(&path));
        for setting in SETTINGS {
            invocation = invocation.args(["-c", setting]);
        }
        let child = context.processes.spawn(&invocation)?;
        Ok(Self { child, directory: Some(directory), path })
    }

    /// Where the socket is.
    pub(super) fn directory(&self) -> &Utf8Path {
        &self.path
    }

    /// Connects as soon as the server lets anybody in.
    pub(super) async fn ready(&mut self, limit: Duration) -> Result<Client, Error> {
        let started = Instant::now();
        loop {
            let attempt = connect(&self.path, "postgres", (Role::Superuser, PUBLIC));
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

    /// Ends the server at once and removes its files.
    pub(super) async fn stop(mut self) -> Result<(), Error> {
        self.quit();
        let databases = remove_databases(data(&self.path));
        let (left, ()) = tokio::join!(tokio::time::timeout(LEAVE, self.child.wait()), databases);
        let failed = |source| Error::File { path: self.path.clone(), source };
        left.map_err(|_| failed(std::io::Error::other("the server there does not end")))?.map_err(failed)?;
        match self.directory.take() {
            Some(directory) => directory.remove().map_err(failed),
            None => Ok(()),
        }
    }

    /// Ends the server in order, so that its files are all there is, and gives its directory back. There is an error
    /// where it did not come to rest: what is on the disk is not all then.
    pub(super) async fn rest(mut self) -> Result<WorkDirectory, Error> {
        self.signal(Signal::SIGINT);
        let left = tokio::time::timeout(LEAVE, self.child.wait()).await;
        let failed = |what: &str| Error::File {
            path: self.path.clone(),
            source: std::io::Error::other(format!("the server there did not end in order: {what}")),
        };
        let status =
            left.map_err(|_| failed("it does not end"))?.map_err(|error| failed(&error.to_string()))?;
        if !status.success() || !is_at_rest(&data(&self.path)) {
            return Err(failed(&status.to_string()));
        }
        self.directory.take().ok_or_else(|| failed("its directory is gone"))
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.child.id().and_then(|id| i32::try_from(id).ok()) {
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }

    /// SIGQUIT: the server leaves at once, and unlike after SIGKILL no shared memory stays behind.
    fn quit(&self) {
        self.signal(Signal::SIGQUIT);
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
        while matches!(self.child.try_wait(), Ok(None)) && started.elapsed() < MOMENT {
            std::thread::sleep(POLL);
        }
    }
}

/// The option that makes a session look into `schema` and nowhere else, as Prisma connects: a schema that is called
/// like the role is nothing special.
pub(super) fn search_path(schema: &str) -> String {
    let escaped = quote(schema).replace('\\', "\\\\").replace(' ', "\\ ");
    format!("-c search_path={escaped}")
}

/// Opens a session that looks into `schema`; the connection ends with the client.
pub(super) async fn connect(
    directory: &Utf8Path,
    database: &str,
    (role, schema): (Role, &str),
) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = Config::new()
        .host_path(directory)
        .port(PORT)
        .user(role.name())
        .dbname(database)
        .application_name("run-migration")
        .options(search_path(schema))
        .connect(NoTls)
        .await?;
    // Whoever uses the client learns of a broken connection from its own next call.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    Ok(client)
}

/// Removes the files of all databases, most of what there is, with as many hands as there are. What cannot be removed is
/// left to whoever removes the rest: a server that is about to leave may still be in the way.
async fn remove_databases(data: Utf8PathBuf) {
    let work = move || {
        let Ok(listing) = data.join("base").read_dir_utf8() else { return };
        let databases: Vec<_> = listing.flatten().map(|entry| entry.into_path()).collect();
        let hands = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            for share in databases.chunks(databases.len().div_ceil(hands).max(1)) {
                scope.spawn(move || share.iter().for_each(|database| _ = std::fs::remove_dir_all(database)));
            }
        });
    };
    // A thread that cannot be had is no failure either.
    let _ = tokio::task::spawn_blocking(work).await;
}

fn log(directory: &Utf8Path) -> Utf8PathBuf {
    directory.join("log")
}
