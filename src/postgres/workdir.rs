//! Where a temporary server keeps its files.

use std::os::unix::fs::MetadataExt;

use camino::{Utf8Path, Utf8PathBuf};
use nix::{
    sys::statvfs::statvfs,
    unistd::{AccessFlags, Gid, Uid, access, chown, geteuid},
};

use super::{Attempt, Error, account, postmaster::SOCKET_NAME, sweep};
use crate::{context::Context, process::RunAs};

/// How the directory of every server begins.
pub(super) const PREFIX: &str = "run-migration-pg-";

/// The file in it that is locked as long as it is in use.
pub(super) const LOCK: &str = "lock";

/// Socket addresses hold no longer paths; macOS has the shortest limit.
const LONGEST_SOCKET_PATH: usize = 103;

/// What the tool's process manager appends to a prefix.
const RANDOM_LENGTH: usize = 16;

/// A migrated database of a hundred tables with its WAL takes 40 to 100 MB. A small memory file system, such
/// as a container's 64 MB, would fill up.
const ROOM: u128 = 512 << 20;

/// The directory of one server: private, owned by the account that runs the server, gone with this value.
#[derive(Debug)]
pub(super) struct WorkDirectory {
    path: Utf8PathBuf,
    directory: tempfile::TempDir,
    /// Declared last: a sweep by another run must not see the directory unlocked while it is being removed.
    _lock: std::fs::File,
}

impl WorkDirectory {
    /// Makes one in the best place there is, and clears away what killed machines left there.
    pub(super) async fn create(context: &Context, run_as: &RunAs) -> Result<Self, Error> {
        let mut attempts = Vec::new();
        for place in candidates(context) {
            let why = match unsuitable(&place, run_as) {
                Some(why) => why,
                None => {
                    sweep::sweep(context, &place.path).await;
                    match Self::create_in(context, &place.path, run_as) {
                        Ok(directory) => return Ok(directory),
                        Err(error) => error.to_string(),
                    }
                }
            };
            attempts.push(Attempt { what: place.path.into(), why });
        }
        Err(Error::NoWorkDirectory { attempts })
    }

    fn create_in(context: &Context, parent: &Utf8Path, run_as: &RunAs) -> Result<Self, Error> {
        let directory = context.processes.temporary_directory(parent, PREFIX)?;
        let path =
            Utf8Path::from_path(directory.path()).map_or_else(|| parent.to_owned(), Utf8Path::to_owned);
        let failed = |source| Error::File { path: path.clone(), source };
        let lock = std::fs::File::create_new(path.join(LOCK)).map_err(failed)?;
        lock.try_lock().map_err(|error| failed(error.into()))?;
        give(&path, run_as).map_err(failed)?;
        Ok(Self { path, directory, _lock: lock })
    }

    pub(super) fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Removes it.
    pub(super) fn remove(self) -> std::io::Result<()> {
        self.directory.close()
    }
}

/// Hands a file of ours over to the account that runs the server.
pub(super) fn give(path: &Utf8Path, run_as: &RunAs) -> std::io::Result<()> {
    match run_as {
        RunAs::User { uid, gid, .. } => {
            Ok(chown(path.as_std_path(), Some(Uid::from_raw(*uid)), Some(Gid::from_raw(*gid)))?)
        }
        RunAs::Myself | RunAs::Namespace { .. } => Ok(()),
    }
}

/// A place where a server could keep its files.
struct Place {
    path: Utf8PathBuf,
    /// Whether it lives in memory, where room is scarce.
    in_memory: bool,
}

/// Best first: memory is several times as fast as a busy disk. A place that the user names is the only one.
fn candidates(context: &Context) -> Vec<Place> {
    let place = |path: &str, in_memory| Place { path: context.absolute(path.into()), in_memory };
    if let Some(named) = context.environment.get("RUN_MIGRATION_WORK_DIR") {
        return vec![place(named, false)];
    }
    let mut places = Vec::new();
    // The superuser's is closed to the account that the server runs as.
    if let Some(runtime) = context.environment.get("XDG_RUNTIME_DIR").filter(|_| !geteuid().is_root()) {
        places.push(place(runtime, true));
    }
    if cfg!(target_os = "linux") {
        places.push(place("/dev/shm", true));
    }
    let temporary = context.environment.get("TMPDIR").into_iter().chain(["/tmp", "/var/tmp"]);
    places.extend(temporary.map(|path| place(path, false)));
    places
}

/// Why a server of `run_as` cannot live there.
fn unsuitable(place: &Place, run_as: &RunAs) -> Option<String> {
    let path = &place.path;
    if !path.is_dir() {
        return Some("there is no such directory".into());
    }
    let socket = path.as_str().len() + 1 + PREFIX.len() + RANDOM_LENGTH + 1 + SOCKET_NAME.len();
    if socket > LONGEST_SOCKET_PATH {
        return Some(format!("a socket's path there would have {socket} of {LONGEST_SOCKET_PATH} bytes"));
    }
    if let Err(error) = access(path.as_std_path(), AccessFlags::W_OK | AccessFlags::X_OK) {
        return Some(format!("it cannot be written to: {}", error.desc()));
    }
    if let Some(closed) = closed_ancestor(path, run_as) {
        return Some(format!("{} cannot enter {closed}", account::describe(run_as)));
    }
    if place.in_memory {
        // The types of these numbers differ between systems.
        let free = statvfs(path.as_std_path())
            .map_or(0, |stat| u128::from(stat.blocks_available()) * u128::from(stat.fragment_size()));
        if free < ROOM {
            return Some(format!("{} MB are free there, {} are needed", free >> 20, ROOM >> 20));
        }
    }
    None
}

/// The directory on the way to `path` that another account may not pass.
pub(super) fn closed_ancestor<'a>(path: &'a Utf8Path, run_as: &RunAs) -> Option<&'a Utf8Path> {
    let RunAs::User { uid, gid, .. } = run_as else { return None };
    path.ancestors().find(|directory| {
        directory.metadata().is_ok_and(|metadata| {
            let search_bit = match () {
                () if metadata.uid() == *uid => 0o100,
                () if metadata.gid() == *gid => 0o010,
                () => 0o001,
            };
            metadata.mode() & search_bit == 0
        })
    })
}
