//! A run at work: the stages that several commands go through, each with its line in the report.

use std::cell::RefCell;

use camino::Utf8Path;

use super::wanted::{self, database_schema};
use crate::{
    cli::{check::BaseArgs, live::Secret},
    config::{Project, ReplayAs},
    context::Context,
    error::Error,
    external::External,
    finding::Finding,
    freshness,
    git::{CommitId, Git, NameError},
    history::{self, History, compare::Shipped, order::differing_pair, replay},
    outcome::Outcome,
    postgres::{self, Role, Server, Wanted},
    prisma::{self, Toolchain, Wanting},
    report::{Report, Tool, progress::Stage},
    schema_files::Copies,
};

/// What ends the story before its end.
pub(super) enum Stop {
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

/// A project being worked on, and what there is to say of it so far.
pub(super) struct Job<'a> {
    pub(super) context: &'a Context,
    pub(super) project: &'a Project,
    pub(super) report: RefCell<Report>,
}

impl<'a> Job<'a> {
    pub(super) fn new(context: &'a Context, project: &'a Project, command: &'static str) -> Self {
        let notes = project.notes.clone();
        let report = Report { prefix: project.prefix(), notes, ..Report::new(command, Outcome::Passed) };
        Self { context, project, report: RefCell::new(report) }
    }

    /// The report of a job that came to `end`.
    pub(super) fn report(self, end: Result<Outcome, Stop>) -> Report {
        ended(self.report.into_inner(), end)
    }

    /// Refuses a branch that is behind its base. Without a request, a human skips the question.
    pub(super) async fn freshness(&self, request: Option<&freshness::Request>) -> Result<(), Stop> {
        let Some(request) = request else {
            self.note("The freshness check was skipped: --skip-freshness-check");
            return Ok(());
        };
        let stage = self.context.progress.stage("freshness");
        let freshness = freshness::check(&self.git(), request).await?;
        self.done(stage.done(&freshness.summary()));
        if freshness.remote_url.is_none() || self.context.settings.verbose {
            self.note(&freshness.how);
        }
        let is_stale = freshness.is_stale();
        self.report.borrow_mut().freshness = Some(freshness);
        if is_stale { Err(Stop::Refused(Outcome::RefusedStale)) } else { Ok(()) }
    }

    /// Refuses copies of the schema that differ from the source.
    pub(super) async fn copies(&self) -> Result<(), Stop> {
        let stage = self.context.progress.stage("copies");
        let (detail, differences) = self.compare_copies().await?;
        self.done(stage.done(&detail));
        self.refuse_damage(differences)
    }

    /// Compares the copies of the schema with the source: the answer in a few words, and what differs.
    pub(super) async fn compare_copies(&self) -> Result<(String, Vec<Finding>), Error> {
        let differences = Copies::new(&self.project.root, &self.project.schema, &self.project.copies)
            .with_left_out(&self.git())
            .await
            .compare()?;
        let source = self.project.relative(&self.project.schema);
        let detail = match (self.project.copies.len(), differences.len()) {
            (0, _) => format!("{source} has none"),
            (count, 0) => format!("{count} equal {source}"),
            (count, different) => format!("{different} of {count} differ from {source}"),
        };
        Ok((detail, differences))
    }

    /// Reads the history and refuses a damaged one.
    pub(super) fn history(&self) -> Result<History, Stop> {
        let stage = self.context.progress.stage("history");
        let loaded = history::load::load(&self.project.migrations)?;
        let migrations = &loaded.history.migrations;
        let newest =
            migrations.last().map(|newest| format!(", the newest {}", newest.name)).unwrap_or_default();
        self.done(stage.done(&format!("{} migrations{newest}", migrations.len())));
        self.refuse_damage(loaded.damages)?;
        Ok(loaded.history)
    }

    /// The history as `commit` has it.
    pub(super) async fn shipped_at(&self, git: &Git, commit: &CommitId) -> Result<Shipped, Error> {
        let Ok(directory) = self.project.migrations.strip_prefix(git.directory()) else {
            let outside = format!("{} lies outside of {}", self.project.migrations, git.directory());
            return Err(Error::failed(outside).hint("name the repository's root with --repo DIR"));
        };
        let files = git.files(commit, directory).await?;
        let named = files.into_iter().filter_map(|(path, file)| {
            let name = path.strip_prefix(directory).ok()?.parent()?;
            let is_one = path.file_name() == Some(history::FILE_NAME) && name.components().count() == 1;
            is_one.then(|| (name.to_string(), file.bytes))
        });
        Ok(named.collect())
    }

    /// Starts the temporary server, with what `history` and what is `external` to it need.
    pub(super) async fn postgres(&self, history: &History, external: &External) -> Result<Server, Stop> {
        let stage = self.context.progress.stage("postgres");
        stage.doing("looking for PostgreSQL");
        let wanted = self.wanted(history, external)?;
        let (server, tool) = postgres::serve(self.context, &wanted, &stage).await?;
        let made = server.create_roles(&wanted.roles).await?;
        self.took_part(stage, vec![tool]);
        if !made.is_empty() {
            self.note(&format!("Roles that the history names were made for the replay: {}", made.join(", ")));
        }
        Ok(server)
    }

    /// What the history and what is `external` to it want of a server.
    pub(super) fn wanted(&self, history: &History, external: &External) -> Result<Wanted, Error> {
        let schema = database_schema(self.context, self.project).map(|(schema, place)| {
            if let Some(place) = place {
                self.note(&format!("The history is replayed in the schema {schema}, which {place} names"));
            }
            schema
        });
        let scripts = external.before().chain(history.scripts());
        wanted::for_scripts(self.context, (self.project, schema), scripts)
    }

    /// The majors of Prisma do not all apply migrations in the same order.
    pub(super) fn remark_on_the_order(&self, history: &History) -> Option<String> {
        let names = history.migrations.iter().map(|migration| migration.name.as_str());
        let (one, other) = differing_pair(names)?;
        Some(format!(
            "Prisma 5 applies {one} before {other}; Prisma 6 and 7 do it the other way round. Here it was done as \
             by Prisma 5"
        ))
    }

    /// `database` of `server`, and how migrations are applied to it.
    pub(super) fn target<'t>(&self, server: &'t Server, database: &'t str) -> replay::Target<'t> {
        target(self.context, (server, database), self.project.replay_as)
    }

    pub(super) fn refuse_damage(&self, findings: Vec<Finding>) -> Result<(), Stop> {
        if findings.is_empty() {
            return Ok(());
        }
        let findings = findings.into_iter().map(|finding| self.project.localise(finding));
        self.report.borrow_mut().findings.extend(findings);
        Err(Stop::Refused(Outcome::RefusedOutOfSync))
    }

    pub(super) fn git(&self) -> Git {
        self.context.git(&self.project.root)
    }

    pub(super) fn role(&self) -> Role {
        Role::from(self.project.replay_as)
    }

    /// The stage is over, and these programs did its work.
    pub(super) fn took_part(&self, stage: Stage, tools: Vec<Tool>) {
        let lines: Vec<_> =
            tools.iter().map(|tool| format!("{} {}, {}", tool.role, tool.version, tool.why)).collect();
        self.done(stage.done(&lines.join("\n            ")));
        self.report.borrow_mut().toolchain.extend(tools);
    }

    pub(super) fn done(&self, timing: (&'static str, std::time::Duration)) {
        self.report.borrow_mut().timings.push(timing);
    }

    pub(super) fn note(&self, note: &str) {
        self.report.borrow_mut().notes.push(note.to_owned());
    }
}

/// `database` of `server`, and how migrations are applied to it.
pub(super) fn target<'t>(
    context: &Context,
    (server, database): (&'t Server, &'t str),
    replay_as: ReplayAs,
) -> replay::Target<'t> {
    replay::Target { server, database, replay_as, now: context.now, limit: context.settings.step_timeout() }
}

/// The report of a story that came to `end`.
pub(super) fn ended(mut report: Report, end: Result<Outcome, Stop>) -> Report {
    match end {
        Ok(outcome) | Err(Stop::Refused(outcome)) => report.outcome = outcome,
        Err(Stop::Failed(error)) => report.fail(&error),
    }
    report
}

/// Runs both at once. What stops the first counts before what stops the second, whichever is sooner.
pub(super) async fn in_order<T>(
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

/// Finds the Prisma CLI and its engine.
pub(super) async fn locate_prisma(
    context: &Context,
    project: &Project,
    wanting: Wanting,
) -> Result<Toolchain, Error> {
    let explicit = context.settings.prisma.as_ref().map(|path| context.absolute(path));
    let search = prisma::LocateRequest {
        project,
        explicit: explicit.as_deref().or(project.prisma.as_deref()),
        environment: &context.environment,
        cwd: &context.cwd,
        cache: &context.cache_dir()?,
        timeout: context.settings.step_timeout(),
        server_url: context.settings.server_url.as_ref().map(Secret::reveal),
        wanting,
    };
    Ok(prisma::locate(&context.processes, &search).await?)
}

/// What the freshness check is asked.
pub(super) fn freshness_request(
    context: &Context,
    base: &BaseArgs,
    project: &Project,
) -> Result<freshness::Request, Error> {
    let base_directory = project.config.as_deref().and_then(Utf8Path::parent).unwrap_or(&project.root);
    let scripts = [&project.external.setup, &project.external.before].into_iter().flatten();
    let paths = project.copies.iter().chain([&project.schema, &project.migrations]).cloned();
    let paths = paths
        .chain(scripts.map(|script| base_directory.join(script)))
        .chain(project.config.clone())
        .chain(project.prisma_config.as_ref().map(|config| config.path.clone()));
    Ok(freshness::Request {
        base_branch: base.base_branch.clone(),
        default_branch: parsed(project.base_branch.as_deref())?,
        base_ref: base.base_ref.clone(),
        remote: match &base.remote {
            Some(remote) => Some(remote.clone()),
            None => parsed(project.remote.as_deref())?,
        },
        paths: paths.collect(),
        policy: project.freshness,
        github: freshness::GitHub::from_environment(&context.environment),
    })
}

fn parsed<T: std::str::FromStr<Err = NameError>>(text: Option<&str>) -> Result<Option<T>, NameError> {
    text.map(str::parse).transpose()
}
