//! The main job: from a changed schema to a new migration, through every gate.

use crate::{
    back,
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
    replace::{self, Replaced},
    way,
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
    let end = match args.down.as_deref() {
        Some(existing) if !existing.is_empty() => way::write_down(&generate.job, existing, args).await,
        _ => generate.story().await,
    };
    Ok(generate.job.report(end))
}

/// What the schema has and the history lacks.
struct Difference {
    /// What the history makes, as its text tells.
    makers: guard::catalog::History,
    /// The names of the migrations in whose place it comes.
    gone: Vec<String>,
    /// The migrations that it takes.
    migrations: Vec<Migration>,
    /// What each of them was proved to do.
    proofs: Vec<Proof>,
    /// The way back from each, where it was asked for.
    downs: Vec<String>,
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
        let freshness = self.job.freshness(self.request.as_ref());
        let Difference { makers, gone, migrations, proofs, downs } = match self.args.replace {
            // What is this branch's own can only be told once the base is known.
            true => {
                freshness.await?;
                self.difference().await?
            }
            false => in_order(freshness, self.difference()).await?,
        };
        if migrations.is_empty() {
            return self.nothing_to_add(&gone);
        }
        self.guard(&migrations, makers, &proofs)?;
        self.write(&self.with_waivers(migrations), (&gone, &downs))
    }

    /// The schema is what the history makes, without what is to be replaced.
    fn nothing_to_add(&self, gone: &[String]) -> Result<Outcome, Stop> {
        self.job.note("No schema changes");
        if !self.args.allow.is_empty() {
            self.job.note("--allow allowed nothing: there is no change");
        }
        if self.args.down.is_some() {
            self.job.note("--down=MIGRATION writes the way back of a migration that is there already");
        }
        let outcome = match (gone.is_empty(), self.args.dry_run) {
            (false, false) => Outcome::Synced,
            _ => Outcome::NoChanges,
        };
        if outcome == Outcome::Synced {
            let names: Vec<_> = gone.iter().map(String::as_str).collect();
            history::write::replace(&self.job.context.processes, &self.job.project.migrations, &[], &names)?;
            self.job.note("What this branch's migrations did cancels out: nothing takes their place");
        }
        replace::told(&self.job, (gone, outcome));
        Ok(outcome)
    }

    /// What the schema has and the history lacks; no migration where they agree.
    async fn difference(&self) -> Result<Difference, Stop> {
        self.job.copies().await?;
        let all = self.job.history()?;
        let replaced = match self.args.replace {
            true => Replaced::split(&self.job, &all).await?,
            false => Replaced { kept: all.clone(), own: Vec::new() },
        };
        let bench = Workbench::set_up(&self.job, &replaced.kept).await?;
        let (makers, migrations, proofs) = match self.script(&bench, &replaced.kept).await? {
            None => (guard::catalog::History::empty(), Vec::new(), Vec::new()),
            Some(sql) => {
                let makers = makers(&replaced.kept);
                let files = self.styled(&sql, &bench).await?;
                let migrations = self.plan(files, &all)?;
                let mut proofs = Vec::new();
                let prove = async {
                    proofs = bench.prove(&migrations).await?;
                    Ok(())
                };
                in_order(prove, self.converges(&bench, &sql, &migrations)).await?;
                (makers.await?, migrations, proofs)
            }
        };
        let downs = match self.args.down {
            Some(_) => bench.downs(&migrations).await?,
            None => Vec::new(),
        };
        replaced.refuse_hand_written(&bench, &self.job, &migrations).await?;
        bench.stop().await?;
        let gone = replaced.names();
        Ok(Difference { makers, gone, migrations, proofs, downs })
    }

    /// What the migrations have to do: undo one, or make what the schema has and the history lacks, after what is
    /// renamed. `None` where there is nothing to do.
    async fn script(&self, bench: &Workbench<'_>, history: &History) -> Result<Option<String>, Stop> {
        if let Some(name) = &self.args.revert {
            return Ok(Some(bench.ground().await?.undoing(history, history.place_of(name)?).await?));
        }
        let renames = match &self.args.rename[..] {
            [] => String::new(),
            renames => renames::sql(renames, &bench.catalog().await?)?,
        };
        Ok(match bench.missing(&renames).await? {
            None if renames.is_empty() => None,
            None => Some(format!("{renames}\n")),
            Some(sql) if renames.is_empty() => Some(sql),
            Some(sql) => Some(format!("{renames}\n\n{sql}")),
        })
    }

    /// Checks that the migrations do their job, where that is not for certain: where their text is not Prisma's own,
    /// or a person asks for it.
    async fn converges(
        &self,
        bench: &Workbench<'_>,
        sql: &str,
        migrations: &[Migration],
    ) -> Result<(), Stop> {
        if let Some(undone) = &self.args.revert {
            return way::schema_was_reverted(undone, bench.converges(migrations, None).await);
        }
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
        let name = match (&self.name, &self.args.revert) {
            (Some(name), _) => name.clone(),
            (None, Some(undone)) => {
                MigrationName::reverting(&history.migrations[history.place_of(undone)?].name)
            }
            (None, None) => MigrationName::parse(&guard::naming::derive(&files.concat()))?,
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
    fn guard(
        &self,
        migrations: &[Migration],
        mut makers: guard::catalog::History,
        proofs: &[Proof],
    ) -> Result<(), Stop> {
        let stage = self.job.context.progress.stage("guard");
        let mut findings = Vec::new();
        for (at, migration) in migrations.iter().enumerate() {
            // One that stands alone has no name yet for the person who reads of it.
            let file = (migrations.len() > 1).then(|| self.job.project.relative(&migration.path));
            let script = guard::Script { file, sql: &migration.sql };
            // Prisma wrote this text: a waiver in it would be nobody's.
            let terms = guard::Terms { waivers: &Waivers::Ignored, proof: proofs.get(at) };
            let found = guard::advance(&script, &mut makers, &migration.name, terms)?;
            let mut found: Vec<_> = found.into_iter().map(|located| located.finding).collect();
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

    /// Writes the migrations, in the place of those that are `gone` then, or says what would be written.
    fn write(
        &self,
        migrations: &[Migration],
        (gone, downs): (&[String], &[String]),
    ) -> Result<Outcome, Stop> {
        let relative = |migration: &Migration| self.job.project.relative(&migration.path).to_owned();
        let (outcome, result) = if self.args.dry_run {
            (Outcome::WouldCreate, self.dry_run(migrations, downs))
        } else {
            let stage = self.job.context.progress.stage("write");
            let files: Vec<_> = migrations.iter().map(|one| (one.name.as_str(), one.sql.as_str())).collect();
            let gone: Vec<_> = gone.iter().map(String::as_str).collect();
            let (processes, place) = (&self.job.context.processes, &self.job.project.migrations);
            match gone.is_empty() {
                true => history::write::write(processes, place, &files)?,
                false => history::write::replace(processes, place, &files, &gone)?,
            }
            let mut paths: Vec<_> = migrations.iter().map(|one| one.path.clone()).collect();
            for (migration, down) in migrations.iter().zip(downs) {
                let path = migration.path.with_file_name(back::FILE_NAME);
                history::write::write_beside(processes, &path, down)?;
                paths.push(path);
            }
            let written: Vec<_> = paths.iter().map(|path| self.job.project.relative(path).as_str()).collect();
            self.job.done(stage.done(&written.join("\n            ")));
            let typed = paths.iter().map(|path| format!("{}\n", self.job.context.as_typed(path)));
            (Outcome::Created, typed.collect())
        };
        replace::told(&self.job, (gone, outcome));
        let mut report = self.job.report.borrow_mut();
        report.result = Some(result);
        report.migrations = migrations
            .iter()
            .enumerate()
            .map(|(at, one)| report::Migration {
                name: one.name.clone(),
                path: relative(one),
                sql: one.sql.clone(),
                sha256: one.checksum.clone(),
                down: downs.get(at).cloned(),
            })
            .collect();
        Ok(outcome)
    }

    /// The SQL; where it takes several files, each under its name.
    fn dry_run(&self, migrations: &[Migration], downs: &[String]) -> String {
        if let ([only], []) = (migrations, downs) {
            return only.sql.clone();
        }
        let ways_back = migrations
            .iter()
            .zip(downs)
            .map(|(one, down)| (one.path.with_file_name(back::FILE_NAME), down.as_str()));
        let files = migrations.iter().map(|one| (one.path.clone(), one.sql.as_str())).chain(ways_back);
        let named = files.map(|(path, sql)| format!("-- {}\n\n{sql}", self.job.project.relative(&path)));
        named.collect::<Vec<_>>().join("\n")
    }
}

/// What `history` makes, as its text tells. It is read while the server is at work.
fn makers(history: &History) -> impl Future<Output = Result<guard::catalog::History, Stop>> + use<> {
    let scripts: Vec<_> = history.migrations.iter().map(|one| (one.name.clone(), one.sql.clone())).collect();
    let read = move || guard::origin::history(scripts.iter().map(|(name, sql)| (&**name, &**sql)));
    let reading = tokio::task::spawn_blocking(read);
    async { Ok(reading.await.map_err(|defect| Error::failed(defect.to_string()))??) }
}

fn destructive(count: usize) -> String {
    if count == 1 {
        "1 statement destroys something".into()
    } else {
        format!("{count} statements destroy something")
    }
}
