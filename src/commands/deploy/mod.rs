//! `deploy`: applies the pending migrations to a database as Prisma does, under its lock and in its ledger.

mod refuse;
mod work;

use super::{
    consent,
    job::{Stop, ended},
    preflight::{self, Judged, Subject},
    status, subject,
};
use crate::{
    cli::deploy::DeployArgs,
    context::Context,
    deploy::{
        DeployError,
        creation::{self, Maker},
        plan::{self, Lock, Plan},
        sessions::{Limits, Sessions},
    },
    error::Error,
    guard::consent::Consents,
    history::History,
    live::{ledger::Ledger, url::Target},
    outcome::Outcome,
    report::{self, Report},
};

/// Applies what is pending.
///
/// # Errors
/// Where the database or the history cannot be read. What happens later is in the report.
pub(super) async fn run(context: &Context, args: &DeployArgs) -> Result<Report, Error> {
    let mut report = Report::new("deploy", Outcome::NoChanges);
    let consents = consent::given(&context.environment, &args.consent, None)?;
    let target = subject::direct_target(context, args.database.database_url.as_ref(), &mut report)?;
    let history = subject::expected(context, args.database.migrations.as_deref()).await?;
    let mut deploy =
        Deploy { context, args, target, history: &history, consents, judged: Judged::new(), report };
    let end = deploy.story().await;
    Ok(ended(deploy.report, end))
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
        let sessions = match self.connect().await {
            Err(error) if error.is_no_database() && self.args.dry_run => {
                return self.dry_run_of_nothing().await;
            }
            Err(error) if error.is_no_database() => {
                self.create().await?;
                self.connect().await?
            }
            sessions => sessions?,
        };
        // Even the look before needs the lock: while another deployment is at work, ledger and catalog do not agree.
        let lock = if self.args.dry_run { Lock::NotOurs } else { Lock::Ours };
        if lock == Lock::Ours {
            self.lock(&sessions).await?;
        }
        let ledger = plan::read_ledger(&sessions.bookkeeper, &self.target.schema).await?;
        let plan = plan::plan(ledger, self.history, lock);
        self.refuse_what_is_undecided(&plan)?;
        if plan.pending.is_empty() && plan.broken_off.is_empty() {
            let line = format!("up to date: {}", status::count(plan.state.applied.len()));
            self.conclude(&plan, &format!("{line} applied"));
            return Ok(Outcome::NoChanges);
        }
        if !self.args.skip_preflight {
            self.preflight(lock).await?;
        }
        let findings = self.guard(&plan, Some(&sessions)).await?;
        if self.args.dry_run {
            return Ok(self.would_apply(&plan));
        }
        self.apply(&plan, sessions, &findings).await
    }

    /// What would be done about a database that is not there.
    async fn dry_run_of_nothing(&mut self) -> Result<Outcome, Stop> {
        let plan = plan::plan(Ledger::of_nothing(&self.target), self.history, Lock::NotOurs);
        if !self.args.skip_preflight {
            self.preflight(Lock::NotOurs).await?;
        }
        self.guard(&plan, None).await?;
        Ok(self.would_apply(&plan))
    }

    /// Makes the database.
    async fn create(&mut self) -> Result<(), Error> {
        let stage = self.context.progress.stage("create");
        let maker = creation::create(&self.target, self.context.settings.step_timeout()).await?;
        let (name, server) = (self.target.name().escape_debug(), self.target.server());
        let done = match maker {
            Maker::Ourselves => format!("the database {name} was made at {server}"),
            Maker::SomebodyElse => format!("another deployment has made the database {name} at {server}"),
        };
        self.report.timings.push(stage.done(&done));
        self.report.notes.extend((maker == Maker::Ourselves).then_some(done));
        Ok(())
    }

    async fn connect(&mut self) -> Result<Sessions, DeployError> {
        let stage = self.context.progress.stage("database");
        let answer = self.context.settings.step_timeout();
        let limits = Limits { answer, lock: self.args.lock_timeout };
        let sessions = Sessions::open(&self.target, limits).await?;
        self.report
            .timings
            .push(stage.done(&format!("{}, schema {}", self.target.place, self.target.schema)));
        Ok(sessions)
    }

    /// Looks before it leaps.
    async fn preflight(&mut self, lock: Lock) -> Result<(), Stop> {
        let subject = Subject { target: &self.target, history: self.history, consents: &self.consents, lock };
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

    fn would_apply(&mut self, plan: &Plan<'_>) -> Outcome {
        let line = match &plan.ledger {
            Ledger::NoDatabase { name, server } => format!(
                "would make the database {} at {server} and apply {}",
                name.escape_debug(),
                status::count(plan.pending.len())
            ),
            _ => format!("would apply {}", status::count(plan.pending.len())),
        };
        self.conclude(plan, &line);
        let names = plan.pending.iter().map(|migration| format!("    {}\n", migration.name));
        self.report.result = Some(format!("{line}\n{}", names.collect::<String>()));
        Outcome::WouldApply
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

fn quoted(name: &str) -> String {
    crate::guard::consent::shell_quote(name)
}
