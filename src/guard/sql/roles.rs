//! Roles: which of them a statement needs, and which it makes.

use squawk_syntax::{
    SyntaxNode,
    ast::{self, AstNode, Stmt},
};

use super::{lower::Lower, names::word};
use crate::guard::action::{Action, RoleUse};

impl Lower {
    /// The roles that a statement names. Those that it drops or alters are its own affair.
    pub(super) fn roles(&mut self, stmt: &Stmt) {
        let node = stmt.syntax();
        let made = match stmt {
            Stmt::CreateRole(create) => create.role(),
            Stmt::CreateUser(create) => create.role(),
            Stmt::CreateGroup(create) => create.role(),
            Stmt::AlterRole(_)
            | Stmt::AlterUser(_)
            | Stmt::AlterGroup(_)
            | Stmt::DropRole(_)
            | Stmt::DropUser(_)
            | Stmt::DropGroup(_) => return,
            _ => None,
        };
        if let Some(made) = made {
            self.push(Action::Role(RoleUse::Made, word(made.syntax())), node);
            return;
        }
        let named = node.descendants().filter_map(ast::RoleRef::cast);
        let roles: Vec<_> = named.filter_map(|role| Some((role_of(&role)?, role.syntax().clone()))).collect();
        for (role, at) in roles {
            self.push(Action::Role(RoleUse::Needed, role), &at);
        }
    }
}

/// The role's own name; `None` for those that mean somebody in every database.
fn role_of(role: &ast::RoleRef) -> Option<String> {
    let name: SyntaxNode = role.syntax().descendants().find_map(ast::RoleNameRef::cast)?.syntax().clone();
    let word = word(&name);
    // As a keyword; a quoted "public" cannot be a role.
    (word != "public" && !word.is_empty()).then_some(word)
}
