//! What the commands that look at a database begin with: the database and the history that it should have.

use std::time::Duration;

use crate::{
    cli::live::{DatabaseArgs, Secret},
    config::{ConfigError, Project},
    context::Context,
    error::Error,
    history::{
        History,
        load::{self, Loaded},
    },
    live::{
        expected::Source,
        url::{self, Target, UrlError},
    },
    report::Report,
};

/// How long an answer of a few milliseconds may take where nobody says otherwise.
const ANSWER: Duration = Duration::from_secs(5);

const NAME_THEM: &str =
    "name the migrations with --migrations: a directory, a wheel, or python:NAME of an installed package";

/// The database that is meant: `--database-url`, else `DATABASE_URL`, which is what the program itself goes by.
pub(super) fn target(context: &Context, args: &DatabaseArgs, report: &mut Report) -> Result<Target, Error> {
    let given = args.database_url.as_ref().map(|url| url.reveal());
    let target =
        url::parse(given.or_else(|| context.environment.get("DATABASE_URL")).ok_or(UrlError::Missing)?)?;
    report.notes.extend(target.notes.iter().cloned());
    Ok(target)
}

/// The database that is to be changed: `--database-url`, else `DIRECT_URL`, which leads past a pooler, else
/// `DATABASE_URL`.
pub(super) fn direct_target(
    context: &Context,
    given: Option<&Secret>,
    report: &mut Report,
) -> Result<Target, Error> {
    let variable = |name| context.environment.get(name);
    let direct = given.map(Secret::reveal).or_else(|| variable("DIRECT_URL"));
    let target = url::parse(direct.or_else(|| variable("DATABASE_URL")).ok_or(UrlError::Missing)?)?;
    report.notes.extend(target.notes.iter().cloned());
    if given.is_none()
        && direct.is_some()
        && let Some(Ok(served)) = variable("DATABASE_URL").map(url::parse)
        && served.schema != target.schema
    {
        report.notes.push(format!(
            "DIRECT_URL names the schema {}, DATABASE_URL the schema {}: the migrations go into the first",
            target.schema, served.schema
        ));
    }
    Ok(target)
}

/// The history that it should have: what `--migrations` names, else the repository's.
///
/// # Errors
/// Where it cannot be read, or a part of it cannot: nobody can tell then what the database should have.
pub(super) async fn expected(context: &Context, source: Option<&str>) -> Result<History, Error> {
    let Loaded { history, damages } = match source {
        Some(source) => {
            let source = Source::read(source, |path| context.absolute(path));
            source.load(&context.environment, &context.processes).await?
        }
        None => of_repository(context).await?,
    };
    match damages.as_slice() {
        [] => Ok(history),
        [first, others @ ..] => {
            let more =
                if others.is_empty() { String::new() } else { format!(" (and {} more)", others.len()) };
            Err(Error::failed(format!("the migrations are damaged: {}: {}{more}", first.object, first.why))
                .hint(first.safer.clone()))
        }
    }
}

async fn of_repository(context: &Context) -> Result<Loaded, Error> {
    // An image has the migrations, but seldom the repository around them.
    let project = Project::find(context).await.map_err(|error| match error {
        ConfigError::NoLayout { .. } => Error::failed(error.to_string()).hint(NAME_THEM),
        other => other.into(),
    })?;
    if !project.migrations.is_dir() {
        let message = format!("{}: there is no such directory of migrations", project.migrations);
        return Err(Error::failed(message).hint(NAME_THEM));
    }
    Ok(load::load(&project.migrations)?)
}

/// How long one answer of the database may take.
pub(super) fn answer_limit(context: &Context, target: &Target) -> Duration {
    target.socket_timeout.unwrap_or(ANSWER).min(context.settings.step_timeout())
}
