//! What a process of the previous release meets that is still running when the new release's migrations are
//! applied: told from the catalog that it knows and the one that it finds.

mod columns;
mod keys;
mod others;
mod types;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    catalog::{Catalog, Change, Difference, Kind, Matching, compare},
    finding::Severity,
    guard::{name::Name, proof::Verdict},
};

/// How bad it is for a running process. The worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    /// It reads or writes what is no longer there.
    Breaking,
    /// The database refuses rows that it was right to write.
    WriteReject,
    /// A statement that it has prepared fails until it is prepared anew.
    PreparedPlan,
    /// It waits while a migration runs.
    Lock,
    /// It can go on; somebody should know all the same.
    Info,
}

impl Trouble {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Breaking => "breaking",
            Self::WriteReject => "write-reject",
            Self::PreparedPlan => "prepared-plan",
            Self::Lock => "lock",
            Self::Info => "info",
        }
    }
}

/// One thing that a running process meets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Impact {
    /// How bad it is.
    pub severity: Trouble,
    /// What it is about: `[schema.]table[.column]`, or a type, view or function.
    pub object: String,
    /// What happens to the process, with PostgreSQL's code where it answers with one.
    pub what: String,
    /// The migration that does it, where one alone does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub migration: Option<String>,
}

/// What one migration did to the database, and what it kept waiting.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// The migration.
    pub migration: &'a str,
    /// What it changed.
    pub differences: &'a [Difference],
    /// What its statements waited for and kept waiting.
    pub waits: &'a [Verdict],
}

/// Everything that a process meets which knows `before`, when the migrations of `steps` make it `after`. Both
/// are catalogs of one database and its clone.
#[must_use]
pub fn impacts(before: &Catalog, after: &Catalog, steps: &[Step<'_>]) -> Vec<Impact> {
    let differences = compare(before, after, Matching::Identity);
    let judge = Judge { before, after };
    let mut found: Vec<Impact> = Vec::new();
    for difference in &differences {
        if let Some((severity, what)) = judge.verdict(difference) {
            let migration = steps
                .iter()
                .rfind(|step| step.differences.iter().any(|other| is_same(other, difference)))
                .map(|step| step.migration.to_owned());
            found.push(Impact { severity, object: difference.object.clone(), what, migration });
        }
    }
    found.extend(judge.plans(&differences, &found));
    found.extend(judge.locks(steps));
    found.sort_by(|one, other| (one.severity, &one.object).cmp(&(other.severity, &other.object)));
    found.dedup();
    found
}

fn is_same(one: &Difference, other: &Difference) -> bool {
    one.kind == other.kind && one.object == other.object
}

struct Judge<'a> {
    before: &'a Catalog,
    after: &'a Catalog,
}

impl Judge<'_> {
    fn verdict(&self, difference: &Difference) -> Option<(Trouble, String)> {
        // What stands on a table that the process does not know, or cannot find any more, does not concern it.
        if difference.on.as_ref().is_some_and(|on| !self.knows(on) || !self.is_found(on)) {
            return None;
        }
        match difference.kind {
            Kind::Table => others::table(difference),
            Kind::Column => self.column(difference),
            Kind::Constraint => self.constraint(difference),
            Kind::Index => self.index(difference),
            Kind::Type | Kind::Domain => others::user_type(difference),
            Kind::View | Kind::MaterializedView => others::view(difference),
            Kind::Trigger | Kind::Rule => others::attached(difference),
            Kind::Policy => others::policy(difference),
            Kind::Routine => others::routine(difference),
            Kind::Schema | Kind::Sequence => others::privileges(difference),
            Kind::Extension | Kind::Other => None,
        }
    }

    fn knows(&self, relation: &Name) -> bool {
        self.before.tables.contains_key(relation) || self.before.views.contains_key(relation)
    }

    /// Whether the relation still has its name.
    fn is_found(&self, relation: &Name) -> bool {
        self.after.tables.contains_key(relation) || self.after.views.contains_key(relation)
    }

    /// New columns of tables that a process may have prepared `SELECT *` of: one for each table.
    fn plans(&self, differences: &[Difference], found: &[Impact]) -> Vec<Impact> {
        let mut by_table: BTreeMap<&Name, Vec<String>> = BTreeMap::new();
        for difference in differences {
            let Some(table) = difference.on.as_ref().filter(|table| self.knows(table)) else { continue };
            if difference.kind == Kind::Column && matches!(difference.change, Change::Added | Change::Lost) {
                let name = Name::split(&difference.object).pop().unwrap_or_default();
                by_table.entry(table).or_default().push(name);
            }
        }
        let is_gone = |table: &Name| {
            let name = table.to_string();
            found.iter().any(|impact| impact.object == name && impact.severity == Trouble::Breaking)
        };
        by_table
            .into_iter()
            .filter(|(table, _)| !is_gone(table))
            .map(|(table, columns)| Impact {
                severity: Trouble::PreparedPlan,
                object: table.to_string(),
                what: format!(
                    "its columns change ({}): a prepared `SELECT *` fails with \"cached plan must not change result \
                     type\" (0A000) until it is prepared anew; statements that name their columns, such as Prisma \
                     Client's own, do not notice",
                    columns.join(", ")
                ),
                migration: None,
            })
            .collect()
    }

    fn locks(&self, steps: &[Step<'_>]) -> Vec<Impact> {
        let long = |wait: &&Verdict| wait.severity >= Severity::Warn;
        steps
            .iter()
            .flat_map(|step| step.waits.iter().filter(long).map(|wait| (step.migration, wait)))
            .filter(|(_, wait)| self.before.tables.keys().any(|table| table.to_string() == wait.object))
            .map(|(migration, wait)| Impact {
                severity: Trouble::Lock,
                object: wait.object.clone(),
                what: format!("{} It was {}", wait.why(), wait.proof.join("; ")),
                migration: Some(migration.to_owned()),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_comes_first() {
        let order =
            [Trouble::Breaking, Trouble::WriteReject, Trouble::PreparedPlan, Trouble::Lock, Trouble::Info];
        assert!(order.is_sorted());
        let words: Vec<_> = order.iter().map(|one| serde_json::to_value(one).unwrap()).collect();
        assert_eq!(words, order.map(Trouble::word));
    }
}
