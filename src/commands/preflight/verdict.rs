//! What it all comes to: outcome, text, next step.

use super::{Flight, status};
use crate::{
    finding::Finding,
    guard::{consent::command, rules},
    live::{ledger::Ledger, state::State},
    outcome::Outcome,
    report::{self, Report, preflight::Preflight},
};

impl Flight<'_> {
    pub(super) fn conclude(self, report: &mut Report) {
        let refuses = |finding: &&Finding| finding.refuses();
        let is_guards = |finding: &Finding| rules::find(finding.rule).is_some();
        let stops = self.findings.iter().filter(refuses).any(|finding| !is_guards(finding));
        let destroys = self.findings.iter().filter(refuses).any(is_guards);
        report.outcome = match (stops, destroys, self.said.missing_proofs.is_empty()) {
            (true, ..) => Outcome::RefusedOutOfSync,
            (false, true, _) => Outcome::RefusedDestructive,
            (false, false, false) => Outcome::Failed,
            (false, false, true) => Outcome::Passed,
        };
        let state = &self.plan.state;
        let line = match report.outcome {
            Outcome::RefusedOutOfSync => {
                "stop: a deployment would fail, or meet what nobody expects".to_owned()
            }
            Outcome::RefusedDestructive => "stop: a deployment would destroy something".to_owned(),
            Outcome::Failed => "cannot tell: proofs are missing".to_owned(),
            _ => match &self.plan.ledger {
                Ledger::NoDatabase { name, server } => format!(
                    "clear: {} to apply; there is no database {} at {server}: deploy makes it",
                    status::count(state.pending.len()),
                    name.escape_debug()
                ),
                _ => format!("clear: {} to apply", status::count(state.pending.len())),
            },
        };
        let target = self.subject.target;
        let place = format!("{}, schema {}", target.place, target.schema);
        let shown = if self.context.settings.verbose { usize::MAX } else { status::SHOWN };
        let mut text = format!("{line}\n{}", status::details(&place, state, shown));
        text.push_str(&remarks(&self.said, state));
        report.result = Some(text);
        report.database = Some(report::Database {
            place: target.place.clone(),
            schema: target.schema.clone(),
            line,
            state: Some(state.clone()),
            ..report::Database::default()
        });
        if report.outcome == Outcome::Failed {
            report.error =
                Some(format!("these proofs are missing:\n  {}", self.said.missing_proofs.join("\n  ")));
            report.hint = Some(
                "let the tool install PostgreSQL, or name one with --postgres-bin DIR or --server-url URL; `run-migration \
                 doctor` shows what was tried"
                    .into(),
            );
        }
        report.findings = self.findings;
        if report.outcome == Outcome::RefusedOutOfSync {
            report.hint = Some(
                "Next: for each of these a human decides what is right, the database or the migrations, and mends the \
                 other; then look again."
                    .into(),
            );
        }
        if report.outcome == Outcome::RefusedDestructive {
            report.hint = Some(format!(
                "A human who has looked at each of these and wants them gone lets them through with\n\n    {}",
                command(&self.context.command_line, &report.findings)
            ));
        }
        report.preflight = Some(self.said);
    }
}

/// What a person should know beside the findings.
fn remarks(said: &Preflight, state: &State) -> String {
    let mut text = String::new();
    if let Some(holder) = &said.lock_held_by {
        text.push_str(&format!(
            "Prisma's lock  held by {holder}: somebody is at work, look again afterwards\n"
        ));
    }
    if !said.foreign.is_empty() {
        text.push_str(&format!("not ours ({})\n", said.foreign.len()));
        said.foreign.iter().for_each(|name| text.push_str(&format!("    {name}\n")));
    }
    if !state.pending.is_empty() {
        said.sizes.iter().for_each(|size| text.push_str(&format!("concerned      {}\n", size.words())));
    }
    text
}
