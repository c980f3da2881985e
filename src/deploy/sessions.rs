//! The two sessions that change a database: one holds the lock and runs the migrations, as Prisma's one does; the
//! other keeps the ledger and sees what the first waits for.

use std::time::Duration;

use postgres_protocol::escape::escape_identifier;
use tokio_postgres::{Client, SimpleQueryMessage};

use super::DeployError;
use crate::live::{
    connect::{self, understand},
    url::Target,
};

/// What the sessions are given: nothing that a migration would find changed, but for its limits.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long making a connection may take where the URL sets none, and an answer of a few milliseconds.
    pub answer: Duration,
    /// How long Prisma's lock is waited for, and a migration's statement waits for a lock.
    pub lock: Duration,
}

/// How many times two sessions are looked at. One look finds what every pooler but one that hands out its
/// connections in turn does; the second finds that one.
const LOOKS: usize = 2;

/// Two sessions of one database.
#[derive(Debug)]
pub struct Sessions {
    /// It holds the lock and runs the migrations.
    pub worker: Client,
    /// It keeps the ledger.
    pub bookkeeper: Client,
    /// The worker's process on the server.
    pub backend: i32,
    /// The database, for messages.
    pub place: String,
}

impl Sessions {
    /// Opens them, with `schema` of `target` as the one that they look into. A pooler in transaction mode is found out
    /// before anything is set or locked there.
    ///
    /// # Errors
    /// Where the database cannot be reached, is a pooler's, or only reads.
    pub async fn open(target: &Target, limits: Limits) -> Result<Self, DeployError> {
        let (worker, bookkeeper) =
            tokio::try_join!(connect::client(target, limits.answer), connect::client(target, limits.answer))?;
        let place = target.place.clone();
        let asking = Asking { place: &place, limit: limits.answer };
        let backend = own_backends(&asking, &worker, &bookkeeper).await?;
        if asking.first(&worker, "SELECT pg_catalog.pg_is_in_recovery()").await? == "t" {
            return Err(DeployError::Standby { place });
        }
        let search_path = format!("SET search_path = {}", escape_identifier(&target.schema));
        // A session that waits its turn is not to be ended for that. The catalog's functions wait for locks, too.
        let lock = limits.lock.as_millis();
        let for_both = format!("{search_path}; SET idle_session_timeout = 0; SET lock_timeout = {lock}");
        asking.first(&worker, &for_both).await?;
        asking.first(&bookkeeper, &for_both).await?;
        // Where the server's system cannot tell that a client is gone, the lock goes free at the statement's end.
        let _ = worker.simple_query("SET client_connection_check_interval = '1s'").await;
        Ok(Self { worker, bookkeeper, backend, place })
    }
}

/// Finds out whether each session has a process of its own on the server, and which the first one has. Both are held
/// in transactions at once, and asked again once these are over, the later one first: a pooler that has lent both the
/// same process or lends another one shows.
pub(super) async fn own_backends(
    asking: &Asking<'_>,
    one: &Client,
    other: &Client,
) -> Result<i32, DeployError> {
    const BEGIN: &str = "BEGIN; SELECT pg_catalog.pg_backend_pid()";
    const ASK: &str = "SELECT pg_catalog.pg_backend_pid()";
    let pooler = || DeployError::Pooler { place: asking.place.to_owned() };
    let first = asking.first(one, ASK).await?;
    let second = asking.first(other, BEGIN).await?;
    let mut seen = first != second;
    for _ in 0..LOOKS {
        seen &= asking.first(one, BEGIN).await? == first;
        asking.first(other, "ROLLBACK").await?;
        asking.first(one, "ROLLBACK").await?;
        seen &= asking.first(one, ASK).await? == first && asking.first(other, BEGIN).await? == second;
    }
    asking.first(other, "ROLLBACK").await?;
    if !seen {
        return Err(pooler());
    }
    first.parse().map_err(|_| pooler())
}

/// One question to a session, and its errors told of the place that it was put to.
pub(super) struct Asking<'a> {
    pub(super) place: &'a str,
    pub(super) limit: Duration,
}

impl Asking<'_> {
    /// The first value of the first row that `sql` gives; empty where there is none.
    pub(super) async fn first(&self, client: &Client, sql: &str) -> Result<String, DeployError> {
        let answer = tokio::time::timeout(self.limit, client.simple_query(sql)).await;
        let messages = match answer {
            Ok(Ok(messages)) => messages,
            // What PgBouncer says where every statement may go to another server.
            Ok(Err(error)) if error.to_string().contains("statement pooling") => {
                return Err(DeployError::Pooler { place: self.place.to_owned() });
            }
            Ok(Err(error)) => return Err(understand(self.place, self.limit, &error).into()),
            Err(_) => {
                let place = self.place.to_owned();
                return Err(connect::DatabaseError::NoAnswer { place, after: self.limit }.into());
            }
        };
        let value = messages.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.try_get(0).ok().flatten().map(ToOwned::to_owned),
            _ => None,
        });
        Ok(value.unwrap_or_default())
    }
}
