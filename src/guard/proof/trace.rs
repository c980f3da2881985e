//! A script run a statement at a time, to see what each one locks, rewrites, scans and removes. Every statement
//! is its own transaction, so that what is seen is its own doing.

use std::{collections::BTreeMap, ops::Range};

use serde::Deserialize;
use tokio_postgres::{Client, SimpleQueryMessage, error::SqlState};

use crate::catalog::Id;

/// What the statements of a script did, in their order.
#[derive(Debug, Default)]
pub(super) struct Trace {
    /// One for each statement; the trace ends early where one fails that way.
    pub(super) steps: Vec<Seen>,
}

/// What could be seen of a statement.
#[derive(Debug)]
pub(super) enum Seen {
    /// `BEGIN`, `COMMIT` and the like: it was left out.
    TransactionControl,
    /// It cannot run in a transaction block, so that nothing can be seen before it is over.
    Alone,
    /// What it held when it was done, by the relation's number.
    Held(BTreeMap<u32, Held>),
}

/// What a statement held and did with one relation.
#[derive(Debug, Clone, Default)]
pub(super) struct Held {
    /// The strongest lock.
    pub(super) lock: Lock,
    /// Whether rows were inserted, updated or deleted, or would have been.
    pub(super) writes: bool,
    /// Whether every row was read.
    pub(super) scanned: bool,
    /// Whether every row was written anew, or all of them were thrown away.
    pub(super) new_file: bool,
    /// Whether the relation is gone.
    pub(super) dropped: bool,
}

/// Locks on tables, the weakest first, by the names that PostgreSQL's documentation gives them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(super) enum Lock {
    #[default]
    #[serde(rename = "AccessShareLock")]
    AccessShare,
    #[serde(rename = "RowShareLock")]
    RowShare,
    #[serde(rename = "RowExclusiveLock")]
    RowExclusive,
    #[serde(rename = "ShareUpdateExclusiveLock")]
    ShareUpdateExclusive,
    #[serde(rename = "ShareLock")]
    Share,
    #[serde(rename = "ShareRowExclusiveLock")]
    ShareRowExclusive,
    #[serde(rename = "ExclusiveLock")]
    Exclusive,
    #[serde(rename = "AccessExclusiveLock")]
    AccessExclusive,
}

impl Lock {
    /// The lock in SQL's words.
    #[must_use]
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::AccessShare => "ACCESS SHARE",
            Self::RowShare => "ROW SHARE",
            Self::RowExclusive => "ROW EXCLUSIVE",
            Self::ShareUpdateExclusive => "SHARE UPDATE EXCLUSIVE",
            Self::Share => "SHARE",
            Self::ShareRowExclusive => "SHARE ROW EXCLUSIVE",
            Self::Exclusive => "EXCLUSIVE",
            Self::AccessExclusive => "ACCESS EXCLUSIVE",
        }
    }

    /// Whether others can no longer write to the table.
    #[must_use]
    pub(super) fn blocks_writes(self) -> bool {
        self >= Self::Share
    }

    /// Whether others can no longer read the table.
    #[must_use]
    pub(super) fn blocks_reads(self) -> bool {
        self == Self::AccessExclusive
    }
}

/// What the statement's own transaction holds when it is done, and what it did with it. Relations of the system
/// have numbers below 16384. A search path or role that the script sets must not matter.
const HELD: &str = "SELECT pg_catalog.row_to_json(held) FROM (
  SELECT l.relation::pg_catalog.int8 AS relation, pg_catalog.array_agg(l.mode) AS modes,
    pg_catalog.max(c.relfilenode::pg_catalog.int8) AS file,
    pg_catalog.pg_stat_get_xact_numscans(l.relation) AS scans,
    pg_catalog.count(c.oid) OPERATOR(pg_catalog.=) 0 AS dropped
  FROM pg_catalog.pg_locks l
  LEFT JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) l.relation
  WHERE l.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()
    AND l.locktype OPERATOR(pg_catalog.=) 'relation'
    AND l.relation OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid
  GROUP BY l.relation) held";

/// How often relations were scanned before the statement: the count goes on from earlier transactions until the
/// server has noted it down.
const SCANS: &str = "SELECT pg_catalog.row_to_json(s) FROM (SELECT c.oid::pg_catalog.int8 AS relation,
  pg_catalog.pg_stat_get_xact_numscans(c.oid) AS scans FROM pg_catalog.pg_class c
  WHERE c.oid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid AND c.relkind IN ('r', 'm')
    AND pg_catalog.pg_stat_get_xact_numscans(c.oid) OPERATOR(pg_catalog.>) 0) s";

const FILES: &str = "SELECT pg_catalog.row_to_json(f) FROM (SELECT c.oid::pg_catalog.int8 AS relation,
  c.relfilenode::pg_catalog.int8 AS file FROM pg_catalog.pg_class c
  WHERE c.oid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid) f";

#[derive(Deserialize)]
struct FileRow {
    relation: u32,
    file: u32,
}

#[derive(Deserialize)]
struct ScanRow {
    relation: u32,
    scans: u64,
}

#[derive(Deserialize)]
struct HeldRow {
    relation: u32,
    modes: Vec<Lock>,
    file: Option<u32>,
    scans: Option<u64>,
    dropped: bool,
}

impl Trace {
    /// Whether the statement at `place` did anything to a relation that keeps others from writing, or wrote to
    /// it.
    pub(super) fn touches(&self, place: usize, relation: Id) -> bool {
        match self.steps.get(place) {
            Some(Seen::Held(held)) => {
                held.get(&relation.object).is_some_and(|held| held.lock >= Lock::RowExclusive)
            }
            _ => false,
        }
    }
}

/// Runs `statements` of `sql` one by one. The trace ends before the first one that fails so though the whole
/// script does not.
///
/// # Errors
/// Where the connection breaks.
pub(super) async fn trace(
    client: &Client,
    sql: &str,
    statements: &[Range<usize>],
) -> Result<Trace, tokio_postgres::Error> {
    let mut files = files(client).await?;
    let mut trace = Trace::default();
    for statement in statements {
        let seen = match observe(client, &sql[statement.clone()], &mut files).await {
            Ok(seen) => seen,
            Err(error) if error.as_db_error().is_some() => break,
            Err(error) => return Err(error),
        };
        trace.steps.push(seen);
    }
    Ok(trace)
}

async fn files(client: &Client) -> Result<BTreeMap<u32, u32>, tokio_postgres::Error> {
    let rows = rows::<FileRow>(&client.simple_query(FILES).await?);
    Ok(rows.into_iter().map(|row| (row.relation, row.file)).collect())
}

async fn observe(
    client: &Client,
    statement: &str,
    files: &mut BTreeMap<u32, u32>,
) -> Result<Seen, tokio_postgres::Error> {
    if is_transaction_control(statement) {
        return Ok(Seen::TransactionControl);
    }
    match client.simple_query(&format!("BEGIN;{SCANS};{statement}\n;{HELD};COMMIT")).await {
        Ok(messages) => {
            // The statement itself may have answered with rows of its own: ours are the first and the last ones.
            let (first, last) = (first_answer(&messages), last_answer(&messages));
            let scans = rows::<ScanRow>(first).into_iter().map(|row| (row.relation, row.scans)).collect();
            let held = |row| held(row, &scans, files);
            Ok(Seen::Held(rows::<HeldRow>(last).into_iter().map(held).collect()))
        }
        Err(error) => {
            client.batch_execute("ROLLBACK").await?;
            if !needs_no_block(&error) {
                return Err(error);
            }
            client.batch_execute(statement).await?;
            Ok(Seen::Alone)
        }
    }
}

fn held(row: HeldRow, scans: &BTreeMap<u32, u64>, files: &mut BTreeMap<u32, u32>) -> (u32, Held) {
    let before = row.file.and_then(|file| files.insert(row.relation, file));
    let held = Held {
        writes: row.modes.contains(&Lock::RowExclusive),
        lock: row.modes.into_iter().max().unwrap_or_default(),
        scanned: row.scans.unwrap_or(0) > scans.get(&row.relation).copied().unwrap_or(0),
        new_file: before.is_some_and(|before| row.file != Some(before)),
        dropped: row.dropped,
    };
    (row.relation, held)
}

/// Whether the statement wants to be outside a transaction block, or to end transactions itself.
fn needs_no_block(error: &tokio_postgres::Error) -> bool {
    error.code().is_some_and(|code| {
        *code == SqlState::ACTIVE_SQL_TRANSACTION || *code == SqlState::INVALID_TRANSACTION_TERMINATION
    })
}

/// Whether a statement, which begins with its first word, begins or ends a transaction.
pub(super) fn is_transaction_control(statement: &str) -> bool {
    const WORDS: [&str; 9] =
        ["abort", "begin", "commit", "end", "prepare", "release", "rollback", "savepoint", "start"];
    let end = statement.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(statement.len());
    let first = statement[..end].to_ascii_lowercase();
    // PREPARE also names a prepared statement.
    let second = statement[end..].split_whitespace().next().unwrap_or_default();
    WORDS.contains(&first.as_str()) && (first != "prepare" || second.eq_ignore_ascii_case("transaction"))
}

fn first_answer(messages: &[SimpleQueryMessage]) -> &[SimpleQueryMessage] {
    let is_description =
        |message: &SimpleQueryMessage| matches!(message, SimpleQueryMessage::RowDescription(_));
    let begin = messages.iter().position(is_description).map_or(messages.len(), |begin| begin + 1);
    let length = messages[begin..].iter().position(is_description).unwrap_or(messages.len() - begin);
    &messages[begin..begin + length]
}

fn last_answer(messages: &[SimpleQueryMessage]) -> &[SimpleQueryMessage] {
    let begin = messages.iter().rposition(|message| matches!(message, SimpleQueryMessage::RowDescription(_)));
    &messages[begin.unwrap_or(messages.len())..]
}

fn rows<T: serde::de::DeserializeOwned>(messages: &[SimpleQueryMessage]) -> Vec<T> {
    messages
        .iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => serde_json::from_str(row.get(0)?).ok(),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transaction_control_is_told_by_its_first_word() {
        for (statement, wanted) in [
            ("BEGIN", true),
            ("commit AND CHAIN", true),
            ("START TRANSACTION", true),
            ("PREPARE TRANSACTION 'x'", true),
            ("PREPARE x AS SELECT 1", false),
            ("ALTER TABLE t ADD a int", false),
            ("", false),
        ] {
            assert_eq!(is_transaction_control(statement), wanted, "{statement}");
        }
    }

    #[test]
    fn a_stronger_lock_is_a_greater_one() {
        assert!(Lock::AccessExclusive.blocks_reads() && Lock::Share.blocks_writes());
        assert!(!Lock::ShareUpdateExclusive.blocks_writes() && !Lock::ShareRowExclusive.blocks_reads());
    }
}
