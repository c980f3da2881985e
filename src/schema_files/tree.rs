//! A schema as it stands on disk.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use crate::git::{Kind, Stored};

/// Larger than any schema; beyond it something is wrong.
const MAX_BYTES: u64 = 16 << 20;

/// A schema: one file, under the empty path, or the `.prisma` files of a folder, each under its path in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tree(pub BTreeMap<Utf8PathBuf, String>);

/// A schema cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// There is none.
    #[error("{0}: there is no such schema")]
    Missing(Utf8PathBuf),
    /// It is a link, or lies behind one that leads out of the repository: a comparison would prove nothing.
    #[error("{path}: {cause}")]
    Link {
        /// The file.
        path: Utf8PathBuf,
        /// Which link it is.
        cause: String,
    },
    /// It is a device, too large, or no text.
    #[error("{path}: {cause}")]
    Unfit {
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// The system says no; the text names the file.
    #[error("the schema cannot be read: {0}")]
    Io(#[from] std::io::Error),
}

impl SchemaError {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        matches!(self, Self::Missing(_))
            .then(|| "name the schema in run-migration.toml: schema = \"path/to/schema.prisma\"".to_owned())
    }
}

impl Tree {
    /// The tree of the file or folder `path` among files as git keeps them; `None` where there is none of it, or
    /// it is no text.
    #[must_use]
    pub fn of_stored(path: &Utf8Path, stored: BTreeMap<Utf8PathBuf, Stored>) -> Option<Self> {
        let files = stored.into_iter().filter(|(_, file)| file.kind == Kind::Regular).map(|(name, file)| {
            let below = name.strip_prefix(path).ok()?;
            Some((below.to_owned(), String::from_utf8(file.bytes).ok()?))
        });
        let files: BTreeMap<_, _> = files.collect::<Option<_>>()?;
        (!files.is_empty()).then_some(Self(files))
    }

    /// Reads the schema at `path`, which must lie in the directory `root` for real.
    ///
    /// # Errors
    /// Where there is none, it is no regular file or folder, or no text.
    pub fn read(root: &Utf8Path, path: &Utf8Path) -> Result<Self, SchemaError> {
        stays_within(root, path)?;
        let mut files = BTreeMap::new();
        if metadata(path)?.is_dir() {
            read_folder(path, Utf8Path::new(""), &mut files)?;
        } else {
            files.insert(Utf8PathBuf::new(), read_regular(path)?);
        }
        Ok(Self(files))
    }

    /// The lines of all its files, without the white space around them, without empty ones.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.0.values().flat_map(|text| text.lines()).map(str::trim).filter(|line| !line.is_empty())
    }
}

fn read_folder(
    folder: &Utf8Path,
    below: &Utf8Path,
    files: &mut BTreeMap<Utf8PathBuf, String>,
) -> Result<(), SchemaError> {
    for entry in folder.join(below).read_dir_utf8()? {
        let entry = entry?;
        let relative = below.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            read_folder(folder, &relative, files)?;
        } else if entry.path().extension() == Some("prisma") || entry.file_type()?.is_symlink() {
            let text = read_regular(entry.path())?;
            files.insert(relative, text);
        }
    }
    Ok(())
}

/// The text of a regular file that is no link.
fn read_regular(path: &Utf8Path) -> Result<String, SchemaError> {
    let metadata = metadata(path)?;
    let unfit = |cause: String| SchemaError::Unfit { path: path.to_owned(), cause };
    if !metadata.is_file() {
        return Err(unfit("it is not a regular file".into()));
    }
    if metadata.len() > MAX_BYTES {
        return Err(unfit(format!("it has {} bytes, more than {MAX_BYTES}", metadata.len())));
    }
    String::from_utf8(fs_err::read(path)?).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..valid].iter().filter(|byte| **byte == b'\n').count() + 1;
        unfit(format!("it is not UTF-8 (line {line}, byte {valid})"))
    })
}

/// What `path` is; a link is an error.
fn metadata(path: &Utf8Path) -> Result<std::fs::Metadata, SchemaError> {
    match fs_err::symlink_metadata(path) {
        Ok(metadata) if metadata.is_symlink() => {
            let cause =
                "it is a symbolic link: linking one schema to another would make every comparison empty";
            Err(SchemaError::Link { path: path.to_owned(), cause: cause.into() })
        }
        Ok(metadata) => Ok(metadata),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(SchemaError::Missing(path.to_owned()))
        }
        Err(error) => Err(error.into()),
    }
}

/// Refuses a path whose directories, as far as there are any yet, lead out of `root` or to another place in it by a
/// link.
fn stays_within(root: &Utf8Path, path: &Utf8Path) -> Result<(), SchemaError> {
    let existing = path.ancestors().skip(1).find(|above| above.symlink_metadata().is_ok());
    let Some((existing, below)) = existing.and_then(|above| Some((above, above.strip_prefix(root).ok()?)))
    else {
        return Ok(());
    };
    let real_root = root.canonicalize_utf8()?;
    let cause = match existing.canonicalize_utf8() {
        Ok(real) if real == real_root.join(below) => return Ok(()),
        Ok(real) => format!("one of its directories is a symbolic link: it really lies in {real}"),
        Err(error) => format!("one of its directories leads nowhere: {error}"),
    };
    Err(SchemaError::Link { path: path.to_owned(), cause })
}
