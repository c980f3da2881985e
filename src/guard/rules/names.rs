//! Objects under another name, where the running code does not find them.

use super::{Look, Rule, Verdict};
use crate::{
    finding::Severity::{Info, Refuse, Warn},
    guard::action::{Action, Kind, TableChange},
};

/// A new name for an object of one of `kinds` that was there before.
fn renamed(look: &Look<'_>, kinds: &[Kind]) -> Option<Verdict> {
    match look.action() {
        Action::Rename(kind, from, _)
            if kinds.contains(kind) && !look.catalog.is_ours((*kind).into(), from) =>
        {
            Some(look.on(*kind, from))
        }
        _ => None,
    }
}

pub(super) const RENAME_TABLE: Rule = Rule {
    id: "rename_table",
    severity: Warn,
    finds: "Another name for a table or view that was there before",
    why: "The code that still runs asks for the old name and fails from the moment this is committed.",
    safer: "Keep the table's name and change the model's with @@map; or rename it and leave a view under the old name \
            until no code uses it.",
    bad: &["ALTER TABLE users RENAME TO people;", "ALTER VIEW IF EXISTS v RENAME TO w;"],
    good: &["CREATE TABLE a (x int); ALTER TABLE a RENAME TO b;", "ALTER INDEX i RENAME TO j;"],
    check: |look| renamed(look, &[Kind::Table, Kind::View, Kind::MaterializedView]),
};

pub(super) const RENAME_COLUMN: Rule = Rule {
    id: "rename_column",
    severity: Warn,
    finds: "Another name for a column that was there before",
    why: "The code that still runs asks for the old name and fails from the moment this is committed.",
    safer: "Keep the column's name and change the field's with @map; or add a column, write both, move the readers, \
            and drop the old one in a later release.",
    bad: &["ALTER TABLE t RENAME COLUMN a TO b;", "alter table t rename a to b;"],
    good: &[
        "ALTER TABLE t ADD a int; ALTER TABLE t RENAME a TO b;",
        "ALTER TABLE t RENAME CONSTRAINT a TO b;",
    ],
    check: |look| renamed(look, &[Kind::Column]),
};

pub(super) const RENAME_OBJECT: Rule = Rule {
    id: "rename_object",
    severity: Warn,
    finds: "Another name for a schema, type, domain or function that was there before",
    why: "Whatever still uses the old name fails from the moment this is committed.",
    safer: "Make the new one beside the old one, move its users, and drop the old one in a later release.",
    bad: &["ALTER SCHEMA a RENAME TO b;", "ALTER TYPE a RENAME TO b;", "ALTER FUNCTION f(int) RENAME TO g;"],
    good: &["ALTER TYPE a RENAME TO a_old; CREATE TYPE a AS ENUM ('x');", "ALTER SEQUENCE s RENAME TO s2;"],
    check: |look| {
        let again = "Another one takes the old name further down.";
        renamed(look, &[Kind::Schema, Kind::Type, Kind::Domain, Kind::Routine])
            .map(|verdict| verdict.if_made_again(Info, again))
    },
};

pub(super) const SET_SCHEMA: Rule = Rule {
    id: "set_schema",
    severity: Refuse,
    finds: "SET SCHEMA of an object that was there before",
    why: "The object is gone from where the running code and Prisma look for it: to both it is as good as dropped.",
    safer: "Leave it where it is; or leave a view under the old name until no code uses it.",
    bad: &["ALTER TABLE users SET SCHEMA archive;", "ALTER TYPE \"Role\" SET SCHEMA archive;"],
    good: &["CREATE SCHEMA s; CREATE TABLE t (a int); ALTER TABLE t SET SCHEMA s;"],
    check: |look| match look.action() {
        Action::SetSchema(kind, name, _) if !look.catalog.is_ours((*kind).into(), name) => {
            Some(look.on(*kind, name))
        }
        _ => None,
    },
};

pub(super) const DETACH_PARTITION: Rule = Rule {
    id: "detach_partition",
    severity: Refuse,
    finds: "DETACH PARTITION and NO INHERIT",
    why: "The partition's rows are no longer in the table: to every query they are as good as deleted.",
    safer: "Detach by hand, as part of keeping old data, with a human's consent.",
    bad: &["ALTER TABLE logs DETACH PARTITION logs_2024;", "ALTER TABLE child NO INHERIT parent;"],
    good: &[
        "CREATE TABLE p PARTITION OF logs DEFAULT; ALTER TABLE logs DETACH PARTITION p;",
        "ALTER TABLE logs ATTACH PARTITION p FOR VALUES IN (1);",
    ],
    check: |look| {
        let (table, gone) = match look.action() {
            Action::AlterTable(parent, TableChange::DetachPartition(partition)) => (parent, partition),
            Action::AlterTable(child, TableChange::Disinherit(parent)) => (parent, child),
            _ => return None,
        };
        let is_own = look.catalog.is_own(Kind::Table.into(), gone);
        (!is_own).then(|| look.on(Kind::Table, gone).because(format!("It leaves {table}.")))
    },
};
