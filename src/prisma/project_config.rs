//! The project's own `prisma.config.*`, which Prisma has from 6 on: where its files are, and what it keeps from Prisma.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;

use super::{error::Error, find::script_in, node::Node, surroundings};
use crate::{
    cache::programs::Programs,
    context::Context,
    process::{Invocation, ProcessError},
    redact::redact,
};

const SCRIPT: &str = include_str!("read_config.mjs");

/// The answer is behind it, on a line of its own: a configuration may print what it likes.
const MARK: &str = "run-migration:prisma-config:";

const EXTENSIONS: [&str; 6] = ["ts", "js", "mjs", "cjs", "mts", "cts"];
const NAMES: [&str; 5] =
    ["prisma7.config", ".config/prisma7", "prisma.config", ".config/prisma", ".config/prisma.config"];

/// What a project's configuration says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectConfig {
    /// The file.
    pub path: Utf8PathBuf,
    /// The schema file or folder, where it names one.
    pub schema: Option<Utf8PathBuf>,
    /// The directory of the migrations, where it names one.
    pub migrations: Option<Utf8PathBuf>,
    /// SQL for the empty database, before the history.
    pub init_shadow_db: Option<String>,
    /// The variable that holds the database's URL, where it names one.
    pub(super) url_variable: Option<String>,
    /// The schema of the database, where a URL in the file names it.
    pub(super) database_schema: Option<String>,
    /// What a diff has to be told: the tables and enums that Prisma must not touch.
    pub(super) kept: serde_json::Map<String, serde_json::Value>,
}

impl ProjectConfig {
    /// What of it a diff is told, as text.
    pub(crate) fn told(&self) -> String {
        serde_json::Value::from(self.kept.clone()).to_string()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    error: Option<String>,
    schema: Option<Utf8PathBuf>,
    migrations: Option<Utf8PathBuf>,
    init_shadow_db: Option<String>,
    url_variable: Option<String>,
    database_schema: Option<String>,
    #[serde(default)]
    kept: serde_json::Map<String, serde_json::Value>,
}

/// The `prisma.config.*` in `directory`, by the names that Prisma looks for.
#[must_use]
pub fn config_in(directory: &Utf8Path) -> Option<Utf8PathBuf> {
    let names = NAMES.iter().flat_map(|name| EXTENSIONS.map(|extension| format!("{name}.{extension}")));
    names.map(|name| directory.join(name)).find(|path| path.is_file())
}

/// Evaluates the configuration `path` of a project in `root`, as the project's own Prisma does, but without any real
/// variable that could lead to a database. `None` where that Prisma is older than such files.
///
/// # Errors
/// Where Prisma is not installed in the project, or the configuration cannot be evaluated.
pub async fn read_config(
    context: &Context,
    path: &Utf8Path,
    root: &Utf8Path,
) -> Result<Option<ProjectConfig>, Error> {
    let directory = path.parent().unwrap_or(root);
    let failed = |said: String| Error::Config { path: path.to_owned(), said };
    let Some(cli) = directory.ancestors().find_map(script_in) else {
        return Err(failed("Prisma is not installed in the project".into()));
    };
    if !knows_configurations(&cli) {
        return Ok(None);
    }
    let cache = context.cache_dir().unwrap_or_default();
    let node = Node::find(&Programs::new(&context.processes, &cache), &context.environment).await?;
    let limit = context.settings.step_timeout();
    let invocation = Invocation::new(&node.path, directory)
        .args(["--input-type=module", "-e", SCRIPT, cli.as_str(), path.as_str(), MARK])
        .timeout(limit);
    let finished = match context.processes.run(surroundings::quiet(invocation, "/dev/null".into())).await {
        Err(ProcessError::Timeout { .. }) => return Err(failed(timed_out(limit))),
        other => other?,
    };
    let said = finished.stdout_text();
    let answer = said.lines().rev().find_map(|line| line.strip_prefix(MARK));
    let answer: Option<Answer> = answer.and_then(|answer| serde_json::from_str(answer).ok());
    match answer {
        None => Err(failed(format!("{}: {}", finished.ended(), redact(finished.stderr_text().trim())))),
        Some(Answer { error: Some(said), .. }) => Err(failed(redact(&said))),
        Some(answer) => Ok(Some(ProjectConfig {
            path: path.to_owned(),
            schema: answer.schema,
            migrations: answer.migrations,
            init_shadow_db: answer.init_shadow_db.filter(|sql| !sql.trim().is_empty()),
            url_variable: answer.url_variable,
            database_schema: answer.database_schema,
            kept: answer.kept,
        })),
    }
}

fn timed_out(limit: Duration) -> String {
    format!("it was not evaluated within {} s", limit.as_secs())
}

/// Whether the Prisma of `cli` came with the package that reads configurations.
fn knows_configurations(cli: &Utf8Path) -> bool {
    cli.ancestors().any(|directory| directory.join("node_modules/@prisma/config/package.json").is_file())
}
