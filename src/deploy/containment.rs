//! Whether a live database has what a history makes. What it has besides is its own affair.

use std::collections::BTreeSet;

use crate::{
    catalog::{Catalog, Change, Difference, Kind, Matching, Property, compare},
    guard::name::Name,
};

/// Whether two servers write definitions alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Servers {
    /// They are of the same major version.
    Alike,
    /// They are not: PostgreSQL writes the same view in other words then.
    Unlike,
}

/// What `live` lacks of `expected`, or has otherwise: the greatest loss alone, not what goes with it. Privileges,
/// versions of extensions and what is logged are the affair of each installation.
#[must_use]
pub fn missing(expected: &Catalog, live: &Catalog, servers: Servers) -> Vec<Difference> {
    let mut differences = compare(expected, live, Matching::Names);
    differences.retain(|one| counts(one, servers));
    let gone: BTreeSet<Name> = differences
        .iter()
        .filter(|one| one.change == Change::Lost)
        .filter(|one| matches!(one.kind, Kind::Table | Kind::View | Kind::MaterializedView))
        .map(|one| crate::catalog::relation(&one.object))
        .collect();
    differences.retain(|one| !one.on.as_ref().is_some_and(|on| gone.contains(on)));
    differences.retain(|one| !is_of_constraint(expected, one));
    differences
}

fn counts(one: &Difference, servers: Servers) -> bool {
    match &one.change {
        Change::Added => false,
        Change::Changed {
            property: Property::Privileges | Property::Version | Property::Persistence,
            ..
        } => false,
        // Labels may have been added.
        Change::Changed { property: Property::Labels, before, after, .. } => {
            !before.iter().all(|label| after.contains(label))
        }
        Change::Changed { property: Property::Definition, .. } => {
            servers == Servers::Alike || !matches!(one.kind, Kind::View | Kind::MaterializedView)
        }
        _ => true,
    }
}

/// Whether it is an index that a constraint of its name stands for.
fn is_of_constraint(catalog: &Catalog, one: &Difference) -> bool {
    let Some(table) = one.on.as_ref().and_then(|on| catalog.tables.get(on)) else { return false };
    let name = crate::catalog::relation(&one.object).name;
    one.kind == Kind::Index && table.indexes.get(&name).is_some_and(|index| index.of_constraint)
}

/// What a step from `before` to `after` made, took or changed, by kind and name.
#[derive(Debug, Default)]
pub struct Touched {
    objects: BTreeSet<(Kind, String)>,
    gone: BTreeSet<(Kind, String)>,
}

impl Touched {
    /// What lies between the catalogs before and after a migration.
    #[must_use]
    pub fn between(before: &Catalog, after: &Catalog) -> Self {
        let mut touched = Self::default();
        for one in compare(before, after, Matching::Names) {
            let name = (one.kind, one.object);
            match one.change {
                Change::Lost => touched.gone.insert(name),
                _ => touched.objects.insert(name),
            };
        }
        touched
    }

    /// Whether the step did nothing to the catalog.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.gone.is_empty()
    }

    /// What of the step is not done in `live`, where everything that was done makes `expected`.
    #[must_use]
    pub fn undone(&self, expected: &Catalog, live: &Catalog, servers: Servers) -> Vec<Difference> {
        let name = |one: &Difference| (one.kind, one.object.clone());
        // With a table goes what stands on it.
        let on_touched = |one: &Difference| {
            let table = one.on.as_ref().map(|on| (Kind::Table, on.to_string()));
            table.is_some_and(|table| self.objects.contains(&table))
        };
        let mut undone = missing(expected, live, servers);
        undone.retain(|one| self.objects.contains(&name(one)) || on_touched(one));
        let still_there = compare(expected, live, Matching::Names)
            .into_iter()
            .filter(|one| one.change == Change::Added && self.gone.contains(&name(one)));
        let tables: BTreeSet<String> = undone.iter().map(|one| one.object.clone()).collect();
        undone.extend(
            still_there.filter(|one| !one.on.as_ref().is_some_and(|on| tables.contains(&on.to_string()))),
        );
        undone
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Column, Table};

    fn catalog(tables: &[(&str, &[(&str, &str)])]) -> Catalog {
        let column = |(name, data_type): &(&str, &str)| Column {
            name: (*name).to_owned(),
            data_type: (*data_type).to_owned(),
            nullable: true,
            ..Column::default()
        };
        let table = |(name, columns): &(&str, &[(&str, &str)])| {
            let columns = columns.iter().map(column).collect();
            (crate::catalog::relation(name), Table { columns, ..Table::default() })
        };
        Catalog { tables: tables.iter().map(table).collect(), ..Catalog::default() }
    }

    fn told(differences: &[Difference]) -> Vec<String> {
        differences.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_lacking_is_named_and_what_is_there_besides_is_not() {
        let expected = catalog(&[("A", &[("id", "text"), ("n", "integer")]), ("B", &[("id", "text")])]);
        let live = catalog(&[("A", &[("id", "uuid"), ("extra", "text")]), ("C", &[])]);
        let missing = missing(&expected, &live, Servers::Alike);
        assert_eq!(
            told(&missing),
            ["table B is missing", "column A.id: type uuid, not text", "column A.n is missing"]
        );
    }

    #[test]
    fn of_a_step_only_what_it_did_is_looked_for() {
        let before = catalog(&[("A", &[("id", "text"), ("old", "text")])]);
        let after = catalog(&[("A", &[("id", "text"), ("new", "text")])]);
        let step = Touched::between(&before, &after);
        assert_eq!(
            told(&step.undone(&after, &before, Servers::Alike)),
            ["column A.new is missing", "column A.old is there and should not be"]
        );
        let elsewhere = catalog(&[("A", &[("id", "uuid"), ("new", "text")])]);
        assert!(step.undone(&after, &elsewhere, Servers::Alike).is_empty());
        assert!(Touched::between(&after, &after).is_empty());
    }
}
