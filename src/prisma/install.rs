//! Packages that npm installs into the cache from lockfiles that are part of this program.
//!
//! A package is installed once: beside its place, under a lock, and moved there when it is whole. Its directory
//! is named after its content, so another version of this program has its own and neither disturbs the other.

use std::{collections::BTreeMap, fs::TryLockError, os::unix::fs::PermissionsExt, time::Duration};

use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest, Sha256};

use super::{error::Error, node::on_path};
use crate::{
    context::Environment,
    process::{Invocation, Processes},
    redact::redact,
};

/// Written last: the size of every file.
const INVENTORY: &str = "inventory.json";
const POLL: Duration = Duration::from_millis(100);

/// Whoever installs may take as long as one step, and others may be before us.
const STEPS: u32 = 4;

/// A package that we bring.
#[derive(Debug)]
pub(super) struct Package {
    /// What it is called, in file names.
    pub name: &'static str,
    /// What it is, in messages.
    pub what: &'static str,
    /// Its files, package.json and lockfile among them.
    pub files: &'static [File],
}

/// One file of a package.
#[derive(Debug)]
pub(super) struct File {
    pub path: &'static str,
    pub text: &'static str,
    pub mode: u32,
}

/// Who installs, and where.
#[derive(Debug)]
pub(super) struct Installer<'a> {
    pub processes: &'a Processes,
    pub environment: &'a Environment,
    /// The directory that packages are installed in.
    pub cache: Utf8PathBuf,
    /// The project's own `.npmrc`, which may name its registry. It need not exist.
    pub npmrc: Utf8PathBuf,
    /// The limit for an installation, and for waiting for another run's.
    pub timeout: Duration,
    /// Whether what is not there is installed.
    pub wanting: Wanting,
}

/// What is done about a package that is not installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanting {
    /// It is installed.
    Install,
    /// It is told.
    Tell,
}

impl Installer<'_> {
    /// The directory of `package`, installed and whole.
    ///
    /// # Errors
    /// Where there is no npm, it fails, or the cache cannot be written to.
    pub(super) async fn ensure(&self, package: &Package) -> Result<Utf8PathBuf, Error> {
        let place = self.cache.join(format!("{}-{}", package.name, package.digest()));
        if is_whole(&place) {
            return Ok(place);
        }
        if self.wanting == Wanting::Tell {
            return Err(Error::NotInstalled { what: package.what.into() });
        }
        fs_err::create_dir_all(&self.cache)?;
        let _lock = self.lock(package).await?;
        if !is_whole(&place) {
            self.install(package, &place).await?;
        }
        Ok(place)
    }

    async fn install(&self, package: &Package, place: &Utf8Path) -> Result<(), Error> {
        let staging = self.processes.temporary_directory(&self.cache, ".installing-")?;
        let staged = Utf8PathBuf::from_path_buf(staging.path().join("package"))
            .map_err(|path| std::io::Error::other(format!("{}: the path is not UTF-8", path.display())))?;
        package.write_to(&staged)?;
        self.npm(package, &staged).await?;
        let inventory = serde_json::to_string(&inventory_of(&staged)?).map_err(std::io::Error::from)?;
        fs_err::write(staged.join(INVENTORY), inventory)?;
        if place.exists() {
            // It is not whole: somebody removed a part of it.
            fs_err::rename(place, staged.with_file_name("torn"))?;
        }
        fs_err::rename(&staged, place)?;
        Ok(())
    }

    async fn npm(&self, package: &Package, directory: &Utf8Path) -> Result<(), Error> {
        let purpose = || format!("it installs {}", package.what);
        let npm = on_path(self.environment, "npm")
            .ok_or_else(|| Error::Missing { program: "npm", purpose: purpose() })?;
        // npm takes a directory behind a link for another one than that which it is started in.
        let directory = &directory.canonicalize_utf8()?;
        let npmrc = directory.join(".npmrc");
        if self.npmrc.is_file() {
            fs_err::copy(&self.npmrc, &npmrc)?;
        }
        // Scripts would download what is not needed, and run code that nobody looked at. What else is set here
        // could be otherwise in somebody's npmrc and would break the installation.
        let invocation = Invocation::new(npm, directory)
            .args([
                "ci",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
                "--prefer-offline",
                "--loglevel=error",
            ])
            .args(["--global=false", "--workspaces=false", "--omit=dev", "--update-notifier=false"])
            .args(["--package-lock=true", "--install-strategy=hoisted", "--dry-run=false"])
            .arg(format!("--prefix={directory}"))
            .timeout(self.timeout);
        let finished = self.processes.run(invocation).await?;
        if finished.success() {
            // It may hold a token.
            return if npmrc.exists() { Ok(fs_err::remove_file(npmrc)?) } else { Ok(()) };
        }
        let said = String::from_utf8_lossy(&finished.stderr);
        let lines: Vec<_> = said.lines().filter(|line| !line.trim().is_empty()).take(6).collect();
        Err(Error::Install { what: package.what.into(), said: redact(&lines.join("\n  ")) })
    }

    /// Keeps other runs from installing the same until the value is dropped.
    async fn lock(&self, package: &Package) -> Result<std::fs::File, Error> {
        let path = self.cache.join(format!("{}.lock", package.name));
        let file = fs_err::File::create(&path)?.into_parts().0;
        let limit = self.timeout * STEPS;
        let deadline = tokio::time::Instant::now() + limit;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) if tokio::time::Instant::now() < deadline => {
                    tokio::time::sleep(POLL).await;
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(Error::Locked { what: package.what.into(), lock: path, after: limit });
                }
                Err(TryLockError::Error(source)) => return Err(source.into()),
            }
        }
    }
}

impl Package {
    /// The start of the hash over all files.
    fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        for File { path, text, mode } in self.files {
            hasher.update(format!("{path}\0{mode:o}\0{}\0{text}", text.len()));
        }
        hex::encode(&hasher.finalize()[..6])
    }

    fn write_to(&self, directory: &Utf8Path) -> Result<(), Error> {
        for File { path, text, mode } in self.files {
            let path = directory.join(path);
            fs_err::create_dir_all(path.parent().unwrap_or(directory))?;
            fs_err::write(&path, text)?;
            fs_err::set_permissions(&path, std::fs::Permissions::from_mode(*mode))?;
        }
        Ok(())
    }
}

/// Whether everything is there that was installed, in its full size.
fn is_whole(place: &Utf8Path) -> bool {
    let Ok(text) = fs_err::read_to_string(place.join(INVENTORY)) else { return false };
    let Ok(inventory) = serde_json::from_str::<BTreeMap<Utf8PathBuf, u64>>(&text) else { return false };
    !inventory.is_empty()
        && inventory.iter().all(|(path, size)| {
            place.join(path).symlink_metadata().is_ok_and(|found| found.is_symlink() || found.len() == *size)
        })
}

/// The size of every file in `directory`, by its path in it.
fn inventory_of(directory: &Utf8Path) -> std::io::Result<BTreeMap<Utf8PathBuf, u64>> {
    let mut inventory = BTreeMap::new();
    let mut waiting = vec![Utf8PathBuf::new()];
    while let Some(within) = waiting.pop() {
        for entry in directory.join(&within).read_dir_utf8()? {
            let entry = entry?;
            let name = within.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                waiting.push(name);
            } else {
                inventory.insert(name, entry.metadata()?.len());
            }
        }
    }
    Ok(inventory)
}
