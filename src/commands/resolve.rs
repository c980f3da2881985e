//! `resolve`: what became of a migration that failed, or was applied by hand, is recorded as Prisma records it.

use super::{
    job::{Stop, ended},
    recorded::{Recorded, conclude, tell},
    reference::Reference,
    subject,
};
use crate::{
    catalog::{Catalog, Difference},
    cli::baseline::ResolveArgs,
    context::Context,
    deploy::{
        containment::{Servers, Touched},
        plan::{self, Lock},
    },
    error::Error,
    guard::{agents, row_changes},
    history::{History, Migration},
    live::{
        ledger::{Entry, Ledger},
        url::Target,
    },
    outcome::Outcome,
    report::Report,
};

const WITHOUT_PROOF: &str = "Where a human knows that it is there all the same: --force --reason TEXT. Where nothing of it is there: \
     --rolled-back, and the next deploy applies it.";

/// Records it.
///
/// # Errors
/// Where the database or the history cannot be read, an agent forces it, or Prisma would refuse it, too.
pub(super) async fn run(context: &Context, args: &ResolveArgs) -> Result<Report, Error> {
    let mut report = Report::new("resolve", Outcome::Applied);
    let flags: &[&'static str] = if args.force { &["--force"] } else { &[] };
    let words =
        agents::human_words(&context.environment, flags).map_err(|error| Error::Usage(error.to_string()))?;
    let target = subject::direct_target(context, args.database.database_url.as_ref(), &mut report)?;
    let history = subject::expected(context, args.database.migrations.as_deref()).await?;
    let mut resolve = Resolve { context, args, target: &target, history: &history, report };
    let end = if args.applied { resolve.applied(words).await } else { resolve.rolled_back().await };
    Ok(ended(resolve.report, end))
}

struct Resolve<'a> {
    context: &'a Context,
    args: &'a ResolveArgs,
    target: &'a Target,
    history: &'a History,
    report: Report,
}

impl<'a> Resolve<'a> {
    async fn applied(&mut self, words: Option<String>) -> Result<Outcome, Stop> {
        let at = self.history.place_of(&self.args.name)?;
        let migration = &self.history.migrations[at];
        let replayed = match self.args.force {
            true => None,
            false => Some(
                Reference::start(self.context, (self.history, &self.target.schema), &mut self.report).await?,
            ),
        };
        let database = self.open().await?;
        let ledger = database.ledger().await?;
        if is_applied(&ledger, &migration.name) {
            let message = format!("{} is recorded as applied already (P3008)", migration.name);
            return Err(Error::failed(message)
                .hint("run-migration status shows what the ledger says")
                .into());
        }
        match &replayed {
            Some(replayed) => self.prove((replayed, &database), &ledger, at).await?,
            None => {
                let reason = self
                    .args
                    .reason
                    .iter()
                    .cloned()
                    .chain(words.map(|words| format!("the human's words: {words}")));
                let reason: Vec<_> = reason.collect();
                self.report.notes.push(format!("Without proof, by --force: {}", reason.join("; ")));
            }
        }
        if let Some(replayed) = replayed {
            replayed.stop().await?;
        }
        let mut writable = database.writable().await?;
        writable.mark_applied(std::slice::from_ref(migration)).await?;
        let ledger = writable.ledger().await?;
        self.conclude(ledger, &format!("{} is recorded as applied", migration.name));
        Ok(Outcome::Applied)
    }

    async fn rolled_back(&mut self) -> Result<Outcome, Stop> {
        // It may be one that these migrations do not have.
        let place = self.history.place_of(&self.args.name).ok();
        let name = place.map_or(self.args.name.as_str(), |at| self.history.migrations[at].name.as_str());
        let database = self.open().await?;
        let ledger = database.ledger().await?;
        let is_open = |one: &Entry| one.finished_at.is_none() && one.rolled_back_at.is_none();
        if !entries(&ledger, name).any(is_open) {
            if is_applied(&ledger, name) {
                let message =
                    format!("{name} is recorded as applied, not as failed: it cannot be rolled back (P3012)");
                let hint = "what a migration did is undone by another one: run-migration generate --revert";
                return Err(Error::failed(message).hint(hint).into());
            }
            if entries(&ledger, name).next().is_none() {
                return Err(Error::failed(format!("{name} never failed on this database (P3011)")).into());
            }
            let line = format!("{name} is recorded as rolled back already");
            self.conclude(ledger, &line);
            return Ok(Outcome::NoChanges);
        }
        let writable = database.writable().await?;
        writable.mark_rolled_back(name).await?;
        let ledger = writable.ledger().await?;
        self.conclude(ledger, &format!("{name} is recorded as rolled back"));
        if place.is_some() {
            self.report.hint = Some("Next: run-migration deploy applies it again.".into());
        }
        Ok(Outcome::Applied)
    }

    async fn open(&mut self) -> Result<Recorded<'a>, Error> {
        let lock = Some(self.args.lock_timeout);
        Recorded::open(self.context, self.target, lock, &mut self.report).await
    }

    /// Refuses where the database does not have what the migration makes.
    async fn prove(
        &mut self,
        (replayed, database): (&Reference<'_>, &Recorded<'_>),
        ledger: &Ledger,
        at: usize,
    ) -> Result<(), Stop> {
        let migration = &self.history.migrations[at];
        let (step, expected) = self.step(replayed, ledger, at).await.map_err(|error| {
            let message = format!("whether {} is there cannot be proved: {}", migration.name, error.text());
            Error::failed(message).hint(WITHOUT_PROOF)
        })?;
        let (live, servers) = (database.catalog().await?, database.servers(replayed).await?);
        let undone = self.undone(replayed, (&step, &expected), (&live, servers));
        let rows = row_changes::lines(&migration.sql)?;
        let line = if !undone.is_empty() {
            tell(&undone, "make it what the migration makes, or have it applied again", &mut self.report);
            format!("nothing was recorded: not everything that {} makes is there", migration.name)
        } else if step.is_empty() && !rows.is_empty() {
            format!("nothing was recorded: {} changes rows alone, which nothing proves", migration.name)
        } else {
            if let Some(first) = rows.first() {
                self.report.notes.push(format!(
                    "What {} changes in rows (line {first}) was not proved: a catalog does not show it",
                    migration.name
                ));
            }
            return Ok(());
        };
        self.report.hint = Some(WITHOUT_PROOF.into());
        self.conclude(ledger.clone(), &line);
        Err(Stop::Refused(Outcome::RefusedOutOfSync))
    }

    /// What the migration did, and the catalog that it and everything applied since make.
    async fn step(
        &self,
        replayed: &Reference<'_>,
        ledger: &Ledger,
        at: usize,
    ) -> Result<(Touched, Catalog), Error> {
        let name = |migration: &Migration| is_applied(ledger, &migration.name);
        let last = self.history.migrations.iter().rposition(name).unwrap_or(at).max(at);
        let database = replayed.after(&self.history.first(at)).await?;
        let before = database.read().await?;
        database.add(&self.history.first(at + 1)).await?;
        let after = database.read().await?;
        let step = Touched::between(&before, &after);
        for count in at + 2..=last + 1 {
            database.add(&self.history.first(count)).await?;
        }
        Ok((step, database.read().await?))
    }

    fn undone(
        &self,
        replayed: &Reference<'_>,
        (step, expected): (&Touched, &Catalog),
        (live, servers): (&Catalog, Servers),
    ) -> Vec<Difference> {
        let mut undone = step.undone(expected, live, servers);
        undone.retain(|one| !replayed.is_beside(one));
        undone
    }

    fn conclude(&mut self, ledger: Ledger, line: &str) {
        let state = plan::plan(ledger, self.history, Lock::Ours).state;
        conclude(self.target, state, line, &mut self.report);
    }
}

fn entries<'l>(ledger: &'l Ledger, name: &'l str) -> impl Iterator<Item = &'l Entry> {
    let all = match ledger {
        Ledger::Present(entries) => entries.as_slice(),
        Ledger::Absent { .. } | Ledger::NoDatabase { .. } => &[],
    };
    all.iter().filter(move |entry| entry.name == name)
}

/// As Prisma has it: one attempt has come to its end.
fn is_applied(ledger: &Ledger, name: &str) -> bool {
    entries(ledger, name).any(|entry| entry.finished_at.is_some() && entry.rolled_back_at.is_none())
}
