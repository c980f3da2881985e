//! What programs say of themselves, such as their version, and hashes of their files: asked once, as long as the file
//! stays the same. This is knowledge about installed tools and belongs to them.

use std::{
    io::Read,
    os::unix::{fs::MetadataExt, process::ExitStatusExt},
    process::ExitStatus,
    time::Duration,
};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Fingerprint, Key, Kind, Shelf};
use crate::{
    context::Context,
    process::{Finished, Invocation, ProcessError, Processes},
};

/// What was changed so lately could change again without its time showing it.
const STILL_WARM: Duration = Duration::from_secs(2);

/// What is known about programs.
#[derive(Debug, Clone)]
pub struct Programs<'a> {
    processes: &'a Processes,
    shelf: Shelf,
}

#[derive(Serialize, Deserialize)]
struct Said {
    stdout: String,
    stderr: String,
}

impl<'a> Programs<'a> {
    /// What is known in the cache directory `cache`. It need not exist.
    #[must_use]
    pub fn new(processes: &'a Processes, cache: &Utf8Path) -> Self {
        let shelf = Shelf::new(cache.join(Kind::Programs.name()), Kind::Programs.limit());
        Self { processes, shelf }
    }

    /// What `invocation`, a question that only the program itself decides, comes to. A program that finds out at each
    /// call what stands behind it, as version managers have them, is asked each time.
    ///
    /// # Errors
    /// As for [`Processes::run`].
    pub async fn ask(&self, invocation: Invocation) -> Result<Finished, ProcessError> {
        let key = itself(&invocation.program()).map(|file| file.with(invocation.question()).key());
        let known = key.and_then(|key| serde_json::from_slice::<Said>(&self.shelf.get(&key)?).ok());
        if let Some(Said { stdout, stderr }) = known {
            let status = ExitStatus::from_raw(0);
            let (stdout, stderr) = (stdout.into_bytes(), stderr.into_bytes());
            return Ok(Finished { status, stdout, stderr, took: Duration::ZERO });
        }
        let finished = self.processes.run(invocation).await?;
        if let (Some(key), true) = (key, finished.success()) {
            let (stdout, stderr) = (finished.stdout_text(), finished.stderr_text());
            if let Ok(said) = serde_json::to_vec(&Said { stdout, stderr }) {
                self.remember(&key, &said);
            }
        }
        Ok(finished)
    }

    /// The SHA-256 of the file at `path`; `None` where it cannot be read.
    #[must_use]
    pub fn hash(&self, path: &Utf8Path) -> Option<Vec<u8>> {
        let key = state(path).map(|state| state.with("hash").key());
        if let Some(known) = key.and_then(|key| self.shelf.get(&key)) {
            return Some(known);
        }
        let hash = Sha256::digest(fs_err::read(path).ok()?).to_vec();
        if let Some(key) = key {
            self.remember(&key, &hash);
        }
        Some(hash)
    }

    fn remember(&self, key: &Key, what: &[u8]) {
        // What cannot be kept is asked again.
        let _ = self.shelf.put(self.processes, key, what);
    }
}

/// The program, where it is one by itself: not a script, and not one that goes by another name behind a link.
fn itself(program: &str) -> Option<Fingerprint> {
    let path = Utf8PathBuf::from(program).canonicalize_utf8().ok()?;
    let mut first = [0; 2];
    fs_err::File::open(&path).ok()?.read_exact(&mut first).ok()?;
    let is_itself = path.file_name() == Utf8Path::new(program).file_name() && &first != b"#!";
    is_itself.then(|| state(&path))?
}

/// The file and everything that changes when it does; `None` where it was changed just now.
fn state(path: &Utf8Path) -> Option<Fingerprint> {
    let metadata = fs_err::metadata(path).ok()?;
    let changed = Duration::from_secs(u64::try_from(metadata.ctime().max(metadata.mtime())).ok()?);
    let now = Context::clock().as_duration().unsigned_abs();
    (changed + STILL_WARM < now).then(|| {
        let times = [metadata.mtime(), metadata.mtime_nsec(), metadata.ctime(), metadata.ctime_nsec()];
        Fingerprint::new("program")
            .with(path.as_str())
            .with_all([metadata.dev(), metadata.ino(), metadata.size()].map(u64::to_le_bytes))
            .with_all(times.map(i64::to_le_bytes))
    })
}
