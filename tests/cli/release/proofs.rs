//! What is proved on the temporary PostgreSQL.

use crate::support::release::{Pair, Release, finding, findings, verdict};

const MODEL: &str = "model User {\n  id Int @id\n  email String\n}\n";
const ONE: (&str, &str) = (
    "20260101000000_one",
    "CREATE TABLE \"User\" (\"id\" INTEGER NOT NULL, \"email\" TEXT NOT NULL, CONSTRAINT \"User_pkey\" PRIMARY KEY (\"id\"));\n",
);
const NAME: (&str, &str) = ("20260102000000_name", "ALTER TABLE \"User\" ADD COLUMN \"name\" TEXT;\n");

fn old() -> Release {
    Release::new("1.0").migrations(&[ONE]).schema(MODEL)
}

fn with_name() -> String {
    MODEL.replace("}\n", "  name String?\n}\n")
}

#[track_caller]
fn verdicts(report: &serde_json::Value) -> [&str; 3] {
    ["install", "upgrade", "schema"].map(|gate| verdict(report, gate))
}

#[test]
fn a_sound_release_passes_and_says_so() {
    let new = Release::new("1.1").migrations(&[ONE, NAME]).schema(&with_name());
    let report = Pair::new(&old(), &new).report(0);
    assert_eq!(verdicts(&report), ["passed"; 3]);
    assert!(findings(&report).iter().all(|finding| finding.starts_with("info ")), "{report:#}");
    assert_eq!(report["release"]["rollout"]["order"], "rolling");
    let meets = &report["release"]["running"];
    assert_eq!(meets.as_array().unwrap().len(), 1, "{meets:#}");
    assert_eq!((&meets[0]["severity"], &meets[0]["object"]), (&"prepared-plan".into(), &"User".into()));
}

#[test]
fn an_upgraded_database_that_is_not_as_a_new_one_is_refused_by_object() {
    let old = Release::new("1.0").migrations(&[ONE, NAME]).schema(&with_name());
    let edited =
        (NAME.0, "ALTER TABLE \"User\" ADD COLUMN \"name\" VARCHAR(50), ADD COLUMN \"nick\" TEXT;\n");
    let schema = MODEL.replace("}\n", "  name String? @db.VarChar(50)\n  nick String?\n}\n");
    let new = Release::new("1.1").migrations(&[ONE, edited]).schema(&schema);
    let report = Pair::new(&old, &new).report(4);
    assert_eq!(verdicts(&report), ["passed", "refused_out_of_sync", "passed"]);
    let found = findings(&report);
    for wanted in ["refuse catalogs_differ User.name", "refuse catalogs_differ User.nick"] {
        assert!(found.contains(&wanted.to_owned()), "{found:?}");
    }
    let differences: Vec<_> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["rule"] == "catalogs_differ")
        .collect();
    assert!(differences[0]["why"].as_str().unwrap().contains("type: character varying(50) instead of text"));
    assert!(
        differences[1]["why"]
            .as_str()
            .unwrap()
            .contains("code that is generated from it fails on an upgraded")
    );
    let edit = finding(&report, "migration_edited");
    assert!(edit["proof"].to_string().contains("User.name, User.nick"), "{edit:#}");
    let steps = report["release"]["rollout"]["steps"].to_string();
    assert!(steps.contains("pods of 1.1 fail on this database") && steps.contains("`User.nick`"), "{steps}");
}

#[test]
fn what_the_schema_wants_and_no_migration_makes_is_refused_unless_it_was_so_before() {
    let forgotten = Release::new("1.1").migrations(&[ONE]).schema(&with_name());
    let report = Pair::new(&old(), &forgotten).report(4);
    assert_eq!(verdicts(&report), ["passed", "passed", "refused_out_of_sync"]);
    assert_eq!(findings(&report), ["refuse schema_differs User.name"]);
    let still = Release::new("1.2").migrations(&[ONE]).schema(&with_name());
    let report = Pair::new(&forgotten, &still).report(0);
    assert_eq!(findings(&report), ["info schema_differs User.name"]);
    assert!(finding(&report, "schema_differs")["why"].as_str().unwrap().starts_with("as in 1.1: "));
}

#[test]
fn a_migration_that_fails_is_found_where_it_fails() {
    // On a new database.
    let broken = ("20260103000000_broken", "ALTER TABLE \"Nobody\" ADD COLUMN a TEXT;\n");
    let report = Pair::new(&old(), &Release::new("1.1").migrations(&[ONE, broken]).schema(MODEL)).report(4);
    assert_eq!(verdicts(&report), ["refused_out_of_sync", "refused_out_of_sync", "left_out"]);
    let fails = finding(&report, "migration_fails");
    assert_eq!((&fails["object"], &fails["line"]), (&broken.0.into(), &1.into()));
    assert!(fails["why"].as_str().unwrap().contains("42P01"), "{fails:#}");

    // On an upgraded one alone: the same text a second time.
    let renamed = Release::new("1.1").migrations(&[("20260109000000_one", ONE.1)]).schema(MODEL);
    let report = Pair::new(&old(), &renamed).report(4);
    assert_eq!(verdicts(&report), ["passed", "refused_out_of_sync", "passed"]);
    let why = finding(&report, "migration_fails")["why"].as_str().unwrap();
    assert!(why.contains("on a database on 1.0 it fails") && why.contains("42P07"), "{why}");

    // The previous one was broken: what mends it may go out.
    let broken_before = Release::new("0.9").migrations(&[ONE, broken]).schema(MODEL);
    let report = Pair::new(
        &broken_before,
        &Release::new("1.0").migrations(&[ONE, (broken.0, "-- nothing\n")]).schema(MODEL),
    );
    let report = report.report(4);
    assert_eq!(verdicts(&report), ["passed", "left_out", "passed"]);
    assert!(findings(&report).contains(&format!("warn migration_fails {}", broken.0)), "{report:#}");
}

#[test]
fn what_only_this_server_lacks_is_no_fault_of_the_release() {
    let extension = ("20260103000000_extension", "CREATE EXTENSION no_such_extension_anywhere;\n");
    let pair = Pair::new(&old(), &Release::new("1.1").migrations(&[ONE, extension]).schema(MODEL));
    let report = pair.report(1);
    assert_eq!(verdicts(&report), ["failed"; 3]);
    assert!(report["error"].as_str().unwrap().contains("no_such_extension_anywhere"), "{report:#}");
    // What needs no database was checked all the same.
    assert_eq!(verdict(&report, "history"), "passed");
}

#[test]
fn what_the_histories_and_the_script_before_them_need_is_there() {
    let grant = ("20260102000000_grant", "GRANT SELECT ON \"User\" TO reader, maker;\n");
    let old = Release::new("1.0").migrations(&[ONE, grant]).schema(MODEL);
    let more = "CREATE EXTENSION citext;\nGRANT INSERT ON \"User\" TO writer;\nCREATE VIEW v AS SELECT * FROM auth.users;\n";
    let new = Release::new("1.1").migrations(&[ONE, grant, ("20260103000000_more", more)]).schema(MODEL);
    let pair = Pair::new(&old, &new);
    let put = |name: &str, text: &str| std::fs::write(pair.place().join(name), text).unwrap();
    put("run-migration.toml", "[external]\nbefore = \"before.sql\"\n");
    put("before.sql", "CREATE ROLE maker;\nCREATE SCHEMA auth;\nCREATE TABLE auth.users (id integer);\n");
    assert_eq!(verdicts(&pair.report(0)), ["passed"; 3]);
}

#[test]
fn rows_that_are_there_before_are_looked_at_afterwards() {
    let sql = "CREATE FUNCTION shorten() RETURNS void LANGUAGE plpgsql AS $$ BEGIN \
               EXECUTE 'UPDATE \"User\" SET email = left(email, 1) WHERE id > 0'; END $$;\nSELECT shorten();\n";
    let new = Release::new("1.1").migrations(&[ONE, ("20260103000000_shorten", sql)]).schema(MODEL);
    let report = Pair::new(&old(), &new).check(&["--format", "json"]).json();
    let told = findings(&report).into_iter().any(|finding| finding.contains(" User"));
    assert!(told, "the change of the rows is told: {report:#}");

    let required = ("20260103000000_required", "ALTER TABLE \"User\" ADD COLUMN \"age\" INTEGER NOT NULL;\n");
    let schema = MODEL.replace("}\n", "  age Int\n}\n");
    let report =
        Pair::new(&old(), &Release::new("1.1").migrations(&[ONE, required]).schema(&schema)).report(0);
    let found = findings(&report);
    assert!(found.contains(&"warn required_column User.age".to_owned()), "{found:?}");
    assert!(found.contains(&format!("warn migration_fails {}", required.0)), "{found:?}");
    let steps = report["release"]["rollout"]["steps"].to_string();
    assert!(steps.contains("Look for rows that are in the way in `User.age`"), "{steps}");
}

#[test]
fn what_a_project_builds_beside_its_migrations_counts() {
    let indexed = MODEL.replace("}\n", "  @@index([email])\n}\n");
    let pair = Pair::new(&old(), &Release::new("1.1").migrations(&[ONE]).schema(&indexed));
    pair.report(4);
    std::fs::write(
        pair.place().join("beside.sql"),
        "CREATE INDEX IF NOT EXISTS \"User_email_idx\" ON \"User\" (\"email\");",
    )
    .unwrap();
    std::fs::write(pair.place().join("run-migration.toml"), "[external]\nsetup = \"beside.sql\"\n").unwrap();
    assert_eq!(verdicts(&pair.report(0)), ["passed"; 3]);
}
