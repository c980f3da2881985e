//! The temporary server: started, used, gone; and what is said where it cannot be had.

use std::{os::unix::fs::PermissionsExt, path::PathBuf, process::Command, time::Duration};

use camino::Utf8Path;
use nix::unistd::geteuid;
use run_migration::{
    cli::GlobalArgs,
    context::Environment,
    postgres::{Error, Role, Server, acquire},
    process::RunAs,
};

use crate::support::{
    postgres::{Bench, answer, leftovers, open_directory, with_server},
    run::{executable, within_a_limit},
};

#[tokio::test]
async fn a_server_comes_and_goes_without_a_trace() {
    let bench = Bench::new();
    let installation = bench.installation().await;
    assert_eq!(geteuid().is_root(), installation.run_as != RunAs::Myself, "{installation:?}");
    let server = Server::start(&bench.context, &installation).await.unwrap();
    server.create_database("a \"b\"", Role::Owner).await.unwrap();
    let client = server.connect("a \"b\"", Role::Owner).await.unwrap();
    assert_eq!(answer(&client, "SHOW listen_addresses").await, "");
    assert_eq!(
        answer(&client, "SELECT current_user::text || ' ' || current_database()").await,
        "run_migration a \"b\""
    );
    assert_eq!(answer(&client, "SHOW is_superuser").await, "off");
    assert_eq!(answer(&client, "SHOW server_encoding").await, "UTF8");
    let directory = server.socket_directory();
    assert_eq!(std::fs::metadata(directory).unwrap().permissions().mode() & 0o777, 0o700);
    let url = server.prisma_url("a \"b\"", Role::Owner);
    let encoded = directory.as_str().replace('/', "%2F");
    assert_eq!(
        url,
        format!("postgresql://run_migration@localhost:1/a%20%22b%22?host={encoded}&connect_timeout=0")
    );
    server.stop().await.unwrap();
    assert_eq!(std::fs::read_dir(bench.path()).unwrap().count(), 0);
    bench.context.processes.finish().await;
    assert_eq!(leftovers(bench.path().as_std_path()), Vec::<String>::new());
}

#[tokio::test]
async fn a_server_that_is_dropped_is_gone_too() {
    let bench = Bench::new();
    let server = bench.server().await;
    drop(server);
    assert_eq!(std::fs::read_dir(bench.path()).unwrap().count(), 0);
    bench.context.processes.finish().await;
    assert_eq!(leftovers(bench.path().as_std_path()), Vec::<String>::new());
}

#[tokio::test]
async fn a_strange_place_is_as_good_as_any() {
    let mut bench = Bench::new();
    let installation = bench.installation().await;
    let strange = bench.path().join("a b,c\"d%é'$x");
    std::fs::create_dir(&strange).unwrap();
    bench.context.environment = Environment::from_pairs([("RUN_MIGRATION_WORK_DIR", strange.as_str())]);
    let server = Server::start(&bench.context, &installation).await.unwrap();
    assert!(server.prisma_url("db", Role::Owner).contains(server.socket_directory().file_name().unwrap()));
    server.stop().await.unwrap();
    std::fs::remove_dir(strange).unwrap();
    bench.context.processes.finish().await;
}

#[tokio::test]
async fn ten_at_once_do_not_disturb_each_other() {
    let starts = (0..10).map(|_| async {
        let bench = Bench::new();
        let server = bench.server().await;
        server.create_database("same_name", Role::Owner).await.unwrap();
        server.stop().await.unwrap();
        bench.context.processes.finish().await;
        assert_eq!(leftovers(bench.path().as_std_path()), Vec::<String>::new());
    });
    futures_util::future::join_all(starts).await;
}

#[test]
fn a_clone_has_what_its_template_has() {
    with_server(async |server| {
        server.create_database("template", Role::Owner).await.unwrap();
        let client = server.connect("template", Role::Owner).await.unwrap();
        client.batch_execute("CREATE TABLE t AS SELECT 'kept' AS v").await.unwrap();
        drop(client);
        let busy = "pid FROM pg_stat_activity WHERE datname = 'template'";
        let admin = server.connect("postgres", Role::Superuser).await.unwrap();
        while admin.query_opt(&format!("SELECT {busy}"), &[]).await.unwrap().is_some() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        server.clone_database("template", "the clone").await.unwrap();
        let clone = server.connect("the clone", Role::Owner).await.unwrap();
        assert_eq!(answer(&clone, "SELECT v FROM t").await, "kept");
        clone.batch_execute("DROP SCHEMA public CASCADE").await.unwrap();
        let twice = server.create_database("the clone", Role::Owner).await.unwrap_err().to_string();
        assert!(twice.contains("already exists") && twice.contains("42P04"), "{twice}");
        let missing = server.clone_database("no such database", "x").await.unwrap_err().to_string();
        assert!(missing.contains("copy the database no such database"), "{missing}");
    });
}

/// A directory of programs that say they are PostgreSQL, and do `initdb` and `postgres` when called.
fn programs(initdb: &str, postgres: &str) -> tempfile::TempDir {
    let directory = open_directory();
    for (name, script) in [("initdb", initdb), ("postgres", postgres)] {
        let path = directory.path().join(name);
        let script = format!(
            "#!/bin/sh\n[ \"$1\" = --version ] && {{ echo '{name} (PostgreSQL) 16.1'; exit; }}\n{script}\n"
        );
        executable(&path, script.as_bytes());
    }
    directory
}

async fn fails_to_start(initdb: &str, postgres: &str, limit: Duration) -> Error {
    let programs = programs(initdb, postgres);
    let bin = Utf8Path::from_path(programs.path()).unwrap().to_owned();
    let timeout = limit.as_secs();
    let bench = Bench::with(GlobalArgs { postgres_bin: Some(bin), timeout, ..GlobalArgs::default() });
    let error = Server::start(&bench.context, &bench.installation().await).await.unwrap_err();
    bench.context.processes.finish().await;
    assert_eq!(leftovers(bench.path().as_std_path()), Vec::<String>::new());
    error
}

#[tokio::test]
async fn what_does_not_start_says_why() {
    let made = "mkdir \"$2\"";
    for (initdb, postgres, says) in [
        ("echo 'the disk is full' >&2; exit 7", "", ["exit status 7", "the disk is full"]),
        ("sleep 1000", "", ["initdb", "did not answer within"]),
        (made, "echo FATAL: no memory >&2; exit 9", ["exit status: 9", "FATAL: no memory"]),
        (made, "echo LOG: dreaming; exec sleep 1000", ["not ready after", "LOG: dreaming"]),
    ] {
        let is_said = |error: &Error| says.iter().all(|say| error.to_string().contains(say));
        let error =
            within_a_limit(async |limit| fails_to_start(initdb, postgres, limit).await, is_said).await;
        assert!(is_said(&error), "{says:?}: {error}");
        assert!(error.hint().is_some(), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_dies_is_an_error_and_no_wait() {
    let bench = Bench::new();
    let server = bench.server().await;
    let pid = std::fs::read_to_string(server.socket_directory().join("data/postmaster.pid")).unwrap();
    let killed = Command::new("kill").args(["-QUIT", pid.lines().next().unwrap()]).status().unwrap();
    assert!(killed.success());
    while server.connect("postgres", Role::Superuser).await.is_ok() {}
    let error = server.create_database("late", Role::Owner).await.unwrap_err().to_string();
    assert!(error.contains("could not create a database"), "{error}");
    server.stop().await.unwrap();
    bench.context.processes.finish().await;
    assert_eq!(leftovers(bench.path().as_std_path()), Vec::<String>::new());
}

#[tokio::test]
async fn a_place_that_will_not_do_is_named_with_the_reason() {
    let outer = open_directory();
    let long = outer.path().join("x".repeat(90));
    std::fs::create_dir(&long).unwrap();
    let mut cases = vec![
        (PathBuf::from("/no/such/place"), "there is no such directory"),
        (long, "of 103 bytes"),
        (
            PathBuf::from("/proc"),
            if geteuid().is_root() { "no temporary directory" } else { "cannot be written to" },
        ),
    ];
    let closed = outer.path().join("closed/inner");
    if geteuid().is_root() {
        std::fs::create_dir_all(&closed).unwrap();
        std::fs::set_permissions(closed.parent().unwrap(), PermissionsExt::from_mode(0o700)).unwrap();
        cases.push((closed, "cannot enter"));
    }
    for (place, why) in cases {
        let mut bench = Bench::new();
        let installation = bench.installation().await;
        let path = place.to_str().unwrap();
        bench.context.environment = Environment::from_pairs([("RUN_MIGRATION_WORK_DIR", path)]);
        let error = Server::start(&bench.context, &installation).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains(path) && text.contains(why), "{text}");
        assert!(error.hint().unwrap().contains("RUN_MIGRATION_WORK_DIR"));
    }
}

#[tokio::test]
async fn candidates_are_rejected_with_a_reason() {
    let empty = open_directory();
    let liar = programs("", "");
    executable(&liar.path().join("postgres"), b"#!/bin/sh\necho 'postgres (PostgreSQL) 15.2'\n");
    let broken = programs("", "");
    executable(&broken.path().join("postgres"), b"#!/bin/sh\necho 'no libpq.so.5' >&2; exit 127\n");
    let old = programs("", "");
    for name in ["initdb", "postgres"] {
        let script = format!("#!/bin/sh\necho '{name} (PostgreSQL) 13.9'\n");
        executable(&old.path().join(name), script.as_bytes());
    }
    let good = programs("", "");
    for (directory, major, why) in [
        (&empty, None, "there is no initdb in it"),
        (&liar, None, "postgres is 15.2, but initdb is 16.1"),
        (&broken, None, "no libpq.so.5"),
        (&old, None, "older than 14"),
        (&good, Some(18), "the project requires 18"),
    ] {
        let bin = Utf8Path::from_path(directory.path()).unwrap().to_owned();
        let bench = Bench::with(GlobalArgs { postgres_bin: Some(bin.clone()), ..GlobalArgs::default() });
        let stage = bench.context.progress.stage("postgres");
        let error = acquire(&bench.context, major, &stage).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains(bin.as_str()) && text.contains(why), "{text}");
        assert!(error.hint().unwrap().contains("--postgres-bin"));
    }
}
