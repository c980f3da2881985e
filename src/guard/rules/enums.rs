//! Enums: labels that go, get another name, or are used too early.

use super::{Look, Rule, Verdict};
use crate::{
    finding::Severity::{Info, Refuse, Warn},
    guard::{
        action::{Action, EnumChange, Kind},
        catalog::Space,
        name::Name,
    },
};

/// What a new type under an old one's name lacks.
pub(super) struct Replaced {
    /// The name that both had.
    pub(super) name: Name,
    /// The labels that are gone; `None` where the old ones are not known.
    removed: Option<Vec<String>>,
}

/// The type that this step drops, where another one has taken its name: how an enum loses a label.
pub(super) fn replaced(look: &Look<'_>) -> Option<Replaced> {
    let Action::Drop(drop) = look.action() else { return None };
    if drop.kind != Kind::Type || drop.cascade {
        return None;
    }
    let former = look.catalog.former_name(Space::Type, &drop.name)?;
    let successor = look.catalog.get(Space::Type, &former)?;
    let old = look.catalog.get(Space::Type, &drop.name).and_then(|object| object.labels.as_ref());
    let removed = old
        .zip(successor.labels.as_ref())
        .map(|(old, new)| old.iter().filter(|label| !new.contains(label)).cloned().collect());
    Some(Replaced { name: former, removed })
}

pub(super) const REMOVE_ENUM_VALUE: Rule = Rule {
    id: "remove_enum_value",
    severity: Refuse,
    finds: "An enum that is replaced by another one of its name, with fewer labels as far as can be told",
    why: "It fails with 22P02 where a row holds a label that is gone, and the code that still runs can no longer \
          write it.",
    safer: "Stop using the label, update the rows that hold it, and remove it in a later release with a human's consent.",
    bad: &["BEGIN; CREATE TYPE \"Role_new\" AS ENUM ('USER'); \
         ALTER TABLE \"User\" ALTER COLUMN \"role\" TYPE \"Role_new\" USING (\"role\"::text::\"Role_new\"); \
         ALTER TYPE \"Role\" RENAME TO \"Role_old\"; ALTER TYPE \"Role_new\" RENAME TO \"Role\"; \
         DROP TYPE \"Role_old\"; COMMIT;"],
    good: &[
        "CREATE TYPE a AS ENUM ('x', 'y'); ALTER TYPE a RENAME TO a_old; CREATE TYPE a AS ENUM ('x'); DROP TYPE a_old;",
        "ALTER TYPE \"Role\" ADD VALUE 'ADMIN';",
    ],
    check: |look| {
        let Replaced { name, removed } = replaced(look)?;
        let Action::Drop(drop) = look.action() else { return None };
        if look.catalog.is_own(Space::Type, &drop.name) {
            return None;
        }
        let verdict = look.on(Kind::Type, &name);
        Some(match removed {
            None => verdict.because("Which labels are gone cannot be told from the text."),
            Some(removed) if removed.is_empty() => verdict.severity(Info).because("No label is gone."),
            Some(removed) => verdict.because(format!("Gone: {}.", removed.join(", "))),
        })
    },
};

pub(super) const RENAME_ENUM_VALUE: Rule = Rule {
    id: "rename_enum_value",
    severity: Warn,
    finds: "Another name for an enum's label",
    why: "The code that still runs writes the old label and fails with 22P02, and does not know the new one it reads.",
    safer: "Add the new label, move the rows, and remove the old one in a later release; or rename it in the schema \
            alone with @map.",
    bad: &["ALTER TYPE \"Role\" RENAME VALUE 'ADMIN' TO 'OWNER';"],
    good: &["CREATE TYPE e AS ENUM ('a'); ALTER TYPE e RENAME VALUE 'a' TO 'b';"],
    check: |look| match look.action() {
        Action::Enum(name, EnumChange::RenameValue(from, to)) if !look.catalog.is_ours(Space::Type, name) => {
            Some(look.on(Kind::Type, name).because(format!("{from} becomes {to}.")))
        }
        _ => None,
    },
};

pub(super) const ENUM_VALUE_USED: Rule = Rule {
    id: "enum_value_used",
    severity: Warn,
    finds: "A label that is used in the transaction that adds it",
    why: "It fails with 55P04: PostgreSQL takes a new label for unsafe until it is committed, and a migration's file \
          is one transaction.",
    safer: "Add the label in a migration of its own, and use it in the next one.",
    bad: &[
        "ALTER TYPE \"Role\" ADD VALUE 'OWNER'; ALTER TABLE t ALTER COLUMN role SET DEFAULT 'OWNER';",
        "ALTER TYPE e ADD VALUE IF NOT EXISTS 'x'; UPDATE t SET e = 'x' WHERE e IS NULL;",
    ],
    good: &[
        "ALTER TYPE e ADD VALUE 'x'; ALTER TYPE e ADD VALUE 'y' AFTER 'x';",
        "CREATE TYPE e AS ENUM ('a'); ALTER TYPE e ADD VALUE 'x'; CREATE TABLE t (e e DEFAULT 'x');",
        "ALTER TYPE e ADD VALUE 'x'; COMMIT; UPDATE t SET e = 'x' WHERE e IS NULL;",
        "ALTER TYPE e ADD VALUE 'x'; COMMENT ON TYPE e IS 'x';",
    ],
    check: |look| match look.action() {
        Action::Text(label) => {
            let name = look.catalog.fresh_label(label)?;
            Some(Verdict::about(name.to_string()).because(format!("The label is {label}.")))
        }
        _ => None,
    },
};
