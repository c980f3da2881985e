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

    /// The migrations' files, each with its SQL, in their order.
    pub fn scripts(&self) -> impl Iterator<Item = (&camino::Utf8Path, &str)> {
        self.migrations.iter().map(|one| (one.path.as_path(), one.sql.as_str()))
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

    /// The place of the migration that a person calls `name`: its directory's name, or that without the time stamp
    /// where no other has it.
    ///
    /// # Errors
    /// Where there is none, or more than one.
    pub fn place_of(&self, name: &str) -> Result<usize, NoSuchMigration> {
        let names = || self.migrations.iter().map(|one| one.name.as_str());
        if let Some(place) = names().position(|one| one == name) {
            return Ok(place);
        }
        let rest = |one: &str| {
            one.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start_matches('_').to_owned()
        };
        let found: Vec<usize> =
            names().enumerate().filter(|(_, one)| rest(one) == name).map(|(place, _)| place).collect();
        match found[..] {
            [only] => Ok(only),
            _ => Err(NoSuchMigration {
                name: name.to_owned(),
                directory: self.directory.clone(),
                could_be: found.into_iter().map(|place| self.migrations[place].name.clone()).collect(),
            }),
        }
    }

    /// The first `count` migrations.
    #[must_use]
    pub fn first(&self, count: usize) -> Self {
        Self { directory: self.directory.clone(), migrations: self.migrations[..count].to_vec() }
    }

    /// The migrations' names, in order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.migrations.iter().map(|one| one.name.clone()).collect()
    }
}

/// A name that is no migration's, or not of one alone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{directory} has no migration {name:?}{}", list(.could_be))]
pub struct NoSuchMigration {
    /// The name.
    pub name: String,
    /// Where it was looked for.
    pub directory: Utf8PathBuf,
    /// The migrations that it could mean.
    pub could_be: Vec<String>,
}

fn list(could_be: &[String]) -> String {
    if could_be.is_empty() { String::new() } else { format!(" alone; it could be {}", could_be.join(", ")) }
}

/// Prisma's checksum of a migration file: lower-case hex SHA-256 of its bytes.
#[must_use]
pub fn checksum(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_migration_is_found_by_its_name_with_or_without_the_stamp() {
        let migration = |name: &str| Migration {
            name: name.into(),
            path: Utf8PathBuf::new(),
            sql: String::new(),
            checksum: String::new(),
        };
        let names = ["20260101000000_a", "20260102000000_b", "20260103000000_b", "add_c"];
        let history = History { directory: "m".into(), migrations: names.map(migration).to_vec() };
        for (name, wanted) in
            [("20260102000000_b", Some(1)), ("a", Some(0)), ("add_c", Some(3)), ("b", None), ("d", None)]
        {
            assert_eq!(history.place_of(name).ok(), wanted, "{name}");
        }
        let error = history.place_of("b").unwrap_err().to_string();
        assert_eq!(error, "m has no migration \"b\" alone; it could be 20260102000000_b, 20260103000000_b");
    }
}
