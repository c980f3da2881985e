//! A report as Markdown, for a page that renders it: names and texts from outside stay text there.

use super::{
    Report,
    gates::{Gate, Verdict},
    github::{cut, is_invisible},
};
use crate::finding::{Finding, Severity};

/// Longer statements are cut: the file holds them whole.
const STATEMENT_LIMIT: usize = 2_000;
const TEXT_LIMIT: usize = 1_000;

/// The report in at most `limit` bytes. What does not fit is counted, and the worst comes first.
#[must_use]
pub fn render(report: &Report, limit: usize) -> String {
    let mut page = Page { text: heading(report), limit: limit.saturating_sub(ROOM_FOR_THE_REST) };
    let gates: Vec<_> = report.gates.iter().collect();
    page.push_all("\n| Gate | Verdict | |\n|---|---|---|\n", &gates, gate);
    let mut findings: Vec<_> = report.findings.iter().collect();
    findings.sort_by_key(|finding| std::cmp::Reverse((finding.refuses(), finding.severity)));
    page.push_all(FINDINGS, &findings, row);
    findings.retain(|finding| finding.refuses() && !finding.statement.is_empty());
    page.push_all("", &findings, statement);
    let notes: Vec<_> = report.notes.iter().collect();
    page.push_all("\n", &notes, |note| format!("- {}\n", text(note)));
    page.text
}

const FINDINGS: &str = "\n| | Rule | Object | Where | Why, and what instead |\n|---|---|---|---|---|\n";

/// Room for the lines that count what was left out.
const ROOM_FOR_THE_REST: usize = 512;

/// A text that does not outgrow its limit.
struct Page {
    text: String,
    limit: usize,
}

impl Page {
    /// `title` and the items, or as many of them as there is room for.
    fn push_all<T: Copy>(&mut self, title: &str, items: &[T], item: impl Fn(T) -> String) {
        for (position, each) in items.iter().enumerate() {
            let piece = item(*each);
            let before = if position == 0 { title } else { "" };
            if self.text.len() + before.len() + piece.len() > self.limit {
                self.text.push_str(&format!("\nand {} more: see the log.\n", items.len() - position));
                return;
            }
            self.text.push_str(before);
            self.text.push_str(&piece);
        }
    }
}

fn heading(report: &Report) -> String {
    let outcome = report.outcome;
    let mut out = format!(
        "## run-migration {}: {}\n\nExit code {}\n",
        text(report.command),
        outcome.name().replace('_', " "),
        outcome.exit_code()
    );
    let stale =
        report.freshness.as_ref().filter(|_| outcome.is_refusal()).map(|freshness| freshness.summary());
    let paragraphs = [report.error.as_deref(), stale.as_deref(), report.hint.as_deref()];
    for paragraph in paragraphs.into_iter().flatten().chain(report.agent_notices()) {
        out.push_str(&format!("\n{}\n", text(paragraph)));
    }
    out
}

fn gate(gate: &Gate) -> String {
    let word = match gate.verdict {
        Verdict::Stopped(_) => format!("**{}**", gate.word()),
        Verdict::Passed | Verdict::LeftOut => gate.word().to_owned(),
    };
    format!("| {} | {word} | {} |\n", gate.name, text(&gate.detail))
}

fn row(finding: &Finding) -> String {
    let verdict = match (&finding.allowed, finding.severity) {
        (Some(_), _) => "allowed",
        (None, Severity::Refuse) => "**refused**",
        (None, Severity::Warn) => "warning",
        (None, Severity::Info) => "info",
    };
    let place = match (&finding.file, finding.line) {
        (Some(file), Some(line)) => code(&format!("{file}:{line}")),
        (Some(file), None) => code(file.as_str()),
        (None, _) => String::new(),
    };
    format!(
        "| {verdict} | {} | {} | {place} | {} Instead: {} |\n",
        code(finding.rule),
        code(&finding.object),
        sentence(&finding.why),
        sentence(&finding.safer)
    )
}

fn sentence(words: &str) -> String {
    let full = text(words);
    if words.ends_with('.') { full } else { format!("{full}.") }
}

/// The statement as a block of code, within a fence that no line of it can close.
fn statement(finding: &Finding) -> String {
    let sql: String = visible(&cut(&finding.statement, STATEMENT_LIMIT), '\n');
    let longest = sql.split(|character| character != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    format!("\n{}\n\n{fence}sql\n{sql}\n{fence}\n", code(&finding.object))
}

fn code(words: &str) -> String {
    format!("<code>{}</code>", references(&cut(words, TEXT_LIMIT)))
}

/// A text within a line: no markup, no link, and nobody is called by it.
fn text(words: &str) -> String {
    let unlinked = references(&cut(words, TEXT_LIMIT));
    unlinked.replace("&#64;", "&#64;\u{200b}").replace("&#35;", "&#35;\u{200b}")
}

/// Every character that could mean something to Markdown or HTML as a reference to itself, which means nothing.
fn references(words: &str) -> String {
    visible(words, ' ')
        .chars()
        .map(|character| match character {
            ' ' | ',' | ';' | '\'' | '"' | '/' => character.to_string(),
            punctuation if punctuation.is_ascii_punctuation() => format!("&#{};", u32::from(punctuation)),
            other => other.to_string(),
        })
        .collect()
}

/// Without characters that cannot be seen; a line break becomes `line_break`.
fn visible(words: &str, line_break: char) -> String {
    words
        .replace("\r\n", "\n")
        .chars()
        .map(|character| match character {
            '\n' | '\r' => line_break,
            '\t' => ' ',
            hidden if hidden == '\u{1b}' || is_invisible(hidden) => '\u{fffd}',
            other => other,
        })
        .collect()
}
