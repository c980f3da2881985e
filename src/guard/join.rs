//! What the text tells and what was proved about the same object become one finding. How bad it is follows the
//! proof.

use std::ops::Range;

use super::{
    Located, Script,
    name::Name,
    proof::{Proof, Settled, Verdict},
    sql::UNKNOWN,
};
use crate::finding::{Finding, Severity};

/// Rules that are about the same thing: the proof may say which of them it is.
const TOPICS: [&[&str]; 4] = [
    &["lossy_type_change", "type_change_may_fail"],
    &["truncate", "delete_all_rows", "delete_rows", "update_all_rows"],
    &["cascading_delete", "add_foreign_key"],
    &["drop_default", "change_default"],
];

/// Rules whose findings say already that others have to wait. Those of the first row say nothing else.
const WAITING: [&[&str]; 3] = [
    &["rewrite_table", "create_index", "lock_table"],
    &["lossy_type_change", "type_change_may_fail"],
    &["set_not_null", "add_check", "add_unique", "add_foreign_key", "cascading_delete"],
];

/// Adds to `found`, what the text tells, what `proof` tells.
pub(super) fn join(found: &mut Vec<Located>, proof: &Proof, script: &Script<'_>) {
    for settled in &proof.settled {
        for Located { finding, .. } in found.iter_mut().filter(|located| settled.is_about(&located.finding)) {
            finding.severity = finding.severity.min(settled.at_most);
            finding.proof.push(settled.proof.clone());
        }
    }
    for place in &proof.quick {
        let statement = proof.statements.get(*place);
        for Located { finding, .. } in found.iter_mut().filter(|located| is_within(located, statement)) {
            if ["rewrite_table", "create_index"].contains(&finding.rule) {
                finding.severity = finding.severity.min(Severity::Info);
                finding.proof.push("seen on the temporary database: nothing is scanned or rewritten".into());
            }
        }
    }
    for verdict in &proof.verdicts {
        let statement = verdict.statement.and_then(|place| proof.statements.get(place));
        match same(found, verdict, statement) {
            Some(finding) => confirm(finding, verdict),
            None => found.push(placed(verdict, statement, script)),
        }
    }
    for wait in &proof.waits {
        let statement = wait.statement.and_then(|place| proof.statements.get(place));
        let rows = if wait.severity > Severity::Info { &WAITING[..] } else { &[] };
        let known = rows.iter().find_map(|rules| {
            found
                .iter()
                .position(|located| is_within(located, statement) && rules.contains(&located.finding.rule))
        });
        match known {
            Some(place) => {
                let finding = &mut found[place].finding;
                finding.severity = finding.severity.max(wait.severity);
                finding.proof.extend(wait.proof.iter().cloned());
            }
            None => found.push(placed(wait, statement, script)),
        }
    }
    found.sort_by_key(|located| located.place.start);
}

/// The finding that the text made of the same thing: in the same statement, if there are several.
fn same<'f>(
    found: &'f mut [Located],
    verdict: &Verdict,
    statement: Option<&Range<usize>>,
) -> Option<&'f mut Finding> {
    let is_same =
        |finding: &Finding| are_one_topic(finding.rule, verdict.rule) && finding.object == verdict.object;
    let exact = found.iter().position(|located| is_same(&located.finding) && is_within(located, statement));
    let place =
        exact.or_else(|| found.iter().position(|located| is_same(&located.finding))).or_else(|| {
            // The text saw that something is done, but not to what.
            let unnamed = |finding: &Finding| {
                finding.object == Name::bare(UNKNOWN).to_string() && are_one_topic(finding.rule, verdict.rule)
            };
            found.iter().position(|located| unnamed(&located.finding) && is_within(located, statement))
        })?;
    let finding = &mut found[place].finding;
    finding.object.clone_from(&verdict.object);
    Some(finding)
}

fn confirm(finding: &mut Finding, verdict: &Verdict) {
    // Which statement it is, the text knows best; what it does to values, the proof.
    let is_another = finding.rule != verdict.rule && TOPICS[0].contains(&verdict.rule);
    if is_another || !verdict.because.is_empty() {
        finding.why = verdict.why();
    }
    if is_another {
        finding.rule = verdict.rule;
    }
    finding.severity = verdict.severity;
    finding.proof.extend(verdict.proof.iter().cloned());
}

fn placed(verdict: &Verdict, statement: Option<&Range<usize>>, script: &Script<'_>) -> Located {
    let end = script.sql.len();
    Located { finding: verdict.finding(script, statement), place: statement.cloned().unwrap_or(end..end) }
}

fn is_within(located: &Located, statement: Option<&Range<usize>>) -> bool {
    statement.is_some_and(|range| range.contains(&located.place.start))
}

fn are_one_topic(one: &str, other: &str) -> bool {
    one == other || TOPICS.iter().any(|topic| topic.contains(&one) && topic.contains(&other))
}

impl Settled {
    fn is_about(&self, finding: &Finding) -> bool {
        are_one_topic(self.rule, finding.rule) && self.object == finding.object
    }
}
