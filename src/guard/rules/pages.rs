//! The rules as pages for people.

use std::fmt::Write;

use super::{RULES, Rule};
use crate::{finding::Severity, history::rules as history};

/// What stands above the rules in the document.
const INTRODUCTION: &str = "\
# The guard's rules

Every statement is parsed as PostgreSQL parses it; comments, strings and quoted names never count. A statement in a
`DO` block counts where it stands, one in the body of a function or procedure only if the same script calls it or makes
it a trigger (else it is `info`). A text that is `EXECUTE`d counts if it is constant.

`refuse` stops (exit code 2) until a human consents or the cause is gone; `warn` and `info` do not.

What a script itself makes is free to be altered, filled, indexed and dropped in it. `CREATE TABLE IF NOT EXISTS` and
what is made in a condition may have been there before: that is enough to be altered, filled and indexed in silence,
but not to be dropped, emptied or overwritten.

A finding's object can be pasted into `--allow RULE:OBJECT`. In the SQL a waiver stands on a line of its own before the
statement, and counts only with a reason:

```sql
-- run-migration: allow drop_column:User.email because nobody has read it since 1.4
ALTER TABLE \"User\" DROP COLUMN \"email\";
```
";

/// What stands above the rules of the history.
const OF_THE_HISTORY: &str = "\
# The history's rules

What `check` and `release-check` find by comparing a history with that of the base or of the previous release, and by
itself. `refuse` stops with exit code 4. An `[[allow]]` entry in `run-migration.toml` lets a finding through; its object is
the migration's directory.
";

/// A severity's word.
#[must_use]
pub const fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Refuse => "refuse",
        Severity::Warn => "warn",
        Severity::Info => "info",
    }
}

/// A rule's page, in Markdown.
#[must_use]
pub fn page(rule: &Rule) -> String {
    let mut page = format!(
        "## {}\n\n`{}`: {}.\n\n{}\n\nInstead: {}\n",
        rule.id,
        word(rule.severity),
        rule.finds,
        rule.why,
        rule.safer
    );
    for (title, examples) in [("Found:", rule.bad), ("Fine:", rule.good)] {
        // Writing to a string cannot fail.
        let _ = write!(
            page,
            "\n{title}\n\n```sql\n{}\n```\n",
            examples.join("\n\n").replace('\u{feff}', "<U+FEFF>").trim_end()
        );
    }
    page
}

/// The page of a rule of the history.
#[must_use]
pub fn history_page(rule: &history::Rule) -> String {
    let history::Rule { id, severity, finds, why, safer } = rule;
    format!("## {id}\n\n`{}`: {finds}.\n\n{why}\n\nInstead: {safer}\n", word(*severity))
}

/// The page of the rule `id`, whichever it is of.
#[must_use]
pub fn page_of(id: &str) -> Option<String> {
    super::find(id).map(page).or_else(|| history::find(id).map(history_page))
}

/// Every rule's id.
pub fn ids() -> impl Iterator<Item = &'static str> {
    RULES.iter().map(|rule| rule.id).chain(history::RULES.iter().map(|rule| rule.id))
}

/// All of them, as `docs/rules.md` has them.
#[must_use]
pub fn document() -> String {
    let pages: Vec<String> = RULES.iter().map(|rule| page(rule)).collect();
    let history: Vec<String> = history::RULES.iter().map(history_page).collect();
    format!("{INTRODUCTION}\n{}\n{OF_THE_HISTORY}\n{}", pages.join("\n"), history.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_what_the_rules_say() {
        let written = include_str!("../../../docs/rules.md");
        assert!(
            written == document(),
            "docs/rules.md is out of date: cargo run -q -- lint --explain all > docs/rules.md"
        );
    }
}
