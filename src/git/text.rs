//! Text that others wrote, made safe to show.

use crate::redact::redact;

/// `text` in one line: without credentials, and with everything that could move a cursor, change a colour or
/// reverse the reading direction spelled out. Longer than `limit` characters, it is cut.
pub(crate) fn harmless(text: &str, limit: usize) -> String {
    let mut safe = String::new();
    for (position, character) in redact(text).chars().enumerate() {
        if position == limit {
            safe.push('…');
            break;
        }
        match character {
            '\t' => safe.push(' '),
            character if is_deceptive(character) => safe.extend(character.escape_unicode()),
            character => safe.push(character),
        }
    }
    safe
}

/// Whether a character could make a text look like another one.
pub(super) fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// A remote's URL without credentials. The user `git` of an SSH address is none.
pub(crate) fn harmless_url(url: &str) -> String {
    let without_user = match url.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            let (path, query) = path.split_once('?').map_or((path, ""), |(path, _)| (path, "?***"));
            format!("{scheme}://{host}{path}{query}")
        }
        None => match url.split_once('@') {
            Some((user, rest)) if user != "git" && !user.contains(['/', ':']) && rest.contains(':') => {
                rest.to_owned()
            }
            _ => url.to_owned(),
        },
    };
    harmless(&without_user, 300)
}

/// What git had to say, in one line: its own last words rather than traces and advice.
pub(crate) fn complaint(stderr: &[u8]) -> String {
    const LINES: usize = 4;
    let text = String::from_utf8_lossy(stderr);
    let spoken: Vec<_> =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("hint:")).collect();
    let last = spoken.get(spoken.len().saturating_sub(LINES)..).unwrap_or_default();
    last.iter().map(|line| harmless(line, 300)).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_cannot_fake_the_terminal() {
        assert_eq!(harmless("a\u{1b}[2Jb\rc\u{202e}d\te", 80), "a\\u{1b}[2Jb\\u{d}c\\u{202e}d e");
        assert_eq!(harmless("abcdef", 3), "abc…");
        assert_eq!(harmless("push to https://me:pw@host/x", 80), "push to https://***@host/x");
    }

    #[test]
    fn urls_lose_their_credentials() {
        for (given, wanted) in [
            ("https://me:pw@host/team/x.git", "https://host/team/x.git"),
            ("https://token@host:8443/x.git", "https://host:8443/x.git"),
            ("https://host/x@y.git", "https://host/x@y.git"),
            ("https://me:p@ss@host/x", "https://host/x"),
            ("ssh://token@host:22/x.git", "ssh://host:22/x.git"),
            ("git@github.com:team/x.git", "git@github.com:team/x.git"),
            ("token@host:team/x.git", "host:team/x.git"),
            ("https://host/x?private_token=abc", "https://host/x?***"),
            ("/srv/a@b:c.git", "/srv/a@b:c.git"),
            ("file:///srv/x.git", "file:///srv/x.git"),
        ] {
            assert_eq!(harmless_url(given), wanted);
        }
    }

    #[test]
    fn the_complaint_is_the_end_without_advice() {
        let stderr = b"remote: gone\nfatal: repository not found\nhint: do this\n\n";
        assert_eq!(complaint(stderr), "remote: gone; fatal: repository not found");
    }
}
