//! What a statement does, in the words that the rules use. No trace of the parser: a rule never sees a tree.

mod table;

use std::ops::Range;

pub use self::table::{
    Column, Constraint, ConstraintKind, CreateIndex, CreateTable, DataType, Default, TableChange, TypeChange,
    Using,
};
use super::name::Name;
use crate::catalog;

/// One thing that a script does, and where.
#[derive(Debug, Clone)]
pub struct Step {
    /// What it does.
    pub action: Action,
    /// The bytes of the script to mark: the clause that does it.
    pub place: Range<usize>,
    /// The bytes of the whole statement.
    pub statement: Range<usize>,
}

/// What a step does.
#[derive(Debug, Clone)]
pub enum Action {
    /// A statement begins. Everything up to the next one belongs to it.
    Statement(Statement),
    /// What cannot be parsed, with the parser's words.
    Unparsed(String),
    /// A statement that is built at run time out of parts that are not known here.
    Dynamic(String),
    /// What follows, up to the matching `Leave`, may happen or not.
    Enter(Branch),
    /// The innermost `Enter` ends.
    Leave,
    /// A table, plain or `AS` a query.
    CreateTable(CreateTable),
    /// Any other object.
    Create(Create),
    /// An object goes.
    Drop(Drop),
    /// An existing table is changed.
    AlterTable(Name, TableChange),
    /// An index on a table.
    CreateIndex(CreateIndex),
    /// Another name: the kind, the old name, the new one.
    Rename(Kind, Name, Name),
    /// Another schema: the kind, the name, the schema.
    SetSchema(Kind, Name, String),
    /// An enum's label: the type and what happens to it.
    Enum(Name, EnumChange),
    /// An attribute of a composite type goes.
    DropAttribute(Name),
    /// Rows go or change.
    Rows(RowChange),
    /// Rows of a relation are read.
    Read(Name),
    /// `TRUNCATE` of one table.
    Truncate(Truncate),
    /// A sequence starts again.
    RestartSequence(Name),
    /// A function or procedure is called, with the constant text of its first arguments where it is known.
    Call(Call),
    /// A function or procedure is defined; its body is only run when something calls it.
    Define(Routine),
    /// A trigger is made: its table and its function.
    CreateTrigger(Trigger),
    /// A rewrite rule on a relation.
    CreateRule(Name, RuleKind),
    /// Triggers, rules or row security of a table no longer work as before.
    Weaken(Name, Weakening),
    /// Privileges or membership are taken away.
    Revoke(Revoke),
    /// A role is named, and what for.
    Role(RoleUse, String),
    /// A setting changes: its name, lower case, and its value as it is written.
    Set(String, String),
    /// Transaction control.
    Transaction(Transaction),
    /// A table is rewritten or locked by a maintenance command.
    Maintain(Name, Maintenance),
    /// Programs or files of the server are used.
    Outside(String),
    /// A constant text in the statement, for what compares labels.
    Text(String),
}

/// A statement's kind, as far as its company in a file matters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statement {
    /// What PostgreSQL refuses to do in a transaction block, such as `CREATE INDEX CONCURRENTLY`.
    pub alone: Option<&'static str>,
    /// Within a body or a text that is executed.
    pub is_nested: bool,
}

/// `REVOKE`.
#[derive(Debug, Clone)]
pub struct Revoke {
    /// The relations that it is about; none for roles and other kinds.
    pub objects: Vec<Name>,
}

/// What a role is named for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoleUse {
    /// It has to be there.
    Needed,
    /// It is made.
    Made,
}

/// Why what follows may not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Branch {
    /// A condition, or a block whose errors are caught: a guard.
    Guard,
    /// A loop.
    Loop,
    /// A block that is rolled back as a whole, such as a subtransaction.
    Block,
}

/// The kinds of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A table; foreign and partitioned ones too.
    Table,
    /// A column of a table.
    Column,
    /// An index.
    Index,
    /// A view.
    View,
    /// A materialized view.
    MaterializedView,
    /// A sequence.
    Sequence,
    /// A type, enums included.
    Type,
    /// A domain.
    Domain,
    /// A schema.
    Schema,
    /// A database.
    Database,
    /// An extension.
    Extension,
    /// A function, procedure or aggregate.
    Routine,
    /// A trigger of a table.
    Trigger,
    /// A row security policy of a table.
    Policy,
    /// A rewrite rule of a table.
    Rule,
    /// A constraint of a table or a domain.
    Constraint,
    /// Everything that a role owns.
    Owned,
    /// Any other kind, by the words that SQL has for it.
    Other(&'static str),
}

impl Kind {
    /// The kind in SQL's words, lower case.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Column => "column",
            Self::Index => "index",
            Self::View => "view",
            Self::MaterializedView => "materialized view",
            Self::Sequence => "sequence",
            Self::Type => "type",
            Self::Domain => "domain",
            Self::Schema => "schema",
            Self::Database => "database",
            Self::Extension => "extension",
            Self::Routine => "function",
            Self::Trigger => "trigger",
            Self::Policy => "policy",
            Self::Rule => "rule",
            Self::Constraint => "constraint",
            Self::Owned => "objects owned by",
            Self::Other(words) => words,
        }
    }

    /// Whether it shares its name space with tables.
    #[must_use]
    pub const fn is_relation(self) -> bool {
        matches!(self, Self::Table | Self::Index | Self::View | Self::MaterializedView | Self::Sequence)
    }
}

impl From<catalog::Kind> for Kind {
    fn from(kind: catalog::Kind) -> Self {
        match kind {
            catalog::Kind::Schema => Self::Schema,
            catalog::Kind::Extension => Self::Extension,
            catalog::Kind::Type => Self::Type,
            catalog::Kind::Domain => Self::Domain,
            catalog::Kind::Table => Self::Table,
            catalog::Kind::Column => Self::Column,
            catalog::Kind::Constraint => Self::Constraint,
            catalog::Kind::Index => Self::Index,
            catalog::Kind::Trigger => Self::Trigger,
            catalog::Kind::Policy => Self::Policy,
            catalog::Kind::Rule => Self::Rule,
            catalog::Kind::View => Self::View,
            catalog::Kind::MaterializedView => Self::MaterializedView,
            catalog::Kind::Sequence => Self::Sequence,
            catalog::Kind::Routine => Self::Routine,
            catalog::Kind::Other => Self::Other(kind.words()),
        }
    }
}

/// How surely an object is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// `IF NOT EXISTS`, `OR REPLACE`, or only in a branch: it may have been there.
    Perhaps,
    /// It is made here or the script fails.
    Certain,
}

/// `CREATE` of anything but a table or an index.
#[derive(Debug, Clone)]
pub struct Create {
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: Name,
    /// How surely it is new.
    pub certainty: Certainty,
    /// An enum's labels.
    pub labels: Option<Vec<String>>,
}

/// `DROP` of anything, columns and constraints included.
#[derive(Debug, Clone)]
pub struct Drop {
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: Name,
    /// With `CASCADE`.
    pub cascade: bool,
}

/// What happens to an enum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnumChange {
    /// A label more.
    AddValue(String),
    /// Another name for a label: the old one, the new one.
    RenameValue(String, String),
}

/// Rows that go or change.
#[derive(Debug, Clone)]
pub struct RowChange {
    /// The table.
    pub table: Name,
    /// `DELETE`, or what of `MERGE` deletes.
    pub kind: RowKind,
    /// Whether a condition chooses among the rows.
    pub selective: bool,
    /// The columns that an update sets.
    pub columns: Vec<String>,
}

/// What happens to the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowKind {
    /// They go.
    Delete,
    /// They change.
    Update,
    /// They come.
    Insert,
}

/// `TRUNCATE` of one table.
#[derive(Debug, Clone)]
pub struct Truncate {
    /// The table.
    pub table: Name,
    /// With `CASCADE`.
    pub cascade: bool,
}

/// A call of a function or procedure.
#[derive(Debug, Clone)]
pub struct Call {
    /// What is called.
    pub name: Name,
    /// The constant texts among its arguments.
    pub texts: Vec<Option<String>>,
    /// `CALL`, so a procedure.
    pub procedure: bool,
}

impl Call {
    /// The setting, lower case, and its value, where this is `set_config()` with constants.
    #[must_use]
    pub fn setting(&self) -> Option<(String, &str)> {
        match self.texts.as_slice() {
            [Some(setting), Some(value), ..] if self.name.name == "set_config" => {
                Some((setting.to_ascii_lowercase(), value))
            }
            _ => None,
        }
    }
}

/// A function or procedure that the script defines.
#[derive(Debug, Clone)]
pub struct Routine {
    /// Its name.
    pub name: Name,
    /// What its body does, with places in the script.
    pub body: Vec<Step>,
}

/// `CREATE TRIGGER`.
#[derive(Debug, Clone)]
pub struct Trigger {
    /// The trigger, as a member of its table.
    pub name: Name,
    /// Its function.
    pub function: Name,
    /// How surely it is new.
    pub certainty: Certainty,
}

/// What a rewrite rule does instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleKind {
    /// Besides the original command.
    Also,
    /// Instead of the original command, or nothing at all.
    Instead,
}

/// How a table's protections are weakened or changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Weakening {
    /// A trigger or all of them no longer fire.
    DisableTrigger(String),
    /// A rule no longer works.
    DisableRule(String),
    /// Row security goes or comes, in SQL's words.
    RowSecurity(&'static str),
}

/// `BEGIN`, `COMMIT` and their like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transaction {
    /// A transaction begins.
    Begin,
    /// It is committed.
    Commit,
    /// It, or a part of it, is undone.
    Rollback,
}

/// Maintenance that takes a strong lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maintenance {
    /// `LOCK TABLE`.
    Lock,
    /// `CLUSTER`, `VACUUM FULL`.
    Rewrite,
    /// `REINDEX` without `CONCURRENTLY`.
    Reindex,
    /// `REFRESH MATERIALIZED VIEW` without `CONCURRENTLY`.
    Refresh,
}
