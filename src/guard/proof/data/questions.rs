//! What has to be asked about the rows of a table, by what a migration did to it.

use std::collections::BTreeSet;

use crate::{
    catalog::{Catalog, Constraint, ConstraintKind, Id, Index, Table},
    guard::{
        name::Name,
        proof::{
            effect::Effect,
            trace::{Seen, Trace},
        },
    },
};

/// A table that was there before, and what has to be asked about its rows.
#[derive(Debug)]
pub(super) struct Subject<'a> {
    /// Its name before.
    pub(super) name: &'a Name,
    /// It before.
    pub(super) table: &'a Table,
    /// Its name after.
    pub(super) after_name: &'a Name,
    /// It after.
    pub(super) after: &'a Table,
    /// What is asked.
    pub(super) questions: Vec<Question>,
    /// The columns that something is asked about.
    pub(super) asked: BTreeSet<String>,
    /// Where the statements that matter to it begin.
    pub(super) start: usize,
    /// The statements that matter to it: from the first that touches it, or what it points to, to the last that
    /// touches it, without those that are about other tables.
    pub(super) statements: Vec<usize>,
    /// Tables whose rows go with its own.
    pub(super) followers: Vec<String>,
}

/// A question about rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Question {
    /// What becomes of the values of a column whose type is another one.
    Type {
        /// The column's name before.
        column: String,
        /// Its type before.
        from: String,
        /// Its type after.
        to: String,
    },
    /// Whether rows can be given a new column that demands a value.
    Required {
        /// The new column.
        column: String,
    },
    /// Whether NULL is refused now.
    NotNull {
        /// The column's name before.
        column: String,
    },
    /// Whether rows satisfy a new constraint or unique index.
    Demand {
        /// What demands it.
        demand: Demand,
        /// Its name.
        name: String,
        /// Those of its columns that were there before, by their names before.
        columns: Vec<String>,
    },
    /// Whether rows stay, and as they are.
    Rows,
}

/// What demands something of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Demand {
    UniqueIndex,
    Unique,
    PrimaryKey,
    ForeignKey,
    Check,
    Exclusion,
}

/// The tables about whose rows something has to be asked, in the order of the statements.
pub(super) fn subjects<'a>(effect: &'a Effect, trace: &Trace) -> Vec<Subject<'a>> {
    let before = effect.before.tables.iter();
    let mut subjects: Vec<_> =
        before.filter_map(|(name, table)| subject(effect, trace, (name, table))).collect();
    subjects.sort_by_key(|subject| subject.start);
    subjects
}

fn subject<'a>(
    effect: &'a Effect,
    trace: &Trace,
    (name, table): (&'a Name, &'a Table),
) -> Option<Subject<'a>> {
    let (after_name, after) = effect.after.tables.iter().find(|(_, after)| after.id == table.id)?;
    let touched = |id: Id| (0..trace.steps.len()).filter(move |place| trace.touches(*place, id));
    let end = touched(table.id).next_back()? + 1;
    let mut questions = columns(effect, table, after);
    questions.extend(demands(table, after));
    if changes_rows(trace, table.id) {
        questions.push(Question::Rows);
    }
    if questions.is_empty() {
        return None;
    }
    let asked: BTreeSet<String> = questions.iter().flat_map(Question::columns).map(str::to_owned).collect();
    let mut related = ancestors(&effect.before, name, &asked);
    related.extend(ancestors(&effect.after, after_name, &asked));
    let pointing = pointing_to(&effect.before, name, &asked);
    let is_near = |id: &Id| related.contains(id) || pointing.contains(id);
    let start = related.iter().chain(&pointing).filter_map(|id| touched(*id).next()).min()?.min(end - 1);
    let is_about_others = |place: &usize| {
        let mut tables =
            effect.before.tables.values().map(|table| table.id).filter(|id| trace.touches(*place, *id));
        let touches_some = tables.clone().next().is_some();
        touches_some && tables.all(|id| !is_near(&id))
    };
    let statements = (start..end).filter(|place| !is_about_others(place)).collect();
    let followers = followers(&effect.before, name);
    Some(Subject { name, table, after_name, after, questions, asked, start, statements, followers })
}

/// The tables with keys that point to columns that something is asked about: what they are must stay together.
fn pointing_to(catalog: &Catalog, name: &Name, asked: &BTreeSet<String>) -> BTreeSet<Id> {
    let points = |table: &&Table| {
        table.constraints.values().filter_map(|key| key.references.as_ref()).any(|reference| {
            reference.table == *name && reference.columns.iter().any(|column| asked.contains(column))
        })
    };
    catalog.tables.values().filter(points).map(|table| table.id).collect()
}

/// The tables whose rows are deleted with those of the table.
fn followers(catalog: &Catalog, name: &Name) -> Vec<String> {
    let follows = |table: &Table| {
        table.constraints.values().any(|constraint| {
            constraint.references.as_ref().is_some_and(|reference| reference.table == *name)
                && constraint.definition.contains("ON DELETE CASCADE")
        })
    };
    let tables = catalog.tables.iter().filter(|(_, table)| follows(table));
    tables.map(|(name, _)| name.to_string()).collect()
}

/// The table and every table that its rows need a row of: through keys that demand one, or that something is
/// asked about.
fn ancestors(catalog: &Catalog, name: &Name, asked: &BTreeSet<String>) -> BTreeSet<Id> {
    let mut found = BTreeSet::new();
    let mut open = vec![name];
    while let Some(next) = open.pop() {
        let Some(table) = catalog.tables.get(next) else { continue };
        if !found.insert(table.id) {
            continue;
        }
        let demands = |constraint: &&Constraint| {
            constraint.columns.iter().all(|column| {
                let is_required = table.column(column).is_some_and(|column| !column.nullable);
                is_required || next == name && asked.contains(column)
            })
        };
        let references = table.constraints.values().filter(demands).filter_map(|key| key.references.as_ref());
        open.extend(references.map(|reference| &reference.table));
    }
    found
}

impl Question {
    /// The columns that it is about, by their names before.
    fn columns(&self) -> Vec<&str> {
        match self {
            Self::Type { column, .. } | Self::NotNull { column } => vec![column],
            Self::Demand { columns, .. } => columns.iter().map(String::as_str).collect(),
            Self::Required { .. } | Self::Rows => Vec::new(),
        }
    }
}

fn columns(effect: &Effect, table: &Table, after: &Table) -> Vec<Question> {
    let mut questions = Vec::new();
    for column in &after.columns {
        let Some(old) = table.columns.iter().find(|old| old.number == column.number) else {
            if !column.nullable && column.generated.is_none() {
                questions.push(Question::Required { column: column.name.clone() });
            }
            continue;
        };
        let user_type =
            |catalog: &Catalog, data_type: &str| catalog.user_type(data_type).map(|found| found.id);
        let is_another = old.data_type != column.data_type
            || user_type(&effect.before, &old.data_type) != user_type(&effect.after, &column.data_type);
        if is_another && column.generated.is_none() && old.generated.is_none() {
            let (from, to) = (old.data_type.clone(), column.data_type.clone());
            questions.push(Question::Type { column: old.name.clone(), from, to });
        }
        if old.nullable && !column.nullable {
            questions.push(Question::NotNull { column: old.name.clone() });
        }
    }
    questions
}

fn demands(table: &Table, after: &Table) -> Vec<Question> {
    let old_name = |name: &String| {
        let number = after.column(name)?.number;
        table.columns.iter().find(|old| old.number == number).map(|old| old.name.clone())
    };
    let mut questions = Vec::new();
    for (name, constraint) in &after.constraints {
        if !is_known_constraint(table, constraint) {
            questions.push(Question::Demand {
                demand: demand(constraint.kind),
                name: name.clone(),
                columns: constraint.columns.iter().filter_map(old_name).collect(),
            });
        }
    }
    for (name, index) in &after.indexes {
        if index.unique && !index.of_constraint && !is_known_index(table, index) {
            questions.push(Question::Demand {
                demand: Demand::UniqueIndex,
                name: name.clone(),
                columns: index.columns.iter().flatten().filter_map(old_name).collect(),
            });
        }
    }
    questions
}

/// Whether the table demanded the same before: rows that are there satisfy it.
fn is_known_constraint(table: &Table, constraint: &Constraint) -> bool {
    let points = |constraint: &Constraint| {
        let reference = constraint.references.as_ref()?;
        Some((constraint.columns.clone(), reference.table.clone(), reference.columns.clone()))
    };
    table.constraints.values().any(|old| {
        old.id == constraint.id
            || old.definition == constraint.definition
            || points(old).is_some() && points(old) == points(constraint)
    })
}

fn is_known_index(table: &Table, index: &Index) -> bool {
    table.indexes.values().any(|old| old.id == index.id || old.unique && old.definition == index.definition)
}

const fn demand(kind: ConstraintKind) -> Demand {
    match kind {
        ConstraintKind::PrimaryKey => Demand::PrimaryKey,
        ConstraintKind::Unique => Demand::Unique,
        ConstraintKind::ForeignKey => Demand::ForeignKey,
        ConstraintKind::Check => Demand::Check,
        ConstraintKind::Exclusion => Demand::Exclusion,
    }
}

/// Whether the script writes to the table's rows, or throws them away.
fn changes_rows(trace: &Trace, id: Id) -> bool {
    trace.steps.iter().any(|seen| match seen {
        Seen::Held(held) => held.get(&id.object).is_some_and(|held| held.writes || held.new_file),
        Seen::TransactionControl | Seen::Alone => false,
    })
}
