//! Columns that demand a value, lose a default, or stop being computed.

use super::{Look, Rule, Verdict};
use crate::{
    finding::Severity::{Info, Refuse, Warn},
    guard::{
        action::{Action, Column, ConstraintKind, Default, Kind, TableChange},
        catalog::Space,
        name::Name,
    },
};

/// The step's change of a table that was there before.
pub(super) fn change<'a>(look: &'a Look<'_>) -> Option<(&'a Name, &'a TableChange)> {
    match look.action() {
        Action::AlterTable(table, change) if !look.catalog.is_ours(Space::Relation, table) => {
            Some((table, change))
        }
        _ => None,
    }
}

/// A verdict on a column that was there before.
fn on_old_column(look: &Look<'_>, table: &Name, column: &str) -> Option<Verdict> {
    let column = table.member(column);
    (!look.catalog.is_ours(Space::Column, &column)).then(|| look.on(Kind::Column, &column))
}

/// Whether every existing row gets a value for the column by itself.
fn fills_itself(column: &Column) -> bool {
    let has_default = !matches!(column.default, None | Some(Default::Null));
    let counts = column.data_type.as_ref().is_some_and(|data_type| data_type.name.starts_with("serial"));
    has_default || column.identity || column.generated || counts
}

pub(super) const REQUIRED_COLUMN: Rule = Rule {
    id: "required_column",
    severity: Warn,
    finds: "A new required column without a default, on a table that was there before",
    why: "It fails with 23502 where the table has rows; where it does not, inserts of the code that still runs fail. \
          A default that only the client computes, such as @default(uuid()), is none to PostgreSQL.",
    safer: "Add it optional, fill it, then SET NOT NULL in a later migration; or give it a default in the database.",
    bad: &[
        "ALTER TABLE \"User\" ADD COLUMN \"email\" TEXT NOT NULL;",
        "alter table t add a int primary key;",
        "ALTER TABLE t ADD a int NOT NULL DEFAULT NULL;",
    ],
    good: &[
        "ALTER TABLE t ADD COLUMN a int;",
        "ALTER TABLE t ADD COLUMN a int NOT NULL DEFAULT 0;",
        "CREATE TABLE t (a int); ALTER TABLE t ADD COLUMN b int NOT NULL;",
        "ALTER TABLE t ADD COLUMN a serial NOT NULL;",
    ],
    check: |look| match change(look)? {
        (table, TableChange::AddColumn(column, _)) if column.required && !fills_itself(column) => {
            Some(look.on(Kind::Column, &table.member(&column.name)))
        }
        _ => None,
    },
};

pub(super) const SET_NOT_NULL: Rule = Rule {
    id: "set_not_null",
    severity: Warn,
    finds: "SET NOT NULL of a column that was there before",
    why: "It fails with 23502 where a row holds NULL, reads the whole table while nobody can use it, and inserts of \
          the code that still leaves the column out fail.",
    safer: "Fill the column first, with code that always sets it; add a CHECK (c IS NOT NULL) NOT VALID, validate \
            it, then SET NOT NULL, which then reads nothing.",
    bad: &["ALTER TABLE t ALTER COLUMN a SET NOT NULL;", "alter table t add constraint c not null a;"],
    good: &[
        "ALTER TABLE t ADD COLUMN a int; UPDATE t SET a = 0; ALTER TABLE t ALTER COLUMN a SET NOT NULL;",
        "ALTER TABLE t ALTER COLUMN a DROP NOT NULL;",
    ],
    check: |look| match change(look)? {
        (table, TableChange::SetNotNull(column)) => {
            let known = look.catalog.get(Space::Column, &table.member(column));
            if known.is_some_and(|column| column.required) {
                None
            } else {
                on_old_column(look, table, column)
            }
        }
        (table, TableChange::AddConstraint(constraint)) if constraint.kind == ConstraintKind::NotNull => {
            on_old_column(look, table, constraint.columns.first()?)
        }
        _ => None,
    },
};

pub(super) const DROP_DEFAULT: Rule = Rule {
    id: "drop_default",
    severity: Warn,
    finds: "DROP DEFAULT of a column that was there before",
    why: "Inserts of the code that still leaves the column out store NULL, or fail with 23502 where it is required.",
    safer: "Drop the default in a later release, when all running code sets the column itself.",
    bad: &["ALTER TABLE t ALTER COLUMN a DROP DEFAULT;"],
    good: &[
        "ALTER TABLE t ADD COLUMN a int NOT NULL DEFAULT 0; ALTER TABLE t ALTER COLUMN a DROP DEFAULT;",
        "ALTER TABLE t ALTER a DROP DEFAULT; ALTER TABLE t ALTER a SET DEFAULT 2;",
    ],
    check: |look| match change(look)? {
        (table, TableChange::DropDefault(column)) => on_old_column(look, table, column)
            .map(|verdict| verdict.if_default_again(Info, "The default is set again further down.")),
        _ => None,
    },
};

pub(super) const CHANGE_DEFAULT: Rule = Rule {
    id: "change_default",
    severity: Warn,
    finds: "SET DEFAULT of a column that was there before and may have another default",
    why: "Rows that exist keep the old value; code that relies on the old default gets the new one at once.",
    safer: "Decide what the existing rows should hold, and update those in the same migration where it matters.",
    bad: &["ALTER TABLE t ALTER COLUMN a SET DEFAULT 2;"],
    good: &[
        "ALTER TABLE t ADD COLUMN a int; ALTER TABLE t ALTER COLUMN a SET DEFAULT 2;",
        "ALTER TABLE t ALTER COLUMN a DROP DEFAULT; ALTER TABLE t ALTER COLUMN a SET DEFAULT 2;",
    ],
    check: |look| match change(look)? {
        (table, TableChange::SetDefault(column, text)) => {
            let name = table.member(column);
            if look.catalog.had_default(&name, text) { None } else { on_old_column(look, table, column) }
        }
        _ => None,
    },
};

pub(super) const DROP_EXPRESSION: Rule = Rule {
    id: "drop_expression",
    severity: Refuse,
    finds: "DROP EXPRESSION of a generated column, DROP IDENTITY",
    why: "The column keeps the values of this moment and is never computed again: they go stale in silence, and new \
          rows hold NULL.",
    safer: "Add a plain column beside it and copy the values, or have the application compute it before this.",
    bad: &[
        "ALTER TABLE t ALTER COLUMN total DROP EXPRESSION;",
        "ALTER TABLE t ALTER id DROP IDENTITY IF EXISTS;",
    ],
    good: &[
        "CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a * 2) STORED); ALTER TABLE t ALTER b DROP EXPRESSION;",
    ],
    check: |look| match change(look)? {
        (table, TableChange::DropExpression(column) | TableChange::DropIdentity(column)) => {
            on_old_column(look, table, column)
        }
        _ => None,
    },
};
