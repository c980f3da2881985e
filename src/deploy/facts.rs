//! What a live database tells beside its catalog: how large its tables are, and what the role may do.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow};

use crate::guard::{name::Name, row_rights::Right};

/// How large a table is, its indexes included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Size {
    /// The table, as reports print it.
    pub table: String,
    /// About how many rows, by PostgreSQL's own estimate; unknown where it was never analyzed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Bytes.
    pub bytes: u64,
    /// Whether the role may alter it.
    #[serde(skip)]
    pub is_owned: bool,
    /// Whether the role may let foreign keys point to it.
    #[serde(skip)]
    pub may_be_referenced: bool,
    /// Its owner.
    #[serde(skip)]
    pub owner: String,
    /// What the role may do with its rows, if only with some of the columns.
    #[serde(skip)]
    pub rights: BTreeSet<Right>,
}

impl Size {
    /// In words.
    #[must_use]
    pub fn words(&self) -> String {
        let rows = match self.rows {
            Some(1) => "about 1 row".to_owned(),
            Some(rows) => format!("about {rows} rows"),
            None => "an unknown number of rows (never analyzed)".to_owned(),
        };
        format!("{} has {rows}, {} on disk", self.table, bytes(self.bytes))
    }
}

fn bytes(bytes: u64) -> String {
    let units = [("GB", 1_u64 << 30), ("MB", 1 << 20), ("kB", 1 << 10)];
    match units.into_iter().find(|(_, size)| bytes >= *size) {
        Some((unit, size)) => format!("{} {unit}", bytes / size),
        None => format!("{bytes} bytes"),
    }
}

/// Asks for every table of the user's.
pub const SIZES: &str = "SELECT n.nspname, c.relname, c.reltuples::pg_catalog.int8, \
     pg_catalog.pg_total_relation_size(c.oid), pg_catalog.pg_has_role(c.relowner, 'USAGE'), \
     pg_catalog.has_table_privilege(c.oid, 'REFERENCES'), pg_catalog.pg_get_userbyid(c.relowner), \
     pg_catalog.has_any_column_privilege(c.oid, 'SELECT'), pg_catalog.has_any_column_privilege(c.oid, 'INSERT'), \
     pg_catalog.has_any_column_privilege(c.oid, 'UPDATE'), pg_catalog.has_table_privilege(c.oid, 'DELETE'), \
     pg_catalog.has_table_privilege(c.oid, 'TRUNCATE') \
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     WHERE c.relkind IN ('r', 'p', 'm', 'f', 'v') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema';";

/// Asks what the role may do with schemas and with the database: for each schema its name, CREATE and the owner's rights.
pub const RIGHTS: &str = "SELECT n.nspname, pg_catalog.has_schema_privilege(n.oid, 'CREATE'), \
     pg_catalog.has_schema_privilege(n.oid, 'USAGE'), \
     pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE'), current_user \
     FROM pg_catalog.pg_namespace n WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema';";

/// Those of `tables` that hold no row. Where the role may not look, a table counts as one with rows.
pub async fn without_rows(client: &Client, tables: &BTreeSet<Name>) -> BTreeSet<Name> {
    let mut empty = BTreeSet::new();
    for table in tables {
        // A policy that hides rows is to be an error: hidden rows are rows.
        let question = format!("SET LOCAL row_security = off; SELECT EXISTS (SELECT FROM {})", table.sql());
        if let Ok(messages) = client.simple_query(&question).await
            && messages
                .iter()
                .any(|one| matches!(one, SimpleQueryMessage::Row(row) if row.get(0) == Some("f")))
        {
            empty.insert(table.clone());
        }
    }
    empty
}

/// The answer to [`SIZES`], by full name.
#[must_use]
pub fn sizes(rows: &[SimpleQueryRow]) -> BTreeMap<Name, Size> {
    let size = |row: &SimpleQueryRow| {
        let name = Name { schema: Some(text(row, 0)), name: text(row, 1), member: None };
        let size = Size {
            table: name.to_string(),
            rows: text(row, 2).parse().ok(),
            bytes: text(row, 3).parse().unwrap_or_default(),
            is_owned: text(row, 4) == "t",
            may_be_referenced: text(row, 5) == "t",
            owner: text(row, 6),
            rights: Right::ALL
                .into_iter()
                .zip(7..)
                .filter(|(_, at)| text(row, *at) == "t")
                .map(|(one, _)| one)
                .collect(),
        };
        (name, size)
    };
    rows.iter().map(size).collect()
}

/// What the role may do beside its tables.
#[derive(Debug, Clone, Default)]
pub struct Rights {
    /// The role.
    pub role: String,
    /// For each schema whether it may make objects there and use those that are there.
    pub schemas: BTreeMap<String, (bool, bool)>,
    /// Whether it may make schemas and trusted extensions.
    pub creates_in_database: bool,
    /// Whether it may make the database, which is asked only where it is missing.
    pub makes_databases: bool,
}

/// The answer to [`RIGHTS`].
#[must_use]
pub fn rights(rows: &[SimpleQueryRow]) -> Rights {
    let mut rights = Rights::default();
    for row in rows {
        rights.schemas.insert(text(row, 0), (text(row, 1) == "t", text(row, 2) == "t"));
        rights.creates_in_database = text(row, 3) == "t";
        rights.role = text(row, 4);
    }
    rights
}

fn text(row: &SimpleQueryRow, column: usize) -> String {
    row.try_get(column).ok().flatten().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_words() {
        for (size, wanted) in [(12, "12 bytes"), (8192, "8 kB"), (5 << 20, "5 MB"), (3 << 30, "3 GB")] {
            assert_eq!(bytes(size), wanted);
        }
    }
}
