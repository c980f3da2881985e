//! Which version a CLI is.

use std::time::Duration;

use camino::Utf8Path;
use semver::Version;

use super::{error::Error, surroundings};
use crate::process::{Invocation, ProcessError, Processes};

/// The version of `prisma/build/index.js`, by the manifest of its package.
///
/// # Errors
/// Where the manifest cannot be read.
pub(super) fn of_script(script: &Utf8Path) -> Result<Version, Error> {
    let unknown = |said: &str| Error::NoVersion { path: script.to_owned(), said: said.to_owned() };
    let package = script.parent().and_then(Utf8Path::parent).ok_or_else(|| unknown(""))?;
    let text =
        fs_err::read_to_string(package.join("package.json")).map_err(|error| unknown(&error.to_string()))?;
    let manifest: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| unknown(&format!("package.json: {error}")))?;
    let version = manifest.get("version").and_then(serde_json::Value::as_str).unwrap_or_default();
    Version::parse(version).map_err(|_| unknown(&format!("package.json: version {version:?}")))
}

/// The version of any other program, by what `--version` prints. The exit status says nothing: it tells of a
/// failure where an engine is missing that has nothing to do with us.
///
/// # Errors
/// Where it cannot be run or does not tell.
pub(super) async fn of_program(
    processes: &Processes,
    program: &Utf8Path,
    engine: &Utf8Path,
    timeout: Duration,
) -> Result<Version, Error> {
    let asked = surroundings::quiet(Invocation::new(program, "/"), engine).arg("--version").timeout(timeout);
    let unknown = |said: String| Error::NoVersion { path: program.to_owned(), said };
    match processes.run(asked).await {
        Ok(finished) => {
            parse(&finished.stdout_text()).ok_or_else(|| unknown(beginning(&finished.stderr_text())))
        }
        Err(ProcessError::Timeout { after, .. }) => {
            Err(Error::Timeout { what: format!("{program} --version"), after })
        }
        Err(error) => Err(unknown(error.to_string())),
    }
}

/// The first lines of what a program said: it may be a whole stack trace.
fn beginning(said: &str) -> String {
    said.lines().take(3).collect::<Vec<_>>().join("\n")
}

/// The version in lines such as `prisma                : 5.4.2`.
fn parse(said: &str) -> Option<Version> {
    said.lines().find_map(|line| {
        let (name, version) = line.split_once(':')?;
        (name.trim() == "prisma").then(|| Version::parse(version.trim()).ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn the_version_is_found_among_what_a_first_run_says() {
        let said =
            "Installing Prisma CLI\nprisma                : 5.4.2\n@prisma/client        : Not found\n";
        assert_eq!(parse(said).unwrap().to_string(), "5.4.2");
        assert_eq!(parse("prisma:error no engine\n"), None);
    }
}
