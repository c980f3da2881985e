//! The main job: from a changed schema to a new migration, through every gate.

use crate::{
    cli::GenerateArgs,
    config::Project,
    context::Context,
    error::Error,
    finding::Finding,
    freshness,
    guard::{
        self, agents, allow_list,
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

use super::job::{Job, Stop, freshness_request, in_order};

/// Runs the main job.
///
/// # Errors
/// Where the work could not be begun. What happens later, refusal or failure, is in the report.
pub(super) async fn run(context: &Context, args: &GenerateArgs) -> Result<Report, Error> {
    let project = Project::find(context)?;
    let words = agents::human_words(&context.environment, &decisions(args))
        .map_err(|refused| Error::Usage(refused.to_string()))?;
    let generate = Generate {
        job: Job::new(context, &project, "generate"),
        args,
        name: args.name.as_deref().map(MigrationName::parse).transpose()?,
        request: if args.skip_freshness_check {
            None
        } else {
            Some(freshness_request(context, &args.base, &project)?)
        },
        consents: Consents {
            everything: args.allow_destructive,
            allow: args.allow.clone(),
            reason: args.reason.clone().or(words),
        },
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
            if !self.consents.allow.is_empty() {
                self.job.note("There was nothing that --allow could have let through");
            }
            return Ok(Outcome::NoChanges);
        };
        let findings = self.guard(&sql, &history)?;
        // What a human let through stands in the file, with the reason, for everybody who reads it later.
        let sql = consent::write_waivers(&sql, &findings);
        self.write(sql, &findings, &history)
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
    fn guard(&self, sql: &str, history: &History) -> Result<Vec<Finding>, Stop> {
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
        report.findings.clone_from(&findings);
        if refusing == 0 {
            return Ok(findings);
        }
        report.hint = Some(self.way_through(&findings));
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

    /// Where something was let through without a reason, says what `check` will want.
    fn ask_for_reasons(&self, findings: &[Finding], directory: &str) {
        let lacking =
            |finding: &&Finding| finding.allowed.as_ref().is_some_and(|consent| consent.reason.is_none());
        let entries: Vec<_> = findings
            .iter()
            .filter(lacking)
            .map(|finding| allow_list::entry_for(finding, directory))
            .collect();
        if !entries.is_empty() {
            self.job.note(&format!(
                "Nobody said why (--reason TEXT), and `run-migration check` will ask. This in run-migration.toml, with \
                 the reasons filled in, answers it:\n\n{}",
                entries.join("\n")
            ));
        }
    }

    /// Writes the migration, or says what would be written.
    fn write(&self, sql: String, findings: &[Finding], history: &History) -> Result<Outcome, Stop> {
        let name = match &self.name {
            Some(name) => name.clone(),
            None => MigrationName::parse(&guard::naming::derive(&sql))?,
        };
        let directory = directory_name(&name, self.job.context.now, &history.names())?;
        self.ask_for_reasons(findings, &directory);
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

fn destructive(count: usize) -> String {
    if count == 1 {
        "1 statement destroys something".into()
    } else {
        format!("{count} statements destroy something")
    }
}

/// The flags among `args` that only a human may decide on.
fn decisions(args: &GenerateArgs) -> Vec<&'static str> {
    let typed = [
        (args.allow_destructive, "--allow-destructive"),
        (!args.allow.is_empty(), "--allow"),
        (args.skip_freshness_check, "--skip-freshness-check"),
    ];
    typed.into_iter().filter(|(is_typed, _)| *is_typed).map(|(_, flag)| flag).collect()
}
