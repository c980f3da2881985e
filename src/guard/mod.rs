//! The guard: what a script would destroy, break or block, found in its text.
//!
//! ```text
//! sql       the parser: a script -> steps, a statement at a time
//! catalog   what exists and who made it: the history underneath, the script on top
//! rules     a step and the catalog -> a verdict
//! inspect   runs the steps in order, bodies where they are called -> findings
//! consent   a human's consent to findings
//! ```

pub mod action;
pub mod agents;
pub mod allow_list;
pub mod catalog;
pub mod consent;
mod conversion;
mod inspect;
mod lines;
pub mod name;
pub mod naming;
pub mod origin;
pub mod rules;
pub mod sql;
pub mod waiver;

use std::ops::Range;

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

/// A finding with the bytes of the script that it is about.
#[derive(Debug, Clone)]
pub struct Located {
    /// The finding.
    pub finding: Finding,
    /// The clause to mark.
    pub place: Range<usize>,
}

/// What the rules find in `script`, in the order of its lines. `history` is what earlier migrations made; it
/// tells types, labels and makers, and may be empty.
///
/// # Errors
/// Where the system grants no thread to work in.
pub fn inspect(script: &Script<'_>, history: &History, waivers: &Waivers) -> Result<Vec<Finding>, Error> {
    let found = sql::with_stack(|| Inspection::new(script, history).honouring(waivers).run().0)?;
    Ok(found.into_iter().map(|located| located.finding).collect())
}

/// The same with places, and `history` takes over what the migration `name`, which the script is of, leaves behind.
///
/// # Errors
/// Where the system grants no thread to work in.
pub fn advance(
    script: &Script<'_>,
    history: &mut History,
    name: &str,
    waivers: &Waivers,
) -> Result<Vec<Located>, Error> {
    Ok(sql::with_stack(|| {
        let (found, layer) = Inspection::new(script, history).honouring(waivers).run();
        history.absorb(name, layer);
        found
    })?)
}
