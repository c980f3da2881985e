//! Constraints and indexes that existing rows, or the code that still runs, may not satisfy.

use super::{Look, Rule, Verdict, columns::change};
use crate::{
    finding::Severity::{Info, Warn},
    guard::{
        action::{Action, Column, Constraint, ConstraintKind, Default, Kind, TableChange},
        catalog::Space,
        name::Name,
    },
};

/// A constraint that is added to a table which was there before, on columns that were.
fn added<'a>(look: &'a Look<'_>) -> Option<(&'a Name, &'a Constraint)> {
    match change(look)? {
        (table, TableChange::AddConstraint(constraint))
            if !look.catalog.are_ours(table, &constraint.columns) =>
        {
            Some((table, constraint))
        }
        _ => None,
    }
}

/// A verdict on the constraint, or on its table where it has no name. Where it is only added if it is missing,
/// the script says what should hold already.
fn verdict(look: &Look<'_>, table: &Name, constraint: &Constraint) -> Verdict {
    let verdict = match &constraint.name {
        Some(name) => look.on(Kind::Constraint, &table.member(name)),
        None => look.on(Kind::Table, table),
    };
    if look.guarded {
        verdict.severity(Info).because("It is only added where it is missing.")
    } else {
        verdict
    }
}

/// Whether all rows get the same value in the new column.
fn repeats(column: &Column) -> bool {
    matches!(column.default, Some(Default::Constant(_)))
}

pub(super) const ADD_UNIQUE: Rule = Rule {
    id: "add_unique",
    severity: Warn,
    finds: "UNIQUE, PRIMARY KEY, EXCLUDE or a unique index on columns that were there before",
    why: "It fails with 23505 where two rows share a value, and rejects writes that the running code relied on.",
    safer: "Look for duplicates first; build a unique index CONCURRENTLY in a migration of its own, then make it a \
            constraint with USING INDEX.",
    bad: &[
        "CREATE UNIQUE INDEX \"User_email_key\" ON \"User\"(\"email\");",
        "ALTER TABLE t ADD CONSTRAINT t_pkey PRIMARY KEY (a);",
        "ALTER TABLE t ADD UNIQUE (a, b);",
        "ALTER TABLE t ADD COLUMN a int NOT NULL DEFAULT 0 UNIQUE;",
    ],
    good: &[
        "CREATE TABLE t (a int); CREATE UNIQUE INDEX i ON t (a);",
        "ALTER TABLE t ADD COLUMN a int; CREATE UNIQUE INDEX i ON t (a);",
        "ALTER TABLE t ADD COLUMN a int UNIQUE;",
        "ALTER TABLE t ADD CONSTRAINT c UNIQUE USING INDEX i;",
    ],
    check: |look| match look.action() {
        Action::CreateIndex(index) if index.unique => {
            let is_new = look.catalog.is_ours(Space::Relation, &index.table)
                || look.catalog.are_ours(&index.table, &index.columns)
                || index.plain
                    && look.catalog.is_unique(&index.table, &index.columns, index.predicate.as_ref());
            let name = index.name.as_ref().unwrap_or(&index.table);
            (!is_new).then(|| look.on(Kind::Index, name))
        }
        _ => match change(look)? {
            (table, TableChange::AddColumn(column, _)) if repeats(column) => {
                let is_key = |kind: &ConstraintKind| {
                    matches!(kind, ConstraintKind::Unique | ConstraintKind::PrimaryKey)
                };
                let has_key = column.constraints.iter().any(|constraint| is_key(&constraint.kind));
                has_key.then(|| look.on(Kind::Column, &table.member(&column.name)))
            }
            _ => {
                let (table, constraint) = added(look)?;
                matches!(
                    constraint.kind,
                    ConstraintKind::Unique | ConstraintKind::PrimaryKey | ConstraintKind::Exclude
                )
                .then(|| verdict(look, table, constraint))
                .filter(|_| !look.catalog.is_unique(table, &constraint.columns, None))
            }
        },
    },
};

pub(super) const ADD_CHECK: Rule = Rule {
    id: "add_check",
    severity: Warn,
    finds: "A CHECK on columns that were there before",
    why: "It fails with 23514 where a row breaks it, reads the whole table while nobody can use it, and rejects \
          writes that the running code relied on.",
    safer: "Add it NOT VALID, mend the rows, then VALIDATE CONSTRAINT in a later migration.",
    bad: &[
        "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0);",
        "ALTER TABLE t ADD CHECK (a > 0) NOT VALID;",
        "ALTER DOMAIN d ADD CHECK (VALUE > 0);",
    ],
    good: &[
        "CREATE TABLE t (a int CHECK (a > 0));",
        "ALTER TABLE t ADD COLUMN a int CHECK (a > 0);",
        "DO $$ BEGIN ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0); EXCEPTION WHEN duplicate_object THEN NULL; END $$;",
    ],
    check: |look| {
        let (table, constraint) = added(look).filter(|(_, added)| added.kind == ConstraintKind::Check)?;
        let verdict = verdict(look, table, constraint);
        Some(if constraint.not_valid && !look.guarded {
            verdict.because("NOT VALID leaves existing rows alone; new writes are checked at once.")
        } else {
            verdict
        })
    },
};

pub(super) const ADD_FOREIGN_KEY: Rule = Rule {
    id: "add_foreign_key",
    severity: Info,
    finds: "A foreign key between columns that were there before",
    why: "It fails with 23503 where a row has no partner, keeps writes to both tables waiting while it looks, and \
          rejects writes without a partner from then on.",
    safer: "Add it NOT VALID, mend the rows, then VALIDATE CONSTRAINT in a later migration, which blocks nobody.",
    bad: &[
        "ALTER TABLE a ADD CONSTRAINT f FOREIGN KEY (b_id) REFERENCES b(id) ON DELETE RESTRICT ON UPDATE CASCADE;",
    ],
    good: &[
        "CREATE TABLE a (b_id int); ALTER TABLE a ADD CONSTRAINT f FOREIGN KEY (b_id) REFERENCES b(id);",
        "ALTER TABLE a ADD COLUMN b_id int REFERENCES b(id);",
    ],
    check: |look| {
        let (table, constraint) = added(look)?;
        let is_meant = matches!(constraint.kind, ConstraintKind::ForeignKey { delete_cascades: false, .. });
        // The rows satisfied the same one until just now.
        let is_old = before(look, table, constraint).is_some_and(|old| old.columns == constraint.columns);
        (is_meant && !is_old).then(|| verdict(look, table, constraint))
    },
};

/// The foreign key of that name and to the same table that the table had before this script.
fn before<'a>(look: &'a Look<'_>, table: &Name, constraint: &Constraint) -> Option<&'a Constraint> {
    let old = look.catalog.demanded_before(&table.member(constraint.name.as_ref()?))?;
    match (&old.kind, &constraint.kind) {
        (
            ConstraintKind::ForeignKey { target: old_target, .. },
            ConstraintKind::ForeignKey { target, .. },
        ) => (old_target == target).then_some(old),
        _ => None,
    }
}

pub(super) const CASCADING_DELETE: Rule = Rule {
    id: "cascading_delete",
    severity: Warn,
    finds: "A foreign key ON DELETE CASCADE between columns that were there before",
    why: "From now on a DELETE in the other table deletes rows here too, of code that knows nothing of it. Like any \
          foreign key it fails with 23503 where a row has no partner.",
    safer: "Use ON DELETE RESTRICT or SET NULL, unless these rows mean nothing without their partner.",
    bad: &["ALTER TABLE a ADD CONSTRAINT f FOREIGN KEY (b_id) REFERENCES b(id) ON DELETE CASCADE;"],
    good: &[
        "ALTER TABLE a ADD FOREIGN KEY (b_id) REFERENCES b(id) ON DELETE SET NULL ON UPDATE CASCADE;",
        "CREATE TABLE a (b_id int REFERENCES b ON DELETE CASCADE);",
        "ALTER TABLE a ADD b_id int, ADD CONSTRAINT f FOREIGN KEY (b_id) REFERENCES b(id) ON DELETE CASCADE;",
        "DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'f') THEN \
         ALTER TABLE a ADD CONSTRAINT f FOREIGN KEY (b_id) REFERENCES b(id) ON DELETE CASCADE; END IF; END $$;",
    ],
    check: |look| {
        let (table, constraint) = added(look)?;
        let ConstraintKind::ForeignKey { target, delete_cascades: true } = &constraint.kind else {
            return None;
        };
        let cascaded =
            |old: &Constraint| matches!(old.kind, ConstraintKind::ForeignKey { delete_cascades: true, .. });
        if before(look, table, constraint).is_some_and(cascaded) {
            return None;
        }
        // A table without rows has none to delete.
        let verdict = verdict(look, table, constraint);
        let is_new = look.catalog.is_ours(Space::Relation, target);
        Some(if is_new { verdict.severity(Info) } else { verdict })
    },
};

pub(super) const DROP_CONSTRAINT: Rule = Rule {
    id: "drop_constraint",
    severity: Warn,
    finds: "DROP CONSTRAINT of a constraint that was there before",
    why: "What the running code could rely on no longer holds: duplicates, orphans and impossible values get in, and \
          the index of a key goes with it.",
    safer: "Drop it in a later release, when no code relies on it. To change it, add the new one in the same migration.",
    bad: &["ALTER TABLE t DROP CONSTRAINT t_email_key;", "ALTER DOMAIN d DROP CONSTRAINT c;"],
    good: &[
        "ALTER TABLE t DROP CONSTRAINT f; ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES b;",
        "CREATE TABLE t (a int CONSTRAINT c CHECK (a > 0)); ALTER TABLE t DROP CONSTRAINT c;",
        "DO $$ BEGIN IF EXISTS (SELECT 1) THEN ALTER TABLE t DROP CONSTRAINT f; END IF; \
         IF NOT EXISTS (SELECT 1) THEN ALTER TABLE t ADD CONSTRAINT f CHECK (a > 0); END IF; END $$;",
    ],
    check: |look| match look.action() {
        Action::Drop(drop)
            if drop.kind == Kind::Constraint
                && !drop.cascade
                && !look.catalog.is_ours(Space::Constraint, &drop.name) =>
        {
            let again = "The constraint is made again further down, perhaps with other terms.";
            Some(look.on(Kind::Constraint, &drop.name).if_made_again(Info, again))
        }
        _ => None,
    },
};
