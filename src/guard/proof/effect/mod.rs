//! What a migration does to a database: the catalogs before and after it are compared. What is gone is gone,
//! however it was spelled.

mod changed;
mod lost;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    places::Places,
    verdict::{Basis, Settled, Verdict},
};
use crate::{
    catalog::{Catalog, Change, Difference, Kind, Matching, Object, Property, TypeShape, compare},
    finding::Severity,
    guard::name::Name,
};

/// What a migration did.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Effect {
    /// The catalog before.
    pub before: Catalog,
    /// The catalog after.
    pub after: Catalog,
    /// What is different.
    pub differences: Vec<Difference>,
}

impl Effect {
    /// What lies between two catalogs of the same database.
    #[must_use]
    pub fn between(before: Catalog, after: Catalog) -> Self {
        let differences = compare(&before, &after, Matching::Identity);
        Self { before, after, differences }
    }

    /// What of it destroys, breaks or narrows something. What depends on rows is not said here.
    pub(super) fn verdicts(&self, places: Places<'_>) -> Vec<Verdict> {
        let gone = Gone::of(self);
        let judge = Judge { effect: self, places, gone: &gone };
        self.differences.iter().filter_map(|difference| judge.verdict(difference)).collect()
    }

    /// What was dropped and is there again, to the letter. What holds rows or counts is never settled so.
    pub(super) fn settled(&self) -> Vec<Settled> {
        let after = self.after.objects();
        let is_back = |old: &&Object| {
            let same = |new: &&Object| {
                (new.kind, &new.name, &new.arguments) == (old.kind, &old.name, &old.arguments)
            };
            after.iter().find(same).is_some_and(|new| new.id != old.id && new.properties == old.properties)
        };
        let settled = |old: &Object| {
            let rule = lost::rule(old.kind)?;
            Some(Settled {
                rule,
                object: old.name.clone(),
                at_most: Severity::Warn,
                proof: "run on the temporary database: it is there afterwards as it was before".into(),
                basis: Basis::Catalogs,
            })
        };
        let holds_nothing = |old: &&Object| {
            matches!(
                old.kind,
                Kind::Index | Kind::View | Kind::Constraint | Kind::Trigger | Kind::Policy | Kind::Rule
            )
        };
        let before = self.before.objects();
        let mut all: Vec<_> =
            before.iter().filter(holds_nothing).filter(is_back).filter_map(settled).collect();
        all.extend(self.enums_with_all_their_labels());
        all.extend(self.defaults_of_the_same_value());
        all
    }

    /// Defaults that are written differently because the column has another type.
    fn defaults_of_the_same_value(&self) -> impl Iterator<Item = Settled> {
        self.differences.iter().filter_map(|difference| match &difference.change {
            Change::Changed { property: Property::Default, before, after, .. }
                if difference.kind == Kind::Column && changed::is_one_value(before, after) =>
            {
                Some(Settled {
                    rule: "change_default",
                    object: difference.object.clone(),
                    at_most: Severity::Info,
                    proof: "run on the temporary database: the default is the same value, of another type"
                        .into(),
                    basis: Basis::Catalogs,
                })
            }
            _ => None,
        })
    }

    /// Enums that were replaced by others under their names, which have all the labels that they had.
    fn enums_with_all_their_labels(&self) -> impl Iterator<Item = Settled> {
        self.before.types.iter().filter_map(|(name, old)| {
            let new = self.after.types.get(name).filter(|new| new.id != old.id)?;
            let (TypeShape::Enum { labels: old }, TypeShape::Enum { labels: new }) = (&old.shape, &new.shape)
            else {
                return None;
            };
            old.iter().all(|label| new.contains(label)).then(|| Settled {
                rule: "remove_enum_value",
                object: name.to_string(),
                at_most: Severity::Info,
                proof: "run on the temporary database: no label is gone".into(),
                basis: Basis::Catalogs,
            })
        })
    }
}

/// The objects that are gone, by name.
struct Gone {
    /// Tables that are gone, and those whose rows are.
    tables: BTreeSet<String>,
    /// Columns whose values are gone.
    columns: BTreeSet<String>,
}

impl Gone {
    fn of(effect: &Effect) -> Self {
        let gone = |kind: Kind| -> BTreeSet<String> {
            let is_gone = |difference: &&Difference| {
                difference.kind == kind && matches!(difference.change, Change::Lost | Change::Replaced)
            };
            effect.differences.iter().filter(is_gone).map(|difference| difference.object.clone()).collect()
        };
        Self { tables: gone(Kind::Table), columns: gone(Kind::Column) }
    }

    /// Whether the object stood on a table that is gone.
    fn with_its_table(&self, difference: &Difference) -> bool {
        difference.on.as_ref().is_some_and(|on| self.tables.contains(&on.to_string()))
    }
}

/// Looks at one difference after the other.
#[derive(Clone, Copy)]
struct Judge<'a> {
    effect: &'a Effect,
    places: Places<'a>,
    gone: &'a Gone,
}

impl Judge<'_> {
    fn verdict(self, difference: &Difference) -> Option<Verdict> {
        match &difference.change {
            Change::Added => self.added(difference),
            Change::Lost | Change::Replaced => self.lost(difference),
            Change::Renamed { to } => self.renamed(difference, to),
            Change::Changed { property, before, after, direction } => self.changed(
                difference,
                &changed::Values { property: *property, before, after, direction: *direction },
            ),
        }
    }

    /// The statement that did it.
    fn place(self, difference: &Difference) -> Option<usize> {
        let own = own_name(&difference.object);
        let table = difference.on.as_ref().and_then(|on| self.effect.before.tables.get(on));
        let is_relation = matches!(
            difference.kind,
            Kind::Table | Kind::View | Kind::MaterializedView | Kind::Sequence | Kind::Index
        );
        match (&difference.change, table) {
            (Change::Lost | Change::Replaced, _) if is_relation => self.places.dropping(difference.id),
            (_, None) if difference.kind == Kind::Table => self.places.changing(difference.id, &own),
            (_, Some(table)) => self.places.changing(table.id, &own),
            (_, None) => None,
        }
        .or_else(|| self.places.naming(&own))
    }
}

/// The last part of a name: the column's, constraint's or trigger's own.
fn own_name(object: &str) -> String {
    Name::split(object).pop().unwrap_or_default()
}

/// Whether SQL as PostgreSQL writes it mentions the name.
fn mentions(definition: &str, name: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '"';
    definition.contains(&crate::catalog::quoted(name))
        || definition.split(|c| !is_word(c)).any(|word| word == name)
}
