//! What every command is given: where it stands, what it was told, what time it is. The only reader of the
//! environment and of the clock.

use std::{collections::BTreeMap, ffi::OsString, sync::Arc};

use camino::{Utf8Path, Utf8PathBuf};
use jiff::{Timestamp, civil::Date, tz::TimeZone};

use crate::{cli::GlobalArgs, error::Error, git::Git, process::Processes, report::progress::Progress};

/// The environment variables, read once.
#[derive(Debug, Clone, Default)]
pub struct Environment(BTreeMap<String, OsString>);

impl Environment {
    /// Reads the process's own.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    pub fn read() -> Self {
        Self(std::env::vars_os().filter_map(|(key, value)| Some((key.into_string().ok()?, value))).collect())
    }

    /// An environment made of pairs, for tests.
    #[must_use]
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self(pairs.into_iter().map(|(key, value)| (key.to_owned(), value.into())).collect())
    }

    /// The value of `key`, where it is set, not empty, and UTF-8.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str()).filter(|value| !value.is_empty())
    }

    /// The value of `key` as it is, where it is set and not empty: for lists of paths.
    #[must_use]
    pub fn get_os(&self, key: &str) -> Option<&std::ffi::OsStr> {
        self.0.get(key).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// Whether `key` is set, and to nothing.
    #[must_use]
    pub fn is_empty_at(&self, key: &str) -> bool {
        self.0.get(key).is_some_and(|value| value.is_empty())
    }

    /// Every variable, for a child that is to start from these and nothing else.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &std::ffi::OsStr)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_os_str()))
    }

    /// Whether `key` is set to anything but an empty value, `0` or `false`.
    #[must_use]
    pub fn is_on(&self, key: &str) -> bool {
        self.get(key).is_some_and(|value| !matches!(value, "0" | "false"))
    }
}

impl<K: Into<String>, V: Into<OsString>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }
}

/// What a command works with.
#[derive(Debug, Clone)]
pub struct Context {
    /// The options that hold for every command.
    pub settings: GlobalArgs,
    /// The words that were typed, the program's name first: for messages that say what to type next.
    pub command_line: Vec<String>,
    /// The environment variables.
    pub environment: Environment,
    /// Where the tool was called, absolute.
    pub cwd: Utf8PathBuf,
    /// When the run began: the one moment that every time stamp of it is made from.
    pub now: Timestamp,
    /// The tool's children and temporary directories.
    pub processes: Processes,
    /// Where stages show that they are at work.
    pub progress: Arc<Progress>,
}

impl Context {
    /// Gathers it all.
    ///
    /// # Errors
    /// Where the working directory is gone or not UTF-8.
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    pub fn gather(settings: GlobalArgs, environment: Environment, progress: Progress) -> Result<Self, Error> {
        let cwd = std::env::current_dir().map_err(|source| {
            Error::failed(format!("the working directory cannot be read: {source}"))
                .hint("change into a directory that exists")
        })?;
        let cwd = Utf8PathBuf::from_path_buf(cwd)
            .map_err(|path| Error::failed(format!("{}: the path is not UTF-8", path.display())))?;
        Ok(Self {
            settings,
            command_line: vec!["run-migration".to_owned()],
            environment,
            cwd,
            now: Timestamp::now(),
            processes: Processes::new(),
            progress: Arc::new(progress),
        })
    }

    /// The time of day, for what outlives the moment that the run began at.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    pub fn clock() -> Timestamp {
        Timestamp::now()
    }

    /// `path` as it was typed, made absolute.
    #[must_use]
    pub fn absolute(&self, path: &Utf8Path) -> Utf8PathBuf {
        clean(&self.cwd.join(path))
    }

    /// The day that the run began on, in UTC.
    #[must_use]
    pub fn today(&self) -> Date {
        self.now.to_zoned(TimeZone::UTC).date()
    }

    /// git in `directory`.
    #[must_use]
    pub fn git(&self, directory: &Utf8Path) -> Git {
        Git::new(&self.processes, &self.environment, directory, self.settings.step_timeout())
    }

    /// `path` as it can be typed here: relative where it lies below the working directory.
    #[must_use]
    pub fn as_typed<'a>(&self, path: &'a Utf8Path) -> &'a Utf8Path {
        path.strip_prefix(&self.cwd).unwrap_or(path)
    }

    /// The cache directory: `--cache-dir`, else `$XDG_CACHE_HOME/run-migration`, else `~/.cache/run-migration`;
    /// for root `/var/cache/run-migration`, because the server runs as another user, who cannot enter `/root`.
    ///
    /// # Errors
    /// Where none of them is known.
    pub fn cache_dir(&self) -> Result<Utf8PathBuf, Error> {
        if let Some(dir) = &self.settings.cache_dir {
            return Ok(self.absolute(dir));
        }
        if nix::unistd::geteuid().is_root() {
            return Ok("/var/cache/run-migration".into());
        }
        if let Some(dir) = self.environment.get("XDG_CACHE_HOME").filter(|dir| dir.starts_with('/')) {
            return Ok(Utf8Path::new(dir).join("run-migration"));
        }
        match self.environment.get("HOME").filter(|home| home.starts_with('/')) {
            Some(home) => Ok(Utf8Path::new(home).join(".cache/run-migration")),
            None => Err(Error::failed("there is no home directory to keep the cache in")
                .hint("set HOME, or name a directory with --cache-dir")),
        }
    }
}

/// `path` without `.` and `..`, by its text alone.
pub(crate) fn clean(path: &Utf8Path) -> Utf8PathBuf {
    let mut cleaned = Utf8PathBuf::new();
    for component in path.components() {
        match component {
            camino::Utf8Component::CurDir => {}
            camino::Utf8Component::ParentDir => {
                cleaned.pop();
            }
            other => cleaned.push(other),
        }
    }
    cleaned
}
