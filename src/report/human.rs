//! A report for people: the result on standard output, everything else on standard error.

use std::fmt::Write;

use super::{Report, agents};
use crate::{
    finding::{Finding, Severity},
    freshness::Freshness,
    outcome::Outcome,
};

const RULE: &str = "================================================================================";

/// What a person reads on standard error after the stage lines.
#[must_use]
pub fn render(report: &Report) -> String {
    let mut out = String::new();
    for note in &report.notes {
        line(&mut out, &format!("note: {note}"));
    }
    match report.outcome {
        Outcome::RefusedStale => banner(&mut out, "STALE BRANCH", &stale(report)),
        Outcome::RefusedDestructive => {
            banner(&mut out, "DESTRUCTIVE MIGRATION DETECTED", &destructive(report))
        }
        Outcome::RefusedOutOfSync => banner(&mut out, "OUT OF SYNC", &findings(report.refusing())),
        _ => others(&mut out, report),
    }
    if let Some(error) = &report.error {
        line(&mut out, &format!("error: {error}"));
    }
    if !report.outcome.is_refusal()
        && let Some(hint) = &report.hint
    {
        line(&mut out, &format!("hint: {hint}"));
    }
    out
}

fn banner(out: &mut String, title: &str, body: &str) {
    line(out, RULE);
    line(out, title);
    line(out, RULE);
    out.push_str(body);
}

fn others(out: &mut String, report: &Report) {
    let allowed: Vec<_> = report.findings.iter().filter(|finding| finding.allowed.is_some()).collect();
    if !allowed.is_empty() {
        line(out, "allowed by a human's consent:");
        out.push_str(&findings(allowed.into_iter()));
    }
    out.push_str(&findings(
        report
            .findings
            .iter()
            .filter(|finding| finding.allowed.is_none() && finding.severity > Severity::Info),
    ));
}

fn stale(report: &Report) -> String {
    let mut out = String::new();
    if let Some(freshness) = &report.freshness {
        out.push_str(&missing_commits(freshness));
    }
    closing(&mut out, report);
    out
}

fn missing_commits(freshness: &Freshness) -> String {
    const SHOWN: usize = 20;
    let mut out = String::new();
    line(&mut out, &freshness.summary());
    line(&mut out, "A migration generated here would undo what these commits add:");
    for commit in freshness.commits.iter().take(SHOWN) {
        let mark = if commit.touches_schema { "schema  " } else { "        " };
        line(&mut out, &format!("  {mark}{} {} ({})", commit.short(), commit.subject, commit.author));
        for file in &commit.schema_files {
            line(&mut out, &format!("            {file}"));
        }
    }
    if let Some(more) =
        freshness.behind.checked_sub(SHOWN.min(freshness.commits.len())).filter(|more| *more > 0)
    {
        line(&mut out, &format!("  and {more} more"));
    }
    out
}

fn destructive(report: &Report) -> String {
    let mut out = String::new();
    line(&mut out, "Nothing was written. These statements destroy data or objects:");
    out.push_str(&findings(report.refusing()));
    closing(&mut out, report);
    out
}

/// The way on, and the paragraph to agents: in this order everywhere but where the way on is a consent.
fn closing(out: &mut String, report: &Report) {
    let notice = agents::notice(report.outcome).unwrap_or_default();
    let hint = report.hint.as_deref().unwrap_or_default();
    for paragraph in [notice, hint].into_iter().filter(|paragraph| !paragraph.is_empty()) {
        line(out, "");
        line(out, paragraph);
    }
}

fn findings<'a>(findings: impl Iterator<Item = &'a Finding>) -> String {
    let mut out = String::new();
    for finding in findings {
        finding_lines(&mut out, finding);
    }
    out
}

fn finding_lines(out: &mut String, finding: &Finding) {
    let severity = match finding.severity {
        Severity::Refuse => "refuse",
        Severity::Warn => "warning",
        Severity::Info => "info",
    };
    line(out, "");
    line(out, &format!("  {severity}  {}  {}", finding.rule, finding.object));
    let place = match (&finding.file, finding.line) {
        (Some(file), Some(line)) => format!("{file}:{line}: "),
        (Some(file), None) => format!("{file}: "),
        (None, Some(line)) => format!("line {line}: "),
        (None, None) => String::new(),
    };
    let mut statement = finding.statement.lines();
    line(out, &format!("      {place}{}", statement.next().unwrap_or_default()));
    for rest in statement {
        line(out, &format!("        {rest}"));
    }
    if let Some(migration) = &finding.created_in {
        line(out, &format!("      created by {migration}"));
    }
    for proof in &finding.proof {
        line(out, &format!("      proof: {proof}"));
    }
    line(out, &format!("      {}", finding.why));
    line(out, &format!("      instead: {}", finding.safer));
    if let Some(consent) = &finding.allowed {
        let reason = consent.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
        line(out, &format!("      allowed by {}{reason}", consent.by));
    }
}

fn line(out: &mut String, text: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{text}");
}
