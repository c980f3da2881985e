//! Migrations that fail, tools that are killed: the ledger tells the truth.

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use super::deploy;
use crate::{
    live::{
        fixture::{MIGRATIONS, Site, State, UNKNOWN, in_state},
        prisma::Prisma,
    },
    support::{
        live::server,
        run::{Ended, PATIENCE, tool},
    },
};

const BAD: (&str, &str) = ("20260103500000_bad", "CREATE TABLE \"Loan\" (\"id\" TEXT);\n");

#[tokio::test]
async fn a_migration_that_fails_is_recorded_with_its_error_and_later_ones_are_not_touched() {
    let prisma = Prisma::new("7.10.1").await;
    let site = &prisma.history;
    site.add(BAD.0, BAD.1);
    site.add(UNKNOWN.0, UNKNOWN.1);
    let database = server().database().await;
    let url = database.url("app", "");
    let ended = deploy(site, &database, &[]).expect(1);
    assert!(ended.stdout.starts_with("failed: 20260103500000_bad, after 3 migrations applied"), "{ended:?}");
    ended.says(&[
        "migration.sql:1",
        "42P07",
        "relation \"Loan\" already exists",
        "resolve 20260103500000_bad",
    ]);
    let ledger = database.ledger("public").await;
    assert_eq!(ledger.len(), 4);
    let row = &ledger[3];
    assert!(row.contains("Migration name: 20260103500000_bad") && row.contains("42P07"), "{row}");
    assert!(row.ends_with(" 0 false false"), "{row}");
    // Neither of us goes on before somebody decides.
    let again = deploy(site, &database, &[]).expect(4).says(&["P3009", "--rolled-back", "AI AGENTS"]);
    assert!(again.stdout.contains("failed: 1 migration failed"), "{again:?}");
    prisma.migrate("deploy", &url).expect(1).says(&["P3009"]);
    assert_eq!(database.ledger("public").await, ledger);
    prisma.migrate(&format!("resolve --rolled-back {}", BAD.0), &url).expect(0);
    site.add(BAD.0, "SELECT 1;\n");
    deploy(site, &database, &[]).expect(0);
    prisma.migrate("status", &url).expect(0);
}

#[tokio::test]
async fn what_failed_under_prisma_is_a_humans_to_decide() {
    let site = Site::new();
    let database = in_state(State::Failed, "public").await;
    let before = database.ledger("public").await;
    let report = deploy(&site, &database, &["--format", "json"]).expect(4).json();
    assert_eq!(report["outcome"], "refused_out_of_sync");
    assert_eq!(report["database"]["failed"][0]["name"], MIGRATIONS[2].0);
    assert_eq!(report["requires_human"], true);
    assert_eq!(database.ledger("public").await, before);
    // The way out that is told leads out.
    let url = database.url("app", "");
    site.ask(&["resolve", MIGRATIONS[2].0, "--rolled-back"], &url).expect(0);
    deploy(&site, &database, &[]).expect(0);
    site.ask(&["status"], &url).expect(0);
}

#[tokio::test]
async fn a_lock_that_cannot_be_had_leaves_nothing_and_is_tried_again() {
    let site = Site::new();
    let database = in_state(State::Behind, "public").await;
    let other = database.session("app").await;
    other.batch_execute("BEGIN; LOCK TABLE \"Loan\" IN ACCESS SHARE MODE").await.unwrap();
    deploy(&site, &database, &["--lock-timeout", "0.3"]).expect(1).says(&[
        "55P03",
        "rolled back",
        "run the same again",
    ]);
    let ledger = database.ledger("public").await;
    assert!(ledger[2].ends_with(" 0 false true"), "{ledger:#?}");
    other.batch_execute("ROLLBACK").await.unwrap();
    deploy(&site, &database, &[]).expect(0);
    site.ask(&["status"], &database.url("app", "")).expect(0);
}

#[tokio::test]
async fn a_statement_has_its_limit() {
    let site = Site::new();
    site.add(UNKNOWN.0, "SELECT pg_sleep(600);\n");
    let database = in_state(State::Equal, "public").await;
    deploy(&site, &database, &["--statement-timeout", "1"]).expect(1).says(&["57014", "statement timeout"]);
    assert!(database.ledger("public").await[3].ends_with(" 0 false false"));
}

#[tokio::test]
async fn a_role_without_rights_marks_nothing_as_applied() {
    let site = Site::new();
    let database = in_state(State::Behind, "public").await;
    let grants = "GRANT ALL ON _prisma_migrations TO reader; GRANT SELECT ON \"Loan\" TO reader";
    database.execute(grants).await;
    let url = database.url("reader", "");
    let ended = site.ask(&["deploy", "--skip-preflight"], &url).expect(1);
    ended.says(&["42501", "must be owner of table Loan", "deploy as the role that owns"]);
    let ledger = database.ledger("public").await;
    assert!(ledger[2].ends_with(" 0 false false"), "{ledger:#?}");
}

/// Killed anywhere, the next run ends where an undisturbed one does, or says what has to be decided.
#[tokio::test]
async fn killed_at_any_moment_the_ledger_tells_the_truth() {
    let prisma = Prisma::new("7.10.1").await;
    let site = &prisma.history;
    for number in 0..12 {
        let sql = format!("CREATE TABLE \"T{number}\" (id int); SELECT pg_sleep(0.02);\n");
        site.add(&format!("20260201{number:06}_t"), &sql);
    }
    let whole = server().database().await;
    deploy(site, &whole, &[]).expect(0);
    let database = server().database().await;
    let mut resumed = 0;
    for attempt in 0..8_u64 {
        let mut command = tool(site.path().as_std_path(), &["deploy", "--skip-preflight"]);
        command.env("DATABASE_URL", database.url("app", "")).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        std::thread::sleep(Duration::from_millis(60 + 23 * attempt));
        child.kill().unwrap();
        child.wait().unwrap();
        let question =
            "SELECT count(*) FROM _prisma_migrations WHERE finished_at IS NULL AND rolled_back_at IS NULL";
        if let Ok(row) = database.client.query_one(question, &[]).await {
            resumed += row.get::<_, i64>(0);
        }
    }
    // The lock of the dead goes free.
    let report = deploy(site, &database, &["--format", "json"]).expect(0).json();
    assert!(report["deployment"].is_object() || report["outcome"] == "no_changes");
    assert_eq!(database.dump(), whole.dump());
    let question = "SELECT count(*), count(rolled_back_at) FROM _prisma_migrations \
                    WHERE finished_at IS NOT NULL OR rolled_back_at IS NOT NULL";
    let row = database.client.query_one(question, &[]).await.unwrap();
    let (decided, rolled_back): (i64, i64) = (row.get(0), row.get(1));
    assert_eq!(decided - rolled_back, 15);
    assert!(rolled_back <= resumed.max(8), "{rolled_back} of {resumed}");
    site.ask(&["status"], &database.url("app", "")).expect(0);
    prisma.migrate("status", &database.url("app", "")).expect(0);
    prisma.migrate("deploy", &database.url("app", "")).expect(0);
    assert_eq!(database.dump(), whole.dump());
}

/// What is not one transaction may be there in part: nobody but a human can tell what becomes of it.
#[tokio::test]
async fn what_is_no_transaction_and_breaks_off_is_a_humans_to_decide() {
    let site = Site::new();
    site.add(UNKNOWN.0, "BEGIN; CREATE TABLE half (id int); COMMIT; SELECT pg_sleep(600);\n");
    let database = in_state(State::Equal, "public").await;
    let mut command = tool(site.path().as_std_path(), &["deploy", "--skip-preflight"]);
    let mut child =
        command.env("DATABASE_URL", database.url("app", "")).stderr(Stdio::null()).spawn().unwrap();
    let started = Instant::now();
    while database
        .client
        .query_opt("SELECT FROM pg_class WHERE relname = 'half'", &[])
        .await
        .unwrap()
        .is_none()
    {
        assert!(started.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    child.kill().unwrap();
    child.wait().unwrap();
    deploy(&site, &database, &[]).expect(4).says(&["find out what the failed migration left behind"]);
}

/// What nobody here knows is settled all the same: until then Prisma applies nothing.
#[tokio::test]
async fn what_broke_off_and_is_not_known_here_is_settled_by_the_next_deployment() {
    let site = Site::new();
    let database = in_state(State::Equal, "public").await;
    database.record("public", UNKNOWN.0, UNKNOWN.1, ("", "")).await;
    let atomic =
        "UPDATE _prisma_migrations SET id = overlay(id PLACING '8' FROM 15) WHERE finished_at IS NULL";
    database.execute(atomic).await;
    let url = database.url("app", "");
    site.ask(&["status"], &url).expect(4).says(&["`run-migration deploy`"]);
    let report = deploy(&site, &database, &["--format", "json"]).expect(0).json();
    assert_eq!(report["deployment"]["broken_off"][0], UNKNOWN.0);
    site.ask(&["status"], &url).expect(0);
    assert!(database.ledger("public").await[3].ends_with(" none 0 false true"));
}

/// A connection that breaks says nothing about the migration; the ledger does.
#[tokio::test]
async fn a_connection_that_breaks_is_no_failed_migration() {
    let site = Site::new();
    let slow = "CREATE TABLE slow (id int); SELECT pg_sleep(CASE WHEN current_setting('application_name') = 'first' THEN 600 ELSE 0 END);\n";
    site.add(UNKNOWN.0, slow);
    let database = in_state(State::Equal, "public").await;
    let mut command = tool(site.path().as_std_path(), &["deploy", "--skip-preflight"]);
    command.env("DATABASE_URL", database.url("app", "application_name=first"));
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let started = Instant::now();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'first' \
               AND datname = current_database() AND wait_event = 'PgSleep'";
    while database.client.query_opt(end, &[]).await.unwrap().is_none() {
        assert!(started.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let ended = Ended::from(child.wait_with_output().unwrap()).expect(1);
    ended.says(&["the connection broke while 20260104000000_fines was applied", "run the same again"]);
    let row = database.ledger("public").await[3].clone();
    assert!(row.ends_with(" none 0 false false"), "{row}");
    let url = database.url("app", "");
    let status = site.ask(&["status"], &url).expect(4);
    let line = "behind: 1 migration pending; 1 migration broken off: nothing of it is there, deploy goes on with it\n";
    assert!(status.stdout.starts_with(line), "{}", status.stdout);
    assert!(status.stdout.contains(&format!("broken off, nothing of it is there (1)\n    {}\n", UNKNOWN.0)));
    status.says(&["`run-migration deploy`", "P3009"]);
    let json = site.ask(&["status", "--format", "json"], &url).expect(4).json();
    let standing = &json["database"];
    assert_eq!(
        (standing["broken_off"][0].as_str(), standing["failed"][0].as_str()),
        (Some(UNKNOWN.0), None),
        "{json:#}"
    );
    let ready = site.ask(&["ready"], &url).expect(4).stdout;
    let end = format!("; 1 pending: {0}; 1 broken off with nothing left behind: {0}\n", UNKNOWN.0);
    assert!(ready.ends_with(&end), "{ready}");
    site.ask(&["preflight"], &url).expect(0);
    // Code that does not know the migration can serve; the row still wants to be settled.
    let older = Site::new();
    let ready = older.ask(&["ready"], &url).expect(0).stdout;
    assert!(ready.contains("; warning: 1 broken off with nothing left behind: "), "{ready}");
    older.ask(&["status"], &url).expect(4);
    let report = deploy(&site, &database, &["--format", "json"]).expect(0).json();
    assert_eq!(report["deployment"]["broken_off"][0], UNKNOWN.0);
    assert_eq!(report["database"]["standing"], "up_to_date");
    assert!(database.ledger("public").await[3].ends_with(" none 0 false true"));
}

/// What is built CONCURRENTLY waits for older transactions, however long, and not for the limit of a lock.
#[tokio::test]
async fn what_holds_nobody_up_may_wait() {
    let site = Site::new();
    site.add(UNKNOWN.0, "CREATE INDEX CONCURRENTLY \"Loan_due_idx\" ON \"Loan\"(\"due\");\n");
    let database = in_state(State::Equal, "public").await;
    let other = database.session("app").await;
    other.batch_execute("BEGIN; INSERT INTO \"Loan\" VALUES ('1')").await.unwrap();
    let mut command =
        tool(site.path().as_std_path(), &["deploy", "--skip-preflight", "--lock-timeout", "0.2"]);
    command.env("DATABASE_URL", database.url("app", "")).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let started = Instant::now();
    let waits = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'CREATE INDEX CONC%' \
                 AND wait_event_type = 'Lock'";
    while database.client.query_opt(waits, &[]).await.unwrap().is_none() {
        assert!(started.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    other.batch_execute("COMMIT").await.unwrap();
    Ended::from(child.wait_with_output().unwrap()).expect(0);
}
