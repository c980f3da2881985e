//! Whatever ends the tool: nothing is written, no process is left and no directory.

use std::{
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    process::{Child, Command, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::support::{
    postgres::eventually_clean,
    prisma::fake_cli,
    project::Project,
    run::{Ended, tool},
};

/// A Prisma that starts its engine and never answers: whoever waits for it is not done before it is ended.
const SILENT: &str = "require('node:child_process').spawn('sleep', ['1000']); setInterval(() => {}, 1000)";

/// A run whose server and work files are in a place of their own.
struct Run {
    project: Project,
    place: tempfile::TempDir,
    before: String,
    child: Child,
    _prisma: Option<tempfile::TempDir>,
}

impl Run {
    fn start(args: &[&str]) -> Self {
        Self::start_with(args, None)
    }

    /// A run that does not come to its end by itself, however late a signal comes.
    fn endless(args: &[&str]) -> Self {
        let prisma = tempfile::tempdir().unwrap();
        fake_cli(camino::Utf8Path::from_path(prisma.path()).unwrap(), "6.2.0", SILENT);
        Self::start_with(args, Some(prisma))
    }

    fn start_with(args: &[&str], prisma: Option<tempfile::TempDir>) -> Self {
        let project = Project::fixture();
        let before = project.state();
        // Short, for the socket's sake, and open to the account that runs the server.
        let place = tempfile::Builder::new().prefix("rm-").tempdir_in("/tmp").unwrap();
        std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut command: Command = tool(&project.path(), args);
        command.env("RUN_MIGRATION_WORK_DIR", place.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(prisma) = &prisma {
            command.env("RUN_MIGRATION_PRISMA", prisma.path());
        }
        let child = command.spawn().unwrap();
        Self { project, place, before, child, _prisma: prisma }
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
        eventually_clean(self.place.path());
        assert_eq!(self.project.state(), self.before);
        ended
    }
}

#[test]
fn sigkill_leaves_nothing_at_any_stage() {
    let moments =
        [("copies", 0), ("history", 0), ("history", 150), ("postgres", 0), ("replay", 0), ("replay", 400)];
    for (stage, milliseconds) in moments {
        let mut run = Run::endless(&["killed"]);
        run.wait_for(stage, Duration::from_millis(milliseconds));
        run.send(Signal::SIGKILL);
        assert_eq!(run.ends_clean().code, -1);
    }
}

#[test]
fn signals_end_it_in_order() {
    for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143), (Signal::SIGHUP, 129)] {
        let mut run = Run::endless(&["interrupted", "--format", "json"]);
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
