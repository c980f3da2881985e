//! Columns and tables under new names. Prisma takes a new name for a drop and an add; here a human says that it is
//! none, or is told that it could be.

use std::{collections::BTreeMap, fmt, str::FromStr};

use super::{consent::shell_quote, name::Name, proof::Effect};
use crate::{
    catalog::{Catalog, Change, ConstraintKind, Difference, Kind, Table, quoted},
    finding::Finding,
};

/// `--rename Table.old=new` or `--rename Table=New`, as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rename {
    /// The parts of the old name.
    from: Vec<String>,
    /// The new name of the column or table.
    to: String,
}

/// A rename that cannot be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenameError {
    /// It does not read as one.
    #[error(
        "--rename {0}: write Table.old=new for a column, Table=New for a table, as the database names them"
    )]
    Unreadable(String),
    /// What is to be renamed is not there.
    #[error("--rename {rename}: the history makes no such column or table{}", list(could_be))]
    Unknown {
        /// The rename.
        rename: String,
        /// What there is.
        could_be: Vec<String>,
    },
    /// The new name is another one's.
    #[error("--rename {0}: there is already something of the new name")]
    Taken(String),
}

fn list(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!("; there is {}", names.join(", ")) }
}

impl FromStr for Rename {
    type Err = RenameError;

    fn from_str(text: &str) -> Result<Self, RenameError> {
        let unreadable = || RenameError::Unreadable(text.to_owned());
        let (from, to) = text.split_once('=').ok_or_else(unreadable)?;
        let (from, to) = (Name::split(from.trim()), Name::split(to.trim()));
        let [to] = to.as_slice() else { return Err(unreadable()) };
        if to.is_empty() || from.len() > 3 || from.iter().any(String::is_empty) {
            return Err(unreadable());
        }
        Ok(Self { from, to: to.clone() })
    }
}

impl fmt::Display for Rename {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from = Name::from_parts(&self.from[..1]);
        let from =
            self.from[1..].iter().fold(from.to_string(), |name, part| format!("{name}.{}", Name::bare(part)));
        write!(f, "{from}={}", Name::bare(&self.to))
    }
}

/// Every table, as it is after the renames so far.
struct Names<'a> {
    tables: BTreeMap<Name, Members>,
    before: &'a Catalog,
}

/// What has a name in a table.
struct Members {
    columns: Vec<String>,
    primary_key: Option<String>,
}

impl Members {
    fn of(table: &Table) -> Self {
        let mut constraints = table.constraints.iter();
        let primary_key = constraints.find(|(_, constraint)| constraint.kind == ConstraintKind::PrimaryKey);
        Self {
            columns: table.columns.iter().map(|column| column.name.clone()).collect(),
            primary_key: primary_key.map(|(name, _)| name.clone()),
        }
    }
}

impl<'a> Names<'a> {
    fn of(before: &'a Catalog) -> Self {
        let tables = before.tables.iter().map(|(name, table)| (name.clone(), Members::of(table))).collect();
        Self { tables, before }
    }

    fn table(&self, parts: &[String]) -> Name {
        self.before.whole(Name::from_parts(parts))
    }

    fn sql(&self, table: &Name) -> String {
        self.before.sql(table)
    }

    /// The statement that does `rename`, after which the names are the new ones.
    fn apply(&mut self, rename: &Rename) -> Result<String, RenameError> {
        let as_column = rename.from.split_last().filter(|(_, table)| !table.is_empty());
        let of_column = as_column.map(|(column, table)| (self.table(table), column));
        if let Some((table, column)) = &of_column
            && let Some(Members { columns, .. }) = self.tables.get_mut(table)
            && let Some(place) = columns.iter().position(|name| name == *column)
        {
            if columns.contains(&rename.to) {
                return Err(RenameError::Taken(rename.to_string()));
            }
            columns[place].clone_from(&rename.to);
            let (table, from, to) = (self.sql(table), quoted(column), quoted(&rename.to));
            return Ok(format!("-- RenameColumn\nALTER TABLE {table} RENAME COLUMN {from} TO {to};\n"));
        }
        let table = self.table(&rename.from);
        let new = table.renamed(&rename.to);
        match self.tables.remove(&table) {
            Some(_) if self.tables.contains_key(&new) => Err(RenameError::Taken(rename.to_string())),
            Some(mut members) => {
                let to = quoted(&rename.to);
                let mut sql = format!("-- RenameTable\nALTER TABLE {} RENAME TO {to};\n", self.sql(&table));
                // Prisma would, but in a statement that PostgreSQL does not understand.
                if members.primary_key.as_ref() == Some(&primary_key(&table)) {
                    let (old, key) = (primary_key(&table), primary_key(&new));
                    let (table, from, to) = (self.sql(&new), quoted(&old), quoted(&key));
                    sql.push_str(&format!("ALTER TABLE {table} RENAME CONSTRAINT {from} TO {to};\n"));
                    members.primary_key = Some(key);
                }
                self.tables.insert(new, members);
                Ok(sql)
            }
            None => {
                let could_be = self.could_be(of_column.map(|(table, _)| table));
                Err(RenameError::Unknown { rename: rename.to_string(), could_be })
            }
        }
    }

    /// What might have been meant: the columns of the table that was named, else the tables.
    fn could_be(&self, table: Option<Name>) -> Vec<String> {
        const SHOWN: usize = 20;
        match table.as_ref().and_then(|table| self.tables.get_key_value(table)) {
            Some((table, members)) => {
                members.columns.iter().map(|column| table.member(column).to_string()).collect()
            }
            None => self.tables.keys().take(SHOWN).map(ToString::to_string).collect(),
        }
    }
}

/// What Prisma calls the primary key of a table.
fn primary_key(table: &Name) -> String {
    const SUFFIX: &str = "_pkey";
    let end = table.name.floor_char_boundary(63 - SUFFIX.len());
    format!("{}{SUFFIX}", &table.name[..end])
}

/// The SQL that does `renames`, in their order, on a database whose catalog is `before`. Run on a clone before
/// Prisma is asked, it leaves Prisma nothing to drop; Prisma then renames indexes and foreign keys by itself. So
/// it has to stand before Prisma's own SQL in the migration.
///
/// # Errors
/// Where one is of something that is not there, or its new name is taken.
pub fn sql(renames: &[Rename], before: &Catalog) -> Result<String, RenameError> {
    let mut names = Names::of(before);
    let statements = renames.iter().map(|rename| names.apply(rename));
    Ok(statements.collect::<Result<Vec<_>, _>>()?.join("\n"))
}

/// A drop and an add that may be a rename.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// What is dropped, as reports print it.
    pub dropped: String,
    /// What would rename it: `Table.old=new`.
    pub rename: String,
}

/// What `effect` drops and adds in the same shape: a column of the same table and type, a table of the same
/// columns.
#[must_use]
pub fn offers(effect: &Effect) -> Vec<Offer> {
    let of = |change: Change| effect.differences.iter().filter(move |difference| difference.change == change);
    let mut offers = Vec::new();
    for lost in of(Change::Lost) {
        for added in of(Change::Added).filter(|added| added.kind == lost.kind) {
            offers.extend(offer(effect, lost, added));
        }
    }
    offers
}

fn offer(effect: &Effect, lost: &Difference, added: &Difference) -> Option<Offer> {
    let own = |object: &str| Name::split(object).pop().unwrap_or_default();
    let is_same = match lost.kind {
        Kind::Column => {
            let table = lost.on.as_ref().filter(|table| added.on.as_ref() == Some(table))?;
            let old = effect.before.tables.get(table)?.column(&own(&lost.object))?;
            let new = effect.after.tables.get(table)?.column(&own(&added.object))?;
            old.data_type == new.data_type && old.generated.is_none() && new.generated.is_none()
        }
        Kind::Table => {
            let shape = |catalog: &Catalog, object: &str| {
                let table = catalog.tables.get(&crate::catalog::relation(object))?;
                let columns =
                    table.columns.iter().map(|column| (column.name.clone(), column.data_type.clone()));
                Some(columns.collect::<BTreeMap<_, _>>())
            };
            let schema = |object: &str| crate::catalog::relation(object).schema;
            schema(&lost.object) == schema(&added.object)
                && shape(&effect.before, &lost.object)? == shape(&effect.after, &added.object)?
        }
        _ => return None,
    };
    let to = Name::bare(&own(&added.object));
    let dropped = effect.before.shown(&lost.object).to_owned();
    is_same.then(|| Offer { rename: format!("{dropped}={to}"), dropped })
}

/// Adds the offers to the findings that refuse the drops.
pub fn advise(findings: &mut [Finding], effect: &Effect) {
    for offer in offers(effect) {
        let is_about = |finding: &&mut Finding| {
            finding.refuses()
                && ["drop_column", "drop_table"].contains(&finding.rule)
                && finding.object == offer.dropped
        };
        for finding in findings.iter_mut().filter(is_about) {
            let flag = shell_quote(&offer.rename);
            finding.safer = format!(
                "If it only got another name, keep it and its values with --rename {flag}. {}",
                finding.safer
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Column, relation};

    fn catalog() -> Catalog {
        let column = |name: &str| Column { name: name.into(), ..Column::default() };
        let table = Table { columns: vec![column("id"), column("name")], ..Table::default() };
        let tables = ["User", "audit.Log"].map(|name| (relation(name), table.clone()));
        Catalog { tables: tables.into(), ..Catalog::default() }
    }

    fn sql_of(renames: &[&str]) -> Result<String, String> {
        let parsed: Result<Vec<Rename>, _> = renames.iter().map(|text| text.parse()).collect();
        let renamed = parsed.and_then(|renames| sql(&renames, &catalog()));
        renamed
            .map(|sql| sql.replace("-- RenameColumn\n", "").replace("-- RenameTable\n", ""))
            .map_err(|e| e.to_string())
    }

    #[test]
    fn renames_are_done_in_their_order() {
        assert_eq!(
            sql_of(&["User.name=fullName", "User=Person", "Person.fullName=called"]).unwrap(),
            "ALTER TABLE \"User\" RENAME COLUMN \"name\" TO \"fullName\";\n\n\
             ALTER TABLE \"User\" RENAME TO \"Person\";\n\n\
             ALTER TABLE \"Person\" RENAME COLUMN \"fullName\" TO \"called\";\n"
        );
        assert!(sql_of(&["audit.Log.name=line"]).unwrap().contains("\"audit\".\"Log\" RENAME COLUMN"));
        assert!(sql_of(&["audit.Log=Entry"]).unwrap().contains("\"audit\".\"Log\" RENAME TO \"Entry\""));
    }

    #[test]
    fn what_cannot_be_renamed_says_why() {
        for (rename, wanted) in [
            ("User.name", "write Table.old=new"),
            ("User.name=a.b", "write Table.old=new"),
            ("User.nick=x", "there is User.id, User.name"),
            ("Person=x", "there is audit.Log, User"),
            ("User.name=id", "already something of the new name"),
        ] {
            let error = sql_of(&[rename]).unwrap_err();
            assert!(error.contains(wanted), "{error}");
        }
    }
}
