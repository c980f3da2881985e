//! What a deployment would meet, told before it meets it.

use serde_json::Value;

use crate::{
    live::fixture::{MIGRATIONS, Site, State, UNKNOWN, in_state},
    support::{
        live::{Bouncer, Database, server},
        run::{Ended, tool},
    },
};

fn preflight(site: &Site, database: &Database, more: &[&str]) -> Ended {
    let args = [&["preflight", "--format", "json"], more].concat();
    let before = (database.dump(), site.ask(&["status"], &database.url("app", "")).stdout);
    let ended = site.ask(&args, &database.url("app", ""));
    let after = (database.dump(), site.ask(&["status"], &database.url("app", "")).stdout);
    assert_eq!(before, after, "it only reads");
    ended
}

/// The objects that `rule` found something about.
fn found<'a>(report: &'a Value, rule: &str) -> Vec<&'a str> {
    let findings = report["findings"].as_array().unwrap().iter();
    findings.filter(|one| one["rule"] == rule).map(|one| one["object"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn where_nothing_is_amiss_the_way_is_clear() {
    let site = Site::new();
    for state in [State::Equal, State::Behind, State::Empty] {
        let database = in_state(state, "public").await;
        database
            .execute("CREATE TABLE other.theirs (id int); CREATE INDEX theirs_idx ON other.theirs (id)")
            .await;
        let report = preflight(&site, &database, &[]).expect(0).json();
        assert_eq!(report["outcome"], "passed", "{state:?}");
        assert_eq!(report["preflight"]["foreign"], serde_json::json!(["other.theirs"]));
        let findings = report["findings"].as_array().unwrap();
        assert!(findings.iter().all(|one| one["severity"] == "info"), "{state:?}: {findings:#?}");
        // And so a deployment goes through.
        site.ask(&["deploy"], &database.url("app", "")).expect(0);
    }
}

#[tokio::test]
async fn a_column_that_exists_already_is_foretold() {
    let site = Site::new();
    let database = in_state(State::Behind, "public").await;
    database.execute("ALTER TABLE \"Loan\" ADD COLUMN \"due\" DATE").await;
    let report = preflight(&site, &database, &[]).expect(4).json();
    assert_eq!(found(&report, "would_fail"), [MIGRATIONS[2].0]);
    assert_eq!(found(&report, "drift"), ["Loan.due"]);
    let text = report["findings"].to_string();
    assert!(text.contains("42701") && text.contains("already exists"), "{text}");
    let before = database.ledger("public").await;
    site.ask(&["deploy"], &database.url("app", "")).expect(4).says(&["already exists", "AI AGENTS"]);
    assert_eq!(database.ledger("public").await, before);
}

#[tokio::test]
async fn a_table_that_is_missing_is_foretold_and_other_drift_is_only_told() {
    let site = Site::new();
    let database = in_state(State::Behind, "public").await;
    database.execute("DROP TABLE \"Reader\"; CREATE INDEX extra ON \"Loan\"(id)").await;
    let report = preflight(&site, &database, &[]).expect(0).json();
    let drift = found(&report, "drift");
    assert!(drift.contains(&"Reader") && drift.contains(&"extra"), "{drift:?}");
    database.execute("DROP TABLE \"Loan\"").await;
    let report = preflight(&site, &database, &[]).expect(4).json();
    assert_eq!(found(&report, "would_fail"), [MIGRATIONS[2].0]);
    assert!(report["findings"].to_string().contains("42P01"), "{report:#}");
}

#[tokio::test]
async fn what_is_built_beside_the_migrations_is_no_drift() {
    let site = Site::new();
    let database = in_state(State::Equal, "public").await;
    database.execute("CREATE INDEX extra ON \"Loan\"(id); CREATE TABLE beside (id int PRIMARY KEY)").await;
    assert_eq!(found(&preflight(&site, &database, &[]).expect(0).json(), "drift"), ["extra"]);
    let config = "[external]\nkeep = [\"index:extra\", \"table:beside\"]\n";
    std::fs::write(site.path().join("run-migration.toml"), config).unwrap();
    let report = preflight(&site, &database, &[]).expect(0).json();
    assert_eq!(found(&report, "drift"), [""; 0]);
    assert_eq!(report["preflight"]["foreign"], serde_json::json!([]));
}

#[tokio::test]
async fn what_does_not_run_even_after_the_history_would_fail() {
    let site = Site::new();
    site.add(UNKNOWN.0, "ALTER TABLE \"Nonesuch\" ADD COLUMN a int;\n");
    let database = in_state(State::Equal, "public").await;
    let report = preflight(&site, &database, &[]).expect(4).json();
    assert_eq!(found(&report, "would_fail"), [UNKNOWN.0]);
    assert_eq!(report["findings"][0]["line"], 1);
}

#[tokio::test]
async fn a_failed_row_and_a_missing_ledger_stop_it() {
    let site = Site::new();
    let database = in_state(State::Failed, "public").await;
    let report = preflight(&site, &database, &[]).expect(4).json();
    assert_eq!(found(&report, "failed_migration"), [MIGRATIONS[2].0]);
    let database = in_state(State::NotManaged, "public").await;
    let report = preflight(&site, &database, &[]).expect(4).json();
    assert_eq!(found(&report, "not_managed"), ["public"]);
}

#[tokio::test]
async fn a_role_that_lacks_rights_is_told_which() {
    let site = Site::new();
    site.add(UNKNOWN.0, UNKNOWN.1);
    let database = in_state(State::Behind, "public").await;
    database
        .execute("GRANT ALL ON _prisma_migrations TO reader; GRANT SELECT, INSERT ON \"Loan\" TO reader")
        .await;
    let args = ["preflight", "--format", "json"];
    let report = site.ask(&args, &database.url("reader", "")).expect(4).json();
    let mut lacks = found(&report, "missing_privilege");
    lacks.sort_unstable();
    assert_eq!(lacks, ["Loan", "public"], "{report:#}");
    let text = report["findings"].to_string();
    assert!(text.contains("the role reader lacks ownership: it belongs to app"), "{text}");
    assert!(text.contains("CREATE on the schema"), "{text}");
    let before = database.ledger("public").await;
    site.ask(&["deploy"], &database.url("reader", "")).expect(4);
    assert_eq!(database.ledger("public").await, before);
}

#[tokio::test]
async fn rights_on_rows_are_missed_too() {
    let site = Site::new();
    let sql = "CREATE TABLE s.\"Own\" AS SELECT id FROM \"Reader\";\n\
               INSERT INTO s.\"Own\" VALUES ('1');\n\
               UPDATE \"Loan\" SET due = NULL WHERE id = '1';\n\
               DO $$ BEGIN IF current_setting('server_version') = 'x' THEN DELETE FROM \"Loan\"; END IF; END $$;\n";
    site.add(UNKNOWN.0, sql);
    let database = in_state(State::Equal, "public").await;
    database
        .execute(
            "GRANT ALL ON _prisma_migrations TO reader; GRANT SELECT, UPDATE (due) ON \"Loan\" TO reader;
             CREATE SCHEMA s; GRANT ALL ON SCHEMA s TO reader",
        )
        .await;
    std::fs::write(site.path().join("run-migration.toml"), "[external]\nbefore = \"before.sql\"\n").unwrap();
    std::fs::write(site.path().join("before.sql"), "CREATE SCHEMA s;").unwrap();
    let (url, args) = (database.url("reader", ""), ["preflight", "--format", "json"]);
    let report = site.ask(&args, &url).expect(4).json();
    let lacks = |report: &Value| -> Vec<String> {
        let findings = report["findings"].as_array().unwrap().iter();
        let findings = findings.filter(|one| one["rule"] == "missing_privilege");
        findings
            .map(|one| format!("{} {} {}", one["severity"], one["line"], one["why"]).replace('"', ""))
            .collect()
    };
    let told = lacks(&report);
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(
        told[0].starts_with("refuse 1 the role reader lacks SELECT on the table, which belongs to app"),
        "{told:#?}"
    );
    assert!(told[1].starts_with("warn 4 the role reader lacks DELETE on the table"), "{told:#?}");
    assert!(report["findings"][0]["file"].as_str().unwrap().ends_with("/migration.sql"), "{report:#}");
    site.ask(&["deploy", "--skip-preflight"], &url).expect(1).says(&["permission denied for table Reader"]);
    // With these rights it runs.
    database.execute("GRANT SELECT ON \"Reader\" TO reader; UPDATE _prisma_migrations SET rolled_back_at = now() WHERE finished_at IS NULL").await;
    let report = site.ask(&args, &url).expect(0).json();
    assert_eq!(lacks(&report).len(), 1, "{report:#}");
    site.ask(&["deploy"], &url).expect(0);
}

#[tokio::test]
async fn what_is_destroyed_or_blocked_is_told_with_its_size() {
    let site = Site::new();
    site.add(UNKNOWN.0, "ALTER TABLE \"Loan\" DROP COLUMN \"due\";\n");
    let database = in_state(State::Equal, "public").await;
    // Without rows nothing is lost.
    let report = preflight(&site, &database, &[]).expect(0).json();
    assert_eq!(report["findings"][0]["severity"], "info", "{report:#}");
    database
        .execute("INSERT INTO \"Loan\" SELECT g, '2026-01-01' FROM generate_series(1, 500) g; ANALYZE")
        .await;
    let report = preflight(&site, &database, &[]).expect(2).json();
    assert_eq!(report["preflight"]["sizes"][0]["table"], "Loan");
    assert_eq!(report["preflight"]["sizes"][0]["rows"], 500);
    assert!(report["findings"].to_string().contains("Loan has about 500 rows"), "{report:#}");
    preflight(&site, &database, &["--allow", "drop_column:Loan.due"]).expect(0);
    site.ask(&["deploy"], &database.url("app", "")).expect(2).says(&["DESTRUCTIVE MIGRATION DETECTED"]);
    site.ask(&["deploy", "--allow", "drop_column:Loan.due"], &database.url("app", "")).expect(0);
}

#[tokio::test]
async fn who_holds_the_lock_is_named() {
    let site = Site::new();
    let database = in_state(State::Behind, "public").await;
    let holder = database.session("app").await;
    holder
        .batch_execute("SET application_name = 'the other'; SELECT pg_advisory_lock(72707369)")
        .await
        .unwrap();
    let report = preflight(&site, &database, &[]).expect(0).json();
    let held = report["preflight"]["lock_held_by"].as_str().unwrap();
    assert!(held.contains("the other"), "{held}");
}

#[tokio::test]
async fn without_a_temporary_server_it_says_which_proofs_are_missing() {
    let site = Site::new();
    let database = in_state(State::Behind, "public").await;
    let nowhere = ["--postgres-bin", "/nonexistent"];
    let ended = preflight(&site, &database, &nowhere).expect(1);
    let report = ended.json();
    assert_eq!(report["preflight"]["missing_proofs"].as_array().unwrap().len(), 3);
    assert_eq!(report["outcome"], "failed");
    let mut command = tool(site.path().as_std_path(), &["deploy", "--postgres-bin", "/nonexistent"]);
    let stopped = command.env("DATABASE_URL", database.url("app", "")).output().unwrap();
    Ended::from(stopped).expect(1).says(&["these proofs are missing", "--skip-preflight"]);
    assert_eq!(database.ledger("public").await.len(), 2);
}

#[tokio::test]
async fn another_schema_is_looked_at_where_prisma_works() {
    let site = Site::new();
    let database = server().database().await;
    let url = database.url("app", "schema=other");
    site.ask(&["preflight"], &url).expect(0);
    site.ask(&["deploy"], &url).expect(0);
    site.add(UNKNOWN.0, UNKNOWN.1);
    database.execute("CREATE TABLE other.\"Fine\" (id int)").await;
    let report = site.ask(&["preflight", "--format", "json"], &url).expect(4).json();
    assert_eq!(found(&report, "would_fail"), [UNKNOWN.0]);
    assert_eq!(found(&report, "drift")[0], "other.Fine", "{report:#}");
}

#[tokio::test]
async fn a_pooler_is_no_hindrance_to_looking() {
    let site = Site::new();
    let database = in_state(State::Behind, "other").await;
    let bouncer = Bouncer::start(server()).await;
    let url = database.url_at("127.0.0.1", bouncer.port, "app", "schema=other&pgbouncer=true");
    for _ in 0..2 {
        site.ask(&["preflight"], &url).expect(0);
    }
}
