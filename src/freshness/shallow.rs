//! Enough history for a true answer.
//!
//! Where what a shallow clone shows is no [proof](super::proof), history is deepened step by step, and fetched
//! whole at the end: on both sides, because the base alone says nothing about what HEAD's own cuts hide.

use std::collections::HashSet;

use super::{
    Error,
    proof::{Verdict, judge},
};
use crate::git::{self, Branch, CommitId, Cuts, Depth, Fetch, Git, RemoteName};

/// By how many commits history is deepened, step by step, before all of it is fetched.
const STEPS: [u32; 4] = [16, 64, 256, 1024];

/// A clone with more commits than the steps could bring back is never fetched into with a limit: the limit would
/// cut what it has.
const SMALL: usize = 1000;

/// More cuts than this are not asked for one by one.
const MANY: usize = 100;

/// Where the base is fetched from.
#[derive(Debug)]
pub(super) struct Source<'a> {
    remote: &'a RemoteName,
    target: Target<'a>,
}

#[derive(Debug)]
enum Target<'a> {
    Branch(&'a Branch),
    Commit(&'a CommitId),
}

impl<'a> Source<'a> {
    /// A branch of a remote, fetched into its remote-tracking branch.
    pub(super) const fn branch(remote: &'a RemoteName, branch: &'a Branch) -> Self {
        Self { remote, target: Target::Branch(branch) }
    }

    /// A commit that a remote has.
    pub(super) const fn commit(remote: &'a RemoteName, commit: &'a CommitId) -> Self {
        Self { remote, target: Target::Commit(commit) }
    }

    /// The commit as the remote has it at this moment.
    async fn tip(&self, git: &Git) -> Result<CommitId, git::Error> {
        match self.target {
            Target::Branch(branch) => git.remote_tip(self.remote, branch).await,
            Target::Commit(commit) => Ok(commit.clone()),
        }
    }

    /// The commit as it was fetched last.
    async fn fetched(&self, git: &Git) -> Result<CommitId, Error> {
        match self.target {
            Target::Branch(branch) => Ok(git.tracked(self.remote, branch).await?),
            Target::Commit(commit) => Ok(commit.clone()),
        }
    }

    async fn fetch(&self, git: &Git, depth: Depth, also: &[CommitId]) -> Result<(), git::Error> {
        let want = match self.target {
            Target::Branch(branch) => format!("+refs/heads/{branch}:refs/remotes/{}/{branch}", self.remote),
            Target::Commit(commit) => commit.to_string(),
        };
        let wants = std::iter::once(want).chain(also.iter().map(CommitId::to_string)).collect();
        git.fetch(&Fetch { remote: self.remote, wants, depth }).await
    }
}

/// Fetches the base and as much history as it takes to compare `head` with it. The base's commit.
pub(super) async fn fetch(git: &Git, head: &CommitId, source: &Source<'_>) -> Result<CommitId, Error> {
    let before = Before::read(git, head).await?;
    let is_new = before.is_small() && !before.known.contains(&source.tip(git).await?);
    let depth = if is_new { Depth::Single } else { Depth::AsIs };
    source.fetch(git, depth, &[]).await?;
    for step in STEPS {
        let cuts = git.cuts().await?;
        let base = source.fetched(git).await?;
        let asked = match assess(git, &cuts, head, &base).await? {
            Verdict::Clear if !before.is_lost_to(&cuts) => return Ok(base),
            Verdict::Clear => Vec::new(),
            Verdict::Unclear { beside_base } => beside_base,
        };
        if asked.len() > MANY {
            break;
        }
        match source.fetch(git, Depth::Deepen(step), &asked).await {
            Err(git::Error::Withheld { .. }) => break,
            other => other?,
        }
        if git.cuts().await? == cuts {
            break;
        }
    }
    fetch_whole(git, head, source).await
}

/// The last resort: all history, from the base's remote, then from `origin` if the clone came from there.
async fn fetch_whole(git: &Git, head: &CommitId, source: &Source<'_>) -> Result<CommitId, Error> {
    let clear = async || {
        let base = source.fetched(git).await?;
        let verdict = assess(git, &git.cuts().await?, head, &base).await?;
        Ok::<_, Error>((verdict == Verdict::Clear).then_some(base))
    };
    source.fetch(git, Depth::Unshallow, &[]).await?;
    if let Some(base) = clear().await? {
        return Ok(base);
    }
    for origin in
        git.remotes().await?.iter().filter(|name| name.as_str() == "origin" && *name != source.remote)
    {
        git.fetch(&Fetch { remote: origin, wants: vec!["HEAD".into()], depth: Depth::Unshallow }).await?;
        if let Some(base) = clear().await? {
            return Ok(base);
        }
    }
    Err(Error::Shallow { remote: Some(source.remote.clone()) })
}

/// Fails unless what is here is enough to compare `head` with `base`. Nothing is fetched.
pub(super) async fn require(git: &Git, head: &CommitId, base: &CommitId) -> Result<(), Error> {
    match assess(git, &git.cuts().await?, head, base).await? {
        Verdict::Clear => Ok(()),
        Verdict::Unclear { .. } => Err(Error::Shallow { remote: None }),
    }
}

/// Whether `base` is here, and enough history to compare `head` with it.
pub(super) async fn suffices(git: &Git, head: &CommitId, base: &CommitId) -> Result<bool, Error> {
    match git.commit(&base.clone().into()).await {
        Ok(_) => Ok(assess(git, &git.cuts().await?, head, base).await? == Verdict::Clear),
        Err(git::Error::NoCommit { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// What a shallow clone had before anything was fetched.
#[derive(Debug, Default)]
struct Before {
    is_shallow: bool,
    known: HashSet<CommitId>,
    /// The commits whose parents were here too.
    complete: HashSet<CommitId>,
}

impl Before {
    async fn read(git: &Git, head: &CommitId) -> Result<Self, git::Error> {
        let cuts = git.cuts().await?;
        if cuts.is_empty() {
            return Ok(Self::default());
        }
        let known: HashSet<_> = git.ancestry(&["--all", head.as_str()]).await?.into_keys().collect();
        let complete = known.iter().filter(|id| !cuts.contains(*id)).cloned().collect();
        Ok(Self { is_shallow: true, known, complete })
    }

    fn is_small(&self) -> bool {
        self.is_shallow && self.known.len() <= SMALL
    }

    /// Whether one of `cuts` hides history that was here.
    fn is_lost_to(&self, cuts: &Cuts) -> bool {
        cuts.iter().any(|cut| self.complete.contains(cut))
    }
}

async fn assess(git: &Git, cuts: &Cuts, head: &CommitId, base: &CommitId) -> Result<Verdict, git::Error> {
    if cuts.is_empty() {
        return Ok(Verdict::Clear);
    }
    let ancestry = git.ancestry(&[head.as_str(), base.as_str()]).await?;
    Ok(judge(&ancestry, cuts, head, base))
}
