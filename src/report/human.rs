//! A report for people: the result on standard output, everything else on standard error.

use std::fmt::Write;

use super::Report;
use crate::{
    cli::GlobalArgs,
    finding::{Finding, Severity},
    freshness::Freshness,
    outcome::{Interrupt, Outcome},
};

const RULE: &str = "================================================================================";
const ALARM: anstyle::Style = anstyle::AnsiColor::Red.on_default().bold();

/// What a person reads on standard error after the stage lines.
#[must_use]
pub fn render(report: &Report, settings: &GlobalArgs) -> String {
    let mut out = String::new();
    match report.outcome {
        _ if report.shows_findings => closing(&mut out, report),
        _ if !report.gates.is_empty() => out.push_str(&gates(report, settings)),
        Outcome::RefusedStale => banner(&mut out, "STALE BRANCH", &stale(report)),
        Outcome::RefusedDestructive => {
            banner(&mut out, "DESTRUCTIVE MIGRATION DETECTED", &destructive(report))
        }
        // The answer is the result on standard output; a probe's log has room for that and nothing else.
        Outcome::RefusedOutOfSync if report.database.is_some() => {
            out.push_str(&findings(report.refusing()));
            notes(&mut out, report);
            if !settings.quiet && report.hint.is_some() {
                closing(&mut out, report);
            }
        }
        Outcome::RefusedOutOfSync => banner(&mut out, "OUT OF SYNC", &out_of_sync(report)),
        Outcome::Interrupted(_) if report.command == "deploy" => {
            line(&mut out, "interrupted; the ledger says what was applied: run the same again for the rest");
        }
        Outcome::Interrupted(interrupt) => line(&mut out, interrupted(interrupt)),
        _ if settings.quiet => {}
        _ => out.push_str(&remarks(report)),
    }
    if let Some(error) = &report.error {
        line(&mut out, &format!("{ALARM}error{ALARM:#}: {error}"));
        if let Some(hint) = &report.hint {
            line(&mut out, &format!("hint: {hint}"));
        }
    }
    out
}

fn banner(out: &mut String, title: &str, body: &str) {
    line(out, RULE);
    line(out, &format!("{ALARM}{title}{ALARM:#}"));
    line(out, RULE);
    out.push_str(body);
}

/// Every gate that refuses with its banner and what it found, then a line for each gate.
fn gates(report: &Report, settings: &GlobalArgs) -> String {
    let mut out = String::new();
    for gate in &report.gates {
        let own = &report.findings[gate.findings.clone()];
        let refusing = || findings(own.iter().filter(|finding| finding.refuses()));
        match gate.outcome() {
            Outcome::RefusedStale => {
                banner(
                    &mut out,
                    "STALE BRANCH",
                    &report.freshness.as_ref().map(missing_commits).unwrap_or_default(),
                );
            }
            Outcome::RefusedDestructive => banner(&mut out, "DESTRUCTIVE MIGRATION DETECTED", &refusing()),
            Outcome::RefusedOutOfSync => banner(&mut out, "OUT OF SYNC", &refusing()),
            _ => {}
        }
    }
    if !settings.quiet {
        // What refuses stands above.
        out.push_str(&allowed(report));
        let warns = |finding: &&Finding| finding.severity == Severity::Warn && finding.allowed.is_none();
        out.push_str(&findings(report.findings.iter().filter(warns)));
        notes(&mut out, report);
    }
    for notice in report.agent_notices() {
        line(&mut out, "");
        line(&mut out, notice);
    }
    line(&mut out, "");
    for gate in &report.gates {
        line(&mut out, &format!("{:<10}  {:<8}  {}", gate.name, gate.word(), gate.detail));
    }
    out
}

const fn interrupted(interrupt: Interrupt) -> &'static str {
    match interrupt {
        Interrupt::Hangup => "interrupted: the terminal is gone; nothing was written",
        Interrupt::Interrupt => "interrupted; nothing was written",
        Interrupt::Terminate => "terminated; nothing was written",
    }
}

/// What was allowed, what only warns, and the notes.
fn remarks(report: &Report) -> String {
    let mut out = allowed(report);
    let open = report.findings.iter().filter(|finding| finding.allowed.is_none());
    out.push_str(&findings(open.filter(|finding| finding.severity > Severity::Info)));
    notes(&mut out, report);
    out
}

fn allowed(report: &Report) -> String {
    let mut out = String::new();
    let allowed: Vec<_> = report.findings.iter().filter(|finding| finding.allowed.is_some()).collect();
    if !allowed.is_empty() {
        line(&mut out, "Let through by a human's consent:");
        out.push_str(&findings(allowed.into_iter()));
        line(&mut out, "");
    }
    out
}

fn notes(out: &mut String, report: &Report) {
    for note in &report.notes {
        line(out, note);
    }
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
    line(&mut out, "Nothing was written. A migration generated here would undo what these commits add:");
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

fn out_of_sync(report: &Report) -> String {
    let mut out = String::new();
    line(&mut out, "Nothing was written. These files do not belong together:");
    out.push_str(&findings(report.refusing()));
    closing(&mut out, report);
    out
}

fn destructive(report: &Report) -> String {
    let mut out = String::new();
    let nothing = if report.database.is_some() { "Nothing was changed" } else { "Nothing was written" };
    line(&mut out, &format!("{nothing}. These statements destroy data or objects:"));
    out.push_str(&findings(report.refusing()));
    let others = || report.findings.iter().filter(|one| !one.refuses() && one.severity > Severity::Info);
    if others().next().is_some() {
        line(&mut out, "");
        line(&mut out, "The same migration also:");
        out.push_str(&findings(others()));
    }
    closing(&mut out, report);
    out
}

/// The paragraph to agents, and below it, never above, the way on.
fn closing(out: &mut String, report: &Report) {
    let notices = report.agent_notices();
    let hint = report.hint.as_deref().filter(|_| report.error.is_none()).unwrap_or_default();
    for paragraph in notices.into_iter().chain([hint]).filter(|paragraph| !paragraph.is_empty()) {
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
    let first = format!("{place}{}", statement.next().unwrap_or_default());
    if !first.is_empty() {
        line(out, &format!("      {first}"));
    }
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
