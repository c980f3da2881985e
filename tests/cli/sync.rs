//! Making the copies of the schema equal, and refusing to throw away what somebody wrote into one.

use std::os::unix::fs::{PermissionsExt, symlink};

use crate::support::{
    project::{LITELLM_COPIES, Project, git},
    run::run,
};

fn copy(project: &Project, index: usize) -> String {
    std::fs::read_to_string(project.path().join(LITELLM_COPIES[index])).unwrap()
}

/// The fixture with its schema one model longer than its copies.
fn drifted() -> (Project, String) {
    let project = Project::fixture();
    let schema = format!("{}\nmodel Added {{\n  id Int @id\n}}\n", project.schema());
    project.write("schema.prisma", &schema);
    (project, schema)
}

#[test]
fn equal_copies_are_left_alone() {
    let project = Project::fixture();
    let before = project.state();
    for args in [&["sync"][..], &["sync", "--check"]] {
        let ended = run(&project.path(), args).expect(0);
        assert_eq!(ended.stdout, "");
    }
    assert_eq!(project.state(), before);
}

#[test]
fn the_check_shows_a_diff_and_changes_nothing() {
    let (project, _) = drifted();
    let before = project.state();
    let ended = run(&project.path(), &["sync", "--check"]).expect(4).says(&[
        "OUT OF SYNC",
        LITELLM_COPIES[0],
        LITELLM_COPIES[1],
    ]);
    for copy in LITELLM_COPIES {
        assert!(ended.stdout.contains(&format!("--- a/{copy}\n+++ b/{copy}\n")), "{}", ended.stdout);
    }
    assert!(ended.stdout.contains("+model Added {"), "{}", ended.stdout);
    assert_eq!(project.state(), before);
    assert_eq!(
        run(&project.path(), &["sync", "--check", "--format", "json"]).expect(4).json()["outcome"],
        "refused_out_of_sync"
    );
}

#[test]
fn copies_become_the_source_byte_for_byte_and_keep_their_mode() {
    let (project, schema) = drifted();
    let first = project.path().join(LITELLM_COPIES[0]);
    std::fs::set_permissions(&first, std::fs::Permissions::from_mode(0o640)).unwrap();
    let ended = run(&project.path(), &["sync"]).expect(0);
    assert_eq!(ended.stdout, format!("{}\n{}\n", LITELLM_COPIES[0], LITELLM_COPIES[1]));
    assert_eq!((copy(&project, 0), copy(&project, 1)), (schema.clone(), schema));
    assert_eq!(std::fs::metadata(first).unwrap().permissions().mode() & 0o777, 0o640);
    let report = run(&project.path(), &["sync", "--format", "json"]).expect(0).json();
    assert_eq!(report["outcome"], "passed");
}

#[test]
fn a_missing_copy_is_reported_by_the_check_and_made_by_sync() {
    let project = Project::fixture();
    std::fs::remove_dir_all(project.path().join("litellm")).unwrap();
    run(&project.path(), &["sync", "--check"]).expect(4).says(&[LITELLM_COPIES[0], "there is no such file"]);
    run(&project.path(), &["sync"]).expect(0);
    assert_eq!(copy(&project, 0), project.schema());
}

#[test]
fn what_was_written_into_a_copy_is_not_thrown_away() {
    let project = Project::fixture();
    let edited = copy(&project, 1).replacen("model Shelf {", "model Shelf {\n  incident String?", 1);
    project.write(LITELLM_COPIES[1], &edited);
    project.commit("a column, written into the copy");
    let before = project.state();
    let ended = run(&project.path(), &["sync"]).expect(4).says(&[
        "schema_copy_edited",
        LITELLM_COPIES[1],
        "incident String?",
        "AI AGENTS / ASSISTANTS:",
        "--discard",
    ]);
    assert_eq!(ended.stdout, "");
    assert_eq!(project.state(), before);
    run(&project.path(), &["sync", "--discard"]).expect(0).says(&["incident String?", "--discard"]);
    assert_eq!(copy(&project, 1), project.schema());
}

#[test]
fn a_deletion_made_in_the_source_goes_through() {
    let project = Project::fixture();
    // Added and synchronised in one commit of the branch, deleted in the next: the base never had it.
    let with = format!("{}\nmodel Fleeting {{\n  id Int @id\n}}\n", project.schema());
    let without = project.schema().replacen("  capacity Int    @default(40) @db.SmallInt\n", "", 1);
    assert_ne!(project.schema(), without);
    project.set_schemas(&with);
    project.commit("a model for a while");
    project.write("schema.prisma", &without);
    project.commit("without it, and without a column of the base");
    run(&project.path(), &["sync"]).expect(0);
    assert_eq!(copy(&project, 0), without);
}

#[test]
fn links_are_refused_wherever_they_lead() {
    let outside = tempfile::tempdir().unwrap();
    let project = Project::fixture();
    let path = |file: &str| project.path().join(file);
    std::fs::remove_file(path(LITELLM_COPIES[0])).unwrap();
    symlink("../../schema.prisma", path(LITELLM_COPIES[0])).unwrap();
    run(&project.path(), &["sync"]).expect(4).says(&["symbolic link", LITELLM_COPIES[0]]);
    std::fs::remove_dir_all(path("litellm")).unwrap();
    symlink(outside.path(), path("litellm")).unwrap();
    run(&project.path(), &["sync"]).expect(4).says(&["symbolic link", LITELLM_COPIES[0]]);
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
    std::fs::remove_file(path("litellm")).unwrap();
    std::fs::rename(path("schema.prisma"), path("real.prisma")).unwrap();
    symlink("real.prisma", path("schema.prisma")).unwrap();
    run(&project.path(), &["sync"]).expect(4).says(&["symbolic link", "schema.prisma"]);
    assert!(!path(LITELLM_COPIES[0]).exists());
}

#[test]
fn staging_takes_the_copies_and_nothing_else() {
    let (project, _) = drifted();
    project.write("unrelated.txt", "x");
    run(&project.path(), &["sync", "--stage"]).expect(0);
    let staged = git(&project.path(), &["diff", "--cached", "--name-only"]);
    assert_eq!(staged.lines().collect::<Vec<_>>(), [LITELLM_COPIES[1], LITELLM_COPIES[0]]);
}

#[test]
fn a_copy_that_a_sparse_checkout_leaves_out_is_compared_from_the_index() {
    let project = Project::fixture();
    git(&project.path(), &["sparse-checkout", "set", "--no-cone", "/*", "!/litellm/"]);
    assert!(!project.path().join(LITELLM_COPIES[0]).exists());
    run(&project.path(), &["sync", "--check"]).expect(0);
    let schema = format!("{}\nmodel Added {{\n  id Int @id\n}}\n", project.schema());
    project.write("schema.prisma", &schema);
    run(&project.path(), &["sync", "--check"]).expect(4).says(&[LITELLM_COPIES[0]]);
    let before = project.state();
    run(&project.path(), &["sync"]).expect(4).says(&["git sparse-checkout add", LITELLM_COPIES[0]]);
    assert_eq!(project.state(), before);
}

#[test]
fn a_schema_that_is_no_text_is_a_clear_error() {
    let project = Project::fixture();
    std::fs::write(project.path().join("schema.prisma"), b"model A {\n\xff}\n").unwrap();
    run(&project.path(), &["sync"]).expect(1).says(&["schema.prisma", "not UTF-8", "line 2"]);
    let project = Project::fixture();
    std::fs::write(project.path().join(LITELLM_COPIES[0]), b"\xff").unwrap();
    run(&project.path(), &["sync", "--check"]).expect(4).says(&[LITELLM_COPIES[0], "not UTF-8"]);
}
