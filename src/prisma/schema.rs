//! The schema as Prisma is given it: a private copy, so that no `.env` or configuration that lies beside the real
//! one is read, and so that 7 gets it without the URLs that it refuses.

use std::{collections::BTreeSet, ops::Range, sync::LazyLock};

use camino::{Utf8Path, Utf8PathBuf};
use regex::Regex;

use super::error::{Error, Problem};
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
    pub(super) fn copy_to(&self, directory: &Utf8Path, urls: Urls) -> Result<Utf8PathBuf, Error> {
        for File { name, text } in &self.files {
            let path = directory.join(name);
            fs_err::create_dir_all(path.parent().unwrap_or(directory))?;
            match urls {
                Urls::Keep => fs_err::write(path, text)?,
                Urls::Remove => fs_err::write(path, without_urls(text))?,
            }
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
                    problems.push(Problem { path: self.place_of(copy), line: number, message });
                }
            } else if let Some(message) = &mut message {
                message.push(' ');
                message.push_str(line.trim());
            }
        }
        problems
    }

    /// The file in the repository that `copy` is the copy of.
    fn place_of(&self, copy: &Utf8Path) -> Utf8PathBuf {
        if !self.is_folder {
            return self.root.clone();
        }
        let file = self.files.iter().find(|file| copy.ends_with(&file.name));
        file.map_or_else(|| self.root.clone(), |file| self.root.join(&file.name))
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

#[expect(clippy::unwrap_used, reason = "literal patterns, compiled by the tests below")]
static ENV: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"\benv\(\s*"([A-Za-z_][A-Za-z0-9_]*)"\s*\)"#).unwrap());
#[expect(clippy::unwrap_used, reason = "literal patterns, compiled by the tests below")]
static DATASOURCE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?m)^[ \t]*datasource[ \t]+\w+[ \t]*\{").unwrap());
#[expect(clippy::unwrap_used, reason = "literal patterns, compiled by the tests below")]
static PROVIDER: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"(?m)^[ \t]*provider[ \t]*=[ \t]*"([^"\n]*)""#).unwrap());
#[expect(clippy::unwrap_used, reason = "literal patterns, compiled by the tests below")]
static URL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?m)^[ \t]*(?:url|directUrl|shadowDatabaseUrl)[ \t]*=[ \t]*(?:"(?:[^"\\\n]|\\.)*"|env\([^)\n]*\))"#)
        .unwrap()
});
#[expect(clippy::unwrap_used, reason = "literal patterns, compiled by the tests below")]
static OWN_URL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?m)^[ \t]*url[ \t]*=[ \t]*(?:"(?<written>[^"\n]*)"|env\([ \t]*"(?<variable>[^"\n]*)")"#)
        .unwrap()
});
/// The file and the line in `  -->  schema.prisma:7`.
fn place(line: &str) -> Option<(&Utf8Path, usize)> {
    let (path, number) = line.trim().strip_prefix("-->")?.trim().rsplit_once(':')?;
    Some((Utf8Path::new(path), number.parse().ok()?))
}

/// Where the datasource block stands in `text`, braces included.
fn datasource(text: &str) -> Option<Range<usize>> {
    let masked = without_comments(text);
    let start = DATASOURCE.find(&masked)?;
    let bytes = masked.as_bytes();
    let mut end = start.end();
    while end < bytes.len() && bytes[end] != b'}' {
        end = if bytes[end] == b'"' { end_of_string(bytes, end) } else { end + 1 };
    }
    Some(start.start()..(end + 1).min(bytes.len()))
}

/// `text` with the datasource's URLs blanked out: every line keeps its number.
fn without_urls(text: &str) -> String {
    let Some(block) = datasource(text) else { return text.to_owned() };
    let masked = without_comments(text);
    let mut copy = text.as_bytes().to_vec();
    for url in URL.find_iter(&masked[block.clone()]) {
        copy[block.start + url.start()..block.start + url.end()].fill(b' ');
    }
    String::from_utf8(copy).unwrap_or_else(|_| text.to_owned())
}

/// `text` with its comments blanked out, byte for byte, so that places in it are places in `text`.
fn without_comments(text: &str) -> String {
    let mut masked = text.as_bytes().to_vec();
    let mut rest = 0;
    while rest < masked.len() {
        match (masked[rest], masked.get(rest + 1)) {
            (b'"', _) => rest = end_of_string(&masked, rest),
            (b'/', Some(b'/')) => {
                let end = masked[rest..]
                    .iter()
                    .position(|byte| *byte == b'\n')
                    .map_or(masked.len(), |at| rest + at);
                masked[rest..end].fill(b' ');
                rest = end;
            }
            (b'/', Some(b'*')) => {
                let end = text[rest + 2..].find("*/").map_or(masked.len(), |at| rest + 2 + at + 2);
                masked[rest..end].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
                rest = end;
            }
            _ => rest += 1,
        }
    }
    String::from_utf8(masked).unwrap_or_else(|_| text.to_owned())
}

/// The end of the string that begins at `start`: Prisma's strings end with their line at the latest.
fn end_of_string(text: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < text.len() && text[at] != b'"' && text[at] != b'\n' {
        at += if text[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(text.len())
}

#[cfg(test)]
mod tests {
    use super::{without_comments, without_urls};

    #[test]
    fn comments_go_and_strings_that_look_like_them_stay() {
        for (text, wanted) in [
            ("a // b\nc", "a     \nc"),
            ("a /* b\nc */ d", "a     \n     d"),
            ("url = \"http://x\" // y", "url = \"http://x\"     "),
            (r#"a = "\" // no" // yes"#, r#"a = "\" // no"       "#),
            ("a \"open\n// b", "a \"open\n    "),
            ("é // é", "é      "),
            ("a /* open", "a        "),
        ] {
            assert_eq!(without_comments(text), wanted, "{text}");
        }
    }

    #[test]
    fn only_the_datasource_loses_its_urls_and_no_line_moves() {
        let text = "// datasource a {\n// url = env(\"A\")\n// }\nmodel url {\n  url String @default(\"url = x\")\n}\n\
            datasource db {\n  provider = \"postgresql\"\n  url = \"postgresql://u:p}@h/d\" // why\n\
            \x20 directUrl=env(\"B\")\n  shadowDatabaseUrl   = env( \"C\" )\n  schemas = [\"a\"]\n}\nmodel M {\n  url String\n}\n";
        let bare = without_urls(text);
        assert_eq!(bare.len(), text.len());
        for gone in ["postgresql://", "env(\"B\")", "env( \"C\" )", "directUrl", "shadowDatabaseUrl"] {
            assert!(!bare.contains(gone), "{gone}: {bare}");
        }
        let kept: Vec<_> = bare.lines().map(str::trim_end).collect();
        assert_eq!(kept[..8], text.lines().collect::<Vec<_>>()[..8]);
        assert_eq!(kept[8].trim(), "// why");
        assert_eq!(kept[9..13], ["", "", "  schemas = [\"a\"]", "}"]);
        assert_eq!(kept[14], "  url String");
    }
}
