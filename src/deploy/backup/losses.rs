//! Which tables and columns go, by the findings that a human let through.

use std::collections::BTreeMap;

use crate::{
    catalog::{Catalog, ConstraintKind, relation},
    deploy::destruction::table_of,
    finding::Finding,
    guard::name::Name,
};

/// Rules about whole tables.
const TABLES: [&str; 3] = ["drop_table", "truncate", "delete_all_rows"];

/// Rules about columns.
const COLUMNS: [&str; 3] = ["drop_column", "lossy_type_change", "drop_expression"];

/// Rules that say that something goes, and not what.
const UNKNOWABLE: [&str; 9] = [
    "dynamic_sql",
    "unparsed_sql",
    "string_syntax",
    "destructive_call",
    "drop_owned",
    "drop_database",
    "write_catalog",
    "run_program",
    "drop_cascade",
];

/// What goes cannot be told, and so not be copied out.
#[derive(Debug, Clone, thiserror::Error)]
#[error(
    "what {rule} of {object} destroys cannot be told, and so not be copied out: back the database up as a whole, and leave --backup out"
)]
pub struct Unknowable {
    rule: &'static str,
    object: String,
}

impl Unknowable {
    fn of(finding: &Finding) -> Self {
        Self { rule: finding.rule, object: finding.object.clone() }
    }
}

/// What is lost of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// The table.
    pub table: Name,
    /// What of it.
    pub part: Part,
}

/// A part of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// All of it, or all of its rows.
    Whole,
    /// The values of these columns; whether the column goes, or stays with another type.
    Columns(BTreeMap<String, Fate>),
}

/// What becomes of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It goes.
    Gone,
    /// It stays, with other values.
    Changed,
}

/// Whether the findings that were let through tell what goes.
///
/// # Errors
/// Where one does not.
pub fn knowable(findings: &[Finding]) -> Result<(), Unknowable> {
    let unknowable = |finding: &&Finding| {
        // How a name is printed that is put together when the migration runs.
        finding.allowed.is_some() && (UNKNOWABLE.contains(&finding.rule) || finding.object.contains('?'))
    };
    findings.iter().find(unknowable).map_or(Ok(()), |finding| Err(Unknowable::of(finding)))
}

/// What the findings that were let through take from `live`, where Prisma works in `schema`. What holds no rows, such
/// as an index, is made again from the migrations.
///
/// # Errors
/// Where a finding does not tell what goes.
pub fn losses(findings: &[Finding], live: &Catalog, schema: &str) -> Result<Vec<Loss>, Unknowable> {
    knowable(findings)?;
    let mut parts: BTreeMap<Name, Part> = BTreeMap::new();
    for finding in findings.iter().filter(|finding| finding.allowed.is_some()) {
        if finding.rule == "drop_schema" {
            let own = Some(relation(&finding.object).name);
            let within = live.tables.keys().filter(|table| table.schema == own);
            parts.extend(within.map(|table| (table.clone(), Part::Whole)));
        }
        let is_about_rows = TABLES.contains(&finding.rule)
            || COLUMNS.contains(&finding.rule)
            || finding.rule == "update_all_rows";
        if !is_about_rows {
            continue;
        }
        let table = table_of(&finding.object, live, schema).ok_or_else(|| Unknowable::of(finding))?;
        if TABLES.contains(&finding.rule) {
            parts.insert(table, Part::Whole);
        } else if finding.rule == "update_all_rows" {
            let columns =
                live.tables[&table].columns.iter().map(|column| (column.name.clone(), Fate::Changed));
            parts.entry(table).or_insert_with(|| Part::Columns(columns.collect()));
        } else if COLUMNS.contains(&finding.rule) {
            let column = Name::split(&finding.object).pop().unwrap_or_default();
            let fate = if finding.rule == "drop_column" { Fate::Gone } else { Fate::Changed };
            if let Part::Columns(columns) =
                parts.entry(table).or_insert_with(|| Part::Columns(BTreeMap::new()))
            {
                columns.insert(column, fate);
            }
        }
    }
    Ok(parts.into_iter().map(|(table, part)| Loss { table, part }).collect())
}

impl Loss {
    /// The columns of the table's primary key; none without one.
    pub(super) fn key(&self, live: &Catalog) -> Vec<String> {
        let constraints = live.tables.get(&self.table).map(|table| table.constraints.values());
        let mut keys = constraints.into_iter().flatten();
        let key = keys.find(|constraint| constraint.kind == ConstraintKind::PrimaryKey);
        key.map(|key| key.columns.clone()).unwrap_or_default()
    }

    /// The columns that are copied out: those that go, and what tells which row they belong to.
    pub(super) fn copied_columns(&self, live: &Catalog) -> Vec<String> {
        let key = self.key(live);
        let Some(table) = live.tables.get(&self.table) else { return Vec::new() };
        let is_wanted = |column: &str| match &self.part {
            Part::Columns(columns) if !key.is_empty() => {
                key.iter().any(|one| one == column) || columns.contains_key(column)
            }
            _ => true,
        };
        let columns = table.columns.iter().filter(|column| column.generated.is_none());
        columns.map(|column| column.name.clone()).filter(|column| is_wanted(column)).collect()
    }
}
