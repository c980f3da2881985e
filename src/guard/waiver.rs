//! Waivers in the SQL: `-- run-migration: allow RULE:OBJECT because REASON`, on a line of its own before the
//! statement that it is for.

use std::ops::Range;

use super::{consent::Allowance, rules, sql};

/// What a waiver's line begins with, after the dashes.
const MARK: &str = "run-migration:";

/// Whether waivers count.
#[derive(Debug, Clone, Default)]
pub enum Waivers {
    /// They count, but not for these rules.
    Honoured {
        /// The rules that the configuration forbids waivers for.
        except: Vec<String>,
    },
    /// They do not: deploying and releasing ask again.
    #[default]
    Ignored,
}

/// A comment that is a waiver, or looks as if it were meant to be one.
#[derive(Debug)]
pub(super) struct Waiver {
    /// The byte it begins at.
    pub(super) at: usize,
    /// Its text.
    pub(super) text: String,
    /// The bytes of the statement that it is for, its comments included.
    pub(super) scope: Range<usize>,
    /// What it allows and why, or what is wrong with it.
    pub(super) meaning: Result<(Allowance, String), String>,
}

/// The waivers in `sql`.
pub(super) fn find(sql: &str) -> Vec<Waiver> {
    let comments: Vec<_> = sql::line_comments(sql).filter(|(_, text)| is_meant(text)).collect();
    if comments.is_empty() {
        return Vec::new();
    }
    let scopes: Vec<_> = sql::statement_ranges(sql).collect();
    comments
        .into_iter()
        .map(|(at, text)| {
            let index = scopes.partition_point(|scope| scope.end <= at);
            let scope = scopes.get(index).cloned().unwrap_or(at..at);
            Waiver { at, text: text.trim_end().to_owned(), scope, meaning: read(text) }
        })
        .collect()
}

/// The line that allows `rule:object`.
#[must_use]
pub fn line(rule: &str, object: &str, reason: &str) -> String {
    let reason = reason.split_whitespace().collect::<Vec<_>>().join(" ");
    format!("-- {MARK} allow {rule}:{object} because {reason}")
}

/// Whether somebody meant the comment to be a waiver, well written or not.
fn is_meant(comment: &str) -> bool {
    let words = comment.trim_start_matches('-').trim_start().to_ascii_lowercase();
    ["run-migration", "run_migration"].into_iter().any(|name| {
        words.strip_prefix(name).is_some_and(|rest| {
            let rest = rest.trim_start();
            rest.starts_with(':') || rest.starts_with("allow")
        })
    })
}

fn read(comment: &str) -> Result<(Allowance, String), String> {
    let words = comment.trim_start_matches('-').trim();
    let form = format!("it must read `-- {MARK} allow RULE:OBJECT because REASON`");
    let rest = words.strip_prefix(MARK).ok_or_else(|| form.clone())?.trim_start();
    let rest =
        rest.strip_prefix("allow").filter(|rest| rest.starts_with(' ')).ok_or_else(|| form.clone())?.trim();
    let (what, reason) = match split_unquoted(rest, " because") {
        Some((what, reason)) => (what, reason.trim()),
        None => (rest, ""),
    };
    let allowance: Allowance =
        what.parse().map_err(|error: super::consent::NoAllowance| error.to_string())?;
    if rules::find(&allowance.rule).is_none() {
        return Err(format!("there is no rule `{}`", allowance.rule));
    }
    if reason.is_empty() {
        return Err("it gives no reason (`because ...`), so it does not count".into());
    }
    Ok((allowance, reason.to_owned()))
}

/// `text` before and after the first `mark` that is not within double quotes.
fn split_unquoted<'a>(text: &'a str, mark: &str) -> Option<(&'a str, &'a str)> {
    text.match_indices(mark)
        .find(|(at, _)| text[..*at].matches('"').count().is_multiple_of(2))
        .map(|(at, mark)| (&text[..at], &text[at + mark.len()..]))
}
