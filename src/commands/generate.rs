//! The main job: from a changed schema to a new migration, through every gate.

use crate::{
    cli::GenerateArgs,
    config::Project,
    context::Context,
    error::Error,
    external,
    finding::Finding,
    freshness,
    guard::{
        self,
        consent::{self, Consents},
        proof::Proof,
        renames,
        waiver::Waivers,
    },
    history::{
        self, History, Migration,
        name::{MigrationName, directory_name},
    },
    outcome::Outcome,
    report::{self, Report},
    style,
};

use super::{
    consent::{given, without_reason},
    job::{Job, Stop, freshness_request, in_order},
    workbench::Workbench,
};

/// Runs the main job.
///
/// # Errors
/// Where the work could not be begun. What happens later, refusal or failure, is in the report.
pub(super) async fn run(context: &Context, args: &GenerateArgs) -> Result<Report, Error> {
    let project = Project::find(context).await?;
    let generate = Generate {
        job: Job::new(context, &project, "generate"),
        args,
        name: args.name.clone(),
        request: if args.skip_freshness_check {
            None
        } else {
            Some(freshness_request(context, &args.base, &project)?)
        },
        consents: given(&context.environment, args)?,
    };
    let end = generate.story().await;
    Ok(generate.job.report(end))
}

/// What the schema has and the history lacks.
struct Difference {
    history: History,
    /// The migrations that it takes.
    migrations: Vec<Migration>,
    /// What each of them was proved to do.
    proofs: Vec<Proof>,
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
        let Some(Difference { history, migrations, proofs }) =
            in_order(self.job.freshness(self.request.as_ref()), self.difference()).await?
        else {
            self.job.note("No schema changes");
            if !self.args.allow.is_empty() {
                self.job.note("--allow allowed nothing: there is no change");
            }
            return Ok(Outcome::NoChanges);
        };
        self.guard(&migrations, &history, &proofs)?;
        self.write(&self.with_waivers(migrations))
    }

    /// What the schema has and the history lacks; `None` where they agree.
    async fn difference(&self) -> Result<Option<Difference>, Stop> {
        self.job.copies().await?;
        let history = self.job.history()?;
        let bench = Workbench::set_up(&self.job, &history).await?;
        let renames = match &self.args.rename[..] {
            [] => String::new(),
            renames => renames::sql(renames, &bench.catalog().await?)?,
        };
        let sql = match bench.missing(&renames).await? {
            None if renames.is_empty() => {
                bench.stop().await?;
                return Ok(None);
            }
            None => format!("{renames}\n"),
            Some(sql) if renames.is_empty() => sql,
            Some(sql) => format!("{renames}\n\n{sql}"),
        };
        let files = self.styled(&sql, &bench).await?;
        let migrations = self.plan(files, &history)?;
        let proofs = bench.prove(&migrations).await?;
        self.converges(&bench, &sql, &migrations).await?;
        bench.stop().await?;
        Ok(Some(Difference { history, migrations, proofs }))
    }

    /// Checks that the migrations do their job, where that is not for certain: where their text is not Prisma's own,
    /// or a person asks for it.
    async fn converges(
        &self,
        bench: &Workbench<'_>,
        sql: &str,
        migrations: &[Migration],
    ) -> Result<(), Stop> {
        let is_prismas = self.args.rename.is_empty();
        let as_it_was = matches!(migrations, [only] if only.sql == sql);
        match (self.args.verify, is_prismas, as_it_was) {
            (true, ..) | (_, false, _) => bench.converges(migrations, None).await,
            (false, true, true) => Ok(()),
            (false, true, false) => bench.converges(migrations, Some(sql)).await,
        }
    }

    /// Prisma's script in the project's style.
    async fn styled(&self, sql: &str, bench: &Workbench<'_>) -> Result<Vec<String>, Stop> {
        let mut style = self.job.project.sql.clone();
        style.idempotent = self.args.idempotent.unwrap_or(style.idempotent);
        let partitioned = match style.concurrent_indexes {
            true => bench.partitioned_tables().await?,
            false => Vec::new(),
        };
        let styled = style::apply(sql, &style, &partitioned)?;
        styled.notes.iter().for_each(|note| self.job.note(note));
        Ok(styled.files)
    }

    /// The migrations that the files become, stamped in order.
    fn plan(&self, files: Vec<String>, history: &History) -> Result<Vec<Migration>, Stop> {
        let name = match &self.name {
            Some(name) => name.clone(),
            None => MigrationName::parse(&guard::naming::derive(&files.concat()))?,
        };
        let mut taken = history.names();
        let mut planned = Vec::new();
        for (at, sql) in files.into_iter().enumerate() {
            let directory = directory_name(&name.part(at), self.job.context.now, &taken)?;
            taken.push(directory.clone());
            planned.push(Migration {
                path: history.directory.join(&directory).join(history::FILE_NAME),
                checksum: history::checksum(sql.as_bytes()),
                name: directory,
                sql,
            });
        }
        Ok(planned)
    }

    /// Refuses what destroys data or objects, unless a human consents.
    fn guard(&self, migrations: &[Migration], history: &History, proofs: &[Proof]) -> Result<(), Stop> {
        let stage = self.job.context.progress.stage("guard");
        let mut findings = Vec::new();
        for (at, migration) in migrations.iter().enumerate() {
            let earlier = history.migrations.iter().chain(&migrations[..at]);
            let origin = guard::origin::history(earlier.map(|one| (one.name.as_str(), one.sql.as_str())))?;
            // One that stands alone has no name yet for the person who reads of it.
            let file = (migrations.len() > 1).then(|| self.job.project.relative(&migration.path));
            let script = guard::Script { file, sql: &migration.sql };
            // Prisma wrote this text: a waiver in it would be nobody's.
            let terms = guard::Terms { waivers: &Waivers::Ignored, proof: proofs.get(at) };
            let mut found = guard::inspect(&script, &origin, terms)?;
            if let Some(Proof { effect, .. }) = proofs.get(at) {
                renames::advise(&mut found, effect);
                external::advise(&mut found, &effect.before);
            }
            findings.extend(found);
        }
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

    /// The migrations with what a human let through, and why, in the files: whoever reads them later sees it. Where
    /// nobody said why, the report says what `check` will want.
    fn with_waivers(&self, migrations: Vec<Migration>) -> Vec<Migration> {
        let findings = self.job.report.borrow().findings.clone();
        let with_own = |migration: Migration| {
            let file = self.job.project.relative(&migration.path);
            let is_own = |finding: &&Finding| finding.file.as_deref().is_none_or(|named| named == file);
            let own: Vec<_> = findings.iter().filter(is_own).cloned().collect();
            without_reason(&own, &migration.name).iter().for_each(|note| self.job.note(note));
            let sql = consent::write_waivers(&migration.sql, &own);
            Migration { checksum: history::checksum(sql.as_bytes()), sql, ..migration }
        };
        migrations.into_iter().map(with_own).collect()
    }

    /// Writes the migrations, or says what would be written.
    fn write(&self, migrations: &[Migration]) -> Result<Outcome, Stop> {
        let relative = |migration: &Migration| self.job.project.relative(&migration.path).to_owned();
        let (outcome, result) = if self.args.dry_run {
            (Outcome::WouldCreate, self.dry_run(migrations))
        } else {
            let stage = self.job.context.progress.stage("write");
            let files: Vec<_> = migrations.iter().map(|one| (one.name.as_str(), one.sql.as_str())).collect();
            history::write::write(&self.job.context.processes, &self.job.project.migrations, &files)?;
            let written: Vec<_> = migrations.iter().map(|one| relative(one).into_string()).collect();
            self.job.done(stage.done(&written.join("\n            ")));
            let typed = migrations.iter().map(|one| format!("{}\n", self.job.context.as_typed(&one.path)));
            (Outcome::Created, typed.collect())
        };
        let mut report = self.job.report.borrow_mut();
        report.result = Some(result);
        report.migrations = migrations
            .iter()
            .map(|one| report::Migration {
                name: one.name.clone(),
                path: relative(one),
                sql: one.sql.clone(),
                sha256: one.checksum.clone(),
            })
            .collect();
        Ok(outcome)
    }

    /// The SQL; where it takes several files, each under its name.
    fn dry_run(&self, migrations: &[Migration]) -> String {
        if let [only] = migrations {
            return only.sql.clone();
        }
        let named = migrations
            .iter()
            .map(|one| format!("-- {}\n\n{}", self.job.project.relative(&one.path), one.sql));
        named.collect::<Vec<_>>().join("\n")
    }
}

fn destructive(count: usize) -> String {
    if count == 1 {
        "1 statement destroys something".into()
    } else {
        format!("{count} statements destroy something")
    }
}
