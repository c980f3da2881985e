//! SARIF, held against the standard's own schema.

use run_migration::{
    finding::{Consent, Finding, Severity},
    outcome::{Interrupt, Outcome},
    report::{Report, sarif},
};
use serde_json::Value;

use super::{NASTY, finding, nasty_report, report, stale};
use crate::support::{git::Forge, run::run};

const SCHEMA: &str = include_str!("../../fixtures/sarif-schema-2.1.0.json");

/// The schema. One pattern of it (of languages, which are not written here) has a bracket that only lenient readers
/// of patterns take for a letter; for strict ones it is marked as one.
fn validator() -> jsonschema::Validator {
    let (lenient, strict) = ("-[a-zA-Z]{2}]?$", r"-[a-zA-Z]{2}\\]?$");
    assert!(SCHEMA.contains(lenient));
    let schema: Value = serde_json::from_str(&SCHEMA.replace(lenient, strict)).unwrap();
    jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
}

/// The one run of a log that the schema has nothing against.
#[track_caller]
fn valid(log: &str) -> Value {
    let log: Value = serde_json::from_str(log).unwrap();
    let complaints: Vec<_> =
        validator().iter_errors(&log).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(complaints.is_empty(), "{complaints:#?}\n{log:#}");
    log["runs"][0].clone()
}

#[track_caller]
fn results(report: &Report) -> Vec<Value> {
    valid(&sarif::render(report))["results"].as_array().unwrap().clone()
}

fn fingerprint(result: &Value) -> &str {
    result["partialFingerprints"]["primaryLocationLineHash"].as_str().unwrap()
}

#[test]
fn the_schema_can_say_no() {
    let mut log: Value = serde_json::from_str(&sarif::render(&report(Outcome::Passed, Vec::new()))).unwrap();
    log["runs"][0]["invocations"][0]["exitCode"] = "four".into();
    assert!(!validator().is_valid(&log));
}

#[test]
fn a_finding_has_its_level_its_place_and_its_rule() {
    let findings = vec![finding(Severity::Refuse), finding(Severity::Warn), finding(Severity::Info)];
    let run = valid(&sarif::render(&report(Outcome::RefusedDestructive, findings)));
    let levels: Vec<_> =
        run["results"].as_array().unwrap().iter().map(|result| result["level"].as_str().unwrap()).collect();
    assert_eq!(levels, ["error", "warning", "note"]);
    let place = &run["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "prisma/migrations/20260101000000_a/migration.sql");
    assert_eq!(place["artifactLocation"]["uriBaseId"], "%SRCROOT%");
    assert_eq!((&place["region"]["startLine"], &place["region"]["startColumn"]), (&3.into(), &5.into()));
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    assert_eq!((rules.len(), &rules[0]["id"]), (1, &"drop_column".into()));
    assert_eq!(rules[0]["shortDescription"]["text"], "Drop column.");
    assert_eq!(rules[0]["defaultConfiguration"]["level"], "error");
    let text = |field: &str, form: &str| rules[0][field][form].as_str().unwrap().to_owned();
    assert!(text("fullDescription", "text").starts_with("DROP COLUMN, with or without"), "{rules:#?}");
    assert!(text("help", "text").contains("\n\nInstead: "), "{rules:#?}");
    assert!(text("help", "markdown").starts_with("## drop_column\n"), "{rules:#?}");
    assert!(rules[0].get("helpUri").is_none());
    assert_eq!(run["invocations"][0]["executionSuccessful"], true);
    assert_eq!(run["invocations"][0]["exitCode"], 2);
}

#[test]
fn a_run_without_a_finding_is_valid_and_so_is_one_that_failed() {
    assert_eq!(results(&report(Outcome::Passed, Vec::new())), [] as [Value; 0]);
    for outcome in [Outcome::Failed, Outcome::UsageError, Outcome::Interrupted(Interrupt::Terminate)] {
        let failed = Report {
            error: Some("no base".into()),
            hint: Some("name one".into()),
            ..report(outcome, vec![finding(Severity::Warn)])
        };
        let run = valid(&sarif::render(&failed));
        let invocation = &run["invocations"][0];
        assert_eq!(invocation["executionSuccessful"], false);
        assert_eq!(invocation["exitCode"], outcome.exit_code());
        assert_eq!(invocation["toolExecutionNotifications"][0]["message"]["text"], "no base\nname one");
    }
    let run = valid(&sarif::render(&stale()));
    let told = &run["invocations"][0]["toolExecutionNotifications"][0];
    assert_eq!(told["message"]["text"], "HEAD is behind origin/main by 2 commits");
    assert_eq!(run["invocations"][0]["executionSuccessful"], true);
}

#[test]
fn what_a_human_allowed_is_suppressed_and_says_why() {
    let allowed = |by, reason: Option<&str>| Finding {
        allowed: Some(Consent { by, reason: reason.map(str::to_owned) }),
        ..finding(Severity::Refuse)
    };
    let findings = vec![
        allowed("waiver", Some("empty table")),
        allowed("--allow-destructive", None),
        finding(Severity::Warn),
    ];
    let results = results(&report(Outcome::Passed, findings));
    assert_eq!(results[0]["suppressions"][0]["kind"], "inSource");
    assert_eq!(results[0]["suppressions"][0]["justification"], "waiver: empty table");
    assert_eq!(results[1]["suppressions"][0]["kind"], "external");
    assert_eq!(results[2]["suppressions"], Value::Array(Vec::new()), "either all results have it or none");
}

#[test]
fn a_fingerprint_outlives_a_moved_line_and_tells_findings_apart() {
    let moved = Finding {
        line: Some(9),
        statement: "ALTER TABLE widget\n  DROP COLUMN colour;".into(),
        ..finding(Severity::Refuse)
    };
    let other = Finding { object: "widget.size".into(), ..finding(Severity::Refuse) };
    let twice = vec![finding(Severity::Refuse), finding(Severity::Refuse), other];
    let before = results(&report(Outcome::RefusedDestructive, twice));
    let after = results(&report(Outcome::RefusedDestructive, vec![moved]));
    assert_eq!(fingerprint(&before[0]), fingerprint(&after[0]));
    assert_ne!(fingerprint(&before[0]), fingerprint(&before[1]));
    assert_ne!(fingerprint(&before[0]), fingerprint(&before[2]));
}

#[test]
fn any_name_gives_a_valid_log_and_no_link() {
    for nasty in NASTY {
        let run = valid(&sarif::render(&nasty_report(nasty)));
        let told = &run["invocations"][0]["toolExecutionNotifications"];
        for text in
            [&run["results"][0]["message"]["text"], &told[0]["message"]["text"], &told[1]["message"]["text"]]
        {
            assert!(text.is_string() && !text.as_str().unwrap().contains("]("), "{text}");
        }
    }
    let spaced = Finding { file: Some("a b/c%20#d:é.sql".into()), ..finding(Severity::Warn) };
    let absolute = Finding { file: Some("/srv/a b.sql".into()), line: None, ..finding(Severity::Warn) };
    let nowhere = Finding { file: None, line: None, ..finding(Severity::Warn) };
    let results = results(&report(Outcome::Passed, vec![spaced, absolute, nowhere]));
    let artifact = |at: usize| &results[at]["locations"][0]["physicalLocation"]["artifactLocation"];
    assert_eq!(artifact(0)["uri"], "a%20b/c%2520%23d%3A%C3%A9.sql");
    assert_eq!(
        (&artifact(1)["uri"], &artifact(1)["uriBaseId"]),
        (&"file:///srv/a%20b.sql".into(), &Value::Null)
    );
    assert_eq!(artifact(2)["uri"], ".", "code scanning wants a file");
}

#[test]
fn a_check_that_found_something_is_valid_and_says_what_became_of_each_gate() {
    let forge = Forge::new();
    let author = forge.author();
    author.write("apps/a/run-migration.toml", "schema = \"schema.prisma\"\ncopies = [\"copy.prisma\"]\n");
    author.write("apps/a/schema.prisma", "model A {\n  id Int @id\n}\n");
    author.write("apps/a/copy.prisma", "model A {\n  no Int @id\n}\n");
    author.write("apps/a/migrations/20260101000000_a/migration.sql", "DROP TABLE a;\n");
    let args = ["--repo", "apps/a", "check", "--base", "HEAD", "--no-database", "--format", "sarif"];
    let run = valid(&run(author.path(), &args).expect(2).stdout);
    let found: Vec<_> = run["results"].as_array().unwrap().iter().map(|result| &result["ruleId"]).collect();
    assert!(found.contains(&&"schema_copy".into()) && found.contains(&&"drop_table".into()), "{found:?}");
    for result in run["results"].as_array().unwrap() {
        let uri = &result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
        assert!(uri.as_str().unwrap().starts_with("apps/a/"), "{result:#}");
    }
    let told = run["invocations"][0]["toolExecutionNotifications"].to_string();
    for part in
        ["gate freshness: left out", "gate copies: refused", "gate guard: refused", "gate replay: left out"]
    {
        assert!(told.contains(part), "{part:?} is missing in {told}");
    }
}

#[test]
fn the_tool_answers_a_mistake_in_the_format_that_was_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let ended = run(directory.path(), &["--format", "sarif", "--nonsense"]).expect(64);
    let run = valid(&ended.stdout);
    assert_eq!(run["invocations"][0]["exitCodeDescription"], "usage_error");
}
