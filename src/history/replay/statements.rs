//! Where the statements of a file begin and end: enough of PostgreSQL's lexer to find the one that failed.

use std::ops::Range;

/// The byte ranges of the statements in `sql`, without the comments and blanks before them and the semicolon
/// after them. Empty statements are left out, as PostgreSQL leaves them out.
pub(crate) fn split(sql: &str) -> Vec<Range<usize>> {
    let mut scanner = Scanner { bytes: sql.as_bytes(), at: 0 };
    let mut statements = Vec::new();
    let mut nesting = Nesting::default();
    let mut start = None;
    while let Some(token) = scanner.next_token() {
        match &token {
            Token::Blank => continue,
            Token::Semicolon(at) if nesting.is_outside() => {
                if let Some(start) = start.take() {
                    statements.push(start..*at);
                }
                nesting = Nesting::default();
                continue;
            }
            Token::Word(word) => nesting.word(&sql[word.clone()]),
            Token::Open(_) => nesting.parentheses += 1,
            Token::Close(_) => nesting.parentheses = nesting.parentheses.saturating_sub(1),
            Token::Semicolon(_) | Token::Other(_) => {}
        }
        start = start.or(Some(token.start()));
    }
    statements.extend(start.map(|start| start..start + sql[start..].trim_end().len()));
    statements
}

/// The actions of an `ALTER TABLE` that has several, each as a statement of its own.
pub(crate) fn actions(statement: &str) -> Option<Vec<String>> {
    let mut tokens = Vec::new();
    let mut scanner = Scanner { bytes: statement.as_bytes(), at: 0 };
    while let Some(token) = scanner.next_token() {
        if !matches!(token, Token::Blank) {
            tokens.push(token);
        }
    }
    let text = |token: &Token| match token {
        Token::Word(range) | Token::Other(range) => &statement[range.clone()],
        _ => "",
    };
    let is = |place: usize, word: &str| {
        tokens.get(place).is_some_and(|token| text(token).eq_ignore_ascii_case(word))
    };
    if !is(0, "alter") || !is(1, "table") {
        return None;
    }
    let mut name = 2;
    name += if is(name, "if") { 2 } else { 0 };
    name += usize::from(is(name, "only"));
    name += if is(name + 1, ".") { 3 } else { 1 };
    name += usize::from(is(name, "*"));
    let mut starts = vec![tokens.get(name)?.start()];
    let (mut depth, mut ends) = (0_usize, Vec::new());
    for token in &tokens[name..] {
        match token {
            Token::Open(_) => depth += 1,
            Token::Close(_) => depth = depth.saturating_sub(1),
            Token::Other(range) if depth == 0 && text(token) == "," => {
                ends.push(range.start);
                starts.push(range.end);
            }
            _ => {}
        }
    }
    ends.push(statement.len());
    let prefix = &statement[..starts[0]];
    let action = |(start, end): (&usize, usize)| format!("{prefix}{}", &statement[*start..end]);
    (starts.len() > 1).then(|| starts.iter().zip(ends).map(action).collect())
}

/// Where the text of the first string in `statement` begins: the body of a `DO` block or of a function.
pub(super) fn body_start(statement: &str) -> Option<usize> {
    let mut scanner = Scanner { bytes: statement.as_bytes(), at: 0 };
    loop {
        match scanner.next_token()? {
            Token::Other(range) => match statement.as_bytes()[range.start] {
                b'\'' => return Some(range.start + 1),
                b'$' => return Some(range.start + dollar_tag(&statement.as_bytes()[range.start..])?),
                _ => {}
            },
            _ => continue,
        }
    }
}

/// What a semicolon may stand in without ending the statement: the parentheses of a rule, and the body of a
/// function in SQL's own form (`BEGIN ATOMIC ... END`).
#[derive(Default)]
struct Nesting {
    parentheses: usize,
    blocks: usize,
    words: usize,
    makes_routine: bool,
    creates: bool,
    after_begin: bool,
}

impl Nesting {
    const fn is_outside(&self) -> bool {
        self.parentheses == 0 && self.blocks == 0
    }

    fn word(&mut self, word: &str) {
        let is = |keyword: &str| word.eq_ignore_ascii_case(keyword);
        self.words += 1;
        self.creates |= self.words == 1 && is("create");
        self.makes_routine |= self.creates && self.words <= 4 && (is("function") || is("procedure"));
        if !self.makes_routine || self.parentheses > 0 {
            return;
        }
        match self.blocks {
            0 if self.after_begin && is("atomic") => self.blocks = 1,
            0 => {}
            _ if is("case") => self.blocks += 1,
            _ if is("end") => self.blocks -= 1,
            _ => {}
        }
        self.after_begin = is("begin");
    }
}

enum Token {
    /// White space or a comment.
    Blank,
    Word(Range<usize>),
    Semicolon(usize),
    Open(usize),
    Close(usize),
    /// A string, a quoted identifier, a number, an operator.
    Other(Range<usize>),
}

impl Token {
    const fn start(&self) -> usize {
        match self {
            Self::Blank => 0,
            Self::Word(range) | Self::Other(range) => range.start,
            Self::Semicolon(at) | Self::Open(at) | Self::Close(at) => *at,
        }
    }
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    fn next_token(&mut self) -> Option<Token> {
        let start = self.at;
        let rest = &self.bytes[start..];
        let first = *rest.first()?;
        let blank = |length| (length, Token::Blank);
        let other = |length: usize| (length, Token::Other(start..start + length));
        let (length, token) = match first {
            b';' => (1, Token::Semicolon(start)),
            b'(' => (1, Token::Open(start)),
            b')' => (1, Token::Close(start)),
            b'-' if rest.starts_with(b"--") => blank(until(rest, b"\n", 2)),
            b'/' if rest.starts_with(b"/*") => blank(comment(rest)),
            b'\'' => other(quoted(rest, Escapes::None)),
            b'"' => other(quoted(rest, Escapes::None)),
            b'$' => match dollar_tag(rest) {
                Some(tag) => other(until(rest, &rest[..tag], tag)),
                None => other(1),
            },
            b'e' | b'E' if rest.get(1) == Some(&b'\'') => other(1 + quoted(&rest[1..], Escapes::Backslash)),
            _ if first.is_ascii_whitespace() => blank(1),
            _ if starts_word(first) => {
                let length = rest.iter().position(|byte| !continues_word(*byte)).unwrap_or(rest.len());
                (length, Token::Word(start..start + length))
            }
            // `1$` and the like: a dollar sign within a number begins no string.
            _ if first.is_ascii_digit() => {
                other(rest.iter().position(|byte| !continues_word(*byte)).unwrap_or(rest.len()))
            }
            _ => other(1),
        };
        self.at += length;
        Some(token)
    }
}

#[derive(PartialEq)]
enum Escapes {
    None,
    Backslash,
}

const fn starts_word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || !byte.is_ascii()
}

const fn continues_word(byte: u8) -> bool {
    starts_word(byte) || byte.is_ascii_digit() || byte == b'$'
}

/// The length of a quoted text: its quote ends it, unless doubled.
fn quoted(text: &[u8], escapes: Escapes) -> usize {
    let quote = text[0];
    let mut at = 1;
    while at < text.len() {
        match text[at] {
            b'\\' if escapes == Escapes::Backslash => at += 2,
            byte if byte != quote => at += 1,
            _ if text.get(at + 1) == Some(&quote) => at += 2,
            _ => return at + 1,
        }
    }
    text.len()
}

/// The length of `$tag$`, where the text begins with one.
fn dollar_tag(text: &[u8]) -> Option<usize> {
    let end = 1 + text[1..].iter().position(|byte| *byte == b'$')?;
    let tag = &text[1..end];
    let is_tag =
        tag.first().is_none_or(|first| starts_word(*first)) && tag.iter().all(|byte| continues_word(*byte));
    is_tag.then_some(end + 1)
}

/// The length up to and with the first `end` at or after `from`.
fn until(text: &[u8], end: &[u8], from: usize) -> usize {
    text[from..]
        .windows(end.len())
        .position(|window| window == end)
        .map_or(text.len(), |at| from + at + end.len())
}

/// The length of a comment; comments nest.
fn comment(text: &[u8]) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    while at < text.len() {
        if text[at..].starts_with(b"/*") {
            (at, depth) = (at + 2, depth + 1);
        } else if text[at..].starts_with(b"*/") {
            (at, depth) = (at + 2, depth - 1);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(sql: &str) -> Vec<&str> {
        split(sql).into_iter().map(|range| &sql[range]).collect()
    }

    #[test]
    fn statements_end_at_the_semicolons_that_end_statements() {
        for (sql, wanted) in [
            ("", vec![]),
            (" -- nothing; here\n /* nor; /* here; */ */ ;; ", vec![]),
            ("SELECT 1", vec!["SELECT 1"]),
            ("-- first\nSELECT 1; SELECT 2 ;\n", vec!["SELECT 1", "SELECT 2 "]),
            (
                "SELECT ';', \"a;b\", E'\\';', 'it''s;'; SELECT 2",
                vec!["SELECT ';', \"a;b\", E'\\';', 'it''s;'", "SELECT 2"],
            ),
            ("SELECT '\\'; SELECT 2", vec!["SELECT '\\'", "SELECT 2"]),
            ("DO $x$ BEGIN; $$;$$ END $x$; SELECT 2", vec!["DO $x$ BEGIN; $$;$$ END $x$", "SELECT 2"]),
            ("SELECT a$1, 1$ ; SELECT $1; SELECT 3", vec!["SELECT a$1, 1$ ", "SELECT $1", "SELECT 3"]),
            (
                "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); SELECT 3",
                vec!["CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)", "SELECT 3"],
            ),
            (
                "CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END; SELECT 3",
                vec![
                    "CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END",
                    "SELECT 3",
                ],
            ),
            ("BEGIN; CREATE TABLE t (); COMMIT;", vec!["BEGIN", "CREATE TABLE t ()", "COMMIT"]),
            ("SELECT 'open; SELECT 2", vec!["SELECT 'open; SELECT 2"]),
            ("SELECT 'Grüße;'; SELECT ü", vec!["SELECT 'Grüße;'", "SELECT ü"]),
        ] {
            assert_eq!(texts(sql), wanted, "{sql}");
        }
    }

    #[test]
    fn the_actions_of_one_statement_become_statements() {
        let sql = "ALTER TABLE IF EXISTS ONLY \"a,b\".\"T\" ADD COLUMN x numeric(3,2) DEFAULT 1,\nDROP y";
        assert_eq!(
            actions(sql).unwrap(),
            [
                "ALTER TABLE IF EXISTS ONLY \"a,b\".\"T\" ADD COLUMN x numeric(3,2) DEFAULT 1",
                "ALTER TABLE IF EXISTS ONLY \"a,b\".\"T\" \nDROP y"
            ]
        );
        assert_eq!(actions("ALTER TABLE t ADD a numeric(3,2)"), None);
        assert_eq!(actions("ALTER INDEX t RENAME TO a, b"), None);
    }

    #[test]
    fn the_body_of_a_block_is_found() {
        for (statement, wanted) in [
            ("DO $$ BEGIN END $$", Some(5)),
            ("DO LANGUAGE plpgsql $body$x$body$", Some(26)),
            ("DO 'x'", Some(4)),
            ("SELECT 1", None),
        ] {
            assert_eq!(body_start(statement), wanted, "{statement}");
        }
    }
}
