//! `baseline`: a database that has what a history makes is told so in Prisma's ledger, after proof.

use super::{
    job::{Stop, ended},
    recorded::{Recorded, conclude, contradictions, tell},
    reference::Reference,
    status::count,
    subject,
};
use crate::{
    catalog::Catalog,
    cli::baseline::BaselineArgs,
    context::Context,
    deploy::{
        containment::{Servers, missing},
        plan::{self, Lock},
    },
    error::Error,
    guard::consent::shell_quote,
    history::{History, Migration},
    live::{ledger::Ledger, url::Target},
    outcome::Outcome,
    report::Report,
};

/// Proves and marks.
///
/// # Errors
/// Where the database or the history cannot be read. What happens later is in the report.
pub(super) async fn run(context: &Context, args: &BaselineArgs) -> Result<Report, Error> {
    let mut report = Report::new("baseline", Outcome::NoChanges);
    let target = subject::direct_target(context, args.database.database_url.as_ref(), &mut report)?;
    let history = subject::expected(context, args.database.migrations.as_deref()).await?;
    let up_to = match &args.up_to {
        Some(name) => history.place_of(name)? + 1,
        None => history.migrations.len(),
    };
    let wanted = history.first(up_to);
    let mut baseline = Baseline { context, args, target: &target, history: &history, wanted, report };
    let end = baseline.story().await;
    Ok(ended(baseline.report, end))
}

struct Baseline<'a> {
    context: &'a Context,
    args: &'a BaselineArgs,
    target: &'a Target,
    history: &'a History,
    /// What the database is to have.
    wanted: History,
    report: Report,
}

impl Baseline<'_> {
    async fn story(&mut self) -> Result<Outcome, Stop> {
        let replayed =
            Reference::start(self.context, (self.history, &self.target.schema), &mut self.report).await?;
        let expected = replayed.catalog(&self.wanted, &mut self.report).await?;
        let lock = (!self.args.dry_run).then_some(self.args.lock_timeout);
        let database = Recorded::open(self.context, self.target, lock, &mut self.report).await?;
        let ledger = database.ledger().await?;
        let due = self.due(&ledger)?;
        if due.is_empty() {
            self.conclude(
                ledger,
                &format!("nothing to mark: {} recorded", count(self.wanted.migrations.len())),
            );
            replayed.stop().await?;
            return Ok(Outcome::NoChanges);
        }
        let (live, servers) = (database.catalog().await?, database.servers(&replayed).await?);
        self.contains((&replayed, &ledger), &expected, (&live, servers)).await?;
        replayed.stop().await?;
        let names: String = due.iter().map(|migration| format!("    {}\n", migration.name)).collect();
        self.report.result = Some(names);
        if self.args.dry_run {
            self.conclude(
                ledger,
                &format!("everything is there: would mark {} as applied", count(due.len())),
            );
            return Ok(Outcome::WouldApply);
        }
        self.context.progress.say("proved", "the database has what the history makes");
        let mut writable = database.writable().await?;
        writable.mark_applied(&due).await?;
        let ledger = writable.ledger().await?;
        self.conclude(ledger, &format!("everything is there: marked {} as applied", count(due.len())));
        let left = self.history.migrations.len() - self.wanted.migrations.len();
        if left > 0 {
            self.report.hint = Some(format!("Next: run-migration deploy, which applies the other {left}."));
        }
        Ok(Outcome::Applied)
    }

    /// The migrations that are to be marked: all that the ledger does not have, unless it contradicts the history.
    fn due(&mut self, ledger: &Ledger) -> Result<Vec<Migration>, Stop> {
        let plan = plan::plan(ledger.clone(), self.history, self.lock());
        let mut state = plan.state.clone();
        if self.args.up_to.is_some() {
            // What a squash stands in for is recorded and no longer here. That its objects are there is proved.
            let gone = std::mem::take(&mut state.not_in_directory);
            if !gone.is_empty() {
                self.report.notes.push(format!(
                    "{} recorded as applied and not among these migrations: {}. The records stay as they are",
                    count(gone.len()),
                    gone.join(", ")
                ));
            }
        }
        if let Some(why) = contradictions(&state, ledger) {
            let (line, rest) = why.split_once('\n').unwrap_or((&why, ""));
            self.report.result = Some(rest.to_owned());
            self.report.hint = Some(
                "Next: what the ledger says already has to be right first: `run-migration status` shows all of it, \
                 `run-migration resolve` settles what failed."
                    .into(),
            );
            self.conclude(ledger.clone(), &format!("nothing was marked: {line}"));
            return Err(Stop::Refused(Outcome::RefusedOutOfSync));
        }
        let is_wanted = |one: &&&Migration| self.wanted.migrations.iter().any(|other| other.name == one.name);
        Ok(plan.pending.iter().filter(is_wanted).map(|one| (*one).clone()).collect())
    }

    /// Refuses where something is lacking, and says up to which migration nothing is.
    async fn contains(
        &mut self,
        (replayed, ledger): (&Reference<'_>, &Ledger),
        expected: &Catalog,
        (live, servers): (&Catalog, Servers),
    ) -> Result<(), Stop> {
        let lacking = |expected: &Catalog| {
            let mut lacking = missing(expected, live, servers);
            lacking.retain(|one| !replayed.is_beside(one));
            lacking
        };
        let differences = lacking(expected);
        if differences.is_empty() {
            if servers == Servers::Unlike {
                self.report.notes.push(
                    "The temporary PostgreSQL is of another major version than the database: what views say was not \
                     compared"
                        .into(),
                );
            }
            return Ok(());
        }
        // Where none of the tables is there, no earlier migration needs to be asked about.
        let has_some = expected.tables.keys().any(|table| live.tables.contains_key(table));
        let most = match has_some {
            true => replayed.most(&self.wanted, |expected| lacking(expected).is_empty()).await?,
            false => None,
        };
        let newest = most.map(|count| self.wanted.migrations[count - 1].name.clone());
        let (line, hint) = match &newest {
            Some(name) => (
                format!("not everything is there, but everything up to {name}"),
                format!(
                    "Next: run-migration baseline --up-to {}, then run-migration deploy applies the rest.",
                    shell_quote(name)
                ),
            ),
            None => (
                "not even what the first migration makes is there".to_owned(),
                "Next: where the database is empty, run-migration deploy; else find out which history made it, or bring \
                 it to what one of these migrations leaves."
                    .to_owned(),
            ),
        };
        tell(&differences, "make it what the migration makes, or mark only what is there", &mut self.report);
        self.report.hint = Some(hint);
        self.conclude(ledger.clone(), &format!("nothing was marked: {line}"));
        Err(Stop::Refused(Outcome::RefusedOutOfSync))
    }

    const fn lock(&self) -> Lock {
        if self.args.dry_run { Lock::NotOurs } else { Lock::Ours }
    }

    fn conclude(&mut self, ledger: Ledger, line: &str) {
        let state = plan::plan(ledger, self.history, self.lock()).state;
        conclude(self.target, state, line, &mut self.report);
    }
}
