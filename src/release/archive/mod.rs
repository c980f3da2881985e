//! Files out of an archive, read without unpacking: bounded, and of nothing but plain files that stay inside.

mod tar;
mod zip;

use camino::{Utf8Path, Utf8PathBuf};

/// A package of migrations has some hundred kilobytes.
const MAX_ARCHIVE: u64 = 256 << 20;

/// More entries than any package of ours has.
const MAX_ENTRIES: usize = 100_000;

/// Larger than any migration or schema.
const MAX_FILE: u64 = 64 << 20;

/// All files together.
const MAX_TOTAL: u64 = 512 << 20;

/// One file of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its path in the archive: relative, with `/`, without `.` and `..`.
    pub path: Utf8PathBuf,
    /// What it holds; `None` where nobody wanted to read it.
    pub bytes: Option<Vec<u8>>,
}

/// The kinds of archives that packages come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A zip archive: a wheel.
    Zip,
    /// A tar archive through gzip: a source distribution.
    TarGz,
}

/// The archive cannot be read, or not safely.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The system says no; the text names the file.
    #[error("the package cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// It is damaged, or no archive of this kind.
    #[error("{archive}: it is damaged, or not what its name says: {cause}")]
    Damaged {
        /// The archive.
        archive: Utf8PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// One of its entries is not what a package holds.
    #[error("{archive}: {entry:?} {cause}")]
    Entry {
        /// The archive.
        archive: Utf8PathBuf,
        /// The entry.
        entry: String,
        /// What is wrong with it.
        cause: String,
    },
    /// More than any package has.
    #[error("{archive}: {cause}")]
    TooMuch {
        /// The archive.
        archive: Utf8PathBuf,
        /// Of what.
        cause: String,
    },
}

impl Format {
    /// The format that the name of the file says.
    #[must_use]
    pub fn of(path: &Utf8Path) -> Option<Self> {
        let name = path.file_name()?.to_ascii_lowercase();
        let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
        if ends(&[".whl", ".zip"]) {
            Some(Self::Zip)
        } else if ends(&[".tar.gz", ".tgz"]) {
            Some(Self::TarGz)
        } else {
            None
        }
    }
}

/// Lists the files of the archive at `path`, in byte order of their paths, and reads those that are `wanted`.
///
/// # Errors
/// Where the archive is truncated, encrypted or damaged; an entry is a link, climbs out, or is there twice; or
/// there is more in it than any package has.
pub fn read(
    path: &Utf8Path,
    format: Format,
    wanted: impl Fn(&Utf8Path) -> bool,
) -> Result<Vec<File>, ArchiveError> {
    let size = fs_err::metadata(path)?.len();
    if size > MAX_ARCHIVE {
        return Err(Place(path).too_much(format!("it has {size} bytes, more than {MAX_ARCHIVE}")));
    }
    let mut files = match format {
        Format::Zip => zip::read(path, wanted),
        Format::TarGz => tar::read(path, wanted),
    }?;
    files.sort_by(|a, b| a.path.as_str().cmp(b.path.as_str()));
    Ok(files)
}

/// An entry's path, if it is one that stays inside of the archive. Directories may end with `/`.
fn inner_path(place: Place<'_>, name: &[u8]) -> Result<Utf8PathBuf, ArchiveError> {
    let Ok(name) = std::str::from_utf8(name) else {
        return Err(place.entry(&String::from_utf8_lossy(name), "has a name that is not UTF-8"));
    };
    let stays_inside = !name.is_empty()
        && !name.contains(['\\', '\0', ':'])
        && name.trim_end_matches('/').split('/').all(|part| !matches!(part, "" | "." | ".."));
    match stays_inside {
        true => Ok(name.trim_end_matches('/').into()),
        false => Err(place.entry(name, "would lie outside of the package")),
    }
}

/// Makes errors that name the archive.
#[derive(Clone, Copy)]
struct Place<'a>(&'a Utf8Path);

impl Place<'_> {
    fn damaged(self, cause: &(impl ToString + ?Sized)) -> ArchiveError {
        ArchiveError::Damaged { archive: self.0.to_owned(), cause: cause.to_string() }
    }

    fn entry(self, entry: &str, cause: &str) -> ArchiveError {
        ArchiveError::Entry { archive: self.0.to_owned(), entry: entry.to_owned(), cause: cause.to_owned() }
    }

    fn too_much(self, cause: String) -> ArchiveError {
        ArchiveError::TooMuch { archive: self.0.to_owned(), cause }
    }
}
