//! How a database's URL gets to the engine: a command line can be read by everybody on the machine, an environment only
//! by the same user.

use url::Url;

/// Where the URL is, for the CLIs of 5 and 6 and for our engine.
pub(super) const VARIABLE: &str = "RUN_MIGRATION_TEMPORARY_DATABASE";

/// What stands in for a URL that must not be seen. It leads nowhere.
pub(super) const PLACEHOLDER: &str = "postgresql://hidden@localhost:1/hidden";

/// Whether a password is in `url`. What cannot be read may hold one.
pub(super) fn holds_password(url: &str) -> bool {
    let Ok(url) = Url::parse(url.trim()) else { return true };
    url.password().is_some() || url.query_pairs().any(|(key, _)| key.contains("password"))
}

#[cfg(test)]
mod tests {
    use super::holds_password;

    #[test]
    fn a_password_is_seen_wherever_it_stands() {
        for (url, wanted) in [
            ("postgresql://u:p@h/d", true),
            ("postgresql://u@h/d?sslidentity=x&sslpassword=p", true),
            ("postgresql://u@h/d?password=p", true),
            ("postgresql://u:p/w@h/d", true),
            ("no url", true),
            ("postgresql://u@localhost:5432/d?host=/tmp/x&schema=app", false),
        ] {
            assert_eq!(holds_password(url), wanted, "{url}");
        }
    }
}
