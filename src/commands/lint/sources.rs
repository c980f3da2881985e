//! The files that lint reads.

use std::io::Read;

use camino::{Utf8Path, Utf8PathBuf};

use crate::back;

/// A script of this many bytes is no script that somebody wrote.
const LARGEST: u64 = 512 << 20;
/// A migration's script, by Prisma's convention.
const SCRIPT: &str = "migration.sql";
/// What Prisma keeps in every directory of migrations.
const LOCK: &str = "migration_lock.toml";
/// What stands for standard input.
const STDIN: &str = "-";

/// A file, or standard input.
#[derive(Debug)]
pub(super) struct Source {
    /// The file, absolute; empty for standard input.
    pub(super) path: Utf8PathBuf,
    /// What a person calls it.
    pub(super) shown: Utf8PathBuf,
}

/// A source that cannot be checked.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    /// The system does not give it.
    #[error("{path}: {source}")]
    System {
        /// What was to be read.
        path: Utf8PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// It is not text as PostgreSQL takes it.
    #[error("{path}:{line}: byte {offset} (0x{byte:02X}) is not UTF-8")]
    Encoding {
        /// The file.
        path: Utf8PathBuf,
        /// The line of the first such byte, from 1.
        line: usize,
        /// Its offset in the file, from 0.
        offset: usize,
        /// The byte.
        byte: u8,
    },
    /// It is too large to be a script.
    #[error("{path}: larger than {} MB", LARGEST >> 20)]
    Large {
        /// The file.
        path: Utf8PathBuf,
    },
    /// A directory without scripts.
    #[error("{path}: no .sql file in this directory")]
    Empty {
        /// The directory.
        path: Utf8PathBuf,
    },
}

impl Unreadable {
    /// What to do next.
    pub(super) fn hint(&self) -> Option<String> {
        match self {
            Self::System { .. } => None,
            Self::Encoding { path, .. } => {
                Some(format!("save it as UTF-8, such as with: iconv -f LATIN1 -t UTF-8 {path}"))
            }
            Self::Large { .. } => Some("load data by other means than a migration".into()),
            Self::Empty { .. } => Some("name the files, or the directory that holds them".into()),
        }
    }
}

/// The scripts that `named` stand for, each directory's in byte order of their paths; and what cannot be read.
pub(super) fn find(cwd: &Utf8Path, named: &[String]) -> (Vec<Source>, Vec<Unreadable>) {
    let (mut sources, mut unreadable) = (Vec::new(), Vec::new());
    for name in named {
        if name == STDIN {
            sources.push(Source { path: Utf8PathBuf::new(), shown: "<stdin>".into() });
            continue;
        }
        let (shown, path) = (Utf8PathBuf::from(name), cwd.join(name));
        if !path.is_dir() {
            sources.push(Source::file(path, shown));
            continue;
        }
        let mut inside = Vec::new();
        match walk(&path, &shown, &mut inside) {
            Err(source) => unreadable.push(Unreadable::System { path: shown, source }),
            Ok(()) if inside.is_empty() => unreadable.push(Unreadable::Empty { path: shown }),
            Ok(()) => {
                inside.sort_by(|one, other| one.path.as_str().cmp(other.path.as_str()));
                sources.extend(inside);
            }
        }
    }
    (sources, unreadable)
}

/// The `.sql` files below `directory`. Links to directories are not followed: they may lead in circles.
fn walk(directory: &Utf8Path, shown: &Utf8Path, found: &mut Vec<Source>) -> std::io::Result<()> {
    for entry in directory.read_dir_utf8()? {
        let entry = entry?;
        let name = entry.file_name();
        let (path, shown) = (entry.path().to_owned(), shown.join(name));
        if entry.file_type()?.is_dir() {
            if !name.starts_with('.') && name != "node_modules" {
                walk(&path, &shown, found)?;
            }
        } else if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("sql"))
            && !is_way_back(&path)
        {
            found.push(Source::file(path, shown));
        }
    }
    Ok(())
}

/// Whether it is what takes a migration back, which nobody runs by the way.
fn is_way_back(path: &Utf8Path) -> bool {
    path.file_name() == Some(back::FILE_NAME) && path.with_file_name(SCRIPT).is_file()
}

/// The scripts of the migrations in `directory`, in the order in which they are applied.
pub(super) fn migrations_in(directory: &Utf8Path) -> Vec<Utf8PathBuf> {
    let entries = directory.read_dir_utf8().into_iter().flatten().flatten();
    let mut scripts: Vec<_> =
        entries.map(|entry| entry.path().join(SCRIPT)).filter(|script| script.is_file()).collect();
    scripts.sort_by(|one, other| one.as_str().cmp(other.as_str()));
    scripts
}

impl Source {
    pub(super) fn file(path: Utf8PathBuf, shown: Utf8PathBuf) -> Self {
        Self { path, shown }
    }

    /// The text.
    pub(super) fn read(&self) -> Result<String, Unreadable> {
        let system = |source| Unreadable::System { path: self.shown.clone(), source };
        let mut bytes = Vec::new();
        let read = if self.path.as_str().is_empty() {
            std::io::stdin().lock().take(LARGEST + 1).read_to_end(&mut bytes)
        } else {
            std::fs::File::open(&self.path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
        };
        if read.map_err(system)? as u64 > LARGEST {
            return Err(Unreadable::Large { path: self.shown.clone() });
        }
        String::from_utf8(bytes).map_err(|error| {
            let offset = error.utf8_error().valid_up_to();
            let bytes = error.as_bytes();
            let line = bytes[..offset].iter().filter(|byte| **byte == b'\n').count() + 1;
            Unreadable::Encoding { path: self.shown.clone(), line, offset, byte: bytes[offset] }
        })
    }

    /// The name of the migration that this is the script of.
    pub(super) fn migration(&self) -> Option<&str> {
        (self.path.file_name() == Some(SCRIPT)).then(|| self.path.parent()?.file_name()).flatten()
    }

    /// The directory of migrations that this is one of, where Prisma keeps it.
    pub(super) fn migrations(&self) -> Option<&Utf8Path> {
        self.migration()?;
        self.path.parent()?.parent().filter(|directory| directory.join(LOCK).is_file())
    }
}
