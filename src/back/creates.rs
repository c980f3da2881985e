//! What is missing is made again, as it was.

use super::{
    columns,
    plan::{Way, alter_tables, home_of, own_name},
};
use crate::{
    catalog::{ConstraintKind, Difference, Kind, Property, Table, TableKind, quoted},
    guard::name::Name,
};

pub(super) fn schemas_and_extensions(way: &Way<'_>) -> Vec<String> {
    let create = |one: &Difference| {
        let word = if one.kind == Kind::Schema { "SCHEMA" } else { "EXTENSION" };
        format!("CREATE {word} {}", quoted(&own_name(one)))
    };
    way.missing(&[Kind::Schema, Kind::Extension]).into_iter().map(create).collect()
}

/// Sequences, but for those that come with an identity column.
pub(super) fn sequences(way: &Way<'_>) -> Vec<String> {
    let create = |one: &Difference| {
        let sequence = way.before.sequences.get(&home_of(&one.object))?;
        let owner = sequence.owned_by.as_deref().and_then(|owner| columns::find(way.before, owner));
        let is_own = owner.is_none_or(|column| column.identity.is_none());
        is_own.then(|| format!("CREATE SEQUENCE {} {}", way.object(one), sequence.definition))
    };
    way.missing(&[Kind::Sequence]).into_iter().filter_map(create).collect()
}

/// Functions and procedures; PostgreSQL tells their SQL, but not that of an aggregate.
pub(super) fn routines(way: &Way<'_>) -> Vec<String> {
    let is_there = |one: &&crate::catalog::Routine| {
        way.now.routines.iter().any(|other| {
            (&other.name, &other.arguments, &other.definition) == (&one.name, &one.arguments, &one.definition)
        })
    };
    let wanted = way.before.routines.iter().filter(|one| !is_there(one) && !one.definition.is_empty());
    let mut wanted: Vec<_> = wanted.collect();
    wanted.sort_by_key(|one| one.id.object);
    wanted.into_iter().map(|one| without_home(&one.definition, way).trim_end().to_owned()).collect()
}

fn without_home(definition: &str, way: &Way<'_>) -> String {
    let words = ["CREATE OR REPLACE FUNCTION ", "CREATE OR REPLACE PROCEDURE "];
    let word = words.iter().find(|word| definition.starts_with(**word));
    word.map_or_else(|| definition.to_owned(), |word| without_schema(definition, word, way))
}

/// Some definitions say the schema even where PostgreSQL looks first: it is left out where it first follows `word`.
fn without_schema(definition: &str, word: &str, way: &Way<'_>) -> String {
    let Some(at) = definition.find(word).map(|at| at + word.len()) else { return definition.to_owned() };
    let (head, rest) = definition.split_at(at);
    let schemas = [format!("{}.", way.home), format!("{}.", quoted(way.home))];
    let bare = schemas.iter().find_map(|schema| rest.strip_prefix(schema.as_str()));
    format!("{head}{}", bare.unwrap_or(rest))
}

/// Tables with their columns. Everything else on them follows.
pub(super) fn tables(way: &Way<'_>) -> Vec<String> {
    let create = |one: &Difference| {
        let name = home_of(&one.object);
        create_table(way, &name, way.before.tables.get(&name)?)
    };
    way.missing(&[Kind::Table]).into_iter().filter_map(create).collect()
}

fn create_table(way: &Way<'_>, name: &Name, table: &Table) -> Option<String> {
    let unlogged = if table.unlogged { "UNLOGGED " } else { "" };
    let head = format!("CREATE {unlogged}TABLE {}", way.sql(name));
    let tail = table.partitioned_by.iter().map(|by| format!(" PARTITION BY {by}")).collect::<String>();
    let parents: Vec<_> = table.parents.iter().collect();
    match (parents.as_slice(), &table.bound, table.kind) {
        (_, _, TableKind::Foreign) => None,
        ([parent], Some(bound), _) => Some(format!("{head} PARTITION OF {parent} {bound}{tail}")),
        ([], None, _) => {
            let columns: Vec<_> =
                table.columns.iter().map(|one| format!("\n    {}", columns::sql(one))).collect();
            Some(format!("{head} ({}\n){tail}", columns.join(",")))
        }
        _ => None,
    }
}

/// What a sequence counts, and the column that it goes with.
pub(super) fn sequence_settings(way: &Way<'_>) -> Vec<String> {
    let kinds = [Kind::Sequence];
    let settings = way
        .changed(&kinds, Property::Definition)
        .filter_map(|(one, was, _)| Some(format!("ALTER SEQUENCE {} {}", way.object(one), was.first()?)));
    let owners = way.changed(&kinds, Property::OwnedBy).map(|(one, was, _)| {
        let owner = was.first().map_or_else(
            || "NONE".to_owned(),
            |owner| {
                let mut table = Name::split(owner);
                let column = table.pop().unwrap_or_default();
                let table = way.sql(&home_of(&Name::from_parts(&table).to_string()));
                format!("{table}.{}", quoted(&column))
            },
        );
        format!("ALTER SEQUENCE {} OWNED BY {owner}", way.object(one))
    });
    settings.chain(owners).collect()
}

/// Keys and conditions, then indexes, then the foreign keys that need them.
pub(super) fn constraints_and_indexes(way: &Way<'_>) -> Vec<String> {
    let own = constraints(way, |kind| kind != ConstraintKind::ForeignKey);
    if !own.is_empty() {
        return own;
    }
    let indexes = indexes(way);
    if !indexes.is_empty() {
        return indexes;
    }
    constraints(way, |kind| kind == ConstraintKind::ForeignKey)
}

fn constraints(way: &Way<'_>, wanted: impl Fn(ConstraintKind) -> bool) -> Vec<String> {
    let add = |one: &Difference| {
        let name = own_name(one);
        let constraint = way.before.tables.get(one.on.as_ref()?)?.constraints.get(&name)?;
        wanted(constraint.kind)
            .then(|| (way.table(one), format!("ADD CONSTRAINT {} {}", quoted(&name), constraint.definition)))
    };
    alter_tables(way.missing(&[Kind::Constraint]).into_iter().filter_map(add))
}

fn indexes(way: &Way<'_>) -> Vec<String> {
    let create = |one: &Difference| {
        let (on, name) = (one.on.as_ref()?, own_name(one));
        let is_there = way.now.tables.contains_key(on) || way.now.views.contains_key(on);
        let of_table = way.before.tables.get(on).and_then(|table| table.indexes.get(&name));
        let index = of_table.or_else(|| way.before.views.get(on)?.indexes.get(&name))?;
        let unique = if index.unique { "UNIQUE " } else { "" };
        (is_there && !index.of_constraint).then(|| {
            format!("CREATE {unique}INDEX {} ON {} {}", quoted(&name), way.table(one), index.definition)
        })
    };
    way.missing(&[Kind::Index]).into_iter().filter_map(create).collect()
}

/// Views, in the order in which they were made, then triggers, policies and rules.
pub(super) fn views_and_attached(way: &Way<'_>) -> Vec<String> {
    let view = |one: &Difference| {
        let view = way.before.views.get(&home_of(&one.object))?;
        let word = if view.materialized { "MATERIALIZED VIEW" } else { "VIEW" };
        let query = view.definition.trim().trim_end_matches(';');
        Some(format!("CREATE {word} {} AS\n{query}", way.object(one)))
    };
    let views: Vec<_> =
        way.missing(&[Kind::View, Kind::MaterializedView]).into_iter().filter_map(view).collect();
    if !views.is_empty() {
        return views;
    }
    way.missing(&[Kind::Trigger, Kind::Policy, Kind::Rule])
        .into_iter()
        .filter_map(|one| attached(way, one))
        .collect()
}

fn attached(way: &Way<'_>, one: &Difference) -> Option<String> {
    let (table, name) = (way.before.tables.get(one.on.as_ref()?)?, own_name(one));
    match one.kind {
        Kind::Trigger => {
            let sql = &table.triggers.get(&name)?.sql;
            // How a trigger that does not fire as usual is marked, the catalog says in words of its own.
            let special = [" DISABLED", " ENABLED ON REPLICA", " ENABLED ALWAYS"];
            let is_usual = !special.iter().any(|end| sql.ends_with(end));
            is_usual.then(|| without_schema(sql, " ON ", way))
        }
        Kind::Policy => {
            let sql = &table.policies.get(&name)?.sql;
            Some(format!("CREATE POLICY {} ON {} AS {sql}", quoted(&name), way.table(one)))
        }
        _ => Some(without_schema(table.rules.get(&name)?.sql.trim_end_matches(';'), " TO ", way)),
    }
}
