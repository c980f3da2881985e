//! Rows that are put into a database before several migrations and looked at after the last of them.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::{Client, SimpleQueryMessage};

use super::{
    rows::{Builder, Fill, Row, Values},
    values::boundaries,
};
use crate::{
    catalog::{Catalog, Table},
    guard::name::Name,
};

/// How many values at the edges are tried for a table.
const MOST_EDGES: usize = 400;

/// How many rows of a table are looked at.
const MOST_ROWS: usize = 2000;

/// The values of every table, by table and column, sorted. `None` is NULL.
#[derive(Debug, Default)]
pub struct Contents(BTreeMap<Name, Held>);

impl Contents {
    /// How many rows each table that holds any has, as far as they were looked at.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<Name, usize> {
        let filled = self.0.iter().filter(|(_, held)| held.rows > 0);
        filled.map(|(name, held)| (name.clone(), held.rows)).collect()
    }
}

#[derive(Debug, Default)]
struct Held {
    rows: usize,
    columns: BTreeMap<String, Vec<Option<String>>>,
}

/// What became of the rows of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fate {
    /// The table, as it was called before.
    pub table: Name,
    /// The column whose values are others; `None` where rows are gone.
    pub column: Option<String>,
    /// How many rows or values there were.
    pub of: usize,
    /// How many of them are gone.
    pub gone: usize,
    /// A value that is gone.
    pub example: Option<String>,
}

/// Puts rows into every table of `catalog`: one with all values, one with as few as may be, and into those of
/// `edges` one for each value at the edge of what a column may hold. Rows that a table refuses are left out. Gives
/// how many there are.
///
/// # Errors
/// Where the connection breaks.
pub async fn put(
    client: &Client,
    catalog: &Catalog,
    edges: &BTreeSet<&Name>,
) -> Result<usize, tokio_postgres::Error> {
    let mut builder = Builder::new(catalog);
    let mut count = 0;
    client.batch_execute("BEGIN").await?;
    for (name, table) in &catalog.tables {
        let fixed = if edges.contains(name) { at_the_edges(catalog, table) } else { Vec::new() };
        let plain = [Fill::Full, Fill::Sparse].map(|fill| (Values::new(), fill));
        for (values, fill) in plain.into_iter().chain(fixed.into_iter().map(|values| (values, Fill::Full))) {
            let Ok(rows) = builder.row(name, &values, fill) else { continue };
            count += usize::from(insert(client, &rows).await?);
        }
    }
    client.batch_execute("COMMIT").await?;
    Ok(count)
}

fn at_the_edges(catalog: &Catalog, table: &Table) -> Vec<Values> {
    let of_column = |column: &crate::catalog::Column| {
        let values = boundaries(catalog, &column.data_type, &column.data_type);
        let name = column.name.clone();
        values.into_iter().map(move |value| Values::from([(name.clone(), Some(value))])).collect::<Vec<_>>()
    };
    let plain = table.columns.iter().filter(|column| column.generated.is_none());
    plain.flat_map(of_column).take(MOST_EDGES).collect()
}

/// Inserts a row after those that it points to; whether the table took it.
async fn insert(client: &Client, rows: &[Row]) -> Result<bool, tokio_postgres::Error> {
    let sql: Vec<_> = rows.iter().map(Row::sql).collect();
    match client.batch_execute(&format!("SAVEPOINT row;{};RELEASE row", sql.join(";"))).await {
        Ok(()) => Ok(true),
        Err(error) if error.as_db_error().is_some() => {
            client.batch_execute("ROLLBACK TO row;RELEASE row").await?;
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// What the tables of `catalog` hold.
///
/// # Errors
/// Where the connection breaks.
pub async fn look(client: &Client, catalog: &Catalog) -> Result<Contents, tokio_postgres::Error> {
    let mut contents = Contents::default();
    for name in catalog.tables.keys() {
        let question = format!("SELECT * FROM {} LIMIT {MOST_ROWS}", name.sql());
        let mut held = Held::default();
        for message in client.simple_query(&question).await? {
            let SimpleQueryMessage::Row(row) = message else { continue };
            held.rows += 1;
            for (place, column) in row.columns().iter().enumerate() {
                let value = row.get(place).map(str::to_owned);
                held.columns.entry(column.name().to_owned()).or_default().push(value);
            }
        }
        held.columns.values_mut().for_each(|values| values.sort());
        contents.0.insert(name.clone(), held);
    }
    Ok(contents)
}

/// What became of rows between two looks at one database or its clone, as far as their tables are still there and
/// their columns have the same types: what else became of them is told from the catalogs.
#[must_use]
pub fn fates(before: (&Catalog, &Contents), after: (&Catalog, &Contents)) -> Vec<Fate> {
    let mut fates = Vec::new();
    for (name, table) in &before.0.tables {
        let same = after.0.tables.iter().find(|(_, other)| other.id == table.id);
        let (Some((new_name, new_table)), Some(old)) = (same, before.1.0.get(name)) else { continue };
        let Some(new) = after.1.0.get(new_name) else { continue };
        if new.rows < old.rows {
            let gone = old.rows - new.rows;
            fates.push(Fate { table: name.clone(), column: None, of: old.rows, gone, example: None });
            continue;
        }
        for column in &table.columns {
            let same = new_table
                .columns
                .iter()
                .find(|other| other.number == column.number && other.data_type == column.data_type);
            let values = |held: &Held, name: &str| held.columns.get(name).cloned().unwrap_or_default();
            let Some(same) = same else { continue };
            let old = values(old, &column.name);
            let gone = gone(&old, &values(new, &same.name));
            if let Some(example) = gone.first() {
                fates.push(Fate {
                    table: name.clone(),
                    column: Some(column.name.clone()),
                    of: old.len(),
                    gone: gone.len(),
                    example: example.clone(),
                });
            }
        }
    }
    fates
}

/// Those of `old` that are not in `new`, both sorted.
fn gone(old: &[Option<String>], new: &[Option<String>]) -> Vec<Option<String>> {
    let mut rest = new.iter().peekable();
    let mut gone = Vec::new();
    for value in old {
        while rest.next_if(|other| *other < value).is_some() {}
        if rest.next_if(|other| *other == value).is_none() {
            gone.push(value.clone());
        }
    }
    gone
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_is_told_from_what_was_added() {
        let values = |text: &str| -> Vec<Option<String>> {
            text.split(' ').filter(|part| !part.is_empty()).map(|part| Some(part.to_owned())).collect()
        };
        for (old, new, wanted) in [
            ("a b b c", "a b b c", ""),
            ("a b b c", "a b b c d", ""),
            ("a b b c", "a b c", "b"),
            ("a b", "", "a b"),
            ("", "a", ""),
            ("b", "a c", "b"),
        ] {
            assert_eq!(gone(&values(old), &values(new)), values(wanted), "{old} to {new}");
        }
    }
}
