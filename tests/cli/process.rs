//! The promise that no child and no directory outlives the tool.

use std::{
    io::Write,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use camino::Utf8Path;
use run_migration::process::{BaseEnvironment, Invocation, ProcessError, Processes};

use crate::support::{
    postgres::{eventually, eventually_clean, leftovers, open_directory},
    run::within_a_limit,
};

const REAPER: &str = include_str!("../../src/process/reaper.sh");

fn shell(script: &str) -> Invocation {
    Invocation::new("/bin/sh", "/").args(["-c", script])
}

#[tokio::test]
async fn a_program_s_end_and_words_come_back() {
    let processes = Processes::new();
    let script = "cat; echo $GREETING $HOME; echo said >&2; exit 3";
    let invocation =
        shell(script).stdin("typed\n").base_environment(BaseEnvironment::Empty).env("GREETING", "hello");
    let finished = processes.run(invocation).await.unwrap();
    assert_eq!(
        (finished.ended().as_str(), finished.stdout_text().as_str()),
        ("exit status 3", "typed\nhello\n")
    );
    assert_eq!(finished.stderr_text(), "said");

    let killed = processes.run(shell("kill -9 $$")).await.unwrap();
    assert_eq!(killed.ended(), "signal 9");

    let missing = processes.run(Invocation::new("no-such-program", "/")).await.unwrap_err();
    assert!(matches!(missing, ProcessError::NotFound { .. }), "{missing}");
    let nowhere = processes.run(Invocation::new("/bin/sh", "/no/such/directory")).await.unwrap_err();
    assert!(matches!(nowhere, ProcessError::Io { .. }), "{nowhere}");
    processes.finish().await;
}

#[tokio::test]
async fn a_program_that_does_not_answer_is_ended_with_its_last_words() {
    let processes = Processes::new();
    let slow = shell("echo waiting for https://me:secret@host/ >&2; exec sleep 1000");
    let ended = async |limit| processes.run(slow.clone().timeout(limit)).await.unwrap_err().to_string();
    let error = within_a_limit(ended, |error| error.contains("https://***@host/")).await;
    assert!(error.contains("did not answer") && error.contains("https://***@host/"), "{error}");
    let deaf = shell("trap '' TERM; while :; do sleep 1; done").timeout(Duration::from_millis(100));
    assert!(matches!(processes.run(deaf).await, Err(ProcessError::Timeout { .. })));
    processes.finish().await;
}

#[tokio::test]
async fn a_grandchild_that_keeps_the_pipes_open_does_not_hold_up_the_answer() {
    let directory = open_directory();
    let processes = Processes::new();
    let script = shell("sleep 1000 & echo done").env("MARK", directory.path());
    let finished = processes.run(script).await.unwrap();
    assert_eq!(finished.stdout_text(), "done\n");
    processes.finish().await;
    eventually_clean(directory.path());
}

#[tokio::test]
async fn endless_output_is_cut_off() {
    let processes = Processes::new();
    let error = processes.run(shell("exec cat /dev/zero")).await.unwrap_err();
    assert!(matches!(error, ProcessError::TooMuchOutput { .. }), "{error}");
    processes.finish().await;
}

/// Starts children of every kind and a temporary directory with something in it.
fn populate(processes: &Processes, place: &Utf8Path) -> tempfile::TempDir {
    let directory = processes.temporary_directory(place, "held-").unwrap();
    std::fs::create_dir(directory.path().join("inside")).unwrap();
    std::fs::write(directory.path().join("inside/file"), "x").unwrap();
    for script in [
        "exec sleep 1000",
        "sleep 1000 & sleep 1000 & wait",
        "(trap '' TERM HUP INT; while :; do sleep 1; done) & exit",
        "exit",
    ] {
        processes.spawn(&shell(script).env("MARK", place.as_str())).unwrap();
    }
    directory
}

#[tokio::test]
async fn the_end_takes_everything_along() {
    let place = open_directory();
    let processes = Processes::new();
    let directory = populate(&processes, Utf8Path::from_path(place.path()).unwrap());
    let mode = std::fs::metadata(directory.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    processes.finish().await;
    assert_eq!(leftovers(place.path()), Vec::<String>::new());
    let late = processes.run(shell("exit")).await.unwrap_err().to_string();
    assert!(late.contains("the run is already over"), "{late}");
    assert!(processes.temporary_directory(Utf8Path::from_path(place.path()).unwrap(), "late-").is_err());
    processes.finish().await;
}

#[tokio::test]
async fn dropped_without_a_word_it_ends_all_the_same() {
    let place = open_directory();
    let processes = Processes::new();
    std::mem::forget(populate(&processes, Utf8Path::from_path(place.path()).unwrap()));
    drop(processes);
    eventually_clean(place.path());
}

#[test]
fn killed_at_once_it_leaves_nothing() {
    let place = open_directory();
    let mut tool = entry("process::entry_point", place.path()).spawn().unwrap();
    eventually("the children are there", || leftovers(place.path()).len() >= 7);
    tool.kill().unwrap();
    tool.wait().unwrap();
    eventually_clean(place.path());
}

/// This very test binary, to run the one test `name` that others need in a process of its own.
pub fn entry(name: &str, place: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--ignored", "--nocapture"]).env("TEST_PLACE", place);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// Where the test that started this process wants things to be.
pub fn place() -> camino::Utf8PathBuf {
    std::env::var("TEST_PLACE").expect("run by other tests only").into()
}

#[test]
#[ignore = "other tests run it in a process of its own"]
fn entry_point() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _guard = runtime.enter();
    let processes = Processes::new();
    let _directory = populate(&processes, &place());
    std::thread::sleep(Duration::from_secs(600));
}

/// The shells of this machine that may be somebody's `/bin/sh`.
fn shells() -> Vec<Vec<&'static str>> {
    let all: [&[&str]; 6] = [
        &["/bin/sh"],
        &["dash"],
        &["bash", "--posix"],
        &["busybox", "sh"],
        &["ksh"],
        &["zsh", "--emulate", "sh"],
    ];
    all.into_iter().filter(|shell| which::which(shell[0]).is_ok()).map(<[&str]>::to_vec).collect()
}

#[test]
fn the_reaper_works_in_every_shell() {
    let shells = shells();
    assert!(shells.iter().any(|shell| shell[0] == "/bin/sh"));
    std::thread::scope(|scope| {
        for shell in &shells {
            scope.spawn(|| reaps(shell));
        }
    });
}

const PIPE: u64 = 13;
const TERM: u64 = 15;

/// A child that is gone when the test is, however it ends.
struct Guarded(Child);

impl Guarded {
    fn spawn(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap())
    }

    fn shell(script: &str, group: i32) -> Self {
        Self::spawn(Command::new("/bin/sh").args(["-c", script]).process_group(group))
    }

    /// Waits until `signal` no longer does what it does by default.
    fn traps(&self, signal: u64) {
        eventually("a trap is set", || {
            let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
            let masks = status.lines().filter_map(|line| line.strip_prefix("Sig"));
            let mut traps = masks.filter_map(|line| line.strip_prefix("Ign:").or(line.strip_prefix("Cgt:")));
            traps.any(|mask| u64::from_str_radix(mask.trim(), 16).unwrap() & (1 << (signal - 1)) != 0)
        });
    }

    fn ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A directory `name` that claims to hold the data of a server with the process id `pid`.
fn claims(place: &Path, name: &str, pid: &str) -> PathBuf {
    let data = place.join(name).join("data");
    std::fs::create_dir_all(&data).unwrap();
    std::fs::write(data.join("postmaster.pid"), format!("{pid}\n/somewhere\n")).unwrap();
    place.join(name)
}

/// A pen with a deaf member, a postmaster's file that tells the truth and some that lie.
fn reaps(shell: &[&str]) {
    let open = open_directory();
    let place = open.path();
    let mut stranger = Guarded::shell("exec sleep 1000", 0);
    let leader = Guarded::shell("read -r _", 0);
    let pen = i32::try_from(leader.0.id()).unwrap();
    let quit = place.join("quit");
    let script = format!(
        "trap 'echo quit >{}; exit' QUIT; trap '' TERM; while :; do sleep 0.01; done",
        quit.display()
    );
    let postmaster = Guarded::shell(&script, pen);
    let early = place.join("early");
    let script = format!(
        "trap 'echo x >{}; exit' TERM; i=0; while [ $i -lt 30 ]; do sleep 0.01; i=$((i+1)); done",
        early.display()
    );
    let initdb = Guarded::shell(&script, pen);
    let deaf = Guarded::shell("trap '' TERM; while :; do sleep 1; done", pen);
    let mut announced = vec![
        claims(place, "a true", &postmaster.0.id().to_string()),
        claims(place, "in the making", &format!("-{}", initdb.0.id())),
        claims(place, "strange", &stranger.0.id().to_string()),
        claims(place, "a group", &format!("-{}", stranger.0.id())),
        claims(place, "nonsense", "$(touch /x)"),
        place.join("never made"),
    ];
    // Opening a FIFO that nobody writes to would wait for ever.
    let fifo = place.join("fifo");
    std::fs::create_dir_all(fifo.join("data")).unwrap();
    assert!(Command::new("mkfifo").arg(fifo.join("data/postmaster.pid")).status().unwrap().success());
    announced.push(fifo);

    let arguments = ["-c", REAPER, "reaper", &pen.to_string()];
    let mut reaper =
        Guarded::spawn(Command::new(shell[0]).args(&shell[1..]).args(arguments).process_group(0));
    let mut input = reaper.0.stdin.take().unwrap();
    for path in &announced {
        writeln!(input, "{}", path.display()).unwrap();
    }
    // A line that was cut off: the directory was never made by whoever was killed while writing it.
    write!(input, "{}", claims(place, "kept", "1").display()).unwrap();
    postmaster.traps(TERM);
    deaf.traps(TERM);
    initdb.traps(TERM);
    reaper.traps(PIPE);
    for signal in ["TERM", "INT", "HUP", "QUIT", "PIPE"] {
        let pid = reaper.0.id().to_string();
        assert!(Command::new("kill").args([format!("-{signal}"), pid]).status().unwrap().success());
    }
    // Time to fall over.
    std::thread::sleep(Duration::from_millis(100));
    assert!(announced[0].exists() && !reaper.ended(), "{shell:?}");

    drop(input);
    let mut members = [leader, postmaster, initdb, deaf];
    eventually(&format!("{shell:?} ends"), || {
        members.iter_mut().for_each(|member| _ = member.ended());
        reaper.ended()
    });
    eventually(&format!("{shell:?} leaves nobody"), || members.iter_mut().all(Guarded::ended));
    assert!(!early.exists(), "{shell:?}: initdb was not let finish");
    assert!(quit.exists(), "{shell:?}: the postmaster was not told to quit");
    assert!(!stranger.ended(), "{shell:?}: a stranger was killed");
    let mut names: Vec<_> =
        place.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["kept", "quit"], "{shell:?}");
}
