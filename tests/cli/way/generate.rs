//! `generate --down` and `generate --revert`, as a user meets them.

use crate::support::{
    project::{LITELLM_MIGRATIONS, Project},
    run::run,
};

const HEAD: &str = "datasource db {\n  provider = \"postgresql\"\n  url      = env(\"DATABASE_URL\")\n}\n\n";
const READER: &str = "model Reader {\n  id Int @id\n";
const FIRST: &str =
    "CREATE TABLE \"Reader\" (\"id\" INTEGER NOT NULL, CONSTRAINT \"Reader_pkey\" PRIMARY KEY (\"id\"));\n";
const EMAIL: &str = "ALTER TABLE \"Reader\" ADD COLUMN \"email\" TEXT;\n";
const LOAN: &str =
    "CREATE TABLE \"Loan\" (\"id\" INTEGER NOT NULL, CONSTRAINT \"Loan_pkey\" PRIMARY KEY (\"id\"));\n";

/// A schema with these lines in `Reader`, and more models.
fn schema(fields: &str, models: &str) -> String {
    format!("{HEAD}{READER}{fields}}}\n{models}")
}

fn project(fields: &str, migrations: &[(&str, &str)]) -> Project {
    let project = Project::prisma(&schema(fields, ""), migrations);
    project.write("prisma/migrations/migration_lock.toml", "provider = \"postgresql\"\n");
    project.commit("a lock");
    crate::support::project::git(&project.path(), &["push", "-q", "origin", "main"]);
    project
}

fn read(project: &Project, path: &str) -> String {
    std::fs::read_to_string(project.path().join(path)).unwrap()
}

#[test]
fn the_way_back_is_written_beside_the_migration_and_disturbs_nobody() {
    let project = Project::fixture();
    let ended = run(&project.path(), &["x", "--down", "--format", "json"]).expect(0);
    let report = ended.json();
    let name = report["migration"]["name"].as_str().unwrap();
    let down = read(&project, &format!("{LITELLM_MIGRATIONS}/{name}/down.sql"));
    assert_eq!(report["migration"]["down"], down.as_str());
    for piece in
        ["-- The way back from", "the rows of reading_list", "DROP TABLE \"reading_list\"", "--revert"]
    {
        assert!(down.contains(piece), "{piece}: {down}");
    }
    run(&project.path(), &["again"]).expect(0).says(&["No schema changes"]);
    project.commit("a migration with its way back");
    run(&project.path(), &["check"]).expect(0);
    // What drops a table in there is nobody's migration.
    run(&project.path(), &["lint", &format!("{LITELLM_MIGRATIONS}/{name}")]).expect(0);
    run(&project.path(), &["lint", &format!("{LITELLM_MIGRATIONS}/{name}/down.sql")]).expect(2);
    // There is one now: it is proved again and left alone.
    run(&project.path(), &["generate", &format!("--down={name}")])
        .expect(0)
        .says(&["down.sql is there and leads back"]);
}

#[test]
fn a_dry_run_shows_both_and_without_a_change_there_is_no_way_back() {
    let project = project("  email String?\n", &[("20260101000000_first", FIRST)]);
    let before = project.state();
    let ended = run(&project.path(), &["x", "--down", "--dry-run"]).expect(0);
    assert!(
        ended.stdout.contains("ADD COLUMN") && ended.stdout.contains("/down.sql\n\n-- The way back"),
        "{}",
        ended.stdout
    );
    assert_eq!(project.state(), before);
}

#[test]
fn the_way_back_of_what_is_there_is_written_once_and_a_wrong_one_is_refused() {
    let project =
        project("  email String?\n", &[("20260101000000_first", FIRST), ("20260102000000_email", EMAIL)]);
    let path = "prisma/migrations/20260102000000_email/down.sql";
    let ended = run(&project.path(), &["generate", "--down=email"]).expect(0);
    assert_eq!(ended.stdout.trim(), path);
    assert!(read(&project, path).ends_with("\nALTER TABLE \"Reader\" DROP COLUMN \"email\";\n"));
    for (wrong, why) in [
        ("SELECT 1;\n", "column Reader.email is there and should not be"),
        ("ALTER TABLE \"Reader\" DROP COLUMN \"mail\";\n", "42703"),
        ("ALTER TABLE \"Reader\" DROP COLUMN \"email\", ADD COLUMN x int;\n", "column Reader.x is there"),
    ] {
        project.write(path, wrong);
        let before = project.state();
        run(&project.path(), &["generate", "--down=20260102000000_email"])
            .expect(1)
            .says(&[why, "no way back"]);
        assert_eq!(project.state(), before);
    }
    run(&project.path(), &["generate", "--down=nothing"]).expect(1).says(&["has no migration \"nothing\""]);
    run(&project.path(), &["generate", "x", "--down=email"]).expect(64);
}

#[test]
fn a_migration_is_undone_by_another_one_when_the_schema_was_changed_back() {
    let project =
        project("  email String?\n", &[("20260101000000_first", FIRST), ("20260102000000_email", EMAIL)]);
    run(&project.path(), &["--revert", "email"]).expect(1).says(&[
        "without email the schema would still want this",
        "ADD COLUMN",
        "change schema.prisma back",
    ]);
    project.write("prisma/schema.prisma", &schema("", ""));
    let before = project.state();
    run(&project.path(), &["--revert", "email"])
        .expect(2)
        .says(&["DESTRUCTIVE MIGRATION DETECTED", "drop_column  Reader.email"]);
    assert_eq!(project.state(), before);
    let args =
        ["--revert", "email", "--allow", "drop_column:Reader.email", "--reason", "nobody needs it", "--down"];
    let report = run(&project.path(), &[&args[..], &["--format", "json"]].concat()).expect(0).json();
    assert!(report["migration"]["name"].as_str().unwrap().ends_with("_revert_email"), "{report}");
    let sql = report["migration"]["sql"].as_str().unwrap();
    for piece in [
        "-- Undoes 20260102000000_email",
        "the values of Reader.email",
        "because nobody needs it",
        "DROP COLUMN",
    ] {
        assert!(sql.contains(piece), "{sql}");
    }
    assert!(report["migration"]["down"].as_str().unwrap().contains("ADD COLUMN \"email\" text"), "{report}");
    run(&project.path(), &["again"]).expect(0).says(&["No schema changes"]);
}

#[test]
fn an_older_migration_is_undone_where_no_later_one_builds_on_it() {
    let migrations =
        [("20260101000000_first", FIRST), ("20260102000000_email", EMAIL), ("20260103000000_loan", LOAN)];
    let project = project("  email String?\n", &migrations);
    // The schema has Reader alone: the loans are to go.
    project.write("prisma/schema.prisma", &schema("", "model Loan {\n  id Int @id\n}\n"));
    // What a person wrote is taken, and proved.
    let own = "-- my own\nALTER TABLE \"Reader\"\n  DROP \"email\" RESTRICT;\n";
    project.write("prisma/migrations/20260102000000_email/down.sql", own);
    let ended =
        run(&project.path(), &["undo it", "--revert", "email", "--allow-destructive", "--dry-run"]).expect(0);
    assert!(ended.stdout.contains("DROP \"email\" RESTRICT;"), "{}", ended.stdout);
    std::fs::remove_file(project.path().join("prisma/migrations/20260102000000_email/down.sql")).unwrap();
    project.write(
        "prisma/migrations/20260104000000_index/migration.sql",
        "CREATE INDEX \"Reader_email_idx\" ON \"Reader\"(\"email\");\n",
    );
    run(&project.path(), &["--revert", "email", "--allow-destructive"])
        .expect(1)
        .says(&["migrations after it build on it", "index Reader_email_idx is missing"]);
    run(&project.path(), &["--revert", "first", "--allow-destructive"])
        .expect(1)
        .says(&["migrations after it build on it", "column Reader.email is missing"]);
}

/// The house style, a label that cannot be taken away, and a default that stands in the way.
#[test]
fn a_label_is_taken_back_in_the_house_style() {
    let first = "CREATE TYPE \"Kind\" AS ENUM ('A', 'B');\nCREATE TABLE \"Reader\" (\"id\" INTEGER NOT NULL, \
                 \"kind\" \"Kind\" NOT NULL DEFAULT 'A', CONSTRAINT \"Reader_pkey\" PRIMARY KEY (\"id\"));\n";
    let label = "ALTER TYPE \"Kind\" ADD VALUE 'C';\n";
    let migrations = [("20260101000000_first", first), ("20260102000000_label", label)];
    let project = project("  kind Kind @default(A)\n", &migrations);
    project.write("run-migration.toml", "[sql]\nidempotent = true\n");
    project.write("prisma/schema.prisma", &schema("  kind Kind @default(A)\n", "enum Kind {\n  A\n  B\n}\n"));
    let args = ["--revert", "label", "--skip-freshness-check"];
    run(&project.path(), &args).expect(2).says(&["remove_enum_value", "Kind"]);
    let allowed = [&args[..], &["--allow-destructive", "--format", "json"]].concat();
    let report = run(&project.path(), &allowed).expect(0).json();
    let sql = report["migration"]["sql"].as_str().unwrap();
    assert!(sql.contains("-- It fails where:\n--   a row holds 'C' of Kind"), "{sql}");
    run(&project.path(), &["again", "--skip-freshness-check"]).expect(0).says(&["No schema changes"]);
}

#[test]
fn in_another_schema_the_way_back_names_none() {
    let project = project("  email String?\n", &[("20260101000000_first", FIRST)]);
    project.write("run-migration.toml", "database_schema = \"app\"\n");
    let ended = run(&project.path(), &["x", "--down", "--dry-run", "--skip-freshness-check"]).expect(0);
    assert!(ended.stdout.ends_with("\nALTER TABLE \"Reader\" DROP COLUMN \"email\";\n"), "{}", ended.stdout);
}
