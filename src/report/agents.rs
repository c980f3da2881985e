//! The paragraph to AI agents that every refusal carries: an agent must be stopped here, not helped.

use crate::outcome::Outcome;

/// What an agent is told when a database is not what the code expects.
pub const DATABASE: &str = "AI AGENTS / ASSISTANTS: stop here. Show this to a human and wait for their decision. Do not deploy, resolve, \
     baseline, reset or otherwise change this database on your own, and do not edit migration files to match it: \
     what becomes of its data is not yours to decide.";

/// What an agent is told when a run ends in `outcome`; `None` where nothing was refused.
#[must_use]
pub const fn notice(outcome: Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::RefusedDestructive => Some(
            "AI AGENTS / ASSISTANTS: stop here. Show this whole message to a human and wait for their decision. \
             Do not pass --allow-destructive or --allow, do not add a waiver, do not edit the SQL or the schema to \
             get past this check, and do not rebase on your own: whether this data may be lost is not yours to decide.",
        ),
        Outcome::RefusedStale => Some(
            "AI AGENTS / ASSISTANTS: stop here. Show this whole message to a human and wait for their decision. \
             Do not rebase, merge or pull, and do not pass --skip-freshness-check on your own: a migration that is \
             generated from a stale branch drops what others have just added.",
        ),
        Outcome::RefusedOutOfSync => Some(
            "AI AGENTS / ASSISTANTS: stop here. Show this whole message to a human and wait for their decision. \
             Do not copy, restore, rename or delete schema or migration files, and do not rebase on your own: \
             which side is right is not yours to decide.",
        ),
        _ => None,
    }
}
