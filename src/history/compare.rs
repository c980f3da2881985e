//! What became of a history that others have already: deleted, edited, renamed, put in between.
//!
//! `prisma migrate deploy` enforces none of this. The rules are the same wherever two histories are compared: a
//! branch with its base, a release with the one before it.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;

use super::FILE_NAME;
use crate::finding::{Finding, Severity};

/// A history as somebody has it: the bytes of each `migration.sql` by its directory's name.
pub type Shipped = BTreeMap<String, Vec<u8>>;

/// One difference between the history that others have and ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Theirs, and gone here.
    Deleted {
        /// The directory's name.
        name: String,
    },
    /// Here with another text.
    Edited {
        /// The directory's name.
        name: String,
        /// The first line that differs, from 1.
        line: u32,
    },
    /// Here with other line endings and otherwise the same.
    LineEndings {
        /// The directory's name.
        name: String,
    },
    /// The same text under another name.
    Renamed {
        /// Their name for it.
        from: String,
        /// Ours.
        to: String,
    },
    /// New here, and sorting before one that they have.
    OutOfOrder {
        /// The new one.
        name: String,
        /// The newest that they have.
        newest: String,
    },
    /// Theirs, gone here, and made from nothing by a new one. Only a proof on databases tells it from deletions.
    Squashed {
        /// The new one.
        into: String,
        /// Those that are gone.
        deleted: Vec<String>,
    },
    /// New here, with the time stamp of another one.
    SharedStamp {
        /// The new one.
        name: String,
        /// The other one.
        other: String,
    },
}

/// How findings are worded for a comparison.
#[derive(Debug, Clone, Copy)]
pub struct Wording<'a> {
    /// The migrations' directory as files are named in findings.
    pub directory: &'a Utf8Path,
    /// What ours is compared with, such as `origin/main` or a release.
    pub theirs: &'a str,
    /// The commit to restore files from, where theirs is one.
    pub commit: Option<&'a str>,
}

/// Compares `ours` with `theirs`, the history that both come from, and `newest`, the one that ours will be added to.
/// For two releases the two are the same.
#[must_use]
pub fn compare(theirs: &Shipped, newest: &Shipped, ours: &Shipped) -> Vec<Change> {
    let mut changes = altered(theirs, ours);
    let known = |name: &String| theirs.contains_key(name) || newest.contains_key(name);
    for name in ours.keys().filter(|name| !known(name)) {
        changes.extend(misplaced(name, newest, ours));
    }
    changes
}

fn altered(theirs: &Shipped, ours: &Shipped) -> Vec<Change> {
    let mut added: BTreeMap<&String, Vec<u8>> = ours
        .iter()
        .filter(|(name, sql)| !theirs.contains_key(*name) && !is_blank(sql))
        .map(|(name, sql)| (name, unified(sql)))
        .collect();
    let mut changes = Vec::new();
    for (name, before) in theirs {
        changes.extend(match ours.get(name) {
            Some(after) if after == before => None,
            Some(after) if unified(after) == unified(before) => {
                Some(Change::LineEndings { name: name.clone() })
            }
            Some(after) => Some(Change::Edited { name: name.clone(), line: first_difference(before, after) }),
            None => Some(gone(name, &unified(before), &mut added)),
        });
    }
    changes
}

/// A migration that is no longer there under its name: renamed to one of those added, else deleted.
fn gone(name: &str, before: &[u8], added: &mut BTreeMap<&String, Vec<u8>>) -> Change {
    let renamed = added.iter().find(|(_, sql)| sql.as_slice() == before).map(|(to, _)| (*to).clone());
    match renamed {
        Some(to) => {
            added.remove(&to);
            Change::Renamed { from: name.to_owned(), to }
        }
        None => Change::Deleted { name: name.to_owned() },
    }
}

fn misplaced(name: &str, newest: &Shipped, ours: &Shipped) -> Vec<Change> {
    let mut changes = Vec::new();
    if let Some(last) = newest.keys().next_back().filter(|last| name < last.as_str()) {
        changes.push(Change::OutOfOrder { name: name.to_owned(), newest: last.clone() });
    }
    let everywhere: BTreeSet<_> = newest.keys().chain(ours.keys()).collect();
    if let Some(stamp) = stamp(name)
        && let Some(other) =
            everywhere.into_iter().find(|other| *other != name && self::stamp(other) == Some(stamp))
    {
        changes.push(Change::SharedStamp { name: name.to_owned(), other: other.clone() });
    }
    changes
}

/// The time stamp that a name begins with.
fn stamp(name: &str) -> Option<&str> {
    name.get(..14).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The text with LF for every CRLF: what Prisma takes as equal.
fn unified(sql: &[u8]) -> Vec<u8> {
    let mut unified = Vec::with_capacity(sql.len());
    let mut bytes = sql.iter().peekable();
    while let Some(byte) = bytes.next() {
        if *byte != b'\r' || bytes.peek() != Some(&&b'\n') {
            unified.push(*byte);
        }
    }
    unified
}

/// Whether nothing is written at all. Comments alone are something: it is how a bad migration is neutralised.
#[must_use]
pub fn is_blank(sql: &[u8]) -> bool {
    sql.iter().all(u8::is_ascii_whitespace)
}

fn first_difference(before: &[u8], after: &[u8]) -> u32 {
    let same = before.iter().zip(after).take_while(|(a, b)| a == b).count();
    let line = after[..same].iter().filter(|byte| **byte == b'\n').count() + 1;
    u32::try_from(line).unwrap_or(u32::MAX)
}

impl Change {
    /// The finding for it: what `prisma migrate deploy` makes of it, and how to mend it.
    #[must_use]
    pub fn finding(&self, wording: Wording<'_>) -> Finding {
        let theirs = wording.theirs;
        match self {
            Self::Deleted { name } => wording.finding("migration_deleted", Severity::Refuse, name, Texts {
                why: format!(
                    "{theirs} has this migration and it is gone here: where it is applied nothing is undone, and once \
                     nothing is pending `prisma migrate status` calls the database up to date; a new database never \
                     gets it"
                ),
                safer: format!(
                    "restore it ({}); to take back what it does, neutralise it by a file of comments alone where it \
                     was never applied, or write a new migration",
                    wording.restore(name)
                ),
            }),
            Self::Edited { name, line } => Finding {
                line: Some(*line),
                ..wording.finding("migration_edited", Severity::Refuse, name, Texts {
                    why: format!(
                        "its text is not that of {theirs}: where it is applied `prisma migrate deploy` never runs it \
                         again, so old and new databases end up different"
                    ),
                    safer: format!("restore it ({}) and write a new migration for the rest", wording.restore(name)),
                })
            },
            Self::LineEndings { name } => wording.finding("migration_line_endings", Severity::Info, name, Texts {
                why: format!("only its line endings are not those of {theirs}: Prisma takes both as equal"),
                safer: "keep line endings as they are, for instance by a .gitattributes entry".into(),
            }),
            Self::Renamed { from, to } => wording.finding("migration_renamed", Severity::Refuse, from, Texts {
                why: format!(
                    "{theirs} has this migration, here it is called {to}: where it is applied `prisma migrate deploy` \
                     runs it again under its new name, and what exists already makes it fail"
                ),
                safer: format!("give it its name back (git mv '{to}' '{from}' in {})", wording.directory),
            }),
            Self::Squashed { into, deleted } => Finding {
                statement: deleted.join("\n"),
                proof: vec![SQUASH_PROVED.into()],
                ..wording.finding("history_squashed", Severity::Refuse, into, Texts {
                    why: squash_why(deleted.len(), theirs),
                    safer: squash_safer(into),
                })
            },
            Self::OutOfOrder { name, newest } => wording.finding("migration_out_of_order", Severity::Warn, name, Texts {
                why: format!(
                    "it sorts before {newest}, which {theirs} has already: databases that have that one apply it \
                     afterwards, new ones before"
                ),
                safer: "`run-migration restamp` gives this branch's own migrations new time stamps".into(),
            }),
            Self::SharedStamp { name, other } => wording.finding("migration_shared_stamp", Severity::Warn, name, Texts {
                why: format!("it has the time stamp of {other}: their order hangs on the rest of their names"),
                safer: "`run-migration restamp` gives this branch's own migrations new time stamps".into(),
            }),
        }
    }
}

const SQUASH_PROVED: &str = "both histories were replayed from nothing on temporary databases: they make the same objects, \
                             and as many rows";

/// What becomes of databases that have what a squash stands in for.
pub(crate) fn squash_why(deleted: usize, theirs: &str) -> String {
    format!(
        "it stands in for {deleted} migrations that {theirs} has and makes the same from nothing: on a database that has \
         applied those, `prisma migrate deploy` runs it all the same, and what exists already makes it fail"
    )
}

/// What operators and the reviewers of a squash do.
pub(crate) fn squash_safer(into: &str) -> String {
    format!(
        "on every database that has applied what it stands in for, before the deploy: `run-migration baseline --up-to \
         '{into}'` records it as applied; where that is agreed upon, accept it in run-migration.toml: [[allow]] with rule = \
         \"history_squashed\", object = \"{into}\" and a reason"
    )
}

struct Texts {
    why: String,
    safer: String,
}

impl Wording<'_> {
    fn finding(self, rule: &'static str, severity: Severity, name: &str, texts: Texts) -> Finding {
        Finding {
            file: Some(self.directory.join(name).join(FILE_NAME)),
            why: texts.why,
            safer: texts.safer,
            ..Finding::new(rule, severity, name)
        }
    }

    fn restore(self, name: &str) -> String {
        match self.commit {
            Some(commit) => format!("git checkout {commit} -- '{}'", self.directory.join(name)),
            None => format!("from {}", self.theirs),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipped(entries: &[(&str, &str)]) -> Shipped {
        entries.iter().map(|(name, sql)| ((*name).to_owned(), sql.as_bytes().to_vec())).collect()
    }

    fn changes(theirs: &[(&str, &str)], ours: &[(&str, &str)]) -> Vec<Change> {
        let theirs = shipped(theirs);
        compare(&theirs, &theirs, &shipped(ours))
    }

    const ONE: (&str, &str) = ("20260101000000_one", "CREATE TABLE a ();\n");
    const TWO: (&str, &str) = ("20260102000000_two", "CREATE TABLE b ();\n");

    #[test]
    fn equal_histories_and_additions_at_the_end_are_no_change() {
        assert!(changes(&[ONE, TWO], &[ONE, TWO]).is_empty());
        assert!(changes(&[ONE], &[ONE, TWO]).is_empty());
        assert!(changes(&[], &[ONE, TWO]).is_empty());
    }

    #[test]
    fn deleted_edited_and_renamed_are_told_apart() {
        let name = |name: &str| name.to_owned();
        assert_eq!(changes(&[ONE, TWO], &[TWO]), [Change::Deleted { name: name(ONE.0) }]);
        let edited = (ONE.0, "CREATE TABLE a ();\nDROP TABLE a;\n");
        assert_eq!(changes(&[ONE], &[edited]), [Change::Edited { name: name(ONE.0), line: 2 }]);
        let crlf = (ONE.0, "CREATE TABLE a ();\r\n");
        assert_eq!(changes(&[ONE], &[crlf]), [Change::LineEndings { name: name(ONE.0) }]);
        let renamed = ("20260103000000_one", ONE.1);
        assert_eq!(
            changes(&[ONE, TWO], &[TWO, renamed]),
            [Change::Renamed { from: name(ONE.0), to: name(renamed.0) }]
        );
    }

    #[test]
    fn a_renamed_one_is_checked_for_its_place_too() {
        let renamed = ("20260101120000_two", TWO.1);
        let found = changes(&[ONE, TWO], &[ONE, renamed]);
        assert!(matches!(&found[..], [Change::Renamed { .. }, Change::OutOfOrder { .. }]), "{found:?}");
    }

    #[test]
    fn two_of_the_same_text_are_renamed_one_to_one() {
        let theirs = [("1_a", "-- x"), ("2_b", "-- x")];
        let found = changes(&theirs, &[("3_c", "-- x")]);
        assert!(matches!(&found[..], [Change::Renamed { .. }, Change::Deleted { .. }]), "{found:?}");
    }

    #[test]
    fn the_place_is_that_in_the_history_it_will_be_added_to() {
        let merge_base = shipped(&[ONE]);
        let tip = shipped(&[ONE, ("20260105000000_theirs", "x")]);
        let ours = shipped(&[ONE, TWO]);
        let found = compare(&merge_base, &tip, &ours);
        assert!(
            matches!(&found[..], [Change::OutOfOrder { name, newest }] if name == TWO.0 && newest == "20260105000000_theirs")
        );
    }

    #[test]
    fn a_shared_stamp_is_told_for_new_ones_only() {
        let twins = [("20260101000000_a", "a"), ("20260101000000_b", "b")];
        assert!(changes(&twins, &twins).is_empty());
        let found = changes(&twins[..1], &twins);
        assert_eq!(
            found,
            [Change::SharedStamp { name: "20260101000000_b".into(), other: "20260101000000_a".into() }]
        );
    }
}
