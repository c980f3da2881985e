//! Typed questions to the git command. What the answers mean is decided elsewhere.
//!
//! The directory alone says which repository is asked, never `GIT_DIR` and its kin: git sets them for its hooks,
//! where they may point at a half-made index or at another repository than the one that the tool was given.
//! Configuration from the environment (`git -c`, `GIT_CONFIG_COUNT`) stays: it carries credentials and
//! `safe.directory`. No question can open a prompt, run a hook, start maintenance or leave a daemon behind.

mod content;
mod error;
mod history;
mod names;
mod remote;
mod ssh;
mod text;
mod turn;

use std::{fmt, sync::Arc, time::Duration};

use camino::{Utf8Path, Utf8PathBuf};
use tokio::sync::OnceCell;

pub(crate) use self::text::harmless;
pub use self::{
    content::{Kind, Stored},
    error::Error,
    history::{Commit, Cuts},
    names::{Branch, CommitId, NameError, RemoteName, Revision},
    remote::{Depth, Fetch},
    turn::Turn,
};
use crate::{
    context::Environment,
    process::{BaseEnvironment, Finished, Invocation, ProcessError, Processes},
};

/// The oldest git that has every option that is used here.
pub const MINIMUM: Version = Version { major: 2, minor: 30 };

/// Variables that would lead git to another repository, or to another view of this one.
const REDIRECTIONS: [&str; 14] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_COMMON_DIR",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_QUARANTINE_PATH",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_REPLACE_REF_BASE",
    "GIT_CONFIG",
    "GIT_ATTR_SOURCE",
];

/// What every call is told. An empty `GIT_ASKPASS` keeps git from asking for `core.askPass` and `SSH_ASKPASS`.
/// Grafts and replacements are one user's view of history; the base's history is everybody's.
const ENVIRONMENT: [(&str, &str); 10] = [
    ("LC_ALL", "C"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_ASKPASS", ""),
    ("SSH_ASKPASS", ""),
    ("SSH_ASKPASS_REQUIRE", "never"),
    ("GCM_INTERACTIVE", "never"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_LITERAL_PATHSPECS", "1"),
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    ("GIT_GRAFT_FILE", "/dev/null"),
];

const CONFIGURATION: [&str; 9] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.quotePath=false",
    "core.filesRefLockTimeout=5000",
    "credential.interactive=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "fetch.writeCommitGraph=false",
    "log.showSignature=false",
];

/// The git command in one directory.
#[derive(Debug, Clone)]
pub struct Git {
    processes: Processes,
    environment: Environment,
    directory: Utf8PathBuf,
    timeout: Duration,
    /// What `GIT_SSH_COMMAND` has to be, once it is known.
    ssh: Arc<OnceCell<Option<String>>>,
}

/// Where a work tree is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkTree {
    /// Its root.
    pub toplevel: Utf8PathBuf,
    /// The way from there to the directory that git was asked in: empty, or with a slash at its end.
    pub prefix: String,
}

/// git's version, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The first number.
    pub major: u32,
    /// The second.
    pub minor: u32,
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)
    }
}

impl Git {
    /// git in `directory` (absolute), each call limited to `timeout`. Nothing is run yet.
    #[must_use]
    pub fn new(
        processes: &Processes,
        environment: &Environment,
        directory: impl Into<Utf8PathBuf>,
        timeout: Duration,
    ) -> Self {
        Self {
            processes: processes.clone(),
            environment: environment.clone(),
            directory: directory.into(),
            timeout,
            ssh: Arc::default(),
        }
    }

    /// The same git in another directory.
    #[must_use]
    pub fn at(&self, directory: impl Into<Utf8PathBuf>) -> Self {
        Self { directory: directory.into(), ..self.clone() }
    }

    /// The directory that git is asked in.
    #[must_use]
    pub fn directory(&self) -> &Utf8Path {
        &self.directory
    }

    /// What `git version` says, such as `2.47.3`, once it is known to be new enough.
    ///
    /// # Errors
    /// Where there is no git, or one that is too old.
    pub async fn version(&self) -> Result<String, Error> {
        let answer = self.ask(["version"]).await?;
        let text = answer.strip_prefix("git version ").unwrap_or(&answer).trim();
        let found = parse_version(text)
            .ok_or_else(|| Error::Answer { command: "version", answer: harmless(&answer, 80) })?;
        if found < MINIMUM { Err(Error::TooOld { found }) } else { Ok(harmless(text, 80)) }
    }

    /// The work tree that the directory is in.
    ///
    /// # Errors
    /// Where it is in none.
    pub async fn work_tree(&self) -> Result<WorkTree, Error> {
        let inside = self.ask(["rev-parse", "--is-inside-work-tree"]).await?;
        if inside.trim() != "true" {
            return Err(Error::NoWorkTree { directory: self.directory.clone() });
        }
        let toplevel = self.ask(["rev-parse", "--show-toplevel"]).await?;
        let prefix = self.ask(["rev-parse", "--show-prefix"]).await?;
        Ok(WorkTree { toplevel: one_line(toplevel).into(), prefix: one_line(prefix) })
    }

    /// The commit that is checked out.
    ///
    /// # Errors
    /// Where there is none yet.
    pub async fn head(&self) -> Result<CommitId, Error> {
        self.find("HEAD^{commit}").await?.ok_or(Error::NoCommits)
    }

    /// The commit that `revision` names.
    ///
    /// # Errors
    /// Where it names none.
    pub async fn commit(&self, revision: &Revision) -> Result<CommitId, Error> {
        let found = self.find(&format!("{revision}^{{commit}}")).await?;
        found.ok_or_else(|| Error::NoCommit { revision: revision.to_string() })
    }

    /// The commit that `branch` of `remote` was at when it was fetched last.
    ///
    /// # Errors
    /// Where it was never fetched.
    pub async fn tracked(&self, remote: &RemoteName, branch: &Branch) -> Result<CommitId, Error> {
        let name = format!("refs/remotes/{remote}/{branch}");
        let found = self.find(&format!("{name}^{{commit}}")).await?;
        found.ok_or(Error::NoCommit { revision: name })
    }

    async fn find(&self, expression: &str) -> Result<Option<CommitId>, Error> {
        let finished = self.run(["rev-parse", "--verify", "--quiet", expression], Vec::new()).await?;
        match finished.status.code() {
            Some(0) => parse_id("rev-parse", finished.stdout_text().trim()).map(Some),
            Some(1) => Ok(None),
            _ => Err(self.failure(&["rev-parse"], &finished)),
        }
    }

    /// Standard output of a call that must succeed.
    async fn ask<const N: usize>(&self, args: [&str; N]) -> Result<String, Error> {
        self.ask_with(args, Vec::new()).await
    }

    /// The same with text on its standard input.
    async fn ask_with<const N: usize>(&self, args: [&str; N], input: Vec<u8>) -> Result<String, Error> {
        let finished = self.run(args, input).await?;
        if finished.success() { Ok(finished.stdout_text()) } else { Err(self.failure(&args, &finished)) }
    }

    async fn run<A: AsRef<str>>(
        &self,
        args: impl IntoIterator<Item = A>,
        input: Vec<u8>,
    ) -> Result<Finished, Error> {
        // Not only a fetch: a partial clone fetches what it lacks whenever that is asked for.
        let ssh = self.ssh.get_or_try_init(|| self.silent_ssh()).await?;
        let mut invocation = self.invocation();
        if let Some(command) = ssh {
            invocation = invocation.env("GIT_SSH_COMMAND", command);
        }
        self.start(invocation.stdin(input).args(args.into_iter().map(|arg| arg.as_ref().to_owned()))).await
    }

    async fn start(&self, invocation: Invocation) -> Result<Finished, Error> {
        self.processes.run(invocation).await.map_err(|error| match error {
            ProcessError::NotFound { .. } => Error::Missing,
            other => other.into(),
        })
    }

    /// The SSH command of the user's own choice, told to ask nothing; `None` where it has to stay as it is.
    async fn silent_ssh(&self) -> Result<Option<String>, Error> {
        if let Some(command) = self.environment.get("GIT_SSH_COMMAND") {
            return Ok(ssh::silenced(command));
        }
        let configured = self.start(self.invocation().args(["config", "--get", "core.sshCommand"])).await?;
        let configured = one_line(configured.stdout_text());
        Ok(match self.environment.get("GIT_SSH") {
            _ if !configured.is_empty() => ssh::silenced(&configured),
            Some(_) => None,
            None => ssh::silenced("ssh"),
        })
    }

    /// The command with everything but its subcommand.
    fn invocation(&self) -> Invocation {
        let kept = self.environment.pairs().filter(|(key, _)| !REDIRECTIONS.contains(key));
        let start = Invocation::new("git", &*self.directory)
            .timeout(self.timeout)
            .base_environment(BaseEnvironment::Empty)
            .arg("--no-pager")
            .args(CONFIGURATION.iter().flat_map(|setting| ["-c", setting]));
        let with_kept = kept.fold(start, |invocation, (key, value)| invocation.env(key, value));
        ENVIRONMENT.iter().fold(with_kept, |invocation, (key, value)| invocation.env(key, value))
    }

    /// What a local call's failure means.
    fn failure(&self, args: &[&str], finished: &Finished) -> Error {
        let stderr = String::from_utf8_lossy(&finished.stderr);
        if let Some(command) = ownership_command(&stderr) {
            let said = stderr.lines().find(|line| line.contains("dubious ownership"));
            return Error::DubiousOwnership { command, said: harmless(said.unwrap_or_default(), 300) };
        }
        let said = text::complaint(&finished.stderr);
        if stderr.contains("not a git repository") {
            return Error::NoRepository { directory: self.directory.clone(), said };
        }
        if stderr.contains("must be run in a work tree") {
            return Error::NoWorkTree { directory: self.directory.clone() };
        }
        Error::Failed {
            command: args.first().copied().unwrap_or_default().to_owned(),
            ended: finished.ended(),
            said,
        }
    }
}

/// The command that git recommends where another user owns a repository.
fn ownership_command(stderr: &str) -> Option<String> {
    if !stderr.contains("dubious ownership") {
        return None;
    }
    let command =
        stderr.lines().map(str::trim).find(|line| line.starts_with("git config --global --add safe."));
    Some(harmless(command.unwrap_or("git config --global --add safe.directory DIR"), 4096))
}

fn one_line(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
    }
    text
}

fn parse_id(command: &'static str, text: &str) -> Result<CommitId, Error> {
    text.parse().map_err(|_| Error::Answer { command, answer: harmless(text, 80) })
}

fn parse_version(text: &str) -> Option<Version> {
    let mut numbers = text.split(['.', ' ']);
    Some(Version { major: numbers.next()?.parse().ok()?, minor: numbers.next()?.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_all_vendors_are_read() {
        for (text, wanted) in
            [("2.47.3", (2, 47)), ("2.39.3 (Apple Git-146)", (2, 39)), ("2.45.1.windows.1", (2, 45))]
        {
            assert_eq!(parse_version(text), Some(Version { major: wanted.0, minor: wanted.1 }));
        }
        assert_eq!(parse_version("unknown"), None);
    }

    #[test]
    fn the_command_against_dubious_ownership_is_gits_own() {
        let stderr = "fatal: detected dubious ownership in repository at '/a b'\nTo add an exception for this \
                      directory, call:\n\n\tgit config --global --add safe.directory '/a b'\n";
        assert_eq!(
            ownership_command(stderr).as_deref(),
            Some("git config --global --add safe.directory '/a b'")
        );
        assert_eq!(ownership_command("fatal: else"), None);
    }
}
