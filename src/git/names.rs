//! Names that git is given, checked before git sees them: none can be taken for an option, a range or a pattern.

use std::{fmt, str::FromStr};

use super::text::is_deceptive;

/// Why a text is no name. Its display says what is wrong, for the person who typed it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no {kind}: {why}")]
pub struct NameError {
    text: String,
    kind: &'static str,
    why: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $check:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The name as it was typed.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                match $check(text) {
                    None => Ok(Self(text.to_owned())),
                    Some(why) => Err(NameError { text: text.to_owned(), kind: $kind, why }),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

name!(
    /// A branch's name, without `refs/heads/`.
    Branch,
    "name of a branch",
    wrong_with_branch
);
name!(
    /// The name of a configured remote, such as `origin`.
    RemoteName,
    "name of a remote",
    wrong_with_ref
);
name!(
    /// Anything that names one commit: a branch, a tag, an id, `HEAD~2`.
    Revision,
    "commit, branch or tag",
    wrong_with_revision
);
name!(
    /// The full id of a commit, in lower-case hexadecimal.
    CommitId,
    "commit id",
    wrong_with_commit_id
);

fn wrong_with_branch(text: &str) -> Option<&'static str> {
    match text {
        "HEAD" | "@" => Some("name the branch itself"),
        _ => wrong_with_ref(text),
    }
}

/// git's own rules for names of refs, as `git check-ref-format` has them.
fn wrong_with_ref(text: &str) -> Option<&'static str> {
    let has_component = |test: fn(&str) -> bool| text.split('/').any(test);
    if let Some(why) = wrong_with_any(text) {
        return Some(why);
    }
    if text.contains([' ', '~', '^', ':', '?', '*', '[', '\\']) {
        return Some("a space and ~ ^ : ? * [ \\ may not be in it");
    }
    if text.contains("@{") {
        return Some("it may not hold @{");
    }
    if has_component(str::is_empty) {
        return Some("it may not begin or end with a slash, nor hold two in a row");
    }
    if has_component(|part| part.starts_with('.') || part.ends_with(".lock")) || text.ends_with('.') {
        return Some("no part of it may begin with a dot or end with .lock, nor the whole with a dot");
    }
    None
}

fn wrong_with_revision(text: &str) -> Option<&'static str> {
    wrong_with_any(text).or_else(|| text.starts_with('^').then_some("it may not begin with ^"))
}

fn wrong_with_any(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        Some("it is empty")
    } else if text.starts_with('-') {
        Some("it may not begin with a hyphen")
    } else if text.contains("..") {
        Some("it may not hold two dots in a row")
    } else if text.contains(is_deceptive) {
        Some("it may not hold control characters or invisible ones")
    } else {
        None
    }
}

fn wrong_with_commit_id(text: &str) -> Option<&'static str> {
    let is_hex = text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    (!is_hex || !matches!(text.len(), 40 | 64)).then_some("it must have 40 or 64 hexadecimal digits")
}

impl CommitId {
    /// The id as people write it.
    #[must_use]
    pub fn short(&self) -> &str {
        self.0.get(..10).unwrap_or(&self.0)
    }
}

impl From<CommitId> for Revision {
    fn from(id: CommitId) -> Self {
        Self(id.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_that_git_accepts_are_accepted() {
        for name in
            ["main", "litellm_internal_staging", "feature/a-b", "v1.2", "ü", "a@b", "x/@", "release-1.0"]
        {
            assert_eq!(name.parse::<Branch>().map(|branch| branch.to_string()), Ok(name.to_owned()));
        }
    }

    #[test]
    fn what_git_could_take_for_something_else_is_refused() {
        for name in [
            "",
            "-main",
            "--upload-pack=x",
            "a..b",
            "a b",
            "a\nb",
            "a\u{1b}[31mb",
            "a\u{202e}b",
            "a~1",
            "a^",
            "a:b",
            "a?",
            "a*",
            "a[",
            "a\\b",
            "a@{1}",
            "@",
            "HEAD",
            "/a",
            "a/",
            "a//b",
            ".a",
            "a/.b",
            "a.lock",
            "a.lock/b",
            "a.",
            "+a:b",
        ] {
            assert!(name.parse::<Branch>().is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_revision_may_be_an_expression_but_neither_option_nor_range() {
        for good in ["HEAD~3", "origin/main", "v1.0^{commit}", "main@{upstream}", ":/fix"] {
            assert!(good.parse::<Revision>().is_ok(), "{good:?}");
        }
        for bad in ["--all", "a..b", "^main", "", "a\0b"] {
            assert!(bad.parse::<Revision>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_message_says_what_is_wrong_and_shows_no_control_characters() {
        let error = "-x".parse::<Branch>().unwrap_err();
        assert_eq!(error.to_string(), r#""-x" is no name of a branch: it may not begin with a hyphen"#);
        let error = "a\u{1b}[2J".parse::<RemoteName>().unwrap_err();
        assert_eq!(
            error.to_string(),
            r#""a\u{1b}[2J" is no name of a remote: it may not hold control characters or invisible ones"#
        );
    }

    #[test]
    fn ids_are_whole_and_lower_case() {
        let id = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(id.parse::<CommitId>().unwrap().short(), "0123456789");
        assert!("0123456".parse::<CommitId>().is_err());
        assert!(id.to_uppercase().parse::<CommitId>().is_err());
    }
}
