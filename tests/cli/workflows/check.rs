//! The check's steps, run.

use super::{COPIES, MIGRATION, MIGRATIONS, REPOSITORY, REVISION, job::Runner, litellm, of_litellm, schema};
use crate::support::git::Forge;

/// The tool, told to leave out what needs a database; one test asks for that, too.
const TOOL: &str = "exec \"$REAL_TOOL\" \"$@\" --no-database";
const WHOLE_TOOL: &str = "exec \"$REAL_TOOL\" \"$@\"";

/// A pull request from `topic` into `main`, and the commit that GitHub makes to try the merge.
pub(super) struct PullRequest {
    head: String,
    base: String,
    trial: String,
}

pub(super) fn pull_request(forge: &Forge) -> PullRequest {
    pull_request_with(forge, || {})
}

/// The same with what `change` does to the author's files.
fn pull_request_with(forge: &Forge, change: impl FnOnce()) -> PullRequest {
    let author = forge.author();
    author.switch("topic");
    change();
    author.git(&["add", "--all"]);
    let head = author.commit("topic.txt", "1", "Topic");
    author.push("topic");
    author.switch("main");
    let base = author.commit("main.txt", "1", "Meanwhile on main");
    author.push("main");
    author.switch("trial");
    let trial = author.merge("topic");
    author.git(&["push", "-q", "origin", "trial:refs/pull/1/merge"]);
    PullRequest { head, base, trial }
}

fn runner<'a>(forge: &'a Forge, pull_request: &PullRequest) -> Runner<'a> {
    runner_with(forge, pull_request, TOOL)
}

pub(super) fn runner_with<'a>(forge: &'a Forge, pull_request: &PullRequest, tool: &str) -> Runner<'a> {
    let mut runner = Runner::new(forge, tool);
    runner.set("github.event_name", "pull_request");
    runner.set("github.sha", &pull_request.trial);
    runner.set("github.event.pull_request.head.sha", &pull_request.head);
    runner
}

#[test]
fn a_pull_request_is_checked_against_the_base_as_it_is_now_without_another_fetch() {
    let (forge, (check, _)) = (litellm(), of_litellm());
    let pull_request = pull_request(&forge);
    let mut runner = runner(&forge, &pull_request);
    let job = runner.run(&check, "check").unwrap();
    assert!(job.succeeded(), "{:?}", job.steps);
    assert_eq!(
        runner.calls("tool-calls"),
        format!("--repo . check --base {} --format github\n", pull_request.base)
    );
    let said = &job.last().stderr;
    assert!(said.contains("freshness   left out") && said.contains("history     passed"), "{said}");
    assert!(runner.calls("summary").contains("| history | passed |"), "{}", runner.calls("summary"));
    assert!(!runner.has_fetched() && runner.calls("gh").is_empty());
    assert!(!std::fs::read_to_string(runner.file("workspace/.git/config")).unwrap().contains("extraheader"));
}

#[test]
fn the_tool_is_built_from_the_pin_and_outside_of_the_workspace() {
    let (forge, (check, _)) = (litellm(), of_litellm());
    let mut runner = runner(&forge, &pull_request(&forge));
    runner.run(&check, "check").unwrap();
    let temp = runner.file("temp").display().to_string();
    assert_eq!(
        runner.calls("cargo"),
        format!(
            "{temp}: install --locked --git {REPOSITORY} --rev {REVISION} --root {temp}/run-migration run-migration\n"
        )
    );
}

#[test]
fn without_a_pin_nothing_is_built() {
    let (forge, (mut check, _)) = (litellm(), of_litellm());
    for (key, value) in [
        ("TOOL_REPOSITORY", ""),
        ("TOOL_REVISION", ""),
        ("TOOL_REVISION", "main"),
        ("TOOL_REPOSITORY", "git://x"),
    ] {
        let before = check.yaml["env"][key].clone();
        check.yaml["env"][key] = value.into();
        let mut runner = Runner::new(&forge, TOOL);
        runner.set("github.event_name", "pull_request");
        let job = runner.run(&check, "check").unwrap();
        assert_eq!((job.steps.len(), job.last().code), (1, 1), "{key}");
        assert!(job.last().stdout.contains("fill in TOOL_REPOSITORY and TOOL_REVISION"), "{key}");
        assert!(runner.calls("cargo").is_empty());
        check.yaml["env"][key] = before;
    }
}

#[test]
fn every_gate_is_asked_and_a_pull_request_with_nothing_against_it_passes() {
    let (forge, (check, _)) = (litellm(), of_litellm());
    let mut runner = runner_with(&forge, &pull_request(&forge), WHOLE_TOOL);
    let job = runner.run(&check, "check").unwrap();
    assert!(job.succeeded(), "{:?}", job.steps);
    assert!(runner.calls("summary").contains("| replay | passed |"), "{}", runner.calls("summary"));
}

#[test]
fn a_refusal_fails_the_job_and_stands_at_its_file() {
    let (forge, (check, _)) = (litellm(), of_litellm());
    let pull_request = pull_request_with(&forge, || {
        forge.author().write(COPIES[0], &schema("  subtitle String?\n"));
        std::fs::remove_dir_all(forge.author().file(MIGRATIONS).join(MIGRATION)).unwrap();
    });
    let mut runner = runner(&forge, &pull_request);
    let job = runner.run(&check, "check").unwrap();
    let ended = job.last();
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    for part in [
        format!("::error file={},line=", COPIES[0]),
        format!("::error file={MIGRATIONS}/{MIGRATION}"),
        format!("title=migration_deleted%3A {MIGRATION}::"),
    ] {
        assert!(ended.stdout.contains(&part), "{part} is missing in\n{}", ended.stdout);
    }
    assert!(!runner.has_fetched());
}

#[test]
fn a_commit_that_is_no_trial_merge_of_the_head_is_not_checked() {
    let (forge, (check, _)) = (litellm(), of_litellm());
    let pull_request = pull_request(&forge);
    let other = PullRequest { head: pull_request.base.clone(), ..pull_request };
    let mut runner = runner(&forge, &other);
    let job = runner.run(&check, "check").unwrap();
    assert_eq!(job.last().code, 1);
    assert!(job.last().stdout.contains("push again"), "{}", job.last().stdout);
    assert!(runner.calls("tool-calls").is_empty());
}

#[test]
fn a_head_alone_is_not_checked_either() {
    let (forge, (check, _)) = (litellm(), of_litellm());
    let pull_request = pull_request(&forge);
    let mut runner = runner(&forge, &pull_request);
    runner.set("github.sha", &pull_request.head);
    // Not even where the event names no head.
    runner.set("github.event.pull_request.head.sha", "");
    assert_eq!(runner.run(&check, "check").unwrap().last().code, 1);
    assert!(runner.calls("tool-calls").is_empty());
}

#[test]
fn a_merge_group_is_checked_against_its_own_base() {
    let (forge, (check, _)) = (litellm(), of_litellm());
    let pull_request = pull_request(&forge);
    let mut runner = runner(&forge, &pull_request);
    runner.set("github.event_name", "merge_group");
    runner.set("github.event.pull_request.head.sha", "");
    runner.set("github.event.merge_group.base_sha", &pull_request.base);
    assert!(runner.run(&check, "check").unwrap().succeeded());
    assert!(runner.calls("tool-calls").contains(&format!("--base {} ", pull_request.base)));
}

#[test]
fn another_event_has_no_base() {
    let (forge, (check, _)) = (litellm(), of_litellm());
    let mut runner = runner(&forge, &pull_request(&forge));
    runner.set("github.event_name", "push");
    assert_eq!(runner.run(&check, "check").unwrap().last().code, 1);
    assert!(runner.calls("tool-calls").is_empty());
}

#[test]
fn it_works_where_the_files_belong_to_another_user() {
    for is_trusted in [false, true] {
        let (forge, (mut check, _)) = (litellm(), of_litellm());
        if !is_trusted {
            let steps = check.yaml["jobs"]["check"]["steps"].as_array_mut().unwrap();
            steps.retain(|step| step["name"] != "Trust the checkout");
        }
        let mut runner = runner(&forge, &pull_request(&forge));
        runner.environment.push(("GIT_TEST_ASSUME_DIFFERENT_OWNER".into(), "1".into()));
        let job = runner.run(&check, "check").unwrap();
        assert_eq!(job.succeeded(), is_trusted, "{:?}", job.steps);
        assert_eq!(job.last().stderr.contains("dubious ownership"), !is_trusted, "{}", job.last().stderr);
    }
}
