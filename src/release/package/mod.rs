//! A release, as far as it concerns a database: its migrations and its schema, wherever they lie in it.

mod places;

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

pub(super) use self::places::Raw;
pub use self::places::{PackageError, Places};
use super::{
    archive::{self, File, Format},
    identity::Identity,
};
use crate::{
    git::CommitId,
    guard::consent::shell_quote,
    history::{
        FILE_NAME, History, LOCK_FILE,
        compare::Shipped,
        integrity,
        load::{Loaded, from_bytes},
    },
};

/// A release that was read.
#[derive(Debug)]
pub struct Package {
    /// What it is called in messages: the path, ref or requirement as it was named.
    pub label: String,
    /// What the paths within it are joined to, to name a file of it.
    pub path: Utf8PathBuf,
    /// What it comes as.
    pub kind: Kind,
    /// Everything in it, by path; only what the database may know was read.
    pub files: Vec<File>,
    /// The symbolic links in it, by path. Nobody followed them.
    pub links: Vec<Utf8PathBuf>,
    /// Where in it the migrations are, if there are any.
    pub migrations: Option<Utf8PathBuf>,
    /// Where in it the schema is, if there is one: a file, or a folder of them.
    pub schema: Option<Utf8PathBuf>,
    /// Its name and version.
    pub identity: Identity,
}

/// What a release comes as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A zip archive that is installed as it is.
    Wheel,
    /// A source distribution.
    Sdist,
    /// Files on the disk.
    Directory,
    /// A commit of a git repository.
    Commit(CommitId),
}

/// Whether a file of a package is one that is read.
pub(super) fn is_wanted(path: &Utf8Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    matches!(name, FILE_NAME | LOCK_FILE | "METADATA" | "PKG-INFO" | "pyproject.toml")
        || path.extension() == Some("prisma")
}

/// Reads a wheel that must have migrations.
///
/// # Errors
/// Where it is damaged or dangerous, or it is not clear where its migrations are.
pub fn read_wheel(path: &Utf8Path) -> Result<Package, PackageError> {
    let package = read_archive(path, Format::Zip, Places::default())?;
    match package.migrations {
        Some(_) => Ok(package),
        None => Err(PackageError::NoMigrations(path.to_owned())),
    }
}

/// Reads an archive.
///
/// # Errors
/// Where it is damaged or dangerous, or it is not clear where its migrations are.
pub fn read_archive(path: &Utf8Path, format: Format, places: Places<'_>) -> Result<Package, PackageError> {
    let files = archive::read(path, format, is_wanted)?;
    let kind = if path.extension() == Some("whl") { Kind::Wheel } else { Kind::Sdist };
    Raw { label: path.to_string(), path: path.to_owned(), kind, files, links: Vec::new() }.package(places)
}

impl Package {
    /// The files of the schema with their texts, by their paths in the schema's folder; none where there is no
    /// schema.
    #[must_use]
    pub fn schema_files(&self) -> Vec<(&Utf8Path, &[u8])> {
        let Some(schema) = &self.schema else { return Vec::new() };
        let folder = match self.files.iter().any(|file| &file.path == schema) {
            true => schema.parent().unwrap_or(schema),
            false => schema,
        };
        self.files
            .iter()
            .filter(|file| file.path.starts_with(schema) && file.path.extension() == Some("prisma"))
            .filter_map(|file| Some((file.path.strip_prefix(folder).ok()?, file.bytes.as_deref()?)))
            .collect()
    }

    /// The bytes of every `migration.sql` by its directory's name, readable as text or not.
    #[must_use]
    pub fn shipped(&self) -> Shipped {
        self.directories()
            .into_iter()
            .filter_map(|(name, sql)| Some((name.to_owned(), sql?.to_vec())))
            .collect()
    }

    /// The directories of the migrations, each with what its `migration.sql` holds.
    fn directories(&self) -> BTreeMap<&str, Option<&[u8]>> {
        let mut directories: BTreeMap<&str, Option<&[u8]>> = BTreeMap::new();
        let Some(migrations) = &self.migrations else { return directories };
        for file in &self.files {
            let Ok(inside) = file.path.strip_prefix(migrations) else { continue };
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
        directories
    }

    /// The directory of the migrations, as files of it are named.
    #[must_use]
    pub fn directory(&self) -> Utf8PathBuf {
        self.path.join(self.migrations.as_deref().unwrap_or("migrations".into()))
    }

    /// How a person gets the text of the migration `name` out of the package.
    #[must_use]
    pub fn show(&self, name: &str) -> String {
        let file = self.migrations.as_deref().unwrap_or("migrations".into()).join(name).join(FILE_NAME);
        let (package, file) = (shell_quote(self.path.as_str()), shell_quote(file.as_str()));
        match &self.kind {
            _ if self.label.starts_with("pypi:") => format!("{file} in the wheel of {}", self.label),
            Kind::Wheel => format!("unzip -p {package} {file}"),
            Kind::Sdist if self.path.extension() == Some("zip") => format!("unzip -p {package} {file}"),
            Kind::Sdist => format!("tar -xOzf {package} {file}"),
            Kind::Directory => {
                format!("cp {}", shell_quote(self.directory().join(name).join(FILE_NAME).as_str()))
            }
            Kind::Commit(commit) => format!("git checkout {} -- {file}", commit.short()),
        }
    }

    /// What its `migration_lock.toml` holds.
    #[must_use]
    pub fn lock(&self) -> Option<&[u8]> {
        let path = self.migrations.as_ref()?.join(LOCK_FILE);
        self.files.iter().find(|file| file.path == path)?.bytes.as_deref()
    }

    /// Its history, as if its directory had been read; paths are the package's with those inside of it.
    #[must_use]
    pub fn history(&self) -> Loaded {
        let directory = self.directory();
        let mut loaded = Loaded {
            history: History { directory: directory.clone(), migrations: Vec::new() },
            damages: self.linked(),
        };
        for (name, sql) in self.directories() {
            let path = directory.join(name).join(FILE_NAME);
            if loaded.damages.iter().any(|damage| damage.object == name) {
                continue;
            }
            match sql.map(|sql| from_bytes(name.to_owned(), path.clone(), sql.to_vec())) {
                Some(Ok(migration)) => loaded.history.migrations.push(migration),
                Some(Err(damage)) => loaded.damages.push(*damage),
                None => loaded.damages.push(integrity::missing_sql(name, &path)),
            }
        }
        loaded
    }

    /// The migrations that are links, or whose files are.
    fn linked(&self) -> Vec<crate::finding::Finding> {
        let Some(migrations) = &self.migrations else { return Vec::new() };
        let of_migration = |link: &Utf8PathBuf| {
            let inside = link.strip_prefix(migrations).ok()?;
            let name = inside.components().next()?.as_str().to_owned();
            let is_meant = inside == name || inside == Utf8Path::new(&name).join(FILE_NAME);
            is_meant.then(|| integrity::symlink(&name, &self.path.join(link)))
        };
        self.links.iter().filter_map(of_migration).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(paths: &[(&str, &[u8])], places: Places<'_>) -> Result<Package, PackageError> {
        let files = paths
            .iter()
            .map(|(path, bytes)| File { path: (*path).into(), bytes: Some(bytes.to_vec()) })
            .collect();
        let links = vec!["p/migrations/5_e".into(), "p/link".into()];
        Raw { label: "p.whl".into(), path: "p.whl".into(), kind: Kind::Wheel, files, links }.package(places)
    }

    #[test]
    fn the_history_is_as_its_directory_would_give_it() {
        let files: [(&str, &[u8]); 7] = [
            ("p/migrations/2_b/migration.sql", b"SELECT 2;"),
            ("p/migrations/1_a/migration.sql", b"SELECT 1;"),
            ("p/migrations/3_c/notes.txt", b""),
            ("p/migrations/4_d/migration.sql", b"\xff"),
            ("p/migrations/migration_lock.toml", b"x"),
            ("p/schema.prisma", b"model A {}"),
            ("q/schema.prisma", b""),
        ];
        let package = package(&files, Places::default()).unwrap();
        let loaded = package.history();
        let names: Vec<_> =
            loaded.history.migrations.iter().map(|migration| migration.name.as_str()).collect();
        assert_eq!(names, ["1_a", "2_b"]);
        assert_eq!(loaded.history.migrations[0].path, "p.whl/p/migrations/1_a/migration.sql");
        let damages: Vec<_> =
            loaded.damages.iter().map(|damage| (damage.rule, damage.object.as_str())).collect();
        let wanted =
            [("migration_symlink", "5_e"), ("migration_missing_sql", "3_c"), ("migration_unreadable", "4_d")];
        assert_eq!(damages, wanted);
        assert_eq!(package.schema_files(), [(Utf8Path::new("schema.prisma"), b"model A {}".as_slice())]);
        assert_eq!(package.shipped().keys().collect::<Vec<_>>(), ["1_a", "2_b", "4_d"]);
        assert_eq!(package.lock(), Some(b"x".as_slice()));
    }

    #[test]
    fn two_places_of_migrations_are_an_error_until_one_is_named() {
        let files: [(&str, &[u8]); 2] =
            [("a/p/m/1_a/migration.sql", b"SELECT 1;"), ("a/q/m/1_a/migration.sql", b"")];
        let two = package(&files, Places::default()).unwrap_err();
        assert!(two.to_string().contains("a/p/m, a/q/m"), "{two}");
        for named in ["p/m", "a/p/m"] {
            let places = Places { migrations: Some(named.into()), schema: None };
            assert_eq!(package(&files, places).unwrap().migrations.unwrap(), "a/p/m");
        }
        for unclear in ["m", "x"] {
            let places = Places { migrations: Some(unclear.into()), schema: None };
            assert!(package(&files, places).unwrap_err().to_string().contains("a/p/m, a/q/m"));
        }
    }

    #[test]
    fn no_migrations_are_no_history() {
        let none = package(&[("p/x.py", b"")], Places::default()).unwrap();
        assert!(none.migrations.is_none() && none.history().history.migrations.is_empty());
    }

    #[test]
    fn a_schema_may_be_a_folder() {
        let files: [(&str, &[u8]); 3] = [
            ("p/prisma/migrations/1_a/migration.sql", b"SELECT 1;"),
            ("p/prisma/models/user.prisma", b"model A {}"),
            ("p/prisma/main.prisma", b"datasource db {}"),
        ];
        let package = package(&files, Places::default()).unwrap();
        assert_eq!(package.schema.as_deref(), Some("p/prisma".into()));
        let names: Vec<_> = package.schema_files().into_iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(names, ["models/user.prisma", "main.prisma"]);
    }
}
