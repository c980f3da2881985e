//! Columns that a process reads and writes.

use super::{Judge, Trouble, others::revoked, types::widens};
use crate::{
    catalog::{Change, Column, Difference, Direction, Property},
    guard::name::Name,
};

impl Judge<'_> {
    pub(super) fn column(&self, difference: &Difference) -> Option<(Trouble, String)> {
        let breaking = |what: String| Some((Trouble::Breaking, what));
        match &difference.change {
            Change::Added => {
                let column = self.column_after(difference)?;
                let is_filled = column.nullable
                    || column.default.is_some()
                    || column.identity.is_some()
                    || column.generated.is_some();
                (!is_filled).then(|| {
                    let what = "a new column that must have a value and has no default: every INSERT of a process that \
                                does not know it fails (23502)";
                    (Trouble::WriteReject, what.to_owned())
                })
            }
            Change::Lost => breaking(
                "the column is gone: statements that name it fail (42703), and Prisma Client \
                                      names every column of its schema"
                    .into(),
            ),
            Change::Replaced => breaking("the column was dropped and made anew: its values are gone".into()),
            Change::Renamed { to } => {
                breaking(format!("the column is called {to} now: statements with the old name fail (42703)"))
            }
            Change::Changed { property, before, after, direction } => {
                self.column_property(difference, *property, (before, after), *direction)
            }
        }
    }

    fn column_property(
        &self,
        difference: &Difference,
        property: Property,
        (before, after): (&[String], &[String]),
        direction: Direction,
    ) -> Option<(Trouble, String)> {
        let text = |value: &[String]| value.first().cloned().unwrap_or_default();
        let (old, new) = (text(before), text(after));
        match property {
            Property::DataType if widens(&old, &new) => Some((
                Trouble::PreparedPlan,
                format!(
                    "{old} became {new}: statements that a connection has prepared fail once with \"cached plan must \
                     not change result type\" (0A000) until they are prepared anew; a value beyond {old} cannot be read \
                     by a client that expects {old}"
                ),
            )),
            Property::DataType => Some((
                Trouble::Breaking,
                format!(
                    "{old} became {new}: a process that reads and writes {old} fails on it (0A000 for prepared \
                     statements, 42804 or 22P02 for values)"
                ),
            )),
            Property::Nullability if direction == Direction::Narrowed => Some((
                Trouble::WriteReject,
                "the column must have a value now: a process that writes NULL, or leaves it out where there is no \
                 default, is refused (23502)"
                    .into(),
            )),
            Property::Nullability => Some((
                Trouble::Info,
                "the column may be NULL now: as soon as the new release writes one, a client that expects a value fails \
                 to read the row"
                    .into(),
            )),
            Property::Default if after.is_empty() => {
                let is_required = self.column_after(difference).is_some_and(|column| !column.nullable);
                Some(match is_required {
                    true => (
                        Trouble::WriteReject,
                        format!("the default {old} is gone: an INSERT that leaves the column out fails (23502)"),
                    ),
                    false => (
                        Trouble::Info,
                        format!("the default {old} is gone: an INSERT that leaves the column out writes NULL"),
                    ),
                })
            }
            Property::Default => Some((Trouble::Info, default_words(&old, &new))),
            Property::Generated if before.is_empty() => Some((
                Trouble::WriteReject,
                "the column is computed now: a process that writes it is refused (428C9)".into(),
            )),
            Property::Identity if new == "ALWAYS" => Some((
                Trouble::WriteReject,
                "the database alone gives the column its value now: a process that writes it is refused (428C9)".into(),
            )),
            Property::Privileges if direction == Direction::Narrowed => Some(revoked()),
            _ => None,
        }
    }

    fn column_after(&self, difference: &Difference) -> Option<&Column> {
        let table = difference.on.as_ref()?;
        let name = Name::split(&difference.object).pop()?;
        // The table may have another name by now, but not another identity.
        let id = self.before.tables.get(table)?.id;
        let after = self.after.tables.values().find(|candidate| candidate.id == id)?;
        after.column(&name)
    }
}

fn default_words(old: &str, new: &str) -> String {
    match old.is_empty() {
        true => format!("the column has the default {new} now"),
        false => format!("the default is {new} instead of {old}, for what the old process writes, too"),
    }
}
