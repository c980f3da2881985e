//! How each statement of a script can be made repeatable: so that it succeeds where what it makes is there already
//! and what it drops is gone.
//!
//! ```text
//! create    CREATE and DROP: other words, or a condition
//! table     ALTER TABLE, action by action
//! alter     ALTER of anything else
//! swap      types that need no condition, because the script itself makes room for them
//! ```

mod alter;
mod create;
mod swap;
mod table;

use std::{collections::HashSet, ops::Range, panic};

use squawk_syntax::{
    SourceFile, SyntaxNode,
    ast::{AlterTypeAction, AstNode, Stmt},
};

use super::{lower::trimmed, names::name_of, split};
use crate::guard::{
    action::{Action, Kind, Step},
    name::Name,
};

/// A statement of a script, and what takes its place.
#[derive(Debug)]
pub struct Statement {
    /// Its bytes with the semicolon that ends it and the space and the comments before it.
    pub whole: Range<usize>,
    /// Its bytes without what is before it.
    pub range: Range<usize>,
    /// What it does.
    pub steps: Vec<Step>,
    /// What takes its place; nothing where it is not understood, the same text where nothing has to be done.
    pub pieces: Vec<Piece>,
    /// The text of a `CREATE INDEX` as one that blocks no writes, where it can be one.
    pub concurrently: Option<String>,
    /// Why it fails, or does its work again, when it is run again all the same.
    pub obstacle: Option<&'static str>,
}

/// One of the statements in another's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// When it is to be run; `None` for always.
    pub when: Option<Condition>,
    /// Its text, without a semicolon.
    pub sql: String,
}

/// What must hold for a piece to be run: one of `absent` is not there (where any are named), and `present` is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Condition {
    /// What the piece makes.
    pub absent: Vec<Thing>,
    /// What it needs.
    pub present: Option<Thing>,
}

impl Condition {
    fn unless(thing: Thing) -> Self {
        Self { absent: vec![thing], present: None }
    }

    fn rename(from: Thing, to: Thing) -> Self {
        Self { absent: vec![to], present: Some(from) }
    }
}

/// Something that a database has or has not. Tables and types are given as they are written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say what they are")]
pub enum Thing {
    /// A constraint of a table.
    Constraint { table: String, name: String },
    /// A table's primary key, whatever its name.
    PrimaryKey { table: String },
    /// A column.
    Column { table: String, name: String },
    /// A column of a certain type.
    ColumnOfType { table: String, name: String, data_type: String },
    /// An identity column.
    Identity { table: String, column: String },
    /// A type or a domain.
    Type { schema: Option<String>, name: String },
    /// A label of an enum.
    Label { data_type: String, label: String },
    /// A row security policy.
    Policy { table: String, name: String },
    /// A trigger.
    Trigger { table: String, name: String },
    /// A role.
    Role { name: String },
    /// A publication.
    Publication { name: String },
}

/// Other words in a part of the script.
#[derive(Debug)]
struct Words {
    range: Range<usize>,
    text: &'static str,
}

/// Gives `work` the statements of `sql`, in order, as they can be made repeatable. What cannot be parsed stays as it is.
///
/// # Errors
/// Where the system grants no thread to work in.
pub fn with_statements<T: Send>(
    sql: &str,
    work: impl FnOnce(Vec<Statement>) -> T + Send,
) -> std::io::Result<T> {
    super::with_stack(|| work(statements(sql)))
}

/// Whether `sql` holds nothing but space and comments.
#[must_use]
pub fn is_blank(sql: &str) -> bool {
    super::is_empty_script(sql)
}

fn statements(sql: &str) -> Vec<Statement> {
    let chunks: Vec<_> = split::chunks(sql).filter(|chunk| !chunk.is_blank).collect();
    let steps: Vec<Vec<Step>> = chunks.iter().map(|chunk| super::steps_of(sql, chunk)).collect();
    let gone: HashSet<Name> = steps.iter().flatten().filter_map(goes).collect();
    let swaps = swap::repeatable(&steps);
    let mut statements = Vec::new();
    for ((chunk, steps), swaps_types) in chunks.into_iter().zip(steps).zip(swaps) {
        let around = Around { gone: &gone, swaps_types };
        let text = &sql[chunk.range.clone()];
        let original = Statement {
            whole: chunk.range.clone(),
            range: chunk.first..chunk.range.end,
            steps,
            pieces: Vec::new(),
            concurrently: None,
            obstacle: None,
        };
        if chunk.refusal.is_some() {
            statements.push(original);
            continue;
        }
        let rewritten = panic::catch_unwind(|| rewritten(text, &around)).ok().flatten();
        statements.push(match rewritten {
            Some(rewritten) => Statement {
                pieces: rewritten.pieces,
                concurrently: rewritten.concurrently,
                obstacle: rewritten.obstacle,
                ..original
            },
            None => original,
        });
    }
    statements
}

/// What a statement has to know of the script around it.
struct Around<'a> {
    /// The tables that are no longer there under their names when the script has run.
    gone: &'a HashSet<Name>,
    /// Whether the script makes room for the types that the statement makes or renames.
    swaps_types: bool,
}

/// A table that is no longer there under its name when the script has run.
fn goes(step: &Step) -> Option<Name> {
    match &step.action {
        Action::Drop(drop) if drop.kind == Kind::Table => Some(drop.name.clone()),
        Action::Rename(Kind::Table, from, _) => Some(from.clone()),
        Action::SetSchema(Kind::Table, name, _) => Some(name.clone()),
        _ => None,
    }
}

#[derive(Debug, Default)]
struct Rewritten {
    pieces: Vec<Piece>,
    concurrently: Option<String>,
    obstacle: Option<&'static str>,
}

/// The one statement of `text`; `None` where it is none, or none that is understood.
fn rewritten(text: &str, around: &Around<'_>) -> Option<Rewritten> {
    let parse = SourceFile::parse(text);
    if !parse.errors().is_empty() {
        return None;
    }
    let file = parse.tree();
    let mut statements = file.stmts();
    let (statement, None) = (statements.next()?, statements.next()) else { return None };
    let text = Text(text);
    if around.swaps_types && (makes_type(&statement) || renames_type(&statement)) {
        return Some(text.unchanged(&statement));
    }
    Some(text.table(&statement, around.gone).or_else(|| text.alter(&statement)).unwrap_or_else(|| {
        text.create(&statement)
            .or_else(|| text.drop(&statement))
            .unwrap_or_else(|| text.unchanged(&statement))
    }))
}

const fn makes_type(statement: &Stmt) -> bool {
    matches!(statement, Stmt::CreateType(_) | Stmt::CreateDomain(_))
}

fn renames_type(statement: &Stmt) -> bool {
    let Stmt::AlterType(alter) = statement else { return false };
    matches!(alter.action(), Some(AlterTypeAction::TypeRenameTo(_)))
}

/// The text that a tree is of.
#[derive(Debug, Clone, Copy)]
struct Text<'a>(&'a str);

impl<'a> Text<'a> {
    fn of(self, node: &SyntaxNode) -> &'a str {
        &self.0[range(node)]
    }

    /// `node` without the semicolon, with other words.
    fn with(self, node: &SyntaxNode, words: &[Words]) -> String {
        let whole = range(node);
        self.between(whole, words).trim_end().trim_end_matches(';').trim_end().to_owned()
    }

    fn between(self, within: Range<usize>, words: &[Words]) -> String {
        let mut words: Vec<_> = words
            .iter()
            .filter(|words| within.start <= words.range.start && words.range.end <= within.end)
            .collect();
        words.sort_by_key(|words| words.range.start);
        let (mut text, mut at) = (String::new(), within.start);
        for Words { range, text: other } in words {
            text.push_str(&self.0[at..range.start]);
            text.push_str(other);
            at = range.end;
        }
        text + &self.0[at..within.end]
    }

    fn unchanged(self, statement: &Stmt) -> Rewritten {
        self.words(statement, &[])
    }

    /// The statement with other words.
    fn words(self, statement: &Stmt, words: &[Words]) -> Rewritten {
        let sql = self.with(statement.syntax(), words);
        Rewritten { pieces: vec![Piece { when: None, sql }], ..Rewritten::default() }
    }

    /// The statement under a condition.
    fn when(self, statement: &Stmt, condition: Condition) -> Rewritten {
        let sql = self.with(statement.syntax(), &[]);
        Rewritten { pieces: vec![Piece { when: Some(condition), sql }], ..Rewritten::default() }
    }

    /// The statement as it is, for nothing makes it repeatable.
    fn never(self, statement: &Stmt, why: &'static str) -> Rewritten {
        Rewritten { obstacle: Some(why), ..self.unchanged(statement) }
    }

    /// `text` in front of `node`.
    fn before(self, node: &SyntaxNode, text: &'static str) -> Words {
        let start = range(node).start;
        Words { range: start..start, text }
    }
}

/// A node's bytes, without the space and the comments around it.
fn range(node: &SyntaxNode) -> Range<usize> {
    let range = trimmed(node);
    usize::from(range.start())..usize::from(range.end())
}

/// Whether `node` has a child of the type `N`, such as `IF NOT EXISTS`.
fn has<N: AstNode>(node: &SyntaxNode) -> bool {
    node.children().any(|child| N::can_cast(child.kind()))
}

/// A name as a type is looked up by.
fn type_named(node: &SyntaxNode) -> Thing {
    let Name { schema, name, .. } = name_of(node);
    Thing::Type { schema, name }
}
