//! A temporary PostgreSQL: found or installed, started for one run, gone afterwards whatever ends the run.
//!
//! [`acquire`] says which binaries and which account serve; [`Server::start`] makes a server of them that only
//! this run can reach: no TCP port, a socket in a private directory.

mod account;
mod cache;
mod data;
mod door;
mod error;
mod guest;
mod install;
mod kept;
mod locate;
mod npm;
mod pins;
mod postmaster;
mod server;
mod sweep;
mod unpack;
mod wanted;
mod workdir;

use camino::Utf8PathBuf;

pub use door::Door;
pub(crate) use error::describe;
pub use error::{Attempt, Error};
pub(crate) use kept::{identity, pack};
pub use server::{Role, Server};
pub use wanted::{Wanted, Wish};

use crate::{
    cli::live::Secret,
    context::Context,
    process::RunAs,
    report::{Tool, progress::Stage},
};

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

impl Installation {
    /// What a report says of it.
    #[must_use]
    pub fn tool(&self) -> Tool {
        let account = match &self.run_as {
            RunAs::Myself => String::new(),
            RunAs::User { name, .. } => format!(", run as {name}"),
            RunAs::Namespace { .. } => ", run in a user namespace".to_owned(),
        };
        Tool {
            role: "postgres",
            version: self.version.number.clone(),
            path: self.bin.to_string(),
            why: format!("{}{account}", self.source.why()),
        }
    }
}

/// A version of PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The major, such as 17.
    pub major: u32,
    /// The whole number, such as `17.2`.
    pub number: String,
    /// All that the server says of itself, such as `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)`.
    pub build: String,
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
    /// The tool installed it just now, from npm.
    Npm,
    /// The tool installed it just now, from GitHub.
    GitHub,
}

impl Source {
    /// Why these binaries were taken, in a few words.
    #[must_use]
    pub const fn why(self) -> &'static str {
        match self {
            Self::Named => "named with --postgres-bin",
            Self::System => "found on this system",
            Self::Cached => "installed by this tool earlier",
            Self::Npm => "installed from npm",
            Self::GitHub => "installed from GitHub",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Named => "--postgres-bin",
            Self::System => "the system",
            Self::Cached => "the cache",
            Self::Npm => "npm",
            Self::GitHub => "GitHub",
        }
    }
}

/// The temporary server, and what a report says of it: databases of our own on the one that `--server-url` names, else
/// a server of our own on the first PostgreSQL that has all that is wanted.
///
/// # Errors
/// Where nothing serves, or it does not come up.
pub async fn serve(context: &Context, wanted: &Wanted, stage: &Stage) -> Result<(Server, Tool), Error> {
    match venue(context, wanted, stage).await? {
        Venue::Theirs(url) => {
            stage.doing("connecting to the server of --server-url");
            Server::join(context, url, wanted).await
        }
        Venue::Ours(installation) => {
            stage.doing("starting");
            let server = Server::start(context, &installation).await?.looking_into(wanted);
            Ok((server, installation.tool()))
        }
    }
}

/// Where the databases of a run will be.
#[derive(Debug)]
pub enum Venue<'a> {
    /// On the server of the user's that this URL names.
    Theirs(&'a str),
    /// On a server of our own.
    Ours(Installation),
}

/// Where the databases of a run will be; nothing is started yet.
///
/// # Errors
/// Where nothing serves.
pub async fn venue<'a>(context: &'a Context, wanted: &Wanted, stage: &Stage) -> Result<Venue<'a>, Error> {
    let url = context.settings.server_url.as_ref().map(Secret::reveal).filter(|url| !url.is_empty());
    match url {
        Some(url) => Ok(Venue::Theirs(url)),
        None => acquire(context, wanted.clone(), stage).await.map(Venue::Ours),
    }
}

/// Finds PostgreSQL, or installs it, and proves that it runs here and has what is `wanted`. `stage` is told what
/// takes long.
///
/// # Errors
/// Where nothing serves: the error lists every candidate and why it was rejected.
pub async fn acquire(
    context: &Context,
    wanted: impl Into<Wanted>,
    stage: &Stage,
) -> Result<Installation, Error> {
    let wanted = wanted.into();
    let mut attempts = Vec::new();
    let accounts = account::candidates(&mut attempts);
    let search = locate::Search { context, accounts: &accounts, wanted: &wanted };
    if let Some(found) = search_installed(&search, &mut attempts).await? {
        return Ok(found);
    }
    if let Some(foreign) = wanted.foreign().first() {
        let why =
            format!("what can be installed has only PostgreSQL's own extensions, and {foreign} is none");
        attempts.push(Attempt { what: "installing one".into(), why });
    } else if let Ok(cache) = context.cache_dir()
        && let Some(found) =
            install::install(&search, &cache::Cache::new(cache.join("postgres")), stage, &mut attempts).await
    {
        return Ok(found);
    }
    Err(nothing(&wanted, Choice::Free, attempts))
}

/// Whether a person left a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    /// Everything was looked at.
    Free,
    /// `--postgres-bin` left none.
    Named,
}

/// Nothing serves: because of an extension, where one was what the last of the candidates lacked.
fn nothing(wanted: &Wanted, choice: Choice, attempts: Vec<Attempt>) -> Error {
    let lacking = |wish: &&Wish| attempts.iter().any(|attempt| attempt.why == locate::lacks(&wish.name));
    match wanted.extensions.iter().find(lacking) {
        Some(wish) => Error::Extension { wish: Box::new(wish.clone()), attempts },
        None => Error::NotFound { major: wanted.major, named: choice == Choice::Named, attempts },
    }
}

/// The PostgreSQL that [`acquire`] would give without installing anything; `None` where it would install one.
///
/// # Errors
/// Where nothing that could be installed would serve either.
pub async fn find(context: &Context, wanted: impl Into<Wanted>) -> Result<Option<Installation>, Error> {
    let wanted = wanted.into();
    let mut attempts = Vec::new();
    let accounts = account::candidates(&mut attempts);
    search_installed(&locate::Search { context, accounts: &accounts, wanted: &wanted }, &mut attempts).await
}

async fn search_installed(
    search: &locate::Search<'_>,
    attempts: &mut Vec<Attempt>,
) -> Result<Option<Installation>, Error> {
    let context = search.context;
    if let Some(bin) = &context.settings.postgres_bin {
        let found = search.prove(&context.absolute(bin), Source::Named, attempts).await;
        return match found {
            Some(found) => Ok(Some(found)),
            None => Err(nothing(search.wanted, Choice::Named, std::mem::take(attempts))),
        };
    }
    for bin in locate::system_directories(&context.environment) {
        if let Some(found) = search.prove(&bin, Source::System, attempts).await {
            return Ok(Some(found));
        }
    }
    if !account::any_runs(context, search.accounts, attempts).await {
        return Err(Error::NoAccount { attempts: std::mem::take(attempts) });
    }
    match context.cache_dir() {
        Ok(cache) => Ok(install::cached(search, &cache::Cache::new(cache.join("postgres")), attempts).await),
        Err(error) => {
            attempts.push(Attempt { what: "installing it".into(), why: error.text() });
            Ok(None)
        }
    }
}
