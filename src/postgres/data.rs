//! How a server comes by its data directory.

use camino::{Utf8Path, Utf8PathBuf};

use super::{Error, Installation, error::tail, locate::command, server::SUPERUSER, workdir::WorkDirectory};
use crate::{context::Context, process::Finished};

/// The reaper knows this place, too: it ends the server whose `postmaster.pid` is there.
pub(super) fn data(directory: &Utf8Path) -> Utf8PathBuf {
    directory.join("data")
}

/// Makes the data directory in `directory`.
pub(super) async fn initdb(
    context: &Context,
    installation: &Installation,
    directory: WorkDirectory,
) -> Result<WorkDirectory, Error> {
    let mut invocation = command(&installation.bin.join("initdb"), &installation.run_as)
        .args(["-D", data(directory.path()).as_str(), "-U", SUPERUSER, "-A", "trust", "-E", "UTF8"])
        .args(["--no-locale", "--no-sync", "--wal-segsize=1"])
        .timeout(context.settings.step_timeout());
    if installation.version.major >= 18 {
        // The default since 18, of no use to data that lives for seconds.
        invocation = invocation.arg("--no-data-checksums");
    }
    let mut unfinished = Unfinished(Some(directory));
    let finished = context.processes.run(invocation).await?;
    let directory = unfinished.0.take();
    match directory {
        Some(directory) if finished.success() => Ok(directory),
        _ => Err(Error::Initdb { ended: finished.ended(), message: last_words(&finished) }),
    }
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
