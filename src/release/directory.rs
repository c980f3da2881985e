//! A release as files on the disk: an unpacked package, a repository, or the directory of migrations itself.

use camino::{Utf8Path, Utf8PathBuf};

use super::{
    archive::File,
    package::{Kind, Package, Places, Raw, is_wanted},
    source::SourceError,
};
use crate::history::FILE_NAME;

/// More than any package has; beyond it somebody named a whole disk.
const MAX_ENTRIES: usize = 200_000;

/// Larger than any migration or schema.
const MAX_FILE: u64 = 64 << 20;

/// What builds and installers leave in a repository: copies of what is looked for, and nobody's source.
const LEFT_OUT: [&str; 6] = ["build", "dist", "node_modules", "target", "venv", "__pycache__"];

/// Reads the directory at `path`.
///
/// # Errors
/// Where it cannot be read, there is too much in it, or it is not clear where its migrations are.
pub(super) fn read(path: &Utf8Path, places: Places<'_>) -> Result<Package, SourceError> {
    // Of the directory of migrations itself, the schema lies outside.
    let root = match path.parent() {
        Some(parent) if holds_migrations(path)? => parent,
        _ => path,
    };
    let mut walk = Walk { root, files: Vec::new(), links: Vec::new(), entries: 0 };
    if root == path {
        walk.directory(Utf8Path::new(""))?;
    } else {
        walk.files_of(Utf8Path::new(""))?;
        walk.directory(Utf8Path::new(path.file_name().unwrap_or_default()))?;
    }
    let Walk { mut files, links, .. } = walk;
    files.sort_by(|a, b| a.path.as_str().cmp(b.path.as_str()));
    let raw = Raw { label: path.to_string(), path: root.to_owned(), kind: Kind::Directory, files, links };
    Ok(raw.package(places)?)
}

fn holds_migrations(path: &Utf8Path) -> Result<bool, SourceError> {
    let mut found = false;
    for entry in fs_err::read_dir(path)? {
        found |= entry?.path().join(FILE_NAME).is_file();
    }
    Ok(found)
}

struct Walk<'a> {
    root: &'a Utf8Path,
    files: Vec<File>,
    links: Vec<Utf8PathBuf>,
    entries: usize,
}

impl Walk<'_> {
    /// Everything below.
    fn directory(&mut self, within: &Utf8Path) -> Result<(), SourceError> {
        for below in self.files_of(within)? {
            self.directory(&below)?;
        }
        Ok(())
    }

    /// The files and links of one directory. Gives the directories in it.
    fn files_of(&mut self, within: &Utf8Path) -> Result<Vec<Utf8PathBuf>, SourceError> {
        let mut directories = Vec::new();
        for entry in fs_err::read_dir(self.root.join(within))? {
            let entry = entry?;
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                return Err(SourceError::TooMuch { path: self.root.to_owned(), entries: MAX_ENTRIES });
            }
            // What is no text is nothing that Prisma could know.
            let Ok(name) = entry.file_name().into_string() else { continue };
            let (kind, path) = (entry.file_type()?, within.join(&name));
            if kind.is_symlink() {
                self.links.push(path);
            } else if kind.is_dir() && !name.starts_with('.') && !LEFT_OUT.contains(&name.as_str()) {
                directories.push(path);
            } else if kind.is_file() {
                let bytes = if is_wanted(&path) { Some(self.content(&path)?) } else { None };
                self.files.push(File { path, bytes });
            }
        }
        Ok(directories)
    }

    fn content(&self, path: &Utf8Path) -> Result<Vec<u8>, SourceError> {
        let path = self.root.join(path);
        let size = fs_err::metadata(&path)?.len();
        if size > MAX_FILE {
            return Err(SourceError::TooLarge { path, size });
        }
        Ok(fs_err::read(path)?)
    }
}
