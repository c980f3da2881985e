//! Objects that are new, have another name, or another property.

use super::{super::verdict::Verdict, Judge, mentions, own_name};
use crate::{
    catalog::{Change, ConstraintKind, Difference, Direction, Kind, Property, TypeShape, relation},
    finding::Severity,
    guard::{name::Name, rules},
};

/// A property before and after.
pub(super) struct Values<'a> {
    pub(super) property: Property,
    pub(super) before: &'a [String],
    pub(super) after: &'a [String],
    pub(super) direction: Direction,
}

impl Judge<'_> {
    fn of(self, rule: &str, difference: &Difference) -> Option<Verdict> {
        let rule = rules::find(rule)?;
        let object = (difference.kind, difference.object.clone());
        Some(Verdict::new(rule.id, rule.severity, object).at(self.place(difference)))
    }

    /// A new thing on a table that was there before, which changes what the table does.
    pub(super) fn added(self, difference: &Difference) -> Option<Verdict> {
        let table = difference.on.as_ref().filter(|table| self.effect.before.tables.contains_key(table))?;
        let proof = "run on the temporary database: it is there now";
        match difference.kind {
            Kind::Constraint => self.cascades(difference, table),
            Kind::Policy => self.of("change_policy", difference).map(|verdict| verdict.proved(proof)),
            Kind::Rule => {
                let rule = self.effect.after.tables.get(table)?.rules.get(&own_name(&difference.object))?;
                let is_instead = rule.sql.contains(" INSTEAD ");
                self.of("create_rule", difference).filter(|_| is_instead).map(|verdict| verdict.proved(proof))
            }
            _ => None,
        }
    }

    /// A foreign key through which deletions elsewhere now reach the rows of the table.
    fn cascades(self, difference: &Difference, table: &Name) -> Option<Verdict> {
        let name = own_name(&difference.object);
        let after = self.effect.after.tables.get(table)?.constraints.get(&name)?;
        let before = self.effect.before.tables.get(table)?.constraints.get(&name);
        let deletes = |definition: &str| definition.contains("ON DELETE CASCADE");
        if after.kind != ConstraintKind::ForeignKey
            || !deletes(&after.definition)
            || before.is_some_and(|before| deletes(&before.definition))
        {
            return None;
        }
        let parent = &after.references.as_ref()?.table;
        // A table without rows has none to delete.
        let is_new = !self.effect.before.tables.contains_key(parent);
        let severity = if is_new { Severity::Info } else { Severity::Warn };
        let verdict = self.of("cascading_delete", difference)?;
        Some(
            Verdict { severity, ..verdict }
                .proved(format!("run on the temporary database: {}", after.definition)),
        )
    }

    pub(super) fn renamed(self, difference: &Difference, to: &str) -> Option<Verdict> {
        let schema = |object: &str| if difference.on.is_some() { None } else { relation(object).schema };
        let has_moved = schema(&difference.object) != schema(to);
        let rule = match difference.kind {
            // With the table's name those of its columns change.
            Kind::Column if own_name(&difference.object) == own_name(to) => return None,
            Kind::Column => "rename_column",
            Kind::Table | Kind::View | Kind::MaterializedView | Kind::Type | Kind::Domain if has_moved => {
                "set_schema"
            }
            Kind::Table | Kind::View | Kind::MaterializedView => "rename_table",
            Kind::Type | Kind::Domain | Kind::Routine => "rename_object",
            _ => return None,
        };
        let proof = format!("run on the temporary database: it is called {to} and holds what it held");
        self.of(rule, difference).map(|verdict| verdict.proved(proof))
    }

    pub(super) fn changed(self, difference: &Difference, values: &Values<'_>) -> Option<Verdict> {
        let is_text =
            matches!(values.property, Property::Definition | Property::Default | Property::Generated);
        let is_gone = self.gone.columns.contains(&difference.object)
            || self.gone.tables.contains(&difference.object)
            || self.gone.with_its_table(difference);
        if is_gone || is_text && self.follows_a_rename(values.before) {
            return None;
        }
        if difference.kind == Kind::Constraint && values.property == Property::Definition {
            return self.added(difference).or_else(|| self.other_terms(difference, values));
        }
        if difference.kind == Kind::Index && self.serves_something(difference) {
            return None;
        }
        let (was, is) = (written(values.before), written(values.after));
        let proof =
            format!("run on the temporary database: {} {is} instead of {was}", values.property.words());
        let verdict = self.of(self.rule(difference, values)?, difference)?.proved(proof);
        Some(match difference.kind {
            Kind::Index => verdict.because("Another index has its name now."),
            _ => verdict,
        })
    }

    /// A key or a unique constraint that demands something else of the rows.
    fn other_terms(self, difference: &Difference, values: &Values<'_>) -> Option<Verdict> {
        let after = self.effect.after.tables.get(difference.on.as_ref()?)?;
        let constraint = after.constraints.get(&own_name(&difference.object))?;
        if !matches!(constraint.kind, ConstraintKind::PrimaryKey | ConstraintKind::Unique) {
            return None;
        }
        let (was, is) = (written(values.before), written(values.after));
        let verdict = self.of("drop_constraint", difference)?.because("It has other terms now.");
        Some(verdict.proved(format!("run on the temporary database: {is} instead of {was}")))
    }

    fn rule(self, difference: &Difference, values: &Values<'_>) -> Option<&'static str> {
        let narrowed = values.direction == Direction::Narrowed;
        Some(match (difference.kind, values.property) {
            (Kind::Column, Property::Default) if values.before.is_empty() => return None,
            (Kind::Column, Property::Default) if values.after.is_empty() => "drop_default",
            (Kind::Column, Property::Default) if is_one_value(values.before, values.after) => return None,
            (Kind::Column, Property::Default) => "change_default",
            (Kind::Column, Property::Generated) if narrowed => "drop_expression",
            (Kind::Column, Property::Identity) if values.after.is_empty() => "drop_expression",
            (Kind::Table, Property::Parents) if narrowed => "detach_partition",
            (Kind::Table, Property::RowSecurity) => "change_policy",
            (Kind::Table, Property::Persistence) if narrowed => "set_unlogged",
            (_, Property::Privileges) if narrowed => "revoke",
            (Kind::Type, Property::Labels) if narrowed => return self.labels(difference),
            (Kind::Type, Property::Definition)
                if values.before.iter().any(|attribute| !values.after.contains(attribute)) =>
            {
                "drop_column"
            }
            (Kind::Domain, Property::Nullability) if narrowed => "set_not_null",
            (Kind::Domain, Property::Definition) if values.after.len() > values.before.len() => "add_check",
            (Kind::Trigger, Property::Definition)
                if values.after.iter().any(|after| after.ends_with(" DISABLED")) =>
            {
                "disable_trigger"
            }
            (Kind::Policy, Property::Definition) => "change_policy",
            (Kind::Index, Property::Definition) => "drop_index",
            _ => return None,
        })
    }

    /// Labels that are gone from an enum. Within the same type they can only have got another name.
    fn labels(self, difference: &Difference) -> Option<&'static str> {
        let after = self.effect.after.types.get(&relation(&difference.object))?;
        let TypeShape::Enum { .. } = after.shape else { return None };
        Some(if after.id == difference.id { "rename_enum_value" } else { "remove_enum_value" })
    }

    /// Whether a property reads differently only because something that it names has another name.
    fn follows_a_rename(self, before: &[String]) -> bool {
        self.effect.differences.iter().any(|other| {
            let own = own_name(&other.object);
            matches!(other.change, Change::Renamed { .. }) && before.iter().any(|text| mentions(text, &own))
        })
    }
}

/// Whether two defaults are the same constant, written for another type.
pub(super) fn is_one_value(before: &[String], after: &[String]) -> bool {
    let constant = |text: &String| {
        let text = text.split("::").next().unwrap_or_default();
        let bare = text.trim_matches(|c| c == '(' || c == ')' || c == '\'').to_owned();
        (!text.contains('(') || text.starts_with('(')).then_some(bare)
    };
    let (Some(before), Some(after)) = (before.first(), after.first()) else { return false };
    let (Some(before), Some(after)) = (constant(before), constant(after)) else { return false };
    let number = |text: &str| text.parse::<f64>().ok();
    before == after || number(&before).is_some() && number(&before) == number(&after)
}

fn written(values: &[String]) -> String {
    if values.is_empty() { "none".into() } else { values.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_is_its_value_and_not_how_it_is_written() {
        let is_one = |one: &str, other: &str| is_one_value(&[one.to_owned()], &[other.to_owned()]);
        assert!(is_one("0", "'0'::text"));
        assert!(is_one("'-1'::integer", "(-1)"));
        assert!(is_one("0.0", "0"));
        assert!(is_one("'x'::character varying", "'x'::text"));
        assert!(!is_one("'approved'::text", "'active'::text"));
        assert!(!is_one("now()", "now"));
        assert!(!is_one("nextval('a'::regclass)", "nextval('b'::regclass)"));
    }
}
