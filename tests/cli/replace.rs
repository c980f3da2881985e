//! `generate --replace`: one migration in the place of those that the branch has added.

use std::path::PathBuf;

use crate::support::{
    project::{Project, USERS, git},
    run::{Ended, run},
};

const FIRST: (&str, &str) = (
    "20260101000000_users",
    "CREATE TABLE \"User\" (\"id\" SERIAL NOT NULL, \"name\" TEXT, CONSTRAINT \"User_pkey\" PRIMARY KEY (\"id\"));\n",
);

/// A branch on which two migrations were generated for a schema that was changed twice: one is committed. The schema has
/// been changed a third time since.
fn reviewed() -> Project {
    let project = Project::feature(&[FIRST]);
    set_model(&project, "  email String?\n");
    run(&project.path(), &["email"]).expect(0);
    project.commit("a first try");
    set_model(&project, "  email String?\n  kind Kind @default(A)\n  @@index([email])\n");
    project.write("prisma/more.txt", "");
    run(&project.path(), &["kind"]).expect(0);
    set_model(&project, "  mail String? @unique\n  kind Kind @default(B)\n");
    project
}

/// The base's schema with these lines more in its model.
fn set_model(project: &Project, lines: &str) {
    let schema = USERS.replace("  name String?\n", &format!("  name String?\n{lines}"));
    let kind = if lines.contains("Kind") { "enum Kind {\n  A\n  B\n}\n" } else { "" };
    project.write("prisma/schema.prisma", &format!("{schema}{kind}"));
}

fn migrations(project: &Project) -> Vec<String> {
    project.migrations_in("prisma/migrations")
}

fn file(project: &Project, migration: &str) -> PathBuf {
    project.path().join("prisma/migrations").join(migration).join("migration.sql")
}

fn add(project: &Project, name: &str, sql: &str) {
    project.write(&format!("prisma/migrations/{name}/migration.sql"), sql);
}

/// Runs the tool, expects `code`, and expects that nothing has changed.
#[track_caller]
fn changes_nothing(project: &Project, args: &[&str], code: i32) -> Ended {
    let before = project.state();
    let ended = run(&project.path(), args).expect(code);
    assert_eq!(project.state(), before);
    ended
}

#[test]
fn one_takes_the_place_of_all_that_the_branch_has_added() {
    let project = reviewed();
    let own = migrations(&project).split_off(1);
    assert_eq!(own.len(), 2);
    let dry = changes_nothing(&project, &["all_of_it", "--replace", "--dry-run"], 0);
    assert!(dry.stderr.contains(&format!("Would be removed: {}", own.join(", "))), "{}", dry.stderr);
    let report = run(&project.path(), &["all_of_it", "--replace", "--format", "json"]).expect(0).json();
    assert_eq!(report["replaced"], serde_json::json!(own));
    let after = migrations(&project);
    assert_eq!(after.len(), 2, "{after:?}");
    assert!(after[0] == FIRST.0 && after[1].ends_with("_all_of_it"), "{after:?}");
    let sql = std::fs::read_to_string(file(&project, &after[1])).unwrap();
    assert_eq!(dry.stdout, sql);
    assert!(sql.contains("\"mail\"") && !sql.contains("email") && !sql.contains("DROP"), "{sql}");
    changes_nothing(&project, &[], 0).says(&["No schema changes"]);
    // Once more, with nothing but itself to replace.
    run(&project.path(), &["again", "--replace"]).expect(0);
    assert!(migrations(&project)[1].ends_with("_again"));
    // What the base has stays, whatever is asked.
    git(&project.path(), &["switch", "-q", "--discard-changes", "main"]);
    git(&project.path(), &["clean", "-fdq"]);
    changes_nothing(&project, &["--replace"], 0).says(&["Nothing is replaced", "No schema changes"]);
}

#[test]
fn what_cancels_out_goes_and_nothing_takes_its_place() {
    let project = reviewed();
    project.write("prisma/schema.prisma", USERS);
    changes_nothing(&project, &["--replace", "--dry-run"], 0).says(&["Would be removed"]);
    let report = run(&project.path(), &["--replace", "--format", "json"]).expect(0).json();
    assert_eq!(report["outcome"], "synced");
    assert_eq!(report["replaced"].as_array().unwrap().len(), 2);
    assert_eq!(migrations(&project), [FIRST.0]);
}

#[test]
fn what_a_person_wrote_is_not_thrown_away() {
    let project = reviewed();
    let own = "20270101000000_by_hand";
    for (sql, says) in [
        ("UPDATE \"User\" SET \"name\" = 'x';\n", "migration_hand_written"),
        ("ALTER TABLE \"User\" ADD CHECK (\"name\" <> '');\n", "constraint User.User_name_check"),
        ("CREATE INDEX more ON \"User\" (\"id\") INCLUDE (\"name\");\n", "index more"),
        ("ALTER TABLE \"User\" ALTER \"name\" TYPE text COLLATE \"C\";\n", "column User.name"),
    ] {
        add(
            &project,
            own,
            &format!("-- CreateTable\nCREATE TABLE \"y\" (\"id\" INTEGER NOT NULL);\n\n{sql}"),
        );
        let ended = changes_nothing(&project, &["--replace"], 4);
        assert!([own, says].iter().all(|one| ended.stderr.contains(one)), "{sql}\n{}", ended.stderr);
    }
    // Comments alone are no SQL of anybody's, and Prisma has words for the rest.
    add(&project, own, "-- a table\nCREATE TABLE \"y\" (\"id\" integer not null);\n");
    project.write(&format!("prisma/migrations/{own}/why.md"), "because");
    changes_nothing(&project, &["--replace"], 4).says(&["why.md"]);
    std::fs::remove_file(file(&project, own).with_file_name("why.md")).unwrap();
    run(&project.path(), &["--replace"]).expect(0);
    assert_eq!(migrations(&project).len(), 2);
}

#[test]
fn a_rename_stays_where_it_is_asked_for_again() {
    let project = Project::feature(&[FIRST]);
    project.write("prisma/schema.prisma", &USERS.replace("name String?", "title String?"));
    run(&project.path(), &["title", "--rename", "User.name=title"]).expect(0);
    changes_nothing(&project, &["--replace"], 4).says(&["RENAME COLUMN"]);
    project.write("prisma/schema.prisma", &USERS.replace("name String?", "title String?\n  more Int?"));
    run(&project.path(), &["both", "--replace", "--rename", "User.name=title"]).expect(0);
    let after = migrations(&project);
    let sql = std::fs::read_to_string(file(&project, after.last().unwrap())).unwrap();
    assert!(after.len() == 2 && sql.contains("RENAME COLUMN") && sql.contains("\"more\""), "{sql}");
}

#[test]
fn a_refusal_removes_nothing() {
    let project = reviewed();
    project.write("prisma/schema.prisma", &USERS.replace("  name String?\n", ""));
    changes_nothing(&project, &["--replace"], 2).says(&["DESTRUCTIVE", "drop_column"]);
    project.others_commit("main", "prisma/migrations/20260202000000_theirs/migration.sql", "SELECT 1;");
    changes_nothing(&project, &["--replace"], 3).says(&["STALE BRANCH"]);
    changes_nothing(&project, &["--replace", "--skip-freshness-check"], 64);
}

#[test]
fn the_house_style_counts_as_generated() {
    let project = Project::fixture();
    git(&project.path(), &["switch", "-q", "-c", "feature"]);
    let config = "[sql]\nidempotent = true\nprelude = \"SET LOCAL lock_timeout = '10s';\"\nconcurrent_indexes = true\n";
    project.write("run-migration.toml", config);
    project.commit("the style");
    run(&project.path(), &["one"]).expect(0);
    let before = project.migrations();
    run(&project.path(), &["two", "--replace", "--idempotent=false"]).expect(0);
    let after = project.migrations();
    assert!(after.last().unwrap().contains("_two"), "{before:?} {after:?}");
    assert!(!after.iter().any(|name| name.contains("_one")), "{after:?}");
}
