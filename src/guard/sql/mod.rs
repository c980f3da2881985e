//! SQL as PostgreSQL reads it: the only room that knows the parser. A script goes in, a statement at a time
//! comes out as [`Step`]s.
//!
//! ```text
//! script -> split      statements, by tokens alone
//!        -> lower      a statement's tree -> steps
//!             tables, objects, drops, rows, routines  each family of statements does
//!             into                                what PL/pgSQL takes out of its queries
//!             roles                               whom a statement needs
//!             dynamic                             EXECUTE: constant texts are read, the rest is not guessed
//!             expressions, types, names           shared by them
//! script -> repeat     each statement, and how it can be made repeatable
//! ```

mod drops;
mod dynamic;
mod expressions;
mod into;
mod lower;
mod names;
mod objects;
pub mod repeat;
mod roles;
mod routines;
mod rows;
mod selective;
mod source;
mod split;
mod tables;
mod types;

pub(super) use self::dynamic::UNKNOWN;

use std::{panic, thread};

use squawk_syntax::SourceFile;

use self::{lower::Lower, source::Source, split::Chunk};
use super::action::{Action, Step};

/// Trees are as deep as the text nests, and are walked by recursion.
const STACK: usize = 256 << 20;

/// Runs `work` with a stack that any statement which `split` lets through fits in. A tree is only touched in
/// there: even dropping one recurses.
///
/// # Errors
/// Where the system grants no such thread.
pub(super) fn with_stack<T: Send>(work: impl FnOnce() -> T + Send) -> std::io::Result<T> {
    thread::scope(|scope| {
        let worker = thread::Builder::new().name("sql".into()).stack_size(STACK).spawn_scoped(scope, work)?;
        worker
            .join()
            .map_err(|_panic| std::io::Error::other("the check of the SQL ended by a defect of its own"))
    })
}

/// Gives `visit` the steps of each statement of `sql`, in order, a statement at a time. To be called within
/// [`with_stack`].
pub(super) fn for_each_statement(sql: &str, visit: &mut dyn FnMut(Vec<Step>)) {
    if let Some(at) = sql.find('\0') {
        visit(vec![unparsed(at, "a NUL byte, which PostgreSQL takes for the script's end")]);
        return;
    }
    for chunk in split::chunks(sql) {
        let steps = steps_of(sql, &chunk);
        if !steps.is_empty() {
            visit(steps);
        }
    }
}

/// The comments of `sql` that stand alone on their lines, each with the byte it begins at.
pub(super) fn line_comments(sql: &str) -> impl Iterator<Item = (usize, &str)> {
    split::line_comments(sql)
}

/// The bytes of each statement of `sql`, with the space and the comments before it.
pub(super) fn statement_ranges(sql: &str) -> impl Iterator<Item = std::ops::Range<usize>> {
    split::chunks(sql).filter(|chunk| !chunk.is_blank).map(|chunk| chunk.range)
}

/// The byte at which each statement of `sql` begins, without the space and the comments before it.
pub(super) fn statement_starts(sql: &str) -> impl Iterator<Item = usize> {
    split::chunks(sql).filter(|chunk| !chunk.is_blank).map(|chunk| chunk.first)
}

/// Whether `sql` holds no statement at all: nothing but space, comments and semicolons.
#[must_use]
pub fn is_empty_script(sql: &str) -> bool {
    split::chunks(sql).all(|chunk| chunk.is_blank && chunk.refusal.is_none())
}

fn steps_of(sql: &str, chunk: &Chunk) -> Vec<Step> {
    if let Some((at, why)) = &chunk.refusal {
        return vec![unparsed(*at, why)];
    }
    if chunk.is_blank {
        return Vec::new();
    }
    let text = &sql[chunk.range.clone()];
    let parsed = panic::catch_unwind(|| {
        let parse = SourceFile::parse(text);
        let source = Source::statement(chunk.range.start);
        let mut lower = Lower::new(source);
        lower.script(&parse.tree(), &parse.errors());
        lower.steps
    });
    parsed.unwrap_or_else(|_panic| {
        let start = chunk.range.start + (text.len() - text.trim_start().len());
        vec![unparsed(start, "the parser gave up on this statement")]
    })
}

fn unparsed(at: usize, why: &str) -> Step {
    Step { action: Action::Unparsed(why.to_owned()), place: at..at + 1, statement: at..at + 1 }
}
