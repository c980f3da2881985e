//! Changing a database that is not ours, only when told: what `preflight`, `deploy` and their like are made of.
//!
//! ```text
//! creation  the database itself, where it is missing                 -> Maker
//! sessions  two sessions that are no pooler's, with their limits     -> Sessions
//! lock      Prisma's advisory lock, and who holds it                  -> Sessions that hold it
//! ledger    `_prisma_migrations`, written as Prisma writes it         -> Ledger
//! backup    what an allowed migration destroys, copied out first      -> a directory
//! plan      the ledger against the history                            -> Plan
//! apply     one migration after the other, recorded as Prisma does    -> Applied
//! containment  a live catalog against what a history makes            -> what is missing
//! ```

pub mod apply;
pub mod backup;
pub mod containment;
pub mod creation;
pub mod destruction;
pub mod drift;
pub mod error;
pub mod facts;
pub mod ledger;
pub mod lock;
pub mod plan;
pub mod privileges;
pub mod sessions;
pub mod shape;

pub use error::DeployError;
