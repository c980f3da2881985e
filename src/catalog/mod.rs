//! What a database is made of, in a structure that can be compared, kept in a file and asked questions.
//!
//! ```text
//! database -> query    the questions, asked in one round trip
//!          -> rows     the answers as they come
//!          -> read, build  the answers put together: a Catalog
//! Catalog  -> objects  every object by itself, with its properties
//!          -> compare  what one catalog has and the other has not
//!          -> words    that for people
//! ```
//!
//! Every schema of the user's is read; the system's and what extensions bring with them are not, nor is
//! Prisma's ledger.

mod build;
mod compare;
mod name;
mod objects;
mod query;
mod read;
mod rows;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use compare::{Change, Difference, Direction, Matching, compare};
pub use name::{quoted, relation};
pub use objects::{Kind, Object, Property};
pub use read::{CatalogError, read, read_from};

use crate::guard::name::Name;

/// A database's objects. Two of them are compared with [`compare`], which overlooks what differs between any
/// two databases, such as object identifiers.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Catalog {
    /// The schema of names without one, where it is not `public`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<String>,
    /// Schemas, with the privileges on them.
    pub schemas: BTreeMap<String, Schema>,
    /// Extensions, with their versions.
    pub extensions: BTreeMap<String, String>,
    /// Tables: plain, partitioned, foreign.
    pub tables: BTreeMap<Name, Table>,
    /// Views and materialized views.
    pub views: BTreeMap<Name, View>,
    /// Sequences, those that belong to columns included.
    pub sequences: BTreeMap<Name, Sequence>,
    /// Enums, domains, composite and range types.
    pub types: BTreeMap<Name, UserType>,
    /// Functions, procedures and aggregates.
    pub routines: Vec<Routine>,
    /// Everything else that a user can make, such as extended statistics, by PostgreSQL's words for it.
    pub others: BTreeSet<String>,
}

/// What PostgreSQL knows an object by as long as it lives: what keeps it is the same object under another name,
/// what has another one was made anew. It says nothing about another database.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    /// The catalog that it stands in.
    pub class: Class,
    /// The object's number there; the table's for columns.
    pub object: u32,
    /// A column's number in its table, else 0.
    pub column: i16,
}

/// The system catalogs that objects stand in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names say what they are")]
pub enum Class {
    #[default]
    Relation,
    Constraint,
    Type,
    Routine,
    Trigger,
    Policy,
    Rule,
}

/// A schema.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Schema {
    /// Who but the owner may do what: `USAGE to app`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub privileges: BTreeSet<String>,
}

/// A table.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Table {
    /// Its identity in this database.
    #[serde(skip)]
    pub id: Id,
    /// Its columns, in their order.
    pub columns: Vec<Column>,
    /// Its constraints by name; `NOT NULL` stands with the columns.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub constraints: BTreeMap<String, Constraint>,
    /// Its indexes by name, those behind constraints included.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub indexes: BTreeMap<String, Index>,
    /// Its triggers by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub triggers: BTreeMap<String, Definition>,
    /// Its row security policies by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub policies: BTreeMap<String, Definition>,
    /// Its rewrite rules by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rules: BTreeMap<String, Definition>,
    /// Whether policies decide which rows are seen.
    #[serde(default)]
    pub row_security: RowSecurity,
    /// Whether it is plain, partitioned or foreign.
    pub kind: TableKind,
    /// How it is partitioned, such as `RANGE (day)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partitioned_by: Option<String>,
    /// The tables that it is a partition or a child of.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub parents: BTreeSet<String>,
    /// The rows that it takes as a partition: `FOR VALUES ...`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<String>,
    /// Written to no log, so that a crash empties it.
    #[serde(default)]
    pub unlogged: bool,
    /// Who but the owner may do what: `SELECT to app`, `SELECT(column) to app`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub privileges: BTreeSet<String>,
}

/// The kinds of tables.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TableKind {
    /// It holds its own rows.
    #[default]
    Plain,
    /// Its partitions hold its rows.
    Partitioned,
    /// Another server holds its rows.
    Foreign,
}

/// Whether policies decide which rows are seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RowSecurity {
    /// They do not.
    #[default]
    Off,
    /// For everybody but the owner.
    On,
    /// For the owner, too.
    Forced,
}

/// A column.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its number in the table: the same as long as it lives.
    #[serde(skip)]
    pub number: i16,
    /// Its type as SQL writes it, `public.` left out: `integer`, `numeric(10,2)`, `"Status"[]`.
    #[serde(rename = "type")]
    pub data_type: String,
    /// Whether it may hold NULL.
    pub nullable: bool,
    /// Its default as SQL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// `ALWAYS` or `BY DEFAULT` for an identity column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// What it is computed from, for a generated column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generated: Option<String>,
    /// Its collation, where it is not its type's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collation: Option<String>,
}

/// A constraint of a table.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Constraint {
    /// Its identity in this database.
    #[serde(skip)]
    pub id: Id,
    /// What it demands.
    pub kind: ConstraintKind,
    /// It as SQL writes it after its name.
    pub definition: String,
    /// The columns that it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// Whose rows a foreign key points to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub references: Option<Reference>,
}

/// What constraints demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "SQL's own words")]
pub enum ConstraintKind {
    PrimaryKey,
    Unique,
    ForeignKey,
    Check,
    Exclusion,
}

/// Where a foreign key points to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Reference {
    /// The table.
    pub table: Name,
    /// Its columns, in the order of the key's own.
    pub columns: Vec<String>,
}

/// An index.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Index {
    /// Its identity in this database.
    #[serde(skip)]
    pub id: Id,
    /// It as SQL writes it after the name of its table: `USING btree (email)`.
    pub definition: String,
    /// Whether two rows with the same values are refused.
    pub unique: bool,
    /// The columns of its key; `None` stands for an expression.
    pub columns: Vec<Option<String>>,
    /// Whether it holds some rows only.
    #[serde(default)]
    pub partial: bool,
    /// The constraint of the same name that it serves.
    #[serde(default)]
    pub of_constraint: bool,
    /// Whether it is complete; an interrupted `CREATE INDEX CONCURRENTLY` leaves one that is not.
    pub valid: bool,
}

/// Anything that its SQL says all about.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Definition {
    /// Its identity in this database.
    #[serde(skip)]
    pub id: Id,
    /// It as SQL.
    pub sql: String,
}

/// A view or a materialized view.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct View {
    /// Its identity in this database.
    #[serde(skip)]
    pub id: Id,
    /// Whether it keeps its rows.
    pub materialized: bool,
    /// Its query.
    pub definition: String,
    /// The indexes of a materialized view by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub indexes: BTreeMap<String, Index>,
    /// Who but the owner may do what.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub privileges: BTreeSet<String>,
}

/// A sequence.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sequence {
    /// Its identity in this database.
    #[serde(skip)]
    pub id: Id,
    /// Its type, bounds and steps as SQL.
    pub definition: String,
    /// The column that it goes with: `table.column`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owned_by: Option<String>,
    /// Who but the owner may do what.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub privileges: BTreeSet<String>,
}

/// A type of the user's.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct UserType {
    /// Its identity in this database.
    #[serde(skip)]
    pub id: Id,
    /// What it is.
    #[serde(flatten)]
    pub shape: TypeShape,
}

/// What a type of the user's is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum TypeShape {
    /// One of these labels, in their order.
    Enum {
        /// The labels.
        labels: Vec<String>,
    },
    /// Another type with conditions.
    Domain {
        /// The other type, as SQL writes it.
        base: String,
        /// Whether it may be NULL.
        nullable: bool,
        /// The default as SQL.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        default: Option<String>,
        /// The conditions by name.
        checks: BTreeMap<String, String>,
    },
    /// A row of these attributes: name and type.
    Composite {
        /// The attributes, in their order.
        attributes: Vec<(String, String)>,
    },
    /// A range of values of this type.
    Range {
        /// The type of its bounds.
        of: String,
    },
}

/// A function, procedure or aggregate.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Routine {
    /// Its identity in this database.
    #[serde(skip)]
    pub id: Id,
    /// Its name; several may share one.
    pub name: Name,
    /// The arguments that tell it from others of its name.
    pub arguments: String,
    /// It as SQL; empty for an aggregate.
    pub definition: String,
    /// Who but the owner may run it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub privileges: BTreeSet<String>,
}

impl Table {
    /// The column called `name`.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

impl Index {
    /// The statement that makes it.
    #[must_use]
    pub fn sql(&self, name: &str, table: &Name) -> String {
        let unique = if self.unique { "UNIQUE " } else { "" };
        format!("CREATE {unique}INDEX {} ON {} {}", quoted(name), table.sql(), self.definition)
    }
}

impl Catalog {
    /// The type of the user's that `data_type` names as SQL does, whether alone or as an array of it.
    #[must_use]
    pub fn user_type(&self, data_type: &str) -> Option<&UserType> {
        self.types.get(&relation(data_type.trim_end_matches("[]")))
    }

    /// Every object's name by its identity, for answers that name objects by number.
    #[must_use]
    pub fn tables_by_id(&self) -> BTreeMap<u32, &Name> {
        self.tables.iter().map(|(name, table)| (table.id.object, name)).collect()
    }
}
