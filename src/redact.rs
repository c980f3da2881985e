//! No secret leaves the tool: everything that is printed or put into an error passes through here.

use std::sync::LazyLock;

use regex::Regex;

/// Everything up to the last `@` before the path. In the URLs of databases people leave `/`, `?` and `#` in
/// passwords unencoded, so there it is everything up to the last `@` at all.
static USERINFO: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)\b((?:postgres|postgresql|prisma|prisma\+postgres)://)[^\s'"`]*@|\b([a-z][a-z0-9+.-]*://)[^\s/?#'"`]*@"#,
    )
});
static PASSWORD: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)\b((?:password|passwd|pwd|sslpassword|api_key|access_token|_authtoken|token)\s*[=:]\s*)('[^']*'|"[^"]*"|[^\s&'";,]+)"#,
    )
});

#[expect(clippy::unwrap_used, reason = "literal patterns, compiled by the tests below")]
fn pattern(literal: &str) -> Regex {
    Regex::new(literal).unwrap()
}

/// `text` without the credentials in it: user information in URLs and values of password-like keys.
#[must_use]
pub fn redact(text: &str) -> String {
    let without_userinfo = USERINFO.replace_all(text, "$1$2***@");
    PASSWORD.replace_all(&without_userinfo, "$1***").into_owned()
}

#[cfg(test)]
mod tests {
    use super::redact;

    #[test]
    fn credentials_go_and_the_rest_stays() {
        for (given, wanted) in [
            ("https://me:s3cret@host/x.git", "https://***@host/x.git"),
            ("https://ghp_token@host/x", "https://***@host/x"),
            ("postgresql://u:p@ss@h:5432/db", "postgresql://***@h:5432/db"),
            ("postgres://u:p/w?x#y@h/db", "postgres://***@h/db"),
            ("'postgres://u:p@h/db'", "'postgres://***@h/db'"),
            ("host=h password='a b' user=u", "host=h password=*** user=u"),
            ("postgres://h/db?sslpassword=x&a=b", "postgres://h/db?sslpassword=***&a=b"),
            ("git@host:team/x.git", "git@host:team/x.git"),
            ("see https://host/a@b", "see https://host/a@b"),
        ] {
            assert_eq!(redact(given), wanted, "{given}");
        }
    }
}
