//! Columns: made again, and put right.

use std::collections::BTreeSet;

use super::plan::{Retype, Way, alter_tables, own_name};
use crate::{
    catalog::{Catalog, Change, Column, Difference, Kind, Property, quoted},
    guard::name::Name,
};

/// The column that `text`, `[schema.]table.column`, names.
pub(super) fn find<'a>(catalog: &'a Catalog, text: &str) -> Option<&'a Column> {
    let mut parts = Name::split(text);
    let column = parts.pop()?;
    let table = crate::catalog::relation(&Name::from_parts(&parts).to_string());
    catalog.tables.get(&table)?.column(&column)
}

/// The column as `CREATE TABLE` and `ADD COLUMN` want it.
pub(super) fn sql(column: &Column) -> String {
    let mut text = format!("{} {}", quoted(&column.name), typed(column));
    if let Some(expression) = &column.generated {
        text.push_str(&format!(" GENERATED ALWAYS AS ({expression}) STORED"));
    }
    if let Some(default) = &column.default {
        text.push_str(&format!(" DEFAULT {default}"));
    }
    if let Some(kind) = &column.identity {
        text.push_str(&format!(" GENERATED {kind} AS IDENTITY"));
    }
    if !column.nullable {
        text.push_str(" NOT NULL");
    }
    text
}

fn typed(column: &Column) -> String {
    let collation = column.collation.iter().map(|name| format!(" COLLATE {}", quoted(name)));
    format!("{}{}", column.data_type, collation.collect::<String>())
}

/// Columns that are missing on tables that are there.
pub(super) fn missing(way: &Way<'_>) -> Vec<String> {
    let add = |one: &Difference| {
        let table = one.on.as_ref().filter(|on| way.now.tables.contains_key(on))?;
        let column = way.before.tables.get(table)?.column(&own_name(one))?;
        Some((way.table(one), format!("ADD COLUMN {}", sql(column))))
    };
    alter_tables(way.missing(&[Kind::Column]).into_iter().filter_map(add))
}

/// Columns that are there and are not as they were.
pub(super) fn changed(way: &Way<'_>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let is_changed = |change: &Change| matches!(change, Change::Changed { .. });
    let mut actions = Vec::new();
    for one in way.of(&[Kind::Column], is_changed).filter(|one| seen.insert(&one.object)) {
        let Some((was, is)) = pair(way, one) else { continue };
        actions.extend(put_right(way, was, is).into_iter().map(|action| (way.table(one), action)));
    }
    alter_tables(actions)
}

fn pair<'a>(way: &Way<'a>, one: &Difference) -> Option<(&'a Column, &'a Column)> {
    let (table, name) = (one.on.as_ref()?, own_name(one));
    Some((way.before.tables.get(table)?.column(&name)?, way.now.tables.get(table)?.column(&name)?))
}

/// What has to be done to a column, an action of `ALTER TABLE` each.
fn put_right(way: &Way<'_>, was: &Column, is: &Column) -> Vec<String> {
    let name = quoted(&was.name);
    let of_type = |column: &Column| (column.data_type.clone(), column.collation.clone());
    let has_other_type = of_type(was) != of_type(is);
    let is_computed_otherwise = was.generated != is.generated && was.generated.is_some();
    if is_computed_otherwise || has_other_type && way.retype == Retype::Anew {
        // The column comes back with the next step.
        return vec![format!("DROP COLUMN {name}")];
    }
    let mut actions = Vec::new();
    if is.generated.is_some() && was.generated.is_none() {
        actions.push("DROP EXPRESSION".to_owned());
    }
    if is.identity.is_some() && was.identity.is_none() {
        actions.push("DROP IDENTITY".to_owned());
    }
    let has_other_default = was.default != is.default;
    if is.default.is_some() && (has_other_type || has_other_default && was.default.is_none()) {
        actions.push("DROP DEFAULT".to_owned());
    }
    if has_other_type {
        actions.push(format!("SET DATA TYPE {} USING {name}::{}", typed(was), was.data_type));
    }
    if was.nullable != is.nullable {
        actions.push(if was.nullable { "DROP NOT NULL" } else { "SET NOT NULL" }.to_owned());
    }
    if let Some(default) = was.default.as_ref().filter(|_| has_other_type || has_other_default) {
        actions.push(format!("SET DEFAULT {default}"));
    }
    match (&was.identity, &is.identity) {
        (Some(kind), None) => actions.push(format!("ADD GENERATED {kind} AS IDENTITY")),
        (Some(kind), Some(other)) if kind != other => actions.push(format!("SET GENERATED {kind}")),
        _ => {}
    }
    actions.into_iter().map(|action| format!("ALTER COLUMN {name} {action}")).collect()
}

/// The properties of columns that [`changed`] puts right.
pub(super) const fn is_of_type(property: Property) -> bool {
    matches!(property, Property::DataType | Property::Collation)
}
