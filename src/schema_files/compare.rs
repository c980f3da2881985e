//! The source against each copy.

use std::collections::HashSet;

use camino::Utf8Path;
use similar::TextDiff;

use super::{
    Copies,
    tree::{SchemaError, Tree},
};
use crate::finding::{Finding, Severity};

/// What a copy lacks, where it is not there at all.
const MISSING: &str = "there is no such file, but the source schema must have a copy here";

impl Copies<'_> {
    /// Compares each copy with the source, text for text; a finding for each that differs, is missing or is no
    /// regular file, and for a source that is a link. Where there are no copies there is nothing to compare.
    ///
    /// # Errors
    /// Where the source cannot be read.
    pub fn compare(&self) -> Result<Vec<Finding>, SchemaError> {
        if self.copies.is_empty() {
            return Ok(Vec::new());
        }
        match Tree::read(self.root, self.source) {
            Ok(wanted) => Ok(self.copies.iter().filter_map(|copy| self.difference(&wanted, copy)).collect()),
            Err(SchemaError::Link { path, cause }) => Ok(vec![finding(&path, cause)]),
            Err(error) => Err(error),
        }
    }

    /// The finding for one copy; `None` where it equals the source.
    fn difference(&self, wanted: &Tree, copy: &Utf8Path) -> Option<Finding> {
        match self.read(copy) {
            Ok(found) if found == *wanted => None,
            Ok(found) => Some(differing(self.source, wanted, (copy, &found))),
            Err(SchemaError::Missing(_)) => Some(finding(copy, MISSING.into())),
            Err(SchemaError::Link { path, cause } | SchemaError::Unfit { path, cause }) => {
                Some(finding(&path, cause))
            }
            Err(SchemaError::Io(error)) => Some(finding(copy, format!("it cannot be read: {error}"))),
        }
    }
}

/// The first file and line that differ, both sides' text of it, and which side holds what the other lacks.
fn differing(source: &Utf8Path, wanted: &Tree, (copy, found): (&Utf8Path, &Tree)) -> Finding {
    let files = wanted.0.keys().chain(found.0.keys());
    let file =
        files.filter(|file| wanted.0.get(*file) != found.0.get(*file)).min().cloned().unwrap_or_default();
    let text = |tree: &Tree| tree.0.get(&file).cloned().unwrap_or_default();
    let (theirs, ours) = (text(wanted), text(found));
    let (theirs, ours): (Vec<_>, Vec<_>) = (theirs.split('\n').collect(), ours.split('\n').collect());
    let first = theirs.iter().zip(&ours).take_while(|(a, b)| a == b).count();
    let show =
        |lines: &[&str]| lines.get(first).map_or("(end of file)".to_owned(), |line| format!("{line:?}"));
    let place = if file.as_str().is_empty() { copy.to_owned() } else { copy.join(&file) };
    Finding {
        line: u32::try_from(first + 1).ok(),
        statement: format!("source: {}\ncopy:   {}", show(&theirs), show(&ours)),
        object: copy.to_string(),
        ..finding(&place, which_side_lacks(source, wanted, found))
    }
}

fn which_side_lacks(source: &Utf8Path, wanted: &Tree, found: &Tree) -> String {
    let lacking = |side: &Tree, other: &Tree| {
        let other: HashSet<_> = other.lines().collect();
        side.lines().filter(|line| !other.contains(line)).count()
    };
    match (lacking(wanted, found), lacking(found, wanted)) {
        (0, 0) => format!("it differs from {source} only in the order of lines or in white space"),
        (missing, 0) => format!("it lacks {} of {source}", count_lines(missing)),
        (0, extra) => format!("it holds {} that {source} lacks", count_lines(extra)),
        (missing, extra) => format!(
            "it lacks {} of {source}, and holds {} that the source lacks",
            count_lines(missing),
            count_lines(extra)
        ),
    }
}

/// What would have to change in `copy` to make it the source, as a unified diff.
#[must_use]
pub fn unified_diff(copy: &Utf8Path, found: &Tree, wanted: &Tree) -> String {
    let files: std::collections::BTreeSet<_> = wanted.0.keys().chain(found.0.keys()).collect();
    let mut diff = String::new();
    for file in files {
        let name = if file.as_str().is_empty() { copy.to_owned() } else { copy.join(file) };
        let text = |tree: &Tree| tree.0.get(file).cloned().unwrap_or_default();
        let (old, new) = (text(found), text(wanted));
        if old != new {
            let lines = TextDiff::from_lines(&old, &new);
            diff.push_str(
                &lines.unified_diff().header(&format!("a/{name}"), &format!("b/{name}")).to_string(),
            );
        }
    }
    diff
}

pub(super) fn finding(file: &Utf8Path, why: String) -> Finding {
    Finding {
            file: Some(file.to_owned()),
            why,
            safer: "where the source is right, `run-migration sync` makes its copies equal; where a copy is right, bring \
                its lines into the source first"
            .into(),
            ..Finding::new("schema_copy", Severity::Refuse, file.to_string())
        }
}

fn count_lines(count: usize) -> String {
    if count == 1 { "1 line".into() } else { format!("{count} lines") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(source: &str, copy: Option<&str>) -> Vec<Finding> {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap();
        let (source_path, copy_path) = (root.join("schema.prisma"), root.join("copy.prisma"));
        std::fs::write(&source_path, source).unwrap();
        if let Some(copy) = copy {
            std::fs::write(&copy_path, copy).unwrap();
        }
        Copies::new(root, &source_path, &[copy_path]).compare().unwrap()
    }

    #[test]
    fn equal_copies_are_no_finding_and_any_byte_is() {
        assert!(findings("a\nb\n", Some("a\nb\n")).is_empty());
        for other in ["a\nb", "a\r\nb\r\n", "", "a\nb\n\n"] {
            assert_eq!(findings("a\nb\n", Some(other)).len(), 1, "{other:?}");
        }
        assert!(findings("a\n", None)[0].why.contains("there is no such file"));
    }

    #[test]
    fn the_first_differing_line_and_the_side_that_lacks_something_are_named() {
        let found = &findings("a\nb\nc\n", Some("a\nc\n"))[0];
        assert_eq!(found.line, Some(2));
        assert!(found.why.contains("it lacks 1 line of"), "{}", found.why);
        assert_eq!(found.statement, "source: \"b\"\ncopy:   \"c\"");
        let found = &findings("a\n", Some("a\nx\ny\n"))[0];
        assert!(found.why.contains("it holds 2 lines that"), "{}", found.why);
        let found = &findings("a\nb\n", Some("a\nx\n"))[0];
        assert!(found.why.contains("it lacks 1 line") && found.why.contains("holds 1 line"), "{}", found.why);
    }

    #[test]
    fn a_link_is_refused_on_either_side_and_in_the_way() {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap();
        let link = |to: &str, name: &str| std::os::unix::fs::symlink(root.join(to), root.join(name)).unwrap();
        std::fs::create_dir(root.join("folder")).unwrap();
        std::fs::write(root.join("folder/real"), "a").unwrap();
        link("folder/real", "link");
        link("folder", "way");
        for (source, copy, guilty) in [
            ("folder/real", "link", "link"),
            ("link", "folder/real", "link"),
            ("folder/real", "way/real", "way/real"),
        ] {
            let found = Copies::new(root, &root.join(source), &[root.join(copy)]).compare().unwrap();
            assert!(found[0].why.contains("symbolic link"), "{}", found[0].why);
            assert_eq!(found[0].file, Some(root.join(guilty)));
        }
    }

    #[test]
    fn folders_are_compared_file_by_file() {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap();
        for file in
            ["one/a.prisma", "one/deep/b.prisma", "two/a.prisma", "two/deep/b.prisma", "two/notes.txt"]
        {
            std::fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
            std::fs::write(root.join(file), "same\n").unwrap();
        }
        let (source, copies) = (root.join("one"), [root.join("two")]);
        let compared = || Copies::new(root, &source, &copies).compare().unwrap();
        assert!(compared().is_empty());
        std::fs::write(root.join("two/deep/b.prisma"), "same\nother\n").unwrap();
        assert_eq!(compared()[0].file, Some(root.join("two/deep/b.prisma")));
        std::fs::remove_file(root.join("two/deep/b.prisma")).unwrap();
        assert!(
            compared()[0].why.contains("lacks") || compared()[0].why.contains("order"),
            "{}",
            compared()[0].why
        );
    }
}
