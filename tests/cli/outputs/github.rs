//! Workflow commands.

use camino::Utf8PathBuf;
use run_migration::{
    finding::{Consent, Finding, Severity},
    outcome::Outcome,
    report::{
        Report,
        gates::{Stopped, Verdict},
        github,
    },
};

use super::{
    NASTY, finding, gates, nasty_report, report,
    runner::{Obeyed, obeyed},
    stale,
};
use crate::support::{
    git::Forge,
    run::{run, tool},
};

fn names(commands: &[Obeyed]) -> Vec<&str> {
    commands.iter().map(|command| command.name.as_str()).collect()
}

#[test]
fn a_finding_is_shown_at_its_file_and_line() {
    let found =
        obeyed(&github::render(&report(Outcome::RefusedDestructive, vec![finding(Severity::Refuse)])));
    let [Obeyed { name, properties, data }] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(name, "error");
    assert_eq!(properties["file"], "prisma/migrations/20260101000000_a/migration.sql");
    assert_eq!((properties["line"].as_str(), properties["col"].as_str()), ("3", "5"));
    assert_eq!(properties["title"], "drop_column: widget.colour");
    assert_eq!(data, "the column's values are lost\nInstead: keep it for one release");
}

#[test]
fn files_are_named_from_the_root_of_the_repository() {
    let nested = Report {
        prefix: "services/a".into(),
        ..report(Outcome::RefusedDestructive, vec![finding(Severity::Refuse)])
    };
    let found = obeyed(&github::render(&nested));
    assert!(found[0].properties["file"].starts_with("services/a/prisma/migrations/"), "{found:?}");
}

#[test]
fn the_tool_names_a_file_of_a_project_below_the_root_from_the_root() {
    let forge = Forge::new();
    let author = forge.author();
    author.write("apps/a/run-migration.toml", "schema = \"schema.prisma\"\ncopies = [\"copy.prisma\"]\n");
    author.write("apps/a/schema.prisma", "model A {\n  id Int @id\n}\n");
    author.write("apps/a/copy.prisma", "model A {\n  no Int @id\n}\n");
    for (directory, args) in [("apps/a", &[][..]), (".", &["--repo", "apps/a"])] {
        let args = [args, &["sync", "--check", "--format", "github"]].concat();
        let found = obeyed(&run(&author.file(directory), &args).expect(4).stdout);
        let properties = &found[0].properties;
        assert_eq!((properties["file"].as_str(), properties["line"].as_str()), ("apps/a/copy.prisma", "2"));
    }
}

#[test]
fn the_severity_decides_the_command_and_the_worst_comes_first() {
    let allowed = Finding {
        allowed: Some(Consent { by: "--allow-destructive", reason: None }),
        ..finding(Severity::Refuse)
    };
    let findings = vec![finding(Severity::Info), allowed, finding(Severity::Warn), finding(Severity::Refuse)];
    let found = obeyed(&github::render(&report(Outcome::RefusedDestructive, findings)));
    assert_eq!(names(&found), ["error", "notice", "warning", "notice"]);
    assert!(found[1].data.ends_with("Allowed by --allow-destructive"), "{found:?}");
}

#[test]
fn a_failure_and_a_stale_branch_are_errors_without_a_file() {
    let failed = Report {
        error: Some("no base".into()),
        hint: Some("name one".into()),
        ..report(Outcome::Failed, Vec::new())
    };
    let found = obeyed(&github::render(&failed));
    assert_eq!((names(&found), found[0].data.as_str()), (vec!["error"], "no base\nname one"));
    let found = obeyed(&github::render(&stale()));
    assert_eq!((names(&found), found[0].properties["title"].as_str()), (vec!["error"], "STALE BRANCH"));
    assert!(found[0].data.contains("behind origin/main by 2 commits\nAI AGENTS / ASSISTANTS:"), "{found:?}");
    assert!(github::render(&report(Outcome::Passed, Vec::new())).is_empty());
}

#[test]
fn a_gate_that_stops_the_run_without_a_finding_is_an_error() {
    let report = Report {
        error: Some("replay: no server".into()),
        hint: Some("install one".into()),
        ..gates(&[
            ("freshness", Verdict::Stopped(Stopped::RefusedStale), "HEAD is behind"),
            ("copies", Verdict::Passed, "2 copies"),
            ("guard", Verdict::Stopped(Stopped::Failed), "no base\n::error::x"),
            ("replay", Verdict::Stopped(Stopped::Failed), "no server"),
        ])
    };
    let found = obeyed(&github::render(&report));
    assert_eq!(names(&found), ["error"; 3], "{found:?}");
    assert!(found[0].data.starts_with("HEAD is behind\n"), "{found:?}");
    assert_eq!(found[1].properties["title"], "run-migration check, gate guard");
    assert_eq!(found[2].data, "no server\ninstall one");
}

#[test]
fn no_name_and_no_text_becomes_a_command() {
    for nasty in NASTY {
        let found = obeyed(&github::render(&nasty_report(nasty)));
        assert_eq!(names(&found), ["error", "notice"], "{nasty:?}");
        let properties = &found[1].properties;
        assert_eq!(properties["file"], nasty, "a file is still that file");
        assert_eq!(properties["title"], format!("drop_column: {nasty}"));
        assert_eq!((properties.len(), properties["line"].as_str()), (4, "3"), "{nasty:?}");
    }
}

#[test]
fn what_people_read_in_a_log_is_no_command_either() {
    for nasty in NASTY {
        for text in [nasty.to_owned(), format!("  \t{nasty}\n    {nasty}\n")] {
            assert_eq!(obeyed(&github::harmless(&text)), [], "{text:?}");
        }
        let json = github::harmless_json(&serde_json::to_string(nasty).unwrap());
        assert_eq!(obeyed(&json), [], "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), nasty);
    }
    let plain = "\u{1b}[31mOUT OF SYNC\u{1b}[0m\n  refuse  migration_edited  20260101000000_a\n\tSELECT 'a'::text;\r\n";
    assert_eq!(github::harmless(plain), plain);
    assert_eq!(github::harmless("a\n ::error::x\n"), "a\n |::error::x\n");
}

#[test]
fn a_long_text_is_cut() {
    let long = Finding { object: "x".repeat(1_000), why: "y".repeat(100_000), ..finding(Severity::Warn) };
    let found = obeyed(&github::render(&report(Outcome::Passed, vec![long])));
    assert!(found[0].properties["title"].chars().count() <= 255);
    assert!(found[0].data.len() < 10_000 && found[0].data.ends_with('…'));
}

#[test]
fn the_tool_writes_commands_and_the_summary() {
    let directory = tempfile::tempdir().unwrap();
    let summary = directory.path().join("summary.md");
    std::fs::write(&summary, "before\n").unwrap();
    let mut command =
        tool(directory.path(), &["ci", "github", "--tool-revision", "::add-mask::x", "--format", "github"]);
    let output = command.env("GITHUB_STEP_SUMMARY", &summary).output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    let (stdout, stderr) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    let found = obeyed(&stdout);
    assert_eq!(names(&found), ["error"], "{stdout}");
    assert!(found[0].data.contains("the full hash of a commit is needed"), "{stdout}");
    assert_eq!(obeyed(&stderr), [], "{stderr}");
    let written = std::fs::read_to_string(&summary).unwrap();
    assert!(written.starts_with("before\n## run-migration usage: usage error\n"), "{written}");
}

#[test]
fn in_a_job_no_stream_carries_a_command_that_was_not_meant() {
    let directory = tempfile::tempdir().unwrap();
    let hostile =
        Utf8PathBuf::from_path_buf(directory.path().join("a\n::add-mask::x ##[add-mask]y")).unwrap();
    for format in ["human", "json", "sarif"] {
        let mut command =
            tool(directory.path(), &["--repo", hostile.as_str(), "ci", "github", "--format", format]);
        let output = command.env("GITHUB_ACTIONS", "true").output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        for stream in [output.stdout, output.stderr] {
            let stream = String::from_utf8(stream).unwrap();
            assert_eq!(obeyed(&stream), [], "{format}: {stream}");
        }
    }
}
