//! Names in the tree.

use squawk_syntax::{
    SyntaxKind, SyntaxNode,
    ast::{self, AstNode, normalize_name_node},
};

use crate::guard::name::Name;

/// The name that `node` is or begins with: a path of parts, or a single word.
pub(super) fn name_of(node: &SyntaxNode) -> Name {
    let path = node.descendants().find(|node| matches!(node.kind(), SyntaxKind::PATH | SyntaxKind::PATH_REF));
    match path {
        Some(path) => Name::from_parts(&parts(&path)),
        None => {
            let mut words = node.descendants().map(|node| normalize_name_node(&node));
            Name::bare(&words.find(|word| !word.is_empty()).unwrap_or_default())
        }
    }
}

/// The same for a node that may be missing.
pub(super) fn name_in<N: AstNode>(node: Option<N>) -> Option<Name> {
    node.map(|node| name_of(node.syntax()))
}

/// A single word: a column, a constraint, a trigger.
pub(super) fn word(node: &SyntaxNode) -> String {
    name_of(node).name
}

/// The same for a node that may be missing.
pub(super) fn word_in<N: AstNode>(node: Option<N>) -> Option<String> {
    node.map(|node| word(node.syntax()))
}

/// A function's name in a call, which the tree holds as an expression.
pub(super) fn name_of_expression(expr: &ast::Expr) -> Option<Name> {
    Some(Name::from_parts(&parts_of_expression(expr)?))
}

/// The parts of a column or function in an expression: `[table.]column`, `[schema.]function`.
pub(super) fn parts_of_expression(expr: &ast::Expr) -> Option<Vec<String>> {
    match expr {
        ast::Expr::NameRef(name) => Some(vec![name.text()]),
        ast::Expr::FieldExpr(field) => {
            let mut parts = parts_of_expression(&field.base()?)?;
            parts.push(field.field()?.text());
            Some(parts)
        }
        _ => None,
    }
}

fn parts(path: &SyntaxNode) -> Vec<String> {
    path.descendants()
        .filter(|node| matches!(node.kind(), SyntaxKind::PATH_SEGMENT | SyntaxKind::PATH_SEGMENT_REF))
        .map(|segment| normalize_name_node(&segment))
        .collect()
}
