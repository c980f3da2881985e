//! Whole clones: what is missing, and what is said of it.

use super::*;
use crate::support::run::executable;

#[tokio::test]
async fn a_clone_that_has_everything_is_fresh() {
    let forge = Forge::new();
    let clone = forge.clone("clone", &[]);
    clone.commit("x", "1", "Mine");
    let answer = ask(&clone, &plain(&clone)).await.unwrap();
    assert!(!answer.is_stale());
    assert_eq!((answer.behind, answer.commits.len()), (0, 0));
    assert_eq!((answer.base.as_str(), answer.base_commit), ("origin/main", forge.origin().id("main")));
    assert_eq!(answer.remote_url, Some(forge.url()));
    assert!(answer.how.contains("the branch that the remote's HEAD names now"), "{}", answer.how);
}

#[tokio::test]
async fn commits_that_were_pushed_meanwhile_are_fetched_and_counted() {
    let forge = Forge::new();
    let clone = forge.clone("clone", &[]);
    clone.switch("feature");
    clone.commit("x", "1", "Mine");
    forge.advance("main", 3);
    let answer = ask(&clone, &plain(&clone)).await.unwrap();
    assert_eq!(answer.behind, 3);
    assert_eq!(subjects(&answer), ["Note 2", "Note 1", "Note 0"]);
    assert_eq!(clone.id("origin/main"), forge.origin().id("main"));
    let newest = &answer.commits[0];
    assert_eq!((newest.id.as_str(), newest.author.as_str()), (answer.base_commit.as_str(), "Tester"));
    assert_eq!(newest.date, "2026-01-01T00:05:00Z");
}

#[tokio::test]
async fn commits_that_touch_the_schema_come_first_with_their_files() {
    let forge = Forge::new();
    let clone = forge.clone("clone", &[]);
    let author = forge.author();
    author.commit("schema.prisma", "// 1\n", "Change the schema");
    author.commit("migrations/1_a/migration.sql", "SELECT 1;\n", "Add a migration");
    forge.advance("main", 2);
    let answer = ask(&clone, &plain(&clone)).await.unwrap();
    assert_eq!(subjects(&answer), ["Add a migration", "Change the schema", "Note 1", "Note 0"]);
    let files: Vec<_> = answer.commits.iter().map(|commit| commit.schema_files.join(" ")).collect();
    assert_eq!(files, ["migrations/1_a/migration.sql", "schema.prisma", "", ""]);
    assert_eq!(answer.commits.iter().filter(|commit| commit.touches_schema).count(), 2);
}

#[tokio::test]
async fn a_merged_branch_is_missing_with_its_merge_and_only_its_commit_touches_the_schema() {
    let forge = Forge::new();
    let clone = forge.clone("clone", &[]);
    let author = forge.author();
    author.switch("side");
    author.commit("schema.prisma", "// side\n", "Change the schema aside");
    author.switch("main");
    author.commit("y", "1", "Meanwhile");
    author.merge("side");
    author.push("main");
    let answer = ask(&clone, &plain(&clone)).await.unwrap();
    assert_eq!(answer.behind, 3);
    assert_eq!(subjects(&answer), ["Change the schema aside", "Merge side", "Meanwhile"]);
}

#[tokio::test]
async fn a_project_in_a_subdirectory_names_files_from_the_root_of_the_repository() {
    let forge = Forge::new();
    forge.author().commit("apps/api/schema.prisma", "// 0\n", "Move in");
    forge.author().push("main");
    let clone = forge.clone("clone", &[]);
    forge.author().commit("apps/api/schema.prisma", "// 1\n", "Change it");
    forge.author().commit("schema.prisma", "// 1\n", "Change another project's");
    forge.author().push("main");
    let project = clone.file("apps/api");
    let link = forge.path().join("link");
    std::os::unix::fs::symlink(&project, &link).unwrap();
    for directory in [project, link] {
        let request = Request { paths: vec![utf8(&directory.join("schema.prisma"))], ..Request::default() };
        let answer = ask_with(&directory, &request, &[], PATIENCE).await.unwrap();
        assert_eq!(subjects(&answer), ["Change it", "Change another project's"]);
        assert_eq!(answer.commits[0].schema_files, ["apps/api/schema.prisma"]);
        assert!(!answer.commits[1].touches_schema);
    }
}

#[tokio::test]
async fn hundreds_are_counted_exactly_and_the_one_that_matters_is_listed() {
    let forge = Forge::new();
    let clone = forge.clone("clone", &[]);
    let author = forge.author();
    author.commit("schema.prisma", "// 1\n", "Change the schema");
    forge.advance("main", 250);
    let answer = ask(&clone, &plain(&clone)).await.unwrap();
    assert_eq!((answer.behind, answer.commits.len()), (251, 200));
    assert_eq!(answer.commits[0].subject, "Change the schema");
    assert!(answer.commits[1..].iter().all(|commit| commit.subject.starts_with("Note")));
}

#[tokio::test]
async fn texts_of_others_cannot_fake_the_terminal() {
    let forge = Forge::new();
    let clone = forge.clone("clone", &[]);
    let author = forge.author();
    author.git(&["config", "user.name", "Mal\u{1b}[2Jlory"]);
    author.write("schema.prisma", "// 1\n");
    author.git(&["-c", "user.name=x", "commit", "-qam", "Up to date\u{1b}[1A\rhttps://me:pw@host/"]);
    author.push("main");
    let answer = ask(&clone, &plain(&clone)).await.unwrap();
    assert_eq!(answer.commits[0].subject, "Up to date\\u{1b}[1A\\u{d}https://***@host/");
}

#[tokio::test]
async fn a_detached_head_and_a_linked_work_tree_are_asked_like_any_other() {
    let forge = Forge::new();
    let clone = forge.clone("clone", &[]);
    clone.git(&["worktree", "add", "-q", "-b", "other", "../linked"]);
    clone.git(&["checkout", "-q", "--detach"]);
    forge.advance("main", 2);
    assert_eq!(ask(&clone, &plain(&clone)).await.unwrap().behind, 2);
    let linked = forge.repo("linked");
    assert_eq!(ask(&linked, &plain(&linked)).await.unwrap().behind, 2);
}

#[tokio::test]
async fn a_partial_clone_is_asked_like_any_other() {
    let forge = Forge::new();
    let clone = forge.clone("clone", &["--filter=blob:none"]);
    forge.author().commit("schema.prisma", "// 1\n", "Change the schema");
    forge.author().push("main");
    let answer = ask(&clone, &plain(&clone)).await.unwrap();
    assert_eq!((answer.behind, answer.commits[0].schema_files.len()), (1, 1));
}

#[tokio::test]
async fn a_submodule_is_asked_about_itself() {
    let forge = Forge::new();
    let outer = forge.repo("outer");
    forge.repo(".").git(&["init", "-q", "outer"]);
    outer.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &forge.url(), "inner"]);
    forge.advance("main", 1);
    let inner = forge.repo("outer/inner");
    assert_eq!(ask(&inner, &plain(&inner)).await.unwrap().behind, 1);
}

#[tokio::test]
async fn a_commit_that_is_here_is_compared_with_without_a_network() {
    let forge = Forge::new();
    let clone = forge.clone("clone", &[]);
    forge.advance("main", 2);
    clone.git(&["remote", "set-url", "origin", "file:///nonexistent"]);
    let request = Request { base_ref: Some("origin/main".parse().unwrap()), ..plain(&clone) };
    let answer = ask(&clone, &request).await.unwrap();
    assert_eq!((answer.behind, answer.base.as_str(), answer.remote_url), (0, "origin/main", None));
    assert!(answer.how.contains("nothing was fetched"), "{}", answer.how);
    clone.commit("x", "1", "Mine");
    clone.git(&["checkout", "-q", "HEAD~1"]);
    let request = Request { base_ref: Some("main".parse().unwrap()), ..plain(&clone) };
    assert_eq!(subjects(&ask(&clone, &request).await.unwrap()), ["Mine"]);
}

#[tokio::test]
async fn a_hook_that_asks_is_answered_about_the_directory_it_names() {
    let forge = Forge::new();
    let clone = forge.clone("clone", &[]);
    let decoy = forge.repo("decoy");
    forge.repo(".").git(&["init", "-q", "decoy"]);
    forge.advance("main", 1);
    let git_dir = decoy.file(".git");
    let extra = [
        ("GIT_DIR", git_dir.to_str().unwrap()),
        ("GIT_INDEX_FILE", "/nonexistent/index"),
        ("GIT_PREFIX", "x/"),
    ];
    let answer = ask_with(clone.path(), &plain(&clone), &extra, PATIENCE).await.unwrap();
    assert_eq!(answer.behind, 1);
}

#[tokio::test]
async fn no_hook_runs_and_no_maintenance_starts() {
    let forge = Forge::new();
    let clone = forge.clone("clone", &[]);
    let sign = clone.file("ran");
    for hook in ["reference-transaction", "post-merge", "pre-auto-gc", "post-checkout"] {
        let script = format!("#!/bin/sh\ntouch {}\n", sign.display());
        executable(&clone.file(&format!(".git/hooks/{hook}")), script.as_bytes());
    }
    clone.git(&["config", "gc.auto", "1"]);
    clone.git(&["config", "maintenance.auto", "true"]);
    clone.git(&["config", "fetch.prune", "true"]);
    clone.git(&["update-ref", "refs/remotes/origin/gone", "HEAD"]);
    let _ = std::fs::remove_file(&sign);
    forge.author().git(&["tag", "v1"]);
    forge.advance("main", 1);
    forge.author().push("v1");
    assert_eq!(ask(&clone, &plain(&clone)).await.unwrap().behind, 1);
    assert!(!sign.exists());
    assert!(!clone.file(".git/gc.log").exists());
    clone.id("refs/remotes/origin/gone");
}

#[tokio::test]
async fn fetches_at_once_from_two_work_trees_do_not_fail_each_other() {
    let forge = Forge::new();
    let clone = forge.clone("clone", &["--depth=1"]);
    clone.git(&["worktree", "add", "-q", "-b", "other", "../linked"]);
    forge.advance("main", 30);
    let linked = forge.repo("linked");
    let (one, other) = (plain(&clone), plain(&linked));
    let limit = PATIENCE;
    let (one, other) =
        tokio::join!(ask_with(clone.path(), &one, &[], limit), ask_with(linked.path(), &other, &[], limit));
    assert_eq!((one.unwrap().behind, other.unwrap().behind), (30, 30));
}
