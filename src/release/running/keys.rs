//! Constraints and indexes: what they refuse, and what relies on them.

use super::{Judge, Trouble};
use crate::{
    catalog::{Catalog, Change, ConstraintKind, Difference},
    guard::name::Name,
};

impl Judge<'_> {
    pub(super) fn constraint(&self, difference: &Difference) -> Option<(Trouble, String)> {
        let table = difference.on.as_ref()?;
        let name = Name::split(&difference.object).pop()?;
        let of = |catalog: &Catalog| catalog.tables.get(table)?.constraints.get(&name).cloned();
        match &difference.change {
            Change::Added | Change::Changed { .. } => {
                let constraint = of(self.after)?;
                let (kind, code) = match constraint.kind {
                    ConstraintKind::PrimaryKey => ("primary key", "23505"),
                    ConstraintKind::Unique => ("unique constraint", "23505"),
                    ConstraintKind::ForeignKey => ("foreign key", "23503"),
                    ConstraintKind::Check => ("condition", "23514"),
                    ConstraintKind::Exclusion => ("exclusion constraint", "23P01"),
                };
                let is_new = matches!(difference.change, Change::Added);
                if !is_new
                    && of(self.before)
                        .is_some_and(|old| only_actions_differ(&old.definition, &constraint.definition))
                {
                    return Some((
                        Trouble::Info,
                        format!(
                            "the foreign key does something else when rows it points to change: {}",
                            constraint.definition
                        ),
                    ));
                }
                let word = if is_new { "a new" } else { "another" };
                Some((
                    Trouble::WriteReject,
                    format!(
                        "{word} {kind} that the process never knew, {}: rows against it are refused ({code})",
                        constraint.definition
                    ),
                ))
            }
            Change::Lost => {
                let constraint = of(self.before)?;
                let is_key = matches!(constraint.kind, ConstraintKind::PrimaryKey | ConstraintKind::Unique);
                (is_key && !self.is_still_unique(table, &constraint.columns))
                    .then(|| no_longer_unique(&constraint.columns))
            }
            Change::Replaced | Change::Renamed { .. } => None,
        }
    }

    pub(super) fn index(&self, difference: &Difference) -> Option<(Trouble, String)> {
        let table = difference.on.as_ref()?;
        let name = Name::split(&difference.object).pop()?;
        let of = |catalog: &Catalog| catalog.tables.get(table)?.indexes.get(&name).cloned();
        let columns = |columns: &[Option<String>]| columns.iter().cloned().collect::<Option<Vec<_>>>();
        match &difference.change {
            Change::Added => {
                let index = of(self.after)?;
                (index.unique && !index.of_constraint).then(|| {
                    let what = format!(
                        "a new unique index, {}: rows against it are refused (23505)",
                        index.definition
                    );
                    (Trouble::WriteReject, what)
                })
            }
            Change::Lost => {
                let index = of(self.before)?;
                let columns = columns(&index.columns).filter(|_| !index.of_constraint)?;
                if index.unique {
                    return (!self.is_still_unique(table, &columns)).then(|| no_longer_unique(&columns));
                }
                Some((
                    Trouble::Info,
                    format!(
                        "the index on {} is gone: what used it reads the whole table",
                        columns.join(", ")
                    ),
                ))
            }
            _ => None,
        }
    }

    /// Whether something still keeps the columns unique, so that `ON CONFLICT` finds it.
    fn is_still_unique(&self, table: &Name, columns: &[String]) -> bool {
        let Some(after) = self.after.tables.get(table) else { return true };
        after.indexes.values().any(|index| {
            index.unique
                && !index.partial
                && index.columns.len() == columns.len()
                && columns.iter().all(|column| index.columns.iter().flatten().any(|other| other == column))
        })
    }
}

fn no_longer_unique(columns: &[String]) -> (Trouble, String) {
    (
        Trouble::Breaking,
        format!(
            "nothing keeps ({}) unique any more: an upsert on it (INSERT ... ON CONFLICT) fails (42P10)",
            columns.join(", ")
        ),
    )
}

/// Whether two foreign keys differ in nothing but what they do when the rows change that they point to.
fn only_actions_differ(one: &str, other: &str) -> bool {
    let bare = |definition: &str| definition.split(" ON ").next().unwrap_or_default().to_owned();
    one.starts_with("FOREIGN KEY") && bare(one) == bare(other)
}
