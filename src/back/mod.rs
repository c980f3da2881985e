//! The way back: SQL that takes a database from where a migration left it to where it was before.
//!
//! ```text
//! two catalogs  -> plan     the next statements on the way; drops, renames, creates, columns, types, rights write them
//! plan, run on a clone, again and again -> walk  the whole script, proved by running it as one
//! the forward differences -> losses  what no script brings back, and where it fails
//! all of it     -> file     down.sql
//! ```
//!
//! What cannot be led back and proved is refused: there is no script that is right by half.

mod columns;
mod creates;
mod drops;
mod file;
mod losses;
mod plan;
mod renames;
mod rights;
mod types;
mod walk;

pub use self::{
    file::{FILE_NAME, comments, render, statements_of},
    losses::Losses,
    walk::{Back, BackError, NoWayBack, effect_of, find, given, is_undone},
};
