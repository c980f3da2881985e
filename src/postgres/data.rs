//! How a server comes by its data directory.

use camino::{Utf8Path, Utf8PathBuf};

use super::{
    Error, Installation, error::tail, kept, locate::command, postmaster::SETTINGS, server::SUPERUSER,
    workdir::WorkDirectory,
};
use crate::{context::Context, process::Finished};

/// The reaper knows this place, too: it ends the server whose `postmaster.pid` is there.
pub(super) fn data(directory: &Utf8Path) -> Utf8PathBuf {
    directory.join("data")
}

/// What makes a data directory what it is, apart from the version.
pub(super) fn form(installation: &Installation) -> String {
    format!("{:?} {SETTINGS:?}", options(installation))
}

fn options(installation: &Installation) -> Vec<&'static str> {
    let mut options = vec!["-U", SUPERUSER, "-A", "trust", "-E", "UTF8"];
    options.extend(["--no-locale", "--no-sync", "--wal-segsize=1"]);
    if installation.version.major >= 18 {
        // The default since 18, of no use to data that lives for seconds.
        options.push("--no-data-checksums");
    }
    options
}

/// Makes the data directory in `directory`.
pub(super) async fn initdb(
    context: &Context,
    installation: &Installation,
    directory: WorkDirectory,
) -> Result<WorkDirectory, Error> {
    let invocation = command(&installation.bin.join("initdb"), &installation.run_as)
        .args(["-D", data(directory.path()).as_str()])
        .args(options(installation))
        .timeout(context.settings.step_timeout());
    let mut unfinished = Unfinished(Some(directory));
    let finished = context.processes.run(invocation).await?;
    let directory = unfinished.0.take();
    match directory {
        Some(directory) if finished.success() => Ok(directory),
        _ => Err(Error::Initdb { ended: finished.ended(), message: last_words(&finished) }),
    }
}

/// Makes the data directory in `directory` of what was packed at an earlier run. It stays ours until it is whole: a
/// thread at work in it cannot be called off.
pub(super) async fn unpack(
    installation: &Installation,
    directory: WorkDirectory,
    packed: Vec<u8>,
) -> Result<WorkDirectory, Error> {
    let (path, run_as) = (data(directory.path()), installation.run_as.clone());
    let work = move || {
        kept::unpack(&packed, &path, &run_as).map_err(|source| Error::File { path, source })?;
        Ok(directory)
    };
    off_the_thread(work).await
}

/// Puts a copy of the data directory, whose server is at rest, beside it, as one file; where that is.
pub(super) async fn put_aside(directory: WorkDirectory) -> Result<(WorkDirectory, Utf8PathBuf), Error> {
    let path = data(directory.path());
    let work = move || {
        let aside = directory.path().join("kept");
        kept::gather(&path, &aside).map_err(|source| Error::File { path, source })?;
        Ok((directory, aside))
    };
    off_the_thread(work).await
}

async fn off_the_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let gone = |error: tokio::task::JoinError| Error::File {
        path: Utf8PathBuf::new(),
        source: std::io::Error::other(error),
    };
    tokio::task::spawn_blocking(work).await.map_err(gone)?
}

/// A directory that initdb is at work in. Given up early, it is left to the reaper, which knows how to end
/// initdb without a leak, but only as long as its files are there.
struct Unfinished(Option<WorkDirectory>);

impl Drop for Unfinished {
    fn drop(&mut self) {
        std::mem::forget(self.0.take());
    }
}

fn last_words(finished: &Finished) -> String {
    match finished.stderr_text() {
        text if text.is_empty() => tail(finished.stdout_text().trim()),
        text => tail(&text),
    }
}
