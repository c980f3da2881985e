//! A release, as far as it concerns a database: its migrations and its schema, wherever they lie in it.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use super::archive::{self, ArchiveError, File};
use crate::history::{
    FILE_NAME, History, integrity,
    load::{Loaded, from_bytes},
};

/// The schema's file.
const SCHEMA: &str = "schema.prisma";

/// A release that was read.
#[derive(Debug)]
pub struct Package {
    /// The file that it is.
    pub path: Utf8PathBuf,
    /// Everything in it, by path; only what the database may know was read.
    pub files: Vec<File>,
    /// Where in it the migrations are.
    pub migrations: Utf8PathBuf,
    /// Where in it the schema is, if there is one.
    pub schema: Option<Utf8PathBuf>,
}

/// The package has no migrations, or nobody can say which.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// The archive is not to be read.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// There are none.
    #[error("{0}: there are no migrations in it: no directory with a {FILE_NAME}")]
    NoMigrations(Utf8PathBuf),
    /// There are several.
    #[error("{package}: there are migrations in several places: {}", list(places))]
    Ambiguous {
        /// The package.
        package: Utf8PathBuf,
        /// The candidates.
        places: Vec<Utf8PathBuf>,
    },
}

fn list(places: &[Utf8PathBuf]) -> String {
    places.iter().map(|place| place.as_str()).collect::<Vec<_>>().join(", ")
}

/// Reads a wheel.
///
/// # Errors
/// Where it is damaged or dangerous, or it is not clear where its migrations are.
pub fn read_wheel(path: &Utf8Path) -> Result<Package, PackageError> {
    let files = archive::read_zip(path, |file| matches!(file.file_name(), Some(FILE_NAME | SCHEMA)))?;
    let migrations = find_migrations(path, &files)?;
    let schema = find_schema(&migrations, &files);
    Ok(Package { path: path.to_owned(), files, migrations, schema })
}

/// The directory whose subdirectories hold the migrations.
fn find_migrations(package: &Utf8Path, files: &[File]) -> Result<Utf8PathBuf, PackageError> {
    let homes: BTreeSet<&Utf8Path> = files
        .iter()
        .filter(|file| file.path.file_name() == Some(FILE_NAME))
        .filter_map(|file| file.path.parent()?.parent())
        .collect();
    let mut homes = homes.into_iter();
    match (homes.next(), homes.next()) {
        (Some(home), None) => Ok(home.to_owned()),
        (None, _) => Err(PackageError::NoMigrations(package.to_owned())),
        (Some(first), Some(second)) => {
            let places = [first, second].into_iter().chain(homes).map(ToOwned::to_owned).collect();
            Err(PackageError::Ambiguous { package: package.to_owned(), places })
        }
    }
}

/// The schema beside the migrations, else the only one that there is.
fn find_schema(migrations: &Utf8Path, files: &[File]) -> Option<Utf8PathBuf> {
    let schemas: Vec<_> =
        files.iter().map(|file| &file.path).filter(|path| path.file_name() == Some(SCHEMA)).collect();
    let beside = schemas.iter().find(|path| path.parent() == migrations.parent());
    match (beside, schemas.as_slice()) {
        (Some(beside), _) => Some((*beside).clone()),
        (None, [only]) => Some((*only).clone()),
        _ => None,
    }
}

impl Package {
    /// The text of the schema, if there is one.
    #[must_use]
    pub fn schema_bytes(&self) -> Option<&[u8]> {
        let path = self.schema.as_ref()?;
        self.files.iter().find(|file| &file.path == path)?.bytes.as_deref()
    }

    /// Its history, as if its directory had been read; paths are the package's with those inside of it.
    #[must_use]
    pub fn history(&self) -> Loaded {
        let mut directories: BTreeMap<&str, Option<&[u8]>> = BTreeMap::new();
        for file in &self.files {
            let Ok(inside) = file.path.strip_prefix(&self.migrations) else { continue };
            let mut parts = inside.components().map(|part| part.as_str());
            if let (Some(name), Some(rest)) = (parts.next(), parts.next())
                && !name.starts_with('.')
            {
                let sql = directories.entry(name).or_default();
                if rest == FILE_NAME && parts.next().is_none() {
                    *sql = file.bytes.as_deref();
                }
            }
        }
        let directory = self.path.join(&self.migrations);
        let mut loaded = Loaded {
            history: History { directory: directory.clone(), migrations: Vec::new() },
            damages: Vec::new(),
        };
        for (name, sql) in directories {
            let path = directory.join(name).join(FILE_NAME);
            match sql.map(|sql| from_bytes(name.to_owned(), path.clone(), sql.to_vec())) {
                Some(Ok(migration)) => loaded.history.migrations.push(migration),
                Some(Err(damage)) => loaded.damages.push(*damage),
                None => loaded.damages.push(integrity::missing_sql(name, &path)),
            }
        }
        loaded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(paths: &[(&str, &[u8])]) -> Result<Package, PackageError> {
        let path = Utf8Path::new("p.whl");
        let files: Vec<_> = paths
            .iter()
            .map(|(path, bytes)| File { path: (*path).into(), bytes: Some(bytes.to_vec()) })
            .collect();
        let migrations = find_migrations(path, &files)?;
        Ok(Package { path: path.to_owned(), schema: find_schema(&migrations, &files), files, migrations })
    }

    #[test]
    fn the_history_is_as_its_directory_would_give_it() {
        let package = package(&[
            ("p/migrations/2_b/migration.sql", b"SELECT 2;"),
            ("p/migrations/1_a/migration.sql", b"SELECT 1;"),
            ("p/migrations/3_c/notes.txt", b""),
            ("p/migrations/4_d/migration.sql", b"\xff"),
            ("p/migrations/migration_lock.toml", b""),
            ("p/schema.prisma", b"model A {}"),
            ("q/schema.prisma", b""),
        ])
        .unwrap();
        let loaded = package.history();
        let names: Vec<_> =
            loaded.history.migrations.iter().map(|migration| migration.name.as_str()).collect();
        assert_eq!(names, ["1_a", "2_b"]);
        assert_eq!(loaded.history.migrations[0].path, "p.whl/p/migrations/1_a/migration.sql");
        let damages: Vec<_> =
            loaded.damages.iter().map(|damage| (damage.rule, damage.object.as_str())).collect();
        assert_eq!(damages, [("migration_missing_sql", "3_c"), ("migration_unreadable", "4_d")]);
        assert_eq!(package.schema_bytes(), Some(b"model A {}".as_slice()));
    }

    #[test]
    fn no_migrations_or_two_places_of_them_are_an_error() {
        assert!(matches!(package(&[("p/x.py", b"")]), Err(PackageError::NoMigrations(_))));
        let two = package(&[("p/m/1_a/migration.sql", b""), ("q/m/1_a/migration.sql", b"")]).unwrap_err();
        assert!(two.to_string().contains("p/m, q/m"), "{two}");
    }
}
