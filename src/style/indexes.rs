//! Which indexes are made without blocking writes, each in a file of its own.

use super::Style;
use crate::guard::{
    action::{Action, ConstraintKind, CreateIndex, TableChange},
    name::Name,
    sql::repeat::Statement,
};

/// The choice.
#[derive(Debug, Default)]
pub(super) struct Own {
    /// The statements that leave, by their place in the script.
    pub(super) files: Vec<usize>,
    /// Why others stay although they block writes.
    pub(super) notes: Vec<String>,
}

/// Chooses among the indexes on tables that the script does not make itself.
pub(super) fn choose(statements: &[Statement], style: &Style, partitioned: &[Name]) -> Own {
    let mut own = Own::default();
    if !style.concurrent_indexes {
        return own;
    }
    let made: Vec<&Name> = actions(statements)
        .filter_map(|action| match action {
            Action::CreateTable(table) => Some(&table.name),
            _ => None,
        })
        .collect();
    for (at, statement) in statements.iter().enumerate() {
        let Some(index) = index_of(statement) else { continue };
        if index.concurrently || made.contains(&&index.table) {
            continue;
        }
        let name = index.name.as_ref().map_or_else(|| "an index".to_owned(), ToString::to_string);
        let mut stays =
            |why: &str| own.notes.push(format!("{name} is made in the same file and blocks writes: {why}"));
        if statement.concurrently.is_none() {
            stays("without a name of its own, or for ONLY one table, it cannot be made concurrently");
        } else if partitioned.iter().any(|table| is_same(table, &index.table)) {
            stays("PostgreSQL makes no index on a partitioned table concurrently");
        } else if is_needed(index, &statements[at + 1..]) {
            stays("a foreign key of this migration needs it");
        } else {
            own.files.push(at);
        }
    }
    own
}

fn actions(statements: &[Statement]) -> impl Iterator<Item = &Action> {
    statements.iter().flat_map(|statement| &statement.steps).map(|step| &step.action)
}

/// The index that the statement itself makes.
fn index_of(statement: &Statement) -> Option<&CreateIndex> {
    let nested = |action: &Action| matches!(action, Action::Statement(nature) if nature.is_nested);
    if statement.steps.iter().any(|step| nested(&step.action)) {
        return None;
    }
    statement.steps.iter().find_map(|step| match &step.action {
        Action::CreateIndex(index) => Some(index),
        _ => None,
    })
}

/// Whether a later statement refers to what the unique index promises.
fn is_needed(index: &CreateIndex, later: &[Statement]) -> bool {
    index.unique
        && actions(later).any(|action| match action {
            Action::AlterTable(_, TableChange::AddConstraint(constraint)) => {
                refers(&constraint.kind, &index.table)
            }
            Action::AlterTable(_, TableChange::AddColumn(column, _)) => {
                column.constraints.iter().any(|constraint| refers(&constraint.kind, &index.table))
            }
            Action::CreateTable(table) => {
                let of_columns = table.columns.iter().flat_map(|column| &column.constraints);
                table.constraints.iter().chain(of_columns).any(|one| refers(&one.kind, &index.table))
            }
            _ => false,
        })
}

fn refers(kind: &ConstraintKind, table: &Name) -> bool {
    matches!(kind, ConstraintKind::ForeignKey { target, .. } if is_same(target, table))
}

fn is_same(one: &Name, other: &Name) -> bool {
    let schema = |name: &Name| name.schema.clone().unwrap_or_else(|| "public".into());
    one.name == other.name && schema(one) == schema(other)
}
