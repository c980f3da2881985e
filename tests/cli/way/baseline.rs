//! `baseline`: databases that have a history without knowing it, and real Prisma beside.

use super::rows;
use crate::{
    live::{
        fixture::{MIGRATIONS, SCHEMA, Site, State, UNKNOWN, in_state},
        prisma::Prisma,
    },
    support::{
        corpus::{release, wheel},
        live::{Database, server},
        run::{Ended, tool},
    },
};

/// A database in which the first `count` migrations were run in `schema`, and no ledger tells of them.
async fn made(schema: &str, count: usize) -> Database {
    let database = server().database().await;
    for (_, sql) in &MIGRATIONS[..count] {
        database.execute(&format!("SET search_path = {schema}; {sql}; RESET search_path")).await;
    }
    database
}

#[tokio::test]
async fn a_database_that_has_everything_is_told_so_once_as_prisma_would() {
    for (version, schema) in [("5.4.2", "public"), ("6.19.0", "other"), ("7.10.1", "public")] {
        let prisma = Prisma::new(version).await;
        // Prisma takes no notice of a way back.
        std::fs::write(prisma.history.migrations().join(MIGRATIONS[2].0).join("down.sql"), "no SQL").unwrap();
        let database = made(schema, 3).await;
        // What else is there is nobody's affair.
        database
            .execute(&format!(
                "CREATE TABLE {schema}.\"More\" (); ALTER TABLE {schema}.\"Loan\" ADD extra int"
            ))
            .await;
        let url = database.url("app", &format!("schema={schema}"));
        let ours = prisma.history.ask(&["baseline", "--dry-run"], &url).expect(0);
        assert!(
            ours.stdout.starts_with("everything is there: would mark 3 migrations as applied\n"),
            "{ours:?}"
        );
        assert_eq!(rows(&database, schema).await, None);
        let json = prisma.history.ask(&["baseline", "--format", "json"], &url).expect(0).json();
        assert_eq!(
            (&json["outcome"], &json["database"]["standing"]),
            (&"applied".into(), &"up_to_date".into())
        );
        prisma.migrate("status", &url).expect(0);
        let marked = rows(&database, schema).await;
        let again = prisma.history.ask(&["baseline", "--format", "json"], &url).expect(0).json();
        assert_eq!(again["outcome"], "no_changes");
        assert_eq!(rows(&database, schema).await, marked);
        prisma.migrate("deploy", &url).expect(0);

        let twin = made(schema, 3).await;
        let url = twin.url("app", &format!("schema={schema}"));
        for (name, _) in MIGRATIONS {
            prisma.run(&["migrate", "resolve", "--applied", name], &url).expect(0);
        }
        assert_eq!(rows(&twin, schema).await, marked, "{version}");
        prisma.history.ask(&["baseline"], &url).expect(0);
        assert_eq!(rows(&twin, schema).await, marked, "{version}");
    }
}

#[tokio::test]
async fn a_database_that_was_pushed_one_migration_behind_is_told_up_to_where() {
    let prisma = Prisma::new("5.4.2").await;
    let database = server().database().await;
    let url = database.url("app", "");
    prisma.set_schema(&SCHEMA.replace("  due DateTime? @db.Date\n", ""));
    prisma.run(&["db", "push", "--skip-generate"], &url).expect(0);
    prisma.migrate("deploy", &url).expect(1).says(&["P3005"]);
    let refused = prisma
        .history
        .ask(&["baseline"], &url)
        .expect(4)
        .says(&["run-migration baseline --up-to 20260102000000_loans", "AI AGENTS / ASSISTANTS:"]);
    assert!(!refused.stderr.contains("not_in_database"), "it is said once: {}", refused.stderr);
    assert_eq!(
        refused.stdout,
        "nothing was marked: not everything is there, but everything up to 20260102000000_loans\n    \
         column Loan.due is missing\n"
    );
    assert_eq!(rows(&database, "public").await, None);
    let json = prisma.history.ask(&["baseline", "--format", "json"], &url).expect(4).json();
    assert_eq!(json["findings"][0]["object"], "Loan.due");
    let done = prisma.history.ask(&["baseline", "--up-to", "loans"], &url).expect(0);
    assert!(
        done.stdout.starts_with("everything is there: marked 2 migrations as applied\n"),
        "{}",
        done.stdout
    );
    prisma.history.ask(&["deploy"], &url).expect(0);
    prisma.migrate("status", &url).expect(0);
}

#[tokio::test]
async fn what_is_lacking_or_otherwise_is_named() {
    let site = Site::new();
    site.add(
        "20260104000000_more",
        "CREATE TYPE \"Kind\" AS ENUM ('A'); ALTER TABLE \"Loan\" ADD \"kind\" \"Kind\" NOT NULL DEFAULT 'A';
         CREATE INDEX \"Loan_kind_idx\" ON \"Loan\"(\"kind\"); CREATE VIEW late AS SELECT id FROM \"Loan\";",
    );
    let database = made("public", 3).await;
    database
        .execute(
            "CREATE TYPE \"Kind\" AS ENUM ('Z', 'A'); ALTER TABLE \"Loan\" ADD \"kind\" \"Kind\" DEFAULT 'Z';
             GRANT SELECT ON \"Loan\" TO PUBLIC; ALTER TABLE \"Reader\" DROP CONSTRAINT \"Reader_pkey\"",
        )
        .await;
    let refused = site.ask(&["baseline"], &database.url("app", "")).expect(4);
    let told: Vec<_> = refused.stdout.lines().skip(1).map(str::trim).collect();
    assert_eq!(
        told,
        [
            "column Loan.kind: nullability NULL, not NOT NULL",
            "column Loan.kind: default 'Z'::\"Kind\", not 'A'::\"Kind\"",
            "constraint Reader.Reader_pkey is missing",
            "index Loan_kind_idx is missing",
            "view late is missing",
        ]
    );
    assert!(refused.stderr.contains("find out which history made it"), "{}", refused.stderr);
    // What is named as external is not looked for.
    let keep = ["column:Loan.kind", "constraint:Reader_pkey", "index:Loan_kind_idx", "column:Reader.id"];
    std::fs::write(site.path().join("run-migration.toml"), format!("[external]\nkeep = {keep:?}\n")).unwrap();
    database.execute("CREATE VIEW late AS SELECT id FROM \"Loan\"").await;
    site.ask(&["baseline"], &database.url("app", "")).expect(0);
}

/// What runs before the history runs once, however many databases are looked at: roles are the whole server's.
#[tokio::test]
async fn what_runs_before_the_history_may_make_roles() {
    let site = Site::new();
    site.add(
        "20260104000000_grant",
        "CREATE VIEW late AS SELECT 1; GRANT SELECT ON \"Loan\" TO maker, absent;",
    );
    std::fs::write(site.path().join("run-migration.toml"), "[external]\nbefore = \"before.sql\"\n").unwrap();
    std::fs::write(site.path().join("before.sql"), "CREATE ROLE maker;").unwrap();
    let database = made("public", 3).await;
    site.ask(&["baseline"], &database.url("app", "")).expect(4).says(&["--up-to 20260103000000_due"]);
}

#[tokio::test]
async fn a_ledger_that_says_something_else_is_not_written_over() {
    let site = Site::new();
    for (state, why) in [
        (State::Failed, "20260103000000_due failed and must be resolved"),
        (State::Edited, "20260103000000_due was edited since it was applied"),
        (State::Ahead, "20260104000000_fines is applied, and not among these migrations"),
        (State::Empty, "not even what the first migration makes is there"),
    ] {
        let database = in_state(state, "public").await;
        let before = rows(&database, "public").await;
        let refused = site.ask(&["baseline"], &database.url("app", "")).expect(4);
        assert!(refused.stdout.contains(why), "{refused:?}");
        assert_eq!(rows(&database, "public").await, before);
    }
    let behind = in_state(State::Behind, "public").await;
    behind.execute("SELECT pg_advisory_lock(72707369)").await;
    site.ask(&["baseline", "--lock-timeout", "0.3"], &behind.url("app", "")).expect(1).says(&["holds it"]);
    behind.execute("SELECT pg_advisory_unlock(72707369)").await;
    behind.execute(MIGRATIONS[2].1).await;
    let done = site.ask(&["baseline"], &behind.url("app", "")).expect(0);
    assert!(
        done.stdout.contains("marked 1 migration as applied\n    20260103000000_due\n"),
        "{}",
        done.stdout
    );
    site.ask(&["baseline", "--up-to", UNKNOWN.0], &behind.url("app", ""))
        .expect(1)
        .says(&["has no migration"]);
}

/// A real history, and a database that lacks what its last migrations make.
#[tokio::test]
async fn of_a_real_release_the_newest_migration_that_is_there_is_found() {
    let (Some(release), Some(wheel)) = (release("0.4.110"), wheel("0.4.110")) else { return };
    let behind = 12;
    let database = server().database().await;
    let there = &release.migrations[..release.migrations.len() - behind];
    for (_, sql) in there {
        database.execute(sql).await;
    }
    let empty = tempfile::tempdir().unwrap();
    let url = database.url("app", "");
    let wheel = wheel.to_str().unwrap();
    let baseline = |more: &[&str]| {
        let mut tool = tool(empty.path(), &[&["baseline", "--migrations", wheel], more].concat());
        Ended::from(tool.env("DATABASE_URL", &url).output().unwrap()).keeps_secrets()
    };
    let (newest, _) = there.last().unwrap();
    baseline(&[]).expect(4).says(&[&format!("baseline --up-to {newest}")]);
    let done = baseline(&["--up-to", newest]).expect(0);
    let line = format!("everything is there: marked {} migrations as applied\n", there.len());
    assert!(done.stdout.starts_with(&line), "{}", done.stdout);
    let mut status = tool(empty.path(), &["status", "--migrations", wheel, "--format", "json"]);
    let json = Ended::from(status.env("DATABASE_URL", &url).output().unwrap()).expect(4).json();
    assert_eq!(json["database"]["pending"].as_array().unwrap().len(), behind);
}
