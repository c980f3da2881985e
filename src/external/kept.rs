//! `[external] keep`: objects that Prisma must not drop.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, de::Error as _};

use crate::{
    catalog::{Catalog, Change, Difference, Kind, TypeShape, quoted, relation},
    guard::{
        name::Name,
        proof::{Effect, Verdict},
        rules,
    },
};

/// The kinds of objects that can be kept, in the order in which they are hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum KeptKind {
    Table,
    Constraint,
    Index,
    Column,
    Enum,
}

const KINDS: [(&str, KeptKind); 5] = [
    ("index", KeptKind::Index),
    ("column", KeptKind::Column),
    ("table", KeptKind::Table),
    ("constraint", KeptKind::Constraint),
    ("enum", KeptKind::Enum),
];

/// An object that Prisma must not drop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub(super) kind: KeptKind,
    /// Its name, as reports print it.
    name: String,
}

/// A text that names nothing that can be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} names nothing that can be kept: write index:NAME, column:Table.column, table:NAME, \
     constraint:Table.NAME or enum:NAME"
)]
pub struct Unreadable(String);

impl FromStr for Kept {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        let (kind, name) = text.split_once(':').ok_or_else(|| Unreadable(text.to_owned()))?;
        let found = KINDS.iter().find(|(word, _)| *word == kind.trim());
        let (Some((_, kind)), name) = (found, name.trim()) else { return Err(Unreadable(text.to_owned())) };
        let parts = Name::split(name);
        let enough = if *kind == KeptKind::Column { 2 } else { 1 };
        if parts.len() < enough || parts.len() > 3 || parts.iter().any(String::is_empty) {
            return Err(Unreadable(text.to_owned()));
        }
        Ok(Self { kind: *kind, name: name.to_owned() })
    }
}

impl<'de> Deserialize<'de> for Kept {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = KINDS.iter().find(|(_, kind)| *kind == self.kind).map_or("", |(word, _)| word);
        write!(f, "{word}:{}", self.name)
    }
}

/// What a kept object is in a catalog.
enum Found {
    Table(Name),
    Column(Name, String),
    Constraint(Name, String),
    /// With its table.
    Index(Name, String),
    Enum(Name),
}

impl Kept {
    fn found(&self, catalog: &Catalog) -> Option<Found> {
        let own = catalog.relation(&self.name);
        match self.kind {
            KeptKind::Table => catalog.tables.contains_key(&own).then_some(Found::Table(own)),
            KeptKind::Enum => {
                let is_enum = matches!(catalog.types.get(&own)?.shape, TypeShape::Enum { .. });
                is_enum.then_some(Found::Enum(own))
            }
            KeptKind::Index => catalog.tables.iter().find_map(|(table, found)| {
                let is_it = table.schema == own.schema && found.indexes.contains_key(&own.name);
                is_it.then(|| Found::Index(table.clone(), own.name.clone()))
            }),
            KeptKind::Column => {
                let (table, column) = self.member(catalog)?;
                catalog.tables.get(&table)?.column(&column)?;
                Some(Found::Column(table, column))
            }
            KeptKind::Constraint => match self.member(catalog) {
                Some((table, name)) => {
                    catalog.tables.get(&table)?.constraints.get(&name)?;
                    Some(Found::Constraint(table, name))
                }
                // Its name alone will do.
                None => catalog.tables.iter().find_map(|(table, found)| {
                    let is_it = found.constraints.contains_key(&own.name);
                    is_it.then(|| Found::Constraint(table.clone(), own.name.clone()))
                }),
            },
        }
    }

    /// The table and the member of it that the name is made of.
    fn member(&self, catalog: &Catalog) -> Option<(Name, String)> {
        let mut parts = Name::split(&self.name);
        let member = parts.pop().filter(|_| !parts.is_empty())?;
        Some((catalog.whole(Name::from_parts(&parts)), member))
    }

    /// Whether a difference between two catalogs is about it, or about what stands on it.
    pub(super) fn is_about(&self, difference: &Difference) -> bool {
        let named = |kinds: &[Kind]| {
            let own = relation(&self.name).to_string();
            kinds.contains(&difference.kind)
                && (difference.object == own || Name::split(&difference.object) == Name::split(&self.name))
        };
        match self.kind {
            KeptKind::Table => {
                let own = relation(&self.name);
                named(&[Kind::Table]) || difference.on.as_ref() == Some(&own)
            }
            KeptKind::Constraint => {
                let member = Name::split(&difference.object).pop();
                let is_bare = Name::split(&self.name).len() == 1 && member.as_ref() == Some(&self.name);
                // A unique constraint's index has its name.
                named(&[Kind::Constraint])
                    || is_bare && matches!(difference.kind, Kind::Constraint | Kind::Index)
            }
            KeptKind::Index => named(&[Kind::Index]),
            KeptKind::Column => named(&[Kind::Column]),
            KeptKind::Enum => named(&[Kind::Type]),
        }
    }

    /// The statement that takes it away; nothing where it is not there.
    pub(super) fn removal(&self, catalog: &Catalog) -> Option<String> {
        Some(match self.found(catalog)? {
            Found::Table(table) => format!("DROP TABLE IF EXISTS {} CASCADE", table.sql()),
            Found::Column(table, column) => {
                format!(
                    "ALTER TABLE IF EXISTS {} DROP COLUMN IF EXISTS {} CASCADE",
                    table.sql(),
                    quoted(&column)
                )
            }
            Found::Constraint(table, name) => {
                format!(
                    "ALTER TABLE IF EXISTS {} DROP CONSTRAINT IF EXISTS {} CASCADE",
                    table.sql(),
                    quoted(&name)
                )
            }
            Found::Index(table, name) => {
                let of_constraint = catalog.tables.get(&table)?.indexes.get(&name)?.of_constraint;
                if of_constraint {
                    format!("ALTER TABLE {} DROP CONSTRAINT IF EXISTS {} CASCADE", table.sql(), quoted(&name))
                } else {
                    format!("DROP INDEX IF EXISTS {}", table.renamed(&name).sql())
                }
            }
            // Without CASCADE: no column of the model's may go with it.
            Found::Enum(name) => format!("DROP TYPE IF EXISTS {}", name.sql()),
        })
    }

    /// The verdict on its loss.
    pub(super) fn lost(&self, effect: &Effect) -> Option<Verdict> {
        let (kind, object) = match self.found(&effect.before)? {
            Found::Table(table) => (Kind::Table, table.to_string()),
            Found::Column(table, column) => (Kind::Column, table.member(&column).to_string()),
            Found::Constraint(table, name) => (Kind::Constraint, table.member(&name).to_string()),
            Found::Index(table, name) => (Kind::Index, table.renamed(&name).to_string()),
            Found::Enum(name) => (Kind::Type, name.to_string()),
        };
        let is_gone = |change: &Change| matches!(change, Change::Lost | Change::Replaced);
        let mut differences = effect.differences.iter();
        differences.find(|difference| {
            difference.kind == kind && difference.object == object && is_gone(&difference.change)
        })?;
        let rule = match kind {
            Kind::Table => "drop_table",
            Kind::Column => "drop_column",
            Kind::Constraint => "drop_constraint",
            Kind::Index => "drop_index",
            _ => "drop_type",
        };
        let severity = crate::finding::Severity::Refuse;
        let verdict = Verdict::new(rules::find(rule)?.id, severity, (kind, object));
        Some(
            verdict
                .because(format!("run-migration.toml keeps it ({self})."))
                .proved("run on the temporary database: it is gone"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_named_by_kind_and_name() {
        for text in ["index:User_email_gin", "column:User.search", "table:audit.log", "enum:\"Odd.Name\""] {
            assert_eq!(text.parse::<Kept>().unwrap().to_string(), text);
        }
        for text in ["User_email_gin", "view:v", "column:search", "index:", "index:a..b", "table:a.b.c.d"] {
            let error = text.parse::<Kept>().unwrap_err().to_string();
            assert!(error.contains("column:Table.column"), "{error}");
        }
    }
}
