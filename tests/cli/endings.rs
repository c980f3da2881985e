//! Whatever ends the tool: nothing is written, no process is left and no directory.

use std::{
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::support::{
    project::Project,
    run::{Ended, tool},
};

/// A run whose server and work files are in a place of their own.
struct Run {
    project: Project,
    place: tempfile::TempDir,
    before: String,
    child: Child,
}

impl Run {
    fn start(args: &[&str]) -> Self {
        let project = Project::fixture();
        let before = project.state();
        // Short, for the socket's sake, and open to the account that runs the server.
        let place = tempfile::Builder::new().prefix("rm-").tempdir_in("/tmp").unwrap();
        std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let child = tool(&project.path(), args)
            .env("RUN_MIGRATION_WORK_DIR", place.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self { project, place, before, child }
    }

    /// Reads standard error until `stage` is over, then a little longer.
    fn wait_for(&mut self, stage: &str, and: Duration) {
        let mut lines = BufReader::new(self.child.stderr.as_mut().unwrap()).lines();
        let said = lines.find(|line| line.as_ref().unwrap().starts_with(stage));
        assert!(said.is_some(), "{stage} never came");
        std::thread::sleep(and);
    }

    fn send(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }

    /// Waits for the end and for everything to be gone.
    fn ends_clean(self) -> Ended {
        let ended = Ended::from(self.child.wait_with_output().unwrap());
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let left = leftovers(self.place.path());
            if left.is_empty() {
                break;
            }
            assert!(Instant::now() < deadline, "left behind: {left:#?}");
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(self.project.state(), self.before);
        ended
    }
}

/// Files in `place`, and processes that have to do with it.
fn leftovers(place: &Path) -> Vec<String> {
    let mut left: Vec<_> =
        std::fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path().display().to_string()).collect();
    let name = place.to_str().unwrap();
    for process in std::fs::read_dir("/proc").unwrap().flatten() {
        let read = |file: &str| std::fs::read(process.path().join(file)).unwrap_or_default();
        let command = String::from_utf8_lossy(&read("cmdline")).replace('\0', " ");
        let directory = std::fs::read_link(process.path().join("cwd")).unwrap_or_default();
        let environment = String::from_utf8_lossy(&read("environ")).into_owned();
        if command.contains(name) || directory.starts_with(place) || environment.contains(name) {
            left.push(format!("{:?}: {command}", process.file_name()));
        }
    }
    left
}

#[test]
fn sigkill_leaves_nothing_at_any_stage() {
    let moments =
        [("copies", 0), ("history", 0), ("history", 150), ("postgres", 0), ("replay", 0), ("replay", 400)];
    for (stage, milliseconds) in moments {
        let mut run = Run::start(&["killed"]);
        run.wait_for(stage, Duration::from_millis(milliseconds));
        run.send(Signal::SIGKILL);
        run.ends_clean();
    }
}

#[test]
fn signals_end_it_in_order() {
    for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143), (Signal::SIGHUP, 129)] {
        let mut run = Run::start(&["interrupted", "--format", "json"]);
        run.wait_for("postgres", Duration::ZERO);
        run.send(signal);
        let ended = run.ends_clean().expect(code);
        assert_eq!(ended.json()["outcome"], "interrupted");
        assert_eq!(ended.json()["exit_code"], code);
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    let mut run = Run::start(&["--dry-run"]);
    drop(run.child.stdout.take());
    run.ends_clean().expect(0);
}

#[test]
fn ten_at_once_do_not_disturb_each_other() {
    let runs: Vec<_> = (0..10).map(|_| Run::start(&["--dry-run"])).collect();
    for run in runs {
        let ended = run.ends_clean().expect(0);
        assert!(ended.stdout.contains("reading_list"), "{}", ended.stdout);
    }
}
