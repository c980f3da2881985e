//! What a migration does to a database: it is run on a clone as it would be deployed, and the catalogs before
//! and after are compared. What is gone is gone, however it was spelled.

mod losses;

use super::place::{Places, Verdict};
use crate::catalog::{Catalog, Difference, Matching, compare};

/// What a migration did.
#[derive(Debug)]
pub struct Effect {
    /// The catalog before.
    pub before: Catalog,
    /// The catalog after.
    pub after: Catalog,
    /// What is different.
    pub differences: Vec<Difference>,
}

impl Effect {
    /// What lies between two catalogs of the same database.
    #[must_use]
    pub fn between(before: Catalog, after: Catalog) -> Self {
        let differences = compare(&before, &after, Matching::Identity);
        Self { before, after, differences }
    }

    /// What of it destroys, breaks or narrows something. What depends on the rows of a table is not said here.
    #[must_use]
    pub fn verdicts(&self, places: Places<'_>) -> Vec<Verdict> {
        losses::verdicts(self, places)
    }
}
