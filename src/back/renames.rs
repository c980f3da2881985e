//! What has another name gets its old one back, and keeps all that it holds.

use super::plan::{Way, home_of, own_name};
use crate::{
    catalog::{Change, Difference, Kind, quoted},
    guard::name::Name,
};

/// Types and domains.
pub(super) fn types(way: &Way<'_>) -> Vec<String> {
    let rename = |one: &Difference, to: &str| {
        let word = if one.kind == Kind::Domain { "DOMAIN" } else { "TYPE" };
        standing(way, one, (word, to))
    };
    renamed(way, &[Kind::Type, Kind::Domain], rename)
}

/// Tables, views, sequences.
pub(super) fn relations(way: &Way<'_>) -> Vec<String> {
    let rename = |one: &Difference, to: &str| {
        let word = match one.kind {
            Kind::View => "VIEW",
            Kind::MaterializedView => "MATERIALIZED VIEW",
            Kind::Sequence => "SEQUENCE",
            _ => "TABLE",
        };
        standing(way, one, (word, to))
    };
    renamed(way, &[Kind::Table, Kind::View, Kind::MaterializedView, Kind::Sequence], rename)
}

/// Columns; their tables have their names by now.
pub(super) fn columns(way: &Way<'_>) -> Vec<String> {
    renamed(way, &[Kind::Column], |one, to| member(way, one, ("COLUMN", to)))
}

/// Constraints, whose indexes follow, and the other indexes.
pub(super) fn constraints(way: &Way<'_>) -> Vec<String> {
    let constraints = renamed(way, &[Kind::Constraint], |one, to| member(way, one, ("CONSTRAINT", to)));
    if !constraints.is_empty() {
        return constraints;
    }
    renamed(way, &[Kind::Index], |one, to| standing(way, one, ("INDEX", to)))
}

fn renamed(
    way: &Way<'_>,
    kinds: &[Kind],
    rename: impl Fn(&Difference, &str) -> Option<String>,
) -> Vec<String> {
    let with_name = |one: &Difference| match &one.change {
        Change::Renamed { to } => rename(one, to),
        _ => None,
    };
    way.of(kinds, |change| matches!(change, Change::Renamed { .. })).filter_map(with_name).collect()
}

/// What stands by itself, within its schema.
fn standing(way: &Way<'_>, one: &Difference, (word, to): (&str, &str)) -> Option<String> {
    let (was, is) = (home_of(&one.object), home_of(to));
    (was.schema == is.schema && was.name != is.name)
        .then(|| format!("ALTER {word} {} RENAME TO {}", way.sql(&is), quoted(&was.name)))
}

/// What belongs to a table.
fn member(way: &Way<'_>, one: &Difference, (word, to): (&str, &str)) -> Option<String> {
    let (was, is) = (own_name(one), Name::split(to).pop()?);
    (was != is)
        .then(|| format!("ALTER TABLE {} RENAME {word} {} TO {}", way.table(one), quoted(&is), quoted(&was)))
}
