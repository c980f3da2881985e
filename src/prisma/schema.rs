//! The schema as Prisma is given it: a private copy, so that no `.env` or configuration that lies beside the real
//! one is read, and so that 7 gets it without the URLs that it refuses.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use super::{
    error::{Error, Problem},
    schema_text::{ENV, OWN_URL, PROVIDER, datasource, without_comments, without_urls},
};
use crate::cache::{Fingerprint, Key};

/// The schema's files, read.
#[derive(Debug)]
pub(crate) struct Schema {
    /// The file or folder in the repository.
    root: Utf8PathBuf,
    is_folder: bool,
    files: Vec<File>,
}

#[derive(Debug)]
struct File {
    /// Relative to the folder; the name where the schema is one file.
    name: Utf8PathBuf,
    text: String,
}

/// Where the database's URL comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Url {
    /// It stands in the schema.
    Written(String),
    /// This variable holds it.
    Variable(String),
}

/// Whether the private copy keeps the datasource's URLs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Urls {
    /// As they stand: 5 and 6 demand one.
    Keep,
    /// Without `url`, `directUrl` and `shadowDatabaseUrl`: 7 refuses them.
    Remove,
}

/// What the CLI is given of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A folder.
    AsItIs,
    /// One file with all of them, for a CLI that knows of no folders.
    OneFile,
}

/// What all of a folder's files are in. No project calls one of its own so.
const WHOLE: &str = "run-migration-whole.prisma";

impl Schema {
    /// Reads a schema file, or all of a folder's, and sees that it is one for PostgreSQL.
    pub(crate) fn read(root: &Utf8Path) -> Result<Self, Error> {
        let is_folder = root.is_dir();
        let mut files = Vec::new();
        if is_folder {
            read_folder(root, Utf8Path::new(""), &mut files)?;
        } else {
            let name = root.file_name().unwrap_or("schema.prisma").into();
            files.push(File { name, text: read(root)? });
        }
        if files.is_empty() {
            return Err(Error::NoSchema { path: root.to_owned(), problem: "no .prisma file in this folder" });
        }
        let schema = Self { root: root.to_owned(), is_folder, files };
        schema.check_provider()?;
        Ok(schema)
    }

    /// A hash of all that Prisma is given of it.
    pub(crate) fn fingerprint(&self) -> Key {
        let Self { root: _, is_folder, files } = self;
        let texts = files.iter().flat_map(|File { name, text }| [name.as_str(), text.as_str()]);
        Fingerprint::new("schema").with([u8::from(*is_folder)]).with_all(texts).key()
    }

    /// Whether it is a folder of files.
    pub(super) const fn is_folder(&self) -> bool {
        self.is_folder
    }

    /// Writes the copy into `directory` and gives what the CLI is to be pointed at.
    pub(super) fn copy_to(&self, directory: &Utf8Path, urls: Urls, form: Form) -> Result<Utf8PathBuf, Error> {
        let text_of = |file: &File| match urls {
            Urls::Keep => file.text.clone(),
            Urls::Remove => without_urls(&file.text),
        };
        fs_err::create_dir_all(directory)?;
        if self.is_folder && form == Form::OneFile {
            let whole: Vec<_> = self.files.iter().map(text_of).collect();
            fs_err::write(directory.join(WHOLE), whole.join("\n"))?;
            return Ok(directory.join(WHOLE));
        }
        for file in &self.files {
            let path = directory.join(&file.name);
            fs_err::create_dir_all(path.parent().unwrap_or(directory))?;
            fs_err::write(path, text_of(file))?;
        }
        Ok(match self.is_folder {
            true => directory.to_owned(),
            false => directory.join(&self.files[0].name),
        })
    }

    /// Whether the datasource names its URL, as it must up to 6 and must not from 7 on.
    pub(super) fn holds_url(&self) -> bool {
        self.files.iter().any(|file| without_urls(&file.text) != file.text)
    }

    /// The database's URL: as it is written, or the variable that holds it.
    pub(super) fn url(&self) -> Option<Url> {
        self.files.iter().find_map(|File { text, .. }| {
            let block = datasource(text)?;
            let masked = without_comments(text);
            let captures = OWN_URL.captures(&masked[block])?;
            let variable = captures.name("variable").map(|name| Url::Variable(name.as_str().to_owned()));
            variable.or_else(|| Some(Url::Written(captures.name("written")?.as_str().to_owned())))
        })
    }

    /// The variables that the datasource takes its URLs from.
    pub(super) fn url_variables(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for File { text, .. } in &self.files {
            let Some(block) = datasource(text) else { continue };
            let masked = without_comments(text);
            names.extend(ENV.captures_iter(&masked[block]).map(|captures| captures[1].to_owned()));
        }
        names
    }

    /// The datasource blocks without their comments, each with its file in the repository and its first line.
    pub(super) fn datasources(&self) -> impl Iterator<Item = (Utf8PathBuf, String, usize)> {
        self.files.iter().filter_map(|File { name, text }| {
            let block = datasource(text)?;
            let path = if self.is_folder { self.root.join(name) } else { self.root.clone() };
            let line = text[..block.start].matches('\n').count() + 1;
            Some((path, without_comments(text)[block].to_owned(), line))
        })
    }

    /// The mistakes that Prisma names in `said`, by their places in the repository.
    pub(super) fn problems_in(&self, said: &str) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut message: Option<String> = None;
        for line in said.lines() {
            if let Some(start) = line.strip_prefix("error: ") {
                message = Some(start.trim().to_owned());
            } else if let Some((copy, number)) = place(line) {
                if let Some(message) = message.take() {
                    let (path, line) = self.place_of(copy, number);
                    problems.push(Problem { path, line, message });
                }
            } else if let Some(message) = &mut message {
                message.push(' ');
                message.push_str(line.trim());
            }
        }
        problems
    }

    /// The file in the repository, and its line, that the line of `copy` is the copy of.
    fn place_of(&self, copy: &Utf8Path, line: usize) -> (Utf8PathBuf, usize) {
        if !self.is_folder {
            return (self.root.clone(), line);
        }
        if copy.file_name() == Some(WHOLE) {
            let mut before = 0;
            for File { name, text } in &self.files {
                // As they are joined.
                let lines = text.matches('\n').count() + 1;
                if line <= before + lines {
                    return (self.root.join(name), line - before);
                }
                before += lines;
            }
        }
        let file = self.files.iter().find(|file| copy.ends_with(&file.name));
        (file.map_or_else(|| self.root.clone(), |file| self.root.join(&file.name)), line)
    }

    fn check_provider(&self) -> Result<(), Error> {
        for File { name, text } in &self.files {
            let Some(block) = datasource(text) else { continue };
            let masked = without_comments(text);
            let Some(captures) = PROVIDER.captures(&masked[block.clone()]) else { continue };
            let provider = captures.get(1).map_or("", |found| found.as_str());
            if matches!(provider, "postgresql" | "postgres") {
                continue;
            }
            let at = block.start + captures.get(1).map_or(0, |found| found.start());
            let path = if self.is_folder { self.root.join(name) } else { self.root.clone() };
            let line = text[..at].matches('\n').count() + 1;
            return Err(Error::Provider { path, line, provider: provider.to_owned() });
        }
        Ok(())
    }
}

fn read(path: &Utf8Path) -> Result<String, Error> {
    fs_err::read_to_string(path).map_err(Error::Unreadable)
}

fn read_folder(root: &Utf8Path, within: &Utf8Path, files: &mut Vec<File>) -> Result<(), Error> {
    let mut entries = root
        .join(within)
        .read_dir_utf8()
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(Error::Unreadable)?;
    entries.sort_by(|a, b| a.file_name().cmp(b.file_name()));
    for entry in entries {
        let name = within.join(entry.file_name());
        let path = entry.path();
        if path.is_dir() {
            read_folder(root, &name, files)?;
        } else if path.extension() == Some("prisma") {
            files.push(File { text: read(path)?, name });
        }
    }
    Ok(())
}

/// The file and the line in `  -->  schema.prisma:7`.
fn place(line: &str) -> Option<(&Utf8Path, usize)> {
    let (path, number) = line.trim().strip_prefix("-->")?.trim().rsplit_once(':')?;
    Some((Utf8Path::new(path), number.parse().ok()?))
}
