//! The guards: what a migration does, and whether it may.

pub mod data;
pub mod effect;
pub mod locks;
pub mod name;
pub mod place;
pub mod proof;
pub mod trace;

use camino::Utf8Path;

/// A script to be checked.
#[derive(Debug, Clone, Copy)]
pub struct Script<'a> {
    /// The file that it is in, as a person at the repository's root would name it.
    pub file: Option<&'a Utf8Path>,
    /// Its text.
    pub sql: &'a str,
}
