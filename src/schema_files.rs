//! The source schema and its copies: are they the same?

use camino::{Utf8Path, Utf8PathBuf};

use crate::finding::{Finding, Severity};

/// Larger than any schema; beyond it something is wrong.
const MAX_BYTES: u64 = 16 << 20;

/// The source schema cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// There is none.
    #[error("{0}: there is no such schema")]
    Missing(Utf8PathBuf),
    /// It is a link, a device, or too large.
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

/// Compares each of `copies` with `source`, byte for byte; a finding for each that differs, is missing or is no
/// regular file, and for a source that is none. Where there are no copies there is nothing to compare.
///
/// # Errors
/// Where the source cannot be read.
pub fn compare(source: &Utf8Path, copies: &[Utf8PathBuf]) -> Result<Vec<Finding>, SchemaError> {
    if copies.is_empty() {
        return Ok(Vec::new());
    }
    match read_regular(source) {
        Ok(wanted) => Ok(copies.iter().filter_map(|copy| compare_one(source, &wanted, copy)).collect()),
        Err(SchemaError::Unfit { path, cause }) => Ok(vec![finding(&path, None, String::new(), cause)]),
        Err(error) => Err(error),
    }
}

fn compare_one(source: &Utf8Path, wanted: &[u8], copy: &Utf8Path) -> Option<Finding> {
    let (line, statement, why) = match read_regular(copy) {
        Ok(found) if found == wanted => return None,
        Ok(found) => difference(source, wanted, &found),
        Err(SchemaError::Missing(_)) => {
            (None, String::new(), format!("there is no such file, but {source} must have a copy here"))
        }
        Err(SchemaError::Unfit { cause, .. }) => (None, String::new(), cause),
        Err(SchemaError::Io(error)) => (None, String::new(), format!("it cannot be read: {error}")),
    };
    Some(finding(copy, line, statement, why))
}

fn finding(file: &Utf8Path, line: Option<u32>, statement: String, why: String) -> Finding {
    Finding {
        rule: "schema_copy",
        severity: Severity::Refuse,
        object: file.to_string(),
        file: Some(file.to_owned()),
        line,
        column: None,
        statement,
        why,
        safer: "where the source is right, `run-migration sync` makes its copies equal; where a copy is right, bring \
                its lines into the source first"
            .into(),
        proof: Vec::new(),
        created_in: None,
        allowed: None,
    }
}

/// The first line that differs, both sides' text of it, and which side holds what the other lacks.
fn difference(source: &Utf8Path, wanted: &[u8], found: &[u8]) -> (Option<u32>, String, String) {
    let (wanted, found) = (String::from_utf8_lossy(wanted), String::from_utf8_lossy(found));
    let (theirs, ours): (Vec<_>, Vec<_>) = (wanted.split('\n').collect(), found.split('\n').collect());
    let first = theirs.iter().zip(&ours).take_while(|(a, b)| a == b).count();
    let show =
        |lines: &[&str]| lines.get(first).map_or("(end of file)".to_owned(), |line| format!("{line:?}"));
    let statement = format!("source: {}\ncopy:   {}", show(&theirs), show(&ours));
    let lacking = |side: &[&str], other: &[&str]| {
        let other: std::collections::HashSet<_> = other.iter().map(|line| line.trim()).collect();
        side.iter().filter(|line| !line.trim().is_empty() && !other.contains(line.trim())).count()
    };
    let why = match (lacking(&theirs, &ours), lacking(&ours, &theirs)) {
        (0, 0) => format!("it differs from {source} only in the order of lines or in white space"),
        (missing, 0) => format!("it lacks {} of {source}", lines(missing)),
        (0, extra) => format!("it holds {} that {source} lacks", lines(extra)),
        (missing, extra) => format!(
            "it lacks {} of {source}, and holds {} that the source lacks",
            lines(missing),
            lines(extra)
        ),
    };
    (u32::try_from(first + 1).ok(), statement, why)
}

fn lines(count: usize) -> String {
    if count == 1 { "1 line".into() } else { format!("{count} lines") }
}

/// The bytes of a regular file that is no link.
fn read_regular(path: &Utf8Path) -> Result<Vec<u8>, SchemaError> {
    let unfit = |cause: &str| SchemaError::Unfit { path: path.to_owned(), cause: cause.to_owned() };
    let metadata = match fs_err::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(SchemaError::Missing(path.to_owned()));
        }
        Err(error) => return Err(error.into()),
    };
    if metadata.is_symlink() {
        return Err(unfit(
            "it is a symbolic link: linking one schema to another would make every comparison empty",
        ));
    }
    if !metadata.is_file() {
        return Err(unfit("it is not a regular file"));
    }
    if metadata.len() > MAX_BYTES {
        return Err(unfit(&format!("it has {} bytes, more than {MAX_BYTES}", metadata.len())));
    }
    Ok(fs_err::read(path)?)
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
        compare(&source_path, &[copy_path]).unwrap()
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
    fn a_link_is_refused_on_either_side() {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap();
        std::fs::write(root.join("real"), "a").unwrap();
        std::os::unix::fs::symlink(root.join("real"), root.join("link")).unwrap();
        for (source, copy) in [("real", "link"), ("link", "real")] {
            let found = compare(&root.join(source), &[root.join(copy)]).unwrap();
            assert!(found[0].why.contains("symbolic link"));
            assert_eq!(found[0].file, Some(root.join("link")));
        }
    }
}
