//! A connection to a database that is not ours, and questions to it that cannot change it.
//!
//! Every question is one simple query, and so one transaction: read only, of one snapshot, with a time limit that
//! the server keeps too. Nothing is prepared and no setting outlives the transaction, so that a pooler may stand
//! between.

use std::{error::Error as _, time::Duration};

use tokio::{task::JoinHandle, time::timeout};
use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow, error::SqlState};

use super::{
    tls::{self, TlsError},
    url::Target,
};
use crate::redact::redact;

/// What the network may take longer than the server's own limit.
const TRAVEL: Duration = Duration::from_secs(1);

/// How long a farewell may take.
const FAREWELL: Duration = Duration::from_millis(200);

/// The database did not answer, or not what was asked.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// There is nobody, or they went away.
    #[error("{place} cannot be reached: {cause}")]
    Unreachable {
        /// The database.
        place: String,
        /// What the system said.
        cause: String,
    },
    /// Nobody answered in time.
    #[error("{place} did not answer within {} s", after.as_secs_f32())]
    NoAnswer {
        /// The database.
        place: String,
        /// The limit.
        after: Duration,
    },
    /// No encrypted connection can be made.
    #[error("{place} cannot be reached with TLS: {cause}")]
    Tls {
        /// The database.
        place: String,
        /// What is wrong.
        cause: String,
    },
    /// The trusted certificates are not there.
    #[error(transparent)]
    Certificates(#[from] TlsError),
    /// The server says no.
    #[error("{place} refuses: {message} (SQLSTATE {code})")]
    Refused {
        /// The database.
        place: String,
        /// Its words.
        message: String,
        /// Its SQLSTATE.
        code: String,
    },
}

impl DatabaseError {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Certificates(error) => error.hint(),
            Self::NoAnswer { .. } => Some(
                "is it up, does a firewall swallow the packets, does another session hold a lock on _prisma_migrations?"
                    .into(),
            ),
            Self::Tls { cause, .. } => Some(tls_hint(cause).into()),
            Self::Refused { code, message, .. } => refusal_hint(code, message).map(ToOwned::to_owned),
            Self::Unreachable { .. } => None,
        }
    }

    /// Whether the connection is gone. That says nothing about the database: servers and poolers cut connections, idle
    /// or in the middle of a question.
    pub(super) fn is_cut(&self) -> bool {
        let ends = [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN, SqlState::IDLE_SESSION_TIMEOUT];
        matches!(self, Self::Unreachable { .. }) || ends.iter().any(|state| self.is(state))
    }

    /// Whether the server says that this is not there: a table, say.
    pub(crate) fn is(&self, state: &SqlState) -> bool {
        matches!(self, Self::Refused { code, .. } if code == state.code())
    }
}

fn tls_hint(cause: &str) -> &'static str {
    if cause.contains("does not support TLS") {
        "the server speaks no TLS: leave sslmode out, or switch TLS on there"
    } else if cause.contains("UnsupportedCertVersion") {
        "the server's certificate is of X.509 version 1, which cannot be verified: sign a new one with extensions"
    } else if cause.contains("not valid for name") || cause.contains("NotValidForName") {
        "the certificate must name the URL's host as a subject alternative name; sslmode=verify-ca does not look at names"
    } else {
        "name the file of the authority that signed the server's certificate with sslrootcert, or with sslcert and sslaccept=strict"
    }
}

fn refusal_hint(code: &str, message: &str) -> Option<&'static str> {
    let hint = match code {
        "28P01" => {
            "user or password in the database URL are not the server's; special characters must be percent-encoded"
        }
        "28000" if message.contains("no encryption") || message.contains("SSL off") => {
            "the server wants TLS: add sslmode=require to the database URL"
        }
        "3D000" => "the URL's path names the database; `run-migration deploy` makes it where it is missing",
        // No PostgreSQL says it so.
        "08P01" if message.contains("does not exist") || message.contains("no such database") => {
            "that is a pooler's answer, behind which no database can be made: name the server itself in DIRECT_URL or with \
             --database-url, and `run-migration deploy` makes the database where it is missing"
        }
        "42501" => {
            "the role needs USAGE on the schema and SELECT on its table _prisma_migrations, nothing more"
        }
        "53300" => "the server has no connection left: name a pooler, or raise max_connections",
        _ if message.contains("unsupported startup parameter") => {
            "PgBouncer takes no startup options: leave them out of the database URL"
        }
        _ => return None,
    };
    Some(hint)
}

/// A connection to a database.
#[derive(Debug)]
pub struct Database {
    place: String,
    client: Client,
    driver: Driver,
}

/// The task that moves the bytes. It goes with the connection, even where the other end hangs.
#[derive(Debug)]
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Database {
    /// Connects to `target`; must be called within a tokio runtime. `limit` holds where the URL sets none.
    ///
    /// # Errors
    /// Where nobody is there, the server refuses, or its certificate is not to be trusted.
    pub async fn connect(target: &Target, limit: Duration) -> Result<Self, DatabaseError> {
        let (client, driver) = open(target, limit).await?;
        Ok(Self { place: target.place.clone(), client, driver: Driver(driver) })
    }

    /// The same; `None` where the server is there and has no such database.
    ///
    /// # Errors
    /// As for [`Self::connect`].
    pub async fn find(target: &Target, limit: Duration) -> Result<Option<Self>, DatabaseError> {
        match Self::connect(target, limit).await {
            Err(error) if error.is(&SqlState::INVALID_CATALOG_NAME) => Ok(None),
            connected => connected.map(Some),
        }
    }

    /// Asks with the SELECT statements in `question` and gives the rows of each.
    ///
    /// # Errors
    /// Where a statement fails, or the answer takes longer than `limit`: the connection is of no more use then.
    pub async fn ask(
        &self,
        question: &str,
        limit: Duration,
    ) -> Result<Vec<Vec<SimpleQueryRow>>, DatabaseError> {
        let text = format!(
            "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL statement_timeout = {}; {question}",
            limit.as_millis()
        );
        match timeout(limit + TRAVEL, self.client.simple_query(&text)).await {
            Ok(Ok(messages)) => Ok(by_statement(messages)),
            Ok(Err(error)) => Err(understand(&self.place, limit, &error)),
            Err(_) => Err(DatabaseError::NoAnswer { place: self.place.clone(), after: limit }),
        }
    }

    /// The client, for questions that keep to the same rules by themselves.
    pub(crate) const fn client(&self) -> &Client {
        &self.client
    }

    /// Says farewell, so that the server has no broken connection to log.
    pub async fn close(self) {
        let Self { client, mut driver, .. } = self;
        drop(client);
        let _ = timeout(FAREWELL, &mut driver.0).await;
    }
}

/// A plain client, for a server that is ours to work on. The connection ends with it.
///
/// # Errors
/// Where nobody is there, the server refuses, or its certificate is not to be trusted.
pub(crate) async fn client(target: &Target, limit: Duration) -> Result<Client, DatabaseError> {
    Ok(open(target, limit).await?.0)
}

async fn open(target: &Target, limit: Duration) -> Result<(Client, JoinHandle<()>), DatabaseError> {
    let place = &target.place;
    let after = target.connect_timeout.unwrap_or(limit);
    let connector = tls::connector(&target.tls)?;
    match timeout(after, target.config.connect(connector)).await {
        Ok(Ok((client, connection))) => {
            let driver = tokio::spawn(async {
                // What ends the connection is told to whoever asks next.
                let _ = connection.await;
            });
            Ok((client, driver))
        }
        Ok(Err(error)) => Err(understand(place, after, &error)),
        Err(_) => Err(DatabaseError::NoAnswer { place: place.clone(), after }),
    }
}

fn by_statement(messages: Vec<SimpleQueryMessage>) -> Vec<Vec<SimpleQueryRow>> {
    let mut answers: Vec<Vec<SimpleQueryRow>> = Vec::new();
    for message in messages {
        match message {
            SimpleQueryMessage::RowDescription(_) => answers.push(Vec::new()),
            SimpleQueryMessage::Row(row) => {
                if let Some(rows) = answers.last_mut() {
                    rows.push(row);
                }
            }
            _ => {}
        }
    }
    answers
}

pub(crate) fn understand(place: &str, after: Duration, error: &tokio_postgres::Error) -> DatabaseError {
    let place = place.to_owned();
    if let Some(said) = error.as_db_error() {
        if *said.code() == SqlState::QUERY_CANCELED {
            return DatabaseError::NoAnswer { place, after };
        }
        let message = redact(said.message());
        return DatabaseError::Refused { place, message, code: said.code().code().to_owned() };
    }
    // The outermost text only says which layer failed; the causes say why.
    let mut cause = error.to_string();
    let is_tls = cause.contains("TLS");
    let mut source = error.source();
    while let Some(inner) = source {
        cause = inner.to_string();
        source = inner.source();
    }
    let cause = redact(&cause);
    if is_tls { DatabaseError::Tls { place, cause } } else { DatabaseError::Unreachable { place, cause } }
}
