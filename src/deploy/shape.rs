//! Makes a temporary database drift as a live one did: what fails there would fail on the live one.

use tokio_postgres::Client;

use crate::catalog::{Catalog, Change, Column, Difference, Kind, Property, Table, TypeShape, quoted};

/// Rounds of attempts: what one statement needs, a later one may make.
const ROUNDS: usize = 3;

/// Runs what makes the database of `client` drift by `differences`, whose objects are as `live` has them. Gives the
/// objects of which this could not be done.
pub async fn shape(client: &Client, differences: &[Difference], live: &Catalog) -> Vec<String> {
    let mut open: Vec<_> = differences.iter().map(|difference| (difference, sql(difference, live))).collect();
    for _ in 0..ROUNDS {
        let mut left = Vec::new();
        for (difference, sql) in open {
            let done = match &sql {
                Some(sql) => client.batch_execute(sql).await.is_ok(),
                None => false,
            };
            if !done {
                left.push((difference, sql));
            }
        }
        open = left;
    }
    // What an index is made for may bring it along.
    open.into_iter().map(|(difference, _)| difference.object.clone()).collect()
}

fn sql(difference: &Difference, live: &Catalog) -> Option<String> {
    match &difference.change {
        Change::Added => added(difference, live),
        Change::Lost => lost(difference),
        Change::Changed { property, after, .. } => changed(difference, *property, after),
        Change::Renamed { .. } | Change::Replaced => None,
    }
}

/// The last part of a member's name.
fn member(difference: &Difference) -> String {
    crate::guard::name::Name::split(&difference.object).pop().unwrap_or_default()
}

fn added(difference: &Difference, live: &Catalog) -> Option<String> {
    let table = || Some((difference.on.as_ref()?, live.tables.get(difference.on.as_ref()?)?));
    match difference.kind {
        Kind::Schema => Some(format!("CREATE SCHEMA IF NOT EXISTS {}", quoted(&member(difference)))),
        Kind::Table => {
            let (name, found) = live.tables.iter().find(|(name, _)| name.to_string() == difference.object)?;
            Some(format!("CREATE TABLE IF NOT EXISTS {} ({})", name.sql(), columns(found)))
        }
        Kind::Column => {
            let (name, found) = table()?;
            let column = found.column(&member(difference))?;
            Some(format!("ALTER TABLE {} ADD COLUMN IF NOT EXISTS {}", name.sql(), definition(column)))
        }
        Kind::Constraint => {
            let (name, found) = table()?;
            let constraint = member(difference);
            let definition = &found.constraints.get(&constraint)?.definition;
            Some(format!("ALTER TABLE {} ADD CONSTRAINT {} {definition}", name.sql(), quoted(&constraint)))
        }
        Kind::Index => {
            let (name, found) = table()?;
            let index = member(difference);
            let indexed = found.indexes.get(&index)?;
            // The constraint brings it.
            Some(if indexed.of_constraint { String::new() } else { indexed.sql(&index, name) })
        }
        Kind::Type => {
            let (name, found) = live.types.iter().find(|(name, _)| name.to_string() == difference.object)?;
            match &found.shape {
                TypeShape::Enum { labels } => {
                    let labels: Vec<_> =
                        labels.iter().map(|label| postgres_protocol::escape::escape_literal(label)).collect();
                    Some(format!("CREATE TYPE {} AS ENUM ({})", name.sql(), labels.join(", ")))
                }
                _ => None,
            }
        }
        _ => None,
    }
}

fn columns(table: &Table) -> String {
    table.columns.iter().map(definition).collect::<Vec<_>>().join(", ")
}

/// A column as it stands in `CREATE TABLE`, without what a default may call.
fn definition(column: &Column) -> String {
    let null = if column.nullable { "" } else { " NOT NULL" };
    format!("{} {}{null}", quoted(&column.name), column.data_type)
}

fn lost(difference: &Difference) -> Option<String> {
    let on = difference.on.as_ref().map(crate::guard::name::Name::sql);
    let own = crate::catalog::relation(&difference.object).sql();
    let member = quoted(&member(difference));
    Some(match difference.kind {
        Kind::Table => format!("DROP TABLE IF EXISTS {own} CASCADE"),
        Kind::View => format!("DROP VIEW IF EXISTS {own} CASCADE"),
        Kind::MaterializedView => format!("DROP MATERIALIZED VIEW IF EXISTS {own} CASCADE"),
        Kind::Sequence => format!("DROP SEQUENCE IF EXISTS {own} CASCADE"),
        Kind::Type | Kind::Domain => format!("DROP TYPE IF EXISTS {own} CASCADE"),
        Kind::Index => format!("DROP INDEX IF EXISTS {own} CASCADE"),
        Kind::Column => format!("ALTER TABLE IF EXISTS {} DROP COLUMN IF EXISTS {member} CASCADE", on?),
        Kind::Constraint => {
            format!("ALTER TABLE IF EXISTS {} DROP CONSTRAINT IF EXISTS {member} CASCADE", on?)
        }
        Kind::Trigger => format!("DROP TRIGGER IF EXISTS {member} ON {} CASCADE", on?),
        _ => return None,
    })
}

fn changed(difference: &Difference, property: Property, after: &[String]) -> Option<String> {
    if difference.kind != Kind::Column {
        return None;
    }
    let column =
        format!("ALTER TABLE {} ALTER COLUMN {}", difference.on.as_ref()?.sql(), quoted(&member(difference)));
    let after = after.first();
    Some(match (property, after) {
        (Property::Nullability, Some(word)) if word == "NULL" => format!("{column} DROP NOT NULL"),
        (Property::Nullability, _) => format!("{column} SET NOT NULL"),
        (Property::Default, Some(value)) => format!("{column} SET DEFAULT {value}"),
        (Property::Default, None) => format!("{column} DROP DEFAULT"),
        (Property::DataType, Some(kind)) => {
            let name = quoted(&member(difference));
            format!("{column} DROP DEFAULT; {column} TYPE {kind} USING {name}::text::{kind}")
        }
        _ => return None,
    })
}
