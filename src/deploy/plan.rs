//! What is to be applied: the ledger against the history, read by whoever holds Prisma's lock.

use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow};

use super::{DeployError, ledger::Attempt};
use crate::{
    history::{History, Migration},
    live::{
        ledger::{self, Entry, Ledger},
        state::{self, State},
    },
};

/// What is to be applied.
#[derive(Debug)]
pub struct Plan<'h> {
    /// The ledger against the history. Attempts that broke off and left nothing behind are pending in it.
    pub state: State,
    /// What the database records.
    pub ledger: Ledger,
    /// The migrations to be applied, in order.
    pub pending: Vec<&'h Migration>,
    /// Attempts that broke off and left nothing behind: to be recorded as rolled back.
    pub broken_off: Vec<BrokenOff>,
}

/// An attempt that broke off and left nothing behind: its migration and the end of its row were one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenOff {
    /// The row.
    pub id: String,
    /// The migration.
    pub name: String,
    /// When it was begun: ISO 8601, UTC.
    pub started_at: String,
}

/// The ledger of `schema`, as `client` sees it.
///
/// # Errors
/// Where the role may not read it.
pub async fn read_ledger(client: &Client, schema: &str) -> Result<Ledger, DeployError> {
    let failed = |source| DeployError::Ledger { what: "read", source };
    let found = rows(client, &ledger::probe(schema)).await.map_err(failed)?;
    match ledger::absence(&found) {
        Some(absent) => Ok(absent),
        None => Ok(ledger::read(&rows(client, &ledger::question(schema)).await.map_err(failed)?)),
    }
}

async fn rows(client: &Client, question: &str) -> Result<Vec<SimpleQueryRow>, tokio_postgres::Error> {
    let messages = client.simple_query(question).await?;
    let row = |message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    };
    Ok(messages.into_iter().filter_map(row).collect())
}

/// Who holds Prisma's lock while the ledger is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// We do: nobody is at work.
    Ours,
    /// Perhaps somebody else, who is at work then.
    NotOurs,
}

/// Plans what `history` wants of a database with this `ledger`.
#[must_use]
pub fn plan(ledger: Ledger, history: &History, lock: Lock) -> Plan<'_> {
    let (mut broken_off, mut left) = (Vec::new(), Vec::new());
    let ledger = match ledger {
        absent @ (Ledger::Absent { .. } | Ledger::NoDatabase { .. }) => absent,
        Ledger::Present(entries) => {
            for entry in entries {
                let is_running = entry.is_running && lock == Lock::NotOurs;
                match !is_running && is_broken_off(&entry) {
                    true => broken_off.push(BrokenOff {
                        id: entry.id,
                        name: entry.name,
                        started_at: entry.started_at,
                    }),
                    false => left.push(Entry { is_running, ..entry }),
                }
            }
            Ledger::Present(left)
        }
    };
    let state = state::compare(&ledger, history);
    let is_pending = |migration: &&Migration| state.pending.iter().any(|one| one.name == migration.name);
    let pending = history.migrations.iter().filter(is_pending).collect();
    Plan { state, ledger, pending, broken_off }
}

/// Whether the row has no end, no error, and says by its id that its end and the migration are one.
fn is_broken_off(entry: &Entry) -> bool {
    let is_open = entry.finished_at.is_none() && entry.rolled_back_at.is_none() && entry.logs.is_none();
    is_open && Attempt::of_id(&entry.id) == Attempt::Atomic
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::state::Standing;

    fn entry(id: &str, name: &str) -> Entry {
        Entry {
            id: id.to_owned(),
            name: name.to_owned(),
            checksum: String::new(),
            started_at: String::new(),
            finished_at: None,
            rolled_back_at: None,
            logs: None,
            is_running: true,
        }
    }

    #[test]
    fn an_attempt_that_left_nothing_is_tried_again_and_any_other_is_a_humans() {
        let migration = |name: &str| Migration {
            name: name.to_owned(),
            path: name.into(),
            sql: String::new(),
            checksum: String::new(),
        };
        let history = History { directory: "/m".into(), migrations: vec![migration("1"), migration("2")] };
        let atomic = "00000000-0000-8000-8000-000000000000";
        let prismas = "00000000-0000-4000-8000-000000000000";
        let planned = plan(Ledger::Present(vec![entry(atomic, "1")]), &history, Lock::Ours);
        assert_eq!((planned.pending.len(), planned.broken_off.len()), (2, 1));
        let planned = plan(Ledger::Present(vec![entry(prismas, "1")]), &history, Lock::Ours);
        assert_eq!((planned.state.standing, planned.broken_off.len()), (Standing::Failed, 0));
        let failed = Entry { logs: Some("ERROR".into()), ..entry(atomic, "1") };
        assert_eq!(
            plan(Ledger::Present(vec![failed]), &history, Lock::Ours).state.standing,
            Standing::Failed
        );
    }
}
