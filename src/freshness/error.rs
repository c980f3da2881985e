//! Why it could not be established whether the branch is up to date.

use camino::Utf8PathBuf;

use crate::git::{self, RemoteName};

/// Why it could not be established whether the branch is up to date.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// git could not answer.
    #[error(transparent)]
    Git(#[from] git::Error),
    /// The repository has no remote.
    #[error("the repository has no remote to fetch the base branch from")]
    NoRemote,
    /// None of several remotes has one of the usual names.
    #[error("which of the remotes {} holds the base branch is not clear", list(remotes))]
    SeveralRemotes {
        /// Their names.
        remotes: Vec<RemoteName>,
    },
    /// No remote has this name.
    #[error("there is no remote {remote}; there is {}", list(remotes))]
    UnknownRemote {
        /// What was asked for.
        remote: RemoteName,
        /// The names that there are.
        remotes: Vec<RemoteName>,
    },
    /// The remote's HEAD names no branch.
    #[error("the HEAD of {remote} ({url}) names no branch that could be the base")]
    NoDefaultBranch {
        /// The remote.
        remote: RemoteName,
        /// Its URL.
        url: String,
    },
    /// The shallow clone has too little history, and no more was asked for or to be had.
    #[error(
        "this clone is shallow, and {} too little history to tell whether HEAD is behind its base",
        whose(remote)
    )]
    Shallow {
        /// The remote that was asked for more and has no more, where one was asked.
        remote: Option<RemoteName>,
    },
    /// HEAD and the base have no commit in common.
    #[error("HEAD and {base} have no commit in common: these histories are unrelated")]
    Unrelated {
        /// The base.
        base: String,
    },
    /// Other runs kept cutting the clone's history off while this one was counting.
    #[error(
        "this clone is shallow, and other fetches changed its history while this one was counting commits"
    )]
    Unsteady,
    /// GitHub's event file does not say what it should.
    #[error("{path}: GitHub's event file cannot be used: {why}")]
    Event {
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

impl Error {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Git(error) => return error.hint(),
            Self::NoRemote => {
                "git remote add origin URL; or compare with a commit that is here: --base-ref REF".into()
            }
            Self::SeveralRemotes { .. } => "name it with --remote NAME".into(),
            Self::UnknownRemote { remote, remotes } if remotes.is_empty() => {
                format!("git remote add {remote} URL")
            }
            Self::UnknownRemote { .. } => "name one of them with --remote NAME".into(),
            Self::NoDefaultBranch { .. } => "name the base with --base-branch BRANCH".into(),
            Self::Shallow { remote: None } => {
                "git fetch --unshallow (in GitHub Actions: fetch-depth: 0 for actions/checkout)".into()
            }
            Self::Shallow { remote: Some(_) } => {
                "git fetch --unshallow REMOTE, from the remote that this clone was made from".into()
            }
            Self::Unrelated { .. } => {
                "name the branch that this one was made from with --base-branch BRANCH".into()
            }
            Self::Unsteady => "try again, or make the clone whole: git fetch --unshallow".into(),
            Self::Event { .. } => "name the base's commit with --base-ref REF".into(),
        })
    }
}

fn list(remotes: &[RemoteName]) -> String {
    match remotes {
        [] => "none".into(),
        names => names.iter().map(RemoteName::as_str).collect::<Vec<_>>().join(", "),
    }
}

fn whose(remote: &Option<RemoteName>) -> String {
    match remote {
        Some(remote) => format!("{remote} has"),
        None => "there is".into(),
    }
}
