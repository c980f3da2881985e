//! What keeps others waiting: rewrites, scans and index builds on tables that were there before.

use super::{Look, Rule, Verdict, columns::change, types};
use crate::{
    finding::Severity::{Refuse, Warn},
    guard::{
        action::{Action, Default, Kind, Maintenance, Statement, TableChange},
        catalog::Space,
    },
};

pub(super) const CREATE_INDEX: Rule = Rule {
    id: "create_index",
    severity: Warn,
    finds: "CREATE INDEX without CONCURRENTLY on a table that was there before",
    why: "Every write to the table waits until the index is built; on a large table that is an outage.",
    safer: "CREATE INDEX CONCURRENTLY, as the only statement of its migration.",
    bad: &[
        "CREATE INDEX \"User_name_idx\" ON \"User\"(\"name\");",
        "create index on only s.t using gin (a);",
    ],
    good: &[
        "CREATE TABLE t (a int); CREATE INDEX i ON t (a);",
        "CREATE TABLE IF NOT EXISTS t (a int); CREATE INDEX IF NOT EXISTS i ON t (a);",
        "ALTER TABLE t ADD COLUMN a int; CREATE INDEX i ON t (a);",
        "CREATE INDEX CONCURRENTLY i ON t (a);",
    ],
    check: |look| match look.action() {
        Action::CreateIndex(index) if !index.concurrently => {
            let is_new = look.catalog.is_ours(Space::Relation, &index.table)
                || look.catalog.are_ours(&index.table, &index.columns);
            let name = index.name.as_ref().unwrap_or(&index.table);
            (!is_new).then(|| look.on(Kind::Index, name).because(format!("It is on {}.", index.table)))
        }
        _ => None,
    },
};

pub(super) const REWRITE_TABLE: Rule = Rule {
    id: "rewrite_table",
    severity: Warn,
    finds: "What makes PostgreSQL write a whole table anew: a volatile default, SERIAL, a stored generated column, a \
            type with another representation, CLUSTER, VACUUM FULL, another tablespace",
    why: "Nobody can read or write the table until every row and every index is written anew, and the disk needs room \
          for both.",
    safer: "Add the column without the default, set the default, then fill the rows in batches; change a type through \
            a second column that is filled in the background.",
    bad: &[
        "ALTER TABLE t ADD COLUMN id uuid DEFAULT gen_random_uuid();",
        "ALTER TABLE t ADD COLUMN n SERIAL;",
        "ALTER TABLE t ADD COLUMN n int GENERATED ALWAYS AS (a * 2) STORED;",
        "ALTER TABLE t ALTER COLUMN n TYPE bigint;",
        "VACUUM FULL t;",
        "CLUSTER t USING i;",
        "ALTER TABLE t SET LOGGED;",
    ],
    good: &[
        "ALTER TABLE t ADD COLUMN a timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP;",
        "ALTER TABLE t ADD COLUMN a jsonb DEFAULT '{}', ADD b text[] DEFAULT ARRAY[]::text[];",
        "CREATE TABLE t (a int); ALTER TABLE t ADD id uuid DEFAULT gen_random_uuid();",
        "VACUUM t;",
    ],
    check: |look| match look.action() {
        Action::Maintain(name, Maintenance::Rewrite) if !look.catalog.is_ours(Space::Relation, name) => {
            Some(look.on(Kind::Table, name))
        }
        _ => rewriting_change(look),
    },
};

fn rewriting_change(look: &Look<'_>) -> Option<Verdict> {
    match change(look)? {
        (table, TableChange::AddColumn(column, _)) => {
            let is_serial =
                column.data_type.as_ref().is_some_and(|data_type| data_type.name.starts_with("serial"));
            let is_volatile = matches!(column.default, Some(Default::Volatile(_)));
            let rewrites = is_serial || is_volatile || column.identity || column.generated;
            rewrites.then(|| look.on(Kind::Table, table).because(format!("It is for {}.", column.name)))
        }
        (table, TableChange::SetType(set)) => {
            let why = types::rewrites(look, table, set)?;
            Some(look.on(Kind::Table, table).because(format!("It is for {}. {why}", set.column)))
        }
        (table, TableChange::SetExpression(column) | TableChange::AddIdentity(column)) => {
            let column = table.member(column);
            let rewrites = matches!(change(look)?.1, TableChange::SetExpression(_));
            (rewrites && !look.catalog.is_ours(Space::Column, &column))
                .then(|| look.on(Kind::Column, &column))
        }
        (table, TableChange::Rewrite(words)) => {
            Some(look.on(Kind::Table, table).because(format!("{words} copies the table.")))
        }
        _ => None,
    }
}

pub(super) const LOCK_TABLE: Rule = Rule {
    id: "lock_table",
    severity: Warn,
    finds: "LOCK TABLE, REINDEX and REFRESH MATERIALIZED VIEW without CONCURRENTLY",
    why: "Others wait until it is done, and what comes after them waits with them.",
    safer: "Use CONCURRENTLY in a migration of its own; set lock_timeout so that a wait ends.",
    bad: &["LOCK TABLE users IN ACCESS EXCLUSIVE MODE;", "REINDEX TABLE t;", "REFRESH MATERIALIZED VIEW v;"],
    good: &[
        "REINDEX INDEX CONCURRENTLY i;",
        "REFRESH MATERIALIZED VIEW CONCURRENTLY v;",
        "SET lock_timeout = '5s';",
    ],
    check: |look| match look.action() {
        Action::Maintain(name, Maintenance::Lock | Maintenance::Reindex | Maintenance::Refresh)
            if !look.catalog.is_ours(Space::Relation, name) =>
        {
            Some(look.on(Kind::Table, name))
        }
        _ => None,
    },
};

pub(super) const NOT_ALONE: Rule = Rule {
    id: "not_alone",
    severity: Warn,
    finds: "CONCURRENTLY, VACUUM and their like beside another statement in one file",
    why: "It fails with 25001: PostgreSQL runs the file as one transaction, and this cannot be done in one.",
    safer: "Put it into a migration of its own, as the only statement.",
    bad: &[
        "CREATE INDEX CONCURRENTLY i ON t (a); CREATE INDEX CONCURRENTLY j ON t (b);",
        "SET lock_timeout = '5s'; VACUUM t;",
        "DO $$ BEGIN CREATE INDEX CONCURRENTLY i ON t (a); END $$;",
    ],
    good: &[
        "-- only one\nCREATE INDEX CONCURRENTLY i ON t (a);\n-- and a comment\n",
        "CREATE INDEX i ON t (a); SELECT 1;",
    ],
    check: |look| match look.action() {
        Action::Statement(Statement { alone: Some(words), is_nested }) => {
            let verdict = Verdict::about(*words);
            Some(if *is_nested { verdict } else { verdict.in_company() })
        }
        _ => None,
    },
};

pub(super) const SET_UNLOGGED: Rule = Rule {
    id: "set_unlogged",
    severity: Refuse,
    finds: "SET UNLOGGED of a table that was there before",
    why: "After a crash the table is empty, and a standby never has its rows; setting it rewrites the table.",
    safer: "Only tables whose rows can be made again may be unlogged; create those so from the start.",
    bad: &["ALTER TABLE sessions SET UNLOGGED;"],
    good: &["CREATE UNLOGGED TABLE t (a int);"],
    check: |look| match change(look)? {
        (table, TableChange::SetUnlogged) => Some(look.on(Kind::Table, table)),
        _ => None,
    },
};
