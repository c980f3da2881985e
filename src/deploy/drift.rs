//! Where a live database is not what its migrations made.

use std::collections::BTreeSet;

use crate::{
    catalog::{Catalog, Change, Difference, Kind, Matching, Property, compare},
    external::External,
    finding::{Finding, Severity},
};

/// Where a live database is not what its migrations made.
#[derive(Debug, Default)]
pub struct Drift {
    /// The differences, from the migrations to the database.
    pub differences: Vec<Difference>,
    /// Tables and views that the migrations never made: somebody else's.
    pub foreign: Vec<String>,
}

impl Drift {
    /// Compares what the applied migrations make, and what is built beside them, with the `live` catalog. What
    /// `external` keeps is no drift; nor are privileges, versions of extensions and what stands on somebody else's
    /// tables. `wanted` are the objects that pending migrations make: these are nobody else's.
    #[must_use]
    pub fn of(made: &Catalog, live: &Catalog, external: &External, wanted: &BTreeSet<String>) -> Self {
        let mut drift = Self::default();
        let mut foreign = BTreeSet::new();
        for difference in compare(made, live, Matching::Names) {
            let is_relation = matches!(difference.kind, Kind::Table | Kind::View | Kind::MaterializedView);
            let is_theirs = is_relation
                && difference.change == Change::Added
                && !wanted.contains(&difference.object)
                && !external.keeps(&difference);
            if is_theirs {
                foreign.insert(difference.object.clone());
            }
            drift.differences.push(difference);
        }
        let on_theirs = |difference: &Difference| match &difference.on {
            Some(table) => foreign.contains(&table.to_string()),
            None => foreign.contains(&difference.object),
        };
        drift.differences.retain(|difference| {
            !is_of_operations(difference) && !on_theirs(difference) && !external.keeps(difference)
        });
        drift.foreign = foreign.into_iter().collect();
        drift
    }

    /// What a person is told about each difference; those of `touched` objects, by name, stop a deployment.
    #[must_use]
    pub fn findings(&self, touched: &BTreeSet<String>) -> Vec<Finding> {
        self.differences
            .iter()
            .map(|difference| {
                let is_touched = touched.contains(&difference.object);
                let severity = if is_touched { Severity::Refuse } else { Severity::Warn };
                let more = if is_touched { ", and a pending migration is about it" } else { "" };
                Finding {
                    why: format!("{}{more}", words(difference)),
                    safer: "make the database what its migrations say, or write down what it is in a migration; what \
                            is built elsewhere on purpose belongs into [external] keep of run-migration.toml"
                        .into(),
                    ..Finding::new("drift", severity, difference.object.clone())
                }
            })
            .collect()
    }
}

/// What operators change, and no migration has to know.
fn is_of_operations(difference: &Difference) -> bool {
    match &difference.change {
        Change::Changed { property, .. } => {
            matches!(property, Property::Privileges | Property::Version | Property::Persistence)
        }
        Change::Added => matches!(difference.kind, Kind::Schema | Kind::Extension),
        _ => false,
    }
}

/// The difference in words.
fn words(difference: &Difference) -> String {
    let kind = difference.kind.words();
    match &difference.change {
        Change::Added => format!("the database has this {kind}, and its migrations never made it"),
        Change::Lost | Change::Replaced => {
            format!("the migrations made this {kind}, and the database does not have it")
        }
        Change::Renamed { to } => format!("the database calls this {kind} {to}"),
        Change::Changed { property, before, after, .. } => {
            let said = |values: &[String]| match values {
                [] => "none".to_owned(),
                values => values.join(", "),
            };
            format!(
                "the {} of this {kind}: the migrations made {}, the database has {}",
                property.words(),
                said(before),
                said(after)
            )
        }
    }
}
