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
//! convergence  whether Prisma finds nothing left to do afterwards
//! renames   a drop and an add that are none
//! ```

pub mod action;
pub mod agents;
pub mod allow_list;
pub mod catalog;
pub mod consent;
pub mod convergence;
mod conversion;
mod inspect;
mod join;
mod lines;
pub mod name;
pub mod naming;
pub mod needs;
pub mod origin;
pub mod proof;
pub mod renames;
pub mod row_changes;
pub mod row_rights;
pub mod rules;
pub mod sql;
pub mod transaction;
pub mod waiver;

use std::ops::Range;

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

/// A finding with the bytes of the script that it is about.
#[derive(Debug, Clone)]
pub struct Located {
    /// The finding.
    pub finding: Finding,
    /// The clause to mark.
    pub place: Range<usize>,
}

/// What is to be considered beside a script's text.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// Whether the script's own waivers count.
    pub waivers: &'a Waivers,
    /// What was proved about it: how bad a finding is follows the proof.
    pub proof: Option<&'a Proof>,
}

impl<'a> From<&'a Waivers> for Terms<'a> {
    fn from(waivers: &'a Waivers) -> Self {
        Self { waivers, proof: None }
    }
}

/// What the rules find in `script`, in the order of its lines. `history` is what earlier migrations made; it
/// tells types, labels and makers, and may be empty.
///
/// # Errors
/// Where the system grants no thread to work in.
pub fn inspect<'a>(
    script: &Script<'_>,
    history: &History,
    terms: impl Into<Terms<'a>>,
) -> Result<Vec<Finding>, Error> {
    let terms = terms.into();
    let found = sql::with_stack(|| Inspection::new(script, history, terms).run().0)?;
    Ok(found.into_iter().map(|located| located.finding).collect())
}

/// The same with places, and `history` takes over what the migration `name`, which the script is of, leaves behind.
///
/// # Errors
/// Where the system grants no thread to work in.
pub fn advance<'a>(
    script: &Script<'_>,
    history: &mut History,
    name: &str,
    terms: impl Into<Terms<'a>>,
) -> Result<Vec<Located>, Error> {
    let terms = terms.into();
    Ok(sql::with_stack(|| {
        let (found, layer) = Inspection::new(script, history, terms).run();
        history.absorb(name, layer);
        found
    })?)
}
