//! What we leave behind is what Prisma leaves behind, and either goes on where the other stopped.

use crate::{
    live::{
        fixture::{MIGRATIONS, UNKNOWN},
        prisma::Prisma,
    },
    support::live::server,
};

/// A file that Prisma does not run as one transaction, and one that begins its own.
const APART: (&str, &str) =
    ("20260105000000_index", "CREATE INDEX CONCURRENTLY \"Loan_due_idx\" ON \"Loan\"(\"due\");\n");
const OWN: (&str, &str) = (
    "20260106000000_own",
    "BEGIN;\nCREATE TYPE \"Kind\" AS ENUM ('a');\nCOMMIT;\n\nALTER TYPE \"Kind\" ADD VALUE 'b'; -- the end",
);

async fn leaves_the_same(version: &'static str, schema: &str) {
    let prisma = Prisma::new(version).await;
    for (name, sql) in [UNKNOWN, APART, OWN] {
        prisma.history.add(name, sql);
    }
    let (theirs, ours) = (server().database().await, server().database().await);
    let parameters = format!("schema={schema}");
    prisma.migrate("deploy", &theirs.url("app", &parameters)).expect(0);
    let url = ours.url("app", &parameters);
    let report =
        prisma.history.ask(&["deploy", "--skip-preflight", "--format", "json"], &url).expect(0).json();
    assert_eq!(report["outcome"], "applied");
    assert_eq!(report["deployment"]["applied"].as_array().unwrap().len(), 6);
    assert_eq!(ours.dump(), theirs.dump());
    assert_eq!(ours.ledger(schema).await, theirs.ledger(schema).await);
    prisma.migrate("status", &url).expect(0);
    prisma.migrate("deploy", &url).expect(0);
    prisma.history.ask(&["status"], &url).expect(0);
    let again =
        prisma.history.ask(&["deploy", "--skip-preflight", "--format", "json"], &url).expect(0).json();
    assert_eq!(again["outcome"], "no_changes");
}

#[tokio::test]
async fn prisma_7_leaves_the_same() {
    leaves_the_same("7.10.1", "public").await;
}

#[tokio::test]
async fn prisma_6_leaves_the_same_in_another_schema() {
    leaves_the_same("6.19.0", "other").await;
}

#[tokio::test]
async fn prisma_5_leaves_the_same_in_a_schema_that_is_not_there_yet() {
    leaves_the_same("5.4.2", "fresh").await;
}

async fn takes_turns(version: &'static str, schema: &str) {
    let prisma = Prisma::new(version).await;
    let database = server().database().await;
    let url = database.url("app", &format!("schema={schema}"));
    let us = || prisma.history.ask(&["deploy", "--skip-preflight"], &url).expect(0);
    prisma.migrate("deploy", &url).expect(0);
    prisma.history.add(UNKNOWN.0, UNKNOWN.1);
    us();
    prisma.migrate("status", &url).expect(0);
    prisma.history.add(APART.0, APART.1);
    prisma.migrate("deploy", &url).expect(0);
    prisma.history.add(OWN.0, OWN.1);
    us();
    prisma.migrate("deploy", &url).expect(0);
    prisma.migrate("status", &url).expect(0);
    prisma.history.ask(&["status"], &url).expect(0);
    assert_eq!(database.ledger(schema).await.len(), MIGRATIONS.len() + 3);
}

#[tokio::test]
async fn prisma_7_takes_turns_with_us() {
    takes_turns("7.10.1", "other").await;
}

#[tokio::test]
async fn prisma_6_takes_turns_with_us() {
    takes_turns("6.19.0", "public").await;
}

#[tokio::test]
async fn prisma_5_takes_turns_with_us() {
    takes_turns("5.4.2", "public").await;
}
