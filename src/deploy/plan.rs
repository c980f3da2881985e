//! What is to be applied: the ledger against the history, read by whoever holds Prisma's lock.

use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow};

use super::DeployError;
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
    let ledger = match ledger {
        // With the lock in our hands nobody else is at work.
        Ledger::Present(entries) if lock == Lock::Ours => {
            Ledger::Present(entries.into_iter().map(|entry| Entry { is_running: false, ..entry }).collect())
        }
        as_it_is => as_it_is,
    };
    let broken_off = match &ledger {
        Ledger::Present(entries) => {
            let broken_off = entries.iter().filter(|entry| entry.is_broken_off());
            broken_off.map(|entry| BrokenOff { id: entry.id.clone(), name: entry.name.clone() }).collect()
        }
        Ledger::Absent { .. } | Ledger::NoDatabase { .. } => Vec::new(),
    };
    let state = state::compare(&ledger, history);
    let is_pending = |migration: &&Migration| state.pending.iter().any(|one| one.name == migration.name);
    let pending = history.migrations.iter().filter(is_pending).collect();
    Plan { state, ledger, pending, broken_off }
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
