//! `deploy`: applies the pending migrations to a database as Prisma does, under its lock and in its ledger.

use std::time::{Duration, Instant};

use tokio_postgres::Client;

use super::{
    consent,
    job::Stop,
    preflight::{self, Judged, Subject},
    status, subject,
};
use crate::{
    catalog,
    cli::deploy::DeployArgs,
    context::Context,
    deploy::{
        DeployError,
        apply::{self, Applied, Applier},
        backup::{self, BackupError},
        destruction, facts,
        ledger::Ledger,
        plan::{self, Lock, Plan},
        sessions::{Limits, Sessions},
    },
    error::Error,
    finding::Finding,
    guard::consent::{Consents, command},
    history::{History, Migration, replay::Failure},
    live::{
        state::{Standing, State},
        url::Target,
    },
    outcome::Outcome,
    report::{
        self, Report,
        deployment::{Backup, Broken, Deployment, Done},
    },
};

/// How long an entry of the ledger may take: whatever a migration locks, it is none of the ledger's rows.
const ENTRY: Duration = Duration::from_secs(60);

/// Applies what is pending.
///
/// # Errors
/// Where the database or the history cannot be read. What happens later is in the report.
pub(super) async fn run(context: &Context, args: &DeployArgs) -> Result<Report, Error> {
    let mut report = Report::new("deploy", Outcome::NoChanges);
    let consents = consent::for_a_database(&context.environment, &args.consent)?;
    let target = subject::direct_target(context, args.database.database_url.as_ref(), &mut report)?;
    let history = subject::expected(context, args.database.migrations.as_deref()).await?;
    let mut deploy =
        Deploy { context, args, target, history: &history, consents, judged: Judged::new(), report };
    let end = deploy.story().await;
    let mut report = deploy.report;
    match end {
        Ok(outcome) | Err(Stop::Refused(outcome)) => report.outcome = outcome,
        Err(Stop::Failed(error)) => report.fail(&error),
    }
    Ok(report)
}

struct Deploy<'a> {
    context: &'a Context,
    args: &'a DeployArgs,
    target: Target,
    history: &'a History,
    consents: Consents,
    /// What preflight found, where it was asked.
    judged: Judged,
    report: Report,
}

impl Deploy<'_> {
    async fn story(&mut self) -> Result<Outcome, Stop> {
        let sessions = self.connect().await?;
        if !self.args.skip_preflight {
            self.preflight(&sessions).await?;
        }
        if !self.args.dry_run {
            self.lock(&sessions).await?;
        }
        let ledger = plan::read_ledger(&sessions.bookkeeper, &self.target.schema).await?;
        let lock = if self.args.dry_run { Lock::NotOurs } else { Lock::Ours };
        let plan = plan::plan(ledger, self.history, lock);
        self.refuse_what_is_undecided(&plan)?;
        if plan.pending.is_empty() {
            let line = format!("up to date: {}", status::count(plan.state.applied.len()));
            self.conclude(&plan, &format!("{line} applied"));
            return Ok(Outcome::NoChanges);
        }
        let findings = self.guard(&plan, &sessions).await?;
        if self.args.dry_run {
            return Ok(self.would_apply(&plan));
        }
        self.apply(&plan, sessions, &findings).await
    }

    async fn connect(&mut self) -> Result<Sessions, Error> {
        let stage = self.context.progress.stage("database");
        let answer = self.context.settings.step_timeout();
        let limits = Limits { answer, lock: self.args.lock_timeout, statement: self.args.statement_timeout };
        let sessions = Sessions::open(&self.target, limits).await?;
        self.report
            .timings
            .push(stage.done(&format!("{}, schema {}", self.target.place, self.target.schema)));
        Ok(sessions)
    }

    /// Looks before it leaps, where there is somewhere to leap to.
    async fn preflight(&mut self, sessions: &Sessions) -> Result<(), Stop> {
        let ledger = plan::read_ledger(&sessions.bookkeeper, &self.target.schema).await?;
        if plan::plan(ledger, self.history, Lock::NotOurs).pending.is_empty() {
            return Ok(());
        }
        let subject = Subject { target: &self.target, history: self.history, consents: &self.consents };
        self.judged = preflight::look(self.context, &subject, &mut self.report).await?;
        match self.report.outcome {
            Outcome::Passed => Ok(()),
            Outcome::Failed => {
                let more = "; or leave preflight out with --skip-preflight, where it was asked elsewhere";
                self.report.hint = self.report.hint.take().map(|hint| hint + more);
                Err(Stop::Refused(Outcome::Failed))
            }
            stopped => Err(Stop::Refused(stopped)),
        }
    }

    async fn lock(&mut self, sessions: &Sessions) -> Result<(), Error> {
        let stage = self.context.progress.stage("lock");
        let mut waited = false;
        let tell = |holder: &_| {
            waited = true;
            self.context.progress.say("lock", &format!("waiting: {holder} holds Prisma's advisory lock"));
        };
        sessions.lock(self.args.lock_timeout, tell).await?;
        let done = if waited { "held, after another deployment" } else { "held" };
        self.report.timings.push(stage.done(done));
        Ok(())
    }

    /// Refuses where a human has to decide first, as Prisma does.
    fn refuse_what_is_undecided(&mut self, plan: &Plan<'_>) -> Result<(), Stop> {
        let state = &plan.state;
        let hint = match state.standing {
            _ if !state.failed.is_empty() => ways_out_of_the_past(state),
            Standing::NotManaged => {
                "Next: baseline the database: `run-migration baseline` finds out what it has of the history and records \
                 that as applied (or prisma migrate resolve --applied NAME for each). Until then deploying refuses it, as \
                 Prisma does (P3005)."
                    .to_owned()
            }
            _ => {
                self.remark(state);
                return Ok(());
            }
        };
        self.report.hint = Some(hint);
        self.conclude(plan, &status::headline(state, &plan.ledger));
        Err(Stop::Refused(Outcome::RefusedOutOfSync))
    }

    /// What Prisma passes over in silence.
    fn remark(&mut self, state: &State) {
        let mut note = |names: Vec<&str>, what: &str| {
            if let [first, others @ ..] = names.as_slice() {
                let more =
                    if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
                self.report.notes.push(format!("{what}: {first}{more}"));
            }
        };
        note(state.edited.iter().map(|one| one.name.as_str()).collect(), "Edited since it was applied");
        note(
            state.not_in_directory.iter().map(String::as_str).collect(),
            "Applied, but not among these migrations",
        );
        let late = state.pending.iter().filter(|one| one.out_of_order);
        note(late.map(|one| one.name.as_str()).collect(), "Pending, and sorts before one that is applied");
    }

    /// Refuses what would destroy something that the database has, unless a human consents. Gives what is let through,
    /// by migration.
    async fn guard(&mut self, plan: &Plan<'_>, sessions: &Sessions) -> Result<Vec<Vec<Finding>>, Stop> {
        let stage = self.context.progress.stage("guard");
        let judged = plan.pending.iter().map(|one| self.judged.get(&one.name).cloned());
        let findings = match judged.collect::<Option<Vec<_>>>() {
            Some(judged) => judged,
            None => self.judge(plan, sessions).await?,
        };
        let all = findings.concat();
        let refusing = all.iter().filter(|finding| finding.refuses()).count();
        let allowed = all.iter().filter(|finding| finding.allowed.is_some()).count();
        self.report.timings.push(stage.done(&match (refusing, allowed) {
            (0, 0) => "nothing is lost".to_owned(),
            (0, allowed) => format!("destructive, and let through by a human's consent: {allowed}"),
            (refusing, _) => format!("destructive: {refusing}"),
        }));
        self.report.findings = all;
        if refusing == 0 {
            return Ok(findings);
        }
        self.report.hint = Some(format!(
            "A human who has looked at each of these and wants them gone lets them through with\n\n    {}\n\n--backup DIR \
             copies what goes out first.",
            command(&self.context.command_line, &self.report.findings)
        ));
        self.conclude(plan, &format!("refused: {} pending", status::count(plan.pending.len())));
        self.report.result = None;
        Err(Stop::Refused(Outcome::RefusedDestructive))
    }

    /// What the text of the pending migrations and the live catalog tell.
    async fn judge(&mut self, plan: &Plan<'_>, sessions: &Sessions) -> Result<Vec<Vec<Finding>>, Error> {
        let live = catalog::read(&sessions.bookkeeper).await.map_err(DeployError::Catalog)?;
        let is_pending = |migration: &&Migration| plan.pending.iter().any(|one| one.name == migration.name);
        let schema = self.target.schema.as_str();
        let question = destruction::Question {
            applied: self.history.migrations.iter().filter(|one| !is_pending(one)).collect(),
            pending: &plan.pending,
            proofs: &[],
            live: &live,
            schema,
            directory: self.context.as_typed(&self.history.directory),
        };
        let mut findings = destruction::findings(&question)?;
        let tables = destruction::tables_in_question(&findings, &live, schema);
        let empty = facts::without_rows(&sessions.bookkeeper, &tables).await;
        destruction::settle(&mut findings, &empty, (&live, schema));
        for unused in consent::apply_lenient(&mut findings, &self.consents) {
            self.report.notes.push(format!("--allow {unused} allows nothing here"));
        }
        Ok(findings)
    }

    fn would_apply(&mut self, plan: &Plan<'_>) -> Outcome {
        let line = format!("would apply {}", status::count(plan.pending.len()));
        self.conclude(plan, &line);
        let names = plan.pending.iter().map(|migration| format!("    {}\n", migration.name));
        self.report.result = Some(format!("{line}\n{}", names.collect::<String>()));
        Outcome::WouldApply
    }

    async fn apply(
        &mut self,
        plan: &Plan<'_>,
        sessions: Sessions,
        findings: &[Vec<Finding>],
    ) -> Result<Outcome, Stop> {
        self.check_backup(findings)?;
        let attempts = apply::attempts(&plan.pending).map_err(Error::from)?;
        let Sessions { worker, bookkeeper, .. } = sessions;
        let schema = self.target.schema.clone();
        let ledger = Ledger::open_or_create(bookkeeper, &schema, ENTRY)
            .await
            .map_err(|source| DeployError::Ledger { what: "written", source })?;
        let mut applier = Applier::new(worker, (ledger, &schema), Context::clock).await?;
        applier.roll_back(&plan.broken_off).await?;
        let broken_off = plan.broken_off.iter().map(|one| one.name.clone()).collect();
        let names = plan.pending.iter().map(|migration| migration.name.clone()).collect();
        self.conclude(plan, "");
        self.report.deployment = Some(Deployment { broken_off, pending: names, ..Deployment::default() });
        for (at, (migration, attempt)) in plan.pending.iter().zip(attempts).enumerate() {
            self.back_up(applier.bookkeeper(), migration, &findings[at]).await?;
            let stage = self.context.progress.stage("apply");
            stage.doing(migration.name.as_str());
            let started = Instant::now();
            match applier.apply(migration, attempt).await? {
                Applied::Done => {
                    stage.done(&format!("{}/{} {}", at + 1, plan.pending.len(), migration.name));
                    self.done(migration, started.elapsed());
                }
                Applied::Failed(failure) => return Ok(self.failed(&failure, Kept::Failed)),
                Applied::RolledBack(failure) => return Ok(self.failed(&failure, Kept::RolledBack)),
            }
        }
        let line = format!("applied {}", status::count(plan.pending.len()));
        self.say(&line);
        Ok(Outcome::Applied)
    }

    /// Finds out before anything is applied whether what goes can be copied out.
    fn check_backup(&self, findings: &[Vec<Finding>]) -> Result<(), Error> {
        let Some(directory) = &self.args.backup else { return Ok(()) };
        fs_err::create_dir_all(self.context.absolute(directory))?;
        let check = |list: &Vec<Finding>| backup::knowable(list).map_err(BackupError::from);
        Ok(findings.iter().try_for_each(check).map_err(DeployError::from)?)
    }

    /// Copies out what `migration` is about to destroy.
    async fn back_up(
        &mut self,
        client: &Client,
        migration: &Migration,
        findings: &[Finding],
    ) -> Result<(), Error> {
        let is_allowed = findings.iter().any(|finding| finding.allowed.is_some());
        let Some(directory) = self.args.backup.as_ref().filter(|_| is_allowed) else { return Ok(()) };
        // What earlier migrations of this run have renamed or made is known only now.
        let live = catalog::read(client).await.map_err(DeployError::Catalog)?;
        let losses = backup::losses(findings, &live, &self.target.schema)
            .map_err(BackupError::from)
            .map_err(DeployError::from)?;
        if losses.is_empty() {
            return Ok(());
        }
        let stage = self.context.progress.stage("backup");
        let stamp = Context::clock().strftime("%Y%m%dT%H%M%SZ").to_string();
        let place = backup::Place {
            directory: &self.context.absolute(directory),
            database: &self.target.place,
            stamp: &stamp,
        };
        let taken =
            backup::take(client, (migration, &losses), &live, place).await.map_err(DeployError::from)?;
        self.report.timings.push(stage.done(taken.directory.as_str()));
        self.report.notes.push(format!(
            "What {} destroys was copied out first. This brings it back (the URL without Prisma's own parameters):\n\n    {}\n",
            migration.name, taken.restore
        ));
        if let Some(deployment) = &mut self.report.deployment {
            deployment.backups.push(Backup {
                migration: migration.name.clone(),
                directory: taken.directory,
                restore: taken.restore,
            });
        }
        Ok(())
    }

    fn done(&mut self, migration: &Migration, took: Duration) {
        if let Some(deployment) = &mut self.report.deployment {
            deployment.pending.retain(|name| *name != migration.name);
            let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            deployment.applied.push(Done { name: migration.name.clone(), took_ms });
        }
    }

    fn failed(&mut self, failure: &Failure, kept: Kept) -> Outcome {
        let name = &failure.migration;
        let applied = self.report.deployment.as_mut().map_or(0, |deployment| {
            deployment.failed = Some(Broken {
                name: name.clone(),
                sqlstate: failure.sqlstate.clone(),
                error: crate::redact::redact(&failure.to_string()),
                rolled_back: kept == Kept::RolledBack,
            });
            deployment.applied.len()
        });
        self.say(&format!("failed: {name}, after {} applied", status::count(applied)));
        self.report.error = Some(crate::redact::redact(&failure.to_string()));
        self.report.hint = Some(ways_out(failure, kept));
        Outcome::Failed
    }

    /// What stands at the end, in one line.
    fn say(&mut self, line: &str) {
        self.report.result = Some(format!("{line}\n"));
        if let Some(database) = &mut self.report.database {
            line.clone_into(&mut database.line);
        }
    }

    /// What was found out about the database.
    fn conclude(&mut self, plan: &Plan<'_>, line: &str) {
        let place = format!("{}, schema {}", self.target.place, self.target.schema);
        let shown = if self.context.settings.verbose { usize::MAX } else { status::SHOWN };
        self.report.result = Some(format!("{line}\n{}", status::details(&place, &plan.state, shown)));
        self.report.database = Some(report::Database {
            place: self.target.place.clone(),
            schema: self.target.schema.clone(),
            line: line.to_owned(),
            state: Some(plan.state.clone()),
            ..report::Database::default()
        });
    }
}

/// What the ledger keeps of a migration that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    Failed,
    RolledBack,
}

/// What can be done about a migration that failed just now.
fn ways_out(failure: &Failure, kept: Kept) -> String {
    let name = &failure.migration;
    let cause = failure.hint.as_ref().map(|hint| format!("{hint}. ")).unwrap_or_default();
    match kept {
        Kept::RolledBack => format!(
            "{cause}Nothing of {name} is there, and the ledger has it as rolled back: run the same again for it and \
             what comes after it"
        ),
        Kept::Failed => format!(
            "{cause}{name} is recorded as failed with this error, and nothing after it was touched. Ways out, for a \
             human to choose from: mend the cause, then `run-migration resolve {} --rolled-back` and deploy again; or, \
             where all that it makes is there after all, `run-migration resolve {} --applied`",
            quoted(name),
            quoted(name)
        ),
    }
}

/// What can be done about migrations that failed before.
fn ways_out_of_the_past(state: &State) -> String {
    let name = state.failed.first().map(|failed| quoted(&failed.name)).unwrap_or_default();
    format!(
        "Next: find out what the failed migration left behind. Where nothing of it is there, or you have taken it away: \
         `run-migration resolve {name} --rolled-back`, and it is applied again; where all that it makes is there: \
         `run-migration resolve {name} --applied`. Until then nothing more is applied (Prisma calls this P3009)."
    )
}

fn quoted(name: &str) -> String {
    crate::guard::consent::shell_quote(name)
}
