//! What the rules of the history find, for people who read of them: the same wherever a history is looked at.

use crate::finding::Severity;

/// A rule of the history.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// The id: stable, used in `[[allow]]`.
    pub id: &'static str,
    /// How bad it is, as a rule.
    pub severity: Severity,
    /// What it finds, a line.
    pub finds: &'static str,
    /// What would happen, a sentence or two.
    pub why: &'static str,
    /// What to do instead, a sentence or two.
    pub safer: &'static str,
}

/// Every rule of the history.
pub const RULES: &[Rule] = &[
    Rule {
        id: "migration_deleted",
        severity: Severity::Refuse,
        finds: "A migration that the base, or the previous release, has and that is gone",
        why: "Where it is applied nothing is undone, and nobody notices; a new database never gets it.",
        safer: "Restore it. To take back what it does, write a new migration, or neutralise it by a file of comments alone \
                where it was never applied.",
    },
    Rule {
        id: "migration_edited",
        severity: Severity::Refuse,
        finds: "A migration that the base, or the previous release, has with another text",
        why: "Where it is applied it never runs again: old and new databases end up different.",
        safer: "Restore it, and write a new migration for the rest.",
    },
    Rule {
        id: "migration_renamed",
        severity: Severity::Refuse,
        finds: "A migration that the base, or the previous release, has under another name; the object is the old one",
        why: "Where it is applied it runs again under its new name, and what exists already makes it fail.",
        safer: "Give it its name back.",
    },
    Rule {
        id: "history_squashed",
        severity: Severity::Refuse,
        finds: "Migrations that are gone, and one new migration that makes the same from nothing; the object is the new \
                one. Both histories are replayed on temporary databases, which must have the same objects and as many \
                rows; without a database the deletions are found instead",
        why: "On a database that has applied what is gone `prisma migrate deploy` runs the new one all the same, and what \
              exists already makes it fail.",
        safer: "On every such database, before the deploy, `run-migration baseline --up-to NAME` records it as applied. \
                Where that is agreed upon, a human accepts it with an [[allow]] entry.",
    },
    Rule {
        id: "migration_hand_written",
        severity: Severity::Refuse,
        finds: "A migration that `--replace` would remove and that holds what Prisma would not have written",
        why: "The migration in its place would not do what a person wrote.",
        safer: "Run without --replace, which adds a migration for what is still missing.",
    },
    Rule {
        id: "migration_missing",
        severity: Severity::Refuse,
        finds: "A schema that has what no migration makes",
        why: "Code that is generated from it asks for what no database has.",
        safer: "`run-migration NAME` writes the migration that is missing.",
    },
    Rule {
        id: "migration_missing_sql",
        severity: Severity::Refuse,
        finds: "A directory without a migration.sql",
        why: "`prisma migrate deploy` stops there with P3015.",
        safer: "Restore the file, or remove the directory if it was never committed.",
    },
    Rule {
        id: "migration_empty",
        severity: Severity::Refuse,
        finds: "A migration.sql of nothing but space; comments alone are fine",
        why: "It was lost, or never written.",
        safer: "Restore it, or write a comment that says why there is nothing to do.",
    },
    Rule {
        id: "migration_unreadable",
        severity: Severity::Refuse,
        finds: "A migration.sql or a directory's name that is no UTF-8, or that cannot be read",
        why: "It can be neither applied nor recorded everywhere.",
        safer: "Mend its permissions or its encoding.",
    },
    Rule {
        id: "migration_symlink",
        severity: Severity::Refuse,
        finds: "A symbolic link where a migration's directory or file must be",
        why: "What is applied would depend on where the link leads on each machine.",
        safer: "Put a copy of what it leads to in its place.",
    },
    Rule {
        id: "migration_name_collision",
        severity: Severity::Refuse,
        finds: "Two migrations whose names differ only in case",
        why: "Some file systems hold just one of them.",
        safer: "Rename the one that is not applied anywhere yet.",
    },
    Rule {
        id: "migration_lock",
        severity: Severity::Refuse,
        finds: "A migration_lock.toml that is missing, broken or for another kind of database",
        why: "Prisma refuses to apply the history (P3019), or nobody checks any more which database it is for.",
        safer: "Write `provider = \"postgresql\"` into it, and commit it.",
    },
    Rule {
        id: "migration_out_of_order",
        severity: Severity::Warn,
        finds: "A new migration that sorts before one that the base, or the previous release, has",
        why: "Databases that have that one apply it afterwards, new ones before.",
        safer: "`run-migration restamp` gives this branch's own migrations new time stamps.",
    },
    Rule {
        id: "migration_shared_stamp",
        severity: Severity::Warn,
        finds: "A new migration with the time stamp of another one",
        why: "Their order hangs on the rest of their names, and not every Prisma sorts those alike.",
        safer: "`run-migration restamp` gives this branch's own migrations new time stamps.",
    },
    Rule {
        id: "migration_line_endings",
        severity: Severity::Info,
        finds: "A migration that the base, or the previous release, has with other line endings",
        why: "Prisma takes both as equal.",
        safer: "Keep line endings as they are, for instance by a .gitattributes entry.",
    },
];

/// The rule called `id`.
#[must_use]
pub fn find(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id)
}
