//! Node.js, which runs the CLI and our engine.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use semver::Version;

use super::error::Error;
use crate::{cache::programs::Programs, context::Environment, process::Invocation};

const ASK: Duration = Duration::from_secs(20);

/// A Node.js that answers.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// The program.
    pub path: Utf8PathBuf,
    /// Its version.
    pub version: Version,
}

impl Node {
    /// The first `node` on the PATH.
    ///
    /// # Errors
    /// Where there is none, or it does not work.
    pub(super) async fn find(programs: &Programs<'_>, environment: &Environment) -> Result<Self, Error> {
        let missing = || Error::Missing { program: "node", purpose: "it runs Prisma".into() };
        let path = on_path(environment, "node").ok_or_else(missing)?;
        let asked = Invocation::new(&path, "/").arg("--version").timeout(ASK);
        let finished = programs.ask(asked).await?;
        let said = finished.stdout_text();
        let version = Version::parse(said.trim().trim_start_matches('v'))
            .map_err(|_| Error::NoVersion { path: path.clone(), said: finished.stderr_text() })?;
        Ok(Self { path, version })
    }

    /// Sees that this Node.js is at least what Prisma `prisma` wants.
    ///
    /// # Errors
    /// Where it is not.
    pub(super) fn check_for(&self, prisma: &Version) -> Result<(), Error> {
        let minimum = minimum_for(prisma.major);
        if self.version >= minimum {
            return Ok(());
        }
        Err(Error::NodeTooOld {
            found: self.version.to_string(),
            path: self.path.clone(),
            needs: format!("Prisma {prisma}"),
            minimum: minimum.to_string(),
        })
    }
}

/// What the packages of each major ask for. Our engine is content with 18.18.
fn minimum_for(major: u64) -> Version {
    match major {
        ..=6 => Version::new(18, 18, 0),
        _ => Version::new(20, 19, 0),
    }
}

/// The first program `name` on the PATH.
pub(super) fn on_path(environment: &Environment, name: &str) -> Option<Utf8PathBuf> {
    let found = which::which_in(name, environment.get_os("PATH"), Utf8Path::new("/")).ok()?;
    Utf8PathBuf::from_path_buf(found).ok()
}
