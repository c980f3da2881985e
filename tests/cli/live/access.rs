//! Who may ask, and what is said where nobody answers.

use super::fixture::{Site, State, in_state};
use crate::support::live::{Bouncer, PASSWORD, free_port, server};

#[tokio::test]
async fn a_role_that_may_only_read_the_ledger_is_enough() {
    let site = Site::new();
    for schema in ["public", "other"] {
        let database = in_state(State::Equal, schema).await;
        database.execute(&format!("GRANT USAGE ON SCHEMA {schema} TO reader")).await;
        let url = database.url("reader", &format!("schema={schema}"));
        site.ask(&["status"], &url)
            .expect(1)
            .says(&["SQLSTATE 42501", "SELECT on its table _prisma_migrations"]);
        database.execute(&format!("GRANT SELECT ON {schema}._prisma_migrations TO reader")).await;
        site.ask(&["status"], &url).expect(0);
        site.ask(&["ready"], &url).expect(0);
        database.execute(&format!("REVOKE ALL ON SCHEMA {schema} FROM reader, public")).await;
        site.ask(&["ready"], &url).expect(1).says(&["permission denied for schema", "USAGE on the schema"]);
    }
}

#[tokio::test]
async fn nothing_is_changed_even_where_it_could_be() {
    let site = Site::new();
    let database = in_state(State::Failed, "public").await;
    for command in ["status", "ready"] {
        site.ask(&[command], &database.url("app", "application_name=probe")).expect(4);
    }
    let asked = server().asked(&database.name, "probe");
    assert_eq!(asked.len(), 4, "a look takes two questions: {asked:#?}");
    for question in asked {
        assert!(
            question.starts_with("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; "),
            "{question}"
        );
    }
}

#[tokio::test]
async fn who_is_not_let_in_is_told_why() {
    let site = Site::new();
    let database = in_state(State::Equal, "public").await;
    let good = database.url("app", "");
    let nowhere = free_port();
    for (url, texts) in [
        (good.replace("hunter2", "hunter2x"), &["password authentication failed", "percent-encoded"][..]),
        (database.url_at("127.0.0.1", nowhere, "app", ""), &["cannot be reached", "refused"]),
        (
            database.url_at("no-such-host.invalid", 5432, "app", ""),
            &["no-such-host.invalid:5432", "cannot be reached"],
        ),
        (database.url("encrypted", "sslmode=disable"), &["no encryption", "add sslmode=require"]),
        (
            format!("postgresql://app:{PASSWORD}@localhost/db"),
            &["database URL cannot be read", "percent-encoded"],
        ),
        (
            good.replace("postgresql:", "prisma+postgres:"),
            &["prisma+postgres:// names Prisma's own service", "DIRECT_URL"],
        ),
    ] {
        for command in ["status", "ready"] {
            site.ask(&[command], &url).expect(1).says(texts);
            let json = site.ask(&[command, "--format", "json"], &url).expect(1).json();
            assert_eq!(json["outcome"], "failed");
        }
    }
    site.ask(&["status"], "").expect(1).says(&["no database is named", "DATABASE_URL"]);
    let elsewhere = database.url("app", "schema=no%20such");
    assert!(
        site.ask(&["status"], &elsewhere)
            .expect(4)
            .stdout
            .starts_with("not managed: there is no such schema\n")
    );
    assert!(site.ask(&["ready"], &elsewhere).expect(4).stdout.contains("; there is no such schema; "));
}

#[tokio::test]
async fn a_url_on_the_command_line_wins() {
    let site = Site::new();
    let database = in_state(State::Equal, "public").await;
    let good = database.url("app", "");
    let args = ["ready", "--database-url", good.as_str(), "--format", "json"];
    let ended = site.ask(&args, "postgresql://u:hunter2@127.0.0.1:1/none").expect(0);
    assert!(ended.json()["database"]["ready"].as_bool().unwrap());
    site.ask(&["ready", &format!("--database-url={good}")], "").expect(0);
    // What does not take it still says so.
    site.ask(&["generate", "--database-url", &good], "").expect(64);
    site.ask(&["ready", &good], "").expect(64);
}

#[tokio::test]
async fn tls_is_as_strict_as_the_url_says() {
    let site = Site::new();
    let database = in_state(State::Equal, "public").await;
    let server = server();
    let (authority, other) = (&server.authority, server.socket.join("other.crt"));
    for (host, parameters, code, text) in [
        ("localhost", "sslmode=require".to_owned(), 0, ""),
        ("localhost", String::new(), 0, ""),
        ("localhost", format!("sslmode=verify-full&sslrootcert={authority}"), 0, ""),
        ("localhost", format!("sslmode=require&sslcert={authority}&sslaccept=strict"), 0, ""),
        ("127.0.0.1", format!("sslmode=verify-ca&sslrootcert={authority}"), 0, ""),
        (
            "127.0.0.1",
            format!("sslmode=verify-full&sslrootcert={authority}"),
            1,
            "sslmode=verify-ca does not look at names",
        ),
        ("localhost", format!("sslmode=verify-ca&sslrootcert={other}"), 1, "name the file of the authority"),
        ("localhost", format!("sslmode=require&sslrootcert={other}"), 1, "name the file of the authority"),
        (
            "localhost",
            format!("sslmode=require&sslcert={other}"),
            0,
            "the server's certificate is not verified",
        ),
        ("localhost", "sslmode=verify-full".to_owned(), 1, "name the file of the authority"),
        ("localhost", "sslmode=require&sslcert=/nowhere.pem&sslaccept=strict".to_owned(), 1, "/nowhere.pem"),
        ("localhost", format!("sslmode=verify-ca&sslrootcert={}", server.log), 1, "it must be PEM"),
    ] {
        // This role is let in with TLS alone.
        let url = database.url_at(host, server.port, "encrypted", &parameters);
        grant(&database).await;
        site.ask(&["status"], &url).expect(code).says(&[text]);
    }
}

async fn grant(database: &crate::support::live::Database) {
    database.execute("GRANT SELECT ON _prisma_migrations TO encrypted").await;
}

#[tokio::test]
async fn a_pooler_in_transaction_mode_may_stand_between() {
    let site = Site::new();
    let bouncer = Bouncer::start(server()).await;
    for (state, code) in [(State::Equal, 0), (State::Behind, 4), (State::Empty, 4), (State::NotManaged, 0)] {
        let database = in_state(state, "other").await;
        let url = |parameters: &str| {
            database.url_at(
                "localhost",
                bouncer.port,
                "app",
                &format!("schema=other&pgbouncer=true&{parameters}"),
            )
        };
        // More clients than connections to the server, again and again.
        let asked: Vec<_> = (0..6)
            .map(|_| {
                std::thread::spawn({
                    let (url, directory) = (url("connection_limit=1"), site.path().to_owned());
                    move || {
                        let mut tool = crate::support::run::tool(directory.as_std_path(), &["ready"]);
                        tool.env("DATABASE_URL", url).output().unwrap().status.code()
                    }
                })
            })
            .collect();
        for thread in asked {
            assert_eq!(thread.join().unwrap(), Some(code), "{state:?}");
        }
        let own = format!("sslmode=verify-full&sslrootcert={}", bouncer.certificate);
        site.ask(&["ready"], &url(&own)).expect(code);
        site.ask(&["ready"], &url("options=-c%20work_mem%3D1MB"))
            .expect(1)
            .says(&["takes no startup options"]);
        let wrong = url("").replace("hunter2", "hunter2x");
        site.ask(&["ready"], &wrong).expect(1);
    }
}

#[tokio::test]
async fn a_lock_or_a_silent_server_costs_no_more_than_the_limit() {
    let site = Site::new();
    let database = in_state(State::Equal, "public").await;
    database.execute("BEGIN; LOCK TABLE _prisma_migrations IN ACCESS EXCLUSIVE MODE").await;
    let text = "another session hold a lock";
    site.ask(&["ready"], &database.url("app", "socket_timeout=1"))
        .expect(1)
        .says(&["did not answer within 1 s", text]);
    // The server was told of the limit: no session of ours is left waiting once it has noticed.
    let waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'run-migration'";
    let asked = std::time::Instant::now();
    while !database.client.query(waiting, &[]).await.unwrap().is_empty() {
        assert!(asked.elapsed() < crate::support::run::PATIENCE, "a session of ours still waits");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = database.url_at("127.0.0.1", silent.local_addr().unwrap().port(), "app", "connect_timeout=1");
    site.ask(&["ready"], &url).expect(1).says(&["did not answer within 1 s"]);
}
