//! Types: made again, and enums with the labels that they had.

use super::plan::{Way, home_of};
use crate::{
    catalog::{Column, Difference, Kind, Property, TypeShape, quoted},
    guard::name::Name,
};

/// Types and domains that are missing.
pub(super) fn missing(way: &Way<'_>) -> Vec<String> {
    let create = |one: &Difference| {
        let shape = &way.before.types.get(&home_of(&one.object))?.shape;
        Some(create(&way.object(one), shape))
    };
    way.missing(&[Kind::Type, Kind::Domain]).into_iter().filter_map(create).collect()
}

fn create(name: &str, shape: &TypeShape) -> String {
    match shape {
        TypeShape::Enum { labels } => create_enum(name, labels),
        TypeShape::Composite { attributes } => {
            let attributes: Vec<_> =
                attributes.iter().map(|(name, data_type)| format!("{} {data_type}", quoted(name))).collect();
            format!("CREATE TYPE {name} AS ({})", attributes.join(", "))
        }
        TypeShape::Range { of } => format!("CREATE TYPE {name} AS RANGE (SUBTYPE = {of})"),
        TypeShape::Domain { base, nullable, default, checks } => {
            let mut sql = format!("CREATE DOMAIN {name} AS {base}");
            if let Some(default) = default {
                sql.push_str(&format!(" DEFAULT {default}"));
            }
            if !nullable {
                sql.push_str(" NOT NULL");
            }
            for (name, check) in checks {
                sql.push_str(&format!(" CONSTRAINT {} {check}", quoted(name)));
            }
            sql
        }
    }
}

fn create_enum(name: &str, labels: &[String]) -> String {
    let labels: Vec<_> = labels.iter().map(|label| format!("'{}'", label.replace('\'', "''"))).collect();
    format!("CREATE TYPE {name} AS ENUM ({})", labels.join(", "))
}

/// Enums with other labels. A label cannot be taken away: another type takes the enum's place, and every column of
/// it is cast, label by label.
pub(super) fn labels(way: &Way<'_>) -> Vec<String> {
    let Some((one, labels, _)) = way.changed(&[Kind::Type], Property::Labels).next() else {
        return Vec::new();
    };
    let name = home_of(&one.object);
    let aside = aside(way, &name);
    let (own, old) = (way.sql(&name), way.sql(&aside));
    let mut statements =
        vec![format!("ALTER TYPE {own} RENAME TO {}", quoted(&aside.name)), create_enum(&own, labels)];
    for (table, found) in &way.now.tables {
        for column in found.columns.iter().filter(|column| way.written(base(column)) == name) {
            let was = way.before.tables.get(table).and_then(|table| table.column(&column.name));
            let default =
                was.filter(|was| was.data_type == column.data_type).and_then(|was| was.default.as_ref());
            statements.push(cast(&way.sql(table), (column, default), &own));
        }
    }
    statements.push(format!("DROP TYPE {old}"));
    statements
}

/// The type of a column or, where it is an array, of its elements.
fn base(column: &Column) -> &str {
    column.data_type.trim_end_matches("[]")
}

fn cast(table: &str, (column, default): (&Column, Option<&String>), own: &str) -> String {
    let name = quoted(&column.name);
    let array = &column.data_type[base(column).len()..];
    let mut actions = Vec::new();
    if column.default.is_some() {
        actions.push(format!("ALTER COLUMN {name} DROP DEFAULT"));
    }
    actions.push(format!(
        "ALTER COLUMN {name} SET DATA TYPE {own}{array} USING {name}::text{array}::{own}{array}"
    ));
    actions.extend(default.map(|default| format!("ALTER COLUMN {name} SET DEFAULT {default}")));
    format!("ALTER TABLE {table} {}", actions.join(",\n    "))
}

/// A name that no type has.
fn aside(way: &Way<'_>, name: &Name) -> Name {
    let mut aside = name.renamed(&format!("{}_old", name.name));
    while way.now.types.contains_key(&aside) || way.now.tables.contains_key(&aside) {
        aside = aside.renamed(&format!("{}_", aside.name));
    }
    aside
}
