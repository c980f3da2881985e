//! What is left of a temporary server: nothing, whoever was killed when, and whoever ran it.

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
    history::replay::{Target, replay},
    postgres::{Installation, Role, Server},
    process::RunAs,
};

use crate::{
    process::{entry, place},
    support::{
        postgres::{Bench, answer, eventually, eventually_clean, history, leftovers, open_directory},
        run::hermetic,
    },
};

/// Starts a process that has a server of its own, and kills it as soon as `is_time`.
fn killed_when(stage: &str, is_time: impl Fn(&Path) -> bool) {
    let place = open_directory();
    let mut tool =
        entry("postgres_endings::entry_point", place.path()).env("TEST_STAGE", stage).spawn().unwrap();
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
        let bench = Bench::at(place.clone(), GlobalArgs::default());
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
    let mut tool = entry("postgres_endings::entry_point", place.path());
    let mut uid = geteuid();
    let mut copy = None;
    if uid.is_root() {
        // Where the binary is, another user may not enter.
        let open = tempfile::Builder::new().permissions(PermissionsExt::from_mode(0o755)).tempdir().unwrap();
        let program = open.path().join("tests");
        let copied =
            hermetic("cp", Path::new("/")).args([&std::env::current_exe().unwrap(), &program]).status();
        assert!(copied.unwrap().success());
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
    // With one processor the harness says the test's name before it, on the same line.
    let served = format!("served by uid {uid}");
    assert!(said.iter().any(|line| line.ends_with(&served)), "{said:?}");
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
