//! Which remote and which branch is asked, and what is said of it.

use super::*;

fn named(branch: &str, repo: &Repo) -> Request {
    Request { base_branch: Some(branch.parse().unwrap()), ..plain(repo) }
}

#[tokio::test]
async fn the_branch_that_the_remote_names_now_is_the_base_not_the_one_of_the_clone() {
    let forge = Forge::new();
    let clone = forge.clone("clone", &[]);
    forge.advance("main", 1);
    forge.author().switch("trunk");
    forge.advance("trunk", 1);
    forge.origin().git(&["symbolic-ref", "HEAD", "refs/heads/trunk"]);
    assert_eq!(clone.git(&["symbolic-ref", "refs/remotes/origin/HEAD"]), "refs/remotes/origin/main");
    let answer = ask(&clone, &plain(&clone)).await.unwrap();
    assert_eq!((answer.behind, answer.base.as_str()), (2, "origin/trunk"));
}

#[tokio::test]
async fn the_projects_branch_comes_before_the_remotes_and_a_persons_before_both() {
    let forge = Forge::new();
    let clone = forge.clone("clone", &[]);
    forge.author().switch("staging");
    forge.advance("staging", 2);
    let default_branch = Some("staging".parse().unwrap());
    let answer =
        ask(&clone, &Request { default_branch: default_branch.clone(), ..plain(&clone) }).await.unwrap();
    assert_eq!((answer.behind, answer.base.as_str()), (2, "origin/staging"));
    let answer = ask(&clone, &Request { default_branch, ..named("main", &clone) }).await.unwrap();
    assert_eq!((answer.behind, answer.base.as_str()), (0, "origin/main"));
}

#[tokio::test]
async fn upstream_comes_before_origin_and_a_named_remote_before_both() {
    let forge = Forge::new();
    let clone = forge.clone("clone", &[]);
    forge.repo(".").git(&["clone", "-q", "--bare", "origin.git", "upstream.git"]);
    let upstream = format!("file://{}", forge.path().join("upstream.git").display());
    clone.git(&["remote", "add", "upstream", &upstream]);
    forge.advance("main", 1);
    let answer = ask(&clone, &plain(&clone)).await.unwrap();
    assert_eq!((answer.behind, answer.base.as_str()), (0, "upstream/main"));
    let request = Request { remote: Some("origin".parse().unwrap()), ..plain(&clone) };
    let answer = ask(&clone, &request).await.unwrap();
    assert_eq!((answer.behind, answer.base.as_str()), (1, "origin/main"));
}

#[tokio::test]
async fn the_only_remote_is_taken_whatever_its_name_and_several_are_listed() {
    let forge = Forge::new();
    let clone = forge.clone("clone", &["--origin=team/hub"]);
    assert_eq!(ask(&clone, &plain(&clone)).await.unwrap().base, "team/hub/main");
    clone.git(&["remote", "add", "other", "file:///nonexistent"]);
    let (text, hint) = refused(ask(&clone, &plain(&clone)).await);
    assert!(text.contains("other") && text.contains("team/hub"), "{text}");
    assert_eq!(hint, "name it with --remote NAME");
    let request = Request { remote: Some("hub".parse().unwrap()), ..plain(&clone) };
    let (text, _) = refused(ask(&clone, &request).await);
    assert!(text.contains("no remote hub; there is other, team/hub"), "{text}");
}

#[tokio::test]
async fn the_url_that_is_shown_is_the_one_that_git_uses() {
    let forge = Forge::new();
    let clone = forge.clone("clone", &[]);
    clone.git(&[
        "config",
        &format!("url.{}.insteadOf", forge.url()),
        "https://me:s3cret@forge.invalid/x.git",
    ]);
    clone.git(&["remote", "set-url", "origin", "https://me:s3cret@forge.invalid/x.git"]);
    clone.git(&["remote", "set-url", "--push", "origin", "https://push.invalid/x.git"]);
    let answer = ask(&clone, &plain(&clone)).await.unwrap();
    assert_eq!(answer.remote_url, Some(forge.url()));
}

#[tokio::test]
async fn only_the_remote_tracking_branch_of_the_base_moves_whatever_the_refspecs_say() {
    let forge = Forge::new();
    let clone = forge.clone("clone", &[]);
    clone.switch("feature");
    clone.git(&["config", "remote.origin.fetch", "+refs/heads/*:refs/heads/*"]);
    clone.git(&["config", "remote.origin.tagOpt", "--tags"]);
    let old = clone.id("main");
    forge.advance("main", 1);
    forge.author().git(&["tag", "v1"]);
    forge.author().push("v1");
    assert_eq!(ask(&clone, &plain(&clone)).await.unwrap().behind, 1);
    assert_eq!(clone.id("main"), old);
}

#[tokio::test]
async fn a_base_that_was_rewritten_is_fetched_all_the_same() {
    let forge = Forge::new();
    forge.advance("main", 2);
    let clone = forge.clone("clone", &[]);
    let author = forge.author();
    author.git(&["reset", "-q", "--hard", "HEAD~1"]);
    author.commit("x", "1", "Instead");
    author.git(&["push", "-q", "--force", "origin", "main"]);
    let answer = ask(&clone, &plain(&clone)).await.unwrap();
    assert_eq!(subjects(&answer), ["Instead"]);
}

#[tokio::test]
async fn a_missing_branch_is_an_error_in_whole_and_in_shallow_clones() {
    let forge = Forge::new();
    forge.advance("main", 2);
    for (name, options) in [("whole", &[][..]), ("shallow", &["--depth=1"][..])] {
        let clone = forge.clone(name, options);
        let (text, hint) = refused(ask(&clone, &named("nope", &clone)).await);
        assert!(text.contains("has no branch nope") && text.contains(&forge.url()), "{text}");
        assert!(hint.starts_with("git ls-remote --heads origin"), "{hint}");
        let (_, hint) = refused(ask(&clone, &named("origin/main", &clone)).await);
        assert_eq!(hint, "--base-branch main --remote origin");
    }
}

#[tokio::test]
async fn a_remote_whose_head_names_no_branch_is_an_error() {
    let forge = Forge::new();
    let clone = forge.clone("clone", &[]);
    forge.origin().git(&["update-ref", "--no-deref", "HEAD", &clone.id("HEAD")]);
    let (text, hint) = refused(ask(&clone, &plain(&clone)).await);
    assert!(text.contains("names no branch"), "{text}");
    assert!(hint.contains("--base-branch"), "{hint}");
}
