//! What `prisma migrate deploy` does with each finding on a database of the previous release, and how to mend it.
//! Every sentence about Prisma here was tried with its real CLIs: `tests/cli/release/prisma.rs`.

use crate::history::compare::{Change, squash_safer, squash_why};

/// Who is spoken of.
#[derive(Debug, Clone, Copy)]
pub struct Sides<'a> {
    /// The previous release, such as `0.4.60`.
    pub from: &'a str,
    /// The new one.
    pub to: &'a str,
    /// Whether a deploy of the new one would apply anything to a database of the previous one.
    pub applies: bool,
}

/// What happens, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// What happens.
    pub why: String,
    /// How to mend it.
    pub safer: String,
}

impl Sides<'_> {
    /// The words for a change of the history. `restore` is the command that shows the old file.
    #[must_use]
    pub fn change(&self, change: &Change, restore: &str) -> Words {
        match change {
            Change::Deleted { .. } => self.deleted(restore),
            Change::Edited { line, .. } => self.edited(*line, restore),
            Change::LineEndings { .. } => self.line_endings(),
            Change::Renamed { from, to } => self.renamed(from, to),
            Change::OutOfOrder { newest, .. } => self.out_of_order(newest),
            Change::SharedStamp { other, .. } => self.shared_stamp(other),
            Change::Squashed { into, deleted } => {
                Words { why: squash_why(deleted.len(), self.from), safer: squash_safer(into) }
            }
        }
    }

    fn deleted(&self, restore: &str) -> Words {
        let Self { from, to, applies } = self;
        let deploy = if *applies {
            "There, `prisma migrate status` says that history and database are different (exit 1), until `prisma migrate \
             deploy` has applied what is new: that succeeds, undoes nothing, and afterwards `prisma migrate status` \
             calls the database up to date"
        } else {
            "`prisma migrate deploy` finds nothing to apply and undoes nothing, and `prisma migrate status` calls the \
             database up to date: nobody notices"
        };
        Words {
            why: format!(
                "{from} shipped it and {to} does not: a database on {from} has applied it and keeps all that it did, a \
                 new database of {to} never gets it. {deploy}"
            ),
            safer: format!(
                "put it back as it was ({restore}); to take back what it did, write a new migration; where it must not \
                 run on new databases, put a file of comments alone in its place, which new ones record and old ones \
                 never look at"
            ),
        }
    }

    fn edited(&self, line: u32, restore: &str) -> Words {
        let Self { from, to, .. } = self;
        Words {
            why: format!(
                "from line {line} on its text is not that of {from}. A database on {from} has applied the old text: \
                 `prisma migrate deploy` never runs it again and does not mention it, `prisma migrate status` calls the \
                 database up to date. Only a new database of {to} gets the new text"
            ),
            safer: format!(
                "put the old text back ({restore}) and write a new migration for what is to change"
            ),
        }
    }

    fn line_endings(&self) -> Words {
        Words {
            why: format!(
                "only its line endings are not those of {}: `prisma migrate deploy` and `prisma migrate status` take \
                 both as equal",
                self.from
            ),
            safer: "keep line endings as they are, for instance by a .gitattributes entry".into(),
        }
    }

    fn renamed(&self, old: &str, new: &str) -> Words {
        let Self { from, .. } = self;
        Words {
            why: format!(
                "{from} shipped it as {old}. On a database on {from} `prisma migrate deploy` takes {new} for a new \
                 migration and runs the same text a second time. Where what exists already makes that fail (P3018), \
                 nothing more is applied before somebody has resolved it (P3009)"
            ),
            safer: format!(
                "call it {old} again; where {new} was published already, ship both: the text under the old name, and \
                 under the new one a file of comments alone"
            ),
        }
    }

    fn out_of_order(&self, newest: &str) -> Words {
        let Self { from, to, .. } = self;
        Words {
            why: format!(
                "it sorts before {newest}, which {from} has already: `prisma migrate deploy` applies it after that one on \
                 a database on {from}, and before it on a new one of {to}"
            ),
            safer: format!(
                "before {to} is published, give it a time stamp after {newest} (`run-migration restamp`); afterwards \
                 leave its name alone, because under another one it would run again"
            ),
        }
    }

    fn shared_stamp(&self, other: &str) -> Words {
        Words {
            why: format!(
                "it has the time stamp of {other}: `prisma migrate deploy` orders them by the rest of their names"
            ),
            safer: format!(
                "before {} is published, give it a time stamp of its own (`run-migration restamp`)",
                self.to
            ),
        }
    }

    /// What deploy does with a migration directory that has no file, by whether the previous release had one.
    #[must_use]
    pub fn missing_sql(&self, was_there: bool) -> String {
        let Self { from, to, .. } = self;
        if was_there {
            format!(
                "its directory has no migration.sql any more. On a database on {from} `prisma migrate deploy` passes \
                 over it, and `prisma migrate status` fails (P3015); on a new one of {to} `prisma migrate deploy` fails, \
                 too"
            )
        } else {
            "its directory has no migration.sql: `prisma migrate deploy` fails there (P3015) and applies nothing after it"
                .into()
        }
    }

    /// What deploy does without Prisma's lock file.
    #[must_use]
    pub fn no_lock(&self) -> String {
        format!(
            "{} has none: `prisma migrate deploy` does not miss it, but what it says, which kind of database the history \
             is for, nobody checks any more",
            self.to
        )
    }

    /// What deploy does with a file that has nothing in it.
    #[must_use]
    pub fn empty(&self) -> String {
        "its migration.sql is empty: it was lost, or never written. `prisma migrate deploy` records it as applied, and \
         whatever is written into it later never runs there"
            .into()
    }
}

/// What deploy does with statements that destroy something.
pub const DESTRUCTIVE: &str = "`prisma migrate deploy` runs it without a question";

/// What deploy does where a migration fails.
pub const FAILS: &str = "`prisma migrate deploy` stops there (P3018) and applies nothing more before somebody has \
     resolved it (P3009)";

/// What deploy notices of catalogs that differ.
pub const UNNOTICED: &str =
    "`prisma migrate deploy` does not notice, and `prisma migrate status` calls the database up to date";
