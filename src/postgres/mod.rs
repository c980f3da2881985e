//! A temporary PostgreSQL: found or installed, started for one run, gone afterwards whatever ends the run.
//!
//! [`acquire`] says which binaries and which account serve; [`Server::start`] makes a server of them that only
//! this run can reach: no TCP port, a socket in a private directory.

mod account;
mod error;
mod locate;
mod server;
mod sweep;
mod workdir;

use camino::Utf8PathBuf;

pub(crate) use error::describe;
pub use error::{Attempt, Error};
pub use server::{Role, Server};

use crate::{context::Context, process::RunAs};

/// The oldest major that the tool works with.
pub const OLDEST_MAJOR: u32 = 14;

/// PostgreSQL binaries that were run, with the account that ran them.
#[derive(Debug, Clone)]
pub struct Installation {
    /// The directory with `initdb` and `postgres`.
    pub bin: Utf8PathBuf,
    /// What it is.
    pub version: Version,
    /// Who can run it.
    pub run_as: RunAs,
    /// Where it comes from.
    pub source: Source,
}

/// A version of PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The major, such as 17.
    pub major: u32,
    /// The whole number, such as `17.2`.
    pub number: String,
}

/// Where PostgreSQL comes from, in the order of the search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// `--postgres-bin` names it.
    Named,
    /// The system has it.
    System,
    /// The tool installed it before.
    Cached,
}

impl Source {
    /// Why these binaries were taken, in a few words.
    #[must_use]
    pub const fn why(self) -> &'static str {
        match self {
            Self::Named => "named with --postgres-bin",
            Self::System => "found on this system",
            Self::Cached => "installed by this tool earlier",
        }
    }
}

/// Finds PostgreSQL, or installs it, and proves that it runs here. `major` is the one major that will do, where
/// the project requires one.
///
/// # Errors
/// Where nothing serves: the error lists every candidate and why it was rejected.
pub async fn acquire(context: &Context, major: Option<u32>) -> Result<Installation, Error> {
    let mut attempts = Vec::new();
    let accounts = account::candidates(&mut attempts);
    let search = locate::Search { context, accounts: &accounts, major };
    let (source, candidates) = match &context.settings.postgres_bin {
        Some(bin) => (Source::Named, vec![context.absolute(bin)]),
        None => (Source::System, locate::system_directories(&context.environment)),
    };
    for bin in candidates {
        if let Some(found) = search.prove(&bin, source, &mut attempts).await {
            return Ok(found);
        }
    }
    Err(Error::NotFound { major, named: source == Source::Named, attempts })
}
