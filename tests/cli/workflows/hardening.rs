//! Each point of the hardening, read from the YAML, and said in a comment.

use serde_json::{Value, json};

use super::{COPIES, Printed, of_litellm, steps};

fn both() -> [Printed; 2] {
    let (check, sync) = of_litellm();
    [check, sync]
}

/// Every step of every job.
fn all_steps(yaml: &Value) -> Vec<&Value> {
    yaml["jobs"].as_object().unwrap().keys().flat_map(|job| steps(yaml, job)).collect()
}

fn scripts(yaml: &Value) -> Vec<&str> {
    all_steps(yaml).into_iter().filter_map(|step| step["run"].as_str()).collect()
}

/// The comments of a document, on one line.
fn comments(text: &str) -> String {
    let comments = text.lines().filter_map(|line| line.trim().strip_prefix('#'));
    comments.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn says(printed: &Printed, parts: &[&str]) {
    let comments = comments(&printed.text);
    for part in parts {
        assert!(comments.contains(part), "no comment says {part:?} in\n{comments}");
    }
}

#[test]
fn actions_are_pinned_by_the_full_hash_of_a_commit() {
    for printed in both() {
        let used: Vec<_> =
            printed.text.lines().filter_map(|line| line.trim().strip_prefix("uses: ")).collect();
        assert!(!used.is_empty());
        for action in used {
            let (name, version) = action.split_once(" # v").unwrap();
            let (_, hash) = name.split_once('@').unwrap();
            assert!(hash.len() == 40 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{action}");
            assert!(version.split('.').count() == 3, "{action}");
        }
        says(&printed, &["Pinned by the full hash of a commit: a tag can be moved."]);
    }
}

#[test]
fn the_check_runs_for_every_pull_request_and_every_merge_group() {
    let (check, _) = of_litellm();
    let on = check.yaml["on"].as_object().unwrap();
    assert_eq!(on.keys().collect::<Vec<_>>(), ["pull_request", "merge_group"]);
    assert_eq!(on["pull_request"], json!({ "types": ["opened", "reopened", "synchronize", "edited"] }));
    assert!(on["merge_group"].is_null());
    assert!(check.yaml["jobs"]["check"]["if"].is_null(), "a skipped job counts as one that passed");
    says(&check, &["Every pull request, without a filter on paths", "moved to another base"]);
}

#[test]
fn nothing_runs_for_a_fork_with_rights_of_this_repository() {
    let (check, sync) = of_litellm();
    for printed in [&check, &sync] {
        for event in ["pull_request_target", "workflow_run", "issue_comment", "push"] {
            assert!(printed.yaml["on"][event].is_null(), "{event}");
        }
    }
    let condition = &sync.yaml["jobs"]["branch"]["if"];
    assert_eq!(*condition, "${{ github.event.pull_request.head.repo.full_name == github.repository }}");
    assert_eq!(sync.yaml["jobs"]["sync"]["needs"], "branch");
    assert_eq!(sync.yaml["jobs"]["sync"]["if"], "${{ needs.branch.outputs.branch != '' }}");
    says(&sync, &["Forks are left out", "never `pull_request_target`"]);
}

#[test]
fn permissions_are_the_least() {
    let (check, sync) = of_litellm();
    for printed in [&check, &sync] {
        assert_eq!(printed.yaml["permissions"], json!({}));
        says(printed, &["Nothing for anybody"]);
    }
    assert_eq!(check.yaml["jobs"]["check"]["permissions"], json!({ "contents": "read" }));
    assert_eq!(sync.yaml["jobs"]["branch"]["permissions"], json!({ "contents": "read" }));
    assert_eq!(sync.yaml["jobs"]["sync"]["permissions"], json!({ "contents": "write" }));
    assert_eq!(sync.yaml["jobs"].as_object().unwrap().len(), 2);
    assert_eq!(check.yaml["jobs"].as_object().unwrap().len(), 1);
}

#[test]
fn no_secret_but_the_default_token_and_that_only_where_it_is_needed() {
    let (check, sync) = of_litellm();
    for printed in [&check, &sync] {
        assert!(!printed.text.contains("secrets."));
    }
    assert!(!check.text.contains("token }}"));
    let holders: Vec<_> = all_steps(&sync.yaml)
        .into_iter()
        .filter(|step| step.to_string().contains("github.token"))
        .map(|step| step["name"].as_str().unwrap())
        .collect();
    assert_eq!(holders, ["Ask about the branch", "Push the commit"]);
    says(
        &check,
        &["No secret", "the token is left in no file"]
            .map(|part| if part == "No secret" { "there is no secret" } else { part }),
    );
    says(
        &sync,
        &["The default token; no other secret takes part.", "it stands in no file and in no argument"],
    );
}

#[test]
fn a_commit_is_checked_out_with_all_of_history_and_no_credentials() {
    let (check, sync) = of_litellm();
    for (printed, job, commit) in
        [(&check, "check", "${{ github.sha }}"), (&sync, "sync", "${{ github.event.pull_request.head.sha }}")]
    {
        let checkouts: Vec<_> =
            steps(&printed.yaml, job).iter().filter(|step| !step["uses"].is_null()).collect();
        assert_eq!(checkouts.len(), 1);
        assert_eq!(
            checkouts[0]["with"],
            json!({ "ref": commit, "fetch-depth": 0, "persist-credentials": false })
        );
        says(printed, &["By commit, not by", "All of history"]);
    }
    says(&check, &["nothing has to be fetched a second time", "GitHub's trial merge"]);
}

#[test]
fn no_script_has_an_expression_in_it() {
    for printed in both() {
        for script in scripts(&printed.yaml) {
            assert!(!script.contains("${{"), "{script}");
        }
        says(&printed, &["through the environment, never into the text of the"]);
    }
}

#[test]
fn every_job_has_an_end_and_a_newer_push_takes_its_place() {
    for printed in both() {
        for (name, job) in printed.yaml["jobs"].as_object().unwrap() {
            assert!((1..=60).contains(&job["timeout-minutes"].as_u64().unwrap()), "{name}");
        }
        let group = printed.yaml["concurrency"]["group"].as_str().unwrap();
        assert!(
            group.starts_with("run-migration-") && group.contains("github.event.pull_request.number"),
            "{group}"
        );
        assert_eq!(printed.yaml["concurrency"]["cancel-in-progress"], true);
        assert_eq!(printed.yaml["defaults"]["run"]["shell"], "bash");
    }
}

#[test]
fn the_tool_is_installed_in_one_marked_step_before_the_checkout() {
    for (printed, job) in both().iter().zip(["check", "sync"]) {
        let steps = steps(&printed.yaml, job);
        let names: Vec<_> = steps.iter().map(|step| step["name"].as_str().unwrap()).collect();
        assert_eq!(names[0], "Install run-migration");
        assert!(steps[1]["uses"].as_str().unwrap().starts_with("actions/checkout@"));
        let installing =
            scripts(&printed.yaml).iter().filter(|script| script.contains("cargo install")).count();
        assert_eq!(installing, 1);
        let script = steps[0]["run"].as_str().unwrap();
        assert!(
            script.contains("cargo install --locked --git \"$TOOL_REPOSITORY\" --rev \"$TOOL_REVISION\"")
        );
        assert!(script.starts_with("cd -- \"$RUNNER_TEMP\"\n"));
        says(printed, &["How the runner gets run-migration: this step and no other."]);
    }
}

#[test]
fn exactly_this_checkout_is_trusted() {
    for (printed, job) in both().iter().zip(["check", "sync"]) {
        assert_eq!(
            steps(&printed.yaml, job)[2]["run"],
            "git config --global --fixed-value --replace-all safe.directory \"$GITHUB_WORKSPACE\" \"$GITHUB_WORKSPACE\""
        );
        assert!(!printed.text.contains("safe.directory '*'"));
        says(printed, &["\"dubious ownership\""]);
    }
}

#[test]
fn the_sync_stages_its_copies_and_says_what_it_leaves_out() {
    let (_, sync) = of_litellm();
    let adding: Vec<_> = scripts(&sync.yaml)
        .into_iter()
        .flat_map(str::lines)
        .map(str::trim)
        .filter(|line| line.starts_with("git ") && line.contains(" add "))
        .collect();
    assert_eq!(adding, ["git --literal-pathspecs add --all -- \"${copies[@]}\""]);
    assert_eq!(steps(&sync.yaml, "sync")[3]["env"]["COPIES"], COPIES.join("\n"));
    says(
        &sync,
        &[
            "Every protected branch is left out, whatever its name.",
            "Where there is no clear answer, nothing is pushed.",
            "No symbolic link",
            "Exactly the copies are committed.",
            "No loop",
            "what was pushed meanwhile is not overwritten",
        ],
    );
}
