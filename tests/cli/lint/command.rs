//! The command line of `lint`.

use std::{io::Write, path::Path, process::Stdio};

use crate::support::run::{Ended, run, tool};

const DROP: &str = "-- AlterTable\nALTER TABLE \"User\" ADD COLUMN \"a\" TEXT,\nDROP COLUMN \"email\";\n";

fn write(directory: &Path, name: &str, text: &str) {
    let path = directory.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn lint_stdin(directory: &Path, args: &[&str], text: &str) -> Ended {
    let mut child = tool(directory, &[&["lint", "-"], args].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    child.wait_with_output().unwrap().into()
}

#[test]
fn a_refusal_shows_the_sql_with_the_place_marked() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "m.sql", DROP);
    let ended = run(dir.path(), &["lint", "m.sql"]).expect(2);
    insta::assert_snapshot!(ended.stdout, @r#"
    refuse: drop_column: User.email
     --> m.sql:3:1
      |
    3 | DROP COLUMN "email";
      | ^^^^^^^^^^^^^^^^^^^
      |
      = why: The column's values are gone for good, and its indexes with them; code that still names it fails.
      = instead: Stop using the column first; drop it in a later release with a human's consent. If it got another name, write ALTER TABLE ... RENAME COLUMN: Prisma writes a rename as a drop and an add.

    1 file: 1 refuse, 0 warn, 0 info
    "#);
    let (notice, way) = ended.stderr.split_once("A human").unwrap();
    assert!(notice.trim_start().starts_with("AI AGENTS / ASSISTANTS:"), "{}", ended.stderr);
    assert!(way.ends_with("    -- run-migration: allow drop_column:User.email because REASON\n"), "{way}");
}

#[test]
fn what_is_fine_passes_with_one_line() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "m.sql", "CREATE TABLE t (a int);\n");
    let ended = run(dir.path(), &["lint", "m.sql"]).expect(0);
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("1 file: 0 refuse, 0 warn, 0 info\n", ""));
}

#[test]
fn a_warning_does_not_stop_and_an_info_shows_on_request() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "m.sql", "CREATE INDEX i ON t (a);\nDELETE FROM s WHERE a = 1;\n");
    let quiet = run(dir.path(), &["lint", "m.sql"]).expect(0);
    assert!(
        quiet.stdout.contains("warn: create_index: i") && !quiet.stdout.contains("delete_rows"),
        "{quiet:?}"
    );
    let all = run(dir.path(), &["lint", "m.sql", "-v"]).expect(0);
    assert!(all.stdout.contains("info: delete_rows: s"), "{}", all.stdout);
}

#[test]
fn json_has_the_documented_shape() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "m.sql", DROP);
    let ended = run(dir.path(), &["lint", "m.sql", "--format", "json"]).expect(2);
    let report = ended.json();
    assert_eq!((&report["command"], &report["outcome"]), (&"lint".into(), &"refused_destructive".into()));
    let [finding] = report["findings"].as_array().unwrap().as_slice() else { panic!("{report:#}") };
    let wanted = serde_json::json!({
        "rule": "drop_column", "severity": "refuse", "object": "User.email", "file": "m.sql", "line": 3, "column": 1,
        "statement": "ALTER TABLE \"User\" ADD COLUMN \"a\" TEXT,\nDROP COLUMN \"email\";",
        "why": finding["why"], "safer": finding["safer"],
    });
    assert_eq!(*finding, wanted);
}

#[test]
fn standard_input_directories_and_files_are_read_together() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "d/2/migration.sql", "DROP TABLE two;");
    write(dir.path(), "d/1/migration.sql", "DROP TABLE one;");
    write(dir.path(), "d/.hidden/x.sql", "DROP TABLE hidden;");
    write(dir.path(), "d/readme.md", "DROP TABLE readme;");
    write(dir.path(), "x.txt", "DROP TABLE named;");
    let ended = lint_stdin(dir.path(), &["d", "x.txt", "--format", "json"], "DROP TABLE piped;").expect(2);
    let report = ended.json();
    let found: Vec<_> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| (f["file"].as_str().unwrap(), f["object"].as_str().unwrap()))
        .collect();
    let wanted = [
        ("<stdin>", "piped"),
        ("d/1/migration.sql", "one"),
        ("d/2/migration.sql", "two"),
        ("x.txt", "named"),
    ];
    assert_eq!(found, wanted);
}

#[test]
fn what_cannot_be_read_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("empty")).unwrap();
    run(dir.path(), &["lint", "missing.sql"]).expect(1).says(&["missing.sql"]);
    run(dir.path(), &["lint", "empty"]).expect(1).says(&["empty", "no .sql file"]);
    run(dir.path(), &["lint"]).expect(64);
}

#[test]
fn a_history_of_prismas_tells_makers_types_and_labels() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "migrations/migration_lock.toml", "provider = \"postgresql\"\n");
    write(dir.path(), "migrations/1_init/migration.sql", "CREATE TABLE t (n int, price float8);");
    write(
        dir.path(),
        "migrations/2_next/migration.sql",
        "ALTER TABLE t ALTER n TYPE bigint, ALTER price TYPE int;\nDROP TABLE t;\n",
    );
    for path in ["migrations", "migrations/2_next/migration.sql"] {
        let report = run(dir.path(), &["lint", path, "--format", "json"]).expect(2).json();
        let found: Vec<_> = report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|f| {
                format!(
                    "{} {} {}",
                    f["rule"],
                    f["created_in"],
                    f["why"].as_str().unwrap().split('.').next().unwrap()
                )
            })
            .collect();
        assert_eq!(found.len(), 3, "{found:#?}");
        assert!(found[0].contains("rewrite_table") && found[0].contains("1_init"), "{found:#?}");
        assert!(found[1].contains("lossy_type_change") && found[1].ends_with("1"), "{found:#?}");
        assert!(found[2].contains("drop_table") && found[2].contains("1_init"), "{found:#?}");
    }
}

#[test]
fn a_waiver_with_a_reason_lets_just_its_finding_through() {
    let dir = tempfile::tempdir().unwrap();
    let waived = format!("-- run-migration: allow drop_column:User.email because it is empty\n{DROP}");
    write(dir.path(), "m.sql", &waived);
    let report = run(dir.path(), &["lint", "m.sql", "--format", "json"]).expect(0).json();
    let allowed = &report["findings"][0]["allowed"];
    assert_eq!(*allowed, serde_json::json!({ "by": "waiver", "reason": "it is empty" }));
    write(dir.path(), "m.sql", &format!("{waived}DROP TABLE t;"));
    run(dir.path(), &["lint", "m.sql"]).expect(2);
    write(dir.path(), "m.sql", &waived.replace(" because it is empty", ""));
    let ended = run(dir.path(), &["lint", "m.sql"]).expect(2);
    assert!(ended.stdout.contains("unused_waiver") && ended.stdout.contains("no reason"), "{}", ended.stdout);
}

#[test]
fn the_configuration_forbids_waivers_and_holds_consents() {
    let dir = tempfile::tempdir().unwrap();
    let waived = format!("-- run-migration: allow drop_column:User.email because it is empty\n{DROP}");
    write(dir.path(), "m.sql", &waived);
    write(dir.path(), "run-migration.toml", "[guard]\nforbid_waivers = [\"drop_column\"]\n");
    let ended = run(dir.path(), &["lint", "m.sql"]).expect(2);
    assert!(ended.stdout.contains("the configuration forbids waivers for drop_column"), "{}", ended.stdout);
    write(dir.path(), "1_x/migration.sql", DROP);
    let entry = "[[allow]]\nmigration = \"1_x\"\nrule = \"drop_column\"\nobject = \"User.email\"\nreason = \"empty\"\n";
    write(dir.path(), "run-migration.toml", entry);
    let report = run(dir.path(), &["lint", "1_x/migration.sql", "--format", "json"]).expect(0).json();
    assert_eq!(report["findings"][0]["allowed"]["by"], "configuration");
    write(dir.path(), "run-migration.toml", "[guard]\nforbid_waivers = [\"drop_colum\"]\n");
    run(dir.path(), &["lint", "m.sql"]).expect(1).says(&["run-migration.toml", "drop_colum"]);
}

#[test]
fn a_rule_is_explained() {
    let dir = tempfile::tempdir().unwrap();
    let ended = run(dir.path(), &["lint", "--explain", "drop_column"]).expect(0);
    assert!(ended.stdout.starts_with("## drop_column\n\n`refuse`: "), "{}", ended.stdout);
    run(dir.path(), &["lint", "--explain", "drop_colum"]).expect(64).says(&["drop_colum", "drop_column"]);
    let all = run(dir.path(), &["lint", "--explain", "all"]).expect(0);
    assert_eq!(all.stdout, include_str!("../../../docs/rules.md"));
}

#[test]
fn every_real_migration_is_understood() {
    let Some(release) = crate::support::corpus::release("0.4.110") else { return };
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "migrations/migration_lock.toml", "provider = \"postgresql\"\n");
    for (name, sql) in &release.migrations {
        write(dir.path(), &format!("migrations/{name}/migration.sql"), sql);
    }
    let report = run(dir.path(), &["lint", "migrations", "--format", "json"]).expect(2).json();
    let rules: std::collections::BTreeSet<_> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["rule"].as_str().unwrap())
        .collect();
    assert!(!rules.contains("unparsed_sql") && !rules.contains("dynamic_sql"), "{rules:?}");
    assert!(rules.contains("drop_index") && rules.contains("rename_table"), "{rules:?}");
}
