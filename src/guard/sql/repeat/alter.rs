//! `ALTER` of anything but a table.

use squawk_syntax::{
    SyntaxNode,
    ast::{self, AstNode, Stmt},
};

use super::{Condition, Rewritten, Text, Thing, has, type_named};
use crate::guard::sql::{expressions::string_of, names::word};

impl Text<'_> {
    /// What a statement that alters something becomes; `None` for any other.
    pub(super) fn alter(self, statement: &Stmt) -> Option<Rewritten> {
        let node = statement.syntax();
        match statement {
            Stmt::AlterType(alter) => Some(self.alter_type(statement, alter)),
            Stmt::AlterIndex(alter) => {
                let name = alter.index_ref()?;
                let renames = matches!(alter.action(), Some(ast::AlterIndexAction::IndexRenameTo(_)));
                renames.then(|| self.if_exists(statement, name.syntax()))
            }
            Stmt::AlterSequence(alter) => {
                let name = alter.sequence_ref()?;
                let moves = alter.actions().any(|action| {
                    use ast::AlterSequenceAction::{SequenceRenameTo, SetSchema};
                    matches!(action, SequenceRenameTo(_) | SetSchema(_))
                });
                moves.then(|| self.if_exists(statement, name.syntax()))
            }
            Stmt::AlterView(alter) => {
                use ast::AlterViewAction::{SetSchema, ViewRenameTo};
                let name = alter.view_ref()?;
                let moves = matches!(alter.action(), Some(ViewRenameTo(_) | SetSchema(_)));
                moves.then(|| self.if_exists(statement, name.syntax()))
            }
            Stmt::AlterDomain(alter) => {
                use ast::AlterDomainAction as Act;
                matches!(alter.action(), Some(Act::AddConstraint(_) | Act::DropConstraint(_))).then(|| {
                    self.never(statement, "a domain's constraint cannot be asked for beforehand here")
                })
            }
            _ if node.descendants().any(|node| is_rename(&node)) => {
                Some(self.never(statement, "what it renames has its new name the second time"))
            }
            _ => None,
        }
    }

    fn if_exists(self, statement: &Stmt, name: &SyntaxNode) -> Rewritten {
        match has::<ast::IfExists>(statement.syntax()) {
            true => self.unchanged(statement),
            false => self.words(statement, &[self.before(name, "IF EXISTS ")]),
        }
    }

    fn alter_type(self, statement: &Stmt, alter: &ast::AlterType) -> Rewritten {
        let changed = || {
            let name = alter.type_name_ref()?;
            let written = || self.of(name.syntax()).to_owned();
            let label = |literal: Option<ast::Literal>| literal.as_ref().and_then(string_of);
            Some(match alter.action()? {
                ast::AlterTypeAction::AddValue(add) if !has::<ast::IfNotExists>(add.syntax()) => {
                    self.words(statement, &[self.before(add.literal()?.syntax(), "IF NOT EXISTS ")])
                }
                ast::AlterTypeAction::RenameValue(rename) => {
                    let thing = |label| Thing::Label { data_type: written(), label };
                    let (from, to) = (thing(label(rename.from())?), thing(label(rename.to())?));
                    self.when(statement, Condition::rename(from, to))
                }
                ast::AlterTypeAction::TypeRenameTo(rename) => {
                    let from = type_named(name.syntax());
                    let Thing::Type { schema, .. } = &from else { return None };
                    let to = Thing::Type { schema: schema.clone(), name: word(rename.type_name()?.syntax()) };
                    self.when(statement, Condition::rename(from, to))
                }
                ast::AlterTypeAction::SetSchema(set) => {
                    let from = type_named(name.syntax());
                    let Thing::Type { name, .. } = &from else { return None };
                    let schema = Some(word(set.schema_ref()?.syntax()));
                    let to = Thing::Type { schema, name: name.clone() };
                    self.when(statement, Condition::rename(from, to))
                }
                ast::AlterTypeAction::AlterTypeAttributeActionList(_)
                | ast::AlterTypeAction::RenameAttribute(_) => {
                    self.never(statement, "a composite type's attribute cannot be asked for beforehand here")
                }
                _ => return None,
            })
        };
        changed().unwrap_or_else(|| self.unchanged(statement))
    }
}

/// `RENAME TO` and `SET SCHEMA` of the kinds that nothing is known of.
fn is_rename(node: &SyntaxNode) -> bool {
    ast::SetSchema::can_cast(node.kind())
        || ast::SchemaRenameTo::can_cast(node.kind())
        || ast::FunctionRenameTo::can_cast(node.kind())
        || ast::ProcedureRenameTo::can_cast(node.kind())
        || ast::RoutineRenameTo::can_cast(node.kind())
        || ast::DomainRenameTo::can_cast(node.kind())
}
