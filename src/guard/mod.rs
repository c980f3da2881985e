//! The guard: what a script would destroy, break or block, found in its text.
//!
//! ```text
//! sql       the parser: a script -> steps, a statement at a time
//! catalog   what exists and who made it: the history underneath, the script on top
//! rules     a step and the catalog -> a verdict
//! inspect   runs the steps in order, bodies where they are called -> findings
//! consent   a human's consent to findings
//! ```
//!
//! A database can say more than a text. [`proof::prove`] asks it:
//!
//! ```text
//! effect    the script is run on a clone: what is gone afterwards is gone, however it was spelled
//! trace     and a statement at a time: what each one locks, scans, rewrites
//! locks     the trace -> who has to wait
//! data      and with rows at the edges of what may exist: what becomes of them
//! ```

pub mod action;
pub mod catalog;
pub mod consent;
mod conversion;
pub mod data;
pub mod effect;
mod inspect;
mod lines;
pub mod locks;
pub mod name;
pub mod naming;
pub mod origin;
pub mod place;
pub mod proof;
pub mod rules;
pub mod sql;
pub mod trace;
pub mod waiver;

use camino::Utf8Path;

use self::{catalog::History, inspect::Inspection, waiver::Waivers};
use crate::{error::Error, finding::Finding};

/// A script to be checked.
#[derive(Debug, Clone, Copy)]
pub struct Script<'a> {
    /// The file that it is in, as a person at the repository's root would name it.
    pub file: Option<&'a Utf8Path>,
    /// Its text.
    pub sql: &'a str,
}

/// What the rules find in `script`, in the order of its lines. `history` is what earlier migrations made; it
/// tells types, labels and makers, and may be empty.
///
/// # Errors
/// Where the system grants no thread to work in.
pub fn inspect(script: &Script<'_>, history: &History, waivers: &Waivers) -> Result<Vec<Finding>, Error> {
    Ok(sql::with_stack(|| Inspection::new(script, history).honouring(waivers).run().0)?)
}
