//! Conditions as SQL.

use crate::guard::sql::repeat::{Condition, Piece, Thing};

/// The statements that take a statement's place, if any; `original` ends with its semicolon, where it has one.
pub(super) fn pieces(original: &str, pieces: &[Piece]) -> String {
    if pieces.is_empty() {
        return original.to_owned();
    }
    if let [Piece { when: None, sql }] = pieces
        && original.trim_end().trim_end_matches(';').trim_end() == sql
    {
        return original.to_owned();
    }
    pieces.iter().map(piece).collect::<Vec<_>>().join("\n\n")
}

fn piece(piece: &Piece) -> String {
    let Piece { when, sql } = piece;
    match when {
        None => format!("{sql};"),
        Some(condition) => {
            let quote = dollars(sql);
            format!(
                "DO {quote}\nBEGIN\n    IF {} THEN\n        {sql};\n    END IF;\nEND {quote};",
                holds(condition)
            )
        }
    }
}

/// A dollar quote that the text does not hold.
fn dollars(sql: &str) -> String {
    let mut quote = "$$".to_owned();
    let mut number = 0;
    while sql.contains(&quote) {
        number += 1;
        quote = format!("$once{number}$");
    }
    quote
}

fn holds(Condition { absent, present }: &Condition) -> String {
    let absent = absent.iter().map(|thing| format!("NOT EXISTS ({})", select(thing))).collect::<Vec<_>>();
    let absent = match (absent.len(), present) {
        (2.., Some(_)) => vec![format!("({})", absent.join(" OR "))],
        _ => vec![absent.join(" OR ")],
    };
    let present = present.iter().map(|thing| format!("EXISTS ({})", select(thing)));
    present.chain(absent).collect::<Vec<_>>().join(" AND ")
}

/// A query with a row where the thing is there.
fn select(thing: &Thing) -> String {
    match thing {
        Thing::Constraint { table, name } => {
            let (name, table) = (literal(name), class(table));
            format!("SELECT 1 FROM pg_constraint WHERE conname = {name} AND conrelid = {table}")
        }
        Thing::PrimaryKey { table } => {
            format!("SELECT 1 FROM pg_constraint WHERE contype = 'p' AND conrelid = {}", class(table))
        }
        Thing::Column { table, name } => column(table, name),
        Thing::ColumnOfType { table, name, data_type } => {
            format!("{} AND atttypid = {}::regtype", column(table, name), literal(data_type))
        }
        Thing::Identity { table, column: name } => format!("{} AND attidentity <> ''", column(table, name)),
        Thing::Type { schema, name } => {
            let schema = schema.as_deref().map_or_else(|| "current_schema()".to_owned(), literal);
            format!(
                "SELECT 1 FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace \
                 WHERE t.typname = {} AND n.nspname = {schema}",
                literal(name)
            )
        }
        Thing::Label { data_type, label } => format!(
            "SELECT 1 FROM pg_enum WHERE enumlabel = {} AND enumtypid = {}::regtype",
            literal(label),
            literal(data_type)
        ),
        Thing::Policy { table, name } => {
            let (name, table) = (literal(name), class(table));
            format!("SELECT 1 FROM pg_policy WHERE polname = {name} AND polrelid = {table}")
        }
        Thing::Trigger { table, name } => {
            let (name, table) = (literal(name), class(table));
            format!("SELECT 1 FROM pg_trigger WHERE tgname = {name} AND tgrelid = {table}")
        }
        Thing::Role { name } => format!("SELECT 1 FROM pg_roles WHERE rolname = {}", literal(name)),
        Thing::Publication { name } => {
            format!("SELECT 1 FROM pg_publication WHERE pubname = {}", literal(name))
        }
    }
}

fn column(table: &str, name: &str) -> String {
    let (name, table) = (literal(name), class(table));
    format!("SELECT 1 FROM pg_attribute WHERE attname = {name} AND attrelid = {table} AND NOT attisdropped")
}

/// A table as it is written in SQL, as PostgreSQL looks it up.
fn class(table: &str) -> String {
    format!("{}::regclass", literal(table))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
