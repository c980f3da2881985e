//! What the text tells and what was proved about the same object become one finding. How bad it is follows the
//! proof.

use std::ops::Range;

use super::{
    Located, Script,
    name::Name,
    proof::{Proof, Settled, Standing, Verdict},
    sql::UNKNOWN,
};
use crate::{
    catalog::{Catalog, Change, Kind},
    finding::{Finding, Severity},
};

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

/// The new names of tables that the script renames. The proof calls what is on them by the old ones, the text by
/// those that they have at the time.
struct NewNames<'a> {
    renamed: Vec<(&'a str, &'a str)>,
    before: &'a Catalog,
}

impl<'a> NewNames<'a> {
    fn of(proof: &'a Proof) -> Self {
        let before = &proof.effect.before;
        let renamed = proof.effect.differences.iter().filter_map(|difference| match &difference.change {
            Change::Renamed { to } if difference.kind == Kind::Table => {
                Some((before.shown(&difference.object), before.shown(to)))
            }
            _ => None,
        });
        Self { renamed: renamed.collect(), before }
    }

    /// Whether the text's `object` is what the proof calls `proved`.
    fn are_one(&self, object: &str, proved: &str) -> bool {
        let (object, proved) = (self.before.shown(object), self.before.shown(proved));
        object == proved
            || self.renamed.iter().any(|(old, new)| {
                let rest = proved.strip_prefix(old).filter(|rest| rest.is_empty() || rest.starts_with('.'));
                rest.is_some_and(|rest| object.strip_prefix(new) == Some(rest))
            })
    }
}

/// Adds to `found`, what the text tells, what `proof` tells.
pub(super) fn join(found: &mut Vec<Located>, proof: &Proof, script: &Script<'_>) {
    let mut join = Join { found, proof, script, names: NewNames::of(proof) };
    proof.settled.iter().for_each(|settled| join.settle(settled));
    proof.quick.iter().for_each(|place| join.acquit(*place));
    proof.verdicts.iter().for_each(|verdict| join.pronounce(verdict));
    proof.waits.iter().for_each(|wait| join.wait(wait));
    found.sort_by_key(|located| located.place.start);
}

struct Join<'a> {
    found: &'a mut Vec<Located>,
    proof: &'a Proof,
    script: &'a Script<'a>,
    names: NewNames<'a>,
}

impl<'a> Join<'a> {
    /// Something is not as bad as its text may look.
    fn settle(&mut self, settled: &Settled) {
        for Located { finding, .. } in self.found.iter_mut() {
            if are_one_topic(settled.rule, finding.rule)
                && self.names.are_one(&finding.object, &settled.object)
            {
                finding.severity = settled.mitigated(finding.severity);
                finding.proof.push(settled.proof.clone());
            }
        }
    }

    /// Nobody has to wait for the statement.
    fn acquit(&mut self, place: usize) {
        let statement = self.proof.statements.get(place);
        for Located { finding, .. } in self.found.iter_mut().filter(|located| is_within(located, statement)) {
            if ["rewrite_table", "create_index"].contains(&finding.rule) {
                finding.severity = finding.severity.min(Severity::Info);
                finding.proof.push("seen on the temporary database: nothing is scanned or rewritten".into());
            }
        }
    }

    /// The proof's verdict on an object.
    fn pronounce(&mut self, verdict: &Verdict) {
        let statement = self.statement(verdict);
        match self.same(verdict, statement) {
            Some(finding) => confirm(finding, verdict),
            None => self.found.push(self.placed(verdict, statement)),
        }
    }

    /// Somebody has to wait: a finding that says so already is enough.
    fn wait(&mut self, wait: &Verdict) {
        let statement = self.statement(wait);
        let rows = if wait.severity > Severity::Info { &WAITING[..] } else { &[] };
        let known = rows.iter().find_map(|rules| {
            self.found
                .iter()
                .position(|located| is_within(located, statement) && rules.contains(&located.finding.rule))
        });
        match known {
            Some(place) => {
                let finding = &mut self.found[place].finding;
                finding.severity = finding.severity.max(wait.severity);
                finding.proof.extend(wait.proof.iter().cloned());
            }
            None => self.found.push(self.placed(wait, statement)),
        }
    }

    fn placed(&self, verdict: &Verdict, statement: Option<&Range<usize>>) -> Located {
        let end = self.script.sql.len();
        let mut finding = verdict.finding(self.script, statement);
        finding.object = self.proof.effect.before.shown(&finding.object).to_owned();
        Located { finding, place: statement.cloned().unwrap_or(end..end) }
    }

    fn statement(&self, verdict: &Verdict) -> Option<&'a Range<usize>> {
        self.proof.statements.get(verdict.statement?)
    }

    /// The finding that the text made of the same thing: in the same statement, if there are several.
    fn same(&mut self, verdict: &Verdict, statement: Option<&Range<usize>>) -> Option<&mut Finding> {
        let unknown = Name::bare(UNKNOWN).to_string();
        let within = |located: &&Located| is_within(located, statement);
        let of_topic = |located: &&Located| are_one_topic(located.finding.rule, verdict.rule);
        let is_same = |located: &Located| {
            of_topic(&located) && self.names.are_one(&located.finding.object, &verdict.object)
        };
        // The text saw that something is done, but not to what.
        let is_unnamed =
            |located: &Located| of_topic(&located) && within(&located) && located.finding.object == unknown;
        let mut found = self.found.iter();
        let place = found
            .position(|located| is_same(located) && within(&located))
            .or_else(|| self.found.iter().position(is_same))
            .or_else(|| self.found.iter().position(is_unnamed))?;
        let finding = &mut self.found[place].finding;
        if finding.object == unknown {
            finding.object.clone_from(&verdict.object);
        }
        Some(finding)
    }
}

fn confirm(finding: &mut Finding, verdict: &Verdict) {
    finding.proof.extend(verdict.proof.iter().cloned());
    if verdict.standing == Standing::Untried {
        return;
    }
    // Which statement it is, the text knows best; what it does to values, the proof.
    let is_another = finding.rule != verdict.rule && TOPICS[0].contains(&verdict.rule);
    if is_another || !verdict.because.is_empty() {
        finding.why = verdict.why();
    }
    if is_another {
        finding.rule = verdict.rule;
    }
    finding.severity = verdict.severity;
}

fn is_within(located: &Located, statement: Option<&Range<usize>>) -> bool {
    statement.is_some_and(|range| range.contains(&located.place.start))
}

fn are_one_topic(one: &str, other: &str) -> bool {
    one == other || TOPICS.iter().any(|topic| topic.contains(&one) && topic.contains(&other))
}
