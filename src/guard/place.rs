//! Which statement of a script did what was seen, and where it stands.

use std::ops::Range;

use super::{
    Script,
    lines::Lines,
    trace::{Held, Lock, Seen, Trace},
};
use crate::{
    catalog::Id,
    finding::{Finding, Severity},
};

/// What is said about something that a script does.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// The rule's id.
    pub rule: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What it is about.
    pub object: String,
    /// What would happen, in one sentence.
    pub why: String,
    /// What to do instead, in one sentence.
    pub safer: String,
    /// What established it.
    pub proof: Vec<String>,
    /// The number of the statement that does it, from 0.
    pub statement: Option<usize>,
}

/// One verdict for what several found out: the first one's words, the worst severity, every proof.
#[must_use]
pub fn merged(verdicts: Vec<Verdict>) -> Vec<Verdict> {
    let mut merged: Vec<Verdict> = Vec::new();
    for verdict in verdicts {
        let same = merged.iter_mut().find(|known| {
            known.rule == verdict.rule
                && known.object == verdict.object
                && (known.statement == verdict.statement || verdict.rule == "remove_enum_label")
        });
        match same {
            Some(known) => {
                known.severity = known.severity.max(verdict.severity);
                known.statement = known.statement.min(verdict.statement);
                known.proof.extend(verdict.proof);
            }
            None => merged.push(verdict),
        }
    }
    merged
}

/// A script, its statements, and what was seen of them.
#[derive(Debug, Clone, Copy)]
pub struct Places<'a> {
    /// The script.
    pub script: &'a Script<'a>,
    /// The bytes of its statements.
    pub statements: &'a [Range<usize>],
    /// What was seen of them.
    pub trace: &'a Trace,
}

impl Places<'_> {
    /// The statement that removed the relation `id`, where that was seen.
    #[must_use]
    pub fn dropping(&self, id: Id) -> Option<usize> {
        self.position(|held| held.get(&id.object).is_some_and(|held| held.dropped))
    }

    /// The statement that changed something called `name` of the table `id`: one that locked the table, if
    /// possible one that names it.
    #[must_use]
    pub fn changing(&self, id: Id, name: &str) -> Option<usize> {
        let locked = |place: &usize| {
            let seen = self.trace.steps.get(*place).map(|step| &step.seen);
            matches!(seen, Some(Seen::Held(held))
                if held.get(&id.object).is_some_and(|held| held.lock > Lock::RowExclusive))
        };
        let places: Vec<usize> = (0..self.trace.steps.len()).filter(locked).collect();
        let names = |place: &&usize| self.text(**place).contains(name);
        places.iter().rfind(names).or(places.last()).copied()
    }

    /// The statement that gave the column `name` of the table `id` another type: one that wrote every row anew,
    /// if possible.
    #[must_use]
    pub fn retyping(&self, id: Id, name: &str) -> Option<usize> {
        let rewrote = |place: &usize| match &self.trace.steps[*place].seen {
            Seen::Held(held) => held.get(&id.object).is_some_and(|held| held.new_file),
            Seen::TransactionControl | Seen::Alone => false,
        };
        let named = |place: &usize| self.text(*place).contains(name);
        let places = || 0..self.trace.steps.len();
        let says_type = |place: &usize| self.text(*place).to_ascii_uppercase().contains("TYPE");
        places()
            .find(|place| rewrote(place) && named(place))
            .or_else(|| places().find(|place| named(place) && says_type(place)))
            .or_else(|| self.changing(id, name))
    }

    /// The last statement that wrote to the rows of the table `id`, or threw them away.
    #[must_use]
    pub fn writing(&self, id: Id) -> Option<usize> {
        self.trace.steps.iter().rposition(|step| match &step.seen {
            Seen::Held(held) => held.get(&id.object).is_some_and(|held| held.writes || held.new_file),
            Seen::TransactionControl | Seen::Alone => false,
        })
    }

    /// The last statement that names `name`.
    #[must_use]
    pub fn naming(&self, name: &str) -> Option<usize> {
        (0..self.statements.len()).rfind(|place| self.text(*place).contains(name))
    }

    /// The text of the statement `place`.
    #[must_use]
    pub fn text(&self, place: usize) -> &str {
        self.statements.get(place).map_or("", |range| &self.script.sql[range.clone()])
    }

    fn position(&self, matches: impl Fn(&std::collections::BTreeMap<u32, Held>) -> bool) -> Option<usize> {
        self.trace.steps.iter().position(|step| match &step.seen {
            Seen::Held(held) => matches(held),
            Seen::TransactionControl | Seen::Alone => false,
        })
    }

    /// The finding that `verdict` makes at its place.
    #[must_use]
    pub fn finding(&self, verdict: Verdict) -> Finding {
        let range = verdict.statement.and_then(|place| self.statements.get(place)).cloned();
        let lines = Lines::of(self.script.sql);
        let at = range.as_ref().map(|range| lines.position(self.script.sql, range.start));
        Finding {
            rule: verdict.rule,
            severity: verdict.severity,
            object: verdict.object,
            file: self.script.file.map(Into::into),
            line: at.map(|(line, _)| line),
            column: at.map(|(_, column)| column),
            statement: range.map(|range| self.script.sql[range].trim_end().to_owned()).unwrap_or_default(),
            why: verdict.why,
            safer: verdict.safer,
            proof: verdict.proof,
            created_in: None,
            allowed: None,
        }
    }
}
