//! Native schema engines that are on the disk already.
//!
//! None is ever downloaded. The CLI would: into the project's own node_modules, which is no place for this tool to
//! write to, from a host that is out of reach so often that each attempt may cost seconds and then fail. Where
//! there is no native engine, ours does the same work from npm packages, in the cache.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use super::toolchain::Engine;
use crate::{cache::programs::Programs, context::Environment, process::Invocation};

const PREFIX: &str = "schema-engine-";
const PROBE: Duration = Duration::from_secs(20);

/// The first native engine of the CLI `script` that runs on this machine.
///
/// `script` is its `prisma/build/index.js`, links resolved.
pub(super) async fn find(
    programs: &Programs<'_>,
    environment: &Environment,
    script: &Utf8Path,
) -> Option<Engine> {
    for path in candidates(environment, script) {
        if let Some(version) = probe(programs, &path).await {
            return Some(Engine { path, version, why: "the native engine of this Prisma".into() });
        }
    }
    None
}

/// The version that an engine tells; nothing where it does not run: one for another system, or half a download.
pub(super) async fn probe(programs: &Programs<'_>, engine: &Utf8Path) -> Option<String> {
    let asked = Invocation::new(engine, "/").arg("--version").timeout(PROBE);
    let finished = programs.ask(asked).await.ok()?;
    let said = finished.stdout_text();
    // `schema-engine-cli <commit>`
    let (name, version) = said.lines().next()?.trim().split_once(' ')?;
    (finished.success() && name.contains("engine")).then(|| version.trim().to_owned())
}

fn candidates(environment: &Environment, script: &Utf8Path) -> Vec<Utf8PathBuf> {
    let Some(package) = script.parent().and_then(Utf8Path::parent) else { return Vec::new() };
    let engines = package
        .ancestors()
        .map(|directory| directory.join("node_modules/@prisma/engines"))
        .find(|directory| directory.is_dir());
    let mut found = Vec::new();
    for directory in [Some(package), engines.as_deref()].into_iter().flatten() {
        found.extend(entries(directory).into_iter().filter(|path| {
            path.file_name().is_some_and(|name| name.starts_with(PREFIX) && !name.ends_with(".tmp"))
        }));
    }
    let downloads = || {
        let commit = commit_of(engines.as_deref()?)?;
        Some(Utf8Path::new(environment.get("HOME")?).join(".cache/prisma/master").join(commit))
    };
    if let Some(directory) = downloads() {
        found.extend(entries(&directory).into_iter().map(|platform| platform.join("schema-engine")));
    }
    found.retain(|path| path.is_file());
    found
}

/// The commit that the engines of `@prisma/engines` are built from: the end of its versions' package's version.
fn commit_of(engines: &Utf8Path) -> Option<String> {
    let text = fs_err::read_to_string(engines.join("package.json")).ok()?;
    let manifest: serde_json::Value = serde_json::from_str(&text).ok()?;
    let version = ["dependencies", "devDependencies"]
        .into_iter()
        .find_map(|kind| manifest.get(kind)?.get("@prisma/engines-version")?.as_str())?;
    Some(version.rsplit_once('.')?.1.to_owned())
}

/// The paths in `directory`, sorted; none where it cannot be read.
fn entries(directory: &Utf8Path) -> Vec<Utf8PathBuf> {
    let Ok(listing) = directory.read_dir_utf8() else { return Vec::new() };
    let mut paths: Vec<_> = listing.flatten().map(|entry| entry.path().to_owned()).collect();
    paths.sort();
    paths
}
