//! Is the branch up to date? Asked of real repositories with a real origin.

mod github;
mod refusals;
mod remotes;
mod shallow;
mod whole;

use std::{ffi::OsString, path::Path, time::Duration};

use camino::{Utf8Path, Utf8PathBuf};
use run_migration::{
    context::Environment,
    freshness::{Error, Freshness, Request, check},
    git::Git,
    process::Processes,
};

use crate::support::{
    git::{Forge, Repo},
    run::PATIENCE,
};

/// The request of a run without options in a repository whose schema is `schema.prisma`.
fn plain(repo: &Repo) -> Request {
    Request {
        paths: vec![utf8(&repo.file("schema.prisma")), utf8(&repo.file("migrations"))],
        ..Request::default()
    }
}

fn utf8(path: &Path) -> Utf8PathBuf {
    Utf8Path::from_path(path).unwrap().to_owned()
}

/// The tool's environment, with `extra` laid over it.
fn environment(extra: &[(&str, &str)]) -> Environment {
    let inherited = ["PATH", "TMPDIR"].into_iter().filter_map(|key| Some((key, std::env::var_os(key)?)));
    let neutral =
        [("HOME", "/nonexistent"), ("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_SYSTEM", "/dev/null")];
    let given = neutral.iter().chain(extra).map(|(key, value)| (*key, OsString::from(value)));
    inherited.chain(given).collect()
}

/// Asks in `repo`; what a question may not touch is untouched afterwards.
async fn ask(repo: &Repo<'_>, request: &Request) -> Result<Freshness, Error> {
    let before = repo.untouchable();
    let answer = ask_with(repo.path(), request, &[], PATIENCE).await;
    assert_eq!(repo.untouchable(), before);
    answer
}

/// Asks in a directory with more in the environment and its own time limit.
async fn ask_with(
    directory: &Path,
    request: &Request,
    extra: &[(&str, &str)],
    timeout: Duration,
) -> Result<Freshness, Error> {
    let processes = Processes::new();
    let git = Git::new(&processes, &environment(extra), utf8(directory), timeout);
    check(&git, request).await
}

/// The subjects of the commits that are missing.
fn subjects(freshness: &Freshness) -> Vec<&str> {
    freshness.commits.iter().map(|commit| commit.subject.as_str()).collect()
}

/// Text and hint of an error, in the form that a test compares.
#[track_caller]
fn refused(answer: Result<Freshness, Error>) -> (String, String) {
    let error = answer.unwrap_err();
    (error.to_string(), error.hint().unwrap_or_default())
}
