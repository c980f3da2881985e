//! What of a schema's text can be told without Prisma: where its datasource stands, and what is a comment.

use std::{ops::Range, sync::LazyLock};

use regex::Regex;

#[expect(clippy::unwrap_used, reason = "literal patterns, compiled by the tests below")]
pub(super) static ENV: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"\benv\(\s*"([A-Za-z_][A-Za-z0-9_]*)"\s*\)"#).unwrap());
#[expect(clippy::unwrap_used, reason = "literal patterns, compiled by the tests below")]
static DATASOURCE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?m)^[ \t]*datasource[ \t]+\w+[ \t]*\{").unwrap());
#[expect(clippy::unwrap_used, reason = "literal patterns, compiled by the tests below")]
pub(super) static PROVIDER: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"(?m)^[ \t]*provider[ \t]*=[ \t]*"([^"\n]*)""#).unwrap());
#[expect(clippy::unwrap_used, reason = "literal patterns, compiled by the tests below")]
static URL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?m)^[ \t]*(?:url|directUrl|shadowDatabaseUrl)[ \t]*=[ \t]*(?:"(?:[^"\\\n]|\\.)*"|env\([^)\n]*\))"#)
        .unwrap()
});
#[expect(clippy::unwrap_used, reason = "literal patterns, compiled by the tests below")]
pub(super) static OWN_URL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?m)^[ \t]*url[ \t]*=[ \t]*(?:"(?<written>[^"\n]*)"|env\([ \t]*"(?<variable>[^"\n]*)")"#)
        .unwrap()
});

/// Where the datasource block stands in `text`, braces included.
pub(super) fn datasource(text: &str) -> Option<Range<usize>> {
    datasource_in(&without_comments(text))
}

/// The same of a text whose comments are blanked out.
fn datasource_in(masked: &str) -> Option<Range<usize>> {
    let start = DATASOURCE.find(masked)?;
    let bytes = masked.as_bytes();
    let mut end = start.end();
    while end < bytes.len() && bytes[end] != b'}' {
        end = if bytes[end] == b'"' { end_of_string(bytes, end) } else { end + 1 };
    }
    Some(start.start()..(end + 1).min(bytes.len()))
}

/// `text` with the datasource's URLs blanked out: every line keeps its number.
pub(super) fn without_urls(text: &str) -> String {
    let masked = without_comments(text);
    let Some(block) = datasource_in(&masked) else { return text.to_owned() };
    let mut copy = text.as_bytes().to_vec();
    for url in URL.find_iter(&masked[block.clone()]) {
        copy[block.start + url.start()..block.start + url.end()].fill(b' ');
    }
    String::from_utf8(copy).unwrap_or_else(|_| text.to_owned())
}

/// `text` with its comments blanked out, byte for byte, so that places in it are places in `text`.
pub(super) fn without_comments(text: &str) -> String {
    let mut masked = text.as_bytes().to_vec();
    let mut rest = 0;
    while let Some(next) = memchr::memchr2(b'"', b'/', &masked[rest..]) {
        rest += next;
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
