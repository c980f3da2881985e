//! When what a shallow clone shows is proof: a hidden parent can make a commit look missing that is not, and the
//! other way round.

use std::collections::{HashMap, HashSet};

use crate::git::{CommitId, Cuts};

/// Commits, each with those of its parents that are not hidden.
type Ancestry = HashMap<CommitId, Vec<CommitId>>;

/// Whether what is seen can be trusted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// What is missing from HEAD is exactly what is seen to be missing.
    Clear,
    /// More history could change the answer.
    Unclear {
        /// HEAD's cuts that deepening the base would not move.
        beside_base: Vec<CommitId>,
    },
}

/// Whether the commits seen from `base` and not from `head` are exactly those that `head` lacks.
///
/// A commit could lack among them only if one of them is cut: then its parents are hidden. One could be among
/// them wrongly only if a cut of `head` hides that it leads there; it cannot where each of them leads to every
/// cut of `head`, because then it is younger than what the cut hides.
pub(super) fn judge(ancestry: &Ancestry, cuts: &Cuts, head: &CommitId, base: &CommitId) -> Verdict {
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

    /// A number below `sides` that looks random and is the same every time.
    fn roll(dice: &mut u64, sides: usize) -> usize {
        *dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(*dice >> 33).unwrap() % sides
    }

    /// Whether `judge` trusts what is seen of a random history with random cuts; fails where it should not.
    fn trusts_only_the_truth(dice: &mut u64) -> bool {
        let commits: Vec<_> = (0..3 + roll(dice, 9)).map(|number| id(&format!("{number}"))).collect();
        let mut whole = Ancestry::new();
        for (number, commit) in commits.iter().enumerate() {
            let parents = if number == 0 { 0 } else { 1 + roll(dice, 2) };
            whole.insert(commit.clone(), (0..parents).map(|_| commits[roll(dice, number)].clone()).collect());
        }
        let cuts: Cuts = commits.iter().filter(|_| roll(dice, 4) == 0).cloned().collect();
        let seen = whole.iter().map(|(commit, parents)| {
            (commit.clone(), if cuts.contains(commit) { Vec::new() } else { parents.clone() })
        });
        let seen: Ancestry = seen.collect();
        let (head, base) = (&commits[roll(dice, commits.len())], &commits[roll(dice, commits.len())]);
        let missing = |ancestry: &Ancestry| -> HashSet<CommitId> {
            reach(ancestry, base).difference(&reach(ancestry, head)).copied().cloned().collect()
        };
        let is_trusted = judge(&seen, &cuts, head, base) == Verdict::Clear;
        assert!(!is_trusted || missing(&seen) == missing(&whole), "{whole:?} {cuts:?} {head} {base}");
        is_trusted && !cuts.is_empty() && !missing(&whole).is_empty()
    }

    #[test]
    fn what_is_trusted_is_true_in_thousands_of_random_histories() {
        let mut dice = 1;
        let trusted = (0..20_000).filter(|_| trusts_only_the_truth(&mut dice)).count();
        assert!(trusted > 1000, "only {trusted} of them said anything about cuts");
    }
}
