//! Where a Prisma CLI is: the order of the search, and what kind of thing was found.

use camino::{Utf8Path, Utf8PathBuf};

use super::{error::Error, locate::LocateRequest, node::on_path};
use crate::config::Layout;

/// A script's beginning is enough to know it by.
const HEAD: usize = 4096;

/// A CLI, by what it takes to run it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// `prisma/build/index.js`, links resolved.
    Script(Utf8PathBuf),
    /// The `prisma` of prisma-client-py, which keeps such a script in a cache of its own.
    Python(Utf8PathBuf),
    /// Any other program.
    Program(Utf8PathBuf),
}

/// A CLI that may serve.
#[derive(Debug)]
pub(super) struct Candidate {
    pub found: Found,
    pub choice: Choice,
    /// Why this one.
    pub why: String,
}

/// Whose choice a CLI is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    /// The user's or the project's.
    Deliberate,
    /// Nobody's: it happens to be on the PATH.
    Chance,
}

/// The CLI to use, or `None` where there is none.
///
/// # Errors
/// Where one is named that is none.
pub(super) fn cli(request: &LocateRequest<'_>) -> Result<Option<Candidate>, Error> {
    let deliberate = |(found, why)| Candidate { found, choice: Choice::Deliberate, why };
    if let Some(named) = request.explicit {
        let found = named_cli(named)?;
        return Ok(Some(deliberate((found, "named by --prisma or the configuration".into()))));
    }
    let projects = python_of_litellm(request).or_else(|| in_node_modules(request)).map(deliberate);
    Ok(projects.or_else(|| on_the_path(request)))
}

fn on_the_path(request: &LocateRequest<'_>) -> Option<Candidate> {
    let found = recognise(&on_path(request.environment, "prisma")?)?;
    Some(Candidate { found, choice: Choice::Chance, why: "first on the PATH".into() })
}

/// LiteLLM uses Prisma through prisma-client-py, from the environment that its other tools run in.
fn python_of_litellm(request: &LocateRequest<'_>) -> Option<(Found, String)> {
    if request.project.layout != Layout::LiteLlm {
        return None;
    }
    let active = request
        .environment
        .get("VIRTUAL_ENV")
        .map(|path| (request.cwd.join(path), "the active Python environment"));
    let usual = Some((request.project.root.join(".venv"), "the project's Python environment"));
    [active, usual].into_iter().flatten().find_map(|(directory, why)| {
        let program = directory.join("bin/prisma");
        Some((recognise(&program)?, format!("{why}, {directory}")))
    })
}

/// The nearest package from the schema's directory upwards, as Node.js would resolve it.
fn in_node_modules(request: &LocateRequest<'_>) -> Option<(Found, String)> {
    let project = request.project;
    let start =
        if project.schema.is_dir() { Some(project.schema.as_path()) } else { project.schema.parent() };
    for directory in start?.ancestors() {
        let package = directory.join("node_modules/prisma");
        if let Some(script) = script_of(&package) {
            let place = project.relative(&package);
            return Some((Found::Script(script), format!("the project's own, {place}")));
        }
        if directory == project.root {
            break;
        }
    }
    None
}

fn named_cli(named: &Utf8Path) -> Result<Found, Error> {
    let no_cli = |problem: &str| Error::NoCli { path: named.to_owned(), problem: problem.into() };
    if !named.exists() {
        return Err(no_cli("no such file or directory"));
    }
    if named.is_dir() {
        let inside = named.join("node_modules/prisma");
        let script = script_of(named).or_else(|| script_of(&inside));
        return script
            .map(Found::Script)
            .ok_or_else(|| no_cli("no package of Prisma's CLI is in this directory"));
    }
    recognise(named).ok_or_else(|| no_cli("neither a program nor the script of Prisma's CLI"))
}

/// The script of the CLI that is installed in `directory`.
pub(super) fn script_in(directory: &Utf8Path) -> Option<Utf8PathBuf> {
    script_of(&directory.join("node_modules/prisma"))
}

/// The CLI's script in `package`, links resolved, if it is Prisma's package.
fn script_of(package: &Utf8Path) -> Option<Utf8PathBuf> {
    let package = package.canonicalize_utf8().ok()?;
    let text = fs_err::read_to_string(package.join("package.json")).ok()?;
    let manifest: serde_json::Value = serde_json::from_str(&text).ok()?;
    if manifest.get("name")?.as_str()? != "prisma" {
        return None;
    }
    let bin = manifest.get("bin")?;
    let script = bin.as_str().or_else(|| bin.get("prisma")?.as_str())?;
    package.join(script).canonicalize_utf8().ok().filter(|script| script.is_file())
}

/// What kind of CLI the file `program` is.
fn recognise(program: &Utf8Path) -> Option<Found> {
    let real = program.canonicalize_utf8().ok().filter(|real| real.is_file())?;
    if let Some(script) = real.parent().and_then(Utf8Path::parent).and_then(script_of)
        && script == real
    {
        return Some(Found::Script(script));
    }
    if !is_executable(&real) {
        return None;
    }
    let head = fs_err::read(&real).ok()?;
    let head = String::from_utf8_lossy(&head[..head.len().min(HEAD)]).into_owned();
    if head.starts_with("#!") && head.contains("python") && head.contains("prisma.cli") {
        return Some(Found::Python(program.to_owned()));
    }
    Some(Found::Program(program.to_owned()))
}

fn is_executable(path: &Utf8Path) -> bool {
    nix::unistd::access(path.as_std_path(), nix::unistd::AccessFlags::X_OK).is_ok()
}
