//! Rows for a table that is there: values for its columns, and for what its foreign keys point to.

use std::collections::{BTreeMap, BTreeSet};

use super::values::{literals, sample};
use crate::{
    catalog::{Catalog, Column, Constraint, ConstraintKind, Reference, Table, TypeShape, quoted},
    guard::name::Name,
};

/// How many rows may lead to one another through foreign keys.
const DEEPEST: usize = 20;

/// Values by column; `None` is NULL.
pub(super) type Values = BTreeMap<String, Option<String>>;

/// A row to be inserted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) table: Name,
    pub(super) values: Values,
}

/// Which columns of a row are given values although they need none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fill {
    /// Every column, but for foreign keys that nothing is asked about: each would need another row.
    Full,
    /// Those that must have one.
    Sparse,
}

impl Row {
    /// The statement that inserts it.
    pub(super) fn sql(&self) -> String {
        if self.values.is_empty() {
            return format!("INSERT INTO {} DEFAULT VALUES", self.table.sql());
        }
        let columns: Vec<_> = self.values.keys().map(|column| quoted(column)).collect();
        let values: Vec<_> = self.values.values().map(|value| literal(value.as_deref())).collect();
        let (columns, values) = (columns.join(", "), values.join(", "));
        format!("INSERT INTO {} ({columns}) OVERRIDING SYSTEM VALUE VALUES ({values})", self.table.sql())
    }
}

/// A value as it is safe in SQL, whatever the settings.
pub(super) fn literal(value: Option<&str>) -> String {
    match value {
        None => "NULL".into(),
        Some(value) if value.contains('\\') => {
            format!("E'{}'", value.replace('\\', "\\\\").replace('\'', "''"))
        }
        Some(value) => format!("'{}'", value.replace('\'', "''")),
    }
}

/// Makes rows. Each has a number of its own, so that no two have the same values by chance.
#[derive(Debug)]
pub(super) struct Builder<'a> {
    catalog: &'a Catalog,
    /// The columns that something is asked about; `None` for all.
    asked: Option<&'a BTreeSet<String>>,
    next: u32,
    /// Values that conditions of a table want, as far as they were found out.
    wanted: BTreeMap<Name, Values>,
    /// Rows that others point to, which are made once in a trial.
    made: BTreeSet<(Name, Values)>,
}

impl<'a> Builder<'a> {
    pub(super) const fn new(catalog: &'a Catalog) -> Self {
        Self { catalog, asked: None, next: 1, wanted: BTreeMap::new(), made: BTreeSet::new() }
    }

    /// Makes rows for questions about these columns only.
    pub(super) fn asking(self, asked: &'a BTreeSet<String>) -> Self {
        Self { asked: Some(asked), ..self }
    }

    /// Another trial begins: nothing is there yet.
    pub(super) fn begin(&mut self) {
        self.made.clear();
    }

    /// Takes `values` for the columns of `table` from now on.
    pub(super) fn want(&mut self, table: &Name, values: Values) {
        self.wanted.entry(table.clone()).or_default().extend(values);
    }

    /// A row of `table` with the values of `fixed`, after the rows that it points to.
    ///
    /// # Errors
    /// Why there can be none.
    pub(super) fn row(&mut self, table: &Name, fixed: &Values, fill: Fill) -> Result<Vec<Row>, String> {
        let mut rows = Vec::new();
        self.build(table, fixed, fill, &mut Trail { tables: Vec::new(), rows: &mut rows })?;
        Ok(rows)
    }

    fn build(
        &mut self,
        name: &Name,
        fixed: &Values,
        fill: Fill,
        trail: &mut Trail<'_>,
    ) -> Result<(), String> {
        let table = self.catalog.tables.get(name).ok_or_else(|| format!("{name} is no table"))?;
        if trail.tables.len() > DEEPEST {
            return Err("too many tables point to one another".into());
        }
        let number = self.next;
        self.next += 1;
        let mut values = Values::new();
        for column in table.columns.iter().filter(|column| column.generated.is_none()) {
            let value = self.value(name, column, fixed, (number, fill))?;
            values.insert(column.name.clone(), value);
        }
        trail.tables.push(name.clone());
        let mut outcome = Ok(());
        for constraint in table.constraints.values() {
            if let (ConstraintKind::ForeignKey, Some(reference)) = (constraint.kind, &constraint.references) {
                let key = Key { table, constraint, reference, fixed };
                outcome = outcome.and_then(|()| self.point(&key, &mut values, trail));
            }
        }
        trail.tables.pop();
        outcome?;
        trail.rows.push(Row { table: name.clone(), values });
        Ok(())
    }

    fn value(
        &self,
        table: &Name,
        column: &Column,
        fixed: &Values,
        (number, fill): (u32, Fill),
    ) -> Result<Option<String>, String> {
        let wanted = self.wanted.get(table).and_then(|wanted| wanted.get(&column.name));
        if let Some(value) = fixed.get(&column.name).or(wanted) {
            return Ok(value.clone());
        }
        if column.nullable && (fill == Fill::Sparse || self.is_idle_key(table, column)) {
            return Ok(None);
        }
        match sample(self.catalog, &column.data_type, number) {
            None if !column.nullable => Err(format!("no value is known for the type {}", column.data_type)),
            value => Ok(value),
        }
    }

    /// Whether the column points somewhere and nothing is asked about it.
    fn is_idle_key(&self, table: &Name, column: &Column) -> bool {
        let points = |constraint: &Constraint| {
            constraint.references.is_some() && constraint.columns.contains(&column.name)
        };
        let mut constraints =
            self.catalog.tables.get(table).into_iter().flat_map(|table| table.constraints.values());
        self.asked.is_some_and(|asked| !asked.contains(&column.name)) && constraints.any(points)
    }

    /// Makes the row that a foreign key points to, or lets the key point to nothing where it may.
    fn point(&mut self, key: &Key<'_>, values: &mut Values, trail: &mut Trail<'_>) -> Result<(), String> {
        let target: Option<Values> = key
            .constraint
            .columns
            .iter()
            .zip(&key.reference.columns)
            .map(|(own, theirs)| Some((theirs.clone(), Some(values.get(own)?.clone()?))))
            .collect();
        let Some(target) = target else { return Ok(()) };
        let parent = &key.reference.table;
        let is_itself = trail.tables.last() == Some(parent);
        if is_itself && target.iter().all(|(column, value)| values.get(column) == Some(value)) {
            return Ok(());
        }
        let known = (parent.clone(), target.clone());
        if self.made.contains(&known) {
            return Ok(());
        }
        let made = if trail.tables.contains(parent) && !key.is_fixed() {
            Err(format!("{parent} and the tables it points to point to one another"))
        } else {
            self.build(parent, &target, Fill::Sparse, trail)
        };
        match made {
            Ok(()) => {
                self.made.insert(known);
                Ok(())
            }
            Err(_) if key.let_go(values) => Ok(()),
            Err(_) if is_itself && !key.is_fixed() => {
                for (own, theirs) in key.constraint.columns.iter().zip(&key.reference.columns) {
                    let value = values.get(theirs).cloned().flatten();
                    values.insert(own.clone(), value);
                }
                Ok(())
            }
            Err(why) => Err(why),
        }
    }

    /// Values that may satisfy the condition `name` of `table`, or of the domain `domain`: for each of its
    /// columns those that the condition itself names.
    pub(super) fn candidates(&self, table: &Name, name: &str) -> Vec<(String, Vec<String>)> {
        let Some(found) = self.catalog.tables.get(table) else { return Vec::new() };
        if let Some(constraint) = found.constraints.get(name) {
            let values = literals(&constraint.definition);
            return constraint.columns.iter().map(|column| (column.clone(), values.clone())).collect();
        }
        let of_domain = |column: &Column| {
            let TypeShape::Domain { checks, .. } = &self.catalog.user_type(&column.data_type)?.shape else {
                return None;
            };
            Some((column.name.clone(), literals(checks.get(name)?)))
        };
        found.columns.iter().filter_map(of_domain).collect()
    }
}

/// The rows on the way to the one that is wanted.
struct Trail<'a> {
    tables: Vec<Name>,
    rows: &'a mut Vec<Row>,
}

/// A foreign key of a row that is being made.
struct Key<'a> {
    table: &'a Table,
    constraint: &'a Constraint,
    reference: &'a Reference,
    fixed: &'a Values,
}

impl Key<'_> {
    fn is_fixed(&self) -> bool {
        self.constraint.columns.iter().any(|column| self.fixed.contains_key(column))
    }

    /// Sets a column of the key to NULL, where one may be, so that it points to nothing.
    fn let_go(&self, values: &mut Values) -> bool {
        let free = self.constraint.columns.iter().find(|column| {
            !self.fixed.contains_key(*column)
                && self.table.column(column).is_some_and(|column| column.nullable)
        });
        free.is_some_and(|column| values.insert(column.clone(), None).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Id;

    fn column(name: &str, data_type: &str, nullable: bool) -> Column {
        Column { name: name.into(), data_type: data_type.into(), nullable, ..Column::default() }
    }

    fn points(column: &str, table: &str) -> Constraint {
        Constraint {
            id: Id::default(),
            kind: ConstraintKind::ForeignKey,
            definition: String::new(),
            columns: vec![column.into()],
            references: Some(Reference { table: Name::bare(table), columns: vec!["id".into()] }),
        }
    }

    fn catalog() -> Catalog {
        let user = Table {
            columns: vec![column("id", "integer", false), column("boss", "integer", true)],
            constraints: [("boss".into(), points("boss", "user"))].into(),
            ..Table::default()
        };
        let order = Table {
            columns: vec![column("id", "integer", false), column("by", "integer", false)],
            constraints: [("by".into(), points("by", "user"))].into(),
            ..Table::default()
        };
        Catalog {
            tables: [(Name::bare("user"), user), (Name::bare("order"), order)].into(),
            ..Catalog::default()
        }
    }

    fn sql(rows: &[Row]) -> Vec<String> {
        rows.iter().map(Row::sql).collect()
    }

    #[test]
    fn what_a_row_points_to_comes_first_and_once() {
        let catalog = catalog();
        let mut builder = Builder::new(&catalog);
        let order = Name::bare("order");
        let rows = builder.row(&order, &Values::new(), Fill::Full).unwrap();
        assert_eq!(
            sql(&rows),
            [
                "INSERT INTO \"public\".\"user\" (\"boss\", \"id\") OVERRIDING SYSTEM VALUE VALUES (NULL, '1001')",
                "INSERT INTO \"public\".\"order\" (\"by\", \"id\") OVERRIDING SYSTEM VALUE VALUES ('1001', '1001')",
            ]
        );
        let fixed = [("by".to_owned(), Some("1001".to_owned()))].into();
        assert_eq!(builder.row(&order, &fixed, Fill::Full).unwrap().len(), 1);
        builder.begin();
        assert_eq!(builder.row(&order, &fixed, Fill::Full).unwrap().len(), 2);
    }

    #[test]
    fn a_row_may_point_to_nothing_or_to_itself() {
        let catalog = catalog();
        for (asked, points) in [(BTreeSet::new(), false), (["boss".to_owned()].into(), true)] {
            let mut builder = Builder::new(&catalog).asking(&asked);
            let rows = builder.row(&Name::bare("user"), &Values::new(), Fill::Full).unwrap();
            let row = &rows.last().unwrap().values;
            assert_eq!(row["boss"].clone(), row["id"].clone().filter(|_| points));
        }
    }

    #[test]
    fn values_are_written_safely() {
        assert_eq!(literal(Some("a'b")), "'a''b'");
        assert_eq!(literal(Some("\\x00'")), "E'\\\\x00'''");
        assert_eq!(literal(None), "NULL");
    }
}
