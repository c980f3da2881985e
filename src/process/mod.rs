//! The only place that spawns processes, and the promise that none outlives the tool.
//!
//! All children join one process group, the *pen*. A POSIX shell, the *reaper*, stands outside of it and
//! waits for the end of a pipe that the tool holds open: however the tool ends, SIGKILL included, the reaper
//! ends the pen and removes the temporary directories that were announced to it. A child is a member of the
//! pen from before its first instruction, and a directory is announced before it is made, so there is no
//! moment at which something could be left behind. The normal end takes the same way.

mod namespace;

use std::{
    ffi::{OsStr, OsString},
    io::{PipeWriter, Write},
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use camino::{Utf8Path, Utf8PathBuf};
use nix::{
    sys::signal::{Signal, kill},
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

/// Why a process could not do its work. Texts from outside are redacted.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// There is no such program.
    #[error("{program}: no such program")]
    NotFound {
        /// What was to be run.
        program: String,
    },
    /// It could not be started, or talking to it failed.
    #[error("{program} could not be run: {source}")]
    Io {
        /// What was to be run.
        program: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// It did not end in time and was ended.
    #[error("{program} did not answer within {} s and was ended{}", after.as_secs(), if stderr.is_empty() { String::new() } else { format!("; it last said: {stderr}") })]
    Timeout {
        /// What was run.
        program: String,
        /// The limit.
        after: Duration,
        /// The end of what it had written to standard error.
        stderr: String,
    },
    /// It wrote more than any sane answer.
    #[error("{program} wrote more than {} MiB and was ended", OUTPUT_LIMIT >> 20)]
    TooMuchOutput {
        /// What was run.
        program: String,
    },
    /// No temporary directory could be made.
    #[error("no temporary directory in {parent}: {source}")]
    TemporaryDirectory {
        /// Where it was to be.
        parent: Utf8PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl ProcessError {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotFound { program } => Some(format!("install {program}, or put it on the PATH")),
            Self::Timeout { .. } => Some("give it more time with --timeout SECONDS".into()),
            Self::TemporaryDirectory { .. } => {
                Some("make room there, or choose another place with TMPDIR".into())
            }
            Self::Io { .. } | Self::TooMuchOutput { .. } => None,
        }
    }
}

/// Who a child runs as. Only root has a choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunAs {
    /// The user that runs the tool.
    Myself,
    /// Another account of this machine; its uid must have a passwd entry.
    User {
        /// User id.
        uid: u32,
        /// Primary group id.
        gid: u32,
        /// Login name.
        name: String,
    },
    /// An unprivileged user of a new user namespace (Linux).
    Namespace,
}

/// The environment that a child starts from, before `env` is laid over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BaseEnvironment {
    /// The tool's own.
    Inherited,
    /// Nothing.
    Empty,
}

/// One program to run: everything about it, nothing implied.
#[derive(Debug, Clone)]
pub struct Invocation {
    program: OsString,
    args: Vec<OsString>,
    cwd: Utf8PathBuf,
    base: BaseEnvironment,
    env: Vec<(OsString, Option<OsString>)>,
    stdin: Vec<u8>,
    timeout: Duration,
    run_as: RunAs,
}

impl Invocation {
    /// `program` in the working directory `cwd`, with the tool's environment, no input, one minute's time.
    pub fn new(program: impl AsRef<OsStr>, cwd: impl Into<Utf8PathBuf>) -> Self {
        Self {
            program: program.as_ref().to_owned(),
            args: Vec::new(),
            cwd: cwd.into(),
            base: BaseEnvironment::Inherited,
            env: Vec::new(),
            stdin: Vec::new(),
            timeout: Duration::from_secs(60),
            run_as: RunAs::Myself,
        }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Chooses the environment to start from.
    #[must_use]
    pub fn base_environment(mut self, base: BaseEnvironment) -> Self {
        self.base = base;
        self
    }

    /// Sets a variable.
    #[must_use]
    pub fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((key.as_ref().to_owned(), Some(value.as_ref().to_owned())));
        self
    }

    /// Takes a variable away.
    #[must_use]
    pub fn env_remove(mut self, key: impl AsRef<OsStr>) -> Self {
        self.env.push((key.as_ref().to_owned(), None));
        self
    }

    /// What the child reads from standard input.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// The time limit.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Who it runs as.
    #[must_use]
    pub fn run_as(mut self, run_as: &RunAs) -> Self {
        self.run_as = run_as.clone();
        self
    }

    /// The program's name, for messages.
    #[must_use]
    pub fn program(&self) -> String {
        self.program.to_string_lossy().into_owned()
    }
}

/// A process that ended by itself.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output, as it came.
    pub stdout: Vec<u8>,
    /// Its standard error, as it came.
    pub stderr: Vec<u8>,
    /// How long it ran.
    pub took: Duration,
}

impl Finished {
    /// Whether it ended with status 0.
    #[must_use]
    pub fn success(&self) -> bool {
        self.status.success()
    }

    /// Standard output as text, invalid UTF-8 replaced.
    #[must_use]
    pub fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text for a message: trimmed and redacted.
    #[must_use]
    pub fn stderr_text(&self) -> String {
        redact(String::from_utf8_lossy(&self.stderr).trim())
    }

    /// How it ended, in words: `exit status 1`, `signal 9`.
    #[must_use]
    pub fn ended(&self) -> String {
        match (self.status.code(), self.status.signal()) {
            (Some(code), _) => format!("exit status {code}"),
            (None, Some(signal)) => format!("signal {signal}"),
            (None, None) => self.status.to_string(),
        }
    }
}

/// The pen and its reaper. Cheap to clone; the last clone's end is the end of all children.
#[derive(Debug, Clone)]
pub struct Processes(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    pen: i32,
    /// Closing these two pipes tells the reaper and the pen's leader that the tool is done.
    announcements: Mutex<Option<PipeWriter>>,
    leash: Mutex<Option<PipeWriter>>,
    guards: Mutex<Vec<Child>>,
}

impl Processes {
    /// Starts the reaper. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// Where there is no `/bin/sh`, or the system has no processes or pipes left.
    pub fn start() -> Result<Self, ProcessError> {
        let shell = |source| ProcessError::Io { program: "/bin/sh".into(), source };
        let (leash_end, leash) = std::io::pipe().map_err(shell)?;
        let leader = shell_command(&["-c", "read -r _"], leash_end).spawn().map_err(shell)?;
        let pen = leader.id().and_then(|id| i32::try_from(id).ok()).unwrap_or_default();
        let (input, announcements) = std::io::pipe().map_err(shell)?;
        let reaper = shell_command(&["-c", REAPER, "run-migration-reaper", &pen.to_string()], input)
            .spawn()
            .map_err(shell)?;
        Ok(Self(Arc::new(Inner {
            pen,
            announcements: Mutex::new(Some(announcements)),
            leash: Mutex::new(Some(leash)),
            guards: Mutex::new(vec![leader, reaper]),
        })))
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
        let name = format!("{prefix}{}", uuid::Uuid::new_v4().simple());
        self.announce(&parent.join(&name)).map_err(failed)?;
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

    /// Starts a program and leaves it running, a member of the pen. Its three streams are pipes.
    ///
    /// # Errors
    /// Where it cannot be started.
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    pub fn spawn(&self, invocation: &Invocation) -> Result<Child, ProcessError> {
        let mut command = Command::new(&invocation.program);
        command
            .args(&invocation.args)
            .current_dir(&invocation.cwd)
            .stdin(if invocation.stdin.is_empty() { Stdio::null() } else { Stdio::piped() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(self.0.pen)
            .kill_on_drop(true);
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
            RunAs::Namespace => namespace::enter(&mut command),
        }
        command.spawn().map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound if invocation.cwd.is_dir() => {
                ProcessError::NotFound { program: invocation.program() }
            }
            _ => ProcessError::Io { program: invocation.program(), source },
        })
    }

    /// Ends all children, removes all temporary directories, and waits until that is done.
    pub async fn finish(&self) {
        drop(lock(&self.0.announcements).take());
        drop(lock(&self.0.leash).take());
        let guards = std::mem::take(&mut *lock(&self.0.guards));
        for mut guard in guards {
            let _ = guard.wait().await;
        }
    }

    fn announce(&self, directory: &Utf8Path) -> std::io::Result<()> {
        let path = directory.as_str().as_bytes();
        if path.contains(&b'\n') {
            return Err(std::io::Error::other("the path holds a line break"));
        }
        match lock(&self.0.announcements).as_mut() {
            Some(pipe) => pipe.write_all(&[path, b"\n"].concat()),
            None => Err(std::io::Error::other("the run is already over")),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the pen's own two guards are no members of it")]
fn shell_command(args: &[&str], stdin: std::io::PipeReader) -> Command {
    let mut command = Command::new("/bin/sh");
    command
        .args(args)
        .current_dir("/")
        .stdin(stdin)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    command
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

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
