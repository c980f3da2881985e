//! A directory of entries, each a file under the name of its key.
//!
//! An entry is published by renaming, so that nobody ever sees half of one, and carries a hash of what it holds, so
//! that one that was torn by a power cut or a full disk, or edited, is known. It is believed only where it is a file
//! of this user's that nobody else can write to. Readers need no lock: what is evicted meanwhile stays theirs until
//! they close it.

use std::{
    collections::BTreeSet,
    fs::{File, FileTimes, Permissions},
    io::{Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    time::{Duration, SystemTime},
};

use camino::{Utf8Path, Utf8PathBuf};
use nix::{
    libc::{O_NOFOLLOW, O_NONBLOCK},
    unistd::geteuid,
};
use sha2::{Digest, Sha256};

use super::Key;
use crate::{
    context::Context,
    process::{ProcessError, Processes},
};

/// The first line of every entry: what it is, and in which form.
const FORM: &str = "run-migration cache entry 1";

/// How the name of what is not an entry yet begins.
const STAGING: &str = ".new-";

/// What was left by a machine that lost its power may go after this time.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);

/// How much is kept at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Entries.
    pub entries: usize,
    /// Bytes in all.
    pub bytes: u64,
}

/// A directory of entries. It need not exist yet.
#[derive(Debug, Clone)]
pub struct Shelf {
    directory: Utf8PathBuf,
    limit: Limit,
}

/// An entry as `cache info` counts it.
#[derive(Debug, Clone)]
pub struct Entry {
    path: Utf8PathBuf,
    /// In bytes.
    pub size: u64,
    /// When it was made or used last.
    pub used: SystemTime,
}

impl Shelf {
    pub(super) const fn new(directory: Utf8PathBuf, limit: Limit) -> Self {
        Self { directory, limit }
    }

    /// The keys, as names, of what seems to be there.
    #[must_use]
    pub fn names(&self) -> BTreeSet<String> {
        self.entries().iter().filter_map(|entry| Some(entry.path.file_name()?.to_owned())).collect()
    }

    /// What the entry `key` holds; `None` where there is none that can be believed.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<Vec<u8>> {
        self.distrusted().is_none().then_some(())?;
        // No link is followed, and nobody is waited for who might write into a pipe.
        let flags = O_NOFOLLOW | O_NONBLOCK;
        let mut file =
            std::fs::OpenOptions::new().read(true).custom_flags(flags).open(self.path(key)).ok()?;
        let metadata = file.metadata().ok()?;
        (metadata.is_file() && is_private(&metadata)).then_some(())?;
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).ok()?);
        file.read_to_end(&mut bytes).ok()?;
        let head = head(key, bytes.get(head_length()..)?);
        bytes.starts_with(head.as_bytes()).then_some(())?;
        // Evicted are those that nobody has used for the longest time.
        let _ = file.set_times(FileTimes::new().set_modified(now()));
        Some(bytes.split_off(head_length()))
    }

    /// Makes `contents` the entry `key`, and evicts what is then too much.
    ///
    /// # Errors
    /// Where the directory is not ours alone, or cannot be written to. There is no half entry then.
    pub fn put(&self, processes: &Processes, key: &Key, contents: &[u8]) -> std::io::Result<()> {
        self.stage(processes)?.publish(key, contents)
    }

    /// A place for an entry that is to be made; gone with the value, and with the tool.
    ///
    /// # Errors
    /// Where the directory is not ours alone, or cannot be written to.
    pub fn stage(&self, processes: &Processes) -> std::io::Result<Staged> {
        self.create()?;
        let directory = processes.temporary_directory(&self.directory, STAGING).map_err(
            |error: ProcessError| match error {
                ProcessError::TemporaryDirectory { source, .. } => source,
                other => std::io::Error::other(other),
            },
        )?;
        Ok(Staged { shelf: self.clone(), directory })
    }

    /// The entries, those that were used last first.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        let Ok(listing) = self.directory.read_dir_utf8() else { return Vec::new() };
        let entry = |path: &Utf8Path| {
            let metadata = path.symlink_metadata().ok()?;
            Some(Entry { path: path.to_owned(), size: metadata.len(), used: metadata.modified().ok()? })
        };
        let is_entry = |name: &str| !name.starts_with('.');
        let mut entries: Vec<_> = listing
            .flatten()
            .filter(|found| is_entry(found.file_name()))
            .filter_map(|found| entry(found.path()))
            .collect();
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.used));
        entries
    }

    /// Removes what is more than `bytes`, those first that were not used for the longest time; how many bytes went.
    ///
    /// # Errors
    /// Where an entry cannot be removed.
    pub fn trim(&self, bytes: u64) -> std::io::Result<u64> {
        self.evict(Limit { bytes, ..self.limit })
    }

    /// Removes all of it.
    ///
    /// # Errors
    /// Where something cannot be removed.
    pub fn clear(&self) -> std::io::Result<()> {
        match self.directory.symlink_metadata() {
            Ok(metadata) if metadata.is_dir() => fs_err::remove_dir_all(&self.directory),
            Ok(_) => fs_err::remove_file(&self.directory),
            Err(_) => Ok(()),
        }
    }

    /// Why nothing in the directory can be believed and nothing is put there; `None` also where there is none yet.
    #[must_use]
    pub fn distrusted(&self) -> Option<String> {
        let metadata = self.directory.symlink_metadata().ok()?;
        let why = if !metadata.is_dir() {
            "it is no directory"
        } else if metadata.uid() != geteuid().as_raw() {
            "it belongs to somebody else"
        } else if !is_private(&metadata) {
            "others can write to it"
        } else {
            return None;
        };
        Some(format!("{}: {why}", self.directory))
    }

    fn path(&self, key: &Key) -> Utf8PathBuf {
        self.directory.join(key.to_string())
    }

    fn create(&self) -> std::io::Result<()> {
        if self.directory.symlink_metadata().is_err() {
            // What lies above is shared with the installed tools, which other accounts may have to run.
            if let Some(parent) = self.directory.parent() {
                fs_err::create_dir_all(parent)?;
            }
            match std::fs::DirBuilder::new().mode(0o700).create(&self.directory) {
                Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
        }
        self.distrusted().map_or(Ok(()), |why| Err(std::io::Error::other(why)))
    }

    fn evict(&self, limit: Limit) -> std::io::Result<u64> {
        let (mut entries, mut bytes, mut gone) = (0, 0, 0);
        for entry in self.entries() {
            entries += 1;
            bytes += entry.size;
            if entries > limit.entries || bytes > limit.bytes {
                remove(&entry.path)?;
                gone += entry.size;
            }
        }
        Ok(gone)
    }

    /// Removes what was never finished, and nobody works on any more.
    fn sweep(&self) {
        let Ok(listing) = self.directory.read_dir_utf8() else { return };
        let is_old = |path: &Utf8Path| {
            let modified = path.symlink_metadata().and_then(|metadata| metadata.modified());
            modified.is_ok_and(|modified| now().duration_since(modified).is_ok_and(|age| age > ABANDONED))
        };
        for found in listing.flatten().filter(|found| found.file_name().starts_with(STAGING)) {
            if is_old(found.path()) {
                // What cannot be removed takes room and does no harm.
                let _ = remove(found.path());
            }
        }
    }
}

/// An entry that is being made.
#[derive(Debug)]
pub struct Staged {
    shelf: Shelf,
    directory: tempfile::TempDir,
}

impl Staged {
    /// Makes `contents` the entry `key`.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn publish(self, key: &Key, contents: &[u8]) -> std::io::Result<()> {
        let staged = self.directory.path().join("entry");
        let mut file = File::create_new(&staged)?;
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(head(key, contents).as_bytes())?;
        file.write_all(contents)?;
        let path = self.shelf.path(key);
        if path.is_dir() && !path.is_symlink() {
            remove(&path)?;
        }
        fs_err::rename(staged, path)?;
        self.shelf.sweep();
        self.shelf.evict(self.shelf.limit).map(drop)
    }
}

fn head(key: &Key, contents: &[u8]) -> String {
    let hash = hex::encode(Sha256::digest(contents));
    format!("{FORM}\n{key}\n{hash}\n")
}

const fn head_length() -> usize {
    FORM.len() + 1 + 64 + 1 + 64 + 1
}

/// Whether it is this user's, and nobody else can write to it.
fn is_private(metadata: &std::fs::Metadata) -> bool {
    metadata.uid() == geteuid().as_raw() && metadata.mode() & 0o022 == 0
}

fn remove(path: &Utf8Path) -> std::io::Result<()> {
    let removed = path.symlink_metadata().and_then(|metadata| match metadata.is_dir() {
        true => fs_err::remove_dir_all(path),
        false => fs_err::remove_file(path),
    });
    // Another run may have been quicker.
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn now() -> SystemTime {
    Context::clock().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::Fingerprint;

    fn key(name: &str) -> Key {
        Fingerprint::new(name).key()
    }

    fn age(shelf: &Shelf, name: &str, seconds: u64) {
        let file = File::options().write(true).open(shelf.path(&key(name))).unwrap();
        file.set_modified(now() - Duration::from_secs(seconds)).unwrap();
    }

    #[tokio::test]
    async fn what_nobody_used_for_the_longest_time_goes_first() {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(directory.path()).unwrap().join("deep/shelf");
        let shelf = Shelf::new(path, Limit { entries: 3, bytes: 10_000 });
        let processes = Processes::new();
        let put = |name: &str, size: usize| shelf.put(&processes, &key(name), &vec![7; size]).unwrap();
        let there = |names: &[&str]| -> Vec<bool> {
            names.iter().map(|name| shelf.path(&key(name)).exists()).collect()
        };
        for (at, name) in ["a", "b", "c"].into_iter().enumerate() {
            put(name, 100);
            age(&shelf, name, 1_000 - at as u64);
        }
        assert_eq!(shelf.get(&key("a")), Some(vec![7; 100]));
        put("d", 100);
        assert_eq!(there(&["a", "b", "c", "d"]), [true, false, true, true], "a was used, b was not");
        put("e", 9_800);
        assert_eq!(shelf.entries().len(), 1, "it leaves room for no other one");
        assert_eq!(shelf.get(&key("e")), Some(vec![7; 9_800]));
        assert_eq!(shelf.get(&key("d")), None);
        assert_eq!(shelf.trim(0).unwrap(), 9_800 + head_length() as u64);
        assert!(shelf.names().is_empty());
        remove(&shelf.path(&key("e"))).expect("what another run has removed is no error");
        processes.finish().await;
    }
}
