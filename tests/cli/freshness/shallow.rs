//! Shallow clones: no false answer either way.

use super::*;

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
async fn histories_without_a_common_commit_are_an_error() {
    let forge = long(2);
    let clone = forge.clone("clone", &["--depth=1"]);
    clone.git(&["switch", "-q", "--orphan", "alien"]);
    clone.commit("x", "1", "From elsewhere");
    let (text, hint) = refused(ask(&clone, &plain(&clone)).await);
    assert!(text.contains("no commit in common"), "{text}");
    assert!(hint.contains("--base-branch"), "{hint}");
}
