//! A release from a package index, downloaded by the user's own pip or uv: they know the index, the proxy and the
//! credentials. Wheels only: to download anything else is to run what its author wrote.

use camino::Utf8Path;
use pep440_rs::Version;

use super::{
    archive::Format,
    directory,
    package::{Package, Places, read_archive},
    source::SourceError,
};
use crate::{
    context::Context,
    process::{Invocation, ProcessError},
};

/// What is asked of the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// The package's name.
    pub name: String,
    /// Which version.
    pub wanted: Wanted,
}

/// Which version of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// The latest.
    Latest,
    /// This one.
    Exactly(Version),
    /// The latest below this one.
    Below(Version),
}

impl Requirement {
    /// Reads `NAME` or `NAME==VERSION`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (name, version) = match text.split_once("==") {
            Some((name, version)) => (name.trim(), Some(version.trim().parse().ok()?)),
            None => (text.trim(), None),
        };
        let ends_well =
            |end: Option<char>| end.is_some_and(|character: char| character.is_ascii_alphanumeric());
        let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
            && ends_well(name.chars().next())
            && ends_well(name.chars().last());
        let wanted = version.map_or(Wanted::Latest, Wanted::Exactly);
        is_name.then(|| Self { name: name.to_owned(), wanted })
    }
}

impl std::fmt::Display for Requirement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.wanted {
            Wanted::Latest => f.write_str(&self.name),
            Wanted::Exactly(version) => write!(f, "{}=={version}", self.name),
            Wanted::Below(version) => write!(f, "{}<{version}", self.name),
        }
    }
}

/// A program that downloads.
#[derive(Debug, Clone)]
struct Downloader {
    program: String,
    first: &'static [&'static str],
    is_uv: bool,
}

/// Downloads and reads the package.
///
/// # Errors
/// Where nobody can download, the index does not have it, or it cannot be read.
pub(super) async fn fetch(
    context: &Context,
    requirement: &Requirement,
    places: Places<'_>,
) -> Result<Package, SourceError> {
    let parent = Utf8Path::new(context.environment.get("TMPDIR").unwrap_or("/tmp"));
    let directory = context.processes.temporary_directory(parent, "run-migration-package-")?;
    let directory = Utf8Path::from_path(directory.path()).unwrap_or(parent);
    let mut attempts = Vec::new();
    for downloader in downloaders(context) {
        match downloader.download(context, requirement, directory).await? {
            Ok(()) => {
                let mut package = downloaded(directory, places)?;
                let version = package.identity.version.as_ref();
                let exactly = version.map(|version| format!("=={version}")).unwrap_or_default();
                package.label = format!("pypi:{}{exactly}", requirement.name);
                package.path = package.label.clone().into();
                return Ok(package);
            }
            Err(why) => attempts.push(why),
        }
    }
    Err(SourceError::NobodyDownloads { attempts })
}

fn downloaders(context: &Context) -> Vec<Downloader> {
    let pip = |program: &str, first| Downloader { program: program.to_owned(), first, is_uv: false };
    let of_venv = context.environment.get("VIRTUAL_ENV").map(|venv| format!("{venv}/bin/python"));
    let mut all: Vec<_> = of_venv.iter().map(|python| pip(python, ["-m", "pip"].as_slice())).collect();
    all.extend([pip("pip", &[]), pip("pip3", &[]), pip("python3", &["-m", "pip"])]);
    all.push(Downloader { program: "uv".into(), first: &[], is_uv: true });
    all
}

impl Downloader {
    /// Downloads into `directory`. The inner error says why it is not there to be asked.
    async fn download(
        &self,
        context: &Context,
        requirement: &Requirement,
        directory: &Utf8Path,
    ) -> Result<Result<(), String>, SourceError> {
        let what = requirement.to_string();
        let args: &[&str] = if self.is_uv {
            &["pip", "install", "--no-deps", "--only-binary", ":all:", "--target", directory.as_str()]
        } else {
            &["download", "--no-deps", "--only-binary=:all:", "--no-input", "--dest", directory.as_str()]
        };
        // From the root directory: a configuration of whatever project we stand in is not meant.
        let invocation = Invocation::new(&self.program, "/")
            .args(self.first)
            .args(args)
            .args(["--", what.as_str()])
            .env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
            .timeout(context.settings.step_timeout());
        let finished = match context.processes.run(invocation).await {
            Err(ProcessError::NotFound { program }) => return Ok(Err(format!("{program} is not there"))),
            other => other?,
        };
        let said = finished.stderr_text();
        match finished.success() {
            true => Ok(Ok(())),
            false if is_absent(&said) => Ok(Err(format!("{} has no pip", self.program))),
            false => {
                Err(SourceError::NotDownloaded { what, program: self.program.clone(), said: last(&said) })
            }
        }
    }
}

/// Whether it is pip itself that is missing: Python and its version managers say it so.
fn is_absent(said: &str) -> bool {
    said.contains("No module named pip") || said.contains("command not found")
}

/// The lines that say what went wrong.
fn last(said: &str) -> String {
    const LINES: usize = 6;
    let lines: Vec<_> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    let cut = |line: &&str| line.chars().take(300).collect::<String>();
    lines[lines.len().saturating_sub(LINES)..].iter().map(cut).collect::<Vec<_>>().join("\n  ")
}

/// The wheel that pip left, or the files that uv did.
fn downloaded(directory: &Utf8Path, places: Places<'_>) -> Result<Package, SourceError> {
    for entry in directory.read_dir_utf8()? {
        let path = entry?.into_path();
        if path.extension() == Some("whl") {
            return Ok(read_archive(&path, Format::Zip, places)?);
        }
    }
    directory::read(directory, places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_requirement_is_a_name_and_perhaps_a_version() {
        for (text, wanted) in [
            ("litellm-proxy-extras", Some("litellm-proxy-extras")),
            ("a.b_c==0.4.79.post1", Some("a.b_c==0.4.79.post1")),
            ("a == 1.0", Some("a==1.0")),
            ("", None),
            ("--index-url=https://evil", None),
            ("a==--pre", None),
            ("a<2", None),
            ("a @ https://evil/a.whl", None),
            ("../a", None),
        ] {
            let parsed = Requirement::parse(text).map(|requirement| requirement.to_string());
            assert_eq!(parsed.as_deref(), wanted, "{text}");
        }
    }
}
