//! What is to be run, and what came of it.

use std::{
    ffi::{OsStr, OsString},
    os::unix::process::ExitStatusExt,
    process::ExitStatus,
    time::Duration,
};

use camino::{Utf8Path, Utf8PathBuf};

use crate::redact::redact;

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
    /// Another uid in a new user namespace (Linux), where it owns what the tool's own user owns outside.
    Namespace {
        /// User id within; it must have a passwd entry.
        uid: u32,
        /// Group id within.
        gid: u32,
    },
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
    pub(super) program: OsString,
    pub(super) args: Vec<OsString>,
    pub(super) cwd: Utf8PathBuf,
    pub(super) base: BaseEnvironment,
    pub(super) env: Vec<(OsString, Option<OsString>)>,
    pub(super) stdin: Vec<u8>,
    pub(super) output: Option<Utf8PathBuf>,
    pub(super) timeout: Duration,
    pub(super) run_as: RunAs,
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
            output: None,
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

    /// Sends standard output and standard error to the end of a file instead of to the tool: for a child that
    /// is left running and must never wait for anybody to read what it says.
    #[must_use]
    pub fn output_to(mut self, file: &Utf8Path) -> Self {
        self.output = Some(file.to_owned());
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

    /// Everything about it but the program: the arguments, the variables, who runs it.
    pub(crate) fn question(&self) -> String {
        format!("{:?} {} {:?} {:?} {:?}", self.args, self.cwd, self.base, self.env, self.run_as)
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
