//! Objects that go, and everything in them.

use super::{Look, Rule, Verdict, enums::replaced};
use crate::{
    finding::Severity::{Refuse, Warn},
    guard::{
        action::{Action, Drop, Kind},
        catalog::Space,
    },
};

/// The step's `DROP`, where its object is one of `kinds` and not the script's own.
fn dropped<'a>(look: &'a Look<'_>, kinds: &[Kind]) -> Option<&'a Drop> {
    match look.action() {
        Action::Drop(drop) if kinds.contains(&drop.kind) && !is_free(look, drop) => Some(drop),
        _ => None,
    }
}

/// What the script surely made may go. A type, a schema or a function can have got dependents that were there
/// before, which CASCADE takes along.
fn is_free(look: &Look<'_>, drop: &Drop) -> bool {
    let closed = drop.kind.is_relation() || drop.name.member.is_some();
    look.catalog.is_own(drop.kind.into(), &drop.name) && (closed || !drop.cascade)
}

fn verdict(look: &Look<'_>, drop: &Drop) -> Verdict {
    let verdict = look.on(drop.kind, &drop.name);
    if drop.cascade {
        verdict.because(format!("CASCADE also drops everything that depends on this {}.", drop.kind.words()))
    } else {
        verdict
    }
}

pub(super) const DROP_TABLE: Rule = Rule {
    id: "drop_table",
    severity: Refuse,
    finds: "DROP TABLE of a table that this script did not make",
    why: "The table and all its rows are gone for good.",
    safer: "Stop using the table first; drop it in a later release, after a backup, with a human's consent. To give \
            it another name, write ALTER TABLE ... RENAME TO.",
    bad: &[
        "DROP TABLE users;",
        "drop/**/table if exists \"public\".\"Users\" cascade;",
        "CREATE TABLE IF NOT EXISTS t (a int); DROP TABLE t;",
        "ALTER TABLE users RENAME TO old; CREATE TABLE users (id int); DROP TABLE old;",
        "BEGIN; CREATE TABLE users (id int); ROLLBACK; DROP TABLE users;",
        "DO $$ BEGIN IF true THEN EXECUTE 'DROP TABLE users'; END IF; END $$;",
    ],
    good: &[
        "CREATE TABLE t (a int); DROP TABLE t;",
        "CREATE TEMP TABLE t AS SELECT 1; DROP TABLE t;",
        "-- DROP TABLE users;\nSELECT 'DROP TABLE users', \"DROP TABLE\" FROM x;",
    ],
    check: |look| dropped(look, &[Kind::Table]).map(|drop| verdict(look, drop)),
};

pub(super) const DROP_COLUMN: Rule = Rule {
    id: "drop_column",
    severity: Refuse,
    finds: "DROP COLUMN, with or without the word COLUMN, and DROP ATTRIBUTE",
    why: "The column's values are gone for good, and its indexes with them; code that still names it fails.",
    safer: "Stop using the column first; drop it in a later release with a human's consent. If it got another name, \
            write ALTER TABLE ... RENAME COLUMN: Prisma writes a rename as a drop and an add.",
    bad: &[
        "ALTER TABLE t DROP COLUMN a;",
        "ALTER TABLE t ADD b int, DROP a;",
        "alter table only t drop if exists \"A\" cascade;",
        "ALTER TYPE address DROP ATTRIBUTE street;",
    ],
    good: &[
        "ALTER TABLE t ADD COLUMN a int; ALTER TABLE t DROP COLUMN a;",
        "CREATE TABLE t (a int, b int); ALTER TABLE t DROP b;",
        "ALTER TABLE t ALTER a DROP DEFAULT;",
    ],
    check: |look| {
        let gone = "It is made again further down, but empty: its values are not carried over.";
        match look.action() {
            Action::DropAttribute(name) if !look.catalog.is_own(Space::Type, &name.table()) => {
                Some(look.on(Kind::Column, name))
            }
            _ => dropped(look, &[Kind::Column]).map(|drop| verdict(look, drop).if_made_again(Refuse, gone)),
        }
    },
};

pub(super) const DROP_INDEX: Rule = Rule {
    id: "drop_index",
    severity: Refuse,
    finds: "DROP INDEX of an index that this script did not make",
    why: "Queries that need the index become slow at once, and a unique index stops keeping its promise. It may \
          have been built outside the schema on purpose: Prisma drops every index that it cannot express.",
    safer: "Declare the index in schema.prisma (map:, @@index), or keep it out of the migration; drop it with \
            DROP INDEX CONCURRENTLY once nothing uses it.",
    bad: &["DROP INDEX \"User_email_key\";", "drop index concurrently if exists a, b;"],
    good: &["CREATE INDEX i ON t (a); DROP INDEX i;", "COMMENT ON INDEX i IS 'DROP INDEX i';"],
    check: |look| dropped(look, &[Kind::Index]).map(|drop| verdict(look, drop)),
};

pub(super) const DROP_VIEW: Rule = Rule {
    id: "drop_view",
    severity: Refuse,
    finds: "DROP VIEW and DROP MATERIALIZED VIEW",
    why: "Queries that read the view fail; a materialized view's rows and indexes are gone until it is built again.",
    safer: "Replace a view with CREATE OR REPLACE VIEW; drop it in a later release, when nothing reads it.",
    bad: &["DROP VIEW v;", "DROP MATERIALIZED VIEW IF EXISTS stats.daily CASCADE;"],
    good: &["CREATE VIEW v AS SELECT 1; DROP VIEW v;", "CREATE OR REPLACE VIEW v AS SELECT 1;"],
    check: |look| {
        let again = "The view is made again further down; privileges on it and views upon it are lost.";
        dropped(look, &[Kind::View, Kind::MaterializedView])
            .map(|drop| verdict(look, drop).if_made_again(Warn, again))
    },
};

pub(super) const DROP_SEQUENCE: Rule = Rule {
    id: "drop_sequence",
    severity: Refuse,
    finds: "DROP SEQUENCE of a sequence that this script did not make",
    why: "The counter's state is gone: a new one starts again and hands out numbers that are in use.",
    safer: "Keep the sequence, or tie a new one to the column and set it above the greatest value first.",
    bad: &["DROP SEQUENCE invoice_number;"],
    good: &["CREATE SEQUENCE s; DROP SEQUENCE s;"],
    check: |look| dropped(look, &[Kind::Sequence]).map(|drop| verdict(look, drop)),
};

pub(super) const DROP_TYPE: Rule = Rule {
    id: "drop_type",
    severity: Refuse,
    finds: "DROP TYPE and DROP DOMAIN",
    why: "Whatever still uses the type fails; with CASCADE every column of the type goes, values and all.",
    safer: "Move the columns to another type first, in a migration of its own, then drop the type without CASCADE.",
    bad: &[
        "DROP TYPE \"Role\";",
        "DROP DOMAIN IF EXISTS email CASCADE;",
        "CREATE TYPE e AS ENUM ('a'); DROP TYPE e CASCADE;",
    ],
    good: &["CREATE TYPE e AS ENUM ('a'); DROP TYPE e;"],
    check: |look| {
        let drop = dropped(look, &[Kind::Type, Kind::Domain])?;
        // A rule of its own says which labels are gone.
        replaced(look).is_none().then(|| verdict(look, drop))
    },
};

pub(super) const DROP_SCHEMA: Rule = Rule {
    id: "drop_schema",
    severity: Refuse,
    finds: "DROP SCHEMA of a schema that this script did not make",
    why: "Everything in the schema is gone for good.",
    safer: "Drop the objects one by one, each with its own consent, and the empty schema last.",
    bad: &["DROP SCHEMA audit CASCADE;", "drop schema if exists a, b;"],
    good: &["CREATE SCHEMA s; DROP SCHEMA s;"],
    check: |look| dropped(look, &[Kind::Schema]).map(|drop| verdict(look, drop)),
};

pub(super) const DROP_DATABASE: Rule = Rule {
    id: "drop_database",
    severity: Refuse,
    finds: "DROP DATABASE",
    why: "The whole database is gone for good.",
    safer: "A migration has no business with databases; do it by hand, after a backup.",
    bad: &["DROP DATABASE app;", "DROP DATABASE app WITH (FORCE);"],
    good: &["CREATE DATABASE app;"],
    check: |look| dropped(look, &[Kind::Database]).map(|drop| verdict(look, drop)),
};

pub(super) const DROP_EXTENSION: Rule = Rule {
    id: "drop_extension",
    severity: Refuse,
    finds: "DROP EXTENSION",
    why: "Its types, operators and functions are gone, and with CASCADE every column and index that uses them.",
    safer: "Take the extension out of use first; drop it in a later release without CASCADE.",
    bad: &["DROP EXTENSION citext;", "drop extension if exists postgis cascade;"],
    good: &["CREATE EXTENSION IF NOT EXISTS citext;"],
    check: |look| dropped(look, &[Kind::Extension]).map(|drop| verdict(look, drop)),
};

pub(super) const DROP_OWNED: Rule = Rule {
    id: "drop_owned",
    severity: Refuse,
    finds: "DROP OWNED BY a role",
    why: "Every object that the role owns in this database is gone, and every privilege that it was given.",
    safer: "REASSIGN OWNED BY the role to another, then revoke what is left one by one.",
    bad: &["DROP OWNED BY app;", "DROP OWNED BY a, b CASCADE;"],
    good: &["REASSIGN OWNED BY a TO b;"],
    check: |look| dropped(look, &[Kind::Owned]).map(|drop| verdict(look, drop)),
};

pub(super) const DROP_CASCADE: Rule = Rule {
    id: "drop_cascade",
    severity: Refuse,
    finds: "DROP ... CASCADE of functions, constraints and whatever else holds no rows itself",
    why: "CASCADE drops everything that depends on the object, whatever that is by then: columns, defaults, views, \
          foreign keys, triggers.",
    safer: "Drop without CASCADE. What is then in the way shows in the error and can be dropped by name.",
    bad: &["DROP FUNCTION f() CASCADE;", "ALTER TABLE t DROP CONSTRAINT t_pkey CASCADE;"],
    good: &[
        "ALTER TABLE a ADD COLUMN c int, ADD CONSTRAINT f FOREIGN KEY (c) REFERENCES b ON UPDATE CASCADE;",
        "CREATE TABLE t (a int CONSTRAINT c CHECK (a > 0)); ALTER TABLE t DROP CONSTRAINT c CASCADE;",
    ],
    check: |look| match look.action() {
        Action::Drop(drop) if drop.cascade && holds_no_rows(drop.kind) && !is_free(look, drop) => {
            Some(look.on(drop.kind, &drop.name))
        }
        _ => None,
    },
};

/// Kinds that have no refusing rule of their own.
pub(super) fn holds_no_rows(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Routine | Kind::Trigger | Kind::Policy | Kind::Rule | Kind::Constraint | Kind::Other(_)
    )
}
