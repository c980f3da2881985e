//! A human's consent: `--allow-destructive`, `--allow RULE:OBJECT`, and what they leave in the file.

use std::{collections::BTreeSet, str::FromStr};

use super::{name::Name, sql, waiver};
use crate::finding::{Consent, Finding, Severity};

/// One thing that a human allows: a rule's finding on one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowance {
    /// The rule's id.
    pub rule: String,
    /// The object, as reports print it or as SQL would have it.
    pub object: String,
}

/// A text that is no `RULE:OBJECT`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no RULE:OBJECT, such as drop_column:User.email")]
pub struct NoAllowance(String);

impl FromStr for Allowance {
    type Err = NoAllowance;

    fn from_str(text: &str) -> Result<Self, NoAllowance> {
        let (rule, object) = text.split_once(':').ok_or_else(|| NoAllowance(text.to_owned()))?;
        let (rule, object) = (rule.trim(), object.trim());
        if rule.is_empty() || object.is_empty() {
            return Err(NoAllowance(text.to_owned()));
        }
        Ok(Self { rule: rule.to_owned(), object: object.to_owned() })
    }
}

impl Allowance {
    /// Whether this is consent to `finding`.
    #[must_use]
    pub fn covers(&self, finding: &Finding) -> bool {
        self.rule == finding.rule
            && (self.object == finding.object || parts(&self.object) == parts(&finding.object))
    }
}

/// The parts of a name, without `public`.
fn parts(object: &str) -> Vec<String> {
    let mut parts = Name::split(object);
    if parts.len() > 1 && parts[0] == "public" {
        parts.remove(0);
    }
    parts
}

/// What a human consents to on the command line.
#[derive(Debug, Clone, Default)]
pub struct Consents {
    /// `--allow-destructive`: everything that refuses.
    pub everything: bool,
    /// `--allow`, each.
    pub allow: Vec<Allowance>,
    /// `--reason`, or the human's own words.
    pub reason: Option<String>,
}

/// An `--allow` that is consent to nothing here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("--allow {rule}:{object} allows nothing here; {}", candidates(.could_be))]
pub struct Unmatched {
    /// The rule that was named.
    pub rule: String,
    /// The object that was named.
    pub object: String,
    /// What could have been named.
    pub could_be: Vec<String>,
}

fn candidates(could_be: &[String]) -> String {
    if could_be.is_empty() {
        "there is nothing to allow".into()
    } else {
        format!("what there is to allow: {}", could_be.join(", "))
    }
}

/// Marks the findings that `consents` lets through.
///
/// # Errors
/// Where an `--allow` covers none of the findings: it was misspelled, or the change is not the expected one.
pub fn apply(findings: &mut [Finding], consents: &Consents) -> Result<(), Unmatched> {
    for allowance in &consents.allow {
        let mut covered = false;
        for finding in findings.iter_mut().filter(|finding| allowance.covers(finding)) {
            covered = true;
            finding.allowed.get_or_insert_with(|| Consent { by: "--allow", reason: consents.reason.clone() });
        }
        if !covered {
            let Allowance { rule, object } = allowance.clone();
            return Err(Unmatched { rule, object, could_be: allowable(findings) });
        }
    }
    if consents.everything {
        for finding in findings.iter_mut().filter(|finding| finding.refuses()) {
            finding.allowed = Some(Consent { by: "--allow-destructive", reason: consents.reason.clone() });
        }
    }
    Ok(())
}

/// What `--allow` could name, the refusing ones where there are any.
fn allowable(findings: &[Finding]) -> Vec<String> {
    let name = |finding: &Finding| format!("{}:{}", finding.rule, finding.object);
    let refusing: BTreeSet<_> = findings.iter().filter(|finding| finding.refuses()).map(name).collect();
    let any = findings.iter().filter(|finding| finding.severity > Severity::Info).map(name);
    if refusing.is_empty() { any.collect::<BTreeSet<_>>() } else { refusing }.into_iter().collect()
}

/// The command line that would allow exactly what refuses: `typed` is the one that was refused, the program's
/// name first. Quoted for a POSIX shell.
#[must_use]
pub fn command(typed: &[String], findings: &[Finding]) -> String {
    let mut seen = BTreeSet::new();
    let allow = findings
        .iter()
        .filter(|finding| finding.refuses())
        .map(|finding| format!("{}:{}", finding.rule, finding.object))
        .filter(|allowed| seen.insert(allowed.clone()))
        .flat_map(|allowed| ["--allow".to_owned(), allowed]);
    let words: Vec<String> = typed.iter().cloned().chain(allow).map(|word| shell_quote(&word)).collect();
    words.join(" ")
}

/// `word` as a POSIX shell reads it back.
#[must_use]
pub fn shell_quote(word: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "_-./:=@%+,".contains(character);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// `sql` with a waiver before every statement that a human's `--allow` or `--allow-destructive` let through with
/// a reason. What has no reason is written as it is.
#[must_use]
pub fn write_waivers(sql: &str, findings: &[Finding]) -> String {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let starts: Vec<usize> = sql::statement_starts(sql).collect();
    for finding in findings {
        let Some(Consent { by: "--allow" | "--allow-destructive", reason: Some(reason) }) = &finding.allowed
        else {
            continue;
        };
        let at = offset(sql, finding);
        let index = starts.partition_point(|start| *start <= at);
        let start = starts.get(index.saturating_sub(1)).copied().unwrap_or(0);
        let line = (start, waiver::line(finding.rule, &finding.object, reason));
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines.sort_by_key(|(start, _)| std::cmp::Reverse(*start));
    let mut written = sql.to_owned();
    for (start, line) in lines {
        let begins_line = start == 0 || sql.as_bytes().get(start - 1) == Some(&b'\n');
        let before = if begins_line { "" } else { "\n" };
        written.insert_str(start, &format!("{before}{line}\n"));
    }
    written
}

/// The byte that the finding's line and column are at.
fn offset(sql: &str, finding: &Finding) -> usize {
    let line = finding.line.unwrap_or(1).saturating_sub(1) as usize;
    let start = if line == 0 { 0 } else { sql.match_indices('\n').nth(line - 1).map_or(0, |(at, _)| at + 1) };
    let column = finding.column.unwrap_or(1).saturating_sub(1) as usize;
    start + sql[start..].char_indices().nth(column).map_or(0, |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::{Script, catalog::History, inspect, waiver::Waivers};

    const SQL: &str = "-- AlterTable\nALTER TABLE \"User\" ADD COLUMN x int,\n  DROP COLUMN \"email\";\n\n-- DropIndex\nDROP INDEX \"say \"\"hi\"\"\"; DROP TABLE a;\n";

    fn findings(sql: &str, waivers: Waivers) -> Vec<Finding> {
        inspect(&Script { file: None, sql }, &History::empty(), &waivers).unwrap()
    }

    fn refusing(findings: &[Finding]) -> Vec<String> {
        findings.iter().filter(|finding| finding.refuses()).map(|finding| finding.object.clone()).collect()
    }

    fn consents(allow: &[&str], reason: Option<&str>) -> Consents {
        let allow = allow.iter().map(|text| text.parse().unwrap()).collect();
        Consents { everything: false, allow, reason: reason.map(str::to_owned) }
    }

    #[test]
    fn what_is_printed_can_be_allowed_and_nothing_else_goes_with_it() {
        for allowed in ["User.email", "public.User.email", "\"User\".\"email\""] {
            let mut found = findings(SQL, Waivers::Ignored);
            apply(&mut found, &consents(&[&format!("drop_column:{allowed}")], None)).unwrap();
            assert_eq!(refusing(&found), [r#""say ""hi""""#, "a"]);
        }
    }

    #[test]
    fn an_allowance_that_matches_nothing_names_what_it_could_have_been() {
        let mut found = findings(SQL, Waivers::Ignored);
        let error = apply(&mut found, &consents(&["drop_column:User.mail"], None)).unwrap_err().to_string();
        assert_eq!(
            error,
            "--allow drop_column:User.mail allows nothing here; what there is to allow: drop_column:User.email, \
             drop_index:\"say \"\"hi\"\"\", drop_table:a"
        );
    }

    #[test]
    fn everything_is_everything() {
        let mut found = findings(SQL, Waivers::Ignored);
        apply(&mut found, &Consents { everything: true, ..Consents::default() }).unwrap();
        assert_eq!(refusing(&found), Vec::<String>::new());
        assert!(found.iter().all(|finding| finding.allowed.as_ref().unwrap().by == "--allow-destructive"));
    }

    #[test]
    fn the_command_allows_exactly_what_refuses() {
        let typed = ["run-migration", "my change"].map(str::to_owned);
        assert_eq!(
            command(&typed, &findings(SQL, Waivers::Ignored)),
            "run-migration 'my change' --allow drop_column:User.email --allow 'drop_index:\"say \"\"hi\"\"\"' \
             --allow drop_table:a"
        );
        assert_eq!(shell_quote("it's"), r"'it'\''s'");
    }

    #[test]
    fn what_was_allowed_stands_in_the_file_and_counts_there() {
        let mut found = findings(SQL, Waivers::Ignored);
        let consents =
            Consents { everything: true, reason: Some("nobody\nneeds it".into()), ..Consents::default() };
        apply(&mut found, &consents).unwrap();
        let written = write_waivers(SQL, &found);
        assert!(
            written.starts_with(
                "-- AlterTable\n-- run-migration: allow drop_column:User.email because nobody needs it\nALTER TABLE"
            ),
            "{written}"
        );
        let again = findings(&written, Waivers::Honoured { except: Vec::new() });
        assert_eq!(refusing(&again), Vec::<String>::new());
        assert_eq!(again.len(), found.len(), "no waiver is unused: {again:?}");
        assert_eq!(refusing(&findings(&written, Waivers::Ignored)).len(), 3);
    }

    #[test]
    fn without_a_reason_nothing_is_added_to_the_file() {
        let mut found = findings(SQL, Waivers::Ignored);
        apply(&mut found, &Consents { everything: true, ..Consents::default() }).unwrap();
        assert_eq!(write_waivers(SQL, &found), SQL);
    }
}
