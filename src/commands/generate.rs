//! The main job: from a changed schema to a new migration, through every gate.

use crate::{
    cli::GenerateArgs,
    config::Project,
    context::Context,
    error::Error,
    finding::Finding,
    freshness,
    guard::{
        self,
        consent::{self, Consents},
        waiver::Waivers,
    },
    history::{
        self, History,
        name::{MigrationName, directory_name},
    },
    outcome::Outcome,
    report::{Migration, Report},
};

use super::job::{Job, Stop, in_order};

/// Runs the main job.
///
/// # Errors
/// Where the work could not be begun. What happens later, refusal or failure, is in the report.
pub(super) async fn run(context: &Context, args: &GenerateArgs) -> Result<Report, Error> {
    let project = Project::find(context)?;
    let generate = Generate {
        job: Job::new(context, &project, "generate"),
        args,
        name: args.name.as_deref().map(MigrationName::parse).transpose()?,
        request: freshness_request(context, args, &project)?,
        consents: Consents { everything: args.allow_destructive, ..Consents::default() },
    };
    let end = generate.story().await;
    Ok(generate.job.report(end))
}

struct Generate<'a> {
    job: Job<'a>,
    args: &'a GenerateArgs,
    name: Option<MigrationName>,
    /// `None` where a human skips the question.
    request: Option<freshness::Request>,
    consents: Consents,
}

impl Generate<'_> {
    async fn story(&self) -> Result<Outcome, Stop> {
        let Some((history, sql)) =
            in_order(self.job.freshness(self.request.as_ref()), self.difference()).await?
        else {
            self.job.note("No schema changes");
            return Ok(Outcome::NoChanges);
        };
        self.guard(&sql, &history)?;
        self.write(sql, &history)
    }

    /// What the schema has and the history lacks, as SQL; `None` where they agree.
    async fn difference(&self) -> Result<Option<(History, String)>, Stop> {
        self.job.copies().await?;
        let history = self.job.history()?;
        let server = self.job.postgres().await?;
        self.job.replay(&server, &history).await?;
        let sql = self.job.diff(&server).await?;
        server.stop().await?;
        Ok(sql.map(|sql| (history, sql)))
    }

    /// Refuses what destroys data or objects, unless a human consents.
    fn guard(&self, sql: &str, history: &History) -> Result<(), Stop> {
        let stage = self.job.context.progress.stage("guard");
        let migrations = &history.migrations;
        let origin =
            guard::origin::history(migrations.iter().map(|one| (one.name.as_str(), one.sql.as_str())))?;
        // Prisma wrote this text: a waiver in it would be nobody's.
        let mut findings = guard::inspect(&guard::Script { file: None, sql }, &origin, &Waivers::Ignored)?;
        consent::apply(&mut findings, &self.consents)
            .map_err(|unmatched| Error::Usage(unmatched.to_string()))?;
        let refusing = findings.iter().filter(|finding| finding.refuses()).count();
        let allowed = findings.iter().filter(|finding| finding.allowed.is_some()).count();
        self.job.done(stage.done(&match (refusing, allowed) {
            (0, 0) => "nothing is lost".to_owned(),
            (0, allowed) => format!("{} let through by a human's consent", destructive(allowed)),
            (refusing, _) => destructive(refusing),
        }));
        let mut report = self.job.report.borrow_mut();
        report.findings = findings;
        if refusing == 0 {
            return Ok(());
        }
        report.hint = Some(self.way_through(&report.findings));
        Err(Stop::Refused(Outcome::RefusedDestructive))
    }

    /// What a human who has decided would type.
    fn way_through(&self, findings: &[Finding]) -> String {
        let typed = &self.job.context.command_line;
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
        let directory = directory_name(&name, self.job.context.now, &names)?;
        let path = self.job.project.migrations.join(&directory).join(history::FILE_NAME);
        let (outcome, result) = if self.args.dry_run {
            (Outcome::WouldCreate, sql.clone())
        } else {
            let stage = self.job.context.progress.stage("write");
            history::write::write(
                &self.job.context.processes,
                &self.job.project.migrations,
                &directory,
                &sql,
            )?;
            self.job.done(stage.done(self.job.project.relative(&path).as_str()));
            (Outcome::Created, format!("{}\n", self.job.context.as_typed(&path)))
        };
        let mut report = self.job.report.borrow_mut();
        report.result = Some(result);
        report.migration = Some(Migration {
            name: directory,
            path: self.job.project.relative(&path).to_owned(),
            sha256: history::checksum(sql.as_bytes()),
            sql,
        });
        Ok(outcome)
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
