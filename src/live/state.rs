//! Where a database stands against a history: pure comparison of Prisma's ledger with the directory.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::ledger::{Entry, Ledger};
use crate::history::{History, Migration, checksum};

/// Where a database stands, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It has the history, all of it and nothing else.
    UpToDate,
    /// Some of the history is still to be applied.
    Behind,
    /// It has the history and more: a newer release was here.
    Ahead,
    /// It lacks some of the history and has what the history lacks.
    Diverged,
    /// A migration failed, and nobody has decided yet what becomes of it.
    Failed,
    /// It has what the history names, but made by other files.
    Edited,
    /// Prisma Migrate never worked here, but there are tables.
    NotManaged,
    /// Prisma Migrate never worked here, and there is nothing.
    Empty,
}

/// A migration that the directory holds and the database still lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pending {
    /// Its name.
    pub name: String,
    /// Whether it sorts before one that is applied already.
    pub out_of_order: bool,
    /// Whether an earlier attempt was rolled back.
    pub rolled_back: bool,
}

/// A migration that was begun, not finished, and not declared rolled back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failed {
    /// Its name.
    pub name: String,
    /// When it was begun: ISO 8601, UTC.
    pub started_at: String,
    /// What Prisma recorded. Without it the migration may still be running.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A migration that was applied from another text than the directory's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Edited {
    /// Its name.
    pub name: String,
    /// The checksum of what ran.
    pub recorded: String,
    /// The checksum of the file.
    pub expected: String,
}

/// Everything that a comparison tells. Names are in byte order, the order in which they are applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct State {
    /// Where the database stands.
    pub standing: Standing,
    /// The newest name that is applied.
    pub last_applied: Option<String>,
    /// The newest name of the directory.
    pub last_expected: Option<String>,
    /// The directory's migrations that are applied.
    pub applied: Vec<String>,
    /// Those that are not, failed ones left out.
    pub pending: Vec<Pending>,
    /// Migrations of which an attempt broke off and left nothing behind, whether the directory holds them or not: the
    /// next deployment goes on with them.
    pub broken_off: Vec<String>,
    /// Migrations that somebody is applying just now, whether the directory holds them or not.
    pub running: Vec<String>,
    /// Migrations that failed, whether the directory holds them or not.
    pub failed: Vec<Failed>,
    /// Migrations of which every attempt was declared rolled back.
    pub rolled_back: Vec<String>,
    /// Applied migrations whose file was changed since; line endings alone are no change.
    pub edited: Vec<Edited>,
    /// Applied migrations that the directory does not hold.
    pub not_in_directory: Vec<String>,
    /// Applied migrations that were begun after one with a newer name.
    pub applied_out_of_order: Vec<String>,
}

/// Compares what a database records with what it should have run.
#[must_use]
pub fn compare(ledger: &Ledger, history: &History) -> State {
    let (entries, absent) = match ledger {
        Ledger::Present(entries) => (entries.as_slice(), None),
        Ledger::Absent { tables } => (&[][..], Some(tables.unwrap_or_default())),
        Ledger::NoDatabase { .. } => (&[][..], Some(0)),
    };
    let fates = fates(entries);
    let expected: BTreeSet<&str> =
        history.migrations.iter().map(|migration| migration.name.as_str()).collect();
    let applied: BTreeSet<&str> =
        fates.iter().filter(|(_, fate)| fate.is_applied()).map(|(name, _)| *name).collect();
    let newest = applied.last().copied();
    let owned = |name: &&str| (*name).to_owned();
    let mut state = State {
        standing: Standing::UpToDate,
        last_applied: newest.map(ToOwned::to_owned),
        last_expected: expected.last().map(owned),
        applied: applied.intersection(&expected).map(owned).collect(),
        pending: Vec::new(),
        broken_off: names(&fates, |fate| fate.is_broken_off),
        running: names(&fates, |fate| fate.is_running),
        failed: failed(&fates),
        rolled_back: names(&fates, |fate| fate.is_rolled_back()),
        edited: history.migrations.iter().filter_map(|migration| edited(migration, &fates)).collect(),
        not_in_directory: applied.difference(&expected).map(owned).collect(),
        applied_out_of_order: out_of_order(entries, &applied),
    };
    for name in expected {
        let fate = fates.get(name);
        if fate.is_none_or(Fate::is_open) {
            let out_of_order = newest.is_some_and(|newest| name < newest);
            let rolled_back = fate.is_some_and(Fate::is_rolled_back);
            state.pending.push(Pending { name: name.to_owned(), out_of_order, rolled_back });
        }
    }
    state.standing = standing(&state, absent);
    state
}

/// What became of one migration, all attempts together.
#[derive(Debug, Default)]
struct Fate<'a> {
    applied: Option<&'a Entry>,
    failed: Option<&'a Entry>,
    is_running: bool,
    is_broken_off: bool,
}

impl Fate<'_> {
    /// A failed attempt stops Prisma even where another one succeeded.
    const fn is_applied(&self) -> bool {
        self.applied.is_some() && self.failed.is_none()
    }

    const fn is_open(&self) -> bool {
        self.applied.is_none() && self.failed.is_none()
    }

    const fn is_rolled_back(&self) -> bool {
        self.is_open() && !self.is_running && !self.is_broken_off
    }
}

fn fates(entries: &[Entry]) -> BTreeMap<&str, Fate<'_>> {
    let mut fates: BTreeMap<&str, Fate<'_>> = BTreeMap::new();
    for entry in entries {
        let fate = fates.entry(&entry.name).or_default();
        match (&entry.rolled_back_at, &entry.finished_at) {
            (Some(_), _) => {}
            (None, Some(_)) => fate.applied = Some(entry),
            (None, None) if entry.is_running => fate.is_running = true,
            (None, None) if entry.is_broken_off() => fate.is_broken_off = true,
            (None, None) => fate.failed = Some(entry),
        }
    }
    fates
}

fn names(fates: &BTreeMap<&str, Fate<'_>>, wanted: impl Fn(&Fate<'_>) -> bool) -> Vec<String> {
    fates.iter().filter(|(_, fate)| wanted(fate)).map(|(name, _)| (*name).to_owned()).collect()
}

fn failed(fates: &BTreeMap<&str, Fate<'_>>) -> Vec<Failed> {
    let failed = |(name, fate): (&&str, &Fate<'_>)| {
        let entry = fate.failed?;
        Some(Failed {
            name: (*name).to_owned(),
            started_at: entry.started_at.clone(),
            error: entry.logs.as_deref().map(crate::redact::redact),
        })
    };
    fates.iter().filter_map(failed).collect()
}

fn edited(migration: &Migration, fates: &BTreeMap<&str, Fate<'_>>) -> Option<Edited> {
    let recorded = &fates.get(migration.name.as_str())?.applied?.checksum;
    (!is_checksum_of(recorded, migration)).then(|| Edited {
        name: migration.name.clone(),
        recorded: recorded.clone(),
        expected: migration.checksum.clone(),
    })
}

/// Whether `recorded` is the checksum of this file, be its line endings those of Unix or of Windows.
#[must_use]
pub fn is_checksum_of(recorded: &str, migration: &Migration) -> bool {
    let unix = || migration.sql.replace("\r\n", "\n");
    recorded == migration.checksum
        || recorded == checksum(unix().as_bytes())
        || recorded == checksum(unix().replace('\n', "\r\n").as_bytes())
}

/// Those of `applied` that were begun after a newer one. Prisma 6 sorts names as people do, others by their bytes:
/// what is in order for either of them is in order.
fn out_of_order(entries: &[Entry], applied: &BTreeSet<&str>) -> Vec<String> {
    let mut begun: Vec<_> = entries
        .iter()
        .filter(|entry| entry.finished_at.is_some() && applied.contains(entry.name.as_str()))
        .collect();
    begun.sort_by(|a, b| (&a.started_at, &a.name).cmp(&(&b.started_at, &b.name)));
    let mut late: Vec<&str> = Vec::new();
    let (mut newest, mut newest_for_people) = ("", Vec::new());
    for entry in begun {
        let name = entry.name.as_str();
        let for_people = as_people_sort(name);
        if name < newest && for_people < newest_for_people {
            late.push(name);
        }
        newest = newest.max(name);
        newest_for_people = newest_for_people.max(for_people);
    }
    late.sort_unstable();
    late.into_iter().map(ToOwned::to_owned).collect()
}

/// A key that sorts as `localeCompare` does: punctuation, digits, letters whatever their case.
fn as_people_sort(name: &str) -> Vec<(u8, char)> {
    let class = |c: char| match c {
        _ if c.is_ascii_digit() => 1,
        _ if c.is_alphabetic() => 2,
        _ => 0,
    };
    name.chars().flat_map(char::to_lowercase).map(|c| (class(c), c)).collect()
}

fn standing(state: &State, absent: Option<u64>) -> Standing {
    let lacks = !state.pending.is_empty();
    let has_more = !state.not_in_directory.is_empty();
    match absent {
        Some(0) => return Standing::Empty,
        Some(_) => return Standing::NotManaged,
        None => {}
    }
    match (lacks, has_more) {
        _ if !state.failed.is_empty() => Standing::Failed,
        (true, true) => Standing::Diverged,
        (true, false) => Standing::Behind,
        (false, true) => Standing::Ahead,
        (false, false) if !state.broken_off.is_empty() => Standing::Behind,
        (false, false) if !state.edited.is_empty() => Standing::Edited,
        (false, false) => Standing::UpToDate,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ATOMIC: &str = "00000000-0000-8000-8000-000000000000";
    const PRISMAS: &str = "00000000-0000-4000-8000-000000000000";

    fn history(names: &[&str]) -> History {
        let migration = |name: &&str| Migration {
            name: (*name).to_owned(),
            path: format!("/m/{name}/migration.sql").into(),
            sql: format!("-- {name}\nSELECT 1;\n"),
            checksum: checksum(format!("-- {name}\nSELECT 1;\n").as_bytes()),
        };
        History { directory: "/m".into(), migrations: names.iter().map(migration).collect() }
    }

    /// A row begun at second `at`, done unless its name ends in `!` (failed), `~` (rolled back), `?` (running) or `/`
    /// (broken off).
    fn entry(at: usize, text: &str) -> Entry {
        let name = text.trim_end_matches(['!', '~', '?', '/']);
        let time = |seconds: usize| format!("2026-01-01T00:00:{seconds:02}.000000Z");
        Entry {
            id: if text.ends_with('/') { ATOMIC } else { PRISMAS }.to_owned(),
            name: name.to_owned(),
            checksum: checksum(format!("-- {name}\nSELECT 1;\n").as_bytes()),
            started_at: time(at),
            finished_at: (name == text).then(|| time(at)),
            rolled_back_at: text.ends_with('~').then(|| time(at)),
            logs: text.ends_with('!').then(|| "ERROR: password=hunter2".to_owned()),
            is_running: text.ends_with('?'),
        }
    }

    fn rows(texts: &[&str]) -> Ledger {
        Ledger::Present(texts.iter().enumerate().map(|(at, text)| entry(at, text)).collect())
    }

    fn of(pending: &[Pending]) -> Vec<&str> {
        pending.iter().map(|pending| pending.name.as_str()).collect()
    }

    #[test]
    fn each_standing_has_its_word() {
        use Standing::{Ahead, Behind, Diverged, Empty, Failed, NotManaged, UpToDate};
        for (ledger, directory, wanted) in [
            (rows(&["1_a", "2_b"]), &["1_a", "2_b"][..], UpToDate),
            (rows(&["1_a"]), &["1_a", "2_b"], Behind),
            (rows(&[]), &["1_a"], Behind),
            (rows(&["1_a", "2_b"]), &["1_a"], Ahead),
            (rows(&["1_a", "3_c"]), &["1_a", "2_b"], Diverged),
            (rows(&["1_a", "2_b!"]), &["1_a", "2_b"], Failed),
            (rows(&["1_a", "9_gone!"]), &["1_a"], Failed),
            (rows(&["1_a", "2_b~"]), &["1_a", "2_b"], Behind),
            (rows(&["1_a", "2_b~"]), &["1_a"], UpToDate),
            (rows(&["1_a~", "1_a"]), &["1_a"], UpToDate),
            (rows(&["1_a~", "1_a!"]), &["1_a"], Failed),
            (rows(&["1_a", "1_a!"]), &["1_a"], Failed),
            (rows(&["1_a", "2_b/"]), &["1_a", "2_b"], Behind),
            (rows(&["1_a", "2_b/"]), &["1_a"], Behind),
            (rows(&["1_a", "2_b/", "2_b"]), &["1_a", "2_b"], Behind),
            (rows(&["1_a", "2_b/", "3_c!"]), &["1_a", "2_b"], Failed),
            (rows(&["1_a", "2_b?"]), &["1_a"], UpToDate),
            (rows(&["1_a", "2_b?"]), &["1_a", "2_b"], Behind),
            (rows(&["1_a", "2_b~", "2_b?"]), &["1_a", "2_b"], Behind),
            (rows(&[]), &[], UpToDate),
            (Ledger::Absent { tables: Some(0) }, &["1_a"], Empty),
            (Ledger::Absent { tables: None }, &["1_a"], Empty),
            (Ledger::Absent { tables: Some(3) }, &["1_a"], NotManaged),
        ] {
            assert_eq!(compare(&ledger, &history(directory)).standing, wanted, "{ledger:?} {directory:?}");
        }
    }

    #[test]
    fn every_list_is_told() {
        let ledger = rows(&["1_a", "3_c", "2_b", "4_gone", "5_e!", "6_f~", "7_g?", "8_h/"]);
        let state = compare(&ledger, &history(&["1_a", "2_b", "25_new", "3_c", "5_e", "6_f", "8_h"]));
        assert_eq!(state.applied, ["1_a", "2_b", "3_c"]);
        assert_eq!(of(&state.pending), ["25_new", "6_f", "8_h"]);
        assert_eq!(state.pending.iter().map(|p| p.out_of_order).collect::<Vec<_>>(), [true, false, false]);
        assert_eq!(state.pending.iter().map(|p| p.rolled_back).collect::<Vec<_>>(), [false, true, false]);
        assert_eq!(state.failed[0].name, "5_e");
        assert_eq!(state.failed[0].error.as_deref(), Some("ERROR: password=***"));
        assert_eq!(state.rolled_back, ["6_f"]);
        assert_eq!(state.running, ["7_g"]);
        assert_eq!(state.broken_off, ["8_h"]);
        assert_eq!(state.not_in_directory, ["4_gone"]);
        assert_eq!(state.applied_out_of_order, ["2_b"]);
        assert_eq!(state.last_applied.as_deref(), Some("4_gone"));
        assert_eq!(state.last_expected.as_deref(), Some("8_h"));
    }

    #[test]
    fn line_endings_are_no_edit_and_anything_else_is() {
        let mut history = history(&["1_a"]);
        for (recorded, sql, is_edited) in [
            ("a;\nb;\n", "a;\nb;\n", false),
            ("a;\nb;\n", "a;\r\nb;\r\n", false),
            ("a;\r\nb;\r\n", "a;\nb;\n", false),
            ("a;\nb;\n", "a;\nb; \n", true),
        ] {
            history.migrations[0].sql = sql.to_owned();
            history.migrations[0].checksum = checksum(sql.as_bytes());
            let row = Entry { checksum: checksum(recorded.as_bytes()), ..entry(0, "1_a") };
            let state = compare(&Ledger::Present(vec![row]), &history);
            let wanted = if is_edited { Standing::Edited } else { Standing::UpToDate };
            assert_eq!(state.standing, wanted, "{recorded:?} {sql:?}");
            assert_eq!(state.edited.len(), usize::from(is_edited));
        }
    }

    #[test]
    fn what_prisma_6_applied_in_its_own_order_is_in_order() {
        let state = compare(&rows(&["20260108_b", "20260108000000_a"]), &history(&[]));
        assert!(state.applied_out_of_order.is_empty());
        let state = compare(&rows(&["20260108000000_a", "20260108_b"]), &history(&[]));
        assert!(state.applied_out_of_order.is_empty());
    }
}
