//! What a migration does, seen on a real PostgreSQL.

use std::{cell::RefCell, collections::HashMap};

use camino::Utf8PathBuf;
use run_migration::{
    catalog::Catalog,
    config::ReplayAs,
    finding::{Finding, Severity},
    guard::{
        self, Script, Terms,
        proof::{self, Proof},
        waiver::Waivers,
    },
    history::{
        History, Migration, checksum,
        replay::{Target, replay},
    },
    postgres::Role,
};

use crate::support::{
    run::PATIENCE,
    server::{database, on_every_major, server},
};

/// What is found in the migration `sql` upon the history `before`, by text and by proof.
pub async fn found(before: &str, sql: &str) -> Vec<Finding> {
    let proof = proved(before, sql).await;
    let origin = guard::origin::history([("20260101000000_before", before)]).unwrap();
    let script = Script { file: Some("migration.sql".into()), sql };
    let terms = Terms { waivers: &Waivers::Ignored, proof: Some(&proof) };
    let findings = guard::inspect(&script, &origin, terms).unwrap();
    forget(&proof).await;
    findings
}

/// Removes what a proof leaves to be asked about: all tests together would leave gigabytes in memory.
pub async fn forget(proof: &Proof) {
    server().drop_database(&proof.database).await.unwrap();
}

/// What is proved of the migration `sql` upon the history `before`.
pub async fn proved(before: &str, sql: &str) -> Proof {
    let (name, catalog) = base(before).await;
    proof::prove(&migration("20260102000000_x", sql), catalog, target(&name)).await.unwrap()
}

thread_local! {
    /// What was replayed in this thread, so by one test, which proves much on the same: a proof leaves it as it is.
    static BASES: RefCell<HashMap<(Utf8PathBuf, String), (String, Catalog)>> = RefCell::default();
}

/// A database that the history `before` was replayed into, and its catalog.
pub async fn base(before: &str) -> (String, Catalog) {
    let key = (server().socket_directory().to_owned(), before.to_owned());
    if let Some(base) = BASES.with_borrow(|bases| bases.get(&key).cloned()) {
        return base;
    }
    let name = replayed(before).await;
    let catalog = proof::before(target(&name)).await.unwrap();
    BASES.with_borrow_mut(|bases| bases.insert(key, (name.clone(), catalog.clone())));
    (name, catalog)
}

/// A fresh database that a history of one migration was replayed into.
pub async fn replayed(sql: &str) -> String {
    let migrations = vec![migration("20260101000000_before", sql)];
    let history = History { directory: "migrations".into(), migrations };
    let name = database("").await;
    replay(&history, target(&name), |_| {}).await.unwrap();
    name
}

/// A migration of this text.
pub fn migration(name: &str, sql: &str) -> Migration {
    let (path, checksum) = ("migration.sql".into(), checksum(sql.as_bytes()));
    Migration { name: name.into(), path, sql: sql.into(), checksum }
}

/// The database `database` of the shared server.
pub fn target(database: &str) -> Target<'_> {
    Target {
        server: server(),
        database,
        replay_as: ReplayAs::Owner,
        now: jiff::Timestamp::UNIX_EPOCH,
        limit: PATIENCE,
    }
}

fn told(findings: &[Finding]) -> Vec<String> {
    let severity = |finding: &Finding| match finding.severity {
        Severity::Refuse => "refuse",
        Severity::Warn => "warn",
        Severity::Info => "info",
    };
    let line = |finding: &Finding| finding.line.map(|line| format!(" in line {line}")).unwrap_or_default();
    findings
        .iter()
        .filter(|finding| finding.severity > Severity::Info)
        .filter(|finding| !["create_index", "rewrite_table", "lock_table"].contains(&finding.rule))
        .map(|finding| format!("{} {} {}{}", severity(finding), finding.rule, finding.object, line(finding)))
        .collect()
}

const SHOP: &str = r#"
CREATE TYPE "Status" AS ENUM ('ACTIVE', 'GONE');
CREATE TABLE "User" (id serial PRIMARY KEY, email text NOT NULL, name text, status "Status" NOT NULL DEFAULT 'ACTIVE');
CREATE UNIQUE INDEX "User_email_key" ON "User" (email);
CREATE INDEX lower_email ON "User" (lower(email));
CREATE TABLE "Order" (id serial PRIMARY KEY, "userId" integer NOT NULL,
  CONSTRAINT "Order_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User" (id) ON DELETE RESTRICT ON UPDATE CASCADE);
CREATE VIEW emails AS SELECT email FROM "User";
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER touched BEFORE UPDATE ON "User" FOR EACH ROW EXECUTE FUNCTION touch();
CREATE POLICY own ON "User" USING (id = 1);
CREATE FUNCTION purge() RETURNS void LANGUAGE plpgsql AS $$ BEGIN DROP TABLE "Order"; END $$;
"#;

#[tokio::test]
async fn what_is_gone_is_found_however_it_was_spelled() {
    on_every_major(async || {
    for (sql, wanted) in [
        ("ALTER TABLE \"User\" DROP COLUMN name;", "refuse drop_column User.name in line 1"),
        ("-- first\nSELECT purge();", "refuse drop_table Order in line 2"),
        (
            "DO $$ BEGIN EXECUTE 'DROP TABLE ' || quote_ident('Order'); END $$;",
            "refuse drop_table Order in line 1",
        ),
        (
            "DO $$ DECLARE r record; BEGIN FOR r IN SELECT indexname FROM pg_indexes WHERE indexname LIKE 'lower%' \
             LOOP EXECUTE format('DROP INDEX %I', r.indexname); END LOOP; END $$;",
            "refuse drop_index lower_email in line 1",
        ),
        (
            "ALTER TABLE \"User\" DROP COLUMN email CASCADE;",
            "refuse drop_view emails in line 1, refuse drop_column User.email in line 1",
        ),
        (
            "DROP TABLE \"User\" CASCADE;",
            "refuse drop_table User in line 1, warn drop_constraint Order.Order_userId_fkey in line 1, \
             refuse drop_view emails in line 1",
        ),
        (
            "ALTER TABLE \"User\" DROP COLUMN name,\nADD COLUMN name integer;",
            "refuse drop_column User.name in line 1",
        ),
        (
            "ALTER TABLE \"User\" RENAME COLUMN name TO \"fullName\"; ALTER TABLE \"Order\" RENAME TO orders;",
            "warn rename_column User.name in line 1, warn rename_table Order in line 1",
        ),
        (
            "ALTER TABLE \"User\" ALTER status SET DEFAULT 'GONE';",
            "warn change_default User.status in line 1",
        ),
        ("ALTER TABLE \"User\" ALTER status DROP DEFAULT;", "warn drop_default User.status in line 1"),
        ("CREATE SCHEMA s; ALTER TABLE \"Order\" SET SCHEMA s;", "refuse set_schema Order in line 1"),
        ("DROP TRIGGER touched ON \"User\";", "warn drop_trigger User.touched in line 1"),
        ("ALTER TYPE \"Status\" RENAME VALUE 'GONE' TO 'LEFT';", "warn rename_enum_value Status in line 1"),
        (
            "ALTER TABLE \"Order\" DROP CONSTRAINT \"Order_userId_fkey\";\nALTER TABLE \"Order\" ADD CONSTRAINT \
             \"Order_userId_fkey\" FOREIGN KEY (\"userId\") REFERENCES \"User\" (id) ON DELETE CASCADE;",
            "warn cascading_delete Order.Order_userId_fkey in line 2",
        ),
        ("ALTER TABLE \"User\" ADD COLUMN age integer; CREATE TABLE t (a int); DROP TABLE t;", ""),
        ("ALTER TYPE \"Status\" ADD VALUE 'NEW';", ""),
        ("ALTER INDEX lower_email RENAME TO email_lower;", ""),
        ("-- nothing", ""),
    ] {
        let findings = found(SHOP, sql).await;
        assert_eq!(told(&findings).join(", "), wanted, "{sql}");
        let unproved = |finding: &&Finding| finding.severity > Severity::Info && finding.proof.is_empty();
        assert!(!findings.iter().any(|finding| unproved(&finding)), "{findings:?}");
    }
    })
    .await;
}

#[track_caller]
fn assert_contains(text: &str, wanted: &str) {
    assert!(text.contains(wanted), "{wanted:?} is missing in {text}");
}

#[tokio::test]
async fn what_prisma_cannot_see_is_named_with_the_loss() {
    on_every_major(async || {
        let proof = |findings: &[Finding], rule: &str| {
            let finding = findings.iter().find(|finding| finding.rule == rule).unwrap();
            finding.proof.join("\n")
        };
        let findings = found(SHOP, "DROP TABLE \"User\" CASCADE;").await;
        assert_contains(
            &proof(&findings, "drop_table"),
            "goes along: index lower_email, trigger User.touched, policy User.own",
        );
        let findings = found(SHOP, "ALTER TABLE \"User\" DROP COLUMN email CASCADE;").await;
        assert_contains(
            &proof(&findings, "drop_column"),
            "goes along: index User_email_key, index lower_email",
        );
        let findings = found(SHOP, "ALTER TABLE \"User\" DROP COLUMN name, ADD COLUMN name integer;").await;
        let retyped = findings.iter().find(|finding| finding.rule == "drop_column").unwrap();
        assert_contains(&retyped.why, "as integer instead of text");
    })
    .await;
}

#[tokio::test]
async fn a_script_runs_as_it_would_be_deployed() {
    on_every_major(async || {
        let swap = r#"
BEGIN;
CREATE TYPE "Status_new" AS ENUM ('ACTIVE');
ALTER TABLE "User" ALTER COLUMN "status" DROP DEFAULT;
ALTER TABLE "User" ALTER COLUMN "status" TYPE "Status_new" USING ("status"::text::"Status_new");
ALTER TYPE "Status" RENAME TO "Status_old";
ALTER TYPE "Status_new" RENAME TO "Status";
DROP TYPE "Status_old";
ALTER TABLE "User" ALTER COLUMN "status" SET DEFAULT 'ACTIVE';
COMMIT;
"#;
        assert_eq!(
            told(&found(SHOP, swap).await),
            ["warn type_change_may_fail User.status in line 5", "refuse remove_enum_value Status in line 8"]
        );
        let sql = "CREATE INDEX CONCURRENTLY names ON \"User\" (name);";
        assert!(told(&found(SHOP, sql).await).is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_was_needed_for_a_proof_alone_does_not_stay() {
    let bench = crate::support::postgres::Bench::new();
    let server = bench.server().await;
    server.create_database("base", Role::Owner).await.unwrap();
    let target = Target { server: &server, ..target("base") };
    let history = History { directory: "migrations".into(), migrations: Vec::new() };
    replay(&history, target, |_| {}).await.unwrap();
    let migrations = [
        migration("1_a", "CREATE TABLE t (a double precision);"),
        migration("2_b", "ALTER TABLE t ALTER a TYPE integer;"),
        migration("3_c", "ALTER TABLE t ADD b integer NOT NULL;"),
    ];
    let before = proof::before(target).await.unwrap();
    let proofs = proof::prove_all(&migrations, before, target).await.unwrap();
    proof::leads_to("CREATE TABLE other ()", target).await.unwrap();
    // Rows were needed for the second one, and the third one's database is asked about later.
    assert!(proofs[1].timings.iter().any(|(part, _)| *part == "data"), "{proofs:#?}");
    let client = server.connect("base", Role::Superuser).await.unwrap();
    let question =
        "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname NOT IN ('postgres', 'base')";
    let left: Vec<String> = client.query(question, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    // Of all the others only the last two are still there: they go with the server.
    assert!(left.contains(&proofs[2].database) && left.len() <= 3, "{left:?}");
    assert!(
        !left.iter().any(|name| name.starts_with("deployed_") && *name != proofs[2].database),
        "{left:?}"
    );
}
