//! Shallow clones: no false answer either way.

use super::*;
use crate::support::dice::Dice;

fn is_shallow(repo: &Repo) -> bool {
    repo.git(&["rev-parse", "--is-shallow-repository"]) == "true"
}

/// An origin whose `main` has 1 and `count` more commits.
fn long(count: usize) -> Forge {
    let forge = Forge::new();
    forge.advance("main", count);
    forge
}

#[tokio::test]
async fn a_clone_of_one_commit_that_is_up_to_date_is_fresh_and_stays_that_small() {
    let forge = long(30);
    let clone = forge.clone("clone", &["--depth=1"]);
    assert!(!ask(&clone, &plain(&clone)).await.unwrap().is_stale());
    assert_eq!(clone.git(&["rev-list", "--count", "--all"]), "1");
}

#[tokio::test]
async fn a_clone_of_one_commit_counts_exactly_what_it_lacks() {
    let forge = long(100);
    let clone = forge.clone("clone", &["--depth=1"]);
    forge.advance("main", 3);
    let answer = ask(&clone, &plain(&clone)).await.unwrap();
    assert_eq!((answer.behind, subjects(&answer)), (3, vec!["Note 2", "Note 1", "Note 0"]));
    assert!(is_shallow(&clone));
}

#[tokio::test]
async fn a_branch_of_one_commit_that_left_long_ago_counts_exactly_what_it_lacks() {
    let forge = Forge::new();
    let author = forge.author();
    author.switch("feature");
    author.commit("x", "1", "Mine 1");
    author.commit("x", "2", "Mine 2");
    author.push("feature");
    forge.advance("main", 40);
    author.commit("schema.prisma", "// 1\n", "Change the schema");
    author.push("main");
    let clone = forge.clone("clone", &["--depth=1", "--branch=feature"]);
    let answer = ask(&clone, &plain(&clone)).await.unwrap();
    assert_eq!((answer.behind, answer.commits[0].subject.as_str()), (41, "Change the schema"));
}

#[tokio::test]
async fn a_branch_whose_base_lies_below_the_cut_is_fresh() {
    let forge = long(60);
    let author = forge.author();
    author.switch("feature");
    for number in 0..3 {
        author.commit("x", &number.to_string(), "Mine");
    }
    author.push("feature");
    let clone = forge.clone("clone", &["--depth=1", "--branch=feature"]);
    clone.commit("y", "1", "Not pushed");
    assert_eq!(ask(&clone, &plain(&clone)).await.unwrap().behind, 0);
    assert!(is_shallow(&clone));
}

#[tokio::test]
async fn side_branches_that_were_merged_are_counted_whole() {
    let forge = long(10);
    let author = forge.author();
    author.switch("side");
    author.commit("s", "1", "Side 1");
    author.commit("s", "2", "Side 2");
    forge.advance("main", 20);
    let clone = forge.clone("clone", &["--depth=1"]);
    author.merge("side");
    author.push("main");
    let answer = ask(&clone, &plain(&clone)).await.unwrap();
    assert_eq!((answer.behind, subjects(&answer)), (3, vec!["Merge side", "Side 2", "Side 1"]));
}

#[tokio::test]
async fn a_branch_that_was_merged_twice_is_not_counted_twice() {
    let forge = long(10);
    let author = forge.author();
    author.switch("side");
    author.commit("s", "1", "Side 1");
    author.switch("main");
    author.merge("side");
    forge.advance("main", 5);
    let clone = forge.clone("clone", &["--depth=1"]);
    author.switch("side");
    author.commit("s", "2", "Side 2");
    author.switch("main");
    author.merge("side");
    author.push("main");
    let answer = ask(&clone, &plain(&clone)).await.unwrap();
    assert_eq!((answer.behind, subjects(&answer)), (2, vec!["Merge side", "Side 2"]));
}

#[tokio::test]
async fn history_that_a_clone_had_is_not_taken_from_it() {
    let forge = long(80);
    let clone = forge.clone("clone", &["--depth=50"]);
    forge.advance("main", 3);
    assert_eq!(ask(&clone, &plain(&clone)).await.unwrap().behind, 3);
    assert!(clone.git(&["rev-list", "--count", "HEAD"]).parse::<u32>().unwrap() >= 50);
}

#[tokio::test]
async fn a_single_branch_clone_gets_the_base_it_never_had() {
    let forge = Forge::new();
    forge.author().switch("feature");
    forge.author().push("feature");
    forge.advance("main", 2);
    let clone = forge.clone("clone", &["--single-branch", "--branch=feature"]);
    assert_eq!(ask(&clone, &plain(&clone)).await.unwrap().behind, 2);
}

#[tokio::test]
async fn without_a_network_too_little_history_is_an_error() {
    let forge = long(5);
    forge.author().switch("feature");
    forge.author().commit("x", "1", "Mine");
    forge.author().push("feature");
    let clone = forge.clone("clone", &["--depth=1", "--no-single-branch", "--branch=feature"]);
    let request = Request { base_ref: Some("origin/main".parse().unwrap()), ..plain(&clone) };
    let (text, hint) = refused(ask(&clone, &request).await);
    assert!(text.contains("shallow") && hint.starts_with("git fetch --unshallow"), "{text}\n{hint}");
    let same = Request { base_ref: Some("HEAD".parse().unwrap()), ..plain(&clone) };
    assert!(!ask(&clone, &same).await.unwrap().is_stale());
}

#[tokio::test]
async fn an_origin_that_is_shallow_itself_cannot_prove_anything() {
    let forge = long(5);
    forge.author().switch("feature");
    forge.author().commit("x", "1", "Mine");
    forge.author().push("feature");
    forge.advance("main", 1);
    let middle = forge.clone("middle", &["--depth=1", "--no-single-branch", "--bare"]);
    let clone = forge.clone("clone", &["--depth=1", "--branch=feature"]);
    clone.git(&["remote", "set-url", "origin", &format!("file://{}", middle.path().display())]);
    let (text, hint) = refused(ask(&clone, &plain(&clone)).await);
    assert!(text.contains("too little history"), "{text}");
    assert!(hint.starts_with("git fetch --unshallow"), "{hint}");
}

#[tokio::test]
async fn a_branch_that_only_the_fork_has_is_deepened_from_the_fork() {
    let forge = long(20);
    forge.repo(".").git(&["clone", "-q", "--bare", "origin.git", "fork.git"]);
    let fork = format!("file://{}", forge.path().join("fork.git").display());
    let mine = forge.clone("mine", &[]);
    mine.switch("feature");
    mine.commit("x", "1", "Mine 1");
    mine.commit("x", "2", "Mine 2");
    mine.git(&["push", "-q", &fork, "feature"]);
    forge.advance("main", 2);
    forge.repo(".").git(&["clone", "-q", "--depth=1", "--branch=feature", &fork, "clone"]);
    let clone = forge.repo("clone");
    clone.git(&["remote", "add", "upstream", &forge.url()]);
    let answer = ask(&clone, &plain(&clone)).await.unwrap();
    assert_eq!((answer.behind, answer.base.as_str()), (2, "upstream/main"));
}

#[tokio::test]
async fn an_origin_that_gives_out_no_single_commits_is_asked_for_everything() {
    let forge = Forge::new();
    let author = forge.author();
    author.switch("feature");
    author.commit("x", "1", "Mine 1");
    author.commit("x", "2", "Mine 2");
    author.push("feature");
    forge.advance("main", 40);
    let clone = forge.clone("clone", &["--depth=1", "--branch=feature"]);
    clone.git(&["config", "protocol.version", "0"]);
    assert_eq!(ask(&clone, &plain(&clone)).await.unwrap().behind, 40);
    assert!(!is_shallow(&clone));
}

#[tokio::test]
async fn an_origin_that_vanishes_before_history_is_deepened_is_an_error() {
    let forge = long(3);
    let author = forge.author();
    author.switch("feature");
    author.commit("x", "1", "Mine");
    author.push("feature");
    let clone = forge.clone("clone", &["--depth=1", "--branch=feature"]);
    // It answers until the base is here, then never again.
    let count = forge.path().join("count");
    let serve = format!(
        "echo >> '{0}'; test $(wc -l < '{0}') -le 3 && exec git-upload-pack \"$@\" #",
        count.display()
    );
    clone.git(&["config", "remote.origin.uploadpack", &format!("sh -c '{}' --", serve.replace('\'', "\""))]);
    let (text, _) = refused(ask(&clone, &plain(&clone)).await);
    assert!(text.contains("could not fetch from origin"), "{text}");
    assert_eq!(clone.id("origin/main"), forge.origin().id("main"));
}

#[tokio::test]
async fn histories_without_a_common_commit_are_an_error() {
    let forge = long(2);
    let clone = forge.clone("clone", &["--depth=1"]);
    clone.git(&["switch", "-q", "--orphan", "alien"]);
    clone.commit("x", "1", "From elsewhere");
    let (text, hint) = refused(ask(&clone, &plain(&clone)).await);
    assert!(text.contains("no commit in common"), "{text}");
    assert!(hint.contains("--base-branch"), "{hint}");
}

/// A history for `git fast-import`: `count` commits, a third of them merges, the last ones the tips of `old`,
/// `feature` and `main`.
fn random_history(dice: &mut Dice, count: usize) -> String {
    let mut stream = String::new();
    for number in 1..=count {
        let date = 1_800_000_000 + number * 60;
        stream += &format!(
            "commit refs/heads/all\nmark :{number}\ncommitter T <t@example.com> {date} +0000\ndata 1\nx\n"
        );
        if number > 1 {
            // Mostly on top of young commits, now and then on an old one.
            let reach = if dice.roll(5) == 0 { number - 1 } else { (number - 1).min(6) };
            stream += &format!("from :{}\n", number - 1 - dice.roll(reach));
            if dice.roll(3) == 0 {
                stream += &format!("merge :{}\n", number - 1 - dice.roll(reach));
            }
        }
        stream += &format!("M 100644 inline f{}\ndata 4\n{number:4}\n", dice.roll(20));
    }
    for (branch, back) in [("old", 8 + dice.roll(8)), ("feature", dice.roll(8)), ("main", dice.roll(4))] {
        stream += &format!("reset refs/heads/{branch}\nfrom :{}\n", count - back);
    }
    stream
}

#[tokio::test]
async fn random_histories_are_counted_exactly_however_little_of_them_was_cloned() {
    for seed in 0..6 {
        let dice = &mut Dice(seed);
        let forge = Forge::new();
        let origin = forge.origin();
        let count = 30 + dice.roll(60);
        origin.git(&["update-ref", "-d", "refs/heads/main"]);
        origin.feed(&["fast-import", "--quiet", "--force"], &random_history(dice, count));
        let (old, main) = (origin.id("old"), origin.id("main"));
        // The clone saw the base where it was some time ago.
        origin.git(&["update-ref", "refs/heads/main", &old]);
        let depth = format!("--depth={}", 1 + dice.roll(6));
        let clone = forge.clone("clone", &[&depth, "--no-single-branch", "--branch=feature"]);
        origin.git(&["update-ref", "refs/heads/main", &main]);
        let missing = origin.git(&["rev-list", "--count", "main", "^feature"]);
        let before: usize = clone.git(&["rev-list", "--count", "HEAD"]).parse().unwrap();
        let answer = ask(&clone, &plain(&clone)).await.unwrap();
        assert_eq!(answer.behind.to_string(), missing, "seed {seed}, {depth}");
        assert!(
            clone.git(&["rev-list", "--count", "HEAD"]).parse::<usize>().unwrap() >= before,
            "seed {seed}"
        );
    }
}
