//! `snapshot`: what the migrations make, and what is said where a database lacks some of it.

use serde_json::{Value, json};

use super::fixture::{Site, State, in_state};
use crate::support::run::run;

const ROLES: (&str, &str) = (
    "20260102100000_roles",
    "CREATE TYPE \"Role\" AS ENUM ('USER', 'ADMIN');
     CREATE TABLE \"Member\" (\"id\" TEXT PRIMARY KEY, \"role\" \"Role\" NOT NULL, \"roles\" \"Role\"[], \"fee\" DECIMAL(6,2));
     CREATE VIEW \"Admins\" AS SELECT \"id\" FROM \"Member\" WHERE \"role\" = 'ADMIN';",
);

/// The snapshot of the site's history, in a file beside it.
fn snapshot(site: &Site) -> (String, Value) {
    let path = site.path().join("expected.json").into_string();
    let said = run(site.path().as_std_path(), &["snapshot", "-o", &path]).expect(0);
    assert_eq!(said.stdout, format!("{path}\n"));
    let text = std::fs::read_to_string(&path).unwrap();
    // The same history, the same bytes; on standard output, too.
    assert_eq!(run(site.path().as_std_path(), &["snapshot"]).expect(0).stdout, text);
    (path, serde_json::from_str(&text).unwrap())
}

#[tokio::test]
async fn tables_views_and_columns_are_compared_in_whatever_schema_they_are() {
    let site = Site::new();
    site.add(ROLES.0, ROLES.1);
    let (path, written) = snapshot(&site);
    let wanted = json!({
        "version": 1,
        "history": {"migrations": 4, "last": "20260103000000_due"},
        "tables": {
            "Admins": {"id": "text"},
            "Loan": {"due": "date", "id": "text"},
            "Member": {"fee": "numeric(6,2)", "id": "text", "role": "\"Role\"", "roles": "\"Role\"[]"},
            "Reader": {"id": "text"},
        },
    });
    assert_eq!(written, wanted);
    for schema in ["public", "other"] {
        let database = in_state(State::Equal, schema).await;
        database.apply(schema, ROLES.0, ROLES.1).await;
        let url = database.url("app", &format!("schema={schema}"));
        let ask = |code| site.ask(&["ready", "--strict", "--snapshot", &path], &url).expect(code).stdout;
        assert_eq!(ask(0), "ready: db=20260103000000_due expected=20260103000000_due\n");
        database.execute(&format!("ALTER TABLE {schema}.\"Loan\" DROP COLUMN due")).await;
        database.execute(&format!("DROP VIEW {schema}.\"Admins\"")).await;
        let head = "drift: db=20260103000000_due expected=20260103000000_due";
        assert_eq!(ask(4), format!("{head}; lacks table Admins, column Loan.due\n"));
        // Once more of what is there is no drift, another type is doubtful.
        database.execute(&format!("ALTER TABLE {schema}.\"Loan\" ADD due date, ADD more int")).await;
        database.execute(&format!("CREATE VIEW {schema}.\"Admins\" AS SELECT '1'::text AS id")).await;
        database.execute(&format!("ALTER TABLE {schema}.\"Member\" ALTER fee TYPE numeric(8,2)")).await;
        assert_eq!(ask(4), format!("{head}; Member.fee is numeric(8,2), not numeric(6,2)\n"));
        site.ask(&["ready", "--snapshot", &path], &url).expect(0);
    }
}

#[tokio::test]
async fn a_database_that_was_marked_as_migrated_but_is_not_is_found_out() {
    let site = Site::new();
    let (path, _) = snapshot(&site);
    let database = in_state(State::Behind, "public").await;
    let (name, sql) = super::fixture::MIGRATIONS[2];
    // As after `prisma migrate resolve --applied` for a migration that had failed.
    database.record("public", name, sql, (", finished_at", ", clock_timestamp()")).await;
    site.ask(&["ready"], &database.url("app", "")).expect(0);
    let said = site.ask(&["ready", "--snapshot", &path], &database.url("app", "")).expect(4);
    assert!(said.stdout.ends_with("; lacks column Loan.due\n"), "{}", said.stdout);
}

#[tokio::test]
async fn a_snapshot_of_another_history_is_told() {
    let site = Site::new();
    let (path, _) = snapshot(&site);
    let database = in_state(State::Equal, "public").await;
    let url = database.url("app", "");
    site.add("20260105000000_later", "SELECT 1;");
    site.ask(&["ready", "--snapshot", &path], &url).expect(4).says(&["was made of another history"]);
    std::fs::write(&path, "{}").unwrap();
    site.ask(&["ready", "--snapshot", &path], &url).expect(1).says(&["it is no snapshot"]);
    site.add("20260106000000_broken", "SELECT nonsense;");
    run(site.path().as_std_path(), &["snapshot"]).expect(1).says(&["20260106000000_broken", "nonsense"]);
    run(site.path().as_std_path(), &["snapshot", "--format", "json"]).expect(64).says(&["--output FILE"]);
}
