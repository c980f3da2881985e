//! Where PostgreSQL may be, and the proof that it runs.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use super::{Attempt, Installation, OLDEST_MAJOR, Source, Version, Wanted, account};
use crate::{
    cache::programs::Programs,
    context::{Context, Environment},
    process::{BaseEnvironment, Finished, Invocation, ProcessError, RunAs},
};

/// Printing a version takes milliseconds.
const PROBE_LIMIT: Duration = Duration::from_secs(20);

/// Directories whose children may each be one version, and how the children's names begin.
const VERSIONED: [(&str, &str); 6] = [
    ("/usr/lib/postgresql", ""),
    ("/usr", "pgsql-"),
    ("/opt/homebrew/opt", "postgresql"),
    ("/usr/local/opt", "postgresql"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql"),
    ("/Applications/Postgres.app/Contents/Versions", ""),
];

/// The directories where a system may keep PostgreSQL: those on the PATH, then the usual ones, newest first.
/// Links are resolved, because distributions keep only links on the PATH.
pub(super) fn system_directories(environment: &Environment) -> Vec<Utf8PathBuf> {
    let path = environment.get_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(path).filter_map(|directory| {
        // A relative entry means the directory that the user stands in: nobody's PostgreSQL lives there.
        let directory = Utf8PathBuf::from_path_buf(directory).ok().filter(|path| path.is_absolute())?;
        let postgres = directory.join("postgres").canonicalize_utf8().ok()?;
        let resolved = postgres.parent()?;
        Some(if resolved.join("initdb").exists() { resolved.to_owned() } else { directory })
    });
    let usual = VERSIONED.into_iter().flat_map(|(parent, prefix)| versions(parent.into(), prefix));
    let mut found = Vec::new();
    for directory in on_path.chain(usual) {
        if !found.contains(&directory) {
            found.push(directory);
        }
    }
    found
}

fn versions(parent: &Utf8Path, prefix: &str) -> Vec<Utf8PathBuf> {
    let Ok(entries) = parent.read_dir_utf8() else { return Vec::new() };
    let mut found: Vec<(u32, Utf8PathBuf)> = entries
        .flatten()
        .filter(|entry| entry.file_name().starts_with(prefix))
        .filter_map(|entry| {
            let bin = entry.path().join("bin");
            let version = leading_number(entry.file_name().trim_start_matches(|c: char| !c.is_ascii_digit()));
            Some((version, bin.canonicalize_utf8().ok()?))
        })
        .filter(|(_, bin)| bin.join("postgres").exists())
        .collect();
    found.sort_by(|a, b| b.cmp(a));
    found.into_iter().map(|(_, bin)| bin).collect()
}

/// What is looked for.
pub(super) struct Search<'a> {
    pub(super) context: &'a Context,
    pub(super) accounts: &'a [RunAs],
    pub(super) wanted: &'a Wanted,
}

impl Search<'_> {
    /// Whether the binaries in `bin` serve, and for whom. Where they do not, `attempts` says why.
    pub(super) async fn prove(
        &self,
        bin: &Utf8Path,
        source: Source,
        attempts: &mut Vec<Attempt>,
    ) -> Option<Installation> {
        let mut reject = |what: String, why: String| attempts.push(Attempt { what, why });
        if let Some(missing) = ["initdb", "postgres"].into_iter().find(|name| !bin.join(name).exists()) {
            reject(bin.to_string(), format!("there is no {missing} in it"));
            return None;
        }
        for run_as in self.accounts {
            match self.probe(bin, run_as).await {
                Ok(version) => match self.unsuitable(bin, run_as, &version).await {
                    Some(why) => {
                        reject(format!("{bin} (PostgreSQL {})", version.number), why);
                        return None;
                    }
                    None => {
                        let (bin, run_as) = (bin.to_owned(), run_as.clone());
                        return Some(Installation { bin, version, run_as, source });
                    }
                },
                Err(why) => reject(format!("{bin}, run as {}", account::describe(run_as)), why),
            }
        }
        None
    }

    async fn unsuitable(&self, bin: &Utf8Path, run_as: &RunAs, version: &Version) -> Option<String> {
        match self.wanted.major {
            Some(major) if version.major != major => Some(format!("the project requires {major}")),
            _ if version.major < OLDEST_MAJOR => Some(format!("older than {OLDEST_MAJOR}")),
            _ => self.lacking(bin, run_as).await,
        }
    }

    /// The first wanted extension that this PostgreSQL does not have.
    async fn lacking(&self, bin: &Utf8Path, run_as: &RunAs) -> Option<String> {
        if self.wanted.extensions.is_empty() {
            return None;
        }
        let Some(share) = self.share(bin, run_as).await else {
            return Some("initdb --show does not say where its extensions are".into());
        };
        let has = |name: &str| share.join("extension").join(format!("{name}.control")).exists();
        self.wanted.extensions.iter().find(|wish| !has(&wish.name)).map(|wish| lacks(&wish.name))
    }

    /// Where the shared files of this PostgreSQL are, which it finds relative to its programs.
    async fn share(&self, bin: &Utf8Path, run_as: &RunAs) -> Option<Utf8PathBuf> {
        // Nothing is made in the directory, but without one it does not answer.
        let question =
            command(&bin.join("initdb"), run_as).args(["--show", "-D", "/nonexistent", "--no-locale"]);
        let answer = self.ask_once(question.timeout(PROBE_LIMIT)).await.ok()?;
        let text = answer.stderr_text();
        text.lines().find_map(|line| line.strip_prefix("share_path=")).map(Utf8PathBuf::from)
    }

    /// Has both programs say their version as the user who is to run them. That proves in one go that the path
    /// can be reached, the libraries load and the C library fits.
    async fn probe(&self, bin: &Utf8Path, run_as: &RunAs) -> Result<Version, String> {
        let programs = [bin.join("postgres"), bin.join("initdb")];
        let (server, initdb) = tokio::join!(self.ask(&programs[0], run_as), self.ask(&programs[1], run_as));
        let (server, initdb) = (server?, initdb?);
        if server.number == initdb.number {
            Ok(server)
        } else {
            Err(format!("postgres is {}, but initdb is {}", server.number, initdb.number))
        }
    }

    /// Asks a program of PostgreSQL, unless it was asked before and is the same.
    async fn ask_once(&self, question: Invocation) -> Result<Finished, ProcessError> {
        match self.context.cache_dir() {
            Ok(cache) => Programs::new(&self.context.processes, &cache).ask(question).await,
            Err(_) => self.context.processes.run(question).await,
        }
    }

    async fn ask(&self, program: &Utf8Path, run_as: &RunAs) -> Result<Version, String> {
        let name = program.file_name().unwrap_or_default();
        let answer = self
            .ask_once(command(program, run_as).arg("--version").timeout(PROBE_LIMIT))
            .await
            .map_err(|error| match error {
                ProcessError::Io { source, .. } => format!("{name} could not be run: {source}"),
                other => other.to_string(),
            })?;
        if !answer.success() {
            return Err(format!("{name} --version failed ({}): {}", answer.ended(), answer.stderr_text()));
        }
        let text = answer.stdout_text();
        parse_version(&text).ok_or_else(|| format!("{name} --version said {:?}", text.trim()))
    }
}

/// Why a PostgreSQL without the extension does not serve.
pub(super) fn lacks(extension: &str) -> String {
    format!("it lacks the extension {extension}")
}

/// A program of PostgreSQL, with nothing of the caller's environment, whose PG* variables would mislead it.
pub(super) fn command(program: &Utf8Path, run_as: &RunAs) -> Invocation {
    Invocation::new(program, "/")
        .base_environment(BaseEnvironment::Empty)
        .env("PATH", "/usr/bin:/bin")
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .run_as(run_as)
}

/// `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)` and its relatives.
fn parse_version(text: &str) -> Option<Version> {
    let number = text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    Some(Version { major: leading_number(number), number: number.to_owned(), build: text.trim().to_owned() })
}

fn leading_number(text: &str) -> u32 {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..digits].parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_the_programs_say() {
        for (text, major, number) in [
            ("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n", 15, "15.14"),
            ("initdb (PostgreSQL) 18beta1\n", 18, "18beta1"),
            ("postgres (EnterpriseDB) 17.2.0\n", 17, "17.2.0"),
            ("postgres (PostgreSQL) 19devel\n", 19, "19devel"),
        ] {
            let version = parse_version(text).unwrap();
            assert_eq!((version.major, version.number.as_str()), (major, number));
        }
        assert_eq!(parse_version("command not found"), None);
    }
}
