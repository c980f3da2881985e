//! The temporary server: started, used, gone, whatever ends it.

use std::{
    fs::{File, FileTimes},
    io::{BufRead, BufReader},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, SystemTime},
};

use camino::Utf8Path;
use nix::unistd::{Uid, chown, geteuid};
use run_migration::{
    cli::GlobalArgs,
    config::ReplayAs,
    context::Environment,
    history::replay::{Target, replay},
    postgres::{Error, Installation, Role, Server, acquire},
    process::RunAs,
};

use crate::{
    process::{entry, place},
    support::postgres::{
        Bench, eventually, eventually_clean, history, leftovers, open_directory, with_server,
    },
};

/// The first column of the first row that `query` gives.
async fn answer(client: &tokio_postgres::Client, query: &str) -> String {
    client.query_one(query, &[]).await.unwrap().get(0)
}

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
    assert_eq!(url, format!("postgresql://run_migration@localhost:1/a%20%22b%22?host={encoded}"));
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
    assert!(server.prisma_url("db", Role::Owner).ends_with(server.socket_directory().file_name().unwrap()));
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
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    }
    directory
}

async fn fails_to_start(initdb: &str, postgres: &str) -> Error {
    let programs = programs(initdb, postgres);
    let bin = Utf8Path::from_path(programs.path()).unwrap().to_owned();
    let bench = Bench::with(GlobalArgs { postgres_bin: Some(bin), timeout: 2, ..GlobalArgs::default() });
    let error = Server::start(&bench.context, &bench.installation().await).await.unwrap_err();
    bench.context.processes.finish().await;
    assert_eq!(leftovers(bench.path().as_std_path()), Vec::<String>::new());
    error
}

#[tokio::test]
async fn what_does_not_start_says_why() {
    let initdb = "mkdir \"$2\"";
    for (error, says) in [
        (
            fails_to_start("echo 'the disk is full' >&2; exit 7", "").await,
            ["exit status 7", "the disk is full"],
        ),
        (fails_to_start("sleep 1000", "").await, ["initdb", "did not answer within 2 s"]),
        (
            fails_to_start(initdb, "echo FATAL: no memory >&2; exit 9").await,
            ["exit status: 9", "FATAL: no memory"],
        ),
        (
            fails_to_start(initdb, "echo LOG: dreaming; exec sleep 1000").await,
            ["not ready after 2 s", "LOG: dreaming"],
        ),
    ] {
        let text = error.to_string();
        assert!(says.iter().all(|say| text.contains(say)), "{says:?}: {text}");
        assert!(error.hint().is_some(), "{text}");
    }
}

#[tokio::test]
async fn a_server_that_dies_is_an_error_and_no_wait() {
    let bench = Bench::new();
    let server = bench.server().await;
    let pid = std::fs::read_to_string(server.socket_directory().join("data/postmaster.pid")).unwrap();
    let killed = Command::new("kill").args(["-QUIT", pid.lines().next().unwrap()]).status().unwrap();
    assert!(killed.success());
    let mut errors = Vec::new();
    while errors.is_empty() {
        errors.extend(server.create_database("late", Role::Owner).await.err());
    }
    assert!(errors[0].to_string().contains("could not create a database"), "{}", errors[0]);
    assert!(server.connect("postgres", Role::Superuser).await.is_err());
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
    std::fs::write(liar.path().join("postgres"), "#!/bin/sh\necho 'postgres (PostgreSQL) 15.2'\n").unwrap();
    let broken = programs("", "");
    std::fs::write(broken.path().join("postgres"), "#!/bin/sh\necho 'no libpq.so.5' >&2; exit 127\n")
        .unwrap();
    let old = programs("", "");
    for name in ["initdb", "postgres"] {
        std::fs::write(old.path().join(name), format!("#!/bin/sh\necho '{name} (PostgreSQL) 13.9'\n"))
            .unwrap();
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

/// Starts a process that has a server of its own, and kills it as soon as `is_time`.
fn killed_when(stage: &str, is_time: impl Fn(&Path) -> bool) {
    let place = open_directory();
    let mut tool = entry("postgres::entry_point", place.path()).env("TEST_STAGE", stage).spawn().unwrap();
    eventually(stage, || is_time(place.path()));
    tool.kill().unwrap();
    tool.wait().unwrap();
    eventually_clean(place.path());
}

/// Whether the server's directory holds `file`.
fn holds(place: &Path, file: &str) -> bool {
    place.read_dir().unwrap().flatten().any(|entry| entry.path().join(file).exists())
}

#[test]
fn killed_while_the_directory_is_made() {
    killed_when("server", |place| place.read_dir().unwrap().next().is_some());
}

#[test]
fn killed_during_initdb() {
    killed_when("server", |place| holds(place, "data/base"));
}

#[test]
fn killed_while_the_server_starts() {
    killed_when("server", |place| holds(place, "log"));
}

#[test]
fn killed_while_the_server_runs() {
    killed_when("server", |place| {
        place.join("ready").exists() && std::fs::remove_file(place.join("ready")).is_ok()
    });
}

#[test]
fn killed_during_the_replay() {
    killed_when("replay", |place| {
        place.join("ready").exists() && std::fs::remove_file(place.join("ready")).is_ok()
    });
}

#[test]
#[ignore = "other tests run it in a process of its own"]
fn entry_point() {
    let place = place();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut bench = Bench::new();
        bench.context.environment = Environment::from_pairs([
            ("PATH", std::env::var("PATH").unwrap().as_str()),
            ("RUN_MIGRATION_WORK_DIR", place.as_str()),
        ]);
        let server = bench.server().await;
        server.create_database("db", Role::Owner).await.unwrap();
        let client = server.connect("db", Role::Owner).await.unwrap();
        match std::env::var("TEST_STAGE").unwrap().as_str() {
            "once" => {
                println!("served by uid {}", owner(&server));
                server.stop().await.unwrap();
                bench.context.processes.finish().await;
            }
            "replay" => {
                let target = Target {
                    server: &server,
                    database: "db",
                    replay_as: ReplayAs::Owner,
                    now: bench.context.now,
                    limit: Duration::from_secs(600),
                };
                let slow = history(&[("1", "CREATE TABLE t (id int); SELECT pg_sleep(600);")]);
                let watch = async {
                    let sleeping = "SELECT count(*)::text FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
                    while answer(&client, sleeping).await != "1" {}
                    std::fs::write(place.join("ready"), "").unwrap();
                    std::future::pending::<()>().await;
                };
                let _ = tokio::join!(replay(&slow, target, |_| ()), watch);
            }
            _ => {
                std::fs::write(place.join("ready"), "").unwrap();
                std::future::pending::<()>().await;
            }
        }
    });
}

/// The uid that the server's files belong to.
fn owner(server: &Server) -> u32 {
    std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(server.socket_directory().join("data")).unwrap())
}

#[test]
fn an_ordinary_user_needs_nobody_s_help() {
    let place = open_directory();
    let mut tool = entry("postgres::entry_point", place.path());
    let mut uid = geteuid();
    let mut copy = None;
    if uid.is_root() {
        // Where the binary is, another user may not enter.
        let open = tempfile::Builder::new().permissions(PermissionsExt::from_mode(0o755)).tempdir().unwrap();
        let program = open.path().join("tests");
        std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        uid = Uid::from_raw(65534);
        chown(place.path(), Some(uid), None).unwrap();
        let args: Vec<_> = tool.get_args().map(ToOwned::to_owned).collect();
        tool = Command::new(program);
        tool.args(args).env("TEST_PLACE", place.path()).current_dir("/").uid(uid.as_raw()).gid(65534);
        copy = Some(open);
    }
    let ended = tool.env("TEST_STAGE", "once").env("TMPDIR", "/tmp").stdout(Stdio::piped()).spawn().unwrap();
    let output = ended.wait_with_output().unwrap();
    assert!(output.status.success());
    let said: Vec<String> = BufReader::new(&output.stdout[..]).lines().map(Result::unwrap).collect();
    assert!(said.contains(&format!("served by uid {uid}")), "{said:?}");
    eventually_clean(place.path());
    drop(copy);
}

/// A directory as a server leaves it, two minutes old.
fn abandoned(place: &Utf8Path, name: &str) -> PathBuf {
    let path = place.as_std_path().join(name);
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join("lock"), "").unwrap();
    std::fs::create_dir(path.join("data")).unwrap();
    age(&path);
    path
}

fn age(path: &Path) {
    let past = SystemTime::now() - Duration::from_secs(120);
    File::open(path).unwrap().set_times(FileTimes::new().set_modified(past)).unwrap();
}

#[tokio::test]
async fn what_a_killed_machine_left_is_swept_and_nothing_else() {
    let bench = Bench::new();
    let place = bench.path();
    let gone = [abandoned(place, "run-migration-pg-a"), abandoned(place, "run-migration-pg-b")];
    std::fs::write(gone[1].join("data/postmaster.pid"), format!("{}\n", std::process::id())).unwrap();
    let empty = place.as_std_path().join("run-migration-pg-empty");
    std::fs::create_dir(&empty).unwrap();
    age(&empty);

    let held = abandoned(place, "run-migration-pg-held");
    let lock = File::open(held.join("lock")).unwrap();
    lock.lock().unwrap();
    let young = abandoned(place, "run-migration-pg-young");
    File::open(&young).unwrap().set_times(FileTimes::new().set_modified(SystemTime::now())).unwrap();
    let linked = abandoned(place, "run-migration-pg-linked");
    std::fs::remove_file(linked.join("lock")).unwrap();
    std::os::unix::fs::symlink(held.join("data"), linked.join("lock")).unwrap();
    age(&linked);
    let strange = abandoned(place, "somebody-elses");

    let server = bench.server().await;
    assert!(!gone[0].exists() && !gone[1].exists() && !empty.exists());
    assert!(held.exists() && young.exists() && linked.exists() && strange.exists());
    server.stop().await.unwrap();
    bench.context.processes.finish().await;
}

#[tokio::test]
async fn a_server_that_outlived_everybody_is_ended_and_swept() {
    let bench = Bench::new();
    let directory = abandoned(bench.path(), "run-migration-pg-orphan");
    std::fs::remove_dir(directory.join("data")).unwrap();
    let installation = bench.installation().await;
    let mut server = orphan(&installation, &directory);
    age(&directory);
    bench.server().await.stop().await.unwrap();
    assert!(!directory.exists());
    assert!(server.wait().unwrap().code().is_some());
    bench.context.processes.finish().await;
    assert_eq!(leftovers(bench.path().as_std_path()), Vec::<String>::new());
}

/// A server in `directory` that belongs to no run.
fn orphan(installation: &Installation, directory: &Path) -> std::process::Child {
    let data = directory.join("data");
    let program = |name: &str| {
        let mut command = Command::new(installation.bin.join(name));
        command.arg("-D").arg(&data).current_dir("/").stdout(Stdio::null()).stderr(Stdio::null());
        if let RunAs::User { uid, gid, .. } = installation.run_as {
            chown(directory, Some(Uid::from_raw(uid)), None).unwrap();
            command.uid(uid).gid(gid);
        }
        command
    };
    assert!(program("initdb").args(["--no-sync", "-A", "trust"]).status().unwrap().success());
    let server = program("postgres")
        .arg("-k")
        .arg(directory)
        .args(["-c", "listen_addresses=", "-p", "1"])
        .spawn()
        .unwrap();
    eventually("the orphan runs", || directory.join(".s.PGSQL.1").exists());
    server
}
