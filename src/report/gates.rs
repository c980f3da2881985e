//! The gates of `check` and `release-check`: one line each, whatever became of the others.

use std::ops::Range;

use serde::Serialize;

use crate::outcome::Outcome;

/// What became of one gate.
#[derive(Debug, Clone, Serialize)]
pub struct Gate {
    /// Its name: `freshness`, `copies`, `history`, `guard`, `replay`; of a release `package`, `source`, `history`,
    /// `guard`, `install`, `upgrade`, `schema`.
    pub name: &'static str,
    /// What it came to.
    pub verdict: Verdict,
    /// That in a few words.
    pub detail: String,
    /// Which of the report's findings are its own.
    #[serde(skip)]
    pub findings: Range<usize>,
}

/// What a gate came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing stands against the change.
    Passed,
    /// It was not asked.
    LeftOut,
    /// It refuses, and the run ends in this at least.
    #[serde(untagged)]
    Stopped(Stopped),
}

/// How a gate stops a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stopped {
    /// It could not be asked.
    Failed,
    /// Something would be lost.
    RefusedDestructive,
    /// The branch is behind.
    RefusedStale,
    /// Things do not belong together.
    RefusedOutOfSync,
}

impl Gate {
    /// The outcome that this gate alone would lead to.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        match self.verdict {
            Verdict::Passed | Verdict::LeftOut => Outcome::Passed,
            Verdict::Stopped(Stopped::Failed) => Outcome::Failed,
            Verdict::Stopped(Stopped::RefusedDestructive) => Outcome::RefusedDestructive,
            Verdict::Stopped(Stopped::RefusedStale) => Outcome::RefusedStale,
            Verdict::Stopped(Stopped::RefusedOutOfSync) => Outcome::RefusedOutOfSync,
        }
    }

    /// The verdict in a word or two.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self.verdict {
            Verdict::Passed => "passed",
            Verdict::LeftOut => "left out",
            Verdict::Stopped(Stopped::Failed) => "failed",
            Verdict::Stopped(_) => "refused",
        }
    }
}

/// The outcome of them all: the first of failed, destructive, stale and out of sync that applies.
#[must_use]
pub fn outcome(gates: &[Gate]) -> Outcome {
    let stopping = gates.iter().map(Gate::outcome).filter(|outcome| *outcome != Outcome::Passed);
    stopping.min_by_key(|outcome| outcome.exit_code()).unwrap_or(Outcome::Passed)
}
