//! The server itself: made, started, asked, stopped.

use std::time::Duration;

use camino::Utf8Path;
use tokio_postgres::Client;

use super::{
    Error, Installation,
    data::initdb,
    postmaster::{PORT, Postmaster, connect},
    workdir::WorkDirectory,
};
use crate::{config::ReplayAs, context::Context};

/// The bootstrap superuser.
pub(super) const SUPERUSER: &str = "postgres";

/// The plain role that owns the databases.
const OWNER: &str = "run_migration";

/// Who a client is on the temporary server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The plain role that owns the databases.
    Owner,
    /// The superuser.
    Superuser,
}

impl Role {
    /// The role's name in SQL and in URLs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Owner => OWNER,
            Self::Superuser => SUPERUSER,
        }
    }
}

impl From<ReplayAs> for Role {
    fn from(replay_as: ReplayAs) -> Self {
        match replay_as {
            ReplayAs::Owner => Self::Owner,
            ReplayAs::Superuser => Self::Superuser,
        }
    }
}

/// A running temporary server. Nobody but its own user can reach it: its only door is a socket in a private
/// directory. [`Server::stop`] ends it in order; dropped or killed, it goes all the same.
#[derive(Debug)]
pub struct Server {
    postmaster: Postmaster,
    admin: Client,
    major: u32,
    /// How long one answer may take.
    limit: Duration,
}

impl Server {
    /// Makes a fresh data directory and starts a server on it. The time limit of each step is the one of
    /// `--timeout`.
    ///
    /// # Errors
    /// Where no directory will do, `initdb` fails, or the server does not come up; with the end of its log.
    pub async fn start(context: &Context, installation: &Installation) -> Result<Self, Error> {
        let directory = WorkDirectory::create(context, &installation.run_as).await?;
        let directory = initdb(context, installation, directory).await?;
        let mut postmaster = Postmaster::spawn(context, installation, directory)?;
        let limit = context.settings.step_timeout();
        let admin = postmaster.ready(limit).await?;
        let server = Self { postmaster, admin, major: installation.version.major, limit };
        server.execute("create its role", &format!("CREATE ROLE {OWNER} LOGIN")).await?;
        Ok(server)
    }

    /// Makes the empty database `name`, owned by `role`.
    ///
    /// # Errors
    /// Where there is one of that name, or the disk is full.
    pub async fn create_database(&self, name: &str, role: Role) -> Result<(), Error> {
        let statement = format!("CREATE DATABASE {} OWNER {}", quote(name), role.name());
        self.execute("create a database", &statement).await?;
        if self.major < 15 && role == Role::Owner {
            // Since 15 the schema belongs to whoever owns the database.
            let database = self.connect(name, Role::Superuser).await?;
            let statement = format!("ALTER SCHEMA public OWNER TO {OWNER}");
            self.within_limit("hand over a schema", database.batch_execute(&statement)).await?;
        }
        Ok(())
    }

    /// Makes the database `name` a copy of `template`, which nobody may be connected to, with the same owner.
    ///
    /// # Errors
    /// Where somebody is connected to `template`, there is one called `name`, or the disk is full.
    pub async fn clone_database(&self, template: &str, name: &str) -> Result<(), Error> {
        let owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = $1";
        let what = || format!("copy the database {template}");
        let row = self.within_limit(&what(), self.admin.query_one(owner, &[&template])).await?;
        // Faster than through the WAL, which is all that older versions know.
        let strategy = if self.major >= 15 { " STRATEGY file_copy" } else { "" };
        let statement = format!(
            "CREATE DATABASE {} TEMPLATE {} OWNER {}{strategy}",
            quote(name),
            quote(template),
            quote(row.get(0))
        );
        self.execute(&what(), &statement).await
    }

    /// Removes the database `name`, and whoever is connected to it.
    ///
    /// # Errors
    /// Where the server is gone.
    pub async fn drop_database(&self, name: &str) -> Result<(), Error> {
        self.execute("remove a database", &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quote(name))).await
    }

    /// Connects to a database. The connection ends with the client.
    ///
    /// # Errors
    /// Where the database does not exist or the server is gone.
    pub async fn connect(&self, database: &str, role: Role) -> Result<Client, Error> {
        let connection = connect(self.postmaster.directory(), database, role);
        self.within_limit(&format!("open the database {database}"), connection).await
    }

    /// The URL of a database in Prisma's dialect. It leads nowhere for clients that do not know `host=`.
    #[must_use]
    pub fn prisma_url(&self, database: &str, role: Role) -> String {
        format!(
            "postgresql://{}@localhost:{PORT}/{}?host={}",
            role.name(),
            percent_encode(database),
            percent_encode(self.postmaster.directory().as_str())
        )
    }

    /// The directory of the server's socket.
    #[must_use]
    pub fn socket_directory(&self) -> &Utf8Path {
        self.postmaster.directory()
    }

    /// Ends the server at once and removes its files.
    ///
    /// # Errors
    /// Where it does not leave, or its files cannot be removed. Both are tried again when the tool ends.
    pub async fn stop(self) -> Result<(), Error> {
        drop(self.admin);
        self.postmaster.stop().await
    }

    async fn execute(&self, what: &str, statement: &str) -> Result<(), Error> {
        self.within_limit(what, self.admin.batch_execute(statement)).await
    }

    async fn within_limit<T>(
        &self,
        what: &str,
        answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Error> {
        match tokio::time::timeout(self.limit, answer).await {
            Ok(answer) => answer.map_err(|source| Error::Query { what: what.to_owned(), source }),
            Err(_) => Err(Error::NoAnswer { what: what.to_owned(), after: self.limit }),
        }
    }
}

/// As an identifier in SQL, and as one directory in a list of them.
pub(super) fn quote(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte.into()),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
