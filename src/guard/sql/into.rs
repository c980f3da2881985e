//! `INTO` in PL/pgSQL: where a query's row goes is no part of the query, so PL/pgSQL blanks it out before the
//! query is parsed. The same is done here, byte for byte, so that every place stays what it was.

use std::ops::Range;

use squawk_lexer::{TokenKind, tokenize};

/// A body without the `INTO` clauses of its queries.
pub(super) struct Blanked {
    /// The text, as long as the original.
    pub(super) text: String,
    /// The variables that the clauses named.
    pub(super) targets: Vec<String>,
}

/// A word or mark of the body.
struct Word<'a> {
    kind: TokenKind,
    text: &'a str,
    range: Range<usize>,
}

impl Word<'_> {
    fn is(&self, word: &str) -> bool {
        self.text.eq_ignore_ascii_case(word)
    }

    fn is_any(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(word))
    }
}

/// Blanks out the `INTO` clauses of `body`.
pub(super) fn blank(body: &str) -> Blanked {
    let words = words(body);
    let mut blanked = Blanked { text: body.to_owned(), targets: Vec::new() };
    let mut first = 0;
    let mut at = 0;
    while let Some(word) = words.get(at) {
        if word.is_any(&[";", "then", "else", "loop", "begin"]) {
            first = at + 1;
        }
        if word.is("into") && is_target(&words, first, at) {
            let end = clause(&words, at, &mut blanked.targets);
            let range = word.range.start..words.get(end - 1).map_or(word.range.end, |last| last.range.end);
            let spaces: String =
                body[range.clone()].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect();
            blanked.text.replace_range(range, &spaces);
            at = end;
        } else {
            at += 1;
        }
    }
    blanked
}

fn words(body: &str) -> Vec<Word<'_>> {
    let mut end = 0;
    tokenize(body)
        .filter_map(|token| {
            let start = end;
            end += token.len as usize;
            let is_space = matches!(
                token.kind,
                TokenKind::Whitespace | TokenKind::LineComment | TokenKind::BlockComment { .. }
            );
            (!is_space).then(|| Word { kind: token.kind, text: &body[start..end], range: start..end })
        })
        .collect()
}

/// Whether the `INTO` at `at` names variables: not in `INSERT INTO` and its like, and not in the statements of
/// PL/pgSQL's own that the parser knows.
fn is_target(words: &[Word<'_>], first: usize, at: usize) -> bool {
    let after_verb = at > 0 && words[at - 1].is_any(&["insert", "merge"]);
    let own = words.get(first).is_some_and(|first| first.is_any(&["execute", "fetch", "import"]));
    !after_verb && !own
}

/// The first word after the clause that begins at `at`; its variables go into `targets`.
fn clause(words: &[Word<'_>], at: usize, targets: &mut Vec<String>) -> usize {
    let mut at = at + 1;
    if words.get(at).is_some_and(|word| word.is("strict")) {
        at += 1;
    }
    loop {
        let Some(name) = words.get(at).filter(|word| is_name(word)) else { return at };
        targets.push(fold(name.text));
        at = accessors(words, at + 1);
        if !words.get(at).is_some_and(|word| word.is(",")) {
            return at;
        }
        at += 1;
    }
}

/// The first word after `.field` and `[index]`.
fn accessors(words: &[Word<'_>], mut at: usize) -> usize {
    while let Some(word) = words.get(at) {
        if word.is(".") {
            at += 2;
        } else if word.is("[") {
            at += words[at..].iter().position(|word| word.is("]")).map_or(1, |close| close + 1);
        } else {
            break;
        }
    }
    at.min(words.len())
}

fn is_name(word: &Word<'_>) -> bool {
    matches!(word.kind, TokenKind::Ident | TokenKind::QuotedIdent { .. })
}

fn fold(name: &str) -> String {
    match name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => name.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::blank;

    #[test]
    fn only_the_clauses_go_and_no_byte_moves() {
        for (body, wanted, targets) in [
            ("select a into x from t;", "select a        from t;", vec!["x"]),
            (
                "select into strict X.f[1], \"Y\" a, b from t;",
                "select                         a, b from t;",
                vec!["x", "Y"],
            ),
            (
                "insert into t values (1) returning a into x;",
                "insert into t values (1) returning a       ;",
                vec!["x"],
            ),
            ("execute q into x; merge into t", "execute q into x; merge into t", vec![]),
            ("if a then fetch c into x; end if", "if a then fetch c into x; end if", vec![]),
            (
                "select ' into x ', $$ into y $$ -- into z",
                "select ' into x ', $$ into y $$ -- into z",
                vec![],
            ),
            ("select é into\nx;", "select é     \n ;", vec!["x"]),
        ] {
            let blanked = blank(body);
            assert_eq!(blanked.text, wanted);
            assert_eq!(blanked.targets, targets, "{body}");
            assert_eq!(blanked.text.len(), body.len());
        }
    }
}
