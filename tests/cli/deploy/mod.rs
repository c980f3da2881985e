//! Changing real databases, beside the real Prisma CLIs.

mod backup;
mod creation;
mod crowds;
mod failures;
mod preflight;
mod refusals;
mod turns;

use crate::{
    live::fixture::Site,
    support::{live::Database, run::Ended},
};

/// Applies what is pending, without a look before.
pub fn deploy(site: &Site, database: &Database, more: &[&str]) -> Ended {
    site.ask(&[&["deploy", "--skip-preflight"], more].concat(), &database.url("app", ""))
}
