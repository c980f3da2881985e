//! A human's consent to what the main job refuses.

use crate::support::{
    project::{LITELLM_MIGRATIONS, Project},
    run::{Ended, run, tool},
};

/// The fixture with a column and an index gone from the schema.
fn destructive() -> Project {
    let project = Project::fixture();
    let schema = project.schema();
    let dropped = schema.lines().find(|line| line.trim_start().starts_with("address ")).unwrap();
    project.set_schemas(&schema.replacen(&format!("{dropped}\n"), "", 1));
    project
}

fn newest(project: &Project) -> String {
    let name = project.migrations().pop().unwrap();
    let file = project.path().join(LITELLM_MIGRATIONS).join(name).join("migration.sql");
    std::fs::read_to_string(file).unwrap()
}

/// Runs the tool as an agent would.
fn as_agent(project: &Project, args: &[&str], words: Option<&str>) -> Ended {
    let mut command = tool(&project.path(), args);
    command.env("CLAUDECODE", "1");
    if let Some(words) = words {
        command.env("RUN_MIGRATION_HUMAN_CONSENT", words);
    }
    command.output().unwrap().into()
}

#[test]
fn the_printed_command_lets_just_that_through_and_the_file_says_why() {
    let project = destructive();
    let refused = run(&project.path(), &["drop it"]).expect(2);
    let command = "run-migration 'drop it' --allow drop_column:branch.address";
    let (notice, way) = refused.stderr.split_once("AI AGENTS / ASSISTANTS:").unwrap();
    assert!(way.contains(command) && !notice.contains("--allow"), "{}", refused.stderr);
    let args = ["drop it", "--allow", "drop_column:branch.address", "--reason", "nobody reads it"];
    run(&project.path(), &args).expect(0).says(&["drop_column", "allowed by --allow: nobody reads it"]);
    let waiver = "-- run-migration: allow drop_column:branch.address because nobody reads it\nALTER TABLE";
    assert!(newest(&project).contains(waiver), "{}", newest(&project));
    let file = format!("{LITELLM_MIGRATIONS}/{}/migration.sql", project.migrations().last().unwrap());
    run(&project.path(), &["lint", &file]).expect(0);
}

#[test]
fn without_a_reason_the_file_stays_as_it_is_and_the_entry_that_check_wants_is_printed() {
    let project = destructive();
    run(&project.path(), &["x", "--allow", "drop_column:branch.address"]).expect(0).says(&[
        "--reason",
        "[[allow]]",
        "object = \"branch.address\"",
    ]);
    assert!(!newest(&project).contains("run-migration:"), "{}", newest(&project));
}

#[test]
fn an_allowance_for_something_else_is_a_usage_error() {
    let project = destructive();
    let before = project.state();
    let allowed = ["x", "--allow", "drop_column:branch.adress"];
    run(&project.path(), &allowed)
        .expect(64)
        .says(&["drop_column:branch.adress", "drop_column:branch.address"]);
    run(&project.path(), &["x", "--allow", "nonsense"]).expect(64).says(&["RULE:OBJECT"]);
    assert_eq!(project.state(), before);
}

#[test]
fn an_agent_needs_the_words_of_a_human() {
    let project = destructive();
    let before = project.state();
    for flags in [
        &["--allow-destructive"][..],
        &["--allow", "drop_column:branch.address"],
        &["--skip-freshness-check"],
    ] {
        let ended = as_agent(&project, &[&["x"], flags].concat(), None).expect(64);
        ended.says(&[flags[0], "Claude Code", "CLAUDECODE", "RUN_MIGRATION_HUMAN_CONSENT"]);
    }
    as_agent(&project, &["x"], None).expect(2);
    assert_eq!(project.state(), before);
    let flags = ["x", "--allow", "drop_column:branch.address", "--reason", "unused"];
    as_agent(&project, &flags, Some("Yes, drop it.")).expect(0);
    let waiver = "because unused (the human's words: Yes, drop it.)";
    assert!(newest(&project).contains(waiver), "{}", newest(&project));
}

#[test]
fn with_no_change_an_allowance_is_only_a_note() {
    let project = Project::fixture();
    run(&project.path(), &["x"]).expect(0);
    run(&project.path(), &["y", "--allow", "drop_table:z"])
        .expect(0)
        .says(&["No schema changes", "--allow allowed nothing"]);
}
