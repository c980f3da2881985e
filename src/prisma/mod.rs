//! Prisma itself: which CLI and engine are used, and the one question that they are asked.
//!
//! ```text
//! locate    find        --prisma, the project's own, the PATH, else install ours
//!           version     5, 6 or 7
//!           native      an engine that is on the disk, else install ours
//! diff      schema      a private copy
//!           surroundings  no prompt, no telemetry, no other database
//!           script      the answer
//! ```

mod diff;
mod error;
mod extensions;
mod find;
mod install;
mod locate;
mod managed;
mod native;
mod node;
mod packages;
mod project_config;
mod python;
mod schema;
mod schema_text;
mod script;
mod search_path;
mod secret;
mod surroundings;
mod toolchain;
mod version;

pub(crate) use diff::{Asked, Sides, ask};
pub use diff::{Diff, DiffRequest, diff, made};
pub use error::{Error, Problem};
pub use extensions::extensions;
pub use install::Wanting;
pub use locate::{LocateRequest, locate};
pub use project_config::{ProjectConfig, config_in, read_config};
pub(crate) use schema::Schema;
pub use search_path::database_schema;
pub use toolchain::Toolchain;
