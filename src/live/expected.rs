//! Where the history is that a database should have: a directory, a wheel, or an installed Python package.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::{
    context::Environment,
    history::load::{self, LoadError, Loaded},
    process::{Invocation, ProcessError, Processes},
    release::package::{PackageError, read_wheel},
};

/// The prefix that names an installed package.
const PYTHON: &str = "python:";

/// The directory of a Python package that holds its migrations.
const MIGRATIONS: &str = "migrations";

/// Asks Python where a package is, without importing it. The mark tells the answer from what a start-up hook prints.
const SCRIPT: &str = "import importlib.util, sys
spec = importlib.util.find_spec(sys.argv[1])
for place in (spec.submodule_search_locations or []) if spec else []:
    print('\\nlocation:' + place)";

/// What `--migrations` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A directory of migrations, or a wheel.
    Path(Utf8PathBuf),
    /// An installed Python package with a directory `migrations`.
    Python(String),
}

/// There is no history to compare with.
#[derive(Debug, thiserror::Error)]
pub enum ExpectedError {
    /// Nothing is there.
    #[error("{0}: there is no such directory or wheel")]
    Missing(Utf8PathBuf),
    /// The directory cannot be read.
    #[error(transparent)]
    Directory(#[from] LoadError),
    /// The wheel cannot be read.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// This is no package's name.
    #[error("{0:?} is not the name of a Python package")]
    Name(String),
    /// No Python that was asked has the package.
    #[error("no Python package {name} with migrations was found: {}", attempts.join("; "))]
    NotInstalled {
        /// The package.
        name: String,
        /// Who was asked, and what came of it.
        attempts: Vec<String>,
    },
}

impl ExpectedError {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Missing(_) | Self::Name(_) => {
                "--migrations takes a directory of migrations, a wheel, or python:NAME of an installed package"
            }
            Self::NotInstalled { .. } => {
                "put the Python that has it first on the PATH, or set VIRTUAL_ENV; or name the directory itself with --migrations DIR"
            }
            Self::Directory(_) | Self::Package(_) => return None,
        };
        Some(hint.to_owned())
    }
}

impl Source {
    /// Reads what was typed; `absolute` makes a path absolute.
    #[must_use]
    pub fn read(text: &str, absolute: impl FnOnce(&Utf8Path) -> Utf8PathBuf) -> Self {
        match text.strip_prefix(PYTHON) {
            Some(name) => Self::Python(name.to_owned()),
            None => Self::Path(absolute(Utf8Path::new(text))),
        }
    }

    /// Reads the history.
    ///
    /// # Errors
    /// Where it is not there or cannot be read. A migration that is damaged is no error but a damage.
    pub async fn load(
        &self,
        environment: &Environment,
        processes: &Processes,
    ) -> Result<Loaded, ExpectedError> {
        match self {
            Self::Python(name) => directory(&installed(name, environment, processes).await?),
            Self::Path(path) if path.is_dir() => directory(path),
            Self::Path(path) if path.is_file() => Ok(read_wheel(path)?.history()),
            Self::Path(path) => Err(ExpectedError::Missing(path.clone())),
        }
    }
}

/// What a person named may be a link, as it often is in an image; only within a history links are suspect.
fn directory(path: &Utf8Path) -> Result<Loaded, ExpectedError> {
    Ok(load::load(&path.canonicalize_utf8().map_err(LoadError::Io)?)?)
}

/// The migrations of the installed package `name`.
async fn installed(
    name: &str,
    environment: &Environment,
    processes: &Processes,
) -> Result<Utf8PathBuf, ExpectedError> {
    let is_name = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    if !name.split('.').all(is_name) {
        return Err(ExpectedError::Name(name.to_owned()));
    }
    let mut attempts = Vec::new();
    for python in pythons(environment) {
        match ask(&python, name, processes).await {
            Ok(places) => {
                let mut directories = places.iter().map(|place| place.join(MIGRATIONS));
                if let Some(found) = directories.find(|directory| directory.is_dir()) {
                    return Ok(found);
                }
                let what =
                    if places.is_empty() { "the package" } else { "a directory migrations in the package" };
                attempts.push(format!("{python} does not have {what}"));
            }
            Err(error) => attempts.push(error.to_string()),
        }
    }
    Err(ExpectedError::NotInstalled { name: name.to_owned(), attempts })
}

/// Who may have the package, the likeliest first.
fn pythons(environment: &Environment) -> Vec<String> {
    let of_venv = environment.get("VIRTUAL_ENV").map(|venv| format!("{venv}/bin/python"));
    of_venv.into_iter().chain(["python3".into(), "python".into()]).collect()
}

async fn ask(python: &str, name: &str, processes: &Processes) -> Result<Vec<Utf8PathBuf>, ProcessError> {
    // From the root directory, so that no directory of the same name is taken for the package.
    let invocation = Invocation::new(python, "/").args(["-c", SCRIPT, name]).timeout(Duration::from_secs(20));
    let answer = processes.run(invocation).await?;
    Ok(answer
        .stdout_text()
        .lines()
        .filter_map(|line| line.strip_prefix("location:"))
        .map(Into::into)
        .collect())
}
