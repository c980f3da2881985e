//! What an allowed migration destroys is copied out first, and comes back.

use std::path::Path;

use super::deploy;
use crate::{
    live::fixture::{Site, State, in_state},
    support::{
        live::Database,
        packages::program,
        run::{Ended, hermetic},
    },
};

const ROWS: &str = r#"
    CREATE TYPE "Mood" AS ENUM ('good', 'it''s bad');
    CREATE TABLE "Note" (id serial PRIMARY KEY, "Text" text, mood "Mood" DEFAULT 'good', tags text[] NOT NULL DEFAULT '{}',
                         loan text REFERENCES "Loan"(id), CONSTRAINT short CHECK (length("Text") < 100));
    CREATE INDEX "Note_mood_idx" ON "Note"(mood);
    INSERT INTO "Loan" SELECT g, date '2026-01-01' + g FROM generate_series(1, 300) g;
    INSERT INTO "Note" ("Text", mood, tags, loan) VALUES
        (E'a\tb\n\\N', 'it''s bad', '{x,"y z"}', '7'), (NULL, NULL, '{}', NULL), ('\N', 'good', '{}', '8');
"#;

async fn rows(database: &Database, question: &str) -> Vec<String> {
    let question = format!("SELECT coalesce(t::text, '') FROM ({question}) t ORDER BY 1");
    database.client.query(&question, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

/// Runs the command that the tool printed.
fn bring_back(database: &Database, command: &str) -> Ended {
    let psql = program("psql", "postgresql-client");
    let path = format!("{}:{}", psql.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let url = database.url("app", "");
    let (without_parameters, _) = url.split_once('?').unwrap();
    let mut shell = hermetic("/bin/sh", Path::new("/"));
    shell.args(["-c", command]).env("DATABASE_URL", without_parameters).env("PATH", path);
    shell.output().unwrap().into()
}

#[tokio::test]
async fn what_goes_is_copied_out_and_comes_back() {
    let site = Site::new();
    site.add("20260107000000_drop", "ALTER TABLE \"Loan\" DROP COLUMN \"due\";\n");
    site.add("20260108000000_drop", "DROP TABLE \"Note\"; DROP TYPE \"Mood\";\n");
    let database = in_state(State::Equal, "public").await;
    database.execute(ROWS).await;
    let (loans, notes) = ("SELECT id, due FROM \"Loan\"", "SELECT * FROM \"Note\"");
    let before = (rows(&database, loans).await, rows(&database, notes).await);
    assert_eq!((before.0.len(), before.1.len()), (300, 3));
    let backups = tempfile::tempdir().unwrap();
    let allowed = ["--allow-destructive", "--backup", backups.path().to_str().unwrap(), "--format", "json"];
    let report = deploy(&site, &database, &allowed).expect(0).json();
    let taken = report["deployment"]["backups"].as_array().unwrap();
    assert_eq!(taken.len(), 2, "{report:#}");
    for backup in taken {
        let directory = Path::new(backup["directory"].as_str().unwrap());
        let manifest = std::fs::read_to_string(directory.join("manifest.json")).unwrap();
        let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
        assert_eq!(manifest["migration"], backup["migration"]);
        let table = &manifest["tables"][0];
        let copy = std::fs::read(directory.join(table["file"].as_str().unwrap())).unwrap();
        assert_eq!(run_migration::history::checksum(&copy), table["sha256"].as_str().unwrap());
        bring_back(&database, backup["restore"].as_str().unwrap()).expect(0);
    }
    assert_eq!((rows(&database, loans).await, rows(&database, notes).await), before);
    let dump = database.dump();
    for text in ["Note_mood_idx", "CONSTRAINT short CHECK", "FOREIGN KEY (loan)", "Note_pkey"] {
        assert!(dump.contains(text), "{text}: {dump}");
    }
    // Nothing is done twice.
    for backup in taken {
        bring_back(&database, backup["restore"].as_str().unwrap()).expect(0);
    }
    assert_eq!((rows(&database, loans).await, rows(&database, notes).await), before);
}

#[tokio::test]
async fn what_nobody_can_tell_is_not_destroyed_with_a_backup_that_is_none() {
    let site = Site::new();
    let sql = "DO $$ BEGIN EXECUTE 'DROP TABLE ' || quote_ident((SELECT min(relname) FROM pg_class WHERE relname = 'Loan')); END $$;\n";
    site.add("20260107000000_drop", sql);
    let database = in_state(State::Equal, "public").await;
    let backups = tempfile::tempdir().unwrap();
    let args = ["--allow-destructive", "--backup", backups.path().to_str().unwrap()];
    deploy(&site, &database, &args).expect(1).says(&["cannot be told", "leave --backup out"]);
    assert_eq!(database.ledger("public").await.len(), 3);
}

#[tokio::test]
async fn a_table_that_cannot_be_read_whole_is_not_dropped() {
    let site = Site::new();
    site.add("20260107000000_drop", "DROP TABLE \"Loan\";\n");
    let database = in_state(State::Equal, "public").await;
    database
        .execute("INSERT INTO \"Loan\" VALUES ('1'); ALTER TABLE \"Loan\" ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
        .await;
    let backups = tempfile::tempdir().unwrap();
    let args = ["--allow-destructive", "--backup", backups.path().to_str().unwrap()];
    deploy(&site, &database, &args)
        .expect(1)
        .says(&["row-level security", "nothing of that migration was applied"]);
    assert_eq!(database.ledger("public").await.len(), 3);
    assert!(database.dump().contains("CREATE TABLE public.\"Loan\""));
}
