//! The history, applied to a real server: what is recorded, and what is said when it cannot be applied.

use std::sync::atomic::{AtomicUsize, Ordering};

use run_migration::{
    config::ReplayAs,
    history::replay::{Failure, ReplayError, Target, replay},
    postgres::{Role, Server},
};
use tokio_postgres::Client;

use crate::support::{
    postgres::{history, with_server},
    run::{PATIENCE, within_a_limit},
};

/// An empty database of its own for each test.
async fn database(server: &Server, role: Role) -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("replay {}", COUNT.fetch_add(1, Ordering::Relaxed));
    server.create_database(&name, role).await.unwrap();
    name
}

fn target<'a>(server: &'a Server, database: &'a str) -> Target<'a> {
    Target {
        server,
        database,
        replay_as: ReplayAs::Owner,
        now: "2026-01-02T03:04:05Z".parse().unwrap(),
        limit: PATIENCE,
    }
}

/// Applies the migrations and gives a client to look at what came of it.
fn applies<T>(migrations: &[(&str, &str)], look: impl AsyncFnOnce(&Client) -> T) -> T {
    with_server(async |server| {
        let name = database(server, Role::Owner).await;
        replay(&history(migrations), target(server, &name), |_| ()).await.unwrap();
        look(&server.connect(&name, Role::Owner).await.unwrap()).await
    })
}

/// Applies one migration that must fail.
#[track_caller]
fn fails(sql: &str) -> Failure {
    fails_after(&[("1_first", "CREATE TABLE first (id int);"), ("2_faulty", sql)])
}

#[track_caller]
fn fails_after(migrations: &[(&str, &str)]) -> Failure {
    let error = with_server(async |server| {
        let name = database(server, Role::Owner).await;
        replay(&history(migrations), target(server, &name), |_| ()).await.unwrap_err()
    });
    failure(error)
}

fn failure(error: ReplayError) -> Failure {
    match error {
        ReplayError::Migration(failure) => *failure,
        other => panic!("{other}"),
    }
}

#[test]
fn every_migration_is_recorded_as_prisma_records_it() {
    let migrations = [
        ("20240101000000_init", "CREATE TABLE a (id int);\n-- the end\n"),
        ("20240101 By Hand", "INSERT INTO a VALUES (1);"),
        ("2024", "-- nothing yet"),
        ("20240101000000_again", "SELECT * FROM generate_series(1, 10000);"),
    ];
    let mut seen = Vec::new();
    with_server(async |server| {
        let name = database(server, Role::Owner).await;
        replay(&history(&migrations), target(server, &name), |migration| seen.push(migration.name.clone()))
            .await
            .unwrap_err();
    });
    assert_eq!(seen, ["2024"], "by the bytes of the names, the table comes last");

    let migrations =
        [migrations[0], ("20240101000001 By Hand", migrations[1].1), migrations[2], migrations[3]];
    applies(&migrations, async |client| {
        let rows = client
            .query(
                "SELECT migration_name, checksum, applied_steps_count, logs IS NULL AND rolled_back_at IS NULL,
                        started_at < finished_at AND started_at >= '2026-01-02T03:04:05Z'
                        AND started_at > coalesce(lag(finished_at) OVER (ORDER BY started_at), '-infinity'),
                        id ~ '^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$'
                 FROM _prisma_migrations ORDER BY started_at",
                &[],
            )
            .await
            .unwrap();
        let names: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
        assert_eq!(names, ["2024", "20240101000000_again", "20240101000000_init", "20240101000001 By Hand"]);
        for row in &rows {
            assert_eq!((row.get::<_, &str>(1).len(), row.get::<_, i32>(2)), (64, 1));
            assert!(row.get::<_, bool>(3) && row.get::<_, bool>(4) && row.get::<_, bool>(5), "{row:?}");
        }
        // printf -- '-- nothing yet' | sha256sum
        let checksum: &str = rows[0].get(1);
        assert_eq!(checksum, "1e904f1411187e764d5c62b12772b304e84914892d3df83b2ad3e612911cc866");
    });
}

#[test]
fn the_ledger_is_prisma_s_to_the_letter() {
    let columns = applies(&[("1", "SELECT 1")], async |client| {
        let rows = client
            .query(
                "SELECT concat_ws(' ', attname, format_type(atttypid, atttypmod), CASE WHEN attnotnull THEN 'NOT NULL' END,
                                  pg_get_expr(adbin, adrelid))
                 FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
                 WHERE attrelid = 'public._prisma_migrations'::regclass AND attnum > 0 ORDER BY attnum",
                &[],
            )
            .await
            .unwrap();
        rows.iter().map(|row| row.get(0)).collect::<Vec<String>>()
    });
    assert_eq!(
        columns,
        [
            "id character varying(36) NOT NULL",
            "checksum character varying(64) NOT NULL",
            "finished_at timestamp with time zone",
            "migration_name character varying(255) NOT NULL",
            "logs text",
            "rolled_back_at timestamp with time zone",
            "started_at timestamp with time zone NOT NULL now()",
            "applied_steps_count integer NOT NULL 0",
        ]
    );
}

#[test]
fn what_a_migration_sets_the_next_one_finds_and_the_ledger_does_not_care() {
    applies(
        &[
            ("1", "CREATE SCHEMA other; SET search_path = other; CREATE TEMP TABLE kept (id int);"),
            ("2", "CREATE TABLE here (id int); INSERT INTO kept VALUES (1);"),
            (
                "3",
                "SELECT pg_catalog.set_config('search_path', '', false); SET default_transaction_read_only = on;",
            ),
            ("4", "SET default_transaction_read_only = off;"),
            (
                "5",
                "CREATE TABLE other.there (id int); CREATE OPERATOR public.= (
                       LEFTARG = timestamptz, RIGHTARG = timestamptz, FUNCTION = pg_catalog.timestamptz_ne);",
            ),
            (
                "6",
                "RESET search_path; SET TIME ZONE 'Asia/Kathmandu'; BEGIN; CREATE TABLE last (id int); COMMIT;",
            ),
        ],
        async |client| {
            let row = client
                .query_one("SELECT count(*) FROM _prisma_migrations WHERE finished_at IS NOT NULL", &[])
                .await
                .unwrap();
            assert_eq!(row.get::<_, i64>(0), 6);
            client.batch_execute("SELECT * FROM other.here, other.there, public.last").await.unwrap();
        },
    );
}

#[test]
fn statements_that_tolerate_no_transaction_work_alone_and_noise_does_no_harm() {
    applies(
        &[
            ("1", "CREATE TABLE t (id int);"),
            ("2", "-- one statement\nCREATE INDEX CONCURRENTLY i ON t (id);\n"),
            (
                "3",
                "DO $$ BEGIN FOR i IN 1..5000 LOOP RAISE NOTICE 'noise %', repeat('x', 1000); END LOOP; END $$;",
            ),
            ("4", "SELECT repeat('y', 1000) FROM generate_series(1, 20000); LISTEN l; NOTIFY l, 'x';"),
            ("5", "CREATE EXTENSION IF NOT EXISTS plpgsql; COMMENT ON SCHEMA public IS 'ours';"),
        ],
        async |client| {
            let count = "SELECT count(*) FROM pg_indexes WHERE indexname = 'i'";
            assert_eq!(client.query_one(count, &[]).await.unwrap().get::<_, i64>(0), 1);
        },
    );
}

#[test]
fn a_failure_names_file_line_code_and_statement() {
    // A migration, its faulty line, its SQLSTATE, the beginning of the statement, and what else is said.
    let cases: [(&str, usize, &str, &str, &str); 11] = [
        (
            "CREATE TABLE a (id int);\n\nSELEC 1;\nSELECT 2",
            3,
            "42601",
            "SELEC 1",
            "syntax error at or near \"SELEC\"",
        ),
        (
            "CREATE TABLE \"Ä\" (id int);\nSELECT 'ä',\n  nix;",
            3,
            "42703",
            "SELECT 'ä',\n  nix",
            "\"nix\" does not exist",
        ),
        (
            "SELECT 1;\n-- again\nCREATE TABLE first (id int);",
            3,
            "42P07",
            "CREATE TABLE first",
            "already exists",
        ),
        (
            "SELECT 1; SELECT ';';\nINSERT INTO first\nVALUES (1/0);",
            2,
            "22012",
            "INSERT INTO first",
            "division by zero",
        ),
        (
            "DO $$\nBEGIN\n  PERFORM 1;\n  RAISE EXCEPTION 'no way' USING HINT = 'turn round', DETAIL = 'dead end';\nEND\n$$;",
            4,
            "P0001",
            "DO $$",
            "no way\n  detail: dead end\n  hint: turn round",
        ),
        (
            "SELECT 1;\nDO $x$\nBEGIN\n  ALTER TABLE gone ADD COLUMN a int;\nEND $x$;",
            5 - 1,
            "42P01",
            "DO $x$",
            "\"gone\" does not exist",
        ),
        ("DO $$ BEGIN\n  EXECUTE 'SELECT nix' || ' FROM first';\nEND $$", 2, "42703", "DO $$", "QUERY"),
        (
            "CREATE TYPE e AS ENUM ('a');\nCREATE TABLE t (id int, v e);\nINSERT INTO t VALUES (1, 'b');",
            3,
            "22P02",
            "INSERT INTO t",
            "invalid input value for enum",
        ),
        (
            "CREATE TABLE t (id int);\nINSERT INTO t VALUES (NULL);\nALTER TABLE t ALTER id SET NOT NULL;",
            3,
            "23502",
            "ALTER TABLE t",
            "contains null values",
        ),
        (
            "BEGIN;\nCREATE TABLE kept (id int);\nCOMMIT;\nSELECT nix();",
            4,
            "42883",
            "SELECT nix()",
            "nix() does not exist",
        ),
        (
            "CREATE FUNCTION f() RETURNS int LANGUAGE SQL BEGIN ATOMIC SELECT 1; SELECT 2; END;\nDROP TABLE gone;",
            2,
            "42P01",
            "DROP TABLE gone",
            "does not exist",
        ),
    ];
    for (sql, line, code, statement, says) in cases {
        let failure = fails(sql);
        let text = failure.to_string();
        assert_eq!((failure.line, failure.sqlstate.as_deref()), (Some(line), Some(code)), "{sql}\n{text}");
        assert!(failure.statement.starts_with(statement), "{sql}\n{text}");
        if says != "QUERY" {
            assert!(failure.what.contains(says), "{sql}\n{text}");
        }
        assert!(text.starts_with(&format!("/repo/migrations/2_faulty/migration.sql:{line}: ")), "{text}");
        assert!(text.contains(code) && text.contains("\n  statement:\n    "), "{text}");
        assert_eq!(failure.migration, "2_faulty");
    }
}

#[test]
fn a_failure_with_a_known_way_out_says_so() {
    for (sql, code, hint) in [
        ("ALTER SYSTEM SET work_mem = '1MB';", "42501", "replay_as = \"superuser\""),
        ("COPY first FROM PROGRAM 'cat';", "42501", "replay_as = \"superuser\""),
        ("CREATE INDEX CONCURRENTLY i ON first (id); SELECT 1;", "25001", "a migration of its own"),
        (
            "CREATE TYPE e AS ENUM ('a'); COMMIT; ALTER TYPE e ADD VALUE 'b'; SELECT 'b'::e;",
            "55P04",
            "before the one that uses it",
        ),
        ("GRANT SELECT ON first TO nobody_of_that_name;", "42704", "none of your roles"),
        ("\\connect other", "42601", "backslash"),
        ("\u{feff}SELECT 1;", "42601", "byte order mark"),
    ] {
        let failure = fails(sql);
        assert_eq!(failure.sqlstate.as_deref(), Some(code), "{failure}");
        assert!(failure.hint.as_ref().is_some_and(|text| text.contains(hint)), "{sql}: {:?}", failure.hint);
    }
    let missing = fails("CREATE EXTENSION no_such_extension;");
    assert!(
        missing.hint.as_ref().is_some_and(|hint| hint.contains("--postgres-bin")),
        "{missing} {:?}",
        missing.hint
    );
}

#[test]
fn what_would_hang_or_be_lost_is_refused() {
    for (sql, line, says) in [
        ("SELECT 1;\nCOPY first FROM STDIN;", Some(2), "COPY from or to the client"),
        ("COPY first TO STDOUT;", Some(1), "COPY from or to the client"),
        ("SELECT 1;\nSELECT '\0';", Some(2), "NUL byte"),
        ("BEGIN;\nCREATE TABLE t (id int);", None, "begins a transaction and does not end it"),
        ("START TRANSACTION ISOLATION LEVEL SERIALIZABLE;", None, "begins a transaction"),
        ("CREATE TABLE t (id int); BEGIN; SELECT 1; COMMIT AND CHAIN;", None, "begins a transaction"),
        ("DROP TABLE _prisma_migrations;", None, "_prisma_migrations unusable"),
        ("SELECT pg_terminate_backend(pg_backend_pid());", Some(1), "57P01"),
    ] {
        let failure = fails(sql);
        assert!(failure.what.contains(says) && failure.line == line, "{sql}: {failure}");
    }
}

#[test]
fn waiting_has_an_end() {
    with_server(async |server| {
        let name = database(server, Role::Owner).await;
        let holder = server.connect(&name, Role::Owner).await.unwrap();
        holder.batch_execute("SELECT pg_advisory_lock(1)").await.unwrap();
        for (sql, line, event) in [
            ("SELECT 1;\n\nSELECT pg_sleep(1e9);", 3, "Timeout PgSleep"),
            ("SELECT 1; SELECT 2;\nSELECT pg_advisory_lock(1);", 2, "Lock advisory"),
            ("DO $$ BEGIN\n  PERFORM 1;\n  PERFORM pg_advisory_lock(1);\nEND $$", 3, "Lock advisory"),
        ] {
            let attempt = async |limit| {
                let clean = server.connect(&name, Role::Owner).await.unwrap();
                clean.batch_execute("DROP TABLE IF EXISTS _prisma_migrations").await.unwrap();
                let short = Target { limit, ..target(server, &name) };
                replay(&history(&[("1_slow", sql)]), short, |_| ()).await.unwrap_err()
            };
            let faulty = failure(within_a_limit(attempt, |error| error.to_string().contains(event)).await);
            assert_eq!(faulty.line, Some(line), "{faulty}");
            assert!(
                faulty.what.contains(event) && faulty.hint.as_ref().unwrap().contains("--timeout"),
                "{faulty}"
            );
        }
    });
}

#[test]
fn a_superuser_may_do_what_an_owner_may_not() {
    with_server(async |server| {
        let name = database(server, Role::Superuser).await;
        let migrations = history(&[("1", "COPY (SELECT 1) TO PROGRAM 'cat >/dev/null';")]);
        let as_superuser = Target { replay_as: ReplayAs::Superuser, ..target(server, &name) };
        replay(&migrations, as_superuser, |_| ()).await.unwrap();
    });
}
