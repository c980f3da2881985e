//! Why git could not answer.

use camino::Utf8PathBuf;

use super::{Branch, MINIMUM, RemoteName, Version};
use crate::process::ProcessError;

/// Why git could not answer. Everything in it that others wrote is redacted and harmless to show.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no git.
    #[error("git is not installed, or not on the PATH")]
    Missing,
    /// It is too old.
    #[error("git {found} is too old: {MINIMUM} or newer is needed")]
    TooOld {
        /// What is installed.
        found: Version,
    },
    /// The directory belongs to no repository.
    #[error("{directory} is not in a git repository ({said})")]
    NoRepository {
        /// Where git was asked.
        directory: Utf8PathBuf,
        /// What git said.
        said: String,
    },
    /// A repository without a work tree, or a directory within `.git`.
    #[error("{directory} is in a git repository, but not in a work tree")]
    NoWorkTree {
        /// Where git was asked.
        directory: Utf8PathBuf,
    },
    /// The repository belongs to another user, and git refuses to read it.
    #[error("git refuses to read the repository because another user owns it ({said})")]
    DubiousOwnership {
        /// The command that git itself recommends.
        command: String,
        /// What git said.
        said: String,
    },
    /// The branch that is checked out has no commit.
    #[error("HEAD has no commit yet")]
    NoCommits,
    /// A name that leads to no commit.
    #[error("there is no commit {revision:?} in this repository")]
    NoCommit {
        /// What was asked for.
        revision: String,
    },
    /// The remote does not have the branch.
    #[error("{remote} ({url}) has no branch {branch}")]
    NoBranch {
        /// The remote.
        remote: RemoteName,
        /// Its URL.
        url: String,
        /// The branch that was asked for.
        branch: Branch,
    },
    /// The remote wants credentials that git does not have.
    #[error("{remote} ({url}) does not let git in: {said}")]
    Denied {
        /// The remote.
        remote: RemoteName,
        /// Its URL.
        url: String,
        /// What git said.
        said: String,
    },
    /// The remote does not give out a commit by its id.
    #[error("{remote} ({url}) does not give out the commits that are asked for: {said}")]
    Withheld {
        /// The remote.
        remote: RemoteName,
        /// Its URL.
        url: String,
        /// What git said.
        said: String,
    },
    /// The remote could not be reached, or git could not take what it sent.
    #[error("git could not fetch from {remote} ({url}): {said}")]
    Unreachable {
        /// The remote.
        remote: RemoteName,
        /// Its URL.
        url: String,
        /// What git said.
        said: String,
    },
    /// The remote did not answer in time.
    #[error("{remote} ({url}) did not answer in time: {said}")]
    TimedOut {
        /// The remote.
        remote: RemoteName,
        /// Its URL.
        url: String,
        /// What ran and for how long.
        said: String,
    },
    /// git failed where it should not.
    #[error("`git {command}` failed ({ended}): {said}")]
    Failed {
        /// The command and its subcommand.
        command: String,
        /// How it ended.
        ended: String,
        /// What git said.
        said: String,
    },
    /// git answered something that is not understood.
    #[error("`git {command}` gave an answer that is not understood: {answer:?}")]
    Answer {
        /// The command.
        command: &'static str,
        /// The beginning of the answer.
        answer: String,
    },
    /// git could not be run to its end.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A file of the repository cannot be read; the text names it.
    #[error(transparent)]
    File(#[from] std::io::Error),
}

impl Error {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Missing => "install git, or put it on the PATH".into(),
            Self::TooOld { .. } => "install a newer git, or put one first on the PATH".into(),
            Self::NoRepository { .. } => {
                "change into a clone of the repository, or name one with --repo DIR; one that only GIT_DIR leads to \
                 needs a .git file that names it"
                    .into()
            }
            Self::NoWorkTree { .. } => "git worktree add DIR BRANCH, then --repo DIR".into(),
            Self::DubiousOwnership { command, .. } => command.clone(),
            Self::NoCommits => "git switch BRANCH, or make the first commit with git commit".into(),
            Self::NoCommit { .. } => "git fetch, or name a commit that `git log --all` lists".into(),
            Self::NoBranch { remote, branch, .. } => {
                match branch.as_str().strip_prefix(&format!("{remote}/")) {
                    Some(branch) => format!("--base-branch {branch} --remote {remote}"),
                    None => format!(
                        "git ls-remote --heads {remote}, then name the branch with --base-branch BRANCH, or another \
                         remote with --remote NAME"
                    ),
                }
            }
            Self::Denied { remote, .. } => format!(
                "git fetch {remote} must work without asking for a password: run it once by hand, so that git's \
                 credential helper or the SSH agent has what it needs"
            ),
            Self::Withheld { remote, .. } => format!("git fetch --unshallow {remote}"),
            Self::Unreachable { remote, .. } => format!(
                "git fetch {remote}, to see whether it works by hand; where there is no network, --base-ref \
                 {remote}/BRANCH compares with what was fetched last"
            ),
            Self::TimedOut { remote, .. } => format!(
                "give it more time with --timeout SECONDS; where there is no network, --base-ref {remote}/BRANCH \
                 compares with what was fetched last"
            ),
            Self::Process(error) => return error.hint(),
            Self::Failed { command, .. } => format!("git status, then git {command} by hand, to see what is wrong"),
            Self::Answer { .. } => "git version, to see which git this is".into(),
            Self::File(_) => return None,
        })
    }
}
