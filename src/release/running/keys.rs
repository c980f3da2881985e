//! Constraints and indexes: what they refuse, and what relies on them.

use super::{Judge, Trouble};
use crate::{
    catalog::{Catalog, Change, Constraint, ConstraintKind, Difference},
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
                if is_new && self.cannot_meet(table, &constraint) {
                    return None;
                }
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
                let columns: Vec<_> = index.columns.iter().map(Option::as_deref).collect();
                let is_new = !self.cannot_be_twice(table, (&index.definition, &columns));
                (index.unique && !index.of_constraint && is_new).then(|| {
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

    /// Whether no row that a process writes which does not know the new columns can be against the constraint.
    fn cannot_meet(&self, table: &Name, constraint: &Constraint) -> bool {
        let columns = constraint.columns.iter().map(|column| Some(column.as_str()));
        match constraint.kind {
            ConstraintKind::ForeignKey => self.has_a_new_null(table, columns),
            ConstraintKind::Unique | ConstraintKind::PrimaryKey | ConstraintKind::Exclusion => {
                let definition = constraint.definition.as_str();
                self.cannot_be_twice(table, (definition, &columns.collect::<Vec<_>>()))
            }
            ConstraintKind::Check => {
                let mut columns = columns.peekable();
                columns.peek().is_some()
                    && columns.all(|column| self.has_a_new_null(table, [column].into_iter()))
                    && !constraint.definition.contains("IS NOT NULL")
            }
        }
    }

    /// Whether rows that were unlike one another before cannot be alike by these columns: one of them is new and
    /// stays NULL, or some of them were unique already.
    fn cannot_be_twice(&self, table: &Name, (definition, columns): (&str, &[Option<&str>])) -> bool {
        let nulls_differ = !definition.contains("NULLS NOT DISTINCT");
        if nulls_differ && self.has_a_new_null(table, columns.iter().copied()) {
            return true;
        }
        let Some(before) = self.before.tables.get(table) else { return true };
        before.indexes.values().any(|index| {
            let is_among = |column: &Option<String>| {
                column.as_deref().is_some_and(|column| columns.contains(&Some(column)))
            };
            index.unique && !index.partial && index.columns.iter().all(is_among)
        })
    }

    /// Whether one of the columns is new, and NULL in every row of a process that does not know it.
    fn has_a_new_null<'c>(&self, table: &Name, mut columns: impl Iterator<Item = Option<&'c str>>) -> bool {
        let (Some(before), Some(after)) = (self.before.tables.get(table), self.after.tables.get(table))
        else {
            return false;
        };
        columns.any(|name| {
            let Some(column) = name.and_then(|name| after.column(name)) else { return false };
            before.column(&column.name).is_none()
                && column.default.is_none()
                && column.identity.is_none()
                && column.generated.is_none()
        })
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
