//! Constraints, and the unique keys that they and unique indexes see to.

use super::{Catalog, Space};
use crate::guard::{
    action::{Certainty, Constraint, ConstraintKind, Kind},
    name::{LONGEST, Name},
};

/// Columns of a table that no two rows share the values of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UniqueKey {
    /// The index or constraint that sees to it.
    pub(super) name: Option<String>,
    pub(super) columns: Vec<String>,
    /// Only of the rows that it holds for.
    pub(super) predicate: Option<String>,
    /// The script dropped it; what was there when the script began still has it.
    pub(super) dropped: bool,
}

impl Catalog<'_> {
    pub(super) fn add_key(
        &mut self,
        table: &Name,
        name: Option<&String>,
        columns: &[String],
        predicate: &Option<String>,
    ) {
        let key = UniqueKey {
            name: name.cloned(),
            columns: columns.to_vec(),
            predicate: predicate.clone(),
            dropped: false,
        };
        self.change(Space::Relation, table, |object| object.keys.push(key));
    }

    pub(super) fn add_constraint(&mut self, table: &Name, constraint: &Constraint) {
        let name = constraint.name.clone().or_else(|| default_name(table, constraint));
        if let Some(name) = &name {
            let name = table.member(name);
            self.create(Kind::Constraint, &name, Certainty::Certain);
            self.change(Space::Constraint, &name, |object| object.demands = Some(constraint.clone()));
        }
        if matches!(constraint.kind, ConstraintKind::Unique | ConstraintKind::PrimaryKey) {
            self.add_key(table, name.as_ref(), &constraint.columns, &None);
        }
    }

    /// The keys of the tables in `schema` that the index or constraint `name` saw to.
    pub(super) fn drop_key(&mut self, table: Option<&Name>, schema: Option<&String>, name: &str) {
        let is_meant = |key: &UniqueKey| key.name.as_deref() == Some(name);
        let tables: Vec<Name> = match table {
            Some(table) => vec![table.clone()],
            None => self
                .history
                .objects
                .iter()
                .filter(|((table, _), object)| {
                    table.schema.as_ref() == schema && object.keys.iter().any(is_meant)
                })
                .map(|((table, _), _)| table.clone())
                .collect(),
        };
        for table in tables {
            self.change(Space::Relation, &table, |object| {
                object.keys.iter_mut().filter(|key| is_meant(key)).for_each(|key| key.dropped = true);
            });
        }
    }

    /// Whether a key that the table had when the script began, or got since, makes `columns` unique too.
    #[must_use]
    pub fn is_unique(&self, table: &Name, columns: &[String], predicate: Option<&String>) -> bool {
        let is_enough = |key: &UniqueKey| {
            !key.columns.is_empty()
                && key.columns.iter().all(|column| columns.contains(column))
                && (key.predicate.is_none() || key.predicate.as_ref() == predicate)
        };
        self.get(Space::Relation, table).is_some_and(|object| object.keys.iter().any(is_enough))
    }
}

/// The name that PostgreSQL gives a constraint without one; `None` where it would have to be cut.
fn default_name(table: &Name, constraint: &Constraint) -> Option<String> {
    let suffix = match constraint.kind {
        ConstraintKind::PrimaryKey => return Some(format!("{}_pkey", table.name)),
        ConstraintKind::Unique => "key",
        ConstraintKind::ForeignKey { .. } => "fkey",
        _ => return None,
    };
    let name = format!("{}_{}_{suffix}", table.name, constraint.columns.join("_"));
    (name.len() <= LONGEST).then_some(name)
}
