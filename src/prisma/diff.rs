//! `prisma migrate diff` from a live database to a schema, and from nothing to a live database. The only place that
//! knows the CLI's flags.

use std::{sync::Arc, time::Duration};

use camino::{Utf8Path, Utf8PathBuf};
use semver::Version;
use tokio::task::JoinHandle;

use super::{
    error::Error,
    project_config::ProjectConfig,
    schema::{Schema, Urls},
    script, secret, surroundings,
    toolchain::{Start, Toolchain},
};
use crate::{
    process::{Finished, Invocation, ProcessError, Processes},
    redact::redact,
};

const OUTPUT: &str = "diff.sql";
const CONFIG: &str = "prisma.config.mjs";
const ORIGIN: &str = "database.prisma";

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
    ask(processes, toolchain, request, (schema, Sides::DatabaseToSchema))?.answer().await
}

/// Asks Prisma how the database of `request` is made from nothing: of what is in it, the answer holds what Prisma can
/// see.
///
/// # Errors
/// As [`diff`].
pub async fn made(
    processes: &Processes,
    toolchain: &Toolchain,
    request: &DiffRequest<'_>,
) -> Result<Diff, Error> {
    let schema = Arc::new(Schema::read(request.schema)?);
    ask(processes, toolchain, request, (schema, Sides::NothingToDatabase))?.answer().await
}

/// What is compared with what.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sides {
    /// A database with the schema.
    DatabaseToSchema,
    /// Nothing with a database.
    NothingToDatabase,
}

impl Sides {
    /// The flags of Prisma 5 and 6; the database's URL is in the schema `origin`.
    fn with_origin<'a>(self, origin: &'a str, schema: &'a str) -> Vec<&'a str> {
        match self {
            Self::DatabaseToSchema => {
                vec!["--from-schema-datasource", origin, "--to-schema-datamodel", schema]
            }
            Self::NothingToDatabase => vec!["--from-empty", "--to-schema-datasource", origin],
        }
    }

    /// The flags of Prisma 7.
    fn with_config(self, schema: &str) -> Vec<&str> {
        match self {
            Self::DatabaseToSchema => vec!["--from-config-datasource", "--to-schema", schema],
            Self::NothingToDatabase => vec!["--from-empty", "--to-config-datasource"],
        }
    }
}

/// Begins to ask about `schema`, which was read before. The CLI is at work while its answer is not yet waited for.
///
/// # Errors
/// Where the CLI cannot take such a schema, or its directory cannot be written to.
pub(crate) fn ask(
    processes: &Processes,
    toolchain: &Toolchain,
    request: &DiffRequest<'_>,
    (schema, sides): (Arc<Schema>, Sides),
) -> Result<Asked, Error> {
    let question = Question::prepare(toolchain, (request, sides), &schema)?;
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
    fn prepare(
        toolchain: &Toolchain,
        (request, sides): (&DiffRequest<'_>, Sides),
        schema: &Schema,
    ) -> Result<Self, Error> {
        let version = toolchain.version();
        if schema.is_folder() && *version < Version::new(5, 15, 0) {
            return Err(Error::SchemaFolder { path: request.schema.to_owned(), version: version.clone() });
        }
        let work = request.work_dir;
        // Nothing above our directory is searched for a package.json.
        fs_err::write(work.join("package.json"), "{}")?;
        let urls = if toolchain.cli.major == 7 { Urls::Remove } else { Urls::Keep };
        let copy = schema.copy_to(&work.join("schema"), urls)?;
        let invocation = start(toolchain, work).args(["migrate", "diff", "--script", "--exit-code"]);
        let flags = match version.major {
            ..=6 => by_schemas((request, sides), &copy)?,
            _ => by_config((request, sides), &copy)?,
        };
        let mut invocation = invocation.args(flags).env(secret::VARIABLE, request.database_url);
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

/// What 5 and 6 compare with `copy`: the database of a schema that says nothing but where its URL is. What the two sides
/// of a diff say of schemas, extensions and features holds for both.
fn by_schemas((request, sides): (&DiffRequest<'_>, Sides), copy: &Utf8Path) -> Result<Vec<String>, Error> {
    let work = request.work_dir;
    let origin = work.join(ORIGIN);
    let url = secret::VARIABLE;
    fs_err::write(
        &origin,
        format!("datasource db {{\n  provider = \"postgresql\"\n  url = env(\"{url}\")\n}}\n"),
    )?;
    let flags = sides.with_origin(origin.as_str(), copy.as_str());
    let mut flags: Vec<_> = flags.into_iter().map(str::to_owned).collect();
    if let Some(kept) = request.config.map(|config| &config.kept).filter(|kept| !kept.is_empty()) {
        fs_err::write(work.join(CONFIG), config(kept.clone())?)?;
        flags.extend(["--config".to_owned(), CONFIG.to_owned()]);
    }
    Ok(flags)
}

/// What 7 compares with `copy`: the database of a configuration. The CLI puts that URL into the engine's command line.
fn by_config((request, sides): (&DiffRequest<'_>, Sides), copy: &Utf8Path) -> Result<Vec<String>, Error> {
    let url = match secret::holds_password(request.database_url) {
        true => secret::PLACEHOLDER,
        false => request.database_url,
    };
    let mut settings = request.config.map(|config| config.kept.clone()).unwrap_or_default();
    settings.insert("schema".into(), copy.as_str().into());
    settings.insert("datasource".into(), serde_json::json!({ "url": url }));
    fs_err::write(request.work_dir.join(CONFIG), config(settings)?)?;
    let flags = ["--config", CONFIG].into_iter().chain(sides.with_config(copy.as_str()));
    Ok(flags.map(str::to_owned).collect())
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
