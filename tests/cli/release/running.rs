//! What a process of the previous release meets.

use run_migration::release::{
    rollout::{Order, Situation, plan},
    running::{Step, impacts},
};

use crate::effect::proved;

const OLD: &str = r#"
CREATE TYPE "Status" AS ENUM ('ACTIVE', 'GONE');
CREATE TABLE "User" ("id" INTEGER NOT NULL, "email" TEXT NOT NULL, "age" INTEGER, "score" INTEGER NOT NULL DEFAULT 0,
  "status" "Status" NOT NULL DEFAULT 'ACTIVE', CONSTRAINT "User_pkey" PRIMARY KEY ("id"));
CREATE UNIQUE INDEX "User_email_key" ON "User"("email");
CREATE INDEX "User_age_idx" ON "User"("age");
CREATE TABLE "Org" ("id" INTEGER NOT NULL, CONSTRAINT "Org_pkey" PRIMARY KEY ("id"));
CREATE VIEW "Adults" AS SELECT "id" FROM "User" WHERE "age" > 17;
"#;

/// What a process meets of one migration: severity and object; whether the old pods are stopped; and the words.
async fn meets(sql: &str) -> (Vec<String>, Order, String) {
    let proof = proved(OLD, sql).await;
    let step = Step { migration: "new", differences: &proof.effect.differences, waits: &proof.waits };
    let met = impacts(&proof.effect.before, &proof.effect.after, &[step]);
    let situation = Situation {
        from: "1.0",
        to: "1.1",
        pending: &["new"],
        recorded: &[],
        impacts: Some(&met),
        findings: &[],
        lacking: &[],
    };
    let told = met.iter().map(|one| format!("{} {}", one.severity.word(), one.object)).collect();
    let words = met.iter().map(|one| format!("{}: {}\n", one.object, one.what)).collect();
    (told, plan(situation).order, words)
}

async fn expect(sql: &str, wanted: &[&str], order: Order, codes: &[&str]) {
    let (told, found, words) = meets(sql).await;
    assert_eq!(told, wanted, "{sql}: {words}");
    assert_eq!(found, order, "{sql}");
    for code in codes {
        assert!(words.contains(code), "{sql}: {code} is missing in {words}");
    }
}

#[tokio::test]
async fn what_goes_away_breaks() {
    expect(
        "ALTER TABLE \"User\" DROP COLUMN \"score\";",
        &["breaking User.score", "prepared-plan User"],
        Order::StopFirst,
        &["42703"],
    )
    .await;
    expect("DROP TABLE \"Org\";", &["breaking Org"], Order::StopFirst, &["42P01"]).await;
    expect(
        "ALTER TABLE \"User\" RENAME COLUMN \"age\" TO \"years\";",
        &["breaking User.age", "info Adults"],
        Order::StopFirst,
        &["years", "42703"],
    )
    .await;
    expect("ALTER TABLE \"Org\" RENAME TO \"Firm\";", &["breaking Org"], Order::StopFirst, &["Firm"]).await;
    expect("DROP VIEW \"Adults\";", &["breaking Adults"], Order::StopFirst, &["42P01"]).await;
}

#[tokio::test]
async fn other_types_break_or_cost_a_plan() {
    expect(
        "ALTER TABLE \"User\" ALTER COLUMN \"score\" SET DATA TYPE TEXT;",
        &["breaking User.score", "lock User"],
        Order::StopFirst,
        &["22P02"],
    )
    .await;
    expect(
        "ALTER TABLE \"User\" ALTER COLUMN \"score\" SET DATA TYPE BIGINT;",
        &["prepared-plan User.score", "lock User"],
        Order::Rolling,
        &["0A000"],
    )
    .await;
}

#[tokio::test]
async fn what_the_process_writes_is_refused_where_it_never_knew_better() {
    expect(
        "ALTER TABLE \"Org\" ADD COLUMN \"name\" TEXT NOT NULL;",
        &["write-reject Org.name", "prepared-plan Org", "lock Org"],
        Order::StopFirst,
        &["23502"],
    )
    .await;
    expect(
        "ALTER TABLE \"User\" ALTER COLUMN \"age\" SET NOT NULL;",
        &["write-reject User.age", "lock User"],
        Order::StopFirst,
        &["23502"],
    )
    .await;
    expect(
        "ALTER TABLE \"User\" ALTER COLUMN \"score\" DROP DEFAULT;",
        &["write-reject User.score"],
        Order::StopFirst,
        &["23502"],
    )
    .await;
    expect(
        "ALTER TABLE \"User\" ADD CONSTRAINT grown CHECK (\"age\" > 0) NOT VALID;",
        &["write-reject User.grown"],
        Order::StopFirst,
        &["23514"],
    )
    .await;
    expect(
        "ALTER TABLE \"User\" ADD CONSTRAINT org FOREIGN KEY (\"age\") REFERENCES \"Org\"(\"id\") NOT VALID;",
        &["write-reject User.org"],
        Order::StopFirst,
        &["23503"],
    )
    .await;
    expect(
        "CREATE UNIQUE INDEX \"User_age_key\" ON \"User\"(\"age\");",
        &["write-reject User_age_key", "lock User"],
        Order::StopFirst,
        &["23505"],
    )
    .await;
    let swap = "CREATE TYPE \"Status_new\" AS ENUM ('ACTIVE');\nALTER TABLE \"User\" ALTER COLUMN \"status\" DROP DEFAULT;\n\
        ALTER TABLE \"User\" ALTER COLUMN \"status\" TYPE \"Status_new\" USING (\"status\"::text::\"Status_new\");\n\
        ALTER TYPE \"Status\" RENAME TO \"Status_old\";\nALTER TYPE \"Status_new\" RENAME TO \"Status\";\n\
        DROP TYPE \"Status_old\";\nALTER TABLE \"User\" ALTER COLUMN \"status\" SET DEFAULT 'ACTIVE';\n";
    let (told, order, running) = meets(swap).await;
    assert!(told.contains(&"write-reject Status".to_owned()) && order == Order::StopFirst, "{running}");
}

#[tokio::test]
async fn an_upsert_needs_the_index_that_it_names() {
    let narrower = "DROP INDEX \"User_email_key\";\nCREATE UNIQUE INDEX \"User_email_age_key\" ON \"User\"(\"email\", \"age\");";
    expect(narrower, &["breaking User_email_key", "lock User"], Order::StopFirst, &["42P10"]).await;
    let another_name =
        "DROP INDEX \"User_email_key\";\nCREATE UNIQUE INDEX \"User_mail\" ON \"User\"(\"email\");";
    expect(another_name, &["lock User"], Order::Rolling, &[]).await;
}

#[tokio::test]
async fn what_a_process_cannot_touch_does_not_concern_it() {
    let new_and_empty = "ALTER TABLE \"User\" ADD COLUMN \"orgId\" INTEGER;\n\
        ALTER TABLE \"User\" ADD CONSTRAINT \"User_orgId_fkey\" FOREIGN KEY (\"orgId\") REFERENCES \"Org\"(\"id\") ON DELETE SET NULL;\n\
        CREATE UNIQUE INDEX \"User_orgId_key\" ON \"User\"(\"orgId\");";
    let (told, order, running) = meets(new_and_empty).await;
    assert_eq!(order, Order::Rolling, "{running}");
    assert!(told.iter().all(|one| !one.starts_with("write-reject")), "{running}");
    expect(
        "CREATE TABLE \"New\" (\"id\" INTEGER NOT NULL PRIMARY KEY, \"a\" TEXT NOT NULL);",
        &[],
        Order::Rolling,
        &[],
    )
    .await;
    expect(
        "ALTER TABLE \"User\" ADD COLUMN \"nick\" TEXT NOT NULL DEFAULT '';",
        &["prepared-plan User"],
        Order::Rolling,
        &["SELECT *"],
    )
    .await;
    expect("ALTER TYPE \"Status\" ADD VALUE 'NEW';", &["info Status"], Order::Rolling, &["NEW"]).await;
    expect("DROP INDEX \"User_age_idx\";", &["info User_age_idx"], Order::Rolling, &[]).await;
    expect(
        "ALTER TABLE \"User\" ALTER COLUMN \"email\" DROP NOT NULL;",
        &["info User.email"],
        Order::Rolling,
        &[],
    )
    .await;
    expect("-- nothing", &[], Order::Rolling, &[]).await;
}
