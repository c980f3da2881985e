//! Objects that are gone, and what went along with them.

use super::{super::verdict::Verdict, Judge, mentions, own_name};
use crate::{
    catalog::{Catalog, Change, Constraint, ConstraintKind, Difference, Index, Kind, relation},
    guard::{name::Name, rules},
};

/// The rule for objects of a kind that are gone.
pub(super) const fn rule(kind: Kind) -> Option<&'static str> {
    Some(match kind {
        Kind::Table => "drop_table",
        Kind::Column => "drop_column",
        Kind::Index => "drop_index",
        Kind::View | Kind::MaterializedView => "drop_view",
        Kind::Sequence => "drop_sequence",
        Kind::Type | Kind::Domain => "drop_type",
        Kind::Schema => "drop_schema",
        Kind::Extension => "drop_extension",
        Kind::Routine => "drop_function",
        Kind::Trigger => "drop_trigger",
        Kind::Policy => "change_policy",
        Kind::Constraint => "drop_constraint",
        Kind::Rule | Kind::Other => "drop_object",
    })
}

impl Judge<'_> {
    pub(super) fn lost(self, difference: &Difference) -> Option<Verdict> {
        if self.goes_along(difference) {
            return None;
        }
        let rule = rules::find(rule(difference.kind)?)?;
        let mut verdict = Verdict::new(rule.id, rule.severity, (difference.kind, difference.object.clone()))
            .because(self.retype(difference).unwrap_or_default())
            .proved(match difference.change {
                Change::Replaced => {
                    "run on the temporary database: it is dropped, and another one has its name"
                }
                _ => "run on the temporary database: it is gone",
            })
            .at(self.place(difference));
        let along = self.company(difference);
        if !along.is_empty() {
            verdict = verdict.proved(format!("goes along: {}", along.join(", ")));
        }
        Some(verdict)
    }

    /// Prisma changes a type that PostgreSQL cannot cast by dropping the column and adding it again.
    fn retype(self, difference: &Difference) -> Option<String> {
        if difference.change != Change::Replaced || difference.kind != Kind::Column {
            return None;
        }
        let column = own_name(&difference.object);
        let data_type = |catalog: &Catalog| {
            let table = catalog.tables.get(difference.on.as_ref()?)?;
            Some(table.column(&column)?.data_type.clone())
        };
        let (from, to) = (data_type(&self.effect.before)?, data_type(&self.effect.after)?);
        Some(format!(
            "It is dropped and added again, as {to} instead of {from}: this is how Prisma changes a type that it \
             cannot cast."
        ))
    }

    /// Whether the object is a part of a greater loss, which names it.
    fn goes_along(self, difference: &Difference) -> bool {
        self.gone.with_its_table(difference)
            || self.serves_something(difference)
            || self.lost_column_of(difference).is_some()
    }

    /// Whether the object has no meaning of its own: the index behind a constraint, the sequence of a column.
    pub(super) fn serves_something(self, difference: &Difference) -> bool {
        match difference.kind {
            Kind::Index => self.index(difference).is_some_and(|index| index.of_constraint),
            Kind::Sequence => {
                let sequence = self.effect.before.sequences.get(&relation(&difference.object));
                sequence.and_then(|sequence| sequence.owned_by.as_ref()).is_some_and(|owner| {
                    let mut table = Name::split(owner);
                    table.pop();
                    self.gone.columns.contains(owner)
                        || self.gone.tables.contains(&Name::from_parts(&table).to_string())
                })
            }
            _ => false,
        }
    }

    /// The lost column that took an index or a constraint along.
    fn lost_column_of(self, difference: &Difference) -> Option<String> {
        let on = difference.on.as_ref()?;
        let (columns, definition) = match (self.index(difference), self.constraint(difference)) {
            (Some(index), _) => {
                (index.columns.iter().flatten().cloned().collect::<Vec<_>>(), index.definition.as_str())
            }
            (_, Some(constraint)) => (constraint.columns.clone(), ""),
            (None, None) => return None,
        };
        let table = self.effect.before.tables.get(on)?;
        let is_used = |name: &String| columns.contains(name) || mentions(definition, name);
        let used = table.columns.iter().map(|column| &column.name).filter(|name| is_used(name));
        used.map(|name| on.member(name).to_string()).find(|column| self.gone.columns.contains(column))
    }

    fn index(&self, difference: &Difference) -> Option<&Index> {
        let on = difference.on.as_ref().filter(|_| difference.kind == Kind::Index)?;
        let name = &relation(&difference.object).name;
        let of_table = self.effect.before.tables.get(on).and_then(|table| table.indexes.get(name));
        of_table.or_else(|| self.effect.before.views.get(on)?.indexes.get(name))
    }

    fn constraint(&self, difference: &Difference) -> Option<&Constraint> {
        let on = difference.on.as_ref().filter(|_| difference.kind == Kind::Constraint)?;
        self.effect.before.tables.get(on)?.constraints.get(&own_name(&difference.object))
    }

    /// What goes along with a lost table or column: of a table what Prisma does not know of, for the rest stands
    /// in the schema; of a column everything.
    fn company(self, difference: &Difference) -> Vec<String> {
        let goes_with = |other: &&Difference| match difference.kind {
            Kind::Table => {
                other.on.as_ref().is_some_and(|on| on.to_string() == difference.object)
                    && self.is_outside_the_schema(other)
            }
            Kind::Column => self.lost_column_of(other).as_deref() == Some(&difference.object),
            _ => false,
        };
        let lost = self.effect.differences.iter().filter(|other| other.change == Change::Lost);
        lost.filter(goes_with).map(|other| format!("{} {}", other.kind.words(), other.object)).collect()
    }

    /// Whether the object is one that no schema.prisma can describe.
    fn is_outside_the_schema(self, difference: &Difference) -> bool {
        let is_check = |constraint: &Constraint| {
            matches!(constraint.kind, ConstraintKind::Check | ConstraintKind::Exclusion)
        };
        matches!(difference.kind, Kind::Trigger | Kind::Policy | Kind::Rule)
            || self
                .index(difference)
                .is_some_and(|index| index.partial || index.columns.iter().any(Option::is_none))
            || self.constraint(difference).is_some_and(is_check)
    }
}
