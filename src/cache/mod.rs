//! What earlier runs found out, kept for the next one: it changes how long an answer takes, never the answer.
//!
//! ```text
//! fingerprint  a hash over everything that shapes an entry: its name
//! shelf        a directory of entries: published whole, believed only where they are ours and whole
//! databases    data directories that a history was replayed into
//! answers      what the temporary database and Prisma said about the same inputs
//! scripts      what scripts need, which their text alone tells
//! programs     what programs that have not changed said of themselves
//! ```

pub mod answers;
pub mod databases;
pub mod fingerprint;
pub mod programs;
pub mod shelf;

pub use fingerprint::{Fingerprint, Key};
pub use shelf::Shelf;

use crate::context::Context;

/// This build of the tool: its version and a hash of everything that it was built from.
pub const BUILD: &str = concat!(env!("CARGO_PKG_VERSION"), "-", env!("RUN_MIGRATION_SOURCES"));

/// What is kept, each in a directory of its own below the cache directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Data directories that a history was replayed into.
    Databases,
    /// What was said about the same inputs.
    Answers,
    /// What scripts need of a server.
    Scripts,
    /// What programs said of themselves.
    Programs,
}

impl Kind {
    /// All of them, the largest first.
    pub const ALL: [Self; 4] = [Self::Databases, Self::Answers, Self::Scripts, Self::Programs];

    /// The directory's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Databases => "databases",
            Self::Answers => "answers",
            Self::Scripts => "scripts",
            Self::Programs => "programs",
        }
    }

    /// How much of it is kept at most.
    const fn limit(self) -> shelf::Limit {
        match self {
            Self::Databases => shelf::Limit { entries: 32, bytes: 300 << 20 },
            Self::Answers => shelf::Limit { entries: 500, bytes: 100 << 20 },
            Self::Scripts => shelf::Limit { entries: 100, bytes: 4 << 20 },
            Self::Programs => shelf::Limit { entries: 200, bytes: 1 << 20 },
        }
    }
}

/// The shelf of `kind`; `None` where there is no cache directory. It need not exist yet.
#[must_use]
pub fn shelf(context: &Context, kind: Kind) -> Option<Shelf> {
    Some(Shelf::new(context.cache_dir().ok()?.join(kind.name()), kind.limit()))
}

/// The shelf of `kind` for results of runs, which a person may want to do without.
#[must_use]
pub fn results(context: &Context, kind: Kind) -> Option<Shelf> {
    if context.settings.no_cache { None } else { shelf(context, kind) }
}
