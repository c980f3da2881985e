//! Who has to wait while a migration runs: what its statements hold on tables that were there before, and
//! whether they read or write every row meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    name::Name,
    place::{Places, Verdict},
    trace::{Held, Lock, Seen},
};
use crate::{catalog::Catalog, finding::Severity};

/// The verdicts on every statement that keeps others waiting. `before` is the catalog that the script found.
#[must_use]
pub fn verdicts(before: &Catalog, places: Places<'_>) -> Vec<Verdict> {
    let tables = before.tables_by_id();
    let mut transaction: BTreeMap<&Name, Lock> = BTreeMap::new();
    let mut long = Vec::new();
    let mut brief: BTreeMap<&Name, (Lock, usize)> = BTreeMap::new();
    let mut waited_for = BTreeSet::new();
    for (place, step) in places.trace.steps.iter().enumerate() {
        let Seen::Held(held) = &step.seen else {
            transaction.clear();
            continue;
        };
        let held: BTreeMap<&Name, &Held> = held
            .iter()
            .filter(|(_, held)| !held.dropped)
            .filter_map(|(id, held)| Some((*tables.get(id)?, held)))
            .collect();
        // TRUNCATE reads nothing; what is scanned then is the empty table that it makes.
        let is_truncate = places.text(place).to_ascii_uppercase().starts_with("TRUNCATE");
        let is_long = !is_truncate && held.values().any(|held| held.scanned);
        let statement = Statement { place, text: places.text(place), held: &held, transaction: &transaction };
        for (table, lock) in &held {
            if is_long && lock.lock.blocks_writes() && (lock.scanned || !statement.scans_a_blocked_table()) {
                long.push(statement.verdict(table, lock));
                waited_for.insert(*table);
            } else if lock.lock.blocks_writes() {
                brief.entry(table).or_insert((lock.lock, place));
            }
        }
        for (table, held) in held {
            let lock = transaction.entry(table).or_default();
            *lock = held.lock.max(*lock);
        }
    }
    let brief = brief.into_iter().filter(|(table, _)| !waited_for.contains(*table));
    long.extend(brief.map(|(table, (lock, place))| for_an_instant(table, lock, place)));
    long
}

/// One statement and what is held while it runs.
struct Statement<'a> {
    place: usize,
    text: &'a str,
    held: &'a BTreeMap<&'a Name, &'a Held>,
    /// What earlier statements of the same transaction hold.
    transaction: &'a BTreeMap<&'a Name, Lock>,
}

impl Statement<'_> {
    /// Whether the table that is scanned is itself one that others wait for.
    fn scans_a_blocked_table(&self) -> bool {
        self.held.values().any(|held| held.scanned && held.lock.blocks_writes())
    }

    fn verdict(&self, table: &Name, held: &Held) -> Verdict {
        let waits = if held.lock.blocks_reads() { "can read or write it" } else { "can write to it" };
        let work = if held.new_file { "written anew" } else { "read" };
        let (rule, safer) = self.safer_way(held);
        Verdict {
            rule,
            severity: Severity::Warn,
            object: table.to_string(),
            why: format!("Nobody {waits} until every row is {work}: on a large table that is a long time."),
            safer: safer.into(),
            proof: self.proof(table, held),
            statement: Some(self.place),
        }
    }

    fn proof(&self, table: &Name, held: &Held) -> Vec<String> {
        let work = if held.new_file { "the table is rewritten" } else { "the whole table is scanned" };
        let mut proof =
            vec![format!("seen on the temporary database: {} on {table}, and {work}", held.lock.words())];
        let blocked = |(other, lock): (&Name, Lock)| {
            (other != table && lock.blocks_writes()).then(|| format!("{} on {other}", lock.words()))
        };
        let own = self.held.iter().map(|(other, held)| (*other, held.lock));
        let earlier = self.transaction.iter().filter(|(other, _)| !self.held.contains_key(*other));
        let others: Vec<String> =
            own.chain(earlier.map(|(other, lock)| (*other, *lock))).filter_map(blocked).collect();
        if !others.is_empty() {
            proof.push(format!("held all the while: {}", others.join(", ")));
        }
        proof
    }

    /// The rule and what to do instead, by what the statement asks for.
    fn safer_way(&self, held: &Held) -> (&'static str, &'static str) {
        let text = self.text.to_ascii_uppercase();
        let words: Vec<&str> =
            text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
        let says = |phrase: &[&str]| words.windows(phrase.len()).any(|window| window == phrase);
        if held.new_file {
            return (
                "table_rewrite",
                "Add a new column beside the old one, fill it in batches, move the code, and drop the old one in a \
                 later release.",
            );
        }
        if words.first() == Some(&"CREATE") && says(&["INDEX"]) {
            return (
                "create_index_blocks_writes",
                "CREATE INDEX CONCURRENTLY, alone in a migration of its own: it lets writes through.",
            );
        }
        let safer = if says(&["FOREIGN", "KEY"]) {
            "ADD CONSTRAINT ... NOT VALID here, and VALIDATE CONSTRAINT in a later migration: it lets writes through."
        } else if says(&["SET", "NOT", "NULL"]) {
            "Add CHECK (column IS NOT NULL) NOT VALID, VALIDATE it in a later migration, then SET NOT NULL: it no \
             longer scans."
        } else if says(&["CHECK"]) {
            "ADD CONSTRAINT ... CHECK ... NOT VALID here, and VALIDATE CONSTRAINT in a later migration."
        } else if says(&["UNIQUE"]) || says(&["PRIMARY", "KEY"]) {
            "CREATE UNIQUE INDEX CONCURRENTLY in a migration of its own, then ADD CONSTRAINT ... USING INDEX."
        } else {
            "Run it when nobody needs the table, or in smaller steps."
        };
        ("table_scan", safer)
    }
}

fn for_an_instant(table: &Name, lock: Lock, place: usize) -> Verdict {
    Verdict {
        rule: "brief_lock",
        severity: Severity::Info,
        object: table.to_string(),
        why: "Only the catalog changes, but the statement waits for every query on the table, and every new query \
              waits behind it."
            .into(),
        safer: "Deploy with a lock_timeout of a few seconds, and try again where it strikes.".into(),
        proof: vec![format!("seen on the temporary database: {} on {table}, nothing scanned", lock.words())],
        statement: Some(place),
    }
}
