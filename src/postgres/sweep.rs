//! What a killed machine left behind: directories of servers that nobody holds any more.

use std::{fs::File, os::unix::fs::MetadataExt, os::unix::fs::OpenOptionsExt, time::Duration};

use camino::Utf8Path;
use nix::{
    fcntl::OFlag,
    sys::signal::{Signal, kill},
    unistd::{Pid, geteuid},
};

use super::workdir::{LOCK, PREFIX};
use crate::{context::Context, process::Invocation};

/// A directory younger than this may belong to a run that has not locked it yet.
const AGE: i64 = 60;

/// How long an abandoned server may take to leave.
const PATIENCE: Duration = Duration::from_secs(30);

/// Removes every abandoned directory of ours in `parent`. What cannot be removed is left for the next run: a
/// sweep is a courtesy and never the reason for a failure.
pub(super) async fn sweep(context: &Context, parent: &Utf8Path) {
    let Ok(entries) = parent.read_dir_utf8() else { return };
    for entry in entries.flatten().filter(|entry| entry.file_name().starts_with(PREFIX)) {
        let directory = entry.path();
        if !is_old(context, directory) {
            continue;
        }
        match hold(directory) {
            Some(_lock) => {
                if end_server(context, directory).await {
                    let _ = std::fs::remove_dir_all(directory);
                }
            }
            // Killed before it could make its lock: there is nothing in it, or it is not ours to remove.
            None => {
                let _ = std::fs::remove_dir(directory);
            }
        }
    }
}

fn is_old(context: &Context, directory: &Utf8Path) -> bool {
    directory.symlink_metadata().is_ok_and(|metadata| {
        metadata.is_dir() && context.now.as_second().saturating_sub(metadata.mtime()) > AGE
    })
}

/// The directory's lock, where it is a file of ours that nobody else holds.
fn hold(directory: &Utf8Path) -> Option<File> {
    let lock = File::options()
        .read(true)
        .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits())
        .open(directory.join(LOCK))
        .ok()?;
    let metadata = lock.metadata().ok()?;
    let is_ours = metadata.is_file() && metadata.uid() == geteuid().as_raw();
    (is_ours && lock.try_lock().is_ok()).then_some(lock)
}

/// Ends the server that may still run in `directory`. Gives whether none runs there any more.
async fn end_server(context: &Context, directory: &Utf8Path) -> bool {
    let data = directory.join("data");
    let Some(postmaster) = postmaster(&data) else { return true };
    if !runs(context, postmaster, &data).await {
        return true;
    }
    let _ = kill(postmaster, Signal::SIGQUIT);
    // Asked by what it runs: the dead keep their number until somebody buries them.
    let gone = async {
        while runs(context, postmaster, &data).await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.is_ok()
}

fn postmaster(data: &Utf8Path) -> Option<Pid> {
    let file = std::fs::read_to_string(data.join("postmaster.pid")).ok()?;
    let pid: i32 = file.lines().next()?.trim().parse().ok()?;
    (pid > 1).then(|| Pid::from_raw(pid))
}

/// Whether the process is the server of that very data directory: its number may long belong to another.
async fn runs(context: &Context, pid: Pid, data: &Utf8Path) -> bool {
    let command = if cfg!(target_os = "linux") {
        std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default()
    } else {
        let ps = Invocation::new("ps", "/").args(["-o", "command=", "-p", &pid.to_string()]);
        context.processes.run(ps).await.map(|finished| finished.stdout).unwrap_or_default()
    };
    String::from_utf8_lossy(&command).contains(data.as_str())
}
