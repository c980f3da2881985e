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
//! proof     the script is run on clones of the database that the history made
//! join      what the text and the proof say about the same object becomes one finding
//! ```

pub mod action;
pub mod catalog;
pub mod consent;
mod conversion;
mod inspect;
mod join;
mod lines;
pub mod name;
pub mod naming;
pub mod origin;
pub mod proof;
pub mod rules;
pub mod sql;
pub mod waiver;

use camino::Utf8Path;

use self::{catalog::History, inspect::Inspection, proof::Proof, waiver::Waivers};
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

/// The same, joined with what was proved about the script: one finding for each object, how bad it is by the
/// proof.
///
/// # Errors
/// Where the system grants no thread to work in.
pub fn inspect_proved(
    script: &Script<'_>,
    history: &History,
    waivers: &Waivers,
    proof: &Proof,
) -> Result<Vec<Finding>, Error> {
    let inspection = || Inspection::new(script, history).honouring(waivers).proved(Some(proof)).run().0;
    Ok(sql::with_stack(inspection)?)
}
