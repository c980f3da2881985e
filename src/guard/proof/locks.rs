//! Who has to wait while a migration runs: what its statements hold on tables that were there before, and
//! whether they read or write every row meanwhile.

use std::collections::BTreeMap;

use super::{
    places::Places,
    trace::{Held, Lock, Seen},
    verdict::Verdict,
};
use crate::{
    catalog::{Catalog, Kind},
    finding::Severity,
    guard::name::Name,
};

type Locks<'a> = BTreeMap<&'a Name, &'a Held>;

/// The verdicts on statements that keep others waiting, and a word on each table that is locked for an instant.
/// `before` is the catalog that the script found.
pub(super) fn verdicts(before: &Catalog, places: Places<'_>) -> Vec<Verdict> {
    let tables = before.tables_by_id();
    let mut transaction: BTreeMap<&Name, Lock> = BTreeMap::new();
    let mut waits = Vec::new();
    let mut brief: BTreeMap<&Name, (Lock, usize)> = BTreeMap::new();
    for (place, seen) in places.trace.steps.iter().enumerate() {
        let Seen::Held(held) = seen else {
            transaction.clear();
            continue;
        };
        let held: Locks<'_> = held
            .iter()
            .filter(|(_, held)| !held.dropped)
            .filter_map(|(id, held)| Some((*tables.get(id)?, held)))
            .collect();
        let statement = Statement { place, text: places.text(place), held: &held, transaction: &transaction };
        match statement.verdict() {
            Some(verdict) => waits.push(verdict),
            None => {
                for (table, held) in held.iter().filter(|(_, held)| held.lock.blocks_writes()) {
                    brief.entry(table).or_insert((held.lock, place));
                }
            }
        }
        for (table, held) in held {
            let lock = transaction.entry(table).or_default();
            *lock = held.lock.max(*lock);
        }
    }
    let waited_for: Vec<String> = waits.iter().map(|verdict| verdict.object.clone()).collect();
    let brief = brief.into_iter().filter(|(table, _)| !waited_for.contains(&table.to_string()));
    waits.extend(brief.map(|(table, (lock, place))| for_an_instant(table, lock, place)));
    waits
}

/// The statements that were seen to scan and to rewrite no table that was there before.
pub(super) fn quick(before: &Catalog, places: Places<'_>) -> Vec<usize> {
    let tables = before.tables_by_id();
    let is_quick = |seen: &Seen| match seen {
        Seen::Held(held) => held.iter().all(|(id, held)| !tables.contains_key(id) || !held.scanned),
        Seen::TransactionControl | Seen::Alone => false,
    };
    let steps = places.trace.steps.iter().enumerate();
    steps.filter(|(_, seen)| is_quick(seen)).map(|(place, _)| place).collect()
}

/// One statement and what is held while it runs.
struct Statement<'a> {
    place: usize,
    text: &'a str,
    held: &'a Locks<'a>,
    /// What earlier statements of the same transaction hold.
    transaction: &'a BTreeMap<&'a Name, Lock>,
}

impl Statement<'_> {
    /// The verdict on the table that keeps others waiting while every row of it is read; where the scanned table
    /// itself does not, on one that is locked meanwhile.
    fn verdict(&self) -> Option<Verdict> {
        let words = words(self.text);
        // TRUNCATE reads nothing; what is scanned then is the empty table that it makes.
        if words.first().is_some_and(|first| first == "TRUNCATE")
            || !self.held.values().any(|held| held.scanned)
        {
            return None;
        }
        let blocked = self.held.iter().filter(|(_, held)| held.lock.blocks_writes());
        let (table, held) = blocked.max_by_key(|(_, held)| (held.scanned, held.new_file, held.lock))?;
        let (rule, safer) = rule(&words, held);
        let waits = if held.lock.blocks_reads() { "can read or write" } else { "can write to" };
        let work = if held.new_file { "is rewritten" } else { "is scanned" };
        let mut verdict = Verdict::new(rule, Severity::Warn, (Kind::Table, table.to_string()))
            .because(format!("Nobody {waits} {table} until it {work}."))
            .proved(format!("seen on the temporary database: {} on {table}, which {work}", held.lock.words()))
            .at(Some(self.place));
        verdict.safer = safer.map(Into::into);
        let others = self.others(table);
        Some(if others.is_empty() {
            verdict
        } else {
            verdict.proved(format!("held all the while: {}", others.join(", ")))
        })
    }

    /// What else is locked while the statement runs.
    fn others(&self, table: &Name) -> Vec<String> {
        let own = self.held.iter().map(|(other, held)| (*other, held.lock));
        let earlier = self.transaction.iter().filter(|(other, _)| !self.held.contains_key(*other));
        own.chain(earlier.map(|(other, lock)| (*other, *lock)))
            .filter(|(other, lock)| *other != table && lock.blocks_writes())
            .map(|(other, lock)| format!("{} on {other}", lock.words()))
            .collect()
    }
}

fn words(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_ascii_uppercase).collect()
}

/// The rule, and where the rule's own words do not fit a safer way, by what the statement asks for.
fn rule(words: &[String], held: &Held) -> (&'static str, Option<&'static str>) {
    let says = |phrase: &[&str]| words.windows(phrase.len()).any(|window| window == phrase);
    if held.new_file {
        return ("rewrite_table", None);
    }
    if words.first().is_some_and(|first| first == "CREATE") && says(&["INDEX"]) {
        return ("create_index", None);
    }
    let safer = if says(&["FOREIGN", "KEY"]) {
        "ADD CONSTRAINT ... NOT VALID here, and VALIDATE CONSTRAINT in a later migration, which blocks nobody."
    } else if says(&["SET", "NOT", "NULL"]) {
        "Add CHECK (column IS NOT NULL) NOT VALID, VALIDATE it in a later migration, then SET NOT NULL, which then \
         reads nothing."
    } else if says(&["CHECK"]) {
        "ADD CONSTRAINT ... CHECK ... NOT VALID here, and VALIDATE CONSTRAINT in a later migration."
    } else if says(&["UNIQUE"]) || says(&["PRIMARY", "KEY"]) {
        "CREATE UNIQUE INDEX CONCURRENTLY in a migration of its own, then ADD CONSTRAINT ... USING INDEX."
    } else {
        "Run it when nobody needs the table, or in smaller steps."
    };
    ("lock_table", Some(safer))
}

fn for_an_instant(table: &Name, lock: Lock, place: usize) -> Verdict {
    let mut verdict = Verdict::new("lock_table", Severity::Info, (Kind::Table, table.to_string()))
        .because("Only the catalog changes, which takes an instant.")
        .proved(format!("seen on the temporary database: {} on {table}, nothing is scanned", lock.words()))
        .at(Some(place));
    verdict.safer =
        Some("Deploy with a lock_timeout of a few seconds, and try again where it strikes.".into());
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_safer_way_is_that_of_the_statement() {
        let scanned = Held { scanned: true, ..Held::default() };
        for (sql, wanted) in [
            ("create unique index i on t (a)", "create_index"),
            ("ALTER TABLE t ALTER a SET NOT NULL", "lock_table: Add CHECK"),
            ("ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES u", "lock_table: ADD CONSTRAINT ... NOT VALID"),
            ("ALTER TABLE t ADD UNIQUE (a)", "lock_table: CREATE UNIQUE INDEX"),
        ] {
            let (rule, safer) = rule(&words(sql), &scanned);
            assert!(format!("{rule}: {}", safer.unwrap_or_default()).starts_with(wanted), "{sql}");
        }
        let rewritten = Held { new_file: true, ..Held::default() };
        assert_eq!(rule(&words("ALTER TABLE t ALTER a SET NOT NULL"), &rewritten).0, "rewrite_table");
    }
}
