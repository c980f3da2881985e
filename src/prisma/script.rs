//! What `prisma migrate diff --script` answers, read.

use super::error::Error;

/// What every script of Prisma's begins with, for a step of the migration or for its absence.
const COMMENT: &str = "-- ";

/// The script in `answer`, which nothing but Prisma has written, or `None` where it holds no statement.
///
/// It is taken as it stands; whatever the CLI did about line ends at its end, it ends with exactly one.
pub(super) fn from_file(answer: &str) -> Option<String> {
    has_statement(answer).then(|| format!("{}\n", answer.trim_end_matches(['\n', '\r'])))
}

/// The same for standard output, where a wrapper may have written before Prisma: its lines are dropped.
///
/// # Errors
/// Where something is there that is no script.
pub(super) fn from_stdout(answer: &str) -> Result<Option<String>, Error> {
    match start_of_script(answer) {
        Some(start) => Ok(from_file(&answer[start..])),
        None if answer.trim().is_empty() => Ok(None),
        None => Err(no_script(answer)),
    }
}

/// Where the first comment of Prisma's begins.
fn start_of_script(answer: &str) -> Option<usize> {
    let mut start = 0;
    for line in answer.split_inclusive('\n') {
        if is_comment_of_prisma(line.trim_end()) {
            return Some(start);
        }
        start += line.len();
    }
    None
}

/// `-- CreateTable`, `-- This is an empty migration.`
fn is_comment_of_prisma(line: &str) -> bool {
    line.strip_prefix(COMMENT).is_some_and(|text| {
        text == "This is an empty migration."
            || text.starts_with(|first: char| first.is_ascii_uppercase())
                && text.chars().all(|letter| letter.is_ascii_alphabetic())
    })
}

/// Whether there is anything but comments and blanks.
fn has_statement(script: &str) -> bool {
    let mut rest = script;
    loop {
        rest = rest.trim_start_matches(|letter: char| letter.is_whitespace() || letter == ';');
        rest = if rest.starts_with("--") {
            rest.split_once('\n').map_or("", |(_, after)| after)
        } else if rest.starts_with("/*") {
            rest.split_once("*/").map_or("", |(_, after)| after)
        } else {
            return !rest.is_empty();
        };
    }
}

fn no_script(answer: &str) -> Error {
    let start: String = answer.trim().chars().take(200).collect();
    Error::NoScript { start: crate::redact::redact(&start) }
}

#[cfg(test)]
mod tests {
    use super::{from_file, from_stdout};

    const SCRIPT: &str = "-- AlterTable\nALTER TABLE \"A\" ADD COLUMN     \"b\" TEXT;";

    #[test]
    fn a_script_ends_with_one_line_end_and_is_otherwise_untouched() {
        for end in ["", "\n", "\n\n"] {
            assert_eq!(from_file(&format!("{SCRIPT}{end}")).unwrap(), format!("{SCRIPT}\n"), "{end:?}");
        }
    }

    #[test]
    fn nothing_to_execute_is_no_script() {
        for answer in ["", "\n", "-- This is an empty migration.\n\n", "-- AlterTable\n/* nothing\n */ ; \n"]
        {
            assert_eq!(from_file(answer), None, "{answer:?}");
            assert_eq!(from_stdout(answer).unwrap(), None, "{answer:?}");
        }
    }

    #[test]
    fn lines_of_a_wrapper_before_the_script_are_dropped() {
        let answer = format!("Installing Prisma CLI\nadded 2 packages -- done\n{SCRIPT}\n");
        assert_eq!(from_stdout(&answer).unwrap().unwrap(), format!("{SCRIPT}\n"));
        assert_eq!(from_stdout("Installing Prisma CLI\n-- This is an empty migration.\n").unwrap(), None);
    }

    #[test]
    fn noise_alone_is_an_error() {
        let error = from_stdout("Installing Prisma CLI\n").unwrap_err();
        assert!(error.to_string().contains("Installing Prisma CLI"), "{error}");
    }
}
