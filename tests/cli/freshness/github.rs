//! GitHub Actions: commits that GitHub makes are compared with what it made them from.

use run_migration::freshness::GitHub;

use super::*;

/// A runner's clone of depth 1 at `commit`, made as actions/checkout makes it.
fn checkout<'a>(forge: &'a Forge, commit: &str) -> Repo<'a> {
    forge.origin().git(&["update-ref", "refs/run/commit", commit]);
    forge.repo(".").git(&["init", "-q", "runner"]);
    let runner = forge.repo("runner");
    runner.git(&["remote", "add", "origin", &forge.url()]);
    runner.git(&[
        "fetch",
        "-q",
        "--depth=1",
        "--no-tags",
        "origin",
        "+refs/run/commit:refs/remotes/run/commit",
    ]);
    runner.git(&["checkout", "-q", "--detach", "refs/remotes/run/commit"]);
    runner
}

/// What the runner says of an event, whose file holds `event`.
fn runner(forge: &Forge, name: &str, commit: &str, event: &str) -> Option<GitHub> {
    let path = forge.path().join("event.json");
    std::fs::write(&path, event).unwrap();
    let variables = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_EVENT_NAME", name),
        ("GITHUB_EVENT_PATH", path.to_str().unwrap()),
        ("GITHUB_SHA", commit),
        ("GITHUB_BASE_REF", if name.starts_with("pull_request") { "main" } else { "" }),
    ];
    GitHub::from_environment(&Environment::from_pairs(variables))
}

fn pull_request(head: &str) -> String {
    serde_json::json!({ "pull_request": { "head": { "sha": head }, "base": { "ref": "main" } } }).to_string()
}

fn merge_group(base: &str) -> String {
    serde_json::json!({ "merge_group": { "base_sha": base, "base_ref": "refs/heads/main" } }).to_string()
}

/// A pull request of one commit, and the commit that merges it into `main`.
fn pull(forge: &Forge) -> (String, String) {
    forge.advance("main", 3);
    let author = forge.author();
    author.switch("feature");
    author.git(&["reset", "-q", "--hard", "main~2"]);
    let head = author.commit("x", "1", "Mine");
    author.push("feature");
    author.switch("merged");
    author.git(&["reset", "-q", "--hard", "main"]);
    let merge = author.merge("feature");
    author.push("merged");
    (head, merge)
}

#[tokio::test]
async fn a_pull_requests_merge_commit_is_compared_with_its_first_parent_without_a_network() {
    let forge = Forge::new();
    let (head, merge) = pull(&forge);
    let clone = checkout(&forge, &merge);
    let parent = forge.origin().id("main");
    forge.advance("main", 2);
    for event in [pull_request(&head), "{}".into()] {
        let github = runner(&forge, "pull_request", &merge, &event);
        let answer = ask(&clone, &Request { github, ..plain(&clone) }).await.unwrap();
        assert_eq!((answer.behind, answer.base.as_str(), answer.remote_url), (0, "main", None));
        assert_eq!(answer.base_commit, parent);
        assert!(answer.how.contains("its own first parent"), "{}", answer.how);
    }
    // The same commit is stale where nobody says that GitHub made it.
    assert_eq!(ask(&clone, &plain(&clone)).await.unwrap().behind, 2);
}

#[tokio::test]
async fn a_merge_that_the_author_made_is_compared_with_the_base_itself() {
    let forge = Forge::new();
    let (head, merge) = pull(&forge);
    forge.advance("main", 2);
    let clone = checkout(&forge, &merge);
    for (commit, event) in [(&merge, pull_request(&merge)), (&head, "{}".into())] {
        let github = runner(&forge, "pull_request", commit, &event);
        let answer = ask(&clone, &Request { github, ..plain(&clone) }).await.unwrap();
        assert_eq!((answer.behind, answer.base.as_str()), (2, "origin/main"));
    }
}

#[tokio::test]
async fn a_pull_requests_own_commit_is_compared_with_the_branch_it_goes_into() {
    let forge = Forge::new();
    let (head, merge) = pull(&forge);
    let clone = checkout(&forge, &head);
    let github = runner(&forge, "pull_request", &merge, &pull_request(&head));
    let default_branch = Some("merged".parse().unwrap());
    let answer = ask(&clone, &Request { github, default_branch, ..plain(&clone) }).await.unwrap();
    assert_eq!((answer.behind, answer.base.as_str()), (2, "origin/main"));
    assert!(answer.how.contains("GitHub will merge"), "{}", answer.how);
}

#[tokio::test]
async fn a_base_that_a_person_names_comes_before_githubs() {
    let forge = Forge::new();
    let (head, merge) = pull(&forge);
    let clone = checkout(&forge, &merge);
    forge.advance("main", 1);
    let github = runner(&forge, "pull_request", &merge, &pull_request(&head));
    let request = Request { github, base_branch: Some("main".parse().unwrap()), ..plain(&clone) };
    assert_eq!(ask(&clone, &request).await.unwrap().behind, 1);
}

#[tokio::test]
async fn a_merge_groups_commit_is_compared_with_the_groups_base() {
    let forge = Forge::new();
    let base = forge.origin().id("main");
    let author = forge.author();
    author.switch("queue");
    let one = author.commit("x", "1", "One");
    let two = author.commit("x", "2", "Two");
    author.push("queue");
    forge.advance("main", 2);
    // Its own parent: seen in the commit itself. Further below: fetched until it is seen.
    for (commit, base) in [(&two, &one), (&two, &base)] {
        let clone = checkout(&forge, commit);
        let github = runner(&forge, "merge_group", commit, &merge_group(base));
        let answer = ask(&clone, &Request { github, ..plain(&clone) }).await.unwrap();
        assert_eq!((answer.behind, answer.base.as_str()), (0, "main"));
        assert_eq!(&answer.base_commit, base);
        assert!(answer.how.contains("merge group"), "{}", answer.how);
        std::fs::remove_dir_all(clone.path()).unwrap();
    }
    let clone = checkout(&forge, &two);
    let github = runner(&forge, "merge_group", &two, &merge_group(&forge.origin().id("main")));
    let answer = ask(&clone, &Request { github, ..plain(&clone) }).await.unwrap();
    assert_eq!(subjects(&answer), ["Note 1", "Note 0"]);
}

#[tokio::test]
async fn a_merge_group_without_its_event_file_is_an_error() {
    let forge = Forge::new();
    let clone = forge.clone("clone", &[]);
    for event in ["{}", "no JSON", r#"{"merge_group":{"base_sha":"--all","base_ref":"refs/heads/main"}}"#] {
        let github = runner(&forge, "merge_group", &clone.id("HEAD"), event);
        let (text, hint) = refused(ask(&clone, &Request { github, ..plain(&clone) }).await);
        assert!(text.contains("event.json") && hint.contains("--base-ref"), "{text}\n{hint}");
    }
}
