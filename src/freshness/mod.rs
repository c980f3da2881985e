//! Is this branch up to date with the branch it will be merged into? Policy over git's answers.
//!
//! It fails closed: whatever cannot be established is an error, never "fresh".

mod base;
mod commits;
mod error;
mod github;
mod proof;
mod shallow;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use self::{base::Base, shallow::Source};
pub use self::{base::choose_remote, error::Error, github::GitHub};
use crate::git::{Branch, CommitId, Git, RemoteName, Revision};

/// What to compare with. Left empty, it is the branch that the remote's HEAD advertises now.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The base branch that a person named for this run.
    pub base_branch: Option<Branch>,
    /// The base branch of the configuration or the layout, where no one and nothing names another.
    pub default_branch: Option<Branch>,
    /// A commit that is compared with as it is here, instead of any branch of a remote.
    pub base_ref: Option<Revision>,
    /// The remote; left empty, `upstream` if there is one, else `origin`, else the only one.
    pub remote: Option<RemoteName>,
    /// The schema, its copies and the migrations: files and directories, absolute.
    pub paths: Vec<Utf8PathBuf>,
    /// What GitHub Actions says of this run, where it is one.
    pub github: Option<GitHub>,
    /// Which commits of the base HEAD must have.
    pub policy: Policy,
}

/// Which commits of the base a branch must have to be up to date.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// All of them.
    #[default]
    Any,
    /// Those that touch what a migration is generated from: the request's paths.
    Schema,
}

/// Compares HEAD of the work tree that `git` stands in with its base, fetching where that is asked for.
///
/// # Errors
/// Where the answer cannot be established: no repository, no commit, no remote, no base, no network, no time, or
/// too little history.
pub async fn check(git: &Git, request: &Request) -> Result<Freshness, Error> {
    git.version().await?;
    let tree = git.work_tree().await?;
    let head = git.head().await?;
    let base = Base::choose(git, request, &head).await?;
    let (commit, remote, behind) = count(git, &head, &base, request).await?;
    let commits = match behind {
        0 => Vec::new(),
        _ => commits::list(git, &tree, (&commit, &head), &request.paths).await?,
    };
    let remote_url = match remote {
        Some(remote) => Some(git.remote_url(&remote).await?),
        None => None,
    };
    Ok(Freshness {
        how: base.how(&commit, remote_url.as_deref()),
        base: base.label(),
        base_commit: commit.to_string(),
        remote_url,
        behind,
        commits,
        policy: request.policy,
    })
}

/// How often the question is asked anew where somebody else fetches into the same clone meanwhile.
const ATTEMPTS: usize = 5;

/// The base's commit, the remote if one was asked, and how many of the base's commits `head` lacks.
///
/// Whoever else fetches into the same shallow clone may cut its history off between the fetch and the count: what was
/// counted then is no answer, and the question is asked anew.
async fn count(
    git: &Git,
    head: &CommitId,
    base: &Base,
    request: &Request,
) -> Result<(CommitId, Option<RemoteName>, usize), Error> {
    let _turn = git.turn().await?;
    for _ in 0..ATTEMPTS {
        let (commit, remote) = establish(git, head, base, request).await?;
        if base.is_parent(&commit) {
            return Ok((commit, remote, 0));
        }
        let cuts = git.cuts().await?;
        let behind = git.count_missing(&commit, head).await?;
        let is_related = behind == 0 || git.are_related(&commit, head).await?;
        let is_answer =
            behind == 0 || shallow::suffices(git, head, &commit).await? && git.cuts().await? == cuts;
        match (is_answer, is_related) {
            (true, true) => return Ok((commit, remote, behind)),
            (true, false) => return Err(Error::Unrelated { base: base.label() }),
            (false, _) => {}
        }
    }
    Err(Error::Unsteady)
}

/// The base as far as it is known here, nothing fetched: for questions where an old answer will do. `None` where
/// nothing is known of it.
pub async fn known_base(git: &Git, request: &Request) -> Option<CommitId> {
    base::known(git, request).await
}

/// The base's commit, once there is enough history here to compare HEAD with it, and the remote if one was asked.
async fn establish(
    git: &Git,
    head: &CommitId,
    base: &Base,
    request: &Request,
) -> Result<(CommitId, Option<RemoteName>), Error> {
    match base {
        Base::Here { revision } => {
            let commit = git.commit(revision).await?;
            shallow::require(git, head, &commit).await?;
            Ok((commit, None))
        }
        Base::Parent { commit, .. } => Ok((commit.clone(), None)),
        Base::Group { commit, .. }
            if base.is_parent(commit) || shallow::suffices(git, head, commit).await? =>
        {
            Ok((commit.clone(), None))
        }
        Base::Group { commit, .. } => {
            let remote = choose_remote(git, request.remote.as_ref()).await?;
            let commit = shallow::fetch(git, head, &Source::commit(&remote, commit)).await?;
            Ok((commit, Some(remote)))
        }
        Base::Branch { remote, branch, .. } => {
            let commit = shallow::fetch(git, head, &Source::branch(remote, branch)).await?;
            Ok((commit, Some(remote.clone())))
        }
    }
}

/// What became of the question.
#[derive(Debug, Clone, Serialize)]
pub struct Freshness {
    /// What HEAD was compared with, as a person names it, such as `origin/main`.
    pub base: String,
    /// The commit that the base is at, in full.
    pub base_commit: String,
    /// The remote's URL without credentials; `None` where nothing was fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_url: Option<String>,
    /// By how many commits of the base HEAD is behind; 0 is fresh.
    pub behind: usize,
    /// Those commits, the ones that touch schema or migrations first, newest first within each.
    pub commits: Vec<MissingCommit>,
    /// Which comparison was made and why, in one sentence.
    pub how: String,
    /// Which of the commits matter.
    pub policy: Policy,
}

/// A commit of the base that HEAD lacks.
#[derive(Debug, Clone, Serialize)]
pub struct MissingCommit {
    /// Its id, in full.
    pub id: String,
    /// The first line of its message.
    pub subject: String,
    /// Its author's name.
    pub author: String,
    /// When it was committed, ISO 8601.
    pub date: String,
    /// Whether it touches the schema, its copies or the migrations.
    pub touches_schema: bool,
    /// The files among those that it touches.
    pub schema_files: Vec<String>,
}

impl Freshness {
    /// Whether the branch lacks something.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        match self.policy {
            Policy::Any => self.behind > 0,
            Policy::Schema => self.commits.iter().any(|commit| commit.touches_schema),
        }
    }

    /// The answer in one line.
    #[must_use]
    pub fn summary(&self) -> String {
        let from = self.remote_url.as_ref().map(|url| format!(" of {url}")).unwrap_or_default();
        let harmless = match self.is_stale() {
            true => "",
            false => ", which touches neither schema nor migrations",
        };
        match self.behind {
            0 => format!("up to date with {}{from}", self.base),
            1 => format!("HEAD is behind {}{from} by 1 commit{harmless}", self.base),
            behind => format!(
                "HEAD is behind {}{from} by {behind} commits{}",
                self.base,
                harmless.replace("touches", "touch")
            ),
        }
    }
}

impl MissingCommit {
    /// The id as people write it.
    #[must_use]
    pub fn short(&self) -> &str {
        self.id.get(..10).unwrap_or(&self.id)
    }
}
