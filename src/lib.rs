//! Generates and checks Prisma migrations for PostgreSQL.
//!
//! The main job, as the data flows; the modules stand in this order:
//!
//! ```text
//! args + config + env
//!   -> freshness   is HEAD up to date with <remote>/<base>?            stale -> exit 3
//!   -> copies      are all schema.prisma copies identical?             differ -> exit 4
//!   -> history     load the migrations directory, check its integrity  damaged -> exit 4
//!   -> postgres    temporary server: locate or install, start
//!   -> replay      apply the history, exactly as Prisma records it
//!   -> diff        `prisma migrate diff`: live database -> schema      empty -> exit 0, nothing written
//!   -> guard       parse the SQL, ask for consent                      drops -> exit 2
//!   -> write       staged directory, fsync, rename
//!   -> report      human | json; exit code
//! ```
//!
//! A stage never prints, never reads the environment and never calls another stage's I/O. A command composes
//! stages and returns a [`report::Report`]; `report` renders it; `main` turns it into an exit code. A refusal
//! is a report, not an error: an [`error::Error`] means that the work could not be done.

// What was asked.
pub mod cli;
pub mod config;
pub mod context;

// The stages, in the order in which the data flows.
pub mod freshness;
pub mod git;

pub mod schema_files;

pub mod history;

pub mod postgres;

pub mod prisma;

pub mod back;
pub mod catalog;
pub mod external;
pub mod guard;

pub mod style;

// The paths through them, and what they have to say.
pub mod deploy;
pub mod live;
pub mod release;

pub mod commands;
pub mod report;

// What all of them stand on.
pub mod cache;
pub mod error;
pub mod finding;
pub mod outcome;
pub mod process;
pub mod redact;
pub mod workflows;
