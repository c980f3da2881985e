//! `prisma migrate diff` from a live database to a schema. The only place that knows the CLI's flags.

use std::{sync::Arc, time::Duration};

use camino::{Utf8Path, Utf8PathBuf};
use semver::Version;
use tokio::task::JoinHandle;

use super::{
    error::Error,
    project_config::ProjectConfig,
    schema::{Schema, Urls},
    script, surroundings,
    toolchain::{Start, Toolchain},
};
use crate::{
    process::{Finished, Invocation, ProcessError, Processes},
    redact::redact,
};

const OUTPUT: &str = "diff.sql";
const CONFIG: &str = "prisma.config.mjs";

/// What is compared. Paths are absolute.
#[derive(Debug, Clone, Copy)]
pub struct DiffRequest<'a> {
    /// The live database: a `postgresql://` URL in Prisma's dialect.
    pub database_url: &'a str,
    /// The schema file, or the folder of schema files.
    pub schema: &'a Utf8Path,
    /// An empty directory of ours: the CLI works in it, and it is not cleaned up here.
    pub work_dir: &'a Utf8Path,
    /// The limit for the CLI.
    pub timeout: Duration,
    /// The project's own configuration, where it has one: what it keeps from Prisma is kept.
    pub config: Option<&'a ProjectConfig>,
}

/// What it takes to make the database what the schema says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Diff {
    /// Nothing.
    Empty,
    /// This script: as Prisma wrote it, with exactly one line end at its end.
    Script(String),
}

/// Asks Prisma what to do to the database so that it becomes what the schema says.
///
/// # Errors
/// Where the schema is unreadable, not valid or for another kind of database, or the CLI fails or hangs.
pub async fn diff(
    processes: &Processes,
    toolchain: &Toolchain,
    request: &DiffRequest<'_>,
) -> Result<Diff, Error> {
    let schema = Arc::new(Schema::read(request.schema)?);
    ask(processes, toolchain, request, schema)?.answer().await
}

/// Begins to ask about `schema`, which was read before. The CLI is at work while its answer is not yet waited for.
///
/// # Errors
/// Where the CLI cannot take such a schema, or its directory cannot be written to.
pub(crate) fn ask(
    processes: &Processes,
    toolchain: &Toolchain,
    request: &DiffRequest<'_>,
    schema: Arc<Schema>,
) -> Result<Asked, Error> {
    let question = Question::prepare(toolchain, request, &schema)?;
    let processes = processes.clone();
    let finished = tokio::spawn(async move { processes.run(question.invocation).await });
    Ok(Asked { finished: Task(finished), output: question.output, schema })
}

/// A question that was asked.
#[derive(Debug)]
pub(crate) struct Asked {
    finished: Task,
    /// `None` for standard output.
    output: Option<Utf8PathBuf>,
    schema: Arc<Schema>,
}

impl Asked {
    /// What Prisma says.
    ///
    /// # Errors
    /// Where the schema is not valid, or the CLI fails or hangs.
    pub(crate) async fn answer(mut self) -> Result<Diff, Error> {
        let finished = (&mut self.finished.0).await.map_err(std::io::Error::other)?;
        let finished = match finished {
            Err(ProcessError::Timeout { after, .. }) => {
                return Err(Error::Timeout { what: "prisma migrate diff".into(), after });
            }
            other => other?,
        };
        // 0 is an empty diff, 2 any other; the script itself is what counts.
        if !matches!(finished.status.code(), Some(0 | 2)) {
            return Err(failure(&finished, &self.schema));
        }
        let script = match &self.output {
            Some(file) => script::from_file(&fs_err::read_to_string(file)?),
            None => script::from_stdout(&finished.stdout_text())?,
        };
        Ok(script.map_or(Diff::Empty, Diff::Script))
    }
}

/// A task that nobody waits for any more once the value is gone.
#[derive(Debug)]
struct Task(JoinHandle<Result<Finished, ProcessError>>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The command, and where its answer will be.
struct Question {
    invocation: Invocation,
    /// `None` for standard output.
    output: Option<Utf8PathBuf>,
}

impl Question {
    fn prepare(toolchain: &Toolchain, request: &DiffRequest<'_>, schema: &Schema) -> Result<Self, Error> {
        let version = toolchain.version();
        if schema.is_folder() && *version < Version::new(5, 15, 0) {
            return Err(Error::SchemaFolder { path: request.schema.to_owned(), version: version.clone() });
        }
        let work = request.work_dir;
        // Nothing above our directory is searched for a package.json.
        fs_err::write(work.join("package.json"), "{}")?;
        let urls = if toolchain.cli.major == 7 { Urls::Remove } else { Urls::Keep };
        let copy = schema.copy_to(&work.join("schema"), urls)?;
        let mut invocation = start(toolchain, work).args(["migrate", "diff", "--script", "--exit-code"]);
        let kept = request.config.map(|config| &config.kept);
        invocation = match version.major {
            ..=6 => {
                if let Some(kept) = kept.filter(|kept| !kept.is_empty()) {
                    fs_err::write(work.join(CONFIG), config(kept.clone())?)?;
                    invocation = invocation.args(["--config", CONFIG]);
                }
                invocation.args(["--from-url", request.database_url, "--to-schema-datamodel", copy.as_str()])
            }
            _ => {
                let mut settings = kept.cloned().unwrap_or_default();
                settings.insert("schema".into(), copy.as_str().into());
                settings.insert("datasource".into(), serde_json::json!({ "url": request.database_url }));
                fs_err::write(work.join(CONFIG), config(settings)?)?;
                invocation.args([
                    "--config",
                    CONFIG,
                    "--from-config-datasource",
                    "--to-schema",
                    copy.as_str(),
                ])
            }
        };
        let output = (*version >= Version::new(5, 13, 0)).then(|| work.join(OUTPUT));
        if let Some(output) = &output {
            invocation = invocation.args(["--output", output.as_str()]);
        }
        for name in schema.url_variables() {
            invocation = invocation.env(name, request.database_url);
        }
        Ok(Self { invocation: invocation.timeout(request.timeout), output })
    }
}

fn start(toolchain: &Toolchain, work: &Utf8Path) -> Invocation {
    let invocation = match (&toolchain.cli.start, &toolchain.node) {
        (Start::Script(script), Some(node)) => Invocation::new(&node.path, work).arg(script),
        (Start::Script(path) | Start::Program(path), _) => Invocation::new(path, work),
    };
    surroundings::quiet(invocation, &toolchain.engine.path)
        // What it writes beside its answer goes with our directory.
        .env("TMPDIR", work)
        .env("XDG_CONFIG_HOME", work.join("config"))
        .env("NODE_COMPILE_CACHE", &toolchain.compile_cache)
}

/// A configuration of ours: nothing in it leads to another database.
fn config(settings: serde_json::Map<String, serde_json::Value>) -> Result<String, Error> {
    let text = serde_json::to_string(&settings).map_err(std::io::Error::from)?;
    Ok(format!("export default {text}\n"))
}

/// What went wrong, in the words of the CLI and the places of the repository.
fn failure(finished: &Finished, schema: &Schema) -> Error {
    let said = anstream::adapter::strip_str(&String::from_utf8_lossy(&finished.stderr)).to_string();
    let problems = schema.problems_in(&said);
    if !problems.is_empty() {
        return Error::Schema { problems };
    }
    Error::Failed { ended: finished.ended(), said: redact(said.trim()) }
}
