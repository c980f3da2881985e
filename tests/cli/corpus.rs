//! The main job on real releases.

use crate::support::{corpus::release, prisma::install, project::Project, run::run};

#[test]
fn a_release_that_lacks_a_migration_gets_it() {
    let Some(release) = release("0.4.60") else { return };
    let project = Project::litellm(&release);
    let ended = run(&project.path(), &["--dry-run"]).expect(0);
    for column in ["approval_status", "review_notes", "reviewed_at", "submitted_at", "submitted_by"] {
        assert!(ended.stdout.contains(column), "{column}: {}", ended.stdout);
    }
    assert_eq!(ended.stdout.matches("ALTER TABLE").count(), 1, "{}", ended.stdout);
}

#[test]
fn a_release_that_would_lose_something_is_refused() {
    let Some(release) = release("0.4.61") else { return };
    let project = Project::litellm(&release);
    let before = project.state();
    let ended = run(&project.path(), &["sync_schema"]).expect(2).says(&[
        "DESTRUCTIVE MIGRATION DETECTED",
        "LiteLLM_MCPServerTable_approval_status_idx",
        "source_url",
        "AI AGENTS / ASSISTANTS:",
        "--allow-destructive",
    ]);
    assert_eq!(ended.stdout, "");
    assert_eq!(project.state(), before);
}

#[test]
fn a_migration_is_written_once_and_then_there_is_nothing_to_do() {
    let (Some(old), Some(new)) = (release("0.4.108"), release("0.4.109")) else { return };
    let project = Project::litellm(&old);
    project.set_schemas(&new.schema);
    project.commit("the new schema");
    let count = project.migrations().len();
    let ended = run(&project.path(), &["next release"]).expect(0);
    assert!(ended.stdout.trim().ends_with("_next_release/migration.sql"), "{}", ended.stdout);
    assert_eq!(project.migrations().len(), count + 1);
    let state = project.state();
    run(&project.path(), &["again"]).expect(0).says(&["No schema changes"]);
    assert_eq!(project.state(), state);
}

/// The project's own Prisma, of each major that is supported, gives what the managed one gives.
#[test]
fn each_major_of_the_projects_own_prisma_gives_the_same() {
    let (Some(less), Some(more)) = (release("0.4.60"), release("0.4.61")) else { return };
    let managed = run(&Project::litellm(&less).path(), &["--dry-run"]).expect(0).stdout;
    for version in ["5.4.2", "6.19.0", "7.10.1"] {
        let project = Project::litellm(&less);
        install(version, camino::Utf8Path::from_path(&project.path()).unwrap());
        let report = run(&project.path(), &["--dry-run", "--format", "json"]).expect(0).json();
        assert_eq!(report["migration"]["sql"], managed.as_str(), "{version}");
        let tool = |role: &str| {
            report["toolchain"].as_array().unwrap().iter().find(|tool| tool["role"] == role).unwrap().clone()
        };
        assert_eq!(tool("prisma")["version"], version);
        assert!(tool("prisma")["why"].as_str().unwrap().contains("project"), "{}", tool("prisma"));
        assert!(tool("engine")["why"].is_string(), "{}", tool("engine"));

        let project = Project::litellm(&more);
        install(version, camino::Utf8Path::from_path(&project.path()).unwrap());
        let before = project.state();
        run(&project.path(), &["x"]).expect(2).says(&["LiteLLM_MCPServerTable.source_url", version]);
        assert_eq!(project.state(), before);
    }
}

/// LiteLLM builds two indexes outside of its migrations on purpose.
#[test]
fn what_litellm_builds_elsewhere_is_no_change() {
    let Some(release) = release("0.4.110") else { return };
    let project = Project::litellm(&release);
    let before = project.state();
    let ended = run(&project.path(), &["x"]).expect(0).says(&["No schema changes"]);
    assert_eq!(ended.stdout, "");
    assert_eq!(project.state(), before);
}
