//! `status`: where a database stands against a history.

use std::fmt::Write;

use super::subject;
use crate::{
    cli::live::StatusArgs,
    context::Context,
    error::Error,
    live::{
        connect::Database,
        ledger::Ledger,
        observe::Observer,
        state::{self, Edited, Failed, Pending, Standing, State},
    },
    outcome::Outcome,
    report::{self, Report},
};

/// How many names of each list are shown.
pub(super) const SHOWN: usize = 20;

/// Answers the question.
///
/// # Errors
/// Where the database or the history cannot be read.
pub(super) async fn run(context: &Context, args: &StatusArgs) -> Result<Report, Error> {
    let mut report = Report::new("status", Outcome::Passed);
    let target = subject::target(context, &args.database, &mut report)?;
    let history = subject::expected(context, args.database.migrations.as_deref()).await?;
    let stage = context.progress.stage("database");
    let ledger = match Database::find(&target, context.settings.step_timeout()).await? {
        Some(database) => {
            let limit = subject::answer_limit(context, &target);
            let seen = Observer::new(target.schema.clone(), None, limit).look(&database).await?;
            database.close().await;
            seen.ledger
        }
        None => Ledger::of_nothing(&target),
    };
    report.timings.push(stage.done(&target.place));
    let state = state::compare(&ledger, &history);
    let line = headline(&state, &ledger);
    if matches!(ledger, Ledger::NoDatabase { .. }) || !is_up_to_date(&state) {
        report.outcome = Outcome::RefusedOutOfSync;
        report.hint = hint(&state).map(ToOwned::to_owned);
    }
    let place = format!("{}, schema {}", target.place, target.schema);
    let shown = if context.settings.verbose { usize::MAX } else { SHOWN };
    report.result = Some(format!("{line}\n{}", details(&place, &state, shown)));
    report.database = Some(report::Database {
        place: target.place,
        schema: target.schema,
        ready: None,
        line,
        state: Some(state),
        missing: Vec::new(),
        retyped: Vec::new(),
        warnings: Vec::new(),
    });
    Ok(report)
}

/// Where nothing is expected there is nothing that a database without a ledger could lack.
fn is_up_to_date(state: &State) -> bool {
    match state.standing {
        Standing::UpToDate => true,
        Standing::NotManaged | Standing::Empty => state.pending.is_empty(),
        _ => false,
    }
}

pub(super) fn headline(state: &State, ledger: &Ledger) -> String {
    let tables = match ledger {
        Ledger::Absent { tables: Some(1) } => "1 table",
        Ledger::Absent { tables } => &format!("{} tables", tables.unwrap_or_default()),
        Ledger::Present(_) | Ledger::NoDatabase { .. } => "",
    };
    let (pending, extra) = (count(state.pending.len()), count(state.not_in_directory.len()));
    match state.standing {
        Standing::UpToDate => format!("up to date: {} applied", count(state.applied.len())),
        Standing::Behind if !state.broken_off.is_empty() => format!(
            "behind: {pending} pending; {} broken off: nothing of it is there, deploy goes on with it",
            count(state.broken_off.len())
        ),
        Standing::Behind => format!("behind: {pending} pending"),
        Standing::Ahead => format!("ahead: the directory does not hold {extra} that the database has"),
        Standing::Diverged => {
            format!(
                "diverged: {pending} pending, and the directory does not hold {extra} that the database has"
            )
        }
        Standing::Failed => format!("failed: {} failed and must be resolved", count(state.failed.len())),
        Standing::Edited => format!("edited: {} changed since it was applied", count(state.edited.len())),
        Standing::NotManaged => format!("not managed: there is no _prisma_migrations, but {tables}"),
        Standing::Empty => match ledger {
            Ledger::NoDatabase { name, server } => {
                format!(
                    "not there: there is no database {} at {server}: deploy makes it",
                    name.escape_debug()
                )
            }
            Ledger::Absent { tables: None } => "not managed: there is no such schema".into(),
            _ => "not managed: there is no _prisma_migrations, and no table".into(),
        },
    }
}

pub(super) fn count(number: usize) -> String {
    if number == 1 { "1 migration".into() } else { format!("{number} migrations") }
}

const fn hint(state: &State) -> Option<&'static str> {
    match state.standing {
        Standing::UpToDate => None,
        Standing::Behind | Standing::Diverged if !state.broken_off.is_empty() => Some(
            "Next: `run-migration deploy`, which records the attempt that broke off as rolled back and applies it again. \
             Until then prisma migrate deploy refuses (P3009).",
        ),
        Standing::Behind | Standing::Empty => Some(
            "Next: look at what the pending migrations do, then apply them as this database is usually migrated \
             (prisma migrate deploy).",
        ),
        Standing::Ahead => Some(
            "Next: nothing, where this is an older release than the one that migrated the database; else bring the \
             missing migrations back into the directory.",
        ),
        Standing::Diverged => Some(
            "Next: find out which release the database was migrated by, and bring its migrations back into the \
             directory before anything is applied.",
        ),
        Standing::Failed => Some(
            "Next: find out what the failed migration left behind, mend it, and record it: `run-migration resolve NAME \
             --applied` or `--rolled-back`, as prisma migrate resolve does. Until then nothing more is applied (P3009).",
        ),
        Standing::Edited => Some(
            "Next: restore the file as it was applied. Prisma never runs an applied migration again, so the change \
             reaches new databases only.",
        ),
        Standing::NotManaged => Some(
            "Next: `run-migration baseline` finds out what it has of the history and records that as applied (or prisma \
             migrate resolve --applied NAME for each). Until then prisma migrate deploy refuses it (P3005).",
        ),
    }
}

/// Everything else, a line for each fact, and of each list so many names.
pub(super) fn details(place: &str, state: &State, shown: usize) -> String {
    let none = || "none".to_owned();
    let mut out = Details { text: String::new(), shown };
    out.fact("database", place);
    out.fact("last applied", &state.last_applied.clone().unwrap_or_else(none));
    out.fact("last expected", &state.last_expected.clone().unwrap_or_else(none));
    out.fact("applied", &state.applied.len().to_string());
    out.list("pending", state.pending.iter().map(pending));
    out.list("broken off, nothing of it is there", state.broken_off.iter().cloned());
    out.list("being applied just now", state.running.iter().cloned());
    out.list("failed", state.failed.iter().map(failed));
    out.list("rolled back", state.rolled_back.iter().cloned());
    out.list("edited", state.edited.iter().map(edited));
    let newest = state.last_expected.as_deref().unwrap_or_default();
    let extra = state.not_in_directory.iter().map(|name| match name.as_str() < newest {
        true => {
            format!("{name}  (older than the newest there: deleted, renamed, or added out of order later)")
        }
        false => name.clone(),
    });
    out.list("applied, but not in the directory", extra);
    out.list("applied after a newer one", state.applied_out_of_order.iter().cloned());
    out.text
}

fn pending(pending: &Pending) -> String {
    let name = &pending.name;
    match (pending.out_of_order, pending.rolled_back) {
        (true, true) => format!("{name}  (rolled back before; sorts before one that is applied)"),
        (true, false) => format!("{name}  (sorts before one that is applied)"),
        (false, true) => format!("{name}  (rolled back before)"),
        (false, false) => name.clone(),
    }
}

fn failed(failed: &Failed) -> String {
    let Failed { name, started_at, error } = failed;
    match error {
        Some(error) => {
            let lines = error.trim().lines().map(|line| format!("\n        {line}"));
            format!("{name}  begun {started_at}{}", lines.collect::<String>())
        }
        None => format!("{name}  begun {started_at}, no error recorded: it broke off, or still runs"),
    }
}

fn edited(edited: &Edited) -> String {
    let Edited { name, recorded, expected } = edited;
    format!("{name}\n        applied  {recorded}\n        file     {expected}")
}

struct Details {
    text: String,
    shown: usize,
}

// Writing to a string cannot fail.
impl Details {
    fn fact(&mut self, name: &str, value: &str) {
        let _ = writeln!(self.text, "{name:<14} {value}");
    }

    fn list(&mut self, name: &str, items: impl ExactSizeIterator<Item = String>) {
        let count = items.len();
        if count == 0 {
            return;
        }
        let _ = writeln!(self.text, "{name} ({count})");
        for item in items.take(self.shown) {
            let _ = writeln!(self.text, "    {item}");
        }
        if let Some(more) = count.checked_sub(self.shown).filter(|more| *more > 0) {
            let _ = writeln!(self.text, "    and {more} more (--verbose shows them)");
        }
    }
}
