//! What can be typed after `check`, and which base is meant.

use clap::{Args, ValueEnum};

use crate::git::{Branch, RemoteName, Revision};

/// Options of `check`.
#[derive(Debug, Clone, Default, Args)]
pub struct CheckArgs {
    /// Which base to compare with.
    #[command(flatten)]
    pub base: BaseArgs,
    /// Ask these gates only
    #[arg(long, value_enum, value_delimiter = ',', value_name = "GATES", conflicts_with = "skip")]
    pub only: Vec<GateName>,
    /// Leave these gates out. A human's decision
    #[arg(long, value_enum, value_delimiter = ',', value_name = "GATES")]
    pub skip: Vec<GateName>,
    /// Leave out what needs a database
    #[arg(long)]
    pub no_database: bool,
    /// Refuse a migration that sorts before one that the base has, or shares its time stamp
    #[arg(long)]
    pub strict_order: bool,
}

/// The base that a branch is compared with.
#[derive(Debug, Clone, Default, Args)]
pub struct BaseArgs {
    /// The branch that this one will be merged into
    #[arg(long, value_name = "BRANCH", env = "RUN_MIGRATION_BASE_BRANCH")]
    pub base_branch: Option<Branch>,
    /// Compare with this commit, branch or tag as it is here; nothing is fetched
    #[arg(long, alias = "base", value_name = "REF", env = "RUN_MIGRATION_BASE_REF", conflicts_with_all = ["base_branch", "remote"])]
    pub base_ref: Option<Revision>,
    /// The remote that holds the base branch [default: upstream if there is one, else origin]
    #[arg(long, value_name = "NAME", env = "RUN_MIGRATION_REMOTE")]
    pub remote: Option<RemoteName>,
}

/// The gates, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GateName {
    /// The branch is up to date with its base
    Freshness,
    /// All copies of the schema are equal
    Copies,
    /// The history is whole, and what the base has of it is unchanged
    History,
    /// No new migration destroys anything
    Guard,
    /// The history replays from nothing and makes what the schema says
    Replay,
}

impl GateName {
    /// The name as it is typed and reported.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Freshness => "freshness",
            Self::Copies => "copies",
            Self::History => "history",
            Self::Guard => "guard",
            Self::Replay => "replay",
        }
    }
}
