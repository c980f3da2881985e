//! Releases: what a package would bring to a database.
//!
//! ```text
//! source    what was named -> a package: an archive, a directory, a commit, one of an index's
//! package   its migrations and its schema, wherever they lie in it
//! compare   what became of the migrations that the previous release has
//! words     what `prisma migrate deploy` does with each finding, and how to mend it
//! ```

pub mod archive;
mod artefacts;
mod commit;
pub mod compare;
mod directory;
pub mod identity;
pub mod package;
pub mod pypi;
pub mod rollout;
pub mod running;
pub mod source;
mod text;
pub mod upgrade;
pub mod words;
