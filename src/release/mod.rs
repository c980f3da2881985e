//! Releases: what a package would bring to a database.

pub mod archive;
pub mod package;
