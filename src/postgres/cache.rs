//! Installed copies of PostgreSQL, shared by all runs of one user.

use std::{
    fs::{File, Permissions, TryLockError},
    os::unix::fs::{MetadataExt, PermissionsExt},
    time::{Duration, Instant},
};

use camino::{Utf8Path, Utf8PathBuf};
use nix::unistd::geteuid;

/// Every file of a copy with its size, written last: what a power cut or a full disk tore is recognised by it.
const MANIFEST: &str = "manifest";

/// How the name of a copy begins that is not yet one.
pub(super) const STAGING: &str = ".install-";

/// How often a lock is tried.
const POLL: Duration = Duration::from_millis(50);

/// The directory of the copies, each a directory `<source>-<version>-<platform>`. A name that begins with a dot
/// is no copy.
#[derive(Debug, Clone)]
pub(super) struct Cache {
    directory: Utf8PathBuf,
}

impl Cache {
    pub(super) fn new(directory: Utf8PathBuf) -> Self {
        Self { directory }
    }

    pub(super) fn directory(&self) -> &Utf8Path {
        &self.directory
    }

    /// The copies, the newest version first.
    pub(super) fn copies(&self) -> Vec<Utf8PathBuf> {
        let Ok(entries) = self.directory.read_dir_utf8() else { return Vec::new() };
        let mut copies: Vec<Utf8PathBuf> = entries
            .flatten()
            .filter(|entry| !entry.file_name().starts_with('.'))
            .map(|entry| entry.into_path())
            .filter(|path| path.is_dir())
            .collect();
        copies.sort_by_key(|path| std::cmp::Reverse(numbers(path.file_name().unwrap_or_default())));
        copies
    }

    /// Makes the directory. It can be entered by everybody where the server is to run as somebody else, whatever
    /// the umask says.
    pub(super) fn create(&self, audience: Audience) -> std::io::Result<()> {
        let missing: Vec<_> = self.directory.ancestors().take_while(|path| !path.exists()).collect();
        fs_err::create_dir_all(&self.directory)?;
        if audience == Audience::Everybody {
            for path in missing {
                fs_err::set_permissions(path, Permissions::from_mode(0o755))?;
            }
        }
        Ok(())
    }

    /// The lock that an installation is made under. Waits for whoever has it, `limit` at most.
    pub(super) async fn lock(&self, limit: Duration) -> Result<File, String> {
        let path = self.directory.join(".lock");
        let file = fs_err::OpenOptions::new().create(true).write(true).truncate(false).open(&path);
        let file = file.map_err(|error| error.to_string())?.into_file();
        let started = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(error)) => return Err(format!("{path} cannot be locked: {error}")),
                Err(TryLockError::WouldBlock) if started.elapsed() >= limit => {
                    let seconds = limit.as_secs();
                    return Err(format!("another run holds {path} and did not finish within {seconds} s"));
                }
                Err(TryLockError::WouldBlock) => tokio::time::sleep(POLL).await,
            }
        }
    }

    /// Removes what installations left that a power cut ended. Only whoever holds the lock may.
    pub(super) fn sweep(&self) {
        let Ok(entries) = self.directory.read_dir_utf8() else { return };
        for entry in entries.flatten().filter(|entry| entry.file_name().starts_with(STAGING)) {
            // What cannot be removed takes room and does no harm.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }

    /// Makes what was installed in `staged`, a directory on the same file system, the copy `name`. A damaged
    /// copy of that name goes into `grave`, which does not exist yet.
    pub(super) fn publish(
        &self,
        staged: &Utf8Path,
        name: &str,
        grave: &Utf8Path,
    ) -> std::io::Result<Utf8PathBuf> {
        open_to_all(staged)?;
        let files = files(staged)?;
        let manifest: String = files.iter().map(|(path, size)| format!("{size} {path}\n")).collect();
        fs_err::write(staged.join(MANIFEST), manifest)?;
        fs_err::set_permissions(staged.join(MANIFEST), Permissions::from_mode(0o644))?;
        let copy = self.directory.join(name);
        if copy.symlink_metadata().is_ok() {
            fs_err::rename(&copy, grave)?;
        }
        fs_err::rename(staged, &copy)?;
        Ok(copy)
    }
}

/// Who has to be able to use the copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Audience {
    /// The user who runs the tool.
    Myself,
    /// Another account, too.
    Everybody,
}

/// Why the copy is not to be trusted.
pub(super) fn damage(copy: &Utf8Path) -> Option<String> {
    let owner = match copy.symlink_metadata() {
        Ok(metadata) if !metadata.is_dir() => return Some("it is no directory".into()),
        Ok(metadata) => metadata.uid(),
        Err(error) => return Some(error.to_string()),
    };
    if owner != geteuid().as_raw() && owner != 0 {
        return Some(format!("it belongs to somebody else (uid {owner})"));
    }
    let Ok(manifest) = fs_err::read_to_string(copy.join(MANIFEST)) else {
        return Some("damaged: its manifest is missing".into());
    };
    let broken = manifest.lines().find(|line| {
        let Some((size, path)) = line.split_once(' ') else { return true };
        !copy.join(path).metadata().is_ok_and(|metadata| size.parse() == Ok(metadata.len()))
    });
    broken.map(|line| format!("damaged: {}", line.split_once(' ').map_or(line, |(_, path)| path)))
}

/// Every file below `root` with its size, links followed.
fn files(root: &Utf8Path) -> std::io::Result<Vec<(Utf8PathBuf, u64)>> {
    let mut found = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in directory.read_dir_utf8()? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                open.push(entry.into_path());
                continue;
            }
            let size = fs_err::metadata(entry.path())?.len();
            found.push((entry.path().strip_prefix(root).unwrap_or(entry.path()).to_owned(), size));
        }
    }
    Ok(found)
}

/// Lets everybody read the files and run the programs, whatever the archive and the umask said.
fn open_to_all(path: &Utf8Path) -> std::io::Result<()> {
    let metadata = fs_err::symlink_metadata(path)?;
    if metadata.is_symlink() {
        return Ok(());
    }
    let mode = if metadata.is_dir() || metadata.mode() & 0o111 != 0 { 0o755 } else { 0o644 };
    fs_err::set_permissions(path, Permissions::from_mode(mode))?;
    if metadata.is_dir() {
        for entry in path.read_dir_utf8()? {
            open_to_all(entry?.path())?;
        }
    }
    Ok(())
}

/// The numbers in a name, which versions are ordered by.
fn numbers(name: &str) -> Vec<u64> {
    name.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn temporary() -> (tempfile::TempDir, Cache) {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(directory.path()).unwrap().join("a/cache");
        (directory, Cache::new(path))
    }

    fn stage(cache: &Cache) -> Utf8PathBuf {
        let staged = cache.directory().join(".staged");
        fs_err::create_dir_all(staged.join("bin")).unwrap();
        fs_err::write(staged.join("bin/postgres"), "a server").unwrap();
        fs_err::set_permissions(staged.join("bin/postgres"), Permissions::from_mode(0o700)).unwrap();
        std::os::unix::fs::symlink("postgres", staged.join("bin/link")).unwrap();
        staged
    }

    #[test]
    fn a_copy_is_whole_or_known_to_be_damaged() {
        let (_directory, cache) = temporary();
        cache.create(Audience::Everybody).unwrap();
        let copy = cache.publish(&stage(&cache), "npm-17.1.0", &cache.directory().join(".grave")).unwrap();
        assert_eq!(cache.copies().len(), 1);
        assert_eq!(damage(&copy), None);
        assert_eq!(fs_err::metadata(copy.join("bin/postgres")).unwrap().mode() & 0o777, 0o755);

        fs_err::write(copy.join("bin/postgres"), "a ser").unwrap();
        assert!(damage(&copy).unwrap().starts_with("damaged: bin/"), "{:?}", damage(&copy));
        fs_err::remove_file(copy.join(MANIFEST)).unwrap();
        assert_eq!(damage(&copy).unwrap(), "damaged: its manifest is missing");

        let again = cache.publish(&stage(&cache), "npm-17.1.0", &cache.directory().join(".grave")).unwrap();
        assert_eq!((damage(&again), cache.copies().len()), (None, 1));
    }

    #[test]
    fn newer_versions_come_first() {
        let (_directory, cache) = temporary();
        for name in ["npm-9.9.0", "github-17.2.0-linux", "npm-17.10.0-beta.17", ".install-18.0"] {
            fs_err::create_dir_all(cache.directory().join(name)).unwrap();
        }
        cache.sweep();
        assert_eq!(fs_err::read_dir(cache.directory()).unwrap().count(), 3);
        let names: Vec<_> = cache.copies().iter().map(|path| path.file_name().unwrap().to_owned()).collect();
        assert_eq!(names, ["npm-17.10.0-beta.17", "github-17.2.0-linux", "npm-9.9.0"]);
    }
}
