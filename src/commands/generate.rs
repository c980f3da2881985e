//! The main job: from a changed schema to a new migration, through every gate.

use std::cell::RefCell;

use camino::Utf8Path;

use crate::{
    cli::GenerateArgs,
    config::Project,
    context::Context,
    error::Error,
    finding::Finding,
    freshness,
    git::Git,
    guard::{
        self,
        consent::{self, Consents},
        waiver::Waivers,
    },
    history::{
        self, History,
        name::{MigrationName, directory_name},
        replay,
    },
    outcome::Outcome,
    postgres::{self, Role, Server},
    prisma,
    report::{Migration, Report, Tool, progress::Stage},
    schema_files,
};

/// The database that the history is replayed into.
const DATABASE: &str = "history";

/// Runs the main job.
///
/// # Errors
/// Where the work could not be begun. What happens later, refusal or failure, is in the report.
pub(super) async fn run(context: &Context, args: &GenerateArgs) -> Result<Report, Error> {
    let project = Project::find(context)?;
    let job = Generate {
        name: args.name.as_deref().map(MigrationName::parse).transpose()?,
        request: freshness_request(context, args, &project)?,
        consents: Consents { everything: args.allow_destructive, ..Consents::default() },
        report: RefCell::new(Report::new("generate", Outcome::NoChanges)),
        context,
        args,
        project,
    };
    let end = job.story().await;
    let mut report = job.report.into_inner();
    match end {
        Ok(outcome) | Err(Stop::Refused(outcome)) => report.outcome = outcome,
        Err(Stop::Failed(error)) => report.fail(&error),
    }
    Ok(report)
}

/// What ends the story before its end.
enum Stop {
    /// A gate refused.
    Refused(Outcome),
    /// The work could not be done.
    Failed(Error),
}

impl<E: Into<Error>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

struct Generate<'a> {
    context: &'a Context,
    args: &'a GenerateArgs,
    project: Project,
    name: Option<MigrationName>,
    /// `None` where a human skips the question.
    request: Option<freshness::Request>,
    consents: Consents,
    report: RefCell<Report>,
}

impl Generate<'_> {
    async fn story(&self) -> Result<Outcome, Stop> {
        let Some((history, sql)) = in_order(self.freshness(), self.difference()).await? else {
            self.note("No schema changes");
            return Ok(Outcome::NoChanges);
        };
        self.guard(&sql, &history)?;
        self.write(sql, &history)
    }

    /// What the schema has and the history lacks, as SQL; `None` where they agree.
    async fn difference(&self) -> Result<Option<(History, String)>, Stop> {
        self.copies()?;
        let history = self.history()?;
        let server = self.postgres().await?;
        self.replay(&server, &history).await?;
        let sql = self.diff(&server).await?;
        server.stop().await?;
        Ok(sql.map(|sql| (history, sql)))
    }

    /// Refuses a branch that is behind its base.
    async fn freshness(&self) -> Result<(), Stop> {
        let Some(request) = &self.request else {
            self.note("the freshness check was skipped by --skip-freshness-check");
            return Ok(());
        };
        let stage = self.context.progress.stage("freshness");
        let git = Git::new(
            &self.context.processes,
            &self.context.environment,
            &self.project.root,
            self.context.settings.step_timeout(),
        );
        let freshness = freshness::check(&git, request).await?;
        self.done(stage.done(&freshness.summary()));
        let is_stale = freshness.is_stale();
        self.report.borrow_mut().freshness = Some(freshness);
        if is_stale { Err(Stop::Refused(Outcome::RefusedStale)) } else { Ok(()) }
    }

    /// Refuses copies of the schema that differ from the source.
    fn copies(&self) -> Result<(), Stop> {
        let stage = self.context.progress.stage("copies");
        let differences = schema_files::compare(&self.project.schema, &self.project.copies)?;
        let source = self.project.relative(&self.project.schema);
        self.done(stage.done(&match (self.project.copies.len(), differences.len()) {
            (0, _) => format!("{source} has none"),
            (count, 0) => format!("{count} equal {source}"),
            (count, different) => format!("{different} of {count} differ from {source}"),
        }));
        self.refuse_damage(differences)
    }

    /// Reads the history and refuses a damaged one.
    fn history(&self) -> Result<History, Stop> {
        let stage = self.context.progress.stage("history");
        let loaded = history::load::load(&self.project.migrations)?;
        let migrations = &loaded.history.migrations;
        let newest =
            migrations.last().map(|newest| format!(", the newest {}", newest.name)).unwrap_or_default();
        self.done(stage.done(&format!("{} migrations{newest}", migrations.len())));
        self.refuse_damage(loaded.damages)?;
        Ok(loaded.history)
    }

    /// Starts the temporary server.
    async fn postgres(&self) -> Result<Server, Stop> {
        let stage = self.context.progress.stage("postgres");
        stage.doing("looking for PostgreSQL");
        let installation = postgres::acquire(self.context, self.project.postgres_major, &stage).await?;
        stage.doing("starting");
        let server = Server::start(self.context, &installation).await?;
        self.took_part(stage, vec![installation.tool()]);
        Ok(server)
    }

    /// Applies the history to an empty database.
    async fn replay(&self, server: &Server, history: &History) -> Result<(), Stop> {
        let stage = self.context.progress.stage("replay");
        server.create_database(DATABASE, self.role()).await?;
        stage.steps(history.migrations.len());
        let target = replay::Target {
            server,
            database: DATABASE,
            replay_as: self.project.replay_as,
            now: self.context.now,
            limit: self.context.settings.step_timeout(),
        };
        replay::replay(history, target, |migration| stage.step(&migration.name)).await?;
        self.done(stage.done(&format!("{} migrations applied", history.migrations.len())));
        Ok(())
    }

    /// Asks Prisma what the schema has and the database lacks.
    async fn diff(&self, server: &Server) -> Result<Option<String>, Stop> {
        let Context { processes, environment, settings, cwd, .. } = self.context;
        let stage = self.context.progress.stage("diff");
        stage.doing("looking for Prisma");
        let explicit = settings.prisma.as_ref().map(|path| self.context.absolute(path));
        let search = prisma::LocateRequest {
            project: &self.project,
            explicit: explicit.as_deref().or(self.project.prisma.as_deref()),
            environment,
            cwd,
            cache: &self.context.cache_dir()?,
            timeout: settings.step_timeout(),
        };
        let toolchain = prisma::locate(processes, &search).await?;
        stage.doing("prisma migrate diff");
        // Below the server's directory, what a killed machine leaves is swept with it.
        let work = processes.temporary_directory(server.socket_directory(), "prisma-")?;
        let question = prisma::DiffRequest {
            database_url: &server.prisma_url(DATABASE, self.role()),
            schema: &self.project.schema,
            work_dir: Utf8Path::from_path(work.path()).unwrap_or(server.socket_directory()),
            timeout: settings.step_timeout(),
        };
        let diff = prisma::diff(processes, &toolchain, &question).await?;
        toolchain.notes().iter().for_each(|note| self.note(note));
        self.took_part(stage, toolchain.tools());
        Ok(match diff {
            prisma::Diff::Empty => None,
            prisma::Diff::Script(sql) => Some(sql),
        })
    }

    /// Refuses what destroys data or objects, unless a human consents.
    fn guard(&self, sql: &str, history: &History) -> Result<(), Stop> {
        let stage = self.context.progress.stage("guard");
        let migrations = &history.migrations;
        let origin =
            guard::origin::history(migrations.iter().map(|one| (one.name.as_str(), one.sql.as_str())))?;
        // Prisma wrote this text: a waiver in it would be nobody's.
        let mut findings = guard::inspect(&guard::Script { file: None, sql }, &origin, &Waivers::Ignored)?;
        consent::apply(&mut findings, &self.consents)
            .map_err(|unmatched| Error::Usage(unmatched.to_string()))?;
        let refusing = findings.iter().filter(|finding| finding.refuses()).count();
        let allowed = findings.iter().filter(|finding| finding.allowed.is_some()).count();
        self.done(stage.done(&match (refusing, allowed) {
            (0, 0) => "nothing is lost".to_owned(),
            (0, allowed) => format!("{} let through by a human's consent", destructive(allowed)),
            (refusing, _) => destructive(refusing),
        }));
        let mut report = self.report.borrow_mut();
        report.findings = findings;
        if refusing == 0 {
            return Ok(());
        }
        report.hint = Some(self.way_through(&report.findings));
        Err(Stop::Refused(Outcome::RefusedDestructive))
    }

    /// What a human who has decided would type.
    fn way_through(&self, findings: &[Finding]) -> String {
        let typed = &self.context.command_line;
        let everything = [typed.as_slice(), &["--allow-destructive".to_owned()]].concat();
        let quoted: Vec<_> = everything.iter().map(|word| consent::shell_quote(word)).collect();
        format!(
            "A human who has looked at each of these and wants them gone lets them through with\n\n    {}\n\nor all \
             at once with\n\n    {}",
            consent::command(typed, findings),
            quoted.join(" ")
        )
    }

    /// Writes the migration, or says what would be written.
    fn write(&self, sql: String, history: &History) -> Result<Outcome, Stop> {
        let name = match &self.name {
            Some(name) => name.clone(),
            None => MigrationName::parse(&guard::naming::derive(&sql))?,
        };
        let names: Vec<_> = history.migrations.iter().map(|migration| migration.name.clone()).collect();
        let directory = directory_name(&name, self.context.now, &names)?;
        let path = self.project.migrations.join(&directory).join(history::FILE_NAME);
        let (outcome, result) = if self.args.dry_run {
            (Outcome::WouldCreate, sql.clone())
        } else {
            let stage = self.context.progress.stage("write");
            history::write::write(&self.context.processes, &self.project.migrations, &directory, &sql)?;
            self.done(stage.done(self.project.relative(&path).as_str()));
            (Outcome::Created, format!("{}\n", self.context.as_typed(&path)))
        };
        let mut report = self.report.borrow_mut();
        report.result = Some(result);
        report.migration = Some(Migration {
            name: directory,
            path: self.project.relative(&path).to_owned(),
            sha256: history::checksum(sql.as_bytes()),
            sql,
        });
        Ok(outcome)
    }

    fn refuse_damage(&self, findings: Vec<Finding>) -> Result<(), Stop> {
        if findings.is_empty() {
            return Ok(());
        }
        let findings = findings.into_iter().map(|finding| self.project.localise(finding));
        self.report.borrow_mut().findings.extend(findings);
        Err(Stop::Refused(Outcome::RefusedOutOfSync))
    }

    fn role(&self) -> Role {
        Role::from(self.project.replay_as)
    }

    /// The stage is over, and these programs did its work.
    fn took_part(&self, stage: Stage, tools: Vec<Tool>) {
        let lines: Vec<_> =
            tools.iter().map(|tool| format!("{} {}, {}", tool.role, tool.version, tool.why)).collect();
        self.done(stage.done(&lines.join("\n            ")));
        self.report.borrow_mut().toolchain.extend(tools);
    }

    fn done(&self, timing: (&'static str, std::time::Duration)) {
        self.report.borrow_mut().timings.push(timing);
    }

    fn note(&self, note: &str) {
        self.report.borrow_mut().notes.push(note.to_owned());
    }
}

/// Runs both at once. What stops the first counts before what stops the second, whichever is sooner.
async fn in_order<T>(
    first: impl Future<Output = Result<(), Stop>>,
    second: impl Future<Output = Result<T, Stop>>,
) -> Result<T, Stop> {
    tokio::pin!(first, second);
    tokio::select! {
        biased;
        verdict = &mut first => {
            verdict?;
            second.await
        }
        result = &mut second => {
            first.await?;
            result
        }
    }
}

/// What the freshness check is asked; `None` where a human skips it.
fn freshness_request(
    context: &Context,
    args: &GenerateArgs,
    project: &Project,
) -> Result<Option<freshness::Request>, Error> {
    if args.skip_freshness_check {
        return Ok(None);
    }
    let paths = project.copies.iter().chain([&project.schema, &project.migrations]);
    Ok(Some(freshness::Request {
        base_branch: parsed(args.base_branch.as_deref())?,
        default_branch: parsed(project.base_branch.as_deref())?,
        base_ref: parsed(args.base_ref.as_deref())?,
        remote: parsed(args.remote.as_deref().or(project.remote.as_deref()))?,
        paths: paths.cloned().collect(),
        github: freshness::GitHub::from_environment(&context.environment),
    }))
}

fn destructive(count: usize) -> String {
    if count == 1 {
        "1 statement destroys something".into()
    } else {
        format!("{count} statements destroy something")
    }
}

fn parsed<T: std::str::FromStr<Err = crate::git::NameError>>(text: Option<&str>) -> Result<Option<T>, Error> {
    text.map(str::parse::<T>).transpose().map_err(|error| Error::Usage(error.to_string()))
}
