//! `release-check`: what a release would do to a database that runs the previous one.
//!
//! ```text
//! packages  what was named, read                     (here)
//! pair      the gates of two releases, one after the other
//! proofs    the databases that they make             on a temporary PostgreSQL
//! published a folder of releases, pair by pair
//! ```

mod bench;
mod pair;
mod proofs;
mod published;

use camino::Utf8PathBuf;

use self::{bench::Bench, pair::Story};
use crate::{
    cli::{GlobalArgs, release::ReleaseArgs},
    config::Project,
    context::Context,
    error::Error,
    release::{
        compare::Pair,
        package::{Package, PackageError, Places},
        source::{Source, SourceError},
    },
    report::Report,
};

/// The command's name in reports.
const NAME: &str = "release-check";

/// Checks a release, or each of a folder's.
///
/// # Errors
/// Where a package cannot be read. What a gate comes to is in the report.
pub(super) async fn run(context: &Context, args: &ReleaseArgs) -> Result<Report, Error> {
    match &args.published {
        Some(folder) => published::run(context, args, &context.absolute(folder)).await,
        None => one(context, args).await,
    }
}

async fn one(context: &Context, args: &ReleaseArgs) -> Result<Report, Error> {
    let (Some(from), Some(to)) = (&args.from, &args.to) else {
        return Err(Error::Usage("two releases are needed: --from A --to B".into()));
    };
    let stage = context.progress.stage("packages");
    stage.doing(to.as_str());
    let to = read(context, args, Source::parse(to, context)?).await?;
    stage.doing(from.as_str());
    let from = read(context, args, Source::parse(from, context)?.before(&to)).await?;
    let source = match &args.source {
        Some(directory) => Some(read(context, args, Source::Directory(context.absolute(directory))).await?),
        None => None,
    };
    if from.migrations.is_none() && to.migrations.is_none() {
        return Err(SourceError::from(PackageError::NoMigrations(to.path)).into());
    }
    let pair = Pair::new(&from, &to);
    let read = stage.done(&format!("{}, then {}", words(&from), words(&to)));

    let bench = Bench::new(context, args, vec![&from, &to]).await?;
    let stage = context.progress.stage("checks");
    let mut report = Story::new(&bench, &pair, &stage).built_from(source.as_ref()).run().await;
    let detail = format!("{} migrations to apply to a database on {}", pair.pending().len(), pair.from_name);
    report.timings.extend([read, stage.done(&detail)]);
    report.toolchain = bench.tools.take();
    bench.end().await?;
    Ok(report)
}

/// What a package is, in a few words.
fn words(package: &Package) -> String {
    let what = package.identity.words().unwrap_or_else(|| package.label.clone());
    format!("{what} ({} migrations)", package.shipped().len())
}

/// Reads a package. Of a directory and of a commit, a project that is configured or laid out in a known way says
/// where things are.
async fn read(context: &Context, args: &ReleaseArgs, source: Source) -> Result<Package, SourceError> {
    let typed = Places { migrations: args.migrations.as_deref(), schema: args.schema.as_deref() };
    if args.migrations.is_none()
        && args.schema.is_none()
        && let Some((migrations, schema)) = known_places(context, &source).await
    {
        let known = Places { migrations: Some(&migrations), schema: Some(&schema) };
        match source.read(context, known).await {
            // A commit from before things were where they are now.
            Err(SourceError::Package(PackageError::Named { .. })) => {}
            read => return read,
        }
    }
    source.read(context, typed).await
}

/// Where the project that the source is of has its migrations and its schema, relative to its root.
async fn known_places(context: &Context, source: &Source) -> Option<(Utf8PathBuf, Utf8PathBuf)> {
    let project = match source {
        Source::Directory(path) => {
            let settings = GlobalArgs { repo: Some(path.clone()), config: None, ..context.settings.clone() };
            Project::find(&Context { settings, ..context.clone() }).await.ok()?
        }
        Source::Commit(_) => Project::find(context).await.ok()?,
        Source::Archive(..) | Source::Index(_) => return None,
    };
    let root = match source {
        Source::Commit(_) => project.repository(),
        _ => project.root.clone(),
    };
    let relative = |path: &Utf8PathBuf| path.strip_prefix(&root).ok().map(ToOwned::to_owned);
    Some((relative(&project.migrations)?, relative(&project.schema)?))
}
