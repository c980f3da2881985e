//! Enough history for a true answer.
//!
//! A shallow clone hides parents, so that a commit may look missing that is not, and the other way round. What
//! is seen is proof nevertheless where [`judge`] says so. Where it does not, history is deepened step by step,
//! and fetched whole at the end: on both sides, because the base alone says nothing about what HEAD's own cuts
//! hide.

use std::collections::{HashMap, HashSet};

use super::Error;
use crate::git::{self, Branch, CommitId, Cuts, Depth, Fetch, Git, RemoteName};

/// By how many commits history is deepened, step by step, before all of it is fetched.
const STEPS: [u32; 4] = [16, 64, 256, 1024];

/// A clone with more commits than the steps could bring back is never fetched into with a limit: the limit would
/// cut what it has.
const SMALL: usize = 1000;

/// More cuts than this are not asked for one by one.
const MANY: usize = 100;

type Ancestry = HashMap<CommitId, Vec<CommitId>>;

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

/// Whether what is seen can be trusted.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// What is missing from HEAD is exactly what is seen to be missing.
    Clear,
    /// More history could change the answer.
    Unclear {
        /// HEAD's cuts that deepening the base would not move.
        beside_base: Vec<CommitId>,
    },
}

async fn assess(git: &Git, cuts: &Cuts, head: &CommitId, base: &CommitId) -> Result<Verdict, git::Error> {
    if cuts.is_empty() {
        return Ok(Verdict::Clear);
    }
    let ancestry = git.ancestry(&[head.as_str(), base.as_str()]).await?;
    Ok(judge(&ancestry, cuts, head, base))
}

/// Whether the commits seen from `base` and not from `head` are exactly those that `head` lacks.
///
/// A commit could lack among them only if one of them is cut: then its parents are hidden. One could be among
/// them wrongly only if a cut of `head` hides that it leads there; it cannot where each of them leads to every
/// cut of `head`, because then it is younger than what the cut hides.
fn judge(ancestry: &Ancestry, cuts: &Cuts, head: &CommitId, base: &CommitId) -> Verdict {
    let of_head = reach(ancestry, head);
    if of_head.contains(base) {
        return Verdict::Clear;
    }
    let of_base = reach(ancestry, base);
    let missing: HashSet<_> = of_base.difference(&of_head).copied().collect();
    let head_cuts: Vec<_> = cuts.iter().filter(|cut| of_head.contains(cut)).collect();
    let leads_to_all_cuts = |commit: &CommitId| {
        let reached = reach(ancestry, commit);
        head_cuts.iter().all(|cut| reached.contains(cut))
    };
    let mut oldest =
        missing.iter().filter(|commit| parents(ancestry, commit).all(|id| !missing.contains(id)));
    let is_whole = !missing.iter().any(|commit| cuts.contains(*commit));
    if is_whole && (head_cuts.is_empty() || oldest.all(|commit| leads_to_all_cuts(commit))) {
        return Verdict::Clear;
    }
    let beside_base = head_cuts.into_iter().filter(|cut| !of_base.contains(cut)).cloned().collect();
    Verdict::Unclear { beside_base }
}

fn parents<'a>(ancestry: &'a Ancestry, commit: &CommitId) -> impl Iterator<Item = &'a CommitId> {
    ancestry.get(commit).into_iter().flatten()
}

/// `tip` and everything that it leads to.
fn reach<'a>(ancestry: &'a Ancestry, tip: &'a CommitId) -> HashSet<&'a CommitId> {
    let mut reached = HashSet::from([tip]);
    let mut open = vec![tip];
    while let Some(commit) = open.pop() {
        open.extend(parents(ancestry, commit).filter(|parent| reached.insert(parent)));
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `c: b a` says that c has the parents b and a.
    fn judged(commits: &str, cuts: &str, head: &str, base: &str) -> Verdict {
        let ids = |names: &str| names.split_whitespace().map(id).collect::<Vec<_>>();
        let ancestry = commits
            .split(',')
            .map(|line| line.split_once(':').unwrap())
            .map(|(commit, parents)| (id(commit.trim()), ids(parents)))
            .collect();
        judge(&ancestry, &ids(cuts).into_iter().collect(), &id(head), &id(base))
    }

    fn id(name: &str) -> CommitId {
        name.bytes().map(|byte| format!("{byte:02x}")).collect::<String>().repeat(40)[..40].parse().unwrap()
    }

    fn unclear(cuts: &str) -> Verdict {
        Verdict::Unclear { beside_base: cuts.split_whitespace().map(id).collect() }
    }

    #[test]
    fn a_base_that_head_is_seen_to_lead_to_is_contained() {
        assert_eq!(judged("c: b, b: a, a:", "a", "c", "b"), Verdict::Clear);
        assert_eq!(judged("a:", "a", "a", "a"), Verdict::Clear);
    }

    #[test]
    fn a_line_of_commits_on_top_of_heads_cut_is_missing_for_certain() {
        assert_eq!(judged("d: c, c: b, b:", "b", "b", "d"), Verdict::Clear);
    }

    #[test]
    fn a_cut_base_may_hide_that_it_leads_to_head() {
        assert_eq!(judged("d:, a:", "a d", "a", "d"), unclear("a"));
    }

    #[test]
    fn a_whole_base_may_still_be_hidden_below_heads_cut() {
        assert_eq!(judged("f:, b: a, a:", "f", "f", "b"), unclear("f"));
    }

    #[test]
    fn a_side_branch_may_have_been_merged_below_heads_cut_before() {
        // m merges s2 into c; whether s1 already is below b, nobody can see.
        assert_eq!(judged("m: b s2, s2: s1, s1:, b:", "b", "b", "m"), unclear(""));
    }

    #[test]
    fn a_side_branch_that_began_at_the_cut_is_missing_for_certain() {
        assert_eq!(judged("m: b s2, s2: s1, s1: b, b:", "b", "b", "m"), Verdict::Clear);
    }

    #[test]
    fn a_cut_beside_the_common_history_does_not_matter_to_a_whole_head() {
        assert_eq!(judged("d: b, b: a, a:, h: a", "x", "h", "d"), Verdict::Clear);
    }

    #[test]
    fn a_cut_among_the_missing_may_hide_more_of_them() {
        assert_eq!(judged("m: b s, s:, b: a, a:", "s", "b", "m"), unclear(""));
    }
}
