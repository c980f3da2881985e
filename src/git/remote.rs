//! Questions that reach a remote, and those about remotes.

use super::{Branch, CommitId, Error, Git, RemoteName, parse_id, text};
use crate::process::{Finished, ProcessError};

/// How often a fetch is tried that meets another one in the same repository.
const TRIES: u32 = 5;

/// How much history a fetch brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// What is missing; existing cuts of a shallow clone stay where they are.
    AsIs,
    /// The commits that are asked for and none of their parents.
    Single,
    /// So many commits more, below each cut that the commits asked for lead to.
    Deepen(u32),
    /// All of it.
    Unshallow,
}

/// What a fetch asks for.
#[derive(Debug, Clone)]
pub struct Fetch<'a> {
    /// From whom.
    pub remote: &'a RemoteName,
    /// Refspecs or commit ids.
    pub wants: Vec<String>,
    /// How much history.
    pub depth: Depth,
}

impl Git {
    /// The names of the configured remotes, as git lists them.
    ///
    /// # Errors
    /// Where git cannot say.
    pub async fn remotes(&self) -> Result<Vec<RemoteName>, Error> {
        Ok(self.ask(["remote"]).await?.lines().filter_map(|name| name.parse().ok()).collect())
    }

    /// The URL that git really fetches from (`insteadOf` applied), without credentials.
    ///
    /// # Errors
    /// Where the remote has none.
    pub async fn remote_url(&self, remote: &RemoteName) -> Result<String, Error> {
        let answer = self.ask(["remote", "get-url", "--", remote.as_str()]).await?;
        Ok(text::harmless_url(answer.lines().next().unwrap_or_default()))
    }

    /// The branch that the remote's HEAD names at this moment; `None` where it names none.
    ///
    /// # Errors
    /// Where the remote cannot be asked.
    pub async fn default_branch(&self, remote: &RemoteName) -> Result<Option<Branch>, Error> {
        let answer = self.ls_remote(remote, "HEAD").await?;
        Ok(parse_default_branch(&answer))
    }

    /// The commit that the remote's branch is at, at this moment.
    ///
    /// # Errors
    /// Where the remote cannot be asked, or has no such branch.
    pub async fn remote_tip(&self, remote: &RemoteName, branch: &Branch) -> Result<CommitId, Error> {
        let name = format!("refs/heads/{branch}");
        let answer = self.ls_remote(remote, &name).await?;
        let id = answer.lines().filter_map(|line| line.split_once('\t')).find(|(_, found)| *found == name);
        match id {
            Some((id, _)) => parse_id("ls-remote", id),
            None => Err(self.no_branch(remote, branch).await),
        }
    }

    /// Fetches, without touching anything but the refs that are named, the objects and the cuts of a shallow
    /// clone.
    ///
    /// # Errors
    /// Where the remote cannot be reached, has not what is asked for, or does not give it.
    pub async fn fetch(&self, fetch: &Fetch<'_>) -> Result<(), Error> {
        let mut tried = 1;
        loop {
            let finished = self.reach(fetch.remote, arguments(fetch)).await?;
            if finished.success() {
                return Ok(());
            }
            if tried == TRIES || !is_contention(&String::from_utf8_lossy(&finished.stderr)) {
                return Err(self.refusal(fetch.remote, &finished).await);
            }
            tokio::time::sleep(std::time::Duration::from_millis(100) * tried).await;
            tried += 1;
        }
    }

    async fn ls_remote(&self, remote: &RemoteName, name: &str) -> Result<String, Error> {
        let args = ["ls-remote", "--symref", "--", remote.as_str(), name];
        let finished = self.reach(remote, args.map(str::to_owned).into()).await?;
        if finished.success() {
            Ok(finished.stdout_text())
        } else {
            Err(self.refusal(remote, &finished).await)
        }
    }

    async fn reach(&self, remote: &RemoteName, args: Vec<String>) -> Result<Finished, Error> {
        match self.run(args, Vec::new()).await {
            Err(Error::Process(error @ ProcessError::Timeout { .. })) => {
                let said = text::harmless(&error.to_string(), 300);
                Err(Error::TimedOut { remote: remote.clone(), url: self.url(remote).await, said })
            }
            other => other,
        }
    }

    /// The URL for a message; empty where there is none.
    async fn url(&self, remote: &RemoteName) -> String {
        self.remote_url(remote).await.unwrap_or_default()
    }

    async fn no_branch(&self, remote: &RemoteName, branch: &Branch) -> Error {
        Error::NoBranch { remote: remote.clone(), url: self.url(remote).await, branch: branch.clone() }
    }

    /// What it means that a call to a remote failed.
    async fn refusal(&self, remote: &RemoteName, finished: &Finished) -> Error {
        let stderr = String::from_utf8_lossy(&finished.stderr);
        if let Some(branch) = missing_branch(&stderr) {
            return self.no_branch(remote, &branch).await;
        }
        if stderr.contains("dubious ownership") || stderr.contains("not a git repository (or any") {
            return self.failure(&["fetch"], finished);
        }
        let (remote, url, said) = (remote.clone(), self.url(remote).await, text::complaint(&finished.stderr));
        if WITHHELD.iter().any(|sign| stderr.contains(sign)) {
            Error::Withheld { remote, url, said }
        } else if DENIED.iter().any(|sign| stderr.contains(sign)) {
            Error::Denied { remote, url, said }
        } else {
            Error::Unreachable { remote, url, said }
        }
    }
}

/// Signs that a remote wants credentials that it did not get.
const DENIED: [&str; 10] = [
    "terminal prompts disabled",
    "could not read Username",
    "could not read Password",
    "unable to get password from user",
    "Authentication failed",
    "Permission denied (",
    "Permission denied, please try again",
    "Host key verification failed",
    "returned error: 401",
    "returned error: 403",
];

/// Signs that a remote does not give out a commit by its id.
const WITHHELD: [&str; 2] = ["not our ref", "unadvertised object"];

fn arguments(fetch: &Fetch<'_>) -> Vec<String> {
    let mut arguments: Vec<String> = [
        "fetch",
        "--quiet",
        "--no-tags",
        "--no-prune",
        "--no-recurse-submodules",
        "--no-write-fetch-head",
        "--no-auto-maintenance",
        // Only the refs that are named here, whatever else the remote's configuration would update with them.
        "--refmap=",
    ]
    .map(str::to_owned)
    .into();
    match fetch.depth {
        Depth::AsIs => {}
        Depth::Single => arguments.push("--depth=1".into()),
        Depth::Deepen(by) => arguments.push(format!("--deepen={by}")),
        Depth::Unshallow => arguments.push("--unshallow".into()),
    }
    arguments.extend(["--".into(), fetch.remote.to_string()]);
    arguments.extend(fetch.wants.iter().cloned());
    arguments
}

/// Two fetches at once in one repository, such as in two work trees, get into each other's way for a moment.
fn is_contention(stderr: &str) -> bool {
    stderr.contains("but expected")
        || stderr.contains("shallow file has changed")
        || (stderr.contains(".lock'") && stderr.contains("File exists"))
}

fn missing_branch(stderr: &str) -> Option<Branch> {
    let (_, rest) = stderr.split_once("couldn't find remote ref refs/heads/")?;
    rest.lines().next()?.parse().ok()
}

fn parse_default_branch(answer: &str) -> Option<Branch> {
    answer
        .lines()
        .find_map(|line| line.strip_prefix("ref: refs/heads/")?.strip_suffix("\tHEAD"))
        .and_then(|name| name.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_advertised_branch_is_read() {
        let answer = "ref: refs/heads/release/2\tHEAD\n0123456789abcdef0123456789abcdef01234567\tHEAD\n";
        assert_eq!(parse_default_branch(answer).unwrap().as_str(), "release/2");
        assert_eq!(parse_default_branch("0123456789abcdef0123456789abcdef01234567\tHEAD\n"), None);
        assert_eq!(parse_default_branch("ref: refs/heads/--upload-pack=x\tHEAD\n"), None);
    }

    #[test]
    fn a_missing_branch_is_told_from_other_failures() {
        let stderr = "fatal: couldn't find remote ref refs/heads/nope\n";
        assert_eq!(missing_branch(stderr).unwrap().as_str(), "nope");
        assert_eq!(missing_branch("fatal: unable to access"), None);
    }

    #[test]
    fn only_a_lock_is_tried_again() {
        assert!(is_contention("error: cannot lock ref 'refs/remotes/origin/main': is at a but expected b"));
        assert!(is_contention("fatal: Unable to create '/r/.git/shallow.lock': File exists."));
        assert!(!is_contention("fatal: unable to access 'https://host/'"));
        assert!(!is_contention(
            "error: cannot lock ref 'refs/remotes/origin/a/b': 'refs/remotes/origin/a' exists"
        ));
    }
}
