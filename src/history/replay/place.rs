//! Which statement of a file failed, and in which line.

use tokio_postgres::error::{DbError, ErrorPosition};

use super::statements;

/// A statement longer than this many bytes is shown in part.
const SHOWN: usize = 1200;

/// How many lines before the fault a part shows.
const LINES_BEFORE: usize = 6;

/// A place in a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The line, from 1.
    pub(super) line: usize,
    /// The statement there, or the part of it around that line.
    pub(super) statement: String,
}

/// Where `error` happened in `sql`, of which `completed` statements had been done. An error that says where it
/// happened is believed; else it was the statement after those.
pub(super) fn of_error(sql: &str, completed: usize, error: Option<&DbError>) -> Option<Place> {
    let statements = statements::split(sql);
    let position = error.and_then(DbError::position);
    if let Some(ErrorPosition::Original(position)) = position {
        let offset = byte_offset(sql, *position);
        let statement = statements.iter().rev().find(|statement| statement.start <= offset);
        let range = statement.cloned().unwrap_or(offset..sql.len());
        return Some(Place {
            line: line_of(sql, offset),
            statement: excerpt(&sql[range.clone()], offset - range.start),
        });
    }
    let range = statements.get(completed)?.clone();
    let statement = &sql[range.clone()];
    let within = match position {
        Some(ErrorPosition::Internal { position, query }) => within_query(statement, query, *position),
        _ => None,
    }
    .or_else(|| within_block(statement, error?.where_()?))
    .unwrap_or(0);
    Some(Place { line: line_of(sql, range.start + within), statement: excerpt(statement, within) })
}

/// The line of a byte, from 1.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// PostgreSQL counts characters from 1.
fn byte_offset(text: &str, position: u32) -> usize {
    let characters = usize::try_from(position).unwrap_or(usize::MAX).saturating_sub(1);
    text.char_indices().nth(characters).map_or(text.len(), |(offset, _)| offset)
}

/// The place of a query that a block runs: it stands in the block as it is, unless it was put together there.
fn within_query(statement: &str, query: &str, position: u32) -> Option<usize> {
    let mut places = statement.match_indices(query);
    let (start, _) = places.next()?;
    places.next().is_none().then(|| start + byte_offset(query, position))
}

/// The line within a `DO` block that the error's context names. Line 1 is the one where the body begins.
fn within_block(statement: &str, context: &str) -> Option<usize> {
    const NAME: &str = "function inline_code_block line ";
    let digits = &context[context.rfind(NAME)? + NAME.len()..];
    let digits = &digits[..digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len())];
    let line: usize = digits.parse().ok()?;
    let body = statements::body_start(statement)?;
    let start = match line.checked_sub(2) {
        Some(skipped) => body + statement[body..].match_indices('\n').nth(skipped)?.0 + 1,
        None => body,
    };
    let indent = statement[start..].len() - statement[start..].trim_start_matches([' ', '\t']).len();
    Some(start + indent)
}

/// The statement, or where it is long the lines around `fault`, which is a byte offset in it.
fn excerpt(statement: &str, fault: usize) -> String {
    let statement = statement.trim_end();
    if statement.len() <= SHOWN {
        return statement.to_owned();
    }
    let before = &statement[..fault.min(statement.len())];
    let mut start = before.rmatch_indices('\n').nth(LINES_BEFORE).map_or(0, |(at, _)| at + 1);
    if fault.saturating_sub(start) > SHOWN / 2 {
        start = statement.floor_char_boundary(fault - SHOWN / 2);
    }
    let end = statement.floor_char_boundary((start + SHOWN).min(statement.len()));
    let (head, foot) =
        (if start > 0 { "...\n" } else { "" }, if end < statement.len() { "\n..." } else { "" });
    format!("{head}{}{foot}", &statement[start..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_characters_are_counted_as_postgresql_counts_them() {
        let sql = "-- Grüße\nSELECT 'ä', nix;";
        let offset = byte_offset(sql, 22);
        assert_eq!(&sql[offset..offset + 3], "nix");
        assert_eq!(line_of(sql, offset), 2);
        assert_eq!(byte_offset("ab", 9), 2);
    }

    #[test]
    fn a_block_s_lines_are_counted_from_where_its_body_begins() {
        let statement = "DO\n$$\nBEGIN\n  RAISE EXCEPTION 'x';\nEND $$";
        let offset = within_block(statement, "PL/pgSQL function inline_code_block line 3 at RAISE").unwrap();
        assert!(statement[offset..].starts_with("RAISE"), "{offset}");
        assert_eq!(within_block(statement, "SQL function \"f\" statement 1"), None);
    }

    #[test]
    fn a_query_that_stands_in_the_block_twice_is_not_guessed_at() {
        assert_eq!(within_query("DO $$ SELECT a $$", "SELECT a", 8), Some(13));
        assert_eq!(within_query("DO $$ SELECT a; SELECT a $$", "SELECT a", 8), None);
    }

    #[test]
    fn of_a_long_statement_the_lines_around_the_fault_are_shown() {
        let statement = (1..=500).map(|n| format!("line {n}\n")).collect::<String>();
        let fault = statement.find("line 300").unwrap();
        let shown = excerpt(&statement, fault);
        assert!(
            shown.starts_with("...\nline 294\n")
                && shown.contains("\nline 300\n")
                && shown.ends_with("\n...")
        );
        let one_line = "ä".repeat(5000);
        assert!(excerpt(&one_line, 5000).len() < SHOWN + 20);
    }
}
