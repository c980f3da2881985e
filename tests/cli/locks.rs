//! Who has to wait while a migration runs, seen on a real PostgreSQL of every major.

use run_migration::finding::{Finding, Severity};

use crate::{effect::found, support::server::on_every_major};

const SHOP: &str = r#"
CREATE TABLE "User" (id integer PRIMARY KEY, name text, nick varchar(50), age integer NOT NULL DEFAULT 0);
CREATE TABLE "Order" (id integer PRIMARY KEY, "userId" integer NOT NULL);
"#;

/// What others wait for, as `severity rule object: the lock and what is done meanwhile`.
async fn waits(sql: &str) -> Vec<String> {
    let proof = |finding: &Finding| {
        let seen = |line: &&String| {
            line.starts_with("seen on the temporary database: ") || line.starts_with("held all")
        };
        let lines: Vec<_> = finding.proof.iter().filter(seen).cloned().collect();
        lines.join("; ").replace("seen on the temporary database: ", "")
    };
    let severity = |finding: &Finding| match finding.severity {
        Severity::Refuse => "refuse",
        Severity::Warn => "warn",
        Severity::Info => "info",
    };
    found(SHOP, sql)
        .await
        .iter()
        .filter(|finding| !proof(finding).is_empty())
        .map(|finding| {
            format!("{} {} {}: {}", severity(finding), finding.rule, finding.object, proof(finding))
        })
        .collect()
}

#[tokio::test]
async fn what_a_statement_holds_is_seen_not_guessed() {
    on_every_major(async || {
    for (sql, wanted) in [
        (
            "ALTER TABLE \"User\" ALTER age TYPE bigint;",
            "warn rewrite_table User: ACCESS EXCLUSIVE on User, which is rewritten",
        ),
        (
            "ALTER TABLE \"User\" ADD COLUMN uid uuid NOT NULL DEFAULT gen_random_uuid();",
            "warn rewrite_table User: ACCESS EXCLUSIVE on User, which is rewritten",
        ),
        ("CREATE INDEX i ON \"User\" (name);", "warn create_index i: SHARE on User, which is scanned"),
        (
            "ALTER TABLE \"User\" ALTER name SET NOT NULL;",
            "warn set_not_null User.name: ACCESS EXCLUSIVE on User, which is scanned",
        ),
        (
            "ALTER TABLE \"User\" ADD CONSTRAINT grown CHECK (age >= 0);",
            "warn add_check User.grown: ACCESS EXCLUSIVE on User, which is scanned",
        ),
        (
            "ALTER TABLE \"Order\" ADD CONSTRAINT by FOREIGN KEY (\"userId\") REFERENCES \"User\" (id);",
            "warn add_foreign_key Order.by: SHARE ROW EXCLUSIVE on Order, which is scanned; \
             held all the while: SHARE ROW EXCLUSIVE on User",
        ),
        (
            "ALTER TABLE \"User\" ADD COLUMN note text;\nCREATE INDEX i ON \"Order\" (\"userId\");",
            "info lock_table User: ACCESS EXCLUSIVE on User, nothing is scanned, \
             warn create_index i: SHARE on Order, which is scanned; held all the while: ACCESS EXCLUSIVE on User",
        ),
        (
            "ALTER TABLE \"User\" ADD COLUMN note text;",
            "info lock_table User: ACCESS EXCLUSIVE on User, nothing is scanned",
        ),
        (
            "ALTER TABLE \"User\" ALTER nick TYPE varchar(100);",
            "info lock_table User: ACCESS EXCLUSIVE on User, nothing is scanned",
        ),
        (
            "ALTER TABLE \"User\" ADD CONSTRAINT grown CHECK (age >= 0) NOT VALID;",
            "info lock_table User: ACCESS EXCLUSIVE on User, nothing is scanned",
        ),
        ("CREATE INDEX CONCURRENTLY i ON \"User\" (name);", ""),
        ("CREATE TABLE t (a integer); CREATE INDEX i ON t (a); ALTER TABLE t ALTER a TYPE bigint;", ""),
        (
            "CREATE TABLE t (a integer);\nALTER TABLE t ADD CONSTRAINT by FOREIGN KEY (a) REFERENCES \"User\" (id);",
            "info lock_table User: SHARE ROW EXCLUSIVE on User, nothing is scanned",
        ),
    ] {
        assert_eq!(waits(sql).await.join(", "), wanted, "{sql}");
    }
    })
    .await;
}

#[tokio::test]
async fn a_constraint_that_was_added_unchecked_is_checked_without_blocking() {
    on_every_major(async || {
        let before = "CREATE TABLE t (a integer); ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID;";
        let findings = found(before, "ALTER TABLE t VALIDATE CONSTRAINT c;").await;
        assert!(findings.iter().all(|finding| finding.severity < Severity::Warn), "{findings:#?}");
    })
    .await;
}
