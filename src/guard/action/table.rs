//! What happens to tables: columns, constraints, indexes.

use super::Certainty;
use crate::guard::name::Name;

/// `CREATE TABLE`.
#[derive(Debug, Clone)]
pub struct CreateTable {
    /// Its name.
    pub name: Name,
    /// How surely it is new.
    pub certainty: Certainty,
    /// Gone at the session's end, and found before any other of its name.
    pub temporary: bool,
    /// Its columns, where they are listed.
    pub columns: Vec<Column>,
    /// Its constraints.
    pub constraints: Vec<Constraint>,
}

/// A change of a table. Dropped columns and constraints are `Drop`s, new names are `Rename`s.
#[derive(Debug, Clone)]
pub enum TableChange {
    /// A new column.
    AddColumn(Column, Certainty),
    /// A new constraint.
    AddConstraint(Constraint),
    /// Another type for a column.
    SetType(TypeChange),
    /// `SET NOT NULL` of a column.
    SetNotNull(String),
    /// `DROP NOT NULL` of a column.
    DropNotNull(String),
    /// `SET DEFAULT` of a column: the default's text.
    SetDefault(String, String),
    /// `DROP DEFAULT` of a column.
    DropDefault(String),
    /// A generated column becomes a plain one, or gets another expression.
    DropExpression(String),
    /// Another expression for a generated column.
    SetExpression(String),
    /// A column is no longer an identity.
    DropIdentity(String),
    /// A column becomes an identity.
    AddIdentity(String),
    /// An identity starts again.
    RestartIdentity(String),
    /// A partition leaves.
    DetachPartition(Name),
    /// A table becomes a partition or a child of the altered one.
    Adopt(Name),
    /// The altered table becomes a child of another one.
    Inherit(Name),
    /// The altered table leaves its parent.
    Disinherit(Name),
    /// The table is rewritten, in SQL's words for it.
    Rewrite(&'static str),
    /// No longer written to the log: empty after a crash.
    SetUnlogged,
    /// `VALIDATE CONSTRAINT`.
    Validate(String),
}

/// A column, as far as the rules care.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type; `None` where the table gives it (partitions, typed tables).
    pub data_type: Option<DataType>,
    /// `NOT NULL` or part of a primary key.
    pub required: bool,
    /// Its default.
    pub default: Option<Default>,
    /// An identity column.
    pub identity: bool,
    /// A stored generated column.
    pub generated: bool,
    /// Constraints that stand with the column, the `NOT NULL` apart.
    pub constraints: Vec<Constraint>,
}

/// A default value, by what filling it into existing rows costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Default {
    /// NULL.
    Null,
    /// The same for every row; its text.
    Constant(String),
    /// Another value for every row, so that the table is rewritten; its text.
    Volatile(String),
}

/// A type as it is written, normalised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataType {
    /// Its name in PostgreSQL's own spelling, such as `int4`, `varchar`, `timestamptz`; the user's types with
    /// their schema.
    pub name: String,
    /// The numbers in parentheses.
    pub modifiers: Vec<u32>,
    /// An array of it.
    pub array: bool,
}

/// `ALTER COLUMN ... TYPE`.
#[derive(Debug, Clone)]
pub struct TypeChange {
    /// The column.
    pub column: String,
    /// The new type; `None` where it cannot be read.
    pub to: Option<DataType>,
    /// What `USING` computes.
    pub using: Using,
}

/// What `USING` makes of the old values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Using {
    /// Nothing is said: PostgreSQL's assignment cast.
    Nothing,
    /// The column itself, cast once or more; the types in the order of the casts.
    Casts(Vec<DataType>),
    /// No word of the old value.
    Constant,
    /// Anything else.
    Computed,
}

/// A constraint of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Constraint {
    /// Its name, where it is given.
    pub name: Option<String>,
    /// What it demands.
    pub kind: ConstraintKind,
    /// Its columns, as far as they are listed.
    pub columns: Vec<String>,
    /// Existing rows are not checked.
    pub not_valid: bool,
}

/// What a constraint demands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConstraintKind {
    /// `PRIMARY KEY`.
    PrimaryKey,
    /// `UNIQUE`.
    Unique,
    /// One of the two on an index that exists already.
    UsingIndex,
    /// `CHECK`.
    Check,
    /// `EXCLUDE`.
    Exclude,
    /// `NOT NULL` as a table constraint.
    NotNull,
    /// `FOREIGN KEY` or `REFERENCES`: the table it points to, and whether deletes there reach these rows.
    ForeignKey {
        /// The table that is referenced.
        target: Name,
        /// `ON DELETE CASCADE`.
        delete_cascades: bool,
    },
}

/// `CREATE INDEX`.
#[derive(Debug, Clone)]
pub struct CreateIndex {
    /// Its name, where it is given.
    pub name: Option<Name>,
    /// Its table.
    pub table: Name,
    /// Its key columns; an expression counts with every column it reads.
    pub columns: Vec<String>,
    /// `UNIQUE`.
    pub unique: bool,
    /// Its key is made of columns alone, without an expression.
    pub plain: bool,
    /// What `WHERE` demands of its rows.
    pub predicate: Option<String>,
    /// `CONCURRENTLY`.
    pub concurrently: bool,
    /// How surely it is new.
    pub certainty: Certainty,
}
