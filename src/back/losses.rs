//! What no script brings back, told from what the migration did.

use std::collections::BTreeSet;

use crate::{
    catalog::{Change, ConstraintKind, Difference, Kind, Property, quoted},
    guard::{name::Name, proof::Effect},
};

/// What a way back cannot do, a phrase each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Losses {
    /// What was written since and goes.
    pub destroys: Vec<String>,
    /// What the migration took and does not come back.
    pub stays_lost: Vec<String>,
    /// Rows on which the script fails.
    pub fails_where: Vec<String>,
}

impl Losses {
    /// What the way back `sql` from `effect` cannot do; `rows` are the lines of the migration that change rows.
    pub(super) fn of(effect: &Effect, sql: &str, rows: &[usize]) -> Self {
        let mut losses = Self::default();
        let touched: BTreeSet<Name> = effect
            .differences
            .iter()
            .filter(|one| one.kind == Kind::Table)
            .filter(|one| matches!(one.change, Change::Added | Change::Lost | Change::Replaced))
            .map(|one| crate::catalog::relation(&one.object))
            .collect();
        // What differs only because something that it names has another name is put right without being named.
        let is_named = |one: &Difference| match one.change {
            Change::Changed { .. } => sql.contains(&quoted(&super::plan::own_name(one))),
            _ => true,
        };
        for one in effect.differences.iter().filter(|one| is_named(one)) {
            if !one.on.as_ref().is_some_and(|on| touched.contains(on)) {
                losses.add(effect, one);
            }
        }
        losses.stays_lost.extend(
            rows.iter().map(|line| format!("what the rows were that line {line} of the migration changes")),
        );
        losses
    }

    fn add(&mut self, effect: &Effect, one: &Difference) {
        let object = &one.object;
        match (&one.change, one.kind) {
            (Change::Added, Kind::Table) => self.destroys.push(format!("the rows of {object}")),
            (Change::Added, Kind::Column) => self.destroys.push(format!("the values of {object}")),
            (Change::Lost | Change::Replaced, Kind::Table) => {
                self.stays_lost.push(format!("the rows that {object} had"));
            }
            (Change::Lost | Change::Replaced, Kind::Column) => self.lost_column(effect, one),
            (Change::Lost, Kind::Sequence) => {
                self.stays_lost.push(format!("how far {object} had counted"));
            }
            (Change::Lost, Kind::Constraint | Kind::Index) if demands(effect, one) => {
                self.fails_where.push(format!("rows break {object}"));
            }
            (Change::Changed { property, before, after, .. }, kind) => {
                self.changed(one, (kind, *property), (before, after));
            }
            _ => {}
        }
    }

    fn lost_column(&mut self, effect: &Effect, one: &Difference) {
        let object = &one.object;
        self.stays_lost.push(format!("the values that {object} had"));
        let column = super::columns::find(&effect.before, object);
        let is_demanding = column.is_some_and(|column| {
            !column.nullable
                && column.default.is_none()
                && column.identity.is_none()
                && column.generated.is_none()
        });
        if is_demanding && one.change == Change::Lost {
            self.fails_where.push(format!("its table has rows: {object} is NOT NULL and has no default"));
        }
    }

    fn changed(
        &mut self,
        one: &Difference,
        (kind, property): (Kind, Property),
        (before, after): (&[String], &[String]),
    ) {
        let object = &one.object;
        match (kind, property) {
            (Kind::Column, property) if super::columns::is_of_type(property) => {
                let (was, is) = (before.concat(), after.concat());
                self.stays_lost.push(format!("what the values of {object} lost when {was} became {is}"));
                self.fails_where.push(format!("a value of {object} is no {was}"));
            }
            (Kind::Column, Property::Nullability) if before.first().is_some_and(|was| was == "NOT NULL") => {
                self.fails_where.push(format!("{object} is NULL"));
            }
            (Kind::Type, Property::Labels) => {
                let added = after.iter().filter(|label| !before.contains(label));
                self.fails_where.extend(added.map(|label| format!("a row holds '{label}' of {object}")));
                let lost = before.iter().filter(|label| !after.contains(label));
                self.stays_lost.extend(lost.map(|label| format!("which rows held '{label}' of {object}")));
            }
            (Kind::Constraint, Property::Definition) => {
                self.fails_where.push(format!("rows break {object} as it was"));
            }
            _ => {}
        }
    }
}

/// Whether rows can break it.
fn demands(effect: &Effect, one: &Difference) -> bool {
    let name = Name::split(&one.object).pop().unwrap_or_default();
    let Some(table) = one.on.as_ref().and_then(|on| effect.before.tables.get(on)) else { return false };
    match one.kind {
        Kind::Index => table.indexes.get(&name).is_some_and(|index| index.unique && !index.of_constraint),
        _ => table.constraints.get(&name).is_some_and(|constraint| {
            constraint.kind != ConstraintKind::ForeignKey || !constraint.definition.ends_with("NOT VALID")
        }),
    }
}
