//! Files out of a zip archive, such as a wheel.

use std::io::Read;

use camino::{Utf8Path, Utf8PathBuf};
use zip::ZipArchive;

use super::{ArchiveError, File, MAX_ENTRIES, MAX_FILE, MAX_TOTAL, Place, inner_path};

/// As [`super::read`] for a zip archive.
pub(super) fn read(path: &Utf8Path, wanted: impl Fn(&Utf8Path) -> bool) -> Result<Vec<File>, ArchiveError> {
    let place = Place(path);
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
    let path = inner_path(place, entry.name_raw())?;
    if entry.is_symlink() {
        return Err(place.entry(path.as_str(), "is a symbolic link"));
    }
    let is_encrypted = entry.encrypted();
    Ok((!entry.is_dir()).then_some((path, is_encrypted)))
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

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use zip::{ZipWriter, write::SimpleFileOptions};

    use super::*;
    use crate::release::archive::{self, Format};

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
        let path = Utf8Path::from_path(file.path()).unwrap();
        archive::read(path, Format::Zip, |path| path.extension() == Some("sql"))
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
            assert!(refusal(damaged).contains("damaged, or not what its name says"));
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
