//! Prisma's advisory lock: whoever holds it is the only one who migrates the database.

use std::{
    fmt,
    time::{Duration, Instant},
};

use tokio_postgres::{Client, Error, SimpleQueryMessage};

use super::{DeployError, sessions::Sessions};
use crate::live::{connect::understand, ledger::ADVISORY_LOCK};

/// How long to wait between two attempts. The server's own queue will not do: whoever stands in it holds a snapshot,
/// and a `CREATE INDEX CONCURRENTLY` of the holder's waits for all of them.
const PAUSE: Duration = Duration::from_millis(250);

/// How long the server may take to answer an attempt, which waits for nothing.
const ANSWER: Duration = Duration::from_secs(30);

/// What the bookkeeper locks as long as the worker holds Prisma's lock. The two sessions of a deployment that was killed
/// do not end at the same moment: whoever comes next waits until the last entry of the other one is in the ledger.
const BOOKS: u32 = 1;

/// Who holds the lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its process on the server.
    pub pid: i32,
    /// What it calls itself.
    pub application: Option<String>,
    /// Its role.
    pub role: Option<String>,
    /// Where it comes from, where this role may know.
    pub client: Option<String>,
    /// When its session began: ISO 8601, UTC; where this role may know.
    pub since: Option<String>,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the session with process {}", self.pid)?;
        let about = [
            ("", &self.application),
            ("role ", &self.role),
            ("from ", &self.client),
            ("connected since ", &self.since),
        ];
        let known: Vec<_> = about
            .into_iter()
            .filter_map(|(word, value)| {
                let value = value.as_deref().filter(|value| !value.is_empty())?;
                Some(format!("{word}{}", value.escape_debug()))
            })
            .collect();
        if known.is_empty() { Ok(()) } else { write!(f, " ({})", known.join(", ")) }
    }
}

/// Who holds Prisma's lock of the database that `client` is connected to.
///
/// # Errors
/// Where the server does not answer.
pub async fn holder(client: &Client) -> Result<Option<Holder>, Error> {
    // Nothing is prepared: a pooler may stand between.
    let messages = client.simple_query(&format!("{HOLDER} {ADVISORY_LOCK}")).await?;
    let row = messages.into_iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    Ok(row.map(|row| {
        let text = |column| row.try_get(column).ok().flatten().map(ToOwned::to_owned);
        Holder {
            pid: text(0).and_then(|pid| pid.parse().ok()).unwrap_or_default(),
            application: text(1),
            role: text(2),
            client: text(3),
            since: text(4),
        }
    }))
}

/// Whether the session of `client` holds it.
///
/// # Errors
/// Where the server does not answer.
pub async fn is_held(client: &Client) -> Result<bool, Error> {
    let question = format!(
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.locktype OPERATOR(pg_catalog.=) 'advisory' \
           AND l.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid() AND l.granted \
           AND l.objid::text OPERATOR(pg_catalog.=) '{ADVISORY_LOCK}')"
    );
    Ok(client.query_one(&question, &[]).await?.get(0))
}

const HOLDER: &str = "SELECT l.pid, a.application_name, a.usename::text, pg_catalog.host(a.client_addr), \
     pg_catalog.to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') \
     FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid \
     WHERE l.locktype = 'advisory' AND l.granted AND l.classid = 0 AND l.objsubid = 1 \
       AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) \
       AND l.objid =";

impl Sessions {
    /// Takes Prisma's lock for the worker, for as long as that session lives. Where somebody else holds it, `waiting`
    /// is told who, once for each holder, and the lock is waited for up to `limit`.
    ///
    /// # Errors
    /// Where it does not go free in time, or the server does not answer.
    pub async fn lock(&self, limit: Duration, mut waiting: impl FnMut(&Holder)) -> Result<(), DeployError> {
        let wait = Wait { started: Instant::now(), limit };
        let mut known = None;
        while !self.takes(&self.worker, &ADVISORY_LOCK.to_string()).await? {
            let holder = holder(&self.bookkeeper).await.map_err(|error| self.failed(&error))?;
            if let Some(holder) = &holder
                && known != Some(holder.pid)
            {
                known = Some(holder.pid);
                waiting(holder);
            }
            wait.pause(holder).await?;
        }
        while !self.takes(&self.bookkeeper, &format!("{ADVISORY_LOCK}, {BOOKS}")).await? {
            wait.pause(None).await?;
        }
        Ok(())
    }

    /// Whether `session` has the advisory lock `key` now.
    async fn takes(&self, session: &Client, key: &str) -> Result<bool, DeployError> {
        let attempt = format!("SELECT pg_catalog.pg_try_advisory_lock({key})");
        let row = session.query_one(&attempt, &[]).await.map_err(|error| self.failed(&error))?;
        Ok(row.get(0))
    }

    fn failed(&self, error: &Error) -> DeployError {
        understand(&self.place, ANSWER, error).into()
    }
}

/// How long it was waited, and how long it may be.
struct Wait {
    started: Instant,
    limit: Duration,
}

impl Wait {
    /// Waits a moment for `holder`, unless the time is up.
    async fn pause(&self, holder: Option<Holder>) -> Result<(), DeployError> {
        if self.started.elapsed() + PAUSE > self.limit {
            return Err(DeployError::Locked { after: self.limit, holder });
        }
        tokio::time::sleep(PAUSE).await;
        Ok(())
    }
}
