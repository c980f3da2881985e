//! The server itself: made, started, asked, stopped.

use std::{sync::Mutex, time::Duration};

use camino::{Utf8Path, Utf8PathBuf};
use tokio_postgres::{Client, error::SqlState};

use super::{
    Error, Installation, Wanted, Wish,
    data::{self, initdb},
    guest::Guest,
    postmaster::{PORT, Postmaster, connect},
    workdir::WorkDirectory,
};
use crate::{config::ReplayAs, context::Context, report::Tool};

/// The bootstrap superuser.
pub(super) const SUPERUSER: &str = "postgres";

/// How many times a database is tried to be copied to which somebody seems to be connected.
const COPY_TRIES: usize = 6;

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

/// A running temporary server, or our part of the user's. Nobody but its own user can reach one of ours: its only
/// door is a socket in a private directory. [`Server::stop`] ends it in order; dropped or killed, it goes all the
/// same.
#[derive(Debug)]
pub struct Server {
    place: Place,
    admin: Client,
    major: u32,
    /// How long one answer may take.
    limit: Duration,
    /// The roles that were made for the history.
    roles: Mutex<Vec<String>>,
    /// The schema that sessions look into.
    schema: String,
    /// Databases that nobody needs any more, the oldest first.
    spent: Mutex<Vec<String>>,
}

/// How many databases that nobody needs any more may take room: they go faster with the server.
const SPENT: usize = 2;

/// How long a session that was closed may take to be gone.
const LEAVES: Duration = Duration::from_millis(50);

/// The schema that every database has.
pub(super) const PUBLIC: &str = "public";

/// Whose server it is.
#[derive(Debug)]
enum Place {
    Ours(Box<Postmaster>),
    Theirs(Box<Guest>),
}

impl Server {
    /// Goes to the server of the user's that `url` names, and what a report says of it.
    ///
    /// # Errors
    /// Where it cannot be reached, lacks what is wanted, or lets us make no database.
    pub(crate) async fn join(context: &Context, url: &str, wanted: &Wanted) -> Result<(Self, Tool), Error> {
        let (guest, admin, about) = Guest::join(context, url, wanted).await?;
        let path = guest.place().to_owned();
        let why = "the server of --server-url".to_owned();
        let limit = context.settings.step_timeout();
        let server = Self {
            place: Place::Theirs(Box::new(guest)),
            admin,
            major: about.major,
            limit,
            roles: Mutex::default(),
            schema: wanted.schema().to_owned(),
            spent: Mutex::default(),
        };
        Ok((server, Tool { role: "postgres", version: about.version, path, why }))
    }

    /// Makes a fresh data directory and starts a server on it. The time limit of each step is the one of
    /// `--timeout`.
    ///
    /// # Errors
    /// Where no directory will do, `initdb` fails, or the server does not come up; with the end of its log.
    pub async fn start(context: &Context, installation: &Installation) -> Result<Self, Error> {
        let directory = WorkDirectory::create(context, &installation.run_as).await?;
        let directory = initdb(context, installation, directory).await?;
        let server = Self::on(context, installation, directory).await?;
        server.execute("create its role", &format!("CREATE ROLE {OWNER} LOGIN")).await?;
        Ok(server)
    }

    /// Starts a server on a data directory that was packed at an earlier run.
    ///
    /// # Errors
    /// As for [`Server::start`], and where what was packed is no such directory.
    pub async fn resume(
        context: &Context,
        installation: &Installation,
        packed: Vec<u8>,
    ) -> Result<Self, Error> {
        let directory = WorkDirectory::create(context, &installation.run_as).await?;
        let directory = data::unpack(installation, directory, packed).await?;
        Self::on(context, installation, directory).await
    }

    /// Ends the server in order and starts it again on a copy of its data directory; where the original is, which goes
    /// with the server. Only for a server of our own.
    ///
    /// # Errors
    /// Where it does not end in order or does not start again.
    pub async fn put_aside(
        self,
        context: &Context,
        installation: &Installation,
    ) -> Result<(Self, Utf8PathBuf), Error> {
        let Self { place: Place::Ours(postmaster), admin, roles, schema, .. } = self else {
            return Err(Error::File {
                path: Utf8PathBuf::new(),
                source: std::io::ErrorKind::Unsupported.into(),
            });
        };
        drop(admin);
        let directory = postmaster.rest().await?;
        let (directory, aside) = data::put_aside(directory).await?;
        let again = Self::on(context, installation, directory).await?;
        Ok((Self { roles, schema, ..again }, aside))
    }

    /// Starts a server on the data directory in `directory`.
    async fn on(
        context: &Context,
        installation: &Installation,
        directory: WorkDirectory,
    ) -> Result<Self, Error> {
        let mut postmaster = Postmaster::spawn(context, installation, directory)?;
        let limit = context.settings.step_timeout();
        let admin = postmaster.ready(limit).await?;
        Ok(Self {
            place: Place::Ours(Box::new(postmaster)),
            admin,
            major: installation.version.major,
            limit,
            roles: Mutex::default(),
            schema: PUBLIC.to_owned(),
            spent: Mutex::default(),
        })
    }

    /// Makes the empty database `name`, owned by `role`.
    ///
    /// # Errors
    /// Where there is one of that name, or the disk is full.
    pub async fn create_database(&self, name: &str, role: Role) -> Result<(), Error> {
        if let Place::Theirs(guest) = &self.place {
            let database = name;
            let name = guest.name_of(name);
            guest.made(&name);
            // What the user's template holds is not what migrations begin with.
            let statement = format!(
                "CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'",
                quote(&name)
            );
            self.execute("create a database", &statement).await?;
            return self.create_schema(database, role).await;
        }
        // What the superuser's own database holds is what the templates hold, which may be gone.
        let copy = self.copy((SUPERUSER, name), Some(role.name()));
        self.within_limit("create a database", copy).await?;
        if self.major < 15 && role == Role::Owner {
            // Since 15 the schema belongs to whoever owns the database.
            let database = self.connect(name, Role::Superuser).await?;
            let statement = format!("ALTER SCHEMA public OWNER TO {OWNER}");
            self.within_limit("hand over a schema", database.batch_execute(&statement)).await?;
        }
        self.create_schema(name, role).await?;
        self.open_schema(name).await
    }

    /// Makes the schema that Prisma works in, as it does itself.
    async fn create_schema(&self, database: &str, role: Role) -> Result<(), Error> {
        if self.schema == PUBLIC {
            return Ok(());
        }
        let client = self.connect(database, role).await?;
        let statement = format!("CREATE SCHEMA {}", quote(&self.schema));
        self.within_limit("create a schema", client.batch_execute(&statement)).await
    }

    /// The schema that Prisma works in: where its ledger is, and everything that names no other.
    #[must_use]
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// The same server with sessions that look into the schema that is wanted.
    #[must_use]
    pub fn looking_into(self, wanted: &Wanted) -> Self {
        Self { schema: wanted.schema().to_owned(), ..self }
    }

    /// The same server, on which an earlier run made `roles` for the history.
    #[must_use]
    pub(crate) fn with_roles(self, roles: &[String]) -> Self {
        Self { roles: Mutex::new(roles.to_vec()), ..self }
    }

    /// Lets the history's roles own what is in the schema, as every role could up to 14.
    async fn open_schema(&self, database: &str) -> Result<(), Error> {
        let roles = self.roles.lock().map(|roles| roles.clone()).unwrap_or_default();
        if roles.is_empty() {
            return Ok(());
        }
        let client = self.connect(database, Role::Superuser).await?;
        let roles: Vec<_> = roles.iter().map(|role| quote(role)).collect();
        let statement =
            format!("GRANT USAGE, CREATE ON SCHEMA {} TO {}", quote(&self.schema), roles.join(", "));
        self.within_limit("open a schema", client.batch_execute(&statement)).await
    }

    /// Makes the database `name` a copy of `template`, which nobody may be connected to, with the same owner.
    ///
    /// # Errors
    /// Where somebody is connected to `template`, there is one called `name`, or the disk is full.
    pub async fn clone_database(&self, template: &str, name: &str) -> Result<(), Error> {
        let (template, name) = (&*self.name_of(template), &*self.name_of(name));
        if let Place::Theirs(guest) = &self.place {
            guest.made(name);
        }
        let what = format!("copy the database {template}");
        let owner = self.within_limit(&what, deserted(&self.admin, template)).await?;
        self.within_limit(&what, self.copy((template, name), owner.as_deref())).await
    }

    /// Makes the database `name` a copy of `template`. Sessions that were ended just now may still be there: PostgreSQL
    /// waits for them for five seconds, which on a busy machine is not always enough.
    async fn copy(
        &self,
        (template, name): (&str, &str),
        owner: Option<&str>,
    ) -> Result<(), tokio_postgres::Error> {
        let owner = owner.map(|owner| format!(" OWNER {}", quote(owner))).unwrap_or_default();
        // Faster than through the WAL, and all that older versions know.
        let strategy = if self.major >= 15 { " STRATEGY file_copy" } else { "" };
        let statement =
            format!("CREATE DATABASE {} TEMPLATE {}{owner}{strategy}", quote(name), quote(template));
        for _ in 1..COPY_TRIES {
            match self.admin.batch_execute(&statement).await {
                Err(error) if error.code() == Some(&SqlState::OBJECT_IN_USE) => {}
                other => return other,
            }
        }
        self.admin.batch_execute(&statement).await
    }

    /// Removes the databases that nobody needs any more: a third of the files. The user's server keeps them.
    ///
    /// # Errors
    /// Where the server is gone.
    pub async fn drop_templates(&self) -> Result<(), Error> {
        if matches!(self.place, Place::Theirs(_)) {
            return Ok(());
        }
        for template in ["template0", "template1"] {
            self.execute("drop a template", &format!("ALTER DATABASE {template} IS_TEMPLATE false")).await?;
            self.execute("drop a template", &format!("DROP DATABASE {template}")).await?;
        }
        Ok(())
    }

    /// Removes the database `name`, and whoever is connected to it.
    ///
    /// # Errors
    /// Where the server is gone.
    pub async fn drop_database(&self, name: &str) -> Result<(), Error> {
        let name = self.name_of(name);
        self.within_limit("remove a database", remove(&self.admin, &name)).await
    }

    /// The database `name` is not needed any more: it is removed when there are more like it, else with the server.
    ///
    /// # Errors
    /// Where the server is gone.
    pub async fn discard(&self, name: String) -> Result<(), Error> {
        let surplus = self.spent.lock().ok().and_then(|mut spent| {
            spent.push(name);
            (spent.len() > SPENT).then(|| spent.remove(0))
        });
        match surplus {
            Some(oldest) => self.drop_database(&oldest).await,
            None => Ok(()),
        }
    }

    /// Connects to a database. The connection ends with the client.
    ///
    /// # Errors
    /// Where the database does not exist or the server is gone.
    pub async fn connect(&self, database: &str, role: Role) -> Result<Client, Error> {
        match &self.place {
            Place::Theirs(guest) => guest.connect(database, &self.schema).await,
            Place::Ours(postmaster) => {
                let connection = connect(postmaster.directory(), database, (role, &self.schema));
                self.within_limit(&format!("open the database {database}"), connection).await
            }
        }
    }

    /// What the database is called on the server.
    fn name_of(&self, database: &str) -> String {
        match &self.place {
            Place::Ours(_) => database.to_owned(),
            Place::Theirs(guest) => guest.name_of(database),
        }
    }

    /// The URL of a database in Prisma's dialect. It leads nowhere for clients that do not know `host=`.
    #[must_use]
    pub fn prisma_url(&self, database: &str, role: Role) -> String {
        match &self.place {
            Place::Theirs(guest) => guest.prisma_url(database, &self.schema),
            Place::Ours(postmaster) => url((role, database), postmaster.directory(), &self.schema),
        }
    }

    /// A private directory that goes with the server; that of its socket, where it is ours.
    #[must_use]
    pub fn socket_directory(&self) -> &Utf8Path {
        match &self.place {
            Place::Ours(postmaster) => postmaster.directory(),
            Place::Theirs(guest) => guest.directory(),
        }
    }

    /// Makes the roles that the history names and that are not there, without login; their names. The owner may
    /// hand objects to them. On the user's server no role is made.
    ///
    /// # Errors
    /// Where one is missing on the user's server.
    pub async fn create_roles(&self, wanted: &[Wish]) -> Result<Vec<String>, Error> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let question = self.admin.query("SELECT rolname::text FROM pg_catalog.pg_roles", &[]);
        let there: Vec<String> =
            self.within_limit("list its roles", question).await?.iter().map(|row| row.get(0)).collect();
        // What begins with pg_ is PostgreSQL's own, or a mistake that it will tell itself.
        let missing = |wish: &&Wish| !there.contains(&wish.name) && !wish.name.starts_with("pg_");
        let mut made = Vec::new();
        for wish in wanted.iter().filter(missing) {
            if let Place::Theirs(guest) = &self.place {
                return Err(Error::Role { wish: Box::new(wish.clone()), place: guest.place().to_owned() });
            }
            let name = quote(&wish.name);
            let statement = format!("CREATE ROLE {name} NOLOGIN; GRANT {name} TO {OWNER} WITH ADMIN OPTION");
            self.execute("create a role", &statement).await?;
            made.push(wish.name.clone());
        }
        if let Ok(mut roles) = self.roles.lock() {
            roles.extend(made.iter().cloned());
        }
        Ok(made)
    }

    /// Ends the server at once and removes its files.
    ///
    /// # Errors
    /// Where it does not leave, or its files cannot be removed. Both are tried again when the tool ends.
    pub async fn stop(self) -> Result<(), Error> {
        match &self.place {
            Place::Theirs(guest) => {
                let what = "drop the databases of this run";
                return self.within_limit(what, guest.leave(&self.admin)).await;
            }
            Place::Ours(_) => {}
        }
        drop(self.admin);
        match self.place {
            Place::Ours(postmaster) => postmaster.stop().await,
            Place::Theirs(_) => Ok(()),
        }
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

/// Removes the database `name`, and whoever is still connected to it.
pub(super) async fn remove(admin: &Client, name: &str) -> Result<(), tokio_postgres::Error> {
    deserted(admin, name).await?;
    admin.batch_execute(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quote(name))).await
}

/// The owner of `database`, if there is one, once nobody is connected to it any more, or has had the time to leave.
/// PostgreSQL would notice only a tenth of a second later that a session, closed just now, is gone.
async fn deserted(admin: &Client, database: &str) -> Result<Option<String>, tokio_postgres::Error> {
    let question = "SELECT pg_get_userbyid(datdba)::text, EXISTS (SELECT FROM pg_stat_activity a WHERE a.datname = \
                    d.datname) FROM pg_database d WHERE datname = $1";
    let mut owner = None;
    for _ in 0..LEAVES.as_millis() {
        let Some(row) = admin.query_opt(question, &[&database]).await? else { break };
        owner = Some(row.get(0));
        if !row.get::<_, bool>(1) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(owner)
}

/// The URL, in Prisma's dialect, of a database behind the socket in `directory`. Somebody is there, or is going to be:
/// connecting takes as long as it takes.
pub(super) fn url((role, database): (Role, &str), directory: &Utf8Path, schema: &str) -> String {
    format!(
        "postgresql://{}@localhost:{PORT}/{}?host={}&connect_timeout=0{}",
        role.name(),
        percent_encode(database),
        percent_encode(directory.as_str()),
        match schema {
            PUBLIC => String::new(),
            schema => format!("&schema={}", percent_encode(schema)),
        }
    )
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
