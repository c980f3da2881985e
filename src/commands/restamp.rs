//! Gives this branch's own migrations time stamps that sort after the base's.

use std::fmt::Write;

use super::job::{Job, Stop, freshness_request};
use crate::{
    cli::check::BaseArgs,
    config::Project,
    context::Context,
    error::Error,
    freshness,
    history::{
        Migration,
        name::{is_after, restamped},
    },
    outcome::Outcome,
    report::Report,
};

/// Runs the command.
///
/// # Errors
/// Where the work could not be begun.
pub(super) async fn run(context: &Context, args: &BaseArgs) -> Result<Report, Error> {
    let project = Project::find(context).await?;
    let job = Job::new(context, &project, "restamp");
    let request = freshness_request(context, args, &project)?;
    let end = restamp(&job, &request).await;
    Ok(job.report(end))
}

async fn restamp(job: &Job<'_>, request: &freshness::Request) -> Result<Outcome, Stop> {
    let git = job.context.git(&job.project.root);
    let history = job.history()?;
    let base = freshness::check(&git, request).await?;
    let commit = base.base_commit.parse()?;
    let theirs = job.shipped_at(&git, &commit).await?;
    let own: Vec<_> = history.migrations.iter().filter(|one| !theirs.contains_key(&one.name)).collect();
    let names: Vec<String> = theirs.keys().cloned().collect();
    if is_in_order(&own, &names) {
        job.note(&format!(
            "Nothing to do: {} migrations of this branch sort after those of {}",
            own.len(),
            base.base
        ));
        return Ok(Outcome::Passed);
    }
    let renamed = plan(job, &own, names)?;
    let mut result = String::new();
    for (migration, name) in renamed {
        let to = job.project.migrations.join(&name);
        fs_err::rename(job.project.migrations.join(&migration.name), &to)?;
        // Writing to a string cannot fail.
        let _ = writeln!(result, "{} -> {name}", migration.name);
    }
    job.report.borrow_mut().result = Some(result);
    Ok(Outcome::Synced)
}

/// Whether each sorts after all of `theirs` and after the one before it.
fn is_in_order(own: &[&Migration], theirs: &[String]) -> bool {
    let mut before = theirs.to_vec();
    own.iter().all(|migration| {
        let sorts = before.iter().all(|other| is_after(&migration.name, other));
        before.push(migration.name.clone());
        sorts
    })
}

/// New names for all of them, in the order they have. All are found before one is given.
fn plan<'m>(
    job: &Job<'_>,
    own: &[&'m Migration],
    mut existing: Vec<String>,
) -> Result<Vec<(&'m Migration, String)>, Error> {
    let mut renamed = Vec::new();
    for migration in own {
        let name = restamped(&migration.name, job.context.now, &existing)?;
        existing.push(name.clone());
        renamed.push((*migration, name));
    }
    Ok(renamed)
}
