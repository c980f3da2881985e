//! What is too much goes.

use super::plan::{Way, alter_tables, own_name};
use crate::catalog::{ConstraintKind, Difference, Kind, quoted};

/// Views: all of a kind at once, for one may stand on another.
pub(super) fn views(way: &Way<'_>) -> Vec<String> {
    let of_kind = |kind: Kind| {
        let kinds = [kind];
        let views: Vec<_> =
            way.too_much(&kinds).chain(way.redefined(&kinds)).map(|view| way.object(view)).collect();
        let word = if kind == Kind::View { "VIEW" } else { "MATERIALIZED VIEW" };
        (!views.is_empty()).then(|| format!("DROP {word} {}", views.join(", ")))
    };
    [Kind::View, Kind::MaterializedView].into_iter().filter_map(of_kind).collect()
}

/// Triggers, policies and rules.
pub(super) fn attached(way: &Way<'_>) -> Vec<String> {
    let kinds = [Kind::Trigger, Kind::Policy, Kind::Rule];
    let drop = |one: &Difference| {
        let word = match one.kind {
            Kind::Trigger => "TRIGGER",
            Kind::Policy => "POLICY",
            _ => "RULE",
        };
        format!("DROP {word} {} ON {}", quoted(&own_name(one)), way.table(one))
    };
    way.too_much(&kinds).chain(way.redefined(&kinds)).map(drop).collect()
}

/// Columns that are computed from others, which cannot go before them.
pub(super) fn generated_columns(way: &Way<'_>) -> Vec<String> {
    drop_columns(way, true)
}

/// All other columns.
pub(super) fn columns(way: &Way<'_>) -> Vec<String> {
    drop_columns(way, false)
}

fn drop_columns(way: &Way<'_>, generated: bool) -> Vec<String> {
    let is_generated = |one: &&Difference| {
        let table = one.on.as_ref().and_then(|on| way.now.tables.get(on));
        let column = table.and_then(|table| table.column(&own_name(one)));
        column.is_some_and(|column| column.generated.is_some()) == generated
    };
    let drop = |one: &Difference| (way.table(one), format!("DROP COLUMN {}", quoted(&own_name(one))));
    alter_tables(way.too_much(&[Kind::Column]).filter(is_generated).map(drop))
}

/// Foreign keys, which hold on to tables and unique constraints.
pub(super) fn foreign_keys(way: &Way<'_>) -> Vec<String> {
    drop_constraints(way, |kind| kind == ConstraintKind::ForeignKey)
}

/// All other constraints.
pub(super) fn constraints(way: &Way<'_>) -> Vec<String> {
    drop_constraints(way, |kind| kind != ConstraintKind::ForeignKey)
}

fn drop_constraints(way: &Way<'_>, wanted: impl Fn(ConstraintKind) -> bool) -> Vec<String> {
    let is_wanted = |one: &&Difference| {
        let table = one.on.as_ref().and_then(|on| way.now.tables.get(on));
        let constraint = table.and_then(|table| table.constraints.get(&own_name(one)));
        constraint.is_some_and(|constraint| wanted(constraint.kind))
    };
    let kinds = [Kind::Constraint];
    let gone = way.too_much(&kinds).chain(way.redefined(&kinds)).filter(is_wanted);
    alter_tables(gone.map(|one| (way.table(one), format!("DROP CONSTRAINT {}", quoted(&own_name(one))))))
}

/// Tables: all at once, for they may refer to one another.
pub(super) fn tables(way: &Way<'_>) -> Vec<String> {
    let tables: Vec<_> = way.too_much(&[Kind::Table]).map(|table| way.object(table)).collect();
    if tables.is_empty() { Vec::new() } else { vec![format!("DROP TABLE {}", tables.join(", "))] }
}

/// Indexes that serve no constraint.
pub(super) fn indexes(way: &Way<'_>) -> Vec<String> {
    let is_plain = |one: &&Difference| {
        let Some(on) = &one.on else { return false };
        let name = own_name(one);
        let of_table = way.now.tables.get(on).and_then(|table| table.indexes.get(&name));
        let index = of_table.or_else(|| way.now.views.get(on)?.indexes.get(&name));
        index.is_some_and(|index| !index.of_constraint)
    };
    let kinds = [Kind::Index];
    let gone = way.too_much(&kinds).chain(way.redefined(&kinds)).filter(is_plain);
    gone.map(|one| format!("DROP INDEX {}", way.object(one))).collect()
}

/// What columns, defaults and triggers may have used until now.
pub(super) fn the_rest(way: &Way<'_>) -> Vec<String> {
    let words = |kind: Kind| match kind {
        Kind::Sequence => "SEQUENCE",
        Kind::Routine => "ROUTINE",
        Kind::Domain => "DOMAIN",
        Kind::Type => "TYPE",
        Kind::Extension => "EXTENSION",
        _ => "SCHEMA",
    };
    for kind in [Kind::Sequence, Kind::Routine, Kind::Domain, Kind::Type, Kind::Extension, Kind::Schema] {
        let drop = |one: &Difference| {
            let name = if matches!(kind, Kind::Extension | Kind::Schema) {
                quoted(&own_name(one))
            } else {
                way.object(one)
            };
            format!("DROP {} {name}", words(kind))
        };
        let statements: Vec<_> = match kind {
            Kind::Routine => routines(way),
            _ => way.too_much(&[kind]).map(drop).collect(),
        };
        if !statements.is_empty() {
            return statements;
        }
    }
    Vec::new()
}

/// Several may share a name: their arguments tell them apart.
fn routines(way: &Way<'_>) -> Vec<String> {
    let is_there = |one: &&crate::catalog::Routine| {
        way.before.routines.iter().any(|other| (&other.name, &other.arguments) == (&one.name, &one.arguments))
    };
    let gone = way.now.routines.iter().filter(|one| !is_there(one));
    gone.map(|one| format!("DROP ROUTINE {}({})", way.sql(&one.name), one.arguments)).collect()
}
