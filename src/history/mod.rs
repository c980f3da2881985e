//! The migration history: a directory of directories, each with a `migration.sql`.

pub mod compare;
pub mod integrity;
pub mod load;
pub mod name;
pub mod needs;
pub mod order;
pub mod replay;
pub mod rules;
pub mod squash;
pub mod write;

use camino::Utf8PathBuf;
use sha2::{Digest, Sha256};

/// The file that a migration's directory holds.
pub const FILE_NAME: &str = "migration.sql";

/// Prisma's file beside the migrations that says which kind of database they are for.
pub const LOCK_FILE: &str = "migration_lock.toml";

/// One migration of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// The directory's name, as it stands in `_prisma_migrations`.
    pub name: String,
    /// Its `migration.sql`, absolute.
    pub path: Utf8PathBuf,
    /// What the file holds.
    pub sql: String,
    /// Lower-case hex SHA-256 of the file's bytes, as Prisma records it.
    pub checksum: String,
}

/// A readable history, in the order in which `prisma migrate deploy` applies it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// The directory that holds the migrations.
    pub directory: Utf8PathBuf,
    /// The migrations, in byte order of their names.
    pub migrations: Vec<Migration>,
}

impl History {
    /// The migrations as they are compared with those of others.
    #[must_use]
    pub fn shipped(&self) -> compare::Shipped {
        self.migrations.iter().map(|one| (one.name.clone(), one.sql.clone().into_bytes())).collect()
    }

    /// The history that somebody else has, to be kept in `directory`.
    #[must_use]
    pub fn of(shipped: &compare::Shipped, directory: &camino::Utf8Path) -> Self {
        let migration = |(name, sql): (&String, &Vec<u8>)| Migration {
            name: name.clone(),
            path: directory.join(name).join(FILE_NAME),
            sql: String::from_utf8_lossy(sql).into_owned(),
            checksum: checksum(sql),
        };
        Self { directory: directory.to_owned(), migrations: shipped.iter().map(migration).collect() }
    }

    /// The migrations' names, in order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.migrations.iter().map(|one| one.name.clone()).collect()
    }
}

/// Prisma's checksum of a migration file: lower-case hex SHA-256 of its bytes.
#[must_use]
pub fn checksum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
