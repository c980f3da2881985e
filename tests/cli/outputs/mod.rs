//! Reports for machines: what others wrote into names and texts stays a name and a text.

mod github;
mod runner;
mod sarif;
mod summary;

use run_migration::{
    finding::{Consent, Finding, Severity},
    freshness::Freshness,
    outcome::Outcome,
    report::{
        Report,
        gates::{self, Gate, Verdict},
    },
};

/// Names as nobody would choose them who means well.
const NASTY: [&str; 14] = [
    "a\n::stop-commands::x",
    "a\r::add-mask::x",
    "::error file=other.sql::owned",
    "x,line=7::",
    "%0A::error::x%3A%25",
    "##[add-mask]x",
    "a ##[set-output name=x]y",
    "\u{200b}::add-mask::x",
    ":\u{200d}:add-mask::x",
    "</code><img src=x onerror=alert(1)> | **b** | `c`",
    "```\n# heading\n```",
    "@somebody #1 [click](https://example.com) https://example.com www.example.com",
    "&lt;script&gt; \\| \\` $x$ :smile: <!-- -->",
    "\u{202e}desrever \u{7}",
];

fn finding(severity: Severity) -> Finding {
    Finding {
        rule: "drop_column",
        severity,
        object: "widget.colour".into(),
        file: Some("prisma/migrations/20260101000000_a/migration.sql".into()),
        line: Some(3),
        column: Some(5),
        statement: "ALTER TABLE widget DROP COLUMN colour;".into(),
        why: "the column's values are lost".into(),
        safer: "keep it for one release".into(),
        proof: Vec::new(),
        created_in: None,
        allowed: None,
    }
}

/// A finding whose every text is `nasty`.
fn nasty_finding(nasty: &str) -> Finding {
    Finding {
        object: nasty.into(),
        file: Some(nasty.into()),
        statement: nasty.into(),
        why: nasty.into(),
        safer: nasty.into(),
        proof: vec![nasty.into()],
        created_in: Some(nasty.into()),
        allowed: Some(Consent { by: "--allow", reason: Some(nasty.into()) }),
        ..finding(Severity::Refuse)
    }
}

fn report(outcome: Outcome, findings: Vec<Finding>) -> Report {
    Report { findings, ..Report::new("check", outcome) }
}

/// A report with `nasty` wherever a report has a text.
fn nasty_report(nasty: &str) -> Report {
    Report {
        notes: vec![nasty.into()],
        error: Some(nasty.into()),
        hint: Some(nasty.into()),
        result: Some(format!("{nasty}\n")),
        ..report(Outcome::Failed, vec![nasty_finding(nasty)])
    }
}

/// A check of which no gate has a finding, and not all have passed.
fn gates(verdicts: &[(&'static str, Verdict, &str)]) -> Report {
    let gate = |(name, verdict, detail): &(&'static str, Verdict, &str)| Gate {
        name,
        verdict: *verdict,
        detail: (*detail).to_owned(),
        findings: 0..0,
    };
    let gates: Vec<_> = verdicts.iter().map(gate).collect();
    Report { outcome: gates::outcome(&gates), gates, ..report(Outcome::Passed, Vec::new()) }
}

fn stale() -> Report {
    let freshness = Freshness {
        policy: run_migration::freshness::Policy::Any,
        base: "origin/main".into(),
        base_commit: "1".repeat(40),
        remote_url: None,
        behind: 2,
        commits: Vec::new(),
        how: "compared with origin/main".into(),
    };
    Report { freshness: Some(freshness), ..report(Outcome::RefusedStale, Vec::new()) }
}
