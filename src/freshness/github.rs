//! What GitHub Actions says of the run: which commit it made, for which pull request or merge group.

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;

use super::Error;
use crate::{
    context::Environment,
    git::{Branch, CommitId},
};

/// What the runner's variables say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitHub {
    /// `GITHUB_EVENT_NAME`: what started the run.
    pub event: String,
    /// `GITHUB_EVENT_PATH`: the file that describes the event.
    pub event_path: Option<Utf8PathBuf>,
    /// `GITHUB_BASE_REF`: the branch that a pull request will be merged into.
    pub base_branch: Option<Branch>,
    /// `GITHUB_SHA`: the commit that the run is about.
    pub commit: Option<CommitId>,
}

/// What is read of the event file.
#[derive(Debug, Default, Deserialize)]
struct Event {
    pull_request: Option<PullRequest>,
    merge_group: Option<MergeGroup>,
}

#[derive(Debug, Deserialize)]
struct PullRequest {
    head: Head,
}

#[derive(Debug, Deserialize)]
struct Head {
    sha: String,
}

#[derive(Debug, Deserialize)]
struct MergeGroup {
    base_sha: String,
    base_ref: String,
}

impl GitHub {
    /// Reads the runner's variables; `None` outside of GitHub Actions.
    #[must_use]
    pub fn from_environment(environment: &Environment) -> Option<Self> {
        environment.is_on("GITHUB_ACTIONS").then(|| Self {
            event: environment.get("GITHUB_EVENT_NAME").unwrap_or_default().to_owned(),
            event_path: environment.get("GITHUB_EVENT_PATH").map(Into::into),
            base_branch: environment.get("GITHUB_BASE_REF").and_then(|name| name.parse().ok()),
            commit: environment.get("GITHUB_SHA").and_then(|id| id.parse().ok()),
        })
    }

    /// Whether a merge commit HEAD with these parents is the one that GitHub made for the pull request: the
    /// run's own commit, and not one that the author or a step of the workflow made.
    pub(super) fn made(&self, head: &CommitId, parents: &[CommitId]) -> bool {
        let [_, second] = parents else { return false };
        if !self.event.starts_with("pull_request") {
            return false;
        }
        match self.read_event().ok().and_then(|event| event.pull_request) {
            Some(request) => request.head.sha == second.as_str(),
            None => self.commit.as_ref() == Some(head),
        }
    }

    /// The merge group's base: its commit, and the branch that the group will be merged into.
    pub(super) fn merge_group(&self) -> Result<Option<(CommitId, String)>, Error> {
        if self.event != "merge_group" {
            return Ok(None);
        }
        let incomplete =
            || Error::Event { path: self.path(), why: "it names no base_sha of a merge group".into() };
        let group = self.read_event()?.merge_group.ok_or_else(incomplete)?;
        let commit = group.base_sha.parse().map_err(|_| incomplete())?;
        let branch = group.base_ref.strip_prefix("refs/heads/").unwrap_or(&group.base_ref);
        let branch: Branch = branch.parse().map_err(|_| incomplete())?;
        Ok(Some((commit, branch.to_string())))
    }

    fn read_event(&self) -> Result<Event, Error> {
        let unreadable = |why: String| Error::Event { path: self.path(), why };
        let path = self.event_path.as_deref().unwrap_or(Utf8Path::new(""));
        let bytes = fs_err::read(path).map_err(|error| unreadable(error.to_string()))?;
        serde_json::from_slice(&bytes).map_err(|error| unreadable(error.to_string()))
    }

    fn path(&self) -> Utf8PathBuf {
        self.event_path.clone().unwrap_or_else(|| "GITHUB_EVENT_PATH".into())
    }
}
