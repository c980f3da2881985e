//! Which statement of a script did what was seen, and where it stands.

use std::ops::Range;

use super::trace::{Held, Lock, Seen, Trace};
use crate::catalog::Id;

/// A script's text, its statements, and what was seen of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places<'a> {
    /// The text.
    pub(super) sql: &'a str,
    /// The bytes of its statements.
    pub(super) statements: &'a [Range<usize>],
    /// What was seen of them.
    pub(super) trace: &'a Trace,
}

impl Places<'_> {
    /// The statement that removed the relation `id`, where that was seen.
    #[must_use]
    pub(super) fn dropping(&self, id: Id) -> Option<usize> {
        self.position(|held| held.get(&id.object).is_some_and(|held| held.dropped))
    }

    /// The statement that changed something called `name` of the table `id`: one that locked the table, if
    /// possible one that names it.
    #[must_use]
    pub(super) fn changing(&self, id: Id, name: &str) -> Option<usize> {
        let locked = |place: &usize| {
            let seen = self.trace.steps.get(*place);
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
    pub(super) fn retyping(&self, id: Id, name: &str) -> Option<usize> {
        let rewrote = |place: &usize| match &self.trace.steps[*place] {
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
    pub(super) fn writing(&self, id: Id) -> Option<usize> {
        self.trace.steps.iter().rposition(|seen| match seen {
            Seen::Held(held) => held.get(&id.object).is_some_and(|held| held.writes || held.new_file),
            Seen::TransactionControl | Seen::Alone => false,
        })
    }

    /// Whether a statement threw away all rows of the table `id` at once.
    #[must_use]
    pub(super) fn empties(&self, id: Id) -> bool {
        self.trace.steps.iter().any(|seen| match seen {
            Seen::Held(held) => held.get(&id.object).is_some_and(|held| held.new_file && !held.writes),
            Seen::TransactionControl | Seen::Alone => false,
        })
    }

    /// The last statement that names `name`.
    #[must_use]
    pub(super) fn naming(&self, name: &str) -> Option<usize> {
        (0..self.statements.len()).rfind(|place| self.text(*place).contains(name))
    }

    /// The text of the statement `place`.
    #[must_use]
    pub(super) fn text(&self, place: usize) -> &str {
        self.statements.get(place).map_or("", |range| &self.sql[range.clone()])
    }

    fn position(&self, matches: impl Fn(&std::collections::BTreeMap<u32, Held>) -> bool) -> Option<usize> {
        self.trace.steps.iter().position(|seen| match seen {
            Seen::Held(held) => matches(held),
            Seen::TransactionControl | Seen::Alone => false,
        })
    }
}
