//! `lint`: what the guard finds in SQL, and how it says so.

mod command;
mod conditions;
mod disguises;
mod harmless;
mod limits;
mod syntax;

use run_migration::{
    finding::Finding,
    guard::{Script, catalog::History, inspect, waiver::Waivers},
};

/// What is found in `sql` when nothing else is known.
fn findings(sql: &str) -> Vec<Finding> {
    let waivers = Waivers::Honoured { except: Vec::new() };
    inspect(&Script { file: None, sql }, &History::empty(), &waivers).unwrap()
}
