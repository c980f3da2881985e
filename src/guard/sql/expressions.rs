//! Expressions: which columns they read, what a default costs, what `USING` does to a value.

use squawk_syntax::{
    SyntaxKind, SyntaxNode,
    ast::{self, AstNode, Expr},
};

use super::{
    names::{name_of_expression, parts_of_expression},
    types::data_type,
};
use crate::guard::action::{Default, Using};

/// Functions that give the same value for every row of one statement, so that a default made of them is
/// computed once. Any other is taken to be volatile, as PostgreSQL takes a function that does not say.
const STEADY: [&str; 34] = [
    "now",
    "transaction_timestamp",
    "statement_timestamp",
    "timezone",
    "current_setting",
    "to_timestamp",
    "to_date",
    "to_char",
    "to_json",
    "to_jsonb",
    "json_build_object",
    "json_build_array",
    "jsonb_build_object",
    "jsonb_build_array",
    "date_trunc",
    "make_interval",
    "make_date",
    "lower",
    "upper",
    "concat",
    "md5",
    "coalesce",
    "array_fill",
    "string_to_array",
    "encode",
    "decode",
    "repeat",
    "format",
    "left",
    "right",
    "abs",
    "round",
    "floor",
    "ceil",
];

/// What filling `expr` into existing rows costs.
pub(super) fn default_of(expr: &Expr) -> Default {
    let text = expr.syntax().text().to_string();
    if is_null(expr) {
        return Default::Null;
    }
    let volatile = calls(expr.syntax()).any(|call| match call.expr() {
        Some(function) => {
            name_of_expression(&function).is_none_or(|name| !STEADY.contains(&name.name.as_str()))
        }
        // Those with a syntax of their own, such as EXTRACT, are all steady.
        None => false,
    });
    if volatile { Default::Volatile(text) } else { Default::Constant(text) }
}

/// The calls in `node`, itself included.
pub(super) fn calls(node: &SyntaxNode) -> impl Iterator<Item = ast::CallExpr> {
    node.descendants().filter_map(ast::CallExpr::cast)
}

/// Whether `expr` is NULL, cast or not.
pub(super) fn is_null(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(literal) => matches!(literal.kind(), Some(ast::LitKind::Null(_))),
        Expr::ParenExpr(paren) => paren.expr().is_some_and(|inner| is_null(&inner)),
        Expr::CastExpr(cast) => cast.expr().is_some_and(|inner| is_null(&inner)),
        _ => false,
    }
}

/// The columns that `node` reads, without their tables, each once, in order.
pub(super) fn columns_read(node: &SyntaxNode) -> Vec<String> {
    let mut columns: Vec<String> = Vec::new();
    for name in node.descendants().filter(|node| node.kind() == SyntaxKind::NAME_REF) {
        if is_function(&name) || is_qualifier(&name) || is_value_keyword(&name) {
            continue;
        }
        let word = ast::normalize_name_node(&name);
        if !columns.contains(&word) {
            columns.push(word);
        }
    }
    columns
}

/// Whether `node` is one of SQL's values that look like columns.
fn is_value_keyword(node: &SyntaxNode) -> bool {
    let text = node.text().to_string().to_ascii_lowercase();
    text.starts_with("current_")
        || ["localtime", "localtimestamp", "session_user", "system_user", "user"].contains(&text.as_str())
}

/// Whether `node` names what a call calls.
fn is_function(node: &SyntaxNode) -> bool {
    let Some(parent) = node.parent() else { return false };
    match parent.kind() {
        SyntaxKind::CALL_EXPR => true,
        SyntaxKind::FIELD_EXPR => is_function(&parent),
        _ => false,
    }
}

/// Whether `node` is the part before a dot.
fn is_qualifier(node: &SyntaxNode) -> bool {
    node.parent().is_some_and(|parent| {
        parent.kind() == SyntaxKind::FIELD_EXPR
            && parent.last_child_or_token().is_some_and(|last| last.text_range() != node.text_range())
    })
}

/// What `USING expr` makes of `column`.
pub(super) fn using_of(expr: Option<Expr>, column: &str) -> Using {
    let Some(expr) = expr else { return Using::Nothing };
    let mut casts = Vec::new();
    let mut at = expr.clone();
    loop {
        at = match &at {
            Expr::ParenExpr(paren) => match paren.expr() {
                Some(inner) => inner,
                None => return Using::Computed,
            },
            Expr::CastExpr(cast) => match (cast.ty(), cast.expr()) {
                (Some(ty), Some(inner)) => {
                    casts.push(data_type(&ty));
                    inner
                }
                _ => break,
            },
            _ => break,
        };
    }
    if parts_of_expression(&at).and_then(|parts| parts.last().cloned()).is_some_and(|name| name == column) {
        casts.reverse();
        return Using::Casts(casts);
    }
    if columns_read(expr.syntax()).is_empty() { Using::Constant } else { Using::Computed }
}

/// The value of a string constant; `None` for constants of other kinds.
pub(super) fn string_of(literal: &ast::Literal) -> Option<String> {
    let is_string = matches!(
        literal.kind()?,
        ast::LitKind::String(_)
            | ast::LitKind::EscString(_)
            | ast::LitKind::UnicodeEscString(_)
            | ast::LitKind::DollarQuotedString(_)
            | ast::LitKind::NationalString(_)
    );
    is_string.then(|| literal.string_value()).flatten()
}
