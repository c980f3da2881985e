//! `snapshot`: the tables and columns that the migrations make, written down for `ready --snapshot`.

use camino::Utf8Path;

use super::{
    replayed::{self, HISTORY, Plan},
    subject,
    wanted::{self, database_schema},
};
use crate::{
    cli::{Format, live::SnapshotArgs},
    config::Project,
    context::Context,
    error::Error,
    history::History,
    live::{
        catalog::{self, Catalog},
        snapshot::Snapshot,
    },
    outcome::Outcome,
    postgres::{self, Role},
    report::Report,
};

/// Makes the snapshot.
///
/// # Errors
/// Where the history cannot be read or applied, or the file cannot be written.
pub(super) async fn run(context: &Context, args: &SnapshotArgs) -> Result<Report, Error> {
    if args.output.is_none() && context.settings.format != Format::Human {
        return Err(Error::Usage("with --format json the snapshot needs a file: --output FILE".into()));
    }
    let mut report = Report::new("snapshot", Outcome::Passed);
    let history = subject::expected(context, args.migrations.as_deref()).await?;
    let tables = replayed(context, &history, &mut report).await?;
    let snapshot = Snapshot::new(&history, tables).render();
    report.result = Some(match &args.output {
        None => snapshot,
        Some(path) => {
            write(&context.absolute(path), &snapshot)?;
            format!("{path}\n")
        }
    });
    Ok(report)
}

/// The catalog that `history` makes on a temporary server, with what is there before it.
async fn replayed(context: &Context, history: &History, report: &mut Report) -> Result<Catalog, Error> {
    let project = Project::around(context).await?;
    let (external, replay_as) = (project.external()?, project.replay_as);
    let stage = context.progress.stage("postgres");
    let schema = database_schema(context, &project).map(|(schema, _)| schema);
    let scripts = external.before().chain(history.scripts());
    let wanted = wanted::for_scripts(context, (&project, schema), scripts)?;
    let venue = postgres::venue(context, &wanted, &stage).await?;
    let plan = Plan { context, wanted: &wanted, external: &external, replay_as, history };
    let replayed = replayed::replayed(plan, &venue, stage).await?;
    report.timings.extend(&replayed.timings);
    report.toolchain.push(replayed.tool.clone());

    let stage = context.progress.stage("catalog");
    let client = replayed.server.connect(HISTORY, Role::from(replay_as)).await?;
    let tables = catalog::of(&client, replayed.server.schema())
        .await
        .map_err(|source| postgres::Error::Query { what: "read the catalog".into(), source })?;
    report.timings.push(stage.done(&format!("{} tables", tables.0.len())));
    drop(client);
    replayed.stop().await?;
    Ok(tables)
}

/// Writes the file whole or not at all: a probe may be reading it.
fn write(path: &Utf8Path, text: &str) -> Result<(), Error> {
    let staged = path.with_extension("json.new");
    fs_err::write(&staged, text)?;
    fs_err::rename(&staged, path)?;
    Ok(())
}
