//! A server of the user's: databases of our own on it, and nothing else touched.
//!
//! They are called `run_migration_<random>_<name>`. As long as a run lives, a session of it is called after their
//! common beginning: that is how another run knows that they are in use, and which of a killed run are not.

use std::{sync::Mutex, time::Duration};

use camino::Utf8Path;
use tokio_postgres::Client;
use url::Url;

use super::{Error, OLDEST_MAJOR, Wanted, postmaster::search_path, server::remove, workdir::WorkDirectory};
use crate::{
    context::Context,
    live::{
        connect,
        url::{self as dialect, Target, UrlError},
    },
    process::RunAs,
};

/// How long the databases may take to go where the run was interrupted.
const FAREWELL: Duration = Duration::from_secs(30);

/// Databases of runs that are over: ours by name and by owner, with no session that speaks for them.
const ABANDONED: &str = "SELECT d.datname FROM pg_catalog.pg_database d \
    JOIN pg_catalog.pg_roles r ON r.oid = d.datdba \
    WHERE d.datname ~ '^run_migration_[0-9a-f]{16}_' AND r.rolname = current_user \
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity a \
                    WHERE a.application_name = left(d.datname, 30))";

/// What is asked of the server first.
const ABOUT: &str = "SELECT current_setting('server_version_num')::int / 10000, current_setting('server_version'), \
    current_user::text, r.rolcreatedb OR r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = current_user";

/// Our part of the server.
pub(super) struct Guest {
    url: Url,
    target: Target,
    /// How the name of every database of this run begins.
    prefix: String,
    /// The databases that were made.
    made: Mutex<Vec<String>>,
    /// For files of this run.
    directory: WorkDirectory,
    limit: Duration,
}

/// What the server says of itself.
pub(super) struct About {
    pub(super) major: u32,
    pub(super) version: String,
}

impl Guest {
    /// Looks at the server: whether it will do, and what earlier runs left there.
    pub(super) async fn join(
        context: &Context,
        url: &str,
        wanted: &Wanted,
    ) -> Result<(Self, Client, About), Error> {
        let limit = context.settings.step_timeout();
        let target = dialect::parse(url)?;
        let prefix = format!("run_migration_{}", &uuid::Uuid::new_v4().simple().to_string()[..16]);
        let admin = connect::client(&target.session(&prefix), limit).await?;
        let about = look(&admin, &target, wanted).await?;
        sweep(&admin).await;
        let directory = WorkDirectory::create(context, &RunAs::Myself).await?;
        let url = Url::parse(url.trim()).map_err(|_| UrlError::Scheme)?;
        let made = Mutex::new(Vec::new());
        Ok((Self { url, target, prefix, made, directory, limit }, admin, about))
    }

    /// What a database of this run is called there.
    pub(super) fn name_of(&self, database: &str) -> String {
        format!("{}_{database}", self.prefix)
    }

    /// Remembers a database that is about to be made.
    pub(super) fn made(&self, name: &str) {
        if let Ok(mut made) = self.made.lock() {
            made.push(name.to_owned());
        }
    }

    pub(super) async fn connect(&self, database: &str, schema: &str) -> Result<Client, Error> {
        let target =
            self.target.session(&self.prefix).database(&self.name_of(database), &search_path(schema));
        let client = connect::client(&target, self.limit).await?;
        // A long statement of a killed run would keep its database from being swept. Not every platform can tell.
        let _ = client.batch_execute("SET client_connection_check_interval = '1s'").await;
        Ok(client)
    }

    /// The URL as it was given, with another database and schema.
    pub(super) fn prisma_url(&self, database: &str, schema: &str) -> String {
        let mut url = self.url.clone();
        url.set_path(&format!("/{}", self.name_of(database)));
        let mut parameters: Vec<(String, String)> = self
            .url
            .query_pairs()
            .filter(|(key, _)| key != "schema")
            .map(|(key, value)| (key.into_owned(), value.into_owned()))
            .collect();
        parameters.push(("schema".into(), schema.to_owned()));
        url.query_pairs_mut().clear().extend_pairs(parameters);
        url.into()
    }

    pub(super) fn directory(&self) -> &Utf8Path {
        self.directory.path()
    }

    pub(super) fn place(&self) -> &str {
        &self.target.place
    }

    /// Drops everything that was made.
    pub(super) async fn leave(&self, admin: &Client) -> Result<(), tokio_postgres::Error> {
        let names = self.made.lock().map(|mut made| std::mem::take(&mut *made)).unwrap_or_default();
        for name in names {
            remove(admin, &name).await?;
        }
        Ok(())
    }
}

impl Drop for Guest {
    /// The backstop for interruptions and errors; what it cannot drop in time, the next run sweeps.
    fn drop(&mut self) {
        let names = self.made.lock().map(|mut made| std::mem::take(&mut *made)).unwrap_or_default();
        if names.is_empty() {
            return;
        }
        let target = self.target.session(&self.prefix);
        // This may be called within a runtime, which cannot be entered again.
        let work = std::thread::spawn(move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
                return;
            };
            let goodbye = async {
                let Ok(admin) = connect::client(&target, FAREWELL).await else { return };
                for name in names {
                    let _ = remove(&admin, &name).await;
                }
            };
            let _ = runtime.block_on(async { tokio::time::timeout(FAREWELL, goodbye).await });
        });
        let _ = work.join();
    }
}

impl std::fmt::Debug for Guest {
    /// Without the URL, which holds a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guest").field("place", &self.target.place).field("prefix", &self.prefix).finish()
    }
}

async fn look(admin: &Client, target: &Target, wanted: &Wanted) -> Result<About, Error> {
    let failed = |source| Error::Query { what: "say what it is".into(), source };
    let row = admin.query_one(ABOUT, &[]).await.map_err(failed)?;
    let major = u32::try_from(row.get::<_, i32>(0)).unwrap_or_default();
    let place = target.place.clone();
    if wanted.major.is_some_and(|wanted| wanted != major) || major < OLDEST_MAJOR {
        return Err(Error::Major { place, found: major, major: wanted.major });
    }
    if !row.get::<_, bool>(3) {
        return Err(Error::MayNotCreate { role: row.get(2), place });
    }
    let has = "SELECT name::text FROM pg_catalog.pg_available_extensions";
    let there: Vec<String> =
        admin.query(has, &[]).await.map_err(failed)?.iter().map(|row| row.get(0)).collect();
    if let Some(wish) = wanted.extensions.iter().find(|wish| !there.contains(&wish.name)) {
        let attempts = vec![super::Attempt { what: place, why: super::locate::lacks(&wish.name) }];
        return Err(Error::Extension { wish: Box::new(wish.clone()), attempts });
    }
    Ok(About { major, version: row.get(1) })
}

/// Drops what killed runs left. A courtesy, never the reason for a failure.
async fn sweep(admin: &Client) {
    let Ok(rows) = admin.query(ABANDONED, &[]).await else { return };
    for row in rows {
        let _ = remove(admin, row.get(0)).await;
    }
}
