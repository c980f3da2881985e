//! Files out of an archive, read without unpacking: bounded, and of nothing but plain files that stay inside.

use std::io::Read;

use camino::{Utf8Path, Utf8PathBuf};
use zip::ZipArchive;

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

/// The archive cannot be read, or not safely.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The system says no; the text names the file.
    #[error("the package cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// It is damaged, or no archive of this kind.
    #[error("{archive}: it is damaged or no wheel: {cause}")]
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

/// Lists the files of the zip archive at `path`, a wheel for one, in byte order of their paths, and reads those
/// that are `wanted`.
///
/// # Errors
/// Where the archive is truncated, encrypted or damaged; an entry is a link, climbs out, or is there twice; or
/// there is more in it than any package has.
pub fn read_zip(path: &Utf8Path, wanted: impl Fn(&Utf8Path) -> bool) -> Result<Vec<File>, ArchiveError> {
    let place = Place(path);
    let size = fs_err::metadata(path)?.len();
    if size > MAX_ARCHIVE {
        return Err(place.too_much(format!("it has {size} bytes, more than {MAX_ARCHIVE}")));
    }
    let mut archive = ZipArchive::new(fs_err::File::open(path)?).map_err(|error| place.damaged(&error))?;
    if archive.len() > MAX_ENTRIES {
        return Err(place.too_much(format!("it has {} entries, more than {MAX_ENTRIES}", archive.len())));
    }
    if archive.has_duplicate_names() {
        return Err(place.damaged("two entries have the same name"));
    }
    let (mut files, mut total) = (Vec::new(), 0);
    for index in 0..archive.len() {
        if let Some((path, is_encrypted)) = plain_file(place, &mut archive, index)? {
            let bytes = match wanted(&path) {
                true if is_encrypted => return Err(place.entry(path.as_str(), "is encrypted")),
                true => Some(read_entry(place, &mut archive, index, MAX_TOTAL - total)?),
                false => None,
            };
            total += bytes.as_ref().map_or(0, |bytes| bytes.len() as u64);
            files.push(File { path, bytes });
        }
    }
    files.sort_by(|a, b| a.path.as_str().cmp(b.path.as_str()));
    Ok(files)
}

type Zip = ZipArchive<fs_err::File>;

/// The path of the entry and whether it is encrypted; `None` for a directory.
fn plain_file(
    place: Place<'_>,
    archive: &mut Zip,
    index: usize,
) -> Result<Option<(Utf8PathBuf, bool)>, ArchiveError> {
    let entry = archive.by_index_raw(index).map_err(|error| place.damaged(&error))?;
    let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
    if std::str::from_utf8(entry.name_raw()).is_err() {
        return Err(place.entry(&name, "has a name that is not UTF-8"));
    }
    let stays_inside = !name.is_empty()
        && !name.contains(['\\', '\0', ':'])
        && name.trim_end_matches('/').split('/').all(|part| !matches!(part, "" | "." | ".."));
    if !stays_inside {
        return Err(place.entry(&name, "would lie outside of the package"));
    }
    if entry.is_symlink() {
        return Err(place.entry(&name, "is a symbolic link"));
    }
    let is_encrypted = entry.encrypted();
    Ok((!entry.is_dir()).then(|| (name.into(), is_encrypted)))
}

fn read_entry(place: Place<'_>, archive: &mut Zip, index: usize, room: u64) -> Result<Vec<u8>, ArchiveError> {
    let mut entry = archive.by_index(index).map_err(|error| place.damaged(&error))?;
    let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
    let limit = MAX_FILE.min(room);
    let mut bytes = Vec::new();
    // The size that it declares is not to be believed.
    entry
        .by_ref()
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| place.entry(&name, &format!("cannot be read: {error}")))?;
    if bytes.len() as u64 > limit {
        return Err(place.too_much(format!("{name:?} unpacks to more than {limit} bytes")));
    }
    Ok(bytes)
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

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use zip::{ZipWriter, write::SimpleFileOptions};

    use super::*;

    /// An archive of files with their contents.
    fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in entries {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn read(bytes: &[u8]) -> Result<Vec<File>, ArchiveError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        read_zip(Utf8Path::from_path(file.path()).unwrap(), |path| path.extension() == Some("sql"))
    }

    fn refusal(bytes: &[u8]) -> String {
        read(bytes).unwrap_err().to_string()
    }

    #[test]
    fn wanted_files_are_read_and_others_only_listed() {
        let files = read(&zip(&[("p/b.sql", b"SELECT 1;"), ("p/a.py", b"x")])).unwrap();
        let wanted = [
            File { path: "p/a.py".into(), bytes: None },
            File { path: "p/b.sql".into(), bytes: Some(b"SELECT 1;".to_vec()) },
        ];
        assert_eq!(files, wanted);
    }

    #[test]
    fn a_path_that_climbs_out_is_refused() {
        for name in ["../x.sql", "a/../../x.sql", "/etc/x.sql", "a//x.sql", "a\\x.sql", "C:x.sql", "./x.sql"]
        {
            assert!(refusal(&zip(&[(name, b"")])).contains("outside of the package"), "{name}");
        }
    }

    #[test]
    fn links_are_refused() {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer.add_symlink("p/a.sql", "/etc/passwd", SimpleFileOptions::default()).unwrap();
        assert!(refusal(&writer.finish().unwrap().into_inner()).contains("symbolic link"));
    }

    #[test]
    fn encryption_is_named() {
        let mut bytes = zip(&[("p/a.sql", b"SELECT 1;")]);
        let central = bytes.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
        bytes[6] |= 1;
        bytes[central + 8] |= 1;
        assert!(refusal(&bytes).contains("is encrypted"), "{}", refusal(&bytes));
    }

    #[test]
    fn damage_is_named() {
        let whole = zip(&[("p/a.sql", &[b'x'; 5000])]);
        for damaged in [&whole[..whole.len() / 2], &whole[..whole.len() - 10], b"", b"no archive"] {
            assert!(refusal(damaged).contains("damaged or no wheel"));
        }
        let mut flipped = whole.clone();
        flipped[45] ^= 0xff;
        assert!(refusal(&flipped).contains("p/a.sql"), "{}", refusal(&flipped));
    }

    #[test]
    fn a_bomb_is_not_unpacked() {
        let bomb = zip(&[("p/a.sql", &vec![0; usize::try_from(MAX_FILE).unwrap() + 1])]);
        assert!(bomb.len() < 1 << 20);
        assert!(refusal(&bomb).contains("unpacks to more than"));
    }
}
