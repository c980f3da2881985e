//! `ALTER TABLE`, action by action: one that needs a condition becomes a statement of its own.

use std::collections::HashSet;

use squawk_syntax::{
    SyntaxKind, SyntaxNode,
    ast::{self, AlterColumnOption, AlterTableAction as Act, AstNode, Stmt},
};

use super::{Condition, Piece, Rewritten, Text, Thing, Words, has, range};
use crate::guard::{
    name::Name,
    sql::names::{name_of, word_in},
};

const UNNAMED: &str = "a constraint without a name is made anew each time";

/// An `ALTER TABLE` at work.
struct Table<'a> {
    text: Text<'a>,
    node: SyntaxNode,
    /// The table as it is written, without `ONLY`.
    written: String,
    actions: Vec<Act>,
    words: Vec<Words>,
    obstacle: Option<&'static str>,
}

impl Text<'_> {
    /// What an `ALTER TABLE` becomes; `None` for any other statement.
    pub(super) fn table(self, statement: &Stmt, gone: &HashSet<Name>) -> Option<Rewritten> {
        let (actions, relation): (Vec<Act>, _) = match statement {
            Stmt::AlterTable(alter) => (alter.actions().collect(), alter.table_relation_name()?),
            Stmt::AlterForeignTable(alter) => (alter.actions().collect(), alter.table_relation_name()?),
            _ => return None,
        };
        let written = self.of(relation.table_name_ref()?.syntax()).to_owned();
        let node = statement.syntax().clone();
        let mut table = Table { text: self, node, written, actions, words: Vec::new(), obstacle: None };
        table.if_exists(&relation, gone);
        Some(table.rewritten())
    }
}

impl Table<'_> {
    /// `IF EXISTS` for a table that the second run no longer meets under this name.
    fn if_exists(&mut self, relation: &ast::TableRelationName, gone: &HashSet<Name>) {
        let only_drops =
            self.actions.iter().all(|act| matches!(act, Act::DropColumn(_) | Act::DropConstraint(_)));
        let is_gone = gone.contains(&name_of(relation.syntax()));
        if (only_drops || is_gone) && !has::<ast::IfExists>(&self.node) {
            self.words.push(self.text.before(relation.syntax(), "IF EXISTS "));
        }
    }

    fn rewritten(mut self) -> Rewritten {
        let remade = self.remade();
        let mut always = Vec::new();
        let mut conditional: Vec<(Condition, Vec<Act>)> = Vec::new();
        let mut swap = (Condition::default(), Vec::new());
        for act in std::mem::take(&mut self.actions) {
            self.say(&act);
            let is_key = matches!(act, Act::AddConstraint(_) | Act::DropConstraint(_));
            if let Some(thing) =
                column_of(&act).and_then(|column| remade.iter().find(|(name, _)| *name == column))
            {
                if matches!(act, Act::AddColumn(_)) {
                    swap.0.absent.push(thing.1.clone());
                }
                swap.1.push(act);
            } else if is_key && !remade.is_empty() {
                swap.1.push(act);
            } else if let Some(condition) = self.condition(&act) {
                conditional.push((condition, vec![act]));
            } else {
                always.push(act);
            }
        }
        if !swap.1.is_empty() {
            conditional.insert(0, swap);
        }
        self.pieces(&always, &conditional)
    }

    fn pieces(&self, always: &[Act], conditional: &[(Condition, Vec<Act>)]) -> Rewritten {
        let mut pieces = Vec::new();
        let whole = || self.text.with(&self.node, &self.words);
        match conditional {
            [] => pieces.push(Piece { when: None, sql: whole() }),
            [(condition, _)] if always.is_empty() => {
                pieces.push(Piece { when: Some(condition.clone()), sql: whole() });
            }
            _ => {
                if !always.is_empty() {
                    pieces.push(Piece { when: None, sql: self.part(always) });
                }
                let parts = conditional.iter();
                pieces.extend(
                    parts.map(|(condition, acts)| Piece {
                        when: Some(condition.clone()),
                        sql: self.part(acts),
                    }),
                );
            }
        }
        if pieces.len() > 1 {
            // What stands between actions cannot tell which of them it belongs to any more.
            pieces[0].sql.insert_str(0, &self.comments());
        }
        Rewritten { pieces, concurrently: None, obstacle: self.obstacle }
    }

    /// The comments between the actions, a line each.
    fn comments(&self) -> String {
        let tokens = self.node.children_with_tokens().filter_map(rowan::NodeOrToken::into_token);
        let comments = tokens.filter(|token| token.kind() == SyntaxKind::COMMENT);
        let first = range(&self.node).start;
        comments
            .filter(|token| usize::from(token.text_range().start()) > first)
            .map(|token| format!("{}\n", token.text()))
            .collect()
    }

    /// The statement with these of its actions.
    fn part(&self, acts: &[Act]) -> String {
        let first = self.node.children().find(|child| Act::can_cast(child.kind()));
        let start = range(&self.node).start;
        let end = first.map_or(start, |first| range(&first).start);
        let acts: Vec<_> =
            acts.iter().map(|act| self.text.between(range(act.syntax()), &self.words)).collect();
        format!("{}{}", self.text.between(start..end, &self.words), acts.join(",\n"))
    }

    /// The columns that are dropped and added again, each with what it is to be: a second run must not empty them.
    fn remade(&self) -> Vec<(String, Thing)> {
        let dropped: HashSet<String> = self
            .actions
            .iter()
            .filter_map(|act| match act {
                Act::DropColumn(_) => column_of(act),
                _ => None,
            })
            .collect();
        let remade = self.actions.iter().filter_map(|act| {
            let Act::AddColumn(add) = act else { return None };
            let name = column_of(act).filter(|name| dropped.contains(name))?;
            let data_type = plain_type(self.text.of(add.ty()?.syntax()));
            let thing = Thing::ColumnOfType { table: self.written.clone(), name: name.clone(), data_type };
            Some((name, thing))
        });
        remade.collect()
    }

    /// Other words for the action, and what keeps it from being repeatable.
    fn say(&mut self, act: &Act) {
        let node = act.syntax();
        match act {
            Act::AddColumn(add) if !has::<ast::IfNotExists>(node) => {
                let last = add.column_token().or_else(|| add.add_token());
                self.words.extend(self.in_gap(last, add.column_name(), " IF NOT EXISTS "));
            }
            Act::DropColumn(drop) if !has::<ast::IfExists>(node) => {
                let last = drop.column_token().or_else(|| drop.drop_token());
                self.words.extend(self.in_gap(last, drop.column_name_ref(), " IF EXISTS "));
            }
            Act::DropConstraint(drop) if !has::<ast::IfExists>(node) => {
                self.words.extend(self.in_gap(
                    drop.constraint_token(),
                    drop.constraint_name_ref(),
                    " IF EXISTS ",
                ));
            }
            Act::AddConstraint(add) => {
                let is_key = matches!(add.constraint(), Some(ast::Constraint::PrimaryKeyConstraint(_)));
                if self.constraint(add).is_none() && !is_key {
                    self.obstacle = Some(UNNAMED);
                }
            }
            Act::AlterColumn(alter) => {
                if let Some(
                    option @ (AlterColumnOption::DropIdentity(_) | AlterColumnOption::DropExpression(_)),
                ) = alter.option()
                    && !has::<ast::IfExists>(option.syntax())
                {
                    let end = range(option.syntax()).end;
                    self.words.push(Words { range: end..end, text: " IF EXISTS" });
                }
            }
            Act::AttachPartition(_)
            | Act::DetachPartition(_)
            | Act::InheritTable(_)
            | Act::NoInheritTable(_) => {
                self.obstacle = Some("a partition or a child cannot be attached or detached twice");
            }
            _ => {}
        }
    }

    /// `text` in place of what stands between a keyword and a name, where that is nothing but space.
    fn in_gap<N: AstNode>(
        &self,
        keyword: Option<squawk_syntax::SyntaxToken>,
        name: Option<N>,
        text: &'static str,
    ) -> Option<Words> {
        let name = range(name?.syntax());
        let gap = usize::from(keyword?.text_range().end())..name.start;
        let is_space = self.text.0[gap.clone()].chars().all(char::is_whitespace);
        let range = if is_space { gap } else { name.start..name.start };
        Some(Words { range, text: if is_space { text } else { text.trim_start() } })
    }

    /// What must hold for the action to be run, where PostgreSQL has no words for it.
    fn condition(&self, act: &Act) -> Option<Condition> {
        let table = || self.written.clone();
        match act {
            Act::AddConstraint(add) => {
                let is_key = matches!(add.constraint(), Some(ast::Constraint::PrimaryKeyConstraint(_)));
                match self.constraint(add) {
                    Some(name) if self.drops_constraint(&name) => None,
                    Some(name) => Some(Condition::unless(Thing::Constraint { table: table(), name })),
                    None if is_key => Some(Condition::unless(Thing::PrimaryKey { table: table() })),
                    None => None,
                }
            }
            Act::RenameConstraint(rename) => {
                let thing = |name| Thing::Constraint { table: table(), name };
                let from = word_in(rename.constraint_name_ref())?;
                Some(Condition::rename(thing(from), thing(word_in(rename.constraint_name())?)))
            }
            Act::RenameColumn(rename) => {
                let thing = |name| Thing::Column { table: table(), name };
                let from = word_in(rename.column_name_ref())?;
                Some(Condition::rename(thing(from), thing(word_in(rename.column_name())?)))
            }
            Act::AlterColumn(alter) if matches!(alter.option(), Some(AlterColumnOption::AddGenerated(_))) => {
                let column = word_in(alter.column_name_ref())?;
                Some(Condition::unless(Thing::Identity { table: table(), column }))
            }
            _ => None,
        }
    }

    fn constraint(&self, add: &ast::AddConstraint) -> Option<String> {
        word_in(add.constraint()?.constraint_name())
    }

    /// Whether the same statement drops the constraint first, so that it is free to be added.
    fn drops_constraint(&self, name: &str) -> bool {
        self.node
            .children()
            .filter_map(ast::DropConstraint::cast)
            .any(|drop| word_in(drop.constraint_name_ref()).as_deref() == Some(name))
    }
}

/// The column that is added or dropped.
fn column_of(act: &Act) -> Option<String> {
    match act {
        Act::AddColumn(add) => word_in(add.column_name()),
        Act::DropColumn(drop) => word_in(drop.column_name_ref()),
        _ => None,
    }
}

/// The type that a column has in the end, for those that are not types.
fn plain_type(written: &str) -> String {
    match written.to_ascii_lowercase().as_str() {
        "serial" | "serial4" => "integer".into(),
        "bigserial" | "serial8" => "bigint".into(),
        "smallserial" | "serial2" => "smallint".into(),
        _ => written.to_owned(),
    }
}
