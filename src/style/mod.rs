//! The house style: what a project wants of the text of its migrations, beyond what Prisma writes.
//!
//! ```text
//! Prisma's script -> indexes    those that would block writes leave for files of their own
//!                 -> repeat     what is there already, or gone already, does no harm
//!                 -> prelude    the first line of every file that can have one
//! ```
//!
//! `foreign` tells what in a migration is neither Prisma's nor such a style's.
//!
//! The text is changed by its statements alone, as the parser has them; comments and everything else stay.

mod foreign;
mod indexes;
mod render;

pub use foreign::{Foreign, foreign};

use crate::guard::{
    action::{Action, Statement as Nature, Transaction},
    name::Name,
    sql::repeat::{self, Statement},
};

/// What a project wants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Style {
    /// A script succeeds where its objects exist already, and when it is run again.
    pub idempotent: bool,
    /// What every file begins with, such as `SET LOCAL lock_timeout = '10s';`.
    pub prelude: Option<String>,
    /// Indexes on tables that existed before are made without blocking writes, each in a file of its own.
    pub concurrent_indexes: bool,
}

/// A script in the house style.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Styled {
    /// The text of each migration, in the order in which they are to be applied.
    pub files: Vec<String>,
    /// What a person should know, a sentence each.
    pub notes: Vec<String>,
}

/// Puts `script` into `style`. `partitioned` are the tables that are split into partitions: their indexes cannot be
/// made without blocking writes.
///
/// # Errors
/// Where the system grants no thread to work in.
pub fn apply(script: &str, style: &Style, partitioned: &[Name]) -> std::io::Result<Styled> {
    if *style == Style::default() {
        return Ok(Styled { files: vec![script.to_owned()], notes: Vec::new() });
    }
    repeat::with_statements(script, |statements| {
        let own = indexes::choose(&statements, style, partitioned);
        let mut notes = own.notes;
        if style.idempotent {
            notes.extend(obstacles(script, &statements));
        }
        let rest: Vec<_> = statements
            .iter()
            .enumerate()
            .filter(|(at, _)| !own.files.contains(at))
            .map(|(_, statement)| statement)
            .collect();
        let mut files = Vec::new();
        if !rest.is_empty() {
            files.push(together(script, &rest, style));
        }
        files.extend(own.files.iter().map(|at| alone(script, &statements[*at])));
        Styled { files, notes }
    })
}

/// The statements in one file.
fn together(script: &str, statements: &[&Statement], style: &Style) -> String {
    let prelude = style.prelude.as_deref().filter(|_| !statements.iter().any(|one| runs_alone(one)));
    let mut text = String::new();
    let mut is_due = prelude.is_some();
    for statement in statements {
        let before = &script[statement.whole.start..statement.range.start];
        if let (true, Some(prelude)) = (is_due, prelude) {
            text.push_str(blank_line(&text));
            text.push_str(&format!("{};\n\n{}", prelude.trim().trim_end_matches(';'), before.trim_start()));
        } else {
            let is_first = text.is_empty();
            text.push_str(if is_first { before.trim_start() } else { before });
        }
        text.push_str(&match style.idempotent {
            true => render::pieces(&script[statement.range.clone()], &statement.pieces),
            false => script[statement.range.clone()].to_owned(),
        });
        // What is set for a transaction ends with it.
        is_due = ends_transaction(statement);
    }
    if let Some(last) = statements.last() {
        text.push_str(&trailing(script, last));
    }
    format!("{}\n", text.trim_end())
}

/// What separates a prelude from what stands before it.
fn blank_line(text: &str) -> &'static str {
    if text.is_empty() { "" } else { "\n\n" }
}

/// What follows the script's last statement: comments, where there are any.
fn trailing(script: &str, last: &Statement) -> String {
    let rest = &script[last.whole.end..];
    if repeat::is_blank(rest) { rest.to_owned() } else { String::new() }
}

/// An index in a file of its own.
fn alone(script: &str, index: &Statement) -> String {
    let before = script[index.whole.start..index.range.start].trim_start();
    let sql = index.concurrently.as_deref().unwrap_or_default();
    format!("{before}{sql};\n")
}

fn obstacles(script: &str, statements: &[Statement]) -> Vec<String> {
    let line = |at: usize| script[..at].matches('\n').count() + 1;
    let said = statements.iter().filter_map(|statement| {
        let why = statement.obstacle?;
        Some(format!(
            "Line {} of Prisma's script could not be made repeatable: {why}",
            line(statement.range.start)
        ))
    });
    said.collect()
}

/// Whether PostgreSQL refuses it beside another statement.
fn runs_alone(statement: &Statement) -> bool {
    statement
        .steps
        .iter()
        .any(|step| matches!(step.action, Action::Statement(Nature { alone: Some(_), is_nested: false })))
}

fn ends_transaction(statement: &Statement) -> bool {
    statement
        .steps
        .iter()
        .any(|step| matches!(step.action, Action::Transaction(Transaction::Commit | Transaction::Rollback)))
}

#[cfg(test)]
mod tests;
