//! Files out of a tar archive through gzip, such as a source distribution.

use std::{
    collections::BTreeSet,
    io::{BufReader, ErrorKind, Read},
};

use camino::{Utf8Path, Utf8PathBuf};
use flate2::read::MultiGzDecoder;
use tar::{Archive, Entry, EntryType};

use super::{ArchiveError, File, MAX_ENTRIES, MAX_FILE, MAX_TOTAL, Place, inner_path};

/// As [`super::read`] for a tar archive.
pub(super) fn read(path: &Utf8Path, wanted: impl Fn(&Utf8Path) -> bool) -> Result<Vec<File>, ArchiveError> {
    let place = Place(path);
    let stream = MultiGzDecoder::new(BufReader::new(fs_err::File::open(path)?));
    let mut archive = Archive::new(Bounded { inner: stream, left: MAX_TOTAL });
    let (mut files, mut seen) = (Vec::new(), BTreeSet::new());
    for entry in archive.entries().map_err(|error| broken(place, &error))? {
        let mut entry = entry.map_err(|error| broken(place, &error))?;
        if seen.len() == MAX_ENTRIES {
            return Err(place.too_much(format!("it has more than {MAX_ENTRIES} entries")));
        }
        let Some(path) = plain_file(place, &entry)? else { continue };
        if !seen.insert(path.clone()) {
            return Err(place.entry(path.as_str(), "is there twice"));
        }
        let bytes = match wanted(&path) {
            true => Some(content(place, &path, &mut entry)?),
            false => None,
        };
        files.push(File { path, bytes });
    }
    Ok(files)
}

/// The path of the entry; `None` for a directory.
fn plain_file(place: Place<'_>, entry: &Entry<'_, impl Read>) -> Result<Option<Utf8PathBuf>, ArchiveError> {
    let name = entry.path_bytes();
    let name = name.strip_prefix(b"./").unwrap_or(&name);
    match entry.header().entry_type() {
        EntryType::XGlobalHeader => Ok(None),
        EntryType::Directory if name.is_empty() => Ok(None),
        EntryType::Directory => inner_path(place, name).map(|_| None),
        EntryType::Regular | EntryType::Continuous => inner_path(place, name).map(Some),
        EntryType::Symlink => Err(place.entry(&String::from_utf8_lossy(name), "is a symbolic link")),
        EntryType::Link => Err(place.entry(&String::from_utf8_lossy(name), "is a hard link")),
        _ => Err(place.entry(&String::from_utf8_lossy(name), "is no plain file")),
    }
}

fn content(
    place: Place<'_>,
    path: &Utf8Path,
    entry: &mut Entry<'_, impl Read>,
) -> Result<Vec<u8>, ArchiveError> {
    let declared = entry.size();
    if declared > MAX_FILE {
        return Err(place.too_much(format!("{:?} unpacks to more than {MAX_FILE} bytes", path.as_str())));
    }
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).map_err(|error| broken(place, &error))?;
    if bytes.len() as u64 != declared {
        return Err(place.entry(path.as_str(), "is cut off"));
    }
    Ok(bytes)
}

fn broken(place: Place<'_>, error: &std::io::Error) -> ArchiveError {
    match error.kind() {
        ErrorKind::FileTooLarge => place.too_much(format!("it unpacks to more than {MAX_TOTAL} bytes")),
        _ => place.damaged(error),
    }
}

/// A stream that must not have more than a number of bytes.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.left = self
            .left
            .checked_sub(count as u64)
            .ok_or_else(|| std::io::Error::new(ErrorKind::FileTooLarge, "more than any package has"))?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};
    use tar::{Builder, Header};

    use super::*;
    use crate::release::archive::{self, Format};

    fn entry(builder: &mut Builder<Vec<u8>>, name: &str, kind: EntryType, bytes: &[u8]) {
        let mut header = Header::new_gnu();
        // Written by hand: the library would refuse the names that are tested here.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(kind);
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        builder.append(&header, bytes).unwrap();
    }

    fn tar(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        for (name, kind, bytes) in entries {
            entry(&mut builder, name, *kind, bytes);
        }
        builder.into_inner().unwrap()
    }

    fn gz(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read(bytes: &[u8]) -> Result<Vec<File>, ArchiveError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let path = Utf8Path::from_path(file.path()).unwrap();
        archive::read(path, Format::TarGz, |path| path.extension() == Some("sql"))
    }

    fn refusal(bytes: &[u8]) -> String {
        read(bytes).unwrap_err().to_string()
    }

    const FILE: EntryType = EntryType::Regular;

    #[test]
    fn wanted_files_are_read_and_others_only_listed() {
        let archive = tar(&[
            ("./", EntryType::Directory, b""),
            ("p/", EntryType::Directory, b""),
            ("./p/b.sql", FILE, b"SELECT 1;"),
            ("p/a.py", FILE, b"x"),
        ]);
        let wanted = [
            File { path: "p/a.py".into(), bytes: None },
            File { path: "p/b.sql".into(), bytes: Some(b"SELECT 1;".to_vec()) },
        ];
        assert_eq!(read(&gz(&archive)).unwrap(), wanted);
    }

    #[test]
    fn what_would_lie_outside_or_is_no_plain_file_is_refused() {
        for name in ["../x.sql", "a/../../x.sql", "/etc/x.sql", "a//x.sql", "a\\x.sql"] {
            assert!(refusal(&gz(&tar(&[(name, FILE, b"")]))).contains("outside of the package"), "{name}");
        }
        for (kind, words) in [
            (EntryType::Symlink, "symbolic link"),
            (EntryType::Link, "hard link"),
            (EntryType::Fifo, "no plain file"),
        ] {
            assert!(refusal(&gz(&tar(&[("p/a.sql", kind, b"")]))).contains(words), "{words}");
        }
        let twice = tar(&[("a.sql", FILE, b"1"), ("./a.sql", FILE, b"2")]);
        assert!(refusal(&gz(&twice)).contains("is there twice"));
    }

    #[test]
    fn damage_is_named() {
        let noise: Vec<u8> = (0..20_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let whole = gz(&tar(&[("p/a.sql", FILE, &noise)]));
        for damaged in [&whole[..whole.len() / 2], b"", b"no archive", &gz(b"no archive, but through gzip")] {
            assert!(refusal(damaged).contains("damaged, or not what its name says"), "{}", refusal(damaged));
        }
        let short = &tar(&[("p/a.sql", FILE, &noise)])[..4096];
        assert!(refusal(&gz(short)).contains("p/a.sql") || refusal(&gz(short)).contains("damaged"));
    }

    #[test]
    fn a_bomb_is_not_unpacked() {
        let mut header = Header::new_gnu();
        header.set_path("p/a.sql").unwrap();
        header.set_size(MAX_FILE + 1);
        header.set_cksum();
        assert!(refusal(&gz(header.as_bytes())).contains("unpacks to more than"));
    }

    #[test]
    fn what_nobody_reads_is_bounded_too() {
        let mut stream = Bounded { inner: std::io::repeat(0), left: 1000 };
        let error = std::io::copy(&mut stream, &mut std::io::sink()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FileTooLarge);
    }
}
