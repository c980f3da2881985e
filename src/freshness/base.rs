//! Which commit HEAD is compared with.

use super::{Error, Request};
use crate::git::{Branch, CommitId, Git, RemoteName, Revision};

/// What HEAD is compared with.
#[derive(Debug)]
pub(super) enum Base {
    /// A commit as it is here.
    Here {
        /// What names it.
        revision: Revision,
    },
    /// The first parent of a pull request's merge commit.
    Parent {
        /// The parent.
        commit: CommitId,
        /// The branch that it was taken from.
        branch: String,
    },
    /// The base of a merge group, which may not be here.
    Group {
        /// The base.
        commit: CommitId,
        /// The branch that the group will be merged into.
        branch: String,
        /// HEAD's parents.
        parents: Vec<CommitId>,
    },
    /// A branch of a remote, as it is there now.
    Branch {
        /// The remote.
        remote: RemoteName,
        /// The branch.
        branch: Branch,
        /// Why this one.
        why: &'static str,
    },
}

impl Base {
    /// Decides. What a person named for this run comes first, then what GitHub says of it.
    pub(super) async fn choose(git: &Git, request: &Request, head: &CommitId) -> Result<Self, Error> {
        if let Some(revision) = &request.base_ref {
            return Ok(Self::Here { revision: revision.clone() });
        }
        if request.base_branch.is_none()
            && let Some(base) = Self::of_github(git, request, head).await?
        {
            return Ok(base);
        }
        let remote = choose_remote(git, request.remote.as_ref()).await?;
        let (branch, why) = choose_branch(git, request, &remote).await?;
        Ok(Self::Branch { remote, branch, why })
    }

    async fn of_github(git: &Git, request: &Request, head: &CommitId) -> Result<Option<Self>, Error> {
        let Some(github) = &request.github else { return Ok(None) };
        let parents = git.parents(head).await?;
        if github.made(head, &parents)
            && let Some(commit) = parents.first()
        {
            let branch = github.base_branch.as_ref().map_or("the base branch", Branch::as_str).to_owned();
            return Ok(Some(Self::Parent { commit: commit.clone(), branch }));
        }
        let group = github.merge_group()?;
        Ok(group.map(|(commit, branch)| Self::Group { commit, branch, parents }))
    }

    /// The base as a person names it.
    pub(super) fn label(&self) -> String {
        match self {
            Self::Here { revision } => revision.to_string(),
            Self::Parent { branch, .. } | Self::Group { branch, .. } => branch.clone(),
            Self::Branch { remote, branch, .. } => format!("{remote}/{branch}"),
        }
    }

    /// Whether HEAD contains `commit` for certain, being its child, however little history is here.
    pub(super) fn is_parent(&self, commit: &CommitId) -> bool {
        match self {
            Self::Parent { .. } => true,
            Self::Group { parents, .. } => parents.contains(commit),
            Self::Here { .. } | Self::Branch { .. } => false,
        }
    }

    /// Which comparison was made and why, in one sentence.
    pub(super) fn how(&self, commit: &CommitId, url: Option<&str>) -> String {
        let (short, url) = (commit.short(), url.unwrap_or_default());
        match self {
            Self::Here { revision } => {
                format!("HEAD was compared with {revision} as it is here ({short}); nothing was fetched")
            }
            Self::Parent { branch, .. } => format!(
                "HEAD is the merge commit that GitHub made for the pull request, and was compared with its own first \
                 parent ({short}), the tip of {branch} at that time; nothing was fetched"
            ),
            Self::Group { branch, .. } => format!(
                "HEAD was compared with the base of its merge group into {branch} ({short}), which GitHub's event \
                 file names"
            ),
            Self::Branch { why, .. } => {
                format!("HEAD was compared with {} ({short}), fetched now from {url}: {why}", self.label())
            }
        }
    }
}

async fn choose_branch(
    git: &Git,
    request: &Request,
    remote: &RemoteName,
) -> Result<(Branch, &'static str), Error> {
    if let Some(branch) = &request.base_branch {
        return Ok((branch.clone(), "the branch that was asked for"));
    }
    if let Some(branch) = request.github.as_ref().and_then(|github| github.base_branch.as_ref()) {
        return Ok((branch.clone(), "the branch that GitHub will merge the pull request into"));
    }
    if let Some(branch) = &request.default_branch {
        return Ok((branch.clone(), "the project's base branch"));
    }
    match git.default_branch(remote).await? {
        Some(branch) => Ok((branch, "the branch that the remote's HEAD names now")),
        None => Err(Error::NoDefaultBranch { remote: remote.clone(), url: git.remote_url(remote).await? }),
    }
}

/// The remote that holds the base: the one that was asked for, else `upstream` (a fork's `origin` is the fork),
/// else `origin`, else the only one.
///
/// # Errors
/// Where there is none, or not the one that was asked for, or several with other names.
pub async fn choose_remote(git: &Git, wanted: Option<&RemoteName>) -> Result<RemoteName, Error> {
    let remotes = git.remotes().await?;
    let find = |name: &str| remotes.iter().find(|remote| remote.as_str() == name).cloned();
    if let Some(wanted) = wanted {
        return find(wanted.as_str())
            .ok_or_else(|| Error::UnknownRemote { remote: wanted.clone(), remotes: remotes.clone() });
    }
    if let Some(remote) = find("upstream").or_else(|| find("origin")) {
        return Ok(remote);
    }
    match remotes.as_slice() {
        [] => Err(Error::NoRemote),
        [only] => Ok(only.clone()),
        _ => Err(Error::SeveralRemotes { remotes }),
    }
}

/// What [`known_base`](super::known_base) gives.
pub(super) async fn known(git: &Git, request: &Request) -> Option<CommitId> {
    if let Some(revision) = &request.base_ref {
        return git.commit(revision).await.ok();
    }
    let remote = choose_remote(git, request.remote.as_ref()).await.ok()?;
    let named = request.base_branch.as_ref().or(request.default_branch.as_ref());
    match named {
        Some(branch) => git.tracked(&remote, branch).await.ok(),
        None => git.commit(&format!("refs/remotes/{remote}/HEAD").parse().ok()?).await.ok(),
    }
}
