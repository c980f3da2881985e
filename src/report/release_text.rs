//! What `release-check` tells a person on standard output: what a running process meets, and what to do in order;
//! of several releases, a table.

use std::fmt::Write;

use super::{Report, release::Release};
use crate::release::rollout::Order;

/// How wide a line of running text is.
const WIDTH: usize = 110;

/// The text, where the report is one of releases.
#[must_use]
pub(super) fn render(report: &Report) -> Option<String> {
    if !report.pairs.is_empty() {
        return Some(table(&report.pairs));
    }
    report.release.as_ref().map(|release| one(release, report))
}

fn one(release: &Release, report: &Report) -> String {
    let mut out = String::new();
    line(
        &mut out,
        &format!(
            "{} on a database that runs {}: {}",
            release.to.called,
            release.from.called,
            report.outcome.name()
        ),
    );
    if let Some(running) = &release.running {
        line(&mut out, "");
        line(&mut out, &format!("What a process of {} meets that is still running:", release.from.called));
        if running.is_empty() {
            line(&mut out, "  nothing");
        }
        for impact in running {
            line(&mut out, &format!("  {:<13}  {}", impact.severity.word(), impact.object));
            wrapped(&mut out, ("                 ", "                 "), &impact.what);
        }
    }
    if let Some(rollout) = &release.rollout {
        let answer = match rollout.order {
            Order::StopFirst => "yes",
            Order::Rolling => "no",
            Order::Unproved => "not known",
        };
        line(&mut out, "");
        wrapped(
            &mut out,
            ("", "  "),
            &format!("Must the old pods be stopped first? {answer}: {}.", rollout.because),
        );
        line(&mut out, "");
        for (number, step) in rollout.steps.iter().enumerate() {
            wrapped(&mut out, (&format!("{:>3}. ", number + 1), "     "), step);
        }
    }
    out
}

fn table(pairs: &[Report]) -> String {
    const HEADINGS: [&str; 9] =
        ["from", "to", "verdict", "new", "deleted", "renamed", "edited", "out of order", "destructive"];
    let mut rows: Vec<Vec<String>> = vec![HEADINGS.iter().map(|heading| (*heading).to_owned()).collect()];
    rows.extend(pairs.iter().map(row));
    let widths: Vec<usize> = (0..HEADINGS.len())
        .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
        .collect();
    let mut out = String::new();
    for row in &rows {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        line(&mut out, cells.join("  ").trim_end());
    }
    out.push_str(&refusals(pairs));
    out
}

fn row(pair: &Report) -> Vec<String> {
    let count = |rule: &str| {
        let count = pair.findings.iter().filter(|finding| finding.rule == rule).count();
        if count == 0 { String::new() } else { count.to_string() }
    };
    let guard = pair.gates.iter().find(|gate| gate.name == "guard").map(|gate| gate.findings.clone());
    let destructive =
        guard.map_or(0, |own| pair.findings[own].iter().filter(|finding| finding.refuses()).count());
    let (from, to, new) = match &pair.release {
        Some(release) => {
            (release.from.called.clone(), release.to.called.clone(), release.pending.len().to_string())
        }
        None => (String::new(), pair.result.clone().unwrap_or_default(), String::new()),
    };
    vec![
        from,
        to,
        format!("{} {}", pair.outcome.exit_code(), pair.outcome.name()),
        new,
        count("migration_deleted"),
        count("migration_renamed"),
        count("migration_edited"),
        count("migration_out_of_order"),
        if destructive == 0 { String::new() } else { destructive.to_string() },
    ]
}

/// What refuses, by name, a paragraph for each pair.
fn refusals(pairs: &[Report]) -> String {
    let mut out = String::new();
    for pair in pairs {
        let refusing: Vec<_> = pair.refusing().collect();
        let named = |release: &Release| format!("{} after {}", release.to.called, release.from.called);
        let name = pair.release.as_deref().map(named).or_else(|| pair.result.clone()).unwrap_or_default();
        if refusing.is_empty() && pair.error.is_none() {
            continue;
        }
        line(&mut out, "");
        line(&mut out, &format!("{name}:"));
        if let Some(error) = &pair.error {
            line(&mut out, &format!("  failed  {error}"));
        }
        for finding in refusing {
            line(&mut out, &format!("  {}  {}", finding.rule, finding.object));
        }
    }
    out
}

/// `text` in lines that are not too long, the first after `heads.0`, the others after `heads.1`.
fn wrapped(out: &mut String, heads: (&str, &str), text: &str) {
    let mut current = heads.0.to_owned();
    let mut is_empty = true;
    for word in text.split_whitespace() {
        if !is_empty && current.chars().count() + 1 + word.chars().count() > WIDTH {
            line(out, &current);
            heads.1.clone_into(&mut current);
            is_empty = true;
        }
        if !is_empty {
            current.push(' ');
        }
        current.push_str(word);
        is_empty = false;
    }
    line(out, &current);
}

fn line(out: &mut String, text: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_broken_between_words() {
        let mut out = String::new();
        wrapped(&mut out, ("  1. ", "     "), &"word ".repeat(50));
        assert!(out.lines().all(|line| line.len() <= WIDTH), "{out}");
        assert!(out.starts_with("  1. word") && out.lines().nth(1).unwrap().starts_with("     word"));
    }
}
