//! The reports of several projects as one.

use super::{Report, gates::Gate};
use crate::outcome::Outcome;

impl Report {
    /// Takes over what the same command has to say of another project, `name`. One verdict comes of both: what could not
    /// be done counts before what was refused, that before what was changed, that before what was right already.
    pub fn absorb(&mut self, other: Self, name: &str) {
        let named = |text: &str| format!("{name}: {text}");
        let is_first = self.gates.is_empty() && self.timings.is_empty();
        self.from_cache = if is_first { other.from_cache } else { self.from_cache.min(other.from_cache) };
        let first = self.findings.len();
        self.findings.extend(other.findings);
        self.gates.extend(other.gates.into_iter().map(|gate| Gate {
            findings: gate.findings.start + first..gate.findings.end + first,
            detail: named(&gate.detail),
            ..gate
        }));
        self.migrations.extend(other.migrations);
        self.notes.extend(other.notes.iter().map(|note| named(note)));
        if self.error.is_none() {
            self.error = other.error.map(|error| named(&error));
            self.hint = self.hint.take().or(other.hint);
        }
        if self.freshness.is_none() {
            self.freshness = other.freshness;
        }
        for tool in other.toolchain {
            if !self.toolchain.iter().any(|known| known.role == tool.role && known.path == tool.path) {
                self.toolchain.push(tool);
            }
        }
        for (stage, took) in other.timings {
            match self.timings.iter_mut().find(|(known, _)| *known == stage) {
                Some((_, sum)) => *sum += took,
                None => self.timings.push((stage, took)),
            }
        }
        if let Some(result) = other.result {
            self.result.get_or_insert_default().push_str(&result);
        }
        if weight(other.outcome) < weight(self.outcome) {
            self.outcome = other.outcome;
        }
    }
}

/// What weighs most comes first.
const fn weight(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Interrupted(_) | Outcome::UsageError => 0,
        Outcome::Failed => 1,
        Outcome::RefusedDestructive => 2,
        Outcome::RefusedStale => 3,
        Outcome::RefusedOutOfSync => 4,
        Outcome::Created
        | Outcome::WouldCreate
        | Outcome::Synced
        | Outcome::Applied
        | Outcome::WouldApply => 5,
        Outcome::NoChanges | Outcome::Passed => 6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::gates::{Stopped, Verdict};

    fn report(outcome: Outcome, verdict: Verdict) -> Report {
        let mut report = Report::new("check", outcome);
        report.gates.push(Gate { name: "copies", verdict, detail: "3 equal".into(), findings: 0..0 });
        report.notes.push("so".into());
        report.timings.push(("replay", std::time::Duration::from_secs(1)));
        report
    }

    #[test]
    fn one_verdict_comes_of_all() {
        let mut all = Report::new("check", Outcome::Passed);
        all.absorb(report(Outcome::Passed, Verdict::Passed), "one");
        all.absorb(report(Outcome::RefusedOutOfSync, Verdict::Stopped(Stopped::RefusedOutOfSync)), "two");
        all.absorb(report(Outcome::Passed, Verdict::Passed), "three");
        assert_eq!(all.outcome, Outcome::RefusedOutOfSync);
        let details: Vec<_> = all.gates.iter().map(|gate| gate.detail.as_str()).collect();
        assert_eq!(details, ["one: 3 equal", "two: 3 equal", "three: 3 equal"]);
        assert_eq!(all.notes, ["one: so", "two: so", "three: so"]);
        assert_eq!(all.timings, [("replay", std::time::Duration::from_secs(3))]);
    }
}
