//! The only place that spawns processes, and the promise that none outlives the tool.
//!
//! All children join one process group, the *pen*. A POSIX shell, the *reaper*, stands outside of it and
//! waits for the end of a pipe that the tool holds open: however the tool ends, SIGKILL included, the reaper
//! ends the pen and removes the temporary directories that were announced to it. A child is a member of the
//! pen from before its first instruction, and a directory is announced before it is made, so there is no
//! moment at which something could be left behind. The normal end takes the same way.

mod conceal;
mod error;
mod invocation;
mod namespace;

pub use conceal::conceal;
pub use error::ProcessError;
pub use invocation::{BaseEnvironment, Finished, Invocation, RunAs};

use std::{
    io::{ErrorKind, PipeReader, PipeWriter, Write},
    os::unix::fs::PermissionsExt,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use camino::Utf8Path;
use nix::{
    sys::{
        signal::{Signal, kill},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::{Child, Command},
};

use crate::redact::redact;

const REAPER: &str = include_str!("reaper.sh");

/// More than any child of ours has to say; beyond it something is wrong.
const OUTPUT_LIMIT: u64 = 64 << 20;

/// How long a child that was told to go may take before it is killed.
const GRACE: Duration = Duration::from_secs(2);

/// How long a program may be busy: whoever wrote it just now, an installation, say, may have passed it on, open, to a
/// child that another thread was starting at that moment.
const BUSY: Duration = Duration::from_secs(5);

/// How often the end looks for children that have ended.
const BURIAL: Duration = Duration::from_millis(5);

/// The pen and its reaper. Cheap to clone; the last clone's end is the end of all children.
#[derive(Debug, Clone)]
pub struct Processes(Arc<Mutex<Pen>>);

/// Makes us the parent of children's children that outlive their own, so that [`Processes::finish`] can bury them:
/// the machine's own first process may take its time, and until then the pen would not look empty.
fn adopt_orphans() {
    // Where it cannot be had, the end is only slower.
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_child_subreaper(true);
}

/// Where the run stands.
#[derive(Debug)]
enum Pen {
    /// Nothing was started yet.
    Empty,
    /// Children may join.
    Open(Guards),
    /// All is over.
    Closed,
}

/// The pen's leader and the reaper.
#[derive(Debug)]
struct Guards {
    /// The pen's process group.
    pen: i32,
    /// The reaper's input. Closing it says that the tool is done.
    announcements: PipeWriter,
    children: Vec<Child>,
}

impl Guards {
    fn start() -> std::io::Result<Self> {
        adopt_orphans();
        // The reaper holds the leader's leash, so that the pen's number cannot pass to somebody else while the
        // reaper still uses it.
        let (leash_end, leash) = std::io::pipe()?;
        let leader = shell(&["-c", "read -r _"], leash_end, Stdio::null())?;
        let pen = leader.id().and_then(|id| i32::try_from(id).ok());
        let pen = pen.ok_or_else(|| std::io::Error::other("it ended at once"))?;
        let (input, announcements) = std::io::pipe()?;
        let args = ["-c", REAPER, "run-migration-reaper", &pen.to_string()];
        let reaper = shell(&args, input, leash.into())?;
        Ok(Self { pen, announcements, children: vec![leader, reaper] })
    }
}

impl Processes {
    /// An empty pen. The reaper is started with the first child or directory: a command that needs neither needs no
    /// shell either.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(Pen::Empty)))
    }

    /// Does something that the reaper has to know of. As long as it lasts, nobody else joins the pen, and the run does
    /// not end.
    fn guarded<T>(
        &self,
        act: impl FnOnce(&mut Guards) -> Result<T, ProcessError>,
    ) -> Result<T, ProcessError> {
        let mut pen = self.pen();
        if matches!(*pen, Pen::Empty) {
            let failed = |source| ProcessError::Io { program: "/bin/sh".into(), source };
            *pen = Pen::Open(Guards::start().map_err(failed)?);
        }
        match &mut *pen {
            Pen::Open(guards) => act(guards),
            Pen::Empty | Pen::Closed => Err(ProcessError::Over),
        }
    }

    fn pen(&self) -> std::sync::MutexGuard<'_, Pen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a directory `<prefix><random>` in `parent`, mode 0700, that is gone when the value is dropped
    /// and whatever kills the tool.
    ///
    /// # Errors
    /// Where `parent` cannot be written to.
    pub fn temporary_directory(
        &self,
        parent: &Utf8Path,
        prefix: &str,
    ) -> Result<tempfile::TempDir, ProcessError> {
        let failed = |source| ProcessError::TemporaryDirectory { parent: parent.to_owned(), source };
        // The name is ours, so that it can be announced before the directory is made.
        let random = uuid::Uuid::new_v4().as_u64_pair().0;
        let name = format!("{prefix}{random:016x}");
        self.guarded(|guards| announce(&mut guards.announcements, &parent.join(&name)).map_err(failed))?;
        tempfile::Builder::new()
            .prefix(&name)
            .rand_bytes(0)
            .permissions(std::fs::Permissions::from_mode(0o700))
            .tempdir_in(parent)
            .map_err(failed)
    }

    /// Runs a program to its end.
    ///
    /// # Errors
    /// Where it cannot be started, does not end in time, or writes without end. An exit status other than 0
    /// is no error here: what it means, the caller knows.
    pub async fn run(&self, invocation: Invocation) -> Result<Finished, ProcessError> {
        let program = invocation.program();
        let io = |source| ProcessError::Io { program: program.clone(), source };
        let started = Instant::now();
        let mut child = self.spawn(&invocation)?;
        let mut stdin = child.stdin.take();
        let input = invocation.stdin.clone();
        let feed = async move {
            // A child that does not read all of its input is no failure of ours.
            if let Some(mut pipe) = stdin.take() {
                let _ = pipe.write_all(&input).await;
            }
        };
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let outcome = {
            let out = drain(child.stdout.take(), &mut stdout);
            let err = drain(child.stderr.take(), &mut stderr);
            let all = async {
                let pipes = async { tokio::join!(out, err, feed) };
                tokio::pin!(pipes);
                tokio::select! {
                    (out, err, ()) = &mut pipes => {
                        out.and(err).map_err(io)?;
                        child.wait().await.map_err(io)
                    }
                    status = child.wait() => {
                        // A grandchild may keep the pipes open for ever: what was said is there by now.
                        if let Ok((out, err, ())) = tokio::time::timeout(GRACE, &mut pipes).await {
                            out.and(err).map_err(io)?;
                        }
                        status.map_err(io)
                    }
                }
            };
            tokio::time::timeout(invocation.timeout, all).await
        };
        if stdout.len().max(stderr.len()) as u64 > OUTPUT_LIMIT {
            end(&mut child).await;
            return Err(ProcessError::TooMuchOutput { program });
        }
        match outcome {
            Ok(status) => Ok(Finished { status: status?, stdout, stderr, took: started.elapsed() }),
            Err(_) => {
                end(&mut child).await;
                let stderr = last_line(&stderr);
                Err(ProcessError::Timeout { program, after: invocation.timeout, stderr })
            }
        }
    }

    /// Starts a program and leaves it running, a member of the pen, until it ends or the run is over: dropping
    /// the value does not end it. Its streams are pipes, unless the invocation says otherwise.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn spawn(&self, invocation: &Invocation) -> Result<Child, ProcessError> {
        // After the reaper has looked, nobody may join.
        self.guarded(|guards| spawn(invocation, guards.pen))
    }

    /// Ends all children, removes all temporary directories, and waits until that is done. Nothing can be
    /// started afterwards.
    pub async fn finish(&self) {
        let pen = std::mem::replace(&mut *self.pen(), Pen::Closed);
        let Pen::Open(Guards { pen, announcements, mut children }) = pen else { return };
        drop(announcements);
        let gone = async {
            for child in &mut children {
                let _ = child.wait().await;
            }
        };
        tokio::pin!(gone);
        // The dead must be buried for the reaper to see the pen empty, and not everybody who started a child
        // still waits for it.
        while tokio::time::timeout(BURIAL, &mut gone).await.is_err() {
            bury(pen);
        }
    }
}

impl Default for Processes {
    fn default() -> Self {
        Self::new()
    }
}

/// Tells the reaper of a directory that is about to be made.
fn announce(reaper: &mut PipeWriter, directory: &Utf8Path) -> std::io::Result<()> {
    let path = directory.as_str().as_bytes();
    // The reaper reads line by line, and stands in another directory.
    if path.contains(&b'\n') || !directory.is_absolute() {
        return Err(std::io::Error::other("the path is not absolute or holds a line break"));
    }
    reaper.write_all(&[path, b"\n"].concat())
}

#[expect(clippy::disallowed_methods, reason = "this is the one place")]
fn spawn(invocation: &Invocation, pen: i32) -> Result<Child, ProcessError> {
    let failed = |source| ProcessError::Io { program: invocation.program(), source };
    let (stdout, stderr) = output(invocation).map_err(failed)?;
    let mut command = Command::new(&invocation.program);
    command
        .args(&invocation.args)
        .current_dir(&invocation.cwd)
        .stdin(if invocation.stdin.is_empty() { Stdio::null() } else { Stdio::piped() })
        .stdout(stdout)
        .stderr(stderr)
        .process_group(pen);
    if invocation.base == BaseEnvironment::Empty {
        command.env_clear();
    }
    for (key, value) in &invocation.env {
        match value {
            Some(value) => command.env(key, value),
            None => command.env_remove(key),
        };
    }
    match &invocation.run_as {
        RunAs::Myself => {}
        RunAs::User { uid, gid, .. } => {
            command.uid(*uid).gid(*gid);
        }
        RunAs::Namespace { uid, gid } => namespace::enter(&mut command, *uid, *gid),
    }
    start(&mut command).map_err(|source| match source.kind() {
        ErrorKind::NotFound if invocation.cwd.is_dir() => {
            ProcessError::NotFound { program: invocation.program() }
        }
        _ => failed(source),
    })
}

/// Starts it as soon as nobody has the program open for writing any more.
fn start(command: &mut Command) -> std::io::Result<Child> {
    let started = Instant::now();
    loop {
        match command.spawn() {
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy && started.elapsed() < BUSY => {
                std::thread::sleep(BURIAL);
            }
            other => return other,
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the pen's own two guards are no members of it")]
fn shell(args: &[&str], stdin: PipeReader, stdout: Stdio) -> std::io::Result<Child> {
    Command::new("/bin/sh")
        .args(args)
        .current_dir("/")
        .stdin(stdin)
        .stdout(stdout)
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
}

fn output(invocation: &Invocation) -> std::io::Result<(Stdio, Stdio)> {
    let Some(path) = &invocation.output else { return Ok((Stdio::piped(), Stdio::piped())) };
    let file = fs_err::OpenOptions::new().create(true).append(true).open(path)?.into_file();
    Ok((file.try_clone()?.into(), file.into()))
}

/// Reaps every child of ours in the process group `pen` that has ended.
fn bury(pen: i32) {
    while let Ok(status) = waitpid(Pid::from_raw(-pen), Some(WaitPidFlag::WNOHANG)) {
        if status == WaitStatus::StillAlive {
            break;
        }
    }
}

async fn drain(pipe: Option<impl AsyncRead + Unpin>, into: &mut Vec<u8>) -> std::io::Result<()> {
    if let Some(pipe) = pipe {
        pipe.take(OUTPUT_LIMIT + 1).read_to_end(into).await?;
    }
    Ok(())
}

/// Asks a child to go, then makes it.
async fn end(child: &mut Child) {
    if let Some(pid) = child.id().and_then(|id| i32::try_from(id).ok()) {
        let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        if tokio::time::timeout(GRACE, child.wait()).await.is_err() {
            let _ = child.kill().await;
        }
    }
}

fn last_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    redact(text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().trim())
}
