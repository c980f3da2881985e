//! What a server must have so that a history can be replayed on it: one answer for everybody who replays one.

use camino::Utf8Path;

use crate::{
    cache::{Fingerprint, answers::Answers},
    config::Project,
    context::Context,
    error::Error,
    guard::{self, needs::Need},
    history,
    postgres::Wanted,
    prisma,
};

/// What `project` and the `scripts` that are to be run want, in the order in which they are: a file and its SQL.
/// Prisma works in `schema`; without one, in `public`.
///
/// # Errors
/// Where the system grants no thread to work in.
pub(super) fn for_scripts<'a>(
    context: &Context,
    (project, schema): (&Project, Option<String>),
    scripts: impl Iterator<Item = (&'a Utf8Path, &'a str)>,
) -> Result<Wanted, Error> {
    let scripts: Vec<_> = scripts.collect();
    let (extensions, roles) = history::needs::gathered(&scripts, needs(context, &scripts)?);
    Ok(Wanted { major: project.postgres_major, extensions, roles, schema })
}

/// What each of `scripts` needs: the same as in an earlier run with these scripts.
fn needs(context: &Context, scripts: &[(&Utf8Path, &str)]) -> Result<Vec<Vec<Need>>, Error> {
    let texts = || scripts.iter().map(|(_, sql)| *sql);
    let question = Fingerprint::new("needs");
    let about = Fingerprint::new("scripts").with_all(texts()).key();
    let answers = Answers::about_scripts(context, about);
    if let Some(known) = answers.recall(&question) {
        return Ok(known);
    }
    let needs = guard::needs::of_all(texts())?;
    answers.remember(&question, &needs);
    Ok(needs)
}

/// The schema of the database that Prisma works in, where it is not `public`, and what names it besides the configuration.
pub(super) fn database_schema(context: &Context, project: &Project) -> Option<(String, Option<String>)> {
    if let Some(schema) = &project.database_schema {
        return Some((schema.clone(), None));
    }
    let config = project.prisma_config.as_ref();
    let (schema, place) = prisma::database_schema(&project.schema, config, &context.environment)?;
    Some((schema, Some(place)))
}
