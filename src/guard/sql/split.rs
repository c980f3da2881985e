//! Cutting a script into statements by its tokens alone, so that each is parsed on its own: memory stays
//! bounded by the longest statement, and what nests too deep is turned away before a parser recurses.

use std::ops::Range;

use squawk_lexer::{Token, TokenKind, tokenize};
use squawk_syntax::quote::strip_dollar_quotes;

/// Brackets in brackets. PostgreSQL's own parser gives up at a few thousand.
const DEEPEST: usize = 1_000;
/// Operators in a row without a comma: each one deepens the tree.
const LONGEST_CHAIN: usize = 20_000;
/// Blocks in blocks of a body.
const DEEPEST_BLOCK: usize = 500;
/// A statement's length in bytes. Its tree takes about forty times as much memory.
const LARGEST: usize = 32 << 20;

/// A piece of a script: a statement with the semicolon that ends it, and the space before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chunk {
    /// Its bytes in the script.
    pub(super) range: Range<usize>,
    /// Why it must not be parsed, and where that shows.
    pub(super) refusal: Option<(usize, String)>,
    /// Where its first word begins.
    pub(super) first: usize,
    /// Whether there is anything in it but space and comments.
    pub(super) is_blank: bool,
}

/// The chunks of `sql`, in order. Where the cut is wrong the pieces do not parse, which is the safe side.
pub(super) fn chunks(sql: &str) -> impl Iterator<Item = Chunk> {
    let mut tokens = tokenize(sql);
    let mut at = 0;
    std::iter::from_fn(move || {
        let mut scan = Scan::new(at);
        for token in tokens.by_ref() {
            let text = &sql[at..at + token.len as usize];
            at += token.len as usize;
            if scan.take(&token, text, at) {
                break;
            }
        }
        scan.finish(at)
    })
}

/// Why the text of a body or a string must not be parsed.
pub(super) fn refusal(text: &str) -> Option<String> {
    let within = chunks(text).find_map(|chunk| chunk.refusal).map(|(_, why)| why);
    within.or_else(|| {
        (blocks(text) > DEEPEST_BLOCK).then(|| too_much("more than 500 blocks inside each other"))
    })
}

fn too_much(what: &str) -> String {
    format!("{what}: too much to be checked")
}

/// How deep the blocks of a PL/pgSQL body nest.
fn blocks(body: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut before = "";
    let mut end = 0;
    for token in tokenize(body) {
        let word = &body[end..end + token.len as usize];
        end += word.len();
        let is_space = matches!(
            token.kind,
            TokenKind::Whitespace | TokenKind::LineComment | TokenKind::BlockComment { .. }
        );
        if is_space {
            continue;
        }
        let is = |words: &[&str], word: &str| words.iter().any(|one| word.eq_ignore_ascii_case(one));
        let opens_statement = is(&["", ";", "then", "else", "loop", "begin"], before);
        if is(&["begin", "loop", "case"], word) && !is(&["end"], before)
            || is(&["if"], word) && opens_statement
        {
            depth += 1;
            deepest = deepest.max(depth);
        } else if is(&["end"], word) {
            depth = depth.saturating_sub(1);
        }
        before = word;
    }
    deepest
}

/// The comments of `sql` that stand alone on their lines, each with the byte it begins at.
pub(super) fn line_comments(sql: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    tokenize(sql).filter_map(move |token| {
        let start = at;
        at += token.len as usize;
        let alone = || sql[..start].rsplit('\n').next().is_some_and(|before| before.trim().is_empty());
        (token.kind == TokenKind::LineComment && alone()).then(|| (start, &sql[start..at]))
    })
}

/// What is known of a chunk while its tokens go by.
struct Scan {
    start: usize,
    first: Option<usize>,
    depth: usize,
    chain: usize,
    words: usize,
    parses_bodies: bool,
    after_begin: bool,
    atomic: usize,
    refusal: Option<(usize, String)>,
}

impl Scan {
    const fn new(start: usize) -> Self {
        Self {
            start,
            first: None,
            depth: 0,
            chain: 0,
            words: 0,
            parses_bodies: false,
            after_begin: false,
            atomic: 0,
            refusal: None,
        }
    }

    /// Takes the token that ends at `end`; whether it ends the statement.
    fn take(&mut self, token: &Token, text: &str, end: usize) -> bool {
        let start = end - text.len();
        match token.kind {
            TokenKind::Whitespace | TokenKind::LineComment => return false,
            TokenKind::BlockComment { terminated } => {
                if !terminated {
                    self.refuse(start, "a comment that is never closed");
                }
                return false;
            }
            TokenKind::Semi if self.depth == 0 && self.atomic == 0 => return true,
            TokenKind::OpenParen | TokenKind::OpenBracket => self.open(start),
            TokenKind::CloseParen | TokenKind::CloseBracket => self.depth = self.depth.saturating_sub(1),
            TokenKind::Comma => self.chain = 0,
            TokenKind::Ident => self.word(text, start),
            TokenKind::Literal { .. } if self.parses_bodies => self.body(text, start),
            TokenKind::Literal { .. } | TokenKind::QuotedIdent { .. } | TokenKind::PositionalParam { .. } => {
            }
            _ => self.operator(start),
        }
        self.first.get_or_insert(start);
        if end - self.start > LARGEST {
            self.refuse(self.start, "a statement of more than 32 MB");
        }
        false
    }

    fn open(&mut self, at: usize) {
        self.depth += 1;
        if self.depth > DEEPEST {
            self.refuse(at, "more than 1000 brackets inside each other");
        }
    }

    fn operator(&mut self, at: usize) {
        self.chain += 1;
        if self.chain > LONGEST_CHAIN {
            self.refuse(at, "more than 20000 operators in a row");
        }
    }

    /// Words matter for `CREATE FUNCTION ... BEGIN ATOMIC a; b; END`, whose inner semicolons end nothing, and
    /// because some of them nest.
    fn word(&mut self, text: &str, at: usize) {
        let is = |word: &str| text.eq_ignore_ascii_case(word);
        self.words += 1;
        let names_a_body = self.words <= 4 && (is("function") || is("procedure"));
        if names_a_body || self.words == 1 && is("do") {
            self.parses_bodies = true;
        }
        if is("atomic") && self.after_begin && self.parses_bodies {
            self.atomic = 1;
        } else if self.atomic > 0 {
            if is("case") {
                self.atomic += 1;
            } else if is("end") {
                self.atomic -= 1;
            }
        }
        self.after_begin = is("begin");
        if ["not", "case", "and", "or", "union", "except", "intersect", "join"].into_iter().any(is) {
            self.operator(at);
        }
    }

    /// A body is parsed with the statement that it stands in.
    fn body(&mut self, literal: &str, at: usize) {
        let inner = strip_dollar_quotes(literal).unwrap_or_else(|| literal.trim_matches('\''));
        if self.refusal.is_none() {
            self.refusal = refusal(inner).map(|why| (at, why));
        }
    }

    fn refuse(&mut self, at: usize, what: &str) {
        if self.refusal.is_none() {
            self.refusal = Some((at, too_much(what)));
        }
    }

    fn finish(self, end: usize) -> Option<Chunk> {
        (end > self.start).then_some(Chunk {
            range: self.start..end,
            refusal: self.refusal,
            first: self.first.unwrap_or(self.start),
            is_blank: self.first.is_none(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(sql: &str) -> Vec<&str> {
        chunks(sql).filter(|chunk| !chunk.is_blank).map(|chunk| sql[chunk.range].trim()).collect()
    }

    #[test]
    fn statements_end_where_they_end() {
        assert_eq!(cut("a; b ;; c"), ["a;", "b ;", "c"]);
        assert_eq!(
            cut("select ';', \";\", $$;$$, $a$;$a$ -- ;\n/* ; */; b"),
            ["select ';', \";\", $$;$$, $a$;$a$ -- ;\n/* ; */;", "b"]
        );
        assert_eq!(
            cut("create rule r as on insert to t do (a; b); c"),
            ["create rule r as on insert to t do (a; b);", "c"]
        );
        let atomic = "create or replace function f() returns int begin atomic \
                      select case when true then 1 end; select 2; end;";
        assert_eq!(cut(&format!("{atomic} drop table t;")), [atomic, "drop table t;"]);
        assert_eq!(
            cut("begin; select atomic; end; drop table t"),
            ["begin;", "select atomic;", "end;", "drop table t"]
        );
    }

    #[test]
    fn what_nests_too_deep_is_turned_away() {
        for (sql, wanted) in [
            (format!("select {}1{}", "(".repeat(10_000), ")".repeat(10_000)), Some("brackets")),
            (format!("select {}true", "not ".repeat(30_000)), Some("operators")),
            (format!("select 1{}", "+1".repeat(30_000)), Some("operators")),
            (format!("select {}1", "1,".repeat(30_000)), None),
            (format!("select {}1{}", "(".repeat(900), ")".repeat(900)), None),
            ("select 1 /* open".to_owned(), Some("never closed")),
            (format!("do $$ begin {} end $$", "begin ".repeat(600)), Some("blocks")),
            (format!("do $$ {} $$", "if a then null; end if;".repeat(600)), None),
            (format!("create function f() as '{}'", "(".repeat(2_000)), Some("brackets")),
            (format!("insert into t values ('{}')", "(".repeat(2_000)), None),
        ] {
            let refusal = chunks(&sql).find_map(|chunk| chunk.refusal);
            assert_eq!(refusal.is_some(), wanted.is_some());
            if let (Some((_, refusal)), Some(wanted)) = (refusal, wanted) {
                assert!(refusal.contains(wanted), "{refusal}");
            }
        }
    }

    #[test]
    fn comments_alone_on_their_line_are_found() {
        let sql = "-- one\n  -- two\nselect 1; -- three\nselect '\n-- four\n';";
        let found: Vec<_> = line_comments(sql).map(|(_, text)| text).collect();
        assert_eq!(found, ["-- one", "-- two"]);
    }
}
