//! A report for GitHub Actions: workflow commands, which become annotations on the files.
//!
//! The runner reads both output streams line by line and obeys what looks like a command. Names and texts that a
//! pull request brings must not: in a command they are escaped, everywhere else [`harmless`] takes their effect away.

use std::{borrow::Cow, cmp::Reverse};

use camino::Utf8Path;

use super::{Report, agents, gates::Gate, markdown};
use crate::{
    finding::{Finding, Severity},
    outcome::Outcome,
};

/// GitHub cuts a title at 255 characters and refuses a message over 64 KiB; beyond a screenful nobody reads on.
const TITLE_LIMIT: usize = 200;
const MESSAGE_LIMIT: usize = 8_000;

/// GitHub's limit for a step's summary, in bytes.
const SUMMARY_LIMIT: usize = 1 << 20;

/// What is written on standard output: the result, and one command for each finding, the worst first, because
/// GitHub shows ten of each kind for a step.
#[must_use]
pub fn render(report: &Report) -> String {
    let mut out = report.result.as_deref().map(harmless).unwrap_or_default();
    out.extend(report.gates.iter().filter_map(|gate| of_gate(gate, report)));
    out.extend(of_the_whole(report));
    let mut findings: Vec<_> = report.findings.iter().collect();
    findings.sort_by_key(|finding| Reverse((finding.refuses(), finding.severity)));
    for finding in findings {
        out.push_str(&of_finding(finding, &report.prefix));
    }
    out
}

/// A Markdown summary for the file that `GITHUB_STEP_SUMMARY` names, within GitHub's limit.
#[must_use]
pub fn summary(report: &Report) -> String {
    markdown::render(report, SUMMARY_LIMIT)
}

/// `text` for a job's log: readable, but no line of it is a workflow command of either notation.
#[must_use]
pub fn harmless(text: &str) -> String {
    let visible: String =
        text.chars().map(|character| if is_invisible(character) { '\u{fffd}' } else { character }).collect();
    visible.split_inclusive(['\n', '\r']).map(disarm).collect()
}

/// The same for JSON, in which it stays the same value.
#[must_use]
pub fn harmless_json(json: &str) -> String {
    json.replace("##[", "\\u0023#[")
}

/// The old notation counts anywhere in a line, the new one after leading blanks; and what else is no visible
/// character there is not worth a guess.
fn disarm(line: &str) -> Cow<'_, str> {
    let line = match line.contains("##[") {
        true => Cow::Owned(line.replace("##[", "# #[")),
        false => Cow::Borrowed(line),
    };
    let first = line.find(|character: char| character.is_ascii_graphic() || character.is_alphanumeric());
    match first {
        Some(at) if line[at..].starts_with(':') => Cow::Owned(format!("{}|{}", &line[..at], &line[at..])),
        _ => line,
    }
}

/// Control characters, and characters that the runner's comparison of strings passes over as if they were not there.
pub(super) fn is_invisible(character: char) -> bool {
    match character {
        '\n' | '\r' | '\t' | '\u{1b}' => false,
        _ => {
            character.is_control()
                || matches!(character,
                    '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
                    | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                    | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
                    | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
                    | '\u{e0000}'..='\u{e0fff}')
        }
    }
}

/// The command for a gate that stops the run without a finding: one that could not be asked, or freshness.
fn of_gate(gate: &Gate, report: &Report) -> Option<String> {
    let title = format!("run-migration {}, gate {}", report.command, gate.name);
    match gate.outcome() {
        Outcome::Failed => {
            // The hint is the first one's that failed.
            let is_first = report.error.as_ref().is_some_and(|error| error.starts_with(gate.name));
            let hint = report.hint.as_deref().filter(|_| is_first);
            Some(command("error", &[("title", title)], &joined([Some(&gate.detail), hint])))
        }
        Outcome::RefusedStale => Some(stale(&gate.detail, report)),
        _ => None,
    }
}

/// The command for a run that failed as a whole, or was stopped by a branch that is behind.
fn of_the_whole(report: &Report) -> Option<String> {
    let is_told = report.gates.iter().any(|gate| gate.outcome() == Outcome::Failed);
    match (&report.error, &report.freshness, report.outcome) {
        (Some(error), _, _) if !is_told => {
            let title = format!("run-migration {}", report.command);
            Some(command("error", &[("title", title)], &joined([Some(error), report.hint.as_deref()])))
        }
        (None, Some(freshness), Outcome::RefusedStale) if report.gates.is_empty() => {
            Some(stale(&freshness.summary(), report))
        }
        _ => None,
    }
}

fn stale(summary: &str, report: &Report) -> String {
    let message = joined([Some(summary), report.hint.as_deref(), agents::notice(Outcome::RefusedStale)]);
    command("error", &[("title", "STALE BRANCH".to_owned())], &message)
}

fn joined<const N: usize>(parts: [Option<&str>; N]) -> String {
    parts.into_iter().flatten().collect::<Vec<_>>().join("\n")
}

fn of_finding(finding: &Finding, prefix: &Utf8Path) -> String {
    let mut properties = Vec::new();
    if let Some(file) = &finding.file {
        properties.push(("file", prefix.join(file).into_string()));
        properties.extend(finding.line.map(|line| ("line", line.to_string())));
        properties.extend(finding.line.and(finding.column).map(|column| ("col", column.to_string())));
    }
    properties.push(("title", cut(&format!("{}: {}", finding.rule, finding.object), TITLE_LIMIT)));
    let name = match finding.severity {
        Severity::Refuse if finding.refuses() => "error",
        Severity::Warn => "warning",
        Severity::Refuse | Severity::Info => "notice",
    };
    command(name, &properties, &message(finding))
}

fn message(finding: &Finding) -> String {
    let mut lines = vec![finding.why.clone(), format!("Instead: {}", finding.safer)];
    lines.extend(finding.proof.iter().map(|proof| format!("Proof: {proof}")));
    lines.extend(finding.created_in.iter().map(|migration| format!("Created by {migration}")));
    lines.extend(finding.allowed.iter().map(|consent| match &consent.reason {
        Some(reason) => format!("Allowed by {}: {reason}", consent.by),
        None => format!("Allowed by {}", consent.by),
    }));
    lines.join("\n")
}

fn command(name: &str, properties: &[(&str, String)], message: &str) -> String {
    let properties: Vec<_> = properties
        .iter()
        .map(|(key, value)| format!("{key}={}", escape(value).replace(':', "%3A").replace(',', "%2C")))
        .collect();
    let message = escape(&harmless(&cut(message, MESSAGE_LIMIT)));
    format!("::{name} {}::{message}\n", properties.join(","))
}

fn escape(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// At most `limit` characters of `text`.
pub(super) fn cut(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
