//! Several at once.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use super::deploy;
use crate::{
    live::fixture::{MIGRATIONS, Site, State, in_state},
    support::{
        live::server,
        run::{Ended, tool},
    },
};

#[tokio::test]
async fn of_twelve_at_once_one_applies_and_all_succeed() {
    all_succeed(12, &["--skip-preflight"]).await;
}

/// Whoever comes second does not look at what the first one is changing.
#[tokio::test]
async fn of_several_that_look_first_one_looks_and_applies() {
    all_succeed(4, &[]).await;
}

async fn all_succeed(count: usize, more: &[&str]) {
    // Whoever comes last waits for all the others.
    let args = [&["deploy", "--format", "json", "--lock-timeout", "600"], more].concat();
    let site = Site::new();
    // Whoever waits must not hold it up.
    site.add("20260105000000_index", "CREATE INDEX CONCURRENTLY \"Loan_due_idx\" ON \"Loan\"(\"due\");\n");
    let database = server().database().await;
    let url = database.url("app", "");
    let children: Vec<_> = (0..count)
        .map(|_| {
            let mut command = tool(site.path().as_std_path(), &args);
            command.env("DATABASE_URL", &url).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let mut applied = 0;
    for child in children {
        let ended = Ended::from(child.wait_with_output().unwrap()).expect(0);
        applied += ended.json()["deployment"]["applied"].as_array().map_or(0, Vec::len);
    }
    assert_eq!(applied, MIGRATIONS.len() + 1);
    assert_eq!(database.ledger("public").await.len(), MIGRATIONS.len() + 1);
    site.ask(&["status"], &url).expect(0);
}

#[tokio::test]
async fn who_holds_the_lock_is_named_and_waited_for() {
    let site = Site::new();
    let database = in_state(State::Behind, "public").await;
    let holder = database.session("app").await;
    holder
        .batch_execute("SET application_name = 'the other one'; SELECT pg_advisory_lock(72707369)")
        .await
        .unwrap();
    let ended = deploy(&site, &database, &["--lock-timeout", "0.5"]).expect(1);
    ended.says(&["was not free within", "the other one", "role app", "connected since", "--lock-timeout"]);
    let url = database.url("app", "");
    let args = ["deploy", "--skip-preflight", "--lock-timeout", "600"];
    let mut command = tool(site.path().as_std_path(), &args);
    let mut child =
        command.env("DATABASE_URL", &url).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let waiting = lines.find(|line| line.contains("waiting: the session with process"));
    assert!(waiting.is_some_and(|line| line.contains("the other one")));
    assert_eq!(database.ledger("public").await.len(), 2);
    holder.batch_execute("SELECT pg_advisory_unlock(72707369)").await.unwrap();
    assert!(lines.any(|line| line.contains("held, after another deployment")));
    lines.for_each(drop);
    Ended::from(child.wait_with_output().unwrap()).expect(0);
}
