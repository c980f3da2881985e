//! The sync's jobs, run.

use std::os::unix::fs::symlink;

use super::{
    COPIES, Printed, SCHEMA,
    job::{Job, Runner, is_owned},
    litellm, of_litellm, schema,
};
use crate::support::git::Forge;

const TOOL: &str = "\"$REAL_TOOL\" \"$@\"";

const SUBTITLE: &str = "  subtitle String?\n";
const BRANCH: &str = "feature/add-subtitle";

/// A pull request whose schema has changed and whose copies have not: the head's commit.
fn pull_request(forge: &Forge) -> String {
    let author = forge.author();
    author.switch(BRANCH);
    let head = author.commit(SCHEMA, &schema(SUBTITLE), "Add a subtitle");
    author.push(BRANCH);
    head
}

fn runner<'a>(forge: &'a Forge, branch: &str, head: &str) -> Runner<'a> {
    runner_with(forge, branch, head, TOOL)
}

fn runner_with<'a>(forge: &'a Forge, branch: &str, head: &str, tool: &str) -> Runner<'a> {
    let mut runner = Runner::new(forge, tool);
    runner.answer("false\n");
    for (name, value) in [
        ("github.event_name", "pull_request"),
        ("github.token", "ghs_secret"),
        ("github.event.pull_request.head.repo.full_name", "team/library"),
        ("github.event.pull_request.head.ref", branch),
        ("github.event.pull_request.head.sha", head),
        ("github.event.pull_request.base.sha", &forge.origin().id("main")),
        ("github.event.repository.default_branch", "main"),
    ] {
        runner.set(name, value);
    }
    runner
}

/// Both jobs; what became of the second, where it ran.
fn sync(runner: &mut Runner<'_>, workflow: &Printed) -> Option<Job> {
    let asked = runner.run(workflow, "branch").unwrap();
    assert!(asked.succeeded(), "{:?}", asked.steps);
    runner.run(workflow, "sync")
}

/// A pull request whose head is made by `prepare` from one that is out of step; the second job's end.
fn sync_of(prepare: impl Fn(&Forge)) -> (Forge, Job, String) {
    let (forge, (_, workflow)) = (litellm(), of_litellm());
    pull_request(&forge);
    prepare(&forge);
    let author = forge.author();
    author.git(&["add", "--all"]);
    author.git(&["commit", "-q", "--allow-empty", "-m", "Prepared"]);
    author.push(BRANCH);
    let head = author.id("HEAD");
    let mut runner = runner(&forge, BRANCH, &head);
    let job = sync(&mut runner, &workflow).unwrap();
    let calls = runner.calls("tool-calls");
    assert_eq!(forge.origin().id(BRANCH) == head, !job.succeeded() || job.step("Push the commit").is_none());
    (forge, job, calls)
}

#[test]
fn exactly_the_copies_are_committed_to_the_branch_and_nothing_is_fetched_again() {
    let (forge, (_, workflow)) = (litellm(), of_litellm());
    let head = pull_request(&forge);
    let mut runner = runner(&forge, BRANCH, &head);
    let job = sync(&mut runner, &workflow).unwrap();
    assert!(job.succeeded(), "{:?}", job.steps);
    assert_eq!(
        runner.calls("gh"),
        "api repos/team/library/branches/feature%2Fadd-subtitle --jq .protected\n"
    );
    let base = forge.origin().id("main");
    assert_eq!(runner.calls("tool-calls"), format!("--repo . sync --base {base} --format github\n"));
    assert!(!runner.has_fetched(), "{}", runner.calls("git"));

    let origin = forge.origin();
    assert_eq!(origin.id(&format!("{BRANCH}^")), head);
    let mut files: Vec<_> =
        origin.git(&["diff", "--name-only", &head, BRANCH]).lines().map(str::to_owned).collect();
    files.sort_by_key(|file| COPIES.iter().position(|copy| copy == file));
    assert_eq!(files, COPIES);
    for copy in COPIES {
        assert_eq!(origin.git(&["show", &format!("{BRANCH}:{copy}")]), schema(SUBTITLE).trim_end());
    }
    let author = origin.git(&["show", "-s", "--format=%an <%ae>", BRANCH]);
    assert_eq!(author, "github-actions[bot] <41898282+github-actions[bot]@users.noreply.github.com>");
}

#[test]
fn the_token_is_in_the_environment_of_the_push_alone() {
    let (forge, (_, workflow)) = (litellm(), of_litellm());
    let head = pull_request(&forge);
    let mut runner = runner(&forge, BRANCH, &head);
    let job = sync(&mut runner, &workflow).unwrap();
    // x-access-token:ghs_secret
    let credentials = "eC1hY2Nlc3MtdG9rZW46Z2hzX3NlY3JldA==";
    let environment = runner.calls("git-environment");
    assert!(
        environment.contains("GIT_CONFIG_KEY_0=http.https://github.example/.extraheader"),
        "{environment}"
    );
    assert_eq!(
        environment.matches(&format!("GIT_CONFIG_VALUE_0=AUTHORIZATION: basic {credentials}")).count(),
        1
    );
    let said: String =
        job.steps.iter().map(|(_, ended)| format!("{}{}", ended.stdout, ended.stderr)).collect();
    assert_eq!(said.matches(credentials).count(), 1, "only to have it masked");
    assert!(said.contains(&format!("::add-mask::{credentials}")));
    let config = std::fs::read_to_string(runner.file("workspace/.git/config")).unwrap();
    for text in [runner.calls("git"), runner.calls("cargo"), config, said.replace("add-mask::", "")] {
        assert!(!text.contains("ghs_secret") && !text.contains("extraheader"), "{text}");
    }
}

#[test]
fn where_the_copies_are_in_step_nothing_is_committed() {
    let (_, job, _) = sync_of(|forge| {
        for copy in COPIES {
            forge.author().write(copy, &schema(SUBTITLE));
        }
    });
    assert!(job.succeeded());
    assert!(job.step("Push the commit").is_none());
}

#[test]
fn its_own_commit_is_answered_with_nothing() {
    let (forge, (_, workflow)) = (litellm(), of_litellm());
    let head = pull_request(&forge);
    assert!(sync(&mut runner(&forge, BRANCH, &head), &workflow).unwrap().succeeded());
    let own = forge.origin().id(BRANCH);
    assert_ne!(own, head);

    for (tool, succeeds) in [(TOOL, true), ("echo again >>litellm/proxy/schema.prisma", false)] {
        std::fs::remove_dir_all(forge.path().join("runner")).unwrap();
        forge.origin().git(&["config", "--remove-section", "uploadpack"]);
        let job = sync(&mut runner_with(&forge, BRANCH, &own, tool), &workflow).unwrap();
        assert_eq!(job.succeeded(), succeeds, "{:?}", job.steps);
        assert!(job.step("Push the commit").is_none());
        assert_eq!(forge.origin().id(BRANCH), own);
    }
}

#[test]
fn forks_and_protected_branches_are_left_out() {
    let (forge, (_, workflow)) = (litellm(), of_litellm());
    let head = pull_request(&forge);
    for fork in ["somebody/library", ""] {
        let mut runner = runner(&forge, BRANCH, &head);
        runner.set("github.event.pull_request.head.repo.full_name", fork);
        assert!(runner.run(&workflow, "branch").is_none());
        assert!(runner.run(&workflow, "sync").is_none());
    }
    for (branch, answer, asked) in [
        ("release/1.2", "true", true),
        ("main", "false", false),
        ("litellm_internal_staging", "false", false),
    ] {
        let _ = std::fs::remove_file(forge.path().join("runner/gh"));
        let mut runner = runner(&forge, branch, &head);
        runner.answer(answer);
        assert!(sync(&mut runner, &workflow).is_none(), "{branch}");
        assert_eq!(!runner.calls("gh").is_empty(), asked, "{branch}");
    }
}

#[test]
fn without_a_clear_answer_nothing_is_pushed() {
    let (forge, (_, workflow)) = (litellm(), of_litellm());
    let head = pull_request(&forge);
    for answer in [Some("null"), Some(""), Some("false\ntrue"), None] {
        let mut runner = runner(&forge, BRANCH, &head);
        match answer {
            Some(answer) => runner.answer(answer),
            None => std::fs::remove_file(runner.file("gh-answer")).unwrap(),
        }
        assert_ne!(runner.run(&workflow, "branch").unwrap().last().code, 0, "{answer:?}");
        assert!(runner.run(&workflow, "sync").is_none(), "{answer:?}");
    }
}

#[test]
fn a_hostile_name_of_a_branch_does_nothing() {
    let (forge, (_, workflow)) = (litellm(), of_litellm());
    let head = pull_request(&forge);
    // Names that git lets somebody push, so that a pull request can have them.
    let real = [
        "x;touch${IFS}pwned",
        "$(touch${IFS}pwned)",
        "`touch${IFS}pwned`",
        "a&&touch${IFS}pwned",
        "'\"|x",
        "#1",
        "é",
    ];
    for name in real {
        forge.author().git(&["push", "-q", "origin", &format!("HEAD:refs/heads/{name}")]);
    }
    let others = [
        "x;touch pwned",
        "$(touch pwned)",
        "--upload-pack=touch pwned",
        "-x",
        "--",
        "a..b",
        "a/../b",
        "a.lock",
        "a//b",
        "a/",
        ".a",
        "@{-1}",
        "a\nb",
        "x\necho branch=main",
        "",
        "HEAD:main",
        "+main",
        "refs/heads/*",
        "a b",
    ];
    for name in real.into_iter().chain(others).chain([&*"a".repeat(201)]) {
        let mut runner = runner(&forge, name, &head);
        let job = runner.run(&workflow, "branch").unwrap();
        assert_eq!(job.last().code, 1, "{name:?}");
        assert!(runner.run(&workflow, "sync").is_none(), "{name:?}");
        assert!(runner.calls("gh").is_empty(), "{name:?}");
    }
    assert!(!is_owned(forge.path()));
}

#[test]
fn no_link_is_followed_wherever_it_stands() {
    let author = |forge: &Forge, link: &str, target: &str| {
        let author = forge.author();
        let place = author.file(link);
        match place.is_dir() {
            true => std::fs::remove_dir_all(&place).unwrap(),
            false => std::fs::remove_file(&place).unwrap(),
        }
        symlink(target, &place).unwrap();
    };
    let links = [
        ("litellm/proxy/schema.prisma", "../../schema.prisma"),
        ("litellm/proxy/schema.prisma", "/etc/hostname"),
        ("litellm/proxy/schema.prisma", "../../.git/config"),
        ("litellm/proxy", "../litellm-proxy-extras/litellm_proxy_extras"),
        ("litellm", "litellm-proxy-extras"),
        ("schema.prisma", "litellm/proxy/schema.prisma"),
    ];
    for (link, target) in links {
        let (_, job, calls) = sync_of(|forge| author(forge, link, target));
        assert_eq!(job.last().code, 1, "{link}");
        assert!(job.last().stdout.contains("is a symbolic link"), "{link}: {}", job.last().stdout);
        assert!(calls.is_empty(), "{link}");
    }
}

#[test]
fn what_is_not_a_copy_is_never_committed() {
    let (forge, (_, workflow)) = (litellm(), of_litellm());
    let head = pull_request(&forge);
    for damage in [
        "echo x >>schema.prisma",
        "echo x >new.txt",
        "mkdir -p .github/workflows; echo x >.github/workflows/x.yml",
    ] {
        let _ = std::fs::remove_dir_all(forge.path().join("runner"));
        let _ = forge.origin().git(&["config", "uploadpack.hideRefs", "none"]);
        let mut runner = runner_with(&forge, BRANCH, &head, &format!("{TOOL}\n{damage}"));
        let job = sync(&mut runner, &workflow).unwrap();
        assert_eq!(job.last().code, 1, "{damage}");
        assert!(job.last().stdout.contains("something besides the copies has changed"), "{damage}");
        assert_eq!(forge.origin().id(BRANCH), head);
    }
}

#[test]
fn what_somebody_wrote_into_a_copy_is_not_thrown_away() {
    let (forge, job, _) = sync_of(|forge| forge.author().write(COPIES[1], &schema("  pages Int?\n")));
    let ended = job.last();
    assert_eq!(ended.code, 4, "{}", ended.stdout);
    assert!(ended.stdout.contains(&format!("::error file={}", COPIES[1])), "{}", ended.stdout);
    assert!(!forge.origin().git(&["log", "--format=%s", BRANCH]).contains("Synchronise"));
}

#[test]
fn what_the_source_had_on_this_branch_or_its_base_may_go() {
    let (forge, (_, workflow)) = (litellm(), of_litellm());
    let author = forge.author();
    for path in [SCHEMA, COPIES[0], COPIES[1]] {
        author.write(path, &schema("  pages Int?\n"));
    }
    author.git(&["commit", "-q", "--all", "-m", "Count the pages"]);
    author.push("main");
    author.switch(BRANCH);
    let head = author.commit(SCHEMA, &schema(""), "Do not count them");
    author.push(BRANCH);
    let job = sync(&mut runner(&forge, BRANCH, &head), &workflow).unwrap();
    assert!(job.step("Push the commit").is_some(), "{:?}", job.steps);
    assert_eq!(forge.origin().git(&["show", &format!("{BRANCH}:{}", COPIES[0])]), schema("").trim_end());
}

#[test]
fn what_was_pushed_meanwhile_stays_and_a_deleted_branch_stays_deleted() {
    for is_deleted in [false, true] {
        let (forge, (_, workflow)) = (litellm(), of_litellm());
        let head = pull_request(&forge);
        let newer = forge.author().commit("more.txt", "1", "More");
        // While the job is at work: when it calls the tool.
        let meanwhile = match is_deleted {
            true => format!(
                "git -C '{}' update-ref -d refs/heads/{BRANCH}",
                forge.path().join("origin.git").display()
            ),
            false => format!(
                "\"$REAL_GIT\" -C '{}' push -q origin {BRANCH}",
                forge.path().join("author").display()
            ),
        };
        let mut runner = runner_with(&forge, BRANCH, &head, &format!("{TOOL}\n{meanwhile}"));
        let job = sync(&mut runner, &workflow).unwrap();
        assert_ne!(job.step("Push the commit").unwrap().code, 0, "{:?}", job.steps);
        let left =
            forge.origin().git(&["for-each-ref", "--format=%(objectname)", &format!("refs/heads/{BRANCH}")]);
        assert_eq!(left, if is_deleted { String::new() } else { newer });
    }
}

#[test]
fn it_works_where_the_files_belong_to_another_user() {
    let (forge, (_, workflow)) = (litellm(), of_litellm());
    let head = pull_request(&forge);
    let mut runner = runner(&forge, BRANCH, &head);
    runner.environment.push(("GIT_TEST_ASSUME_DIFFERENT_OWNER".into(), "1".into()));
    // The origin, elsewhere another machine, trusts itself.
    let system = runner.file("system-gitconfig");
    std::fs::write(&system, format!("[safe]\n\tdirectory = {}/origin.git\n", forge.path().display()))
        .unwrap();
    runner.environment.push(("GIT_CONFIG_SYSTEM".into(), system.display().to_string()));
    let job = sync(&mut runner, &workflow).unwrap();
    assert!(job.succeeded(), "{:?}", job.steps);
    let trusted = std::fs::read_to_string(runner.file("home/.gitconfig")).unwrap();
    assert_eq!(trusted.matches("directory =").count(), 1, "{trusted}");
    assert!(trusted.contains(&format!("directory = {}", runner.file("workspace").display())), "{trusted}");
}
