//! What an operator does with a release, in order, and whether the old pods have to be stopped first.

use serde::Serialize;

use super::running::{Impact, Trouble};
use crate::finding::{Finding, Severity};

/// Rules whose findings are about rows that are in the way of a migration.
const IN_THE_WAY: [&str; 6] =
    ["required_column", "set_not_null", "add_unique", "add_check", "add_foreign_key", "type_change_may_fail"];

/// Rules whose findings are about data that is gone afterwards, or is other data.
const DESTROYS_DATA: [&str; 14] = [
    "drop_table",
    "drop_column",
    "drop_schema",
    "drop_database",
    "drop_owned",
    "drop_cascade",
    "drop_expression",
    "truncate",
    "delete_all_rows",
    "delete_rows",
    "update_all_rows",
    "lossy_type_change",
    "remove_enum_value",
    "rows_changed",
];

/// How many names a step lists.
const LISTED: usize = 5;

/// Whether old and new pods may run side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Every old pod is stopped before the migrations are applied.
    StopFirst,
    /// The migrations are applied while the old pods serve, which are then replaced one by one.
    Rolling,
    /// It was not proved: there was no database.
    Unproved,
}

/// How a release goes out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rollout {
    /// Whether old and new pods may run side by side.
    pub order: Order,
    /// Why, in a sentence.
    pub because: String,
    /// What to do, in order.
    pub steps: Vec<String>,
}

/// What is known about a release when its way out is planned.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// What the previous release is called.
    pub from: &'a str,
    /// What the new one is called.
    pub to: &'a str,
    /// The migrations that a deploy applies.
    pub pending: &'a [&'a str],
    /// The migrations that are recorded as applied and never run: they stand in for what the database has.
    pub recorded: &'a [&'a str],
    /// What a running process meets; `None` where nobody looked.
    pub impacts: Option<&'a [Impact]>,
    /// What the checks found.
    pub findings: &'a [Finding],
    /// Tables and columns that the new release's code asks for, and the database lacks after the deploy.
    pub lacking: &'a [String],
}

/// Plans the way out.
#[must_use]
pub fn plan(situation: Situation<'_>) -> Rollout {
    let (order, because) = situation.order();
    Rollout { order, because, steps: situation.steps(order) }
}

impl Situation<'_> {
    fn order(&self) -> (Order, String) {
        let Self { from, pending, .. } = self;
        if pending.is_empty() {
            return (Order::Rolling, "there is no migration to apply: the database stays as it is".into());
        }
        let Some(impacts) = self.impacts else {
            return (Order::Unproved, "this was checked without a database".into());
        };
        let breaking = objects(impacts, |severity| severity == Trouble::Breaking);
        let rejected = objects(impacts, |severity| severity == Trouble::WriteReject);
        let mut reasons = Vec::new();
        if !breaking.is_empty() {
            reasons.push(format!("processes of {from} break on {}", list(&breaking)));
        }
        if !rejected.is_empty() {
            reasons.push(format!("what they write to {} is refused", list(&rejected)));
        }
        match reasons.is_empty() {
            true => (
                Order::Rolling,
                format!(
                    "nothing that processes of {from} use goes away, and nothing that they write is refused"
                ),
            ),
            false => (Order::StopFirst, reasons.join(", and ")),
        }
    }

    fn steps(&self, order: Order) -> Vec<String> {
        let Self { from, to, pending, .. } = self;
        let mut steps = Vec::new();
        if self.findings.iter().any(Finding::refuses) {
            steps.push(format!(
                "Do not deploy {to} before somebody has decided on what is refused here. What follows is for the case \
                 that it is deployed all the same."
            ));
        }
        steps.extend(self.broken_anyway());
        steps.extend(self.recorded.iter().map(|name| {
            format!(
                "Record `{name}` as applied, on every database on {from}: `run-migration baseline --up-to '{name}'`. \
                 Without that `prisma migrate deploy` runs it, and fails."
            )
        }));
        if pending.is_empty() {
            steps.push(format!(
                "Replace the pods of {from} by those of {to} one by one: `prisma migrate deploy` has nothing to apply."
            ));
            return steps;
        }
        steps.push(format!(
            "See that the database is where {from} left it: `prisma migrate status` with the migrations of {from} says \
             \"Database schema is up to date!\"."
        ));
        steps.extend(self.backup());
        steps.extend(self.rows_in_the_way());
        match order {
            Order::StopFirst => steps.push(format!(
                "Stop every pod of {from}, all replicas, and see that none comes back."
            )),
            Order::Rolling => steps.push(format!("Leave the pods of {from} running.")),
            Order::Unproved => steps.push(format!(
                "Find out whether the pods of {from} may go on running: the same check without --no-database says so. \
                 Until then, stop them all."
            )),
        }
        steps.extend(self.waiting());
        let count = if pending.len() == 1 {
            "1 migration".to_owned()
        } else {
            format!("{} migrations", pending.len())
        };
        steps.push(format!(
            "Run `prisma migrate deploy` with the migrations of {to} once, from one place. It applies {count}: {}.",
            list(pending)
        ));
        match order {
            Order::Rolling => steps.push(format!("Replace the pods of {from} by those of {to} one by one.")),
            Order::StopFirst | Order::Unproved => steps.push(format!("Start the pods of {to}.")),
        }
        steps.extend(self.afterwards(order));
        steps
    }

    /// The new code on a database that never gets what it asks for.
    fn broken_anyway(&self) -> Option<String> {
        let lacking: Vec<_> = self.lacking.iter().map(String::as_str).collect();
        (!lacking.is_empty()).then(|| {
            format!(
                "Know that the pods of {} fail on this database: what their schema asks for is not there after the \
                 deploy, namely {}. Somebody has to add it by hand, or by a release with the migration for it.",
                self.to,
                list(&lacking)
            )
        })
    }

    fn backup(&self) -> Option<String> {
        let destroyed: Vec<_> = self
            .findings
            .iter()
            .filter(|finding| finding.severity > Severity::Info && DESTROYS_DATA.contains(&finding.rule))
            .map(|finding| finding.object.as_str())
            .collect();
        (!destroyed.is_empty()).then(|| {
            format!(
                "Take a backup: {} will be gone or changed for good, and no way back to {} brings it back.",
                list(&unique(&destroyed)),
                self.from
            )
        })
    }

    fn rows_in_the_way(&self) -> Option<String> {
        let objects: Vec<_> = self
            .findings
            .iter()
            .filter(|finding| finding.severity == Severity::Warn && IN_THE_WAY.contains(&finding.rule))
            .map(|finding| finding.object.as_str())
            .collect();
        (!objects.is_empty()).then(|| {
            format!(
                "Look for rows that are in the way in {}, and mend them: with one of them the migration fails, and \
                 `prisma migrate deploy` applies nothing more until somebody has resolved that.",
                list(&unique(&objects))
            )
        })
    }

    fn waiting(&self) -> Option<String> {
        let tables = objects(self.impacts?, |severity| severity == Trouble::Lock);
        (!tables.is_empty()).then(|| {
            format!(
                "Choose a quiet hour: {} cannot be written to, or not even read, while a migration works through every \
                 row.",
                list(&tables)
            )
        })
    }

    fn afterwards(&self, order: Order) -> Option<String> {
        let tables = objects(self.impacts?, |severity| severity == Trouble::PreparedPlan);
        (order == Order::Rolling && !tables.is_empty()).then(|| {
            format!(
                "Old pods that log \"cached plan must not change result type\" (0A000) for {} have prepared statements \
                 from before: restart those that do not recover by themselves.",
                list(&tables)
            )
        })
    }
}

fn objects(impacts: &[Impact], wanted: impl Fn(Trouble) -> bool) -> Vec<&str> {
    let all: Vec<_> = impacts
        .iter()
        .filter(|impact| wanted(impact.severity))
        .map(|impact| impact.object.as_str())
        .collect();
    unique(&all)
}

fn unique<'a>(names: &[&'a str]) -> Vec<&'a str> {
    let mut unique: Vec<&str> = Vec::new();
    for name in names {
        if !unique.contains(name) {
            unique.push(name);
        }
    }
    unique
}

fn list(names: &[&str]) -> String {
    let shown: Vec<_> = names.iter().take(LISTED).map(|name| format!("`{name}`")).collect();
    match names.len().saturating_sub(LISTED) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn impact(severity: Trouble, object: &str) -> Impact {
        Impact { severity, object: object.into(), what: String::new(), migration: None }
    }

    fn planned(impacts: Option<&[Impact]>, pending: &[&str]) -> Rollout {
        plan(Situation { from: "1", to: "2", pending, recorded: &[], impacts, findings: &[], lacking: &[] })
    }

    #[test]
    fn old_pods_are_stopped_where_they_would_break_or_be_refused() {
        for (severity, wanted) in [
            (Trouble::Breaking, Order::StopFirst),
            (Trouble::WriteReject, Order::StopFirst),
            (Trouble::PreparedPlan, Order::Rolling),
            (Trouble::Lock, Order::Rolling),
            (Trouble::Info, Order::Rolling),
        ] {
            let rollout = planned(Some(&[impact(severity, "User.email")]), &["1_a"]);
            assert_eq!(rollout.order, wanted, "{severity:?}");
            let stops = rollout.steps.iter().any(|step| step.starts_with("Stop every pod of 1"));
            assert_eq!(stops, wanted == Order::StopFirst, "{:?}", rollout.steps);
        }
    }

    #[test]
    fn without_migrations_nothing_is_stopped_and_without_a_database_nothing_is_promised() {
        assert_eq!(planned(None, &[]).order, Order::Rolling);
        assert_eq!(planned(None, &["1_a"]).order, Order::Unproved);
    }

    #[test]
    fn names_beyond_a_few_are_counted() {
        assert_eq!(list(&["a", "b"]), "`a`, `b`");
        assert_eq!(list(&["a", "b", "c", "d", "e", "f", "g"]), "`a`, `b`, `c`, `d`, `e` and 2 more");
    }
}
