//! Tables and columns: what a database has, and what a program expects of it.

use std::collections::BTreeMap;

use postgres_protocol::escape::{escape_identifier, escape_literal};
use serde::{Deserialize, Serialize};
use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow};

use super::ledger::TABLE;

/// The tables and views of a database, by name. A name without a schema is of the schema that Prisma works in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Catalog(pub BTreeMap<String, Columns>);

/// A table's columns and their types, as PostgreSQL writes them.
pub type Columns = BTreeMap<String, String>;

/// Which schemas are looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schemas {
    /// Every one but the system's.
    All,
    /// These.
    Named(Vec<String>),
}

/// Something that is expected and not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Gap {
    /// A table or view.
    Table(String),
    /// A column, as `table.column`.
    Column(String),
}

impl std::fmt::Display for Gap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Table(name) => write!(f, "table {}", name.escape_debug()),
            Self::Column(name) => write!(f, "column {}", name.escape_debug()),
        }
    }
}

/// A column of another type than the expected one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Retyped {
    /// `table.column`.
    pub column: String,
    /// The type that is there.
    pub found: String,
    /// The type that should be.
    pub expected: String,
}

/// Asks for the columns of all tables and views in `schemas`, but those of extensions and Prisma's ledger.
pub(super) fn question(schemas: &Schemas) -> String {
    let wanted = match schemas {
        Schemas::All => "n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'".to_owned(),
        Schemas::Named(names) => {
            let names: Vec<_> = names.iter().map(|name| escape_literal(name)).collect();
            format!("n.nspname IN ({})", names.join(", "))
        }
    };
    format!(
        "SELECT n.nspname, c.relname, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod) \
           FROM pg_catalog.pg_class c \
           JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
           LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
          WHERE {wanted} AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relname <> {} \
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = c.oid \
              AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype = 'e');",
        escape_literal(TABLE)
    )
}

/// The answer to [`question`], told from the schema `home`.
pub(super) fn read(rows: &[SimpleQueryRow], home: &str) -> Catalog {
    let mut catalog = Catalog::default();
    // Whether PostgreSQL writes a type's schema depends on the session's search path.
    let prefixes = [format!("{home}."), format!("{}.", escape_identifier(home))];
    for row in rows {
        let text = |column| row.try_get(column).ok().flatten();
        let (Some(schema), Some(table)) = (text(0), text(1)) else { continue };
        let name = if schema == home { table.to_owned() } else { format!("{schema}.{table}") };
        let columns = catalog.0.entry(name).or_default();
        if let (Some(column), Some(kind)) = (text(2), text(3)) {
            let bare = prefixes.iter().find_map(|prefix| kind.strip_prefix(prefix.as_str())).unwrap_or(kind);
            columns.insert(column.to_owned(), bare.to_owned());
        }
    }
    catalog
}

/// The catalog of the temporary database that `client` is connected to. What is in `schema` goes by its name alone.
///
/// # Errors
/// Where the server is gone.
pub async fn of(client: &Client, schema: &str) -> Result<Catalog, tokio_postgres::Error> {
    let messages = client.simple_query(&question(&Schemas::All)).await?;
    let rows: Vec<_> = messages
        .into_iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        })
        .collect();
    Ok(read(&rows, schema))
}

impl Catalog {
    /// What of this catalog `found` does not have.
    #[must_use]
    pub fn gaps(&self, found: &Self) -> Vec<Gap> {
        let mut gaps = Vec::new();
        for (table, columns) in &self.0 {
            match found.0.get(table) {
                None => gaps.push(Gap::Table(table.clone())),
                Some(there) => {
                    let missing = columns.keys().filter(|column| !there.contains_key(*column));
                    gaps.extend(missing.map(|column| Gap::Column(format!("{table}.{column}"))));
                }
            }
        }
        gaps
    }

    /// The columns that `found` has with another type.
    #[must_use]
    pub fn retyped(&self, found: &Self) -> Vec<Retyped> {
        let pairs = self.0.iter().filter_map(|(table, columns)| Some((table, columns, found.0.get(table)?)));
        let of_table = |(table, columns, there): (&String, &Columns, &Columns)| {
            let differs = |(column, expected): (&String, &String)| {
                let found = there.get(column).filter(|found| *found != expected)?;
                Some(Retyped {
                    column: format!("{table}.{column}"),
                    found: found.clone(),
                    expected: expected.clone(),
                })
            };
            columns.iter().filter_map(differs).collect::<Vec<_>>()
        };
        pairs.flat_map(of_table).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog(json: &str) -> Catalog {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn what_is_missing_is_named_and_what_is_extra_is_not() {
        let expected = catalog(r#"{"A": {"id": "text", "n": "integer"}, "B": {"id": "text"}}"#);
        let found = catalog(r#"{"A": {"id": "uuid", "extra": "text"}, "C": {}}"#);
        assert_eq!(expected.gaps(&found), [Gap::Column("A.n".into()), Gap::Table("B".into())]);
        let retyped = Retyped { column: "A.id".into(), found: "uuid".into(), expected: "text".into() };
        assert_eq!(expected.retyped(&found), [retyped]);
        assert!(expected.gaps(&expected).is_empty() && expected.retyped(&expected).is_empty());
    }
}
