//! What is refused before anything is touched.

use super::deploy;
use crate::{
    live::fixture::{Site, State, UNKNOWN, in_state},
    support::{
        live::{Bouncer, server},
        run::{Ended, tool},
    },
};

const DROPS: (&str, &str) = ("20260107000000_drop", "ALTER TABLE \"Loan\" DROP COLUMN \"due\";\n");

#[tokio::test]
async fn what_destroys_something_needs_a_human_even_without_preflight() {
    let site = Site::new();
    site.add(DROPS.0, DROPS.1);
    let database = in_state(State::Equal, "public").await;
    let before = (database.dump(), database.ledger("public").await);
    let refused = deploy(&site, &database, &[]).expect(2);
    refused.says(&[
        "DESTRUCTIVE MIGRATION DETECTED",
        "Nothing was changed",
        "Loan.due",
        "--allow drop_column:Loan.due",
    ]);
    deploy(&site, &database, &["--dry-run"]).expect(2);
    let mut command = tool(site.path().as_std_path(), &["deploy", "--skip-preflight", "--allow-destructive"]);
    command.env("DATABASE_URL", database.url("app", "")).env("CLAUDECODE", "1");
    Ended::from(command.output().unwrap())
        .expect(64)
        .says(&["a human's decision", "RUN_MIGRATION_HUMAN_CONSENT"]);
    let allowed = ["--allow", "drop_column:Loan.due", "--reason", "nobody lends"];
    let dry = deploy(&site, &database, &[&allowed[..], &["--dry-run"]].concat()).expect(0);
    assert_eq!(dry.stdout, "would apply 1 migration\n    20260107000000_drop\n");
    assert_eq!((database.dump(), database.ledger("public").await), before);
    let report = deploy(&site, &database, &[&allowed[..], &["--format", "json"]].concat()).expect(0).json();
    assert_eq!(report["findings"][0]["allowed"]["by"], "--allow");
    // In a manifest it stays for longer than it is needed.
    deploy(&site, &database, &allowed).expect(0);
}

#[tokio::test]
async fn what_the_database_never_had_cannot_be_lost() {
    let site = Site::new();
    site.add(DROPS.0, DROPS.1);
    let empty = server().database().await;
    deploy(&site, &empty, &[]).expect(0);
    // A table more: only what the pending ones make themselves is no loss.
    let site = Site::new();
    let database = in_state(State::Equal, "other").await;
    let url = database.url("app", "schema=other");
    site.add(UNKNOWN.0, UNKNOWN.1);
    site.add("20260108000000_drop", "DROP TABLE \"Fine\";\n");
    site.ask(&["deploy", "--skip-preflight"], &url).expect(0);
    site.add("20260109000000_rename", "ALTER TABLE \"Loan\" RENAME TO \"Lent\";\n");
    site.add("20260110000000_drop", "DROP TABLE \"Lent\";\n");
    site.ask(&["deploy", "--skip-preflight"], &url).expect(2).says(&["drop_table  Lent"]);
}

#[tokio::test]
async fn a_pooler_in_transaction_mode_is_refused_before_the_lock() {
    let site = Site::new();
    let database = in_state(State::Behind, "public").await;
    let bouncer = Bouncer::start(server()).await;
    let pooled = database.url_at("127.0.0.1", bouncer.port, "app", "pgbouncer=true&application_name=pooled");
    for _ in 0..3 {
        site.ask(&["deploy", "--skip-preflight"], &pooled)
            .expect(1)
            .says(&["is a pooler in transaction mode", "DIRECT_URL"]);
    }
    let asked = server().asked(&database.name, "pooled");
    assert!(
        !asked.iter().any(|statement| statement.contains("advisory") || statement.starts_with("SET ")),
        "{asked:#?}"
    );
    // With the direct URL beside it, that one is taken.
    let mut command = tool(site.path().as_std_path(), &["deploy", "--skip-preflight"]);
    command.env("DATABASE_URL", &pooled).env("DIRECT_URL", database.url("app", ""));
    Ended::from(command.output().unwrap()).keeps_secrets().expect(0);
}

#[tokio::test]
async fn tables_without_a_ledger_are_refused_and_untouched() {
    let site = Site::new();
    let database = in_state(State::NotManaged, "public").await;
    let before = database.dump();
    deploy(&site, &database, &[]).expect(4).says(&["baseline", "P3005"]);
    assert_eq!(database.dump(), before);
}
