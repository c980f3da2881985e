//! The guards: what a migration does, and whether it may.

pub mod name;
