//! The exit contract: how a run ended, and the code that says so.

/// How a run ended. Every command ends in exactly one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A migration was written.
    Created,
    /// The schema already is what the history makes: nothing was written.
    NoChanges,
    /// A dry run found a migration to write.
    WouldCreate,
    /// Every check passed, or the question was answered.
    Passed,
    /// The copies of the schema now equal the source.
    Synced,
    /// The database was changed as it was asked for.
    Applied,
    /// A dry run found something to apply.
    WouldApply,
    /// Refused: data or objects would be lost, and no human consented.
    RefusedDestructive,
    /// Refused: the branch is behind its base.
    RefusedStale,
    /// Refused: schema copies, history or database do not belong together.
    RefusedOutOfSync,
    /// The work could not be done.
    Failed,
    /// What was typed makes no sense.
    UsageError,
    /// A signal ended the run.
    Interrupted(Interrupt),
}

/// The signals that end a run in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interrupt {
    /// SIGHUP: the terminal is gone.
    Hangup,
    /// SIGINT: Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

impl Outcome {
    /// The process's exit code. These numbers are an interface: they never change their meaning.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Created
            | Self::NoChanges
            | Self::WouldCreate
            | Self::Passed
            | Self::Synced
            | Self::Applied
            | Self::WouldApply => 0,
            Self::Failed => 1,
            Self::RefusedDestructive => 2,
            Self::RefusedStale => 3,
            Self::RefusedOutOfSync => 4,
            Self::UsageError => 64,
            Self::Interrupted(Interrupt::Hangup) => 129,
            Self::Interrupted(Interrupt::Interrupt) => 130,
            Self::Interrupted(Interrupt::Terminate) => 143,
        }
    }

    /// The word for it in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::NoChanges => "no_changes",
            Self::WouldCreate => "would_create",
            Self::Passed => "passed",
            Self::Synced => "synced",
            Self::Applied => "applied",
            Self::WouldApply => "would_apply",
            Self::RefusedDestructive => "refused_destructive",
            Self::RefusedStale => "refused_stale",
            Self::RefusedOutOfSync => "refused_out_of_sync",
            Self::Failed => "failed",
            Self::UsageError => "usage_error",
            Self::Interrupted(_) => "interrupted",
        }
    }

    /// Whether a gate refused, so that a human has to decide.
    #[must_use]
    pub const fn is_refusal(self) -> bool {
        matches!(self, Self::RefusedDestructive | Self::RefusedStale | Self::RefusedOutOfSync)
    }
}
