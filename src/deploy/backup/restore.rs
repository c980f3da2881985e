//! The SQL, for psql, that brings back what was copied out.

use std::collections::BTreeSet;

use postgres_protocol::escape::escape_literal;

use super::{
    Copied,
    losses::{Fate, Loss, Part},
};
use crate::{
    catalog::{Catalog, Column, ConstraintKind, Table, TypeShape, quoted, relation},
    guard::name::Name,
};

/// The whole script; `copied` is what became of each of `losses`, and `live` the catalog before.
pub(super) fn script(losses: &[Loss], live: &Catalog, copied: &[Copied]) -> String {
    let mut text = "-- Brings back what was copied out before a migration. Run it with psql in this directory, as one\n\
                    -- transaction; the URL must be one that psql understands, without Prisma's own parameters.\n"
        .to_owned();
    types(losses, live).iter().for_each(|sql| text.push_str(sql));
    for (at, (loss, copied)) in losses.iter().zip(copied).enumerate() {
        let Some(table) = live.tables.get(&loss.table) else { continue };
        let part =
            Restored { loss, table, copied, side: format!("restored_{}", at + 1), key: loss.key(live) };
        text.push_str(&part.sql());
    }
    let foreign = losses.iter().filter(|loss| loss.part == Part::Whole);
    foreign.filter_map(|loss| Some((loss, live.tables.get(&loss.table)?))).for_each(|(loss, table)| {
        for (name, constraint) in &table.constraints {
            if constraint.kind == ConstraintKind::ForeignKey {
                text.push_str(&unless_there(&add(&loss.table, name, &constraint.definition)));
            }
        }
    });
    text
}

/// The enums of the columns that come back.
fn types(losses: &[Loss], live: &Catalog) -> BTreeSet<String> {
    let columns =
        losses.iter().filter_map(|loss| live.tables.get(&loss.table)).flat_map(|table| &table.columns);
    let names = columns.map(|column| relation(column.data_type.trim_end_matches("[]")));
    names
        .filter_map(|name| match &live.types.get(&name)?.shape {
            TypeShape::Enum { labels } => {
                let labels: Vec<_> = labels.iter().map(|label| escape_literal(label)).collect();
                Some(unless_there(&format!("CREATE TYPE {} AS ENUM ({})", name.sql(), labels.join(", "))))
            }
            _ => None,
        })
        .collect()
}

fn unless_there(statement: &str) -> String {
    format!(
        "DO $restore$ BEGIN {statement}; EXCEPTION WHEN duplicate_object OR duplicate_table OR invalid_table_definition \
         THEN NULL; END $restore$;\n"
    )
}

fn add(table: &Name, constraint: &str, definition: &str) -> String {
    format!("ALTER TABLE {} ADD CONSTRAINT {} {definition}", table.sql(), quoted(constraint))
}

struct Restored<'a> {
    loss: &'a Loss,
    table: &'a Table,
    copied: &'a Copied,
    /// The temporary table that the copy is read into.
    side: String,
    key: Vec<String>,
}

impl Restored<'_> {
    fn sql(&self) -> String {
        let Copied { table, rows, file, .. } = self.copied;
        let mut text = format!("\n-- {}: {rows} rows\n", table.replace('\n', " "));
        let keyless = self.key.is_empty() && self.loss.part != Part::Whole;
        let (temporary, side) =
            if keyless { ("", self.beside().sql()) } else { ("TEMPORARY ", self.side.clone()) };
        let columns: Vec<_> = self.columns().map(definition).collect();
        text.push_str(&format!("CREATE {temporary}TABLE {side} ({});\n", columns.join(", ")));
        text.push_str(&format!("\\copy {side} FROM '{file}'\n"));
        match &self.loss.part {
            _ if keyless => text.push_str(
                "-- The table has no primary key: its rows as they were stand in a table beside it.\n",
            ),
            Part::Whole => text.push_str(&self.whole()),
            Part::Columns(fates) => {
                fates.iter().for_each(|(column, fate)| text.push_str(&self.column(column, *fate)))
            }
        }
        text
    }

    fn beside(&self) -> Name {
        self.loss.table.renamed(&format!("{}_before", self.loss.table.name))
    }

    fn columns(&self) -> impl Iterator<Item = &Column> {
        self.table.columns.iter().filter(|column| self.copied.columns.contains(&column.name))
    }

    /// The table, where it is gone, and its rows, where they are.
    fn whole(&self) -> String {
        let name = self.loss.table.sql();
        let columns: Vec<_> = self.table.columns.iter().map(full_definition).collect();
        let mut text = format!("CREATE TABLE IF NOT EXISTS {name} ({});\n", columns.join(", "));
        for (constraint, found) in &self.table.constraints {
            if found.kind != ConstraintKind::ForeignKey {
                text.push_str(&unless_there(&add(&self.loss.table, constraint, &found.definition)));
            }
        }
        for (index, found) in self.table.indexes.iter().filter(|(_, found)| !found.of_constraint) {
            text.push_str(&unless_there(&found.sql(index, &self.loss.table)));
        }
        let columns: Vec<_> = self.columns().map(|column| quoted(&column.name)).collect();
        let columns = columns.join(", ");
        text.push_str(&format!(
            "INSERT INTO {name} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM {} ON CONFLICT DO NOTHING;\n",
            self.side
        ));
        text
    }

    /// One column, where it is gone; beside it, where it has become another one.
    fn column(&self, column: &str, fate: Fate) -> String {
        let Some(found) = self.table.column(column).filter(|_| !self.key.iter().any(|key| key == column))
        else {
            return String::new();
        };
        let (name, side) = (self.loss.table.sql(), &self.side);
        let target = match fate {
            Fate::Gone => quoted(column),
            Fate::Changed => quoted(&format!("{column}_before")),
        };
        let same: Vec<_> = self.key.iter().map(|key| format!("t.{0} = r.{0}", quoted(key))).collect();
        format!(
            "ALTER TABLE {name} ADD COLUMN IF NOT EXISTS {target} {};\n\
             UPDATE {name} t SET {target} = r.{} FROM {side} r WHERE {};\n",
            found.data_type,
            quoted(column),
            same.join(" AND ")
        )
    }
}

/// A column that takes whatever was in it.
fn definition(column: &Column) -> String {
    format!("{} {}", quoted(&column.name), column.data_type)
}

/// A column as it was. A default that asks a sequence is left out: the sequence went with the table.
fn full_definition(column: &Column) -> String {
    let mut text = definition(column);
    if let Some(generated) = &column.generated {
        return format!("{text} GENERATED ALWAYS AS ({generated}) STORED");
    }
    if let Some(identity) = &column.identity {
        text.push_str(&format!(" GENERATED {identity} AS IDENTITY"));
    }
    if let Some(default) = column.default.as_ref().filter(|default| !default.contains("nextval(")) {
        text.push_str(&format!(" DEFAULT {default}"));
    }
    if !column.nullable {
        text.push_str(" NOT NULL");
    }
    text
}
