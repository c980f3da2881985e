//! `resolve`: P3009's case and its ways out, taking turns with Prisma's own `migrate resolve`.

use super::rows;
use crate::{
    live::{
        fixture::{MIGRATIONS, Site, State, in_state},
        prisma::Prisma,
    },
    support::run::{Ended, tool},
};

const DUE: &str = MIGRATIONS[2].0;

#[tokio::test]
async fn a_failed_migration_is_settled_as_prisma_settles_it() {
    for (version, schema) in [("6.19.0", "other"), ("7.10.1", "public")] {
        let prisma = Prisma::new(version).await;
        let (ours, theirs) = (in_state(State::Failed, schema).await, in_state(State::Failed, schema).await);
        let url =
            |database: &crate::support::live::Database| database.url("app", &format!("schema={schema}"));
        prisma.migrate("deploy", &url(&ours)).expect(1).says(&["P3009"]);
        // Nothing of it is there, whatever somebody says.
        let before = rows(&ours, schema).await;
        let refused = prisma.history.ask(&["resolve", DUE, "--applied"], &url(&ours)).expect(4);
        assert!(refused.stdout.contains("Loan.due is missing"), "{}", refused.stdout);
        assert_eq!(rows(&ours, schema).await, before);
        prisma.history.ask(&["resolve", DUE, "--rolled-back"], &url(&ours)).expect(0);
        prisma.run(&["migrate", "resolve", "--rolled-back", DUE], &url(&theirs)).expect(0);
        let again = prisma.history.ask(&["resolve", DUE, "--rolled-back"], &url(&theirs)).expect(0);
        assert!(again.stdout.contains("is recorded as rolled back already"), "{}", again.stdout);
        assert_eq!(rows(&ours, schema).await, rows(&theirs, schema).await, "{version}");
        // Each goes on where the other one stopped.
        prisma.migrate("deploy", &url(&ours)).expect(0);
        prisma.history.ask(&["deploy"], &url(&theirs)).expect(0);
        for database in [&ours, &theirs] {
            prisma.migrate("status", &url(database)).expect(0);
            prisma.history.ask(&["status"], &url(database)).expect(0);
        }
    }
}

#[tokio::test]
async fn what_was_done_by_hand_is_recorded_as_prisma_records_it() {
    for (version, schema) in [("5.4.2", "public"), ("7.10.1", "other")] {
        let prisma = Prisma::new(version).await;
        let (ours, theirs) = (in_state(State::Failed, schema).await, in_state(State::Failed, schema).await);
        for database in [&ours, &theirs] {
            database.execute(&format!("ALTER TABLE {schema}.\"Loan\" ADD COLUMN \"due\" DATE")).await;
        }
        let url =
            |database: &crate::support::live::Database| database.url("app", &format!("schema={schema}"));
        let done =
            prisma.history.ask(&["resolve", "due", "--applied", "--format", "json"], &url(&ours)).expect(0);
        assert_eq!(done.json()["database"]["line"], format!("{DUE} is recorded as applied"));
        prisma.run(&["migrate", "resolve", "--applied", DUE], &url(&theirs)).expect(0);
        assert_eq!(rows(&ours, schema).await, rows(&theirs, schema).await, "{version}");
        prisma.migrate("status", &url(&ours)).expect(0);
        // And what is done is done, for both.
        let whole = in_state(State::Equal, schema).await;
        for (flag, code) in [("--applied", "P3008"), ("--rolled-back", "P3012")] {
            prisma.history.ask(&["resolve", DUE, flag], &url(&whole)).expect(1).says(&[code]);
            prisma.run(&["migrate", "resolve", flag, DUE], &url(&whole)).expect(1).says(&[code]);
        }
    }
}

#[tokio::test]
async fn what_prisma_refuses_is_refused() {
    let site = Site::new();
    let database = in_state(State::Behind, "public").await;
    let url = database.url("app", "");
    site.ask(&["resolve", DUE, "--rolled-back"], &url).expect(1).says(&["P3011"]);
    site.ask(&["resolve", "nonsense", "--applied"], &url).expect(1).says(&["has no migration \"nonsense\""]);
    for args in [
        &["resolve", DUE][..],
        &["resolve", DUE, "--applied", "--rolled-back"],
        &["resolve", DUE, "--applied", "--force"],
        &["resolve", DUE, "--rolled-back", "--force", "--reason", "x"],
    ] {
        site.ask(args, &url).expect(64);
    }
}

#[tokio::test]
async fn what_nothing_proves_is_a_humans_word() {
    let site = Site::new();
    site.add("20260104000000_fill", "UPDATE \"Loan\" SET \"due\" = now() WHERE \"due\" IS NULL;\n");
    site.add(
        "20260105000000_both",
        "ALTER TABLE \"Loan\" ADD x int; UPDATE \"Loan\" SET x = 1 WHERE x = 2;\n",
    );
    site.add("20260106000000_drop", "ALTER TABLE \"Loan\" DROP x;\n");
    let database = in_state(State::Equal, "public").await;
    let url = database.url("app", "");
    let refused = site.ask(&["resolve", "fill", "--applied"], &url).expect(4).says(&["--force --reason"]);
    assert!(refused.stdout.contains("changes rows alone, which nothing proves"), "{}", refused.stdout);
    let force = ["resolve", "fill", "--applied", "--force", "--reason", "ran it in psql"];
    let mut agent = tool(site.path().as_std_path(), &force);
    let stopped: Ended = agent.env("DATABASE_URL", &url).env("CLAUDECODE", "1").output().unwrap().into();
    stopped.expect(64).says(&["--force is a human's decision"]);
    site.ask(&force, &url).expect(0).says(&["Without proof, by --force: ran it in psql"]);
    database.execute("ALTER TABLE \"Loan\" ADD x int").await;
    site.ask(&["resolve", "both", "--applied"], &url)
        .expect(0)
        .says(&["What 20260105000000_both changes in rows"]);
    let refused = site.ask(&["resolve", "drop", "--applied"], &url).expect(4);
    assert!(refused.stdout.contains("column Loan.x is there and should not be"), "{}", refused.stdout);
    database.execute("ALTER TABLE \"Loan\" DROP x").await;
    site.ask(&["resolve", "drop", "--applied"], &url).expect(0);
    site.ask(&["status"], &url).expect(0);
}
