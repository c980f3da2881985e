//! Where in a release its migrations and its schema are.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use super::{Kind, Package};
use crate::{
    history::FILE_NAME,
    release::{
        archive::{ArchiveError, File},
        identity::Identity,
    },
};

/// The schema's file, where it is one.
const SCHEMA: &str = "schema.prisma";

/// Where in a package the migrations and the schema are, as far as somebody said so.
#[derive(Debug, Clone, Copy, Default)]
pub struct Places<'a> {
    /// The directory of the migrations, or the end of its path.
    pub migrations: Option<&'a Utf8Path>,
    /// The schema, or the end of its path.
    pub schema: Option<&'a Utf8Path>,
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
    /// What was named is not there, or there several times.
    #[error("{package}: {wanted} is not one place in it{}", could_be(places))]
    Named {
        /// The package.
        package: Utf8PathBuf,
        /// What was named.
        wanted: Utf8PathBuf,
        /// What could have been named.
        places: Vec<Utf8PathBuf>,
    },
}

impl PackageError {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Ambiguous { .. } => {
                Some("say which with --migrations PATH, a path within the package".into())
            }
            Self::NoMigrations(_) => Some(
                "where the package is built from a repository, its migrations were left out: look at what its build \
                 includes"
                    .into(),
            ),
            Self::Archive(_) | Self::Named { .. } => None,
        }
    }
}

fn list(places: &[Utf8PathBuf]) -> String {
    places.iter().map(|place| place.as_str()).collect::<Vec<_>>().join(", ")
}

fn could_be(places: &[Utf8PathBuf]) -> String {
    if places.is_empty() { String::new() } else { format!("; there are: {}", list(places)) }
}

/// A package before anybody has looked for anything in it.
#[derive(Debug)]
pub(in crate::release) struct Raw {
    pub(in crate::release) label: String,
    pub(in crate::release) path: Utf8PathBuf,
    pub(in crate::release) kind: Kind,
    pub(in crate::release) files: Vec<File>,
    pub(in crate::release) links: Vec<Utf8PathBuf>,
}

impl Raw {
    /// Finds out where things are.
    pub(in crate::release) fn package(self, places: Places<'_>) -> Result<Package, PackageError> {
        let migrations = self.find_migrations(places.migrations)?;
        let schema = self.find_schema(places.schema, migrations.as_deref())?;
        let identity = Identity::find(&self.path, &self.files, migrations.as_deref());
        let Self { label, path, kind, files, links } = self;
        Ok(Package { label, path, kind, files, links, migrations, schema, identity })
    }

    /// The directory whose subdirectories hold the migrations.
    fn find_migrations(&self, wanted: Option<&Utf8Path>) -> Result<Option<Utf8PathBuf>, PackageError> {
        let homes: BTreeSet<&Utf8Path> = self
            .files
            .iter()
            .filter(|file| file.path.file_name() == Some(FILE_NAME))
            .filter_map(|file| file.path.parent()?.parent())
            .collect();
        if let Some(wanted) = wanted {
            return self.named(wanted, homes).map(Some);
        }
        let mut homes = homes.into_iter();
        match (homes.next(), homes.next()) {
            (home, None) => Ok(home.map(Utf8Path::to_owned)),
            (first, second) => {
                let places = first.into_iter().chain(second).chain(homes).map(Utf8Path::to_owned).collect();
                Err(PackageError::Ambiguous { package: self.path.clone(), places })
            }
        }
    }

    /// The schema beside the migrations, else the only one that there is, else the folder of schemas around the
    /// migrations.
    fn find_schema(
        &self,
        wanted: Option<&Utf8Path>,
        migrations: Option<&Utf8Path>,
    ) -> Result<Option<Utf8PathBuf>, PackageError> {
        let parts = || {
            self.files
                .iter()
                .map(|file| file.path.as_path())
                .filter(|path| path.extension() == Some("prisma"))
        };
        if let Some(wanted) = wanted {
            let folders = parts().filter_map(Utf8Path::parent);
            return self.named(wanted, parts().chain(folders).collect()).map(Some);
        }
        let schemas: Vec<_> = parts().filter(|path| path.file_name() == Some(SCHEMA)).collect();
        let around = migrations.and_then(Utf8Path::parent);
        let beside = schemas.iter().find(|path| path.parent() == around);
        Ok(match (beside, schemas.as_slice()) {
            (Some(beside), _) => Some((*beside).to_owned()),
            (None, [only]) => Some((*only).to_owned()),
            (None, []) => {
                around.filter(|around| parts().any(|path| path.starts_with(around))).map(Utf8Path::to_owned)
            }
            _ => None,
        })
    }

    fn named(&self, wanted: &Utf8Path, places: BTreeSet<&Utf8Path>) -> Result<Utf8PathBuf, PackageError> {
        let exact = places.contains(wanted).then_some(wanted);
        let mut ends = places.iter().filter(|place| place.ends_with(wanted));
        match (exact, ends.next(), ends.next()) {
            (Some(exact), _, _) => Ok(exact.to_owned()),
            (None, Some(only), None) => Ok((*only).to_owned()),
            _ => Err(PackageError::Named {
                package: self.path.clone(),
                wanted: wanted.to_owned(),
                places: places.into_iter().map(Utf8Path::to_owned).collect(),
            }),
        }
    }
}
