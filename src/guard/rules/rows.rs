//! Rows that go or lose their values.

use super::{Look, Rule, Verdict};
use crate::{
    finding::Severity::{Info, Refuse},
    guard::{
        action::{Action, Certainty, Kind, RowChange, RowKind},
        catalog::Space,
        name::Name,
    },
};

/// Whether the table is the script's own, and no view through which rows of others are reached.
fn is_own_table(look: &Look<'_>, table: &Name) -> bool {
    look.catalog.get(Space::Relation, table).is_some_and(|object| object.kind == Kind::Table)
        && look.catalog.own(Space::Relation, table) == Some(Certainty::Certain)
}

fn rows<'a>(look: &'a Look<'_>, kind: RowKind) -> Option<&'a RowChange> {
    match look.action() {
        Action::Rows(change) if change.kind == kind && !is_own_table(look, &change.table) => Some(change),
        _ => None,
    }
}

pub(super) const TRUNCATE: Rule = Rule {
    id: "truncate",
    severity: Refuse,
    finds: "TRUNCATE of a table that this script did not make, or with CASCADE",
    why: "Every row of the table is gone for good; CASCADE empties the tables that refer to it too.",
    safer: "Delete what has to go with a WHERE that names it, after a backup, with a human's consent.",
    bad: &[
        "TRUNCATE users;",
        "truncate table only a, \"B\" restart identity cascade;",
        "CREATE TABLE t (id int PRIMARY KEY); ALTER TABLE users ADD t int REFERENCES t; TRUNCATE t CASCADE;",
    ],
    good: &[
        "CREATE TABLE t (a int); TRUNCATE t;",
        "CREATE TRIGGER x AFTER TRUNCATE ON t EXECUTE FUNCTION f();",
    ],
    check: |look| match look.action() {
        Action::Truncate(truncate) if truncate.cascade || !is_own_table(look, &truncate.table) => {
            Some(look.on(Kind::Table, &truncate.table))
        }
        _ => None,
    },
};

pub(super) const DELETE_ALL_ROWS: Rule = Rule {
    id: "delete_all_rows",
    severity: Refuse,
    finds: "DELETE without a WHERE that chooses rows, and MERGE that deletes",
    why: "Every row of the table is gone for good, or nobody can tell from the text which ones stay.",
    safer: "Name the rows in a WHERE that looks at a column, after a backup, with a human's consent.",
    bad: &[
        "DELETE FROM users;",
        "WITH gone AS (DELETE FROM users WHERE 1 = 1 RETURNING *) SELECT count(*) FROM gone;",
        "delete from users where (id is not null) or false;",
        "DELETE FROM users WHERE id IN (SELECT id FROM users);",
        "DELETE FROM users WHERE age BETWEEN 1 AND 2 OR true;",
        "MERGE INTO users USING gone ON users.id = gone.id WHEN MATCHED THEN DELETE;",
        "CREATE VIEW v AS SELECT * FROM users; DELETE FROM v;",
        "EXPLAIN ANALYZE DELETE FROM users;",
        "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'DELETE FROM users'; SELECT f();",
    ],
    good: &[
        "DELETE FROM users WHERE email IS NULL;",
        "CREATE TABLE t (a int); DELETE FROM t;",
        "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'DELETE FROM users';",
        "EXPLAIN DELETE FROM users;",
        "ALTER TABLE a ADD c int REFERENCES b ON DELETE CASCADE;",
    ],
    check: |look| {
        let change = rows(look, RowKind::Delete).filter(|change| !change.selective)?;
        Some(look.on(Kind::Table, &change.table))
    },
};

pub(super) const DELETE_ROWS: Rule = Rule {
    id: "delete_rows",
    severity: Info,
    finds: "DELETE of the rows that a WHERE chooses",
    why: "The chosen rows are gone for good.",
    safer: "Count the rows first; keep a copy where they may be wanted again.",
    bad: &["DELETE FROM users WHERE email IS NULL;"],
    good: &["CREATE TABLE t (a int); DELETE FROM t WHERE a = 1;"],
    check: |look| {
        let change = rows(look, RowKind::Delete).filter(|change| change.selective)?;
        Some(look.on(Kind::Table, &change.table))
    },
};

pub(super) const UPDATE_ALL_ROWS: Rule = Rule {
    id: "update_all_rows",
    severity: Refuse,
    finds: "UPDATE without a WHERE that chooses rows, of columns that were there before",
    why: "The old values of every row are gone for good, and the whole table is locked for writes and rewritten.",
    safer: "Name the rows in a WHERE; fill a column that this migration adds, which loses nothing; keep the old \
            values in another column until the new ones are proved.",
    bad: &[
        "UPDATE users SET email = NULL;",
        "update users u set email = lower(email), \"name\" = '' where email = email or name = name;",
        "MERGE INTO users u USING x ON true WHEN MATCHED THEN UPDATE SET email = x.email;",
        "DO $$ BEGIN LOOP UPDATE users SET email = ''; EXIT; END LOOP; END $$;",
    ],
    good: &[
        "UPDATE users SET email = lower(email) WHERE email <> lower(email);",
        "ALTER TABLE users ADD COLUMN full_name text; UPDATE users SET full_name = first || last;",
        "ALTER TABLE users ADD COLUMN IF NOT EXISTS n int; UPDATE users SET n = 0;",
        "INSERT INTO users (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET email = excluded.email;",
        "SELECT * FROM users FOR UPDATE;",
    ],
    check: |look| {
        let change = rows(look, RowKind::Update).filter(|change| !change.selective)?;
        let is_filling = look.catalog.are_ours(&change.table, &change.columns);
        (!is_filling).then(|| look.on(Kind::Table, &change.table))
    },
};

pub(super) const WRITE_CATALOG: Rule = Rule {
    id: "write_catalog",
    severity: Refuse,
    finds: "Direct changes of PostgreSQL's own catalogs",
    why: "Rows of the catalogs are the database's objects: a wrong one destroys them past any repair.",
    safer: "Use the ALTER, DROP or COMMENT statement that does the same.",
    bad: &[
        "DELETE FROM pg_attribute WHERE attname = 'email';",
        "UPDATE pg_catalog.pg_class SET relname = 'x' WHERE oid = 1;",
        "INSERT INTO pg_enum VALUES (1, 1, 1, 'x');",
    ],
    good: &["SELECT * FROM pg_class;", "CREATE TABLE pg_notes (a int); INSERT INTO pg_notes VALUES (1);"],
    check: |look| {
        let table = match look.action() {
            Action::Rows(change) => &change.table,
            Action::Truncate(truncate) => &truncate.table,
            _ => return None,
        };
        let is_catalog = match table.schema.as_deref() {
            Some(schema) => schema == "pg_catalog",
            None => table.name.starts_with("pg_") && !look.catalog.is_ours(Space::Relation, table),
        };
        is_catalog.then(|| Verdict::about(table.to_string()))
    },
};

pub(super) const DESTRUCTIVE_CALL: Rule = Rule {
    id: "destructive_call",
    severity: Refuse,
    finds: "Calls of PostgreSQL's functions that destroy: large objects, replication slots, chunks",
    why: "What the function removes is gone for good, as with a DROP or a DELETE.",
    safer: "Do it by hand, after a backup; a migration runs on every database of the project.",
    bad: &[
        "SELECT lo_unlink(oid) FROM pg_largeobject_metadata;",
        "DO $$ BEGIN PERFORM pg_drop_replication_slot('standby'); END $$;",
    ],
    good: &["SELECT lo_get(1);", "SELECT 'lo_unlink(1)';"],
    check: |look| match look.action() {
        Action::Call(call) if DESTROYERS.contains(&call.name.name.as_str()) => {
            Some(look.on(Kind::Routine, &call.name))
        }
        _ => None,
    },
};

/// Functions of PostgreSQL and of common extensions that remove what cannot be had again.
const DESTROYERS: [&str; 6] =
    ["lo_unlink", "lo_truncate", "lo_truncate64", "pg_drop_replication_slot", "drop_chunks", "pg_stat_reset"];

pub(super) const RESTART_SEQUENCE: Rule = Rule {
    id: "restart_sequence",
    severity: Refuse,
    finds: "ALTER SEQUENCE ... RESTART, RESTART of an identity column, setval() to a constant",
    why: "The sequence hands out numbers that are in use: inserts fail with 23505, or two things share a number.",
    safer: "Set it above the greatest value in use: SELECT setval('s', (SELECT max(id) FROM t)).",
    bad: &[
        "ALTER SEQUENCE invoice_number RESTART;",
        "ALTER TABLE t ALTER COLUMN id RESTART WITH 1;",
        "SELECT setval('invoice_number', 1);",
    ],
    good: &[
        "CREATE SEQUENCE s; ALTER SEQUENCE s RESTART WITH 100;",
        "SELECT setval('s', (SELECT max(id) FROM t));",
        "ALTER SEQUENCE s OWNED BY t.id;",
    ],
    check: |look| match look.action() {
        Action::RestartSequence(name) if !look.catalog.is_own(Space::Relation, name) => {
            Some(look.on(Kind::Sequence, name))
        }
        Action::AlterTable(table, crate::guard::action::TableChange::RestartIdentity(column)) => {
            let column = table.member(column);
            (!look.catalog.is_own(Space::Column, &column)).then(|| look.on(Kind::Column, &column))
        }
        Action::Call(call) if call.name.name == "setval" => match call.texts.as_slice() {
            [Some(sequence), Some(_), ..] => {
                let name = Name::from_parts(&Name::split(sequence));
                (!look.catalog.is_own(Space::Relation, &name)).then(|| look.on(Kind::Sequence, &name))
            }
            _ => None,
        },
        _ => None,
    },
};
