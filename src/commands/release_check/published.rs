//! A folder of released packages, each checked against the one before it.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use pep440_rs::Version;

use super::{NAME, bench::Bench, pair::Story};
use crate::{
    cli::release::ReleaseArgs,
    context::Context,
    error::Error,
    outcome::Outcome,
    release::{
        archive::Format,
        compare::Pair,
        package::{Kind, Package, Places},
        source::{Source, SourceError},
    },
    report::Report,
};

/// Checks every release of `folder` against the one before it.
///
/// # Errors
/// Where the folder cannot be read, or there are not two releases of one package in it.
pub(super) async fn run(context: &Context, args: &ReleaseArgs, folder: &Utf8Path) -> Result<Report, Error> {
    let stage = context.progress.stage("packages");
    let archives = archives(folder)?;
    stage.steps(archives.len());
    let (mut packages, mut unreadable) = (Vec::new(), Vec::new());
    for (path, format) in archives {
        stage.step(path.file_name().unwrap_or_default());
        let places = Places { migrations: args.migrations.as_deref(), schema: args.schema.as_deref() };
        match Source::Archive(path.clone(), format).read(context, places).await {
            Ok(package) => packages.push(package),
            Err(error) => unreadable.push(failed(context, &path, error)),
        }
    }
    let pairs = pairs(&packages);
    if pairs.is_empty() && unreadable.is_empty() {
        let message = format!("{folder}: there are not two releases of one package in it");
        return Err(
            Error::failed(message).hint("put the published wheels or source distributions into one folder")
        );
    }
    let read = stage.done(&format!("{} read, {} pairs of releases", packages.len(), pairs.len()));

    let bench = Bench::new(context, args, packages.iter().collect()).await?;
    let mut report = Report::new(NAME, Outcome::Passed);
    let stage = context.progress.stage("checks");
    stage.steps(pairs.len());
    for pair in &pairs {
        stage.step(&format!("{} after {}", pair.to_name, pair.from_name));
        report.pairs.push(Story::new(&bench, pair, &stage).run().await);
    }
    report.pairs.extend(unreadable);
    report.toolchain = bench.tools.take();
    bench.end().await?;
    report.outcome = outcome(&report.pairs);
    report.timings.extend([read, stage.done(&format!("{} pairs", pairs.len()))]);
    report.shows_findings = true;
    Ok(report)
}

/// The first of failed, destructive and out of sync that applies.
fn outcome(pairs: &[Report]) -> Outcome {
    let stopping = pairs.iter().map(|pair| pair.outcome).filter(|outcome| *outcome != Outcome::Passed);
    stopping.min_by_key(|outcome| outcome.exit_code()).unwrap_or(Outcome::Passed)
}

/// What there is to say of a package that cannot be read.
fn failed(context: &Context, path: &Utf8Path, error: SourceError) -> Report {
    let mut report = Report::of_error(NAME, &error.into());
    report.result = Some(context.as_typed(path).to_string());
    report
}

/// The archives in `folder`, by name.
fn archives(folder: &Utf8Path) -> Result<Vec<(Utf8PathBuf, Format)>, Error> {
    let mut archives = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let Ok(path) = Utf8PathBuf::from_path_buf(entry?.path()) else { continue };
        if let Some(format) = Format::of(&path).filter(|_| path.is_file()) {
            archives.push((path, format));
        }
    }
    archives.sort_by(|one: &(Utf8PathBuf, _), other| one.0.cmp(&other.0));
    Ok(archives)
}

/// Every release after the one before it, and the two packagings of one release.
fn pairs(packages: &[Package]) -> Vec<Pair<'_>> {
    let mut releases: BTreeMap<(&str, &Version), Vec<&Package>> = BTreeMap::new();
    for package in packages {
        if let (Some(name), Some(version)) = (&package.identity.name, &package.identity.version) {
            releases.entry((name, version)).or_default().push(package);
        }
    }
    // What is installed as it is comes first.
    for packagings in releases.values_mut() {
        packagings.sort_by_key(|package| package.kind != Kind::Wheel);
    }
    let mut pairs = Vec::new();
    let mut before: Option<(&str, &Package)> = None;
    for ((name, _), packagings) in &releases {
        let Some(first) = packagings.first() else { continue };
        if let Some((_, package)) = before.filter(|(other, _)| other == name) {
            pairs.push(Pair::new(package, first));
        }
        let twins = packagings.iter().skip(1).map(|other| Pair::new(first, other));
        pairs.extend(twins.filter(Pair::is_one_release));
        before = Some((name, first));
    }
    pairs
}
