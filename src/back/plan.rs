//! The next statements on the way from one catalog to another. What they really come to, the database says; then
//! the next ones are asked for.

use std::collections::BTreeSet;

use super::{columns, creates, drops, renames, rights, types};
use crate::{
    catalog::{Catalog, Change, Difference, Kind, Matching, Property, compare, quoted},
    guard::name::Name,
};

/// How a column comes back to its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Retype {
    /// Its values are cast.
    Cast,
    /// There is no cast: it is dropped and made anew.
    Anew,
}

/// Between two catalogs of one database.
pub(super) struct Way<'a> {
    /// Where it leads.
    pub(super) before: &'a Catalog,
    /// Where it begins.
    pub(super) now: &'a Catalog,
    /// The schema that names need not say.
    pub(super) home: &'a str,
    pub(super) retype: Retype,
    /// What is different: `Added` stands for what is too much, `Lost` for what is missing.
    pub(super) differences: Vec<Difference>,
    /// The tables and views that are too much: what stands on them goes with them.
    going: BTreeSet<Name>,
}

/// One kind of step: its statements, none where there is nothing to do.
type Step = fn(&Way<'_>) -> Vec<String>;

/// The steps in their order: first goes what is too much and in the way, then what is there is put right and what is
/// missing made, and last goes what the others could still have needed.
const STEPS: [Step; 25] = [
    drops::views,
    drops::attached,
    drops::generated_columns,
    drops::columns,
    drops::foreign_keys,
    drops::tables,
    drops::constraints,
    drops::indexes,
    renames::types,
    renames::relations,
    renames::columns,
    renames::constraints,
    creates::schemas_and_extensions,
    types::missing,
    creates::sequences,
    creates::routines,
    types::labels,
    creates::tables,
    columns::missing,
    columns::changed,
    creates::sequence_settings,
    creates::constraints_and_indexes,
    creates::views_and_attached,
    rights::tables_and_privileges,
    drops::the_rest,
];

impl<'a> Way<'a> {
    pub(super) fn between(before: &'a Catalog, now: &'a Catalog, home: &'a str) -> Self {
        let mut differences = compare(before, now, Matching::Identity);
        // What came back under its name has another identity, and that is all.
        differences.retain(|difference| difference.change != Change::Replaced);
        let is_going = |difference: &&Difference| {
            let kinds = [Kind::Table, Kind::View, Kind::MaterializedView];
            difference.change == Change::Added && kinds.contains(&difference.kind)
        };
        let going = differences.iter().filter(is_going).map(|one| home_of(&one.object)).collect();
        Self { before, now, home, retype: Retype::Cast, differences, going }
    }

    /// The next statements, none of which needs another; `None` where nothing helps any more.
    pub(super) fn next(&self) -> Option<Vec<String>> {
        STEPS.iter().map(|step| step(self)).find(|statements| !statements.is_empty())
    }

    /// What is too much, of these kinds, and does not go with its table.
    pub(super) fn too_much<'s>(&'s self, kinds: &'s [Kind]) -> impl Iterator<Item = &'s Difference> {
        self.of(kinds, |change| *change == Change::Added)
            .filter(|difference| difference.on.as_ref().is_none_or(|on| !self.going.contains(on)))
    }

    /// What is missing, of these kinds, in the order in which it was made.
    pub(super) fn missing<'s>(&'s self, kinds: &'s [Kind]) -> Vec<&'s Difference> {
        let mut missing: Vec<_> = self.of(kinds, |change| *change == Change::Lost).collect();
        missing.sort_by_key(|difference| (difference.id.object, difference.id.column));
        missing
    }

    /// What has another definition and has to be made anew. While something still has another name, definitions
    /// differ for that alone.
    pub(super) fn redefined<'s>(&'s self, kinds: &'s [Kind]) -> impl Iterator<Item = &'s Difference> {
        let is_redefined = |change: &Change| {
            matches!(change, Change::Changed { property: Property::Definition | Property::Validity, .. })
        };
        self.of(kinds, is_redefined).filter(|_| !self.has_other_names())
    }

    fn has_other_names(&self) -> bool {
        self.differences.iter().any(|difference| matches!(difference.change, Change::Renamed { .. }))
    }

    /// What was changed in this property, of these kinds: what it was and what it is.
    pub(super) fn changed<'s>(
        &'s self,
        kinds: &'s [Kind],
        property: Property,
    ) -> impl Iterator<Item = (&'s Difference, &'s [String], &'s [String])> {
        self.differences.iter().filter(|difference| kinds.contains(&difference.kind)).filter_map(
            move |difference| match &difference.change {
                Change::Changed { property: found, before, after, .. } if *found == property => {
                    Some((difference, before.as_slice(), after.as_slice()))
                }
                _ => None,
            },
        )
    }

    pub(super) fn of<'s>(
        &'s self,
        kinds: &'s [Kind],
        wanted: impl Fn(&Change) -> bool + 's,
    ) -> impl Iterator<Item = &'s Difference> {
        self.differences
            .iter()
            .filter(move |difference| kinds.contains(&difference.kind) && wanted(&difference.change))
    }

    /// A relation, type or routine as it stands in the script: nothing says the schema that the script runs in.
    pub(super) fn sql(&self, name: &Name) -> String {
        if name.schema.as_deref().is_none_or(|schema| schema == self.home) {
            quoted(&name.name)
        } else {
            name.sql()
        }
    }

    /// The table that a difference stands on, as it stands in the script.
    pub(super) fn table(&self, difference: &Difference) -> String {
        difference.on.as_ref().map(|on| self.sql(on)).unwrap_or_default()
    }

    /// The object of a difference that stands by itself, as it stands in the script.
    pub(super) fn object(&self, difference: &Difference) -> String {
        self.sql(&home_of(&difference.object))
    }

    /// The relation or type that PostgreSQL wrote, as a name in the catalog: it leaves out where it looks first.
    pub(super) fn written(&self, text: &str) -> Name {
        let name = Name::from_parts(&Name::split(text));
        Name { schema: Some(name.schema.unwrap_or_else(|| self.home.to_owned())), ..name }
    }
}

/// The relation or type that a difference is about, as a name in the catalog.
pub(super) fn home_of(object: &str) -> Name {
    crate::catalog::relation(object)
}

/// The last part of a difference's name: the column's, constraint's or trigger's own.
pub(super) fn own_name(difference: &Difference) -> String {
    Name::split(&difference.object).pop().unwrap_or_default()
}

/// Statements that change one table each, from its name and what is to be done to it.
pub(super) fn alter_tables(actions: impl IntoIterator<Item = (String, String)>) -> Vec<String> {
    let mut tables: Vec<(String, Vec<String>)> = Vec::new();
    for (table, action) in actions {
        match tables.iter_mut().find(|(name, _)| *name == table) {
            Some((_, actions)) => actions.push(action),
            None => tables.push((table, vec![action])),
        }
    }
    tables
        .into_iter()
        .map(|(table, actions)| format!("ALTER TABLE {table} {}", actions.join(",\n    ")))
        .collect()
}
