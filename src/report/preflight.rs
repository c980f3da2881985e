//! What was found out about a database before anything is applied to it, as data.

use serde::Serialize;

use crate::deploy::facts::Size;

/// What was found out beside the findings.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Preflight {
    /// Tables and views that the migrations never made: somebody else's.
    pub foreign: Vec<String>,
    /// How large the tables are that the findings are about.
    pub sizes: Vec<Size>,
    /// Who holds Prisma's lock just now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock_held_by: Option<String>,
    /// What could not be proved, a sentence each.
    pub missing_proofs: Vec<String>,
}
