//! What the documents say for each layout.

use serde_json::{Value, json};

use super::{COPIES, REPOSITORY, REVISION, litellm, of_litellm, printed, steps};
use crate::support::{git::Forge, run::run};

#[test]
fn two_documents_are_printed_each_headed_by_its_path() {
    let forge = litellm();
    let stdout = run(forge.author().path(), &["ci", "github"]).expect(0).stdout;
    let documents: Vec<Value> = serde_saphyr::from_multiple(&stdout).unwrap();
    assert_eq!(documents.len(), 2);
    let texts: Vec<_> = stdout.split("\n---\n").collect();
    for (text, path) in texts.iter().zip(["run-migration-check.yml", "run-migration-sync.yml"]) {
        assert!(text.starts_with(&format!("# .github/workflows/{path}\n")), "{text}");
    }
}

#[test]
fn where_the_tool_comes_from_is_filled_in_or_asked_for() {
    let (check, sync) = of_litellm();
    for printed in [check, sync] {
        assert_eq!(printed.yaml["env"], json!({ "TOOL_REPOSITORY": REPOSITORY, "TOOL_REVISION": REVISION }));
        assert!(!printed.text.contains("FILL IN"));
    }
    let forge = litellm();
    let ended = run(forge.author().path(), &["ci", "github"]).expect(0);
    assert_eq!(ended.stdout.matches("# FILL IN").count(), 2);
    ended.says(&["Fill in TOOL_REPOSITORY and TOOL_REVISION"]);
    for (option, value) in [
        ("--tool-repository", "http://example.com/x"),
        ("--tool-repository", "https://me:secret@example.com/x"),
        ("--tool-repository", "/srv/x"),
        ("--tool-revision", "main"),
        ("--tool-revision", "0123456"),
    ] {
        let ended = run(forge.author().path(), &["ci", "github", option, value]).expect(64);
        assert!(ended.stdout.is_empty());
    }
}

#[test]
fn the_copies_are_those_of_the_configuration() {
    let (_, sync) = of_litellm();
    let step = &steps(&sync.yaml, "sync")[3];
    assert_eq!(step["env"]["COPIES"], COPIES.join("\n"));
    assert_eq!(step["env"]["SCHEMAS"], "schema.prisma");
    assert_eq!(
        sync.yaml["on"]["pull_request"]["paths"],
        json!(["schema.prisma", COPIES[0], COPIES[1], "run-migration.toml"])
    );
    assert_eq!(steps(&sync.yaml, "branch")[0]["env"]["BASE_BRANCH"], "litellm_internal_staging");
}

#[test]
fn a_project_below_the_root_and_odd_names_are_written_so_that_they_are_read() {
    let forge = Forge::new();
    let author = forge.author();
    let odd = r#"b "[x]" \n 'é' #!*.prisma"#;
    author.write("apps/a/schema.prisma", "");
    author.write(
        "apps/a/run-migration.toml",
        &format!("schema = \"schema.prisma\"\ncopies = ['''{odd}''', \"../other/copy.prisma\"]\nbase_branch = \"dev\"\n"),
    );
    let printed = printed(author.path(), &["--repo", "apps/a"]);
    let step = &steps(&printed[1].yaml, "sync")[3];
    assert_eq!(step["env"]["PROJECT"], "apps/a");
    assert_eq!(step["env"]["COPIES"], format!("apps/a/{odd}\napps/other/copy.prisma"));
    let filters = &printed[1].yaml["on"]["pull_request"]["paths"];
    assert_eq!(filters[1], r#"apps/a/b "\[x\]" \\n 'é' #\!\*.prisma"#);
    assert_eq!(filters[3], "apps/a/run-migration.toml");
    assert_eq!(steps(&printed[0].yaml, "check")[3]["env"]["PROJECT"], "apps/a");
}

#[test]
fn a_schema_of_several_files_is_watched_as_a_whole() {
    let forge = Forge::new();
    let author = forge.author();
    author.write("prisma/schema/a.prisma", "");
    author
        .write("run-migration.toml", "schema = \"prisma/schema\"\nmigrations = \"m\"\ncopies = [\"copy\"]\n");
    let printed = printed(author.path(), &[]);
    let filters = &printed[1].yaml["on"]["pull_request"]["paths"];
    assert_eq!(*filters, json!(["prisma/schema/**", "copy/**", "run-migration.toml"]));
}

#[test]
fn another_configuration_is_named() {
    let forge = litellm();
    forge.author().write("ci/other.toml", "copies = [\"../copy.prisma\"]\n");
    let printed = printed(forge.author().path(), &["--config", "ci/other.toml"]);
    for printed in &printed {
        assert_eq!(printed.yaml["env"]["RUN_MIGRATION_CONFIG"], "ci/other.toml");
    }
    assert_eq!(printed[1].yaml["on"]["pull_request"]["paths"][2], "ci/other.toml");
}

#[test]
fn what_github_would_take_for_an_expression_is_refused_and_so_is_a_file_elsewhere() {
    let forge = litellm();
    let author = forge.author();
    for (copies, said) in [
        ("\"${{ github.token }}\"", "cannot be written into a workflow"),
        ("\"a\\nb\"", "cannot be written into a workflow"),
        ("\"../copy.prisma\"", "is outside of the repository"),
    ] {
        author.write("run-migration.toml", &format!("copies = [{copies}]\n"));
        let ended = run(author.path(), &["ci", "github"]).expect(1).says(&[said]);
        assert!(ended.stdout.is_empty());
    }
}

#[test]
fn without_copies_there_is_no_workflow_that_may_write() {
    let forge = Forge::new();
    let ended = run(forge.author().path(), &["ci", "github"]).expect(0).says(&["The schema has no copies"]);
    let documents: Vec<Value> = serde_saphyr::from_multiple(&ended.stdout).unwrap();
    assert_eq!(documents.len(), 1);
    assert!(!ended.stdout.contains("write"), "{}", ended.stdout);
}
