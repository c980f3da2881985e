//! Whether a condition chooses among rows, or lets all of them through however it is dressed up.

use squawk_syntax::ast::{self, AstNode, BinOp, Expr, LitKind, PostfixOp, PrefixOp};

use super::{
    expressions::{columns_read, string_of},
    lower::words,
    names::{name_of, name_of_expression, parts_of_expression},
};
use crate::guard::name::Name;

/// Functions that never give less than zero.
const LENGTHS: [&str; 5] = ["length", "char_length", "octet_length", "cardinality", "abs"];

/// The table whose rows are chosen.
pub(super) struct Target<'a> {
    /// Its name.
    pub(super) table: &'a Name,
    /// What the statement calls it.
    pub(super) alias: Option<String>,
}

/// Whether `clause` chooses among the rows of `target`.
pub(super) fn chooses(clause: &ast::WhereClauseOrCurrentOf, target: &Target<'_>) -> bool {
    match clause {
        ast::WhereClauseOrCurrentOf::WhereCurrentOf(_) => true,
        ast::WhereClauseOrCurrentOf::WhereClause(clause) => {
            clause.expr().is_some_and(|expr| target.chosen_by(&expr))
        }
    }
}

impl Target<'_> {
    /// Whether `expr` chooses among the rows.
    pub(super) fn chosen_by(&self, expr: &Expr) -> bool {
        !self.always(expr)
    }

    /// Whether `expr` holds for every row, or at least does not look at the row at all.
    fn always(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Literal(literal) => truth(literal) != Some(false),
            Expr::ParenExpr(paren) => match (paren.expr(), paren.select()) {
                (Some(inner), _) => self.always(&inner),
                // A subquery that does not choose is the same for every row.
                (None, Some(select)) => self.unfiltered(&ast::SelectVariant::Select(select)),
                _ => false,
            },
            Expr::CastExpr(cast) => match (cast.expr(), cast.literal()) {
                (Some(inner), _) => self.always(&inner),
                (None, Some(literal)) => truth(&literal) != Some(false),
                _ => false,
            },
            Expr::PrefixExpr(prefix) if matches!(prefix.op(), Some(PrefixOp::Not(_))) => {
                prefix.expr().is_some_and(|inner| self.never(&inner))
            }
            Expr::PostfixExpr(postfix) if matches!(postfix.op(), Some(PostfixOp::NotNull(_))) => {
                postfix.expr().is_some_and(|inner| never_null(&inner))
            }
            Expr::BinExpr(binary) => self.always_binary(binary),
            Expr::BetweenExpr(between) => self.always_between(between),
            Expr::CallExpr(call) => match call.exists_fn() {
                Some(exists) => exists.select_variant().is_none_or(|select| self.unfiltered(&select)),
                None => columns_read(call.syntax()).is_empty(),
            },
            other => columns_read(other.syntax()).is_empty(),
        }
    }

    fn always_binary(&self, binary: &ast::BinExpr) -> bool {
        let (Some(left), Some(op), Some(right)) = (binary.lhs(), binary.op(), binary.rhs()) else {
            return false;
        };
        match op {
            BinOp::And(_) => self.always(&left) && self.always(&right),
            BinOp::Or(_) => self.always(&left) || self.always(&right) || opposite(&left, &right),
            _ if columns_read(binary.syntax()).is_empty() => compared(&left, &right, &op) != Some(false),
            BinOp::Eq(_) | BinOp::Gteq(_) | BinOp::Lteq(_) | BinOp::IsNotDistinctFrom(_) => {
                same(&left, &right)
                    || self.same_column(&left, &right)
                    || same_element(&left, &right)
                    || is_whole_set(self, &left, &right)
                    || starts_at_all(&left, &op, &right)
            }
            BinOp::Like(_) | BinOp::Ilike(_) | BinOp::SimilarTo(_) => text_of(&right)
                .is_some_and(|pattern| !pattern.is_empty() && pattern.chars().all(|c| c == '%')),
            BinOp::CustomOp(custom) => {
                let is_match = custom.syntax().text().to_string().starts_with('~');
                is_match
                    && text_of(&right)
                        .is_some_and(|pattern| ["", ".*", "^", "$", ".*$", "^.*"].contains(&pattern.as_str()))
                    || columns_read(binary.syntax()).is_empty()
            }
            BinOp::In(_) => same_element(&left, &right) || is_whole_set(self, &left, &right),
            BinOp::Is(_) => is_true(&right) && self.always(&left),
            BinOp::IsNot(_) => {
                (is_null(&right) && never_null(&left)) || (is_false(&right) && self.always(&left))
            }
            BinOp::RAngle(_) | BinOp::Neq(_) | BinOp::Neqb(_) | BinOp::LAngle(_) => {
                starts_at_all(&left, &op, &right)
            }
            _ => columns_read(binary.syntax()).is_empty(),
        }
    }

    fn always_between(&self, between: &ast::BetweenExpr) -> bool {
        let (Some(value), Some(start), Some(end)) = (between.target(), between.start(), between.end()) else {
            return false;
        };
        let is_whole = same(&value, &start) && same(&value, &end)
            || [&value, &start, &end].iter().all(|part| columns_read(part.syntax()).is_empty());
        is_whole || self.always_after_between(&end)
    }

    /// `u.id = id`: the same column of the same table, called by two names.
    fn same_column(&self, left: &Expr, right: &Expr) -> bool {
        let column = |expr: &Expr| {
            let mut parts = parts_of_expression(expr)?;
            let column = parts.pop()?;
            let is_ours = parts.last().is_none_or(|table| {
                *table == self.table.name || self.alias.as_ref().is_some_and(|alias| alias == table)
            });
            is_ours.then_some(column)
        };
        column(left).is_some_and(|left| column(right) == Some(left))
    }

    /// The parser takes everything after `BETWEEN a AND` for the upper bound: `x BETWEEN 1 AND 2 OR true`.
    fn always_after_between(&self, end: &Expr) -> bool {
        let Expr::BinExpr(binary) = end else { return false };
        match (binary.lhs(), binary.op(), binary.rhs()) {
            (Some(left), Some(BinOp::Or(_)), Some(right)) => {
                self.always_after_between(&left) || self.always(&right)
            }
            (Some(left), Some(BinOp::And(_)), Some(right)) => {
                self.always_after_between(&left) && self.always(&right)
            }
            _ => false,
        }
    }

    /// Whether `expr` holds for no row.
    fn never(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Literal(literal) => truth(literal) == Some(false),
            Expr::ParenExpr(paren) => paren.expr().is_some_and(|inner| self.never(&inner)),
            Expr::CastExpr(cast) => cast.expr().is_some_and(|inner| self.never(&inner)),
            Expr::CallExpr(call) => match call.exists_fn().and_then(|exists| exists.select_variant()) {
                Some(ast::SelectVariant::Select(select)) => select
                    .where_clause()
                    .and_then(|clause| clause.expr())
                    .is_some_and(|condition| self.never(&condition)),
                _ => false,
            },
            Expr::PrefixExpr(prefix) if matches!(prefix.op(), Some(PrefixOp::Not(_))) => {
                prefix.expr().is_some_and(|inner| self.always(&inner))
            }
            Expr::PostfixExpr(postfix) if matches!(postfix.op(), Some(PostfixOp::IsNull(_))) => {
                postfix.expr().is_some_and(|inner| never_null(&inner))
            }
            Expr::BinExpr(binary) => match (binary.lhs(), binary.op(), binary.rhs()) {
                (Some(left), Some(BinOp::And(_)), Some(right)) => self.never(&left) || self.never(&right),
                (Some(left), Some(BinOp::Or(_)), Some(right)) => self.never(&left) && self.never(&right),
                (Some(left), Some(BinOp::Is(_)), Some(right)) => is_null(&right) && never_null(&left),
                (Some(left), Some(op), Some(right)) => {
                    let strict = matches!(
                        op,
                        BinOp::Neq(_)
                            | BinOp::Neqb(_)
                            | BinOp::LAngle(_)
                            | BinOp::RAngle(_)
                            | BinOp::IsDistinctFrom(_)
                    );
                    strict && same(&left, &right) || compared(&left, &right, &op) == Some(false)
                }
                _ => false,
            },
            _ => false,
        }
    }

    /// Whether `select` gives something whatever the row is.
    fn unfiltered(&self, select: &ast::SelectVariant) -> bool {
        match select {
            ast::SelectVariant::Select(select) => {
                match select.where_clause().and_then(|clause| clause.expr()) {
                    Some(condition) => self.always(&condition),
                    None => select.having_clause().is_none(),
                }
            }
            ast::SelectVariant::Table(_) | ast::SelectVariant::Values(_) => true,
            _ => false,
        }
    }
}

/// `id IN (SELECT id FROM the_same_table)`.
fn is_whole_set(target: &Target<'_>, column: &Expr, set: &Expr) -> bool {
    let node = set.syntax();
    let Some(select) = node.descendants().find_map(ast::Select::cast) else { return false };
    let Some(from) = select.from_clause() else { return false };
    let relations: Vec<_> = from.syntax().descendants().filter_map(ast::RelationFromItem::cast).collect();
    let [relation] = relations.as_slice() else { return false };
    let selected = select
        .select_clause()
        .and_then(|clause| clause.target_list())
        .map(|list| columns_read(list.syntax()))
        .unwrap_or_default();
    let column = parts_of_expression(column).and_then(|parts| parts.last().cloned());
    relation.relation_name_ref().is_some_and(|name| name_of(name.syntax()) == *target.table)
        && target.unfiltered(&ast::SelectVariant::Select(select))
        && column.is_some_and(|column| selected == [column])
}

/// What a constant means as a condition.
fn truth(literal: &ast::Literal) -> Option<bool> {
    match literal.kind()? {
        LitKind::True(_) | LitKind::On(_) => Some(true),
        // NULL lets no row through either.
        LitKind::False(_) | LitKind::Off(_) | LitKind::Null(_) => Some(false),
        LitKind::IntNumber(token) => Some(!token.text().trim_matches('0').is_empty()),
        _ => {
            let text = literal.string_value()?.trim().to_ascii_lowercase();
            match text.as_str() {
                "f" | "fa" | "fal" | "fals" | "false" | "n" | "no" | "of" | "off" | "0" => Some(false),
                _ => Some(true),
            }
        }
    }
}

/// Bytes of an expression that is compared with another one as text. Longer ones are only alike on purpose.
const COMPARED: u32 = 500;

fn is_short(expr: &Expr) -> bool {
    u32::from(expr.syntax().text_range().len()) <= COMPARED
}

fn same(left: &Expr, right: &Expr) -> bool {
    if !(is_short(left) && is_short(right)) {
        return false;
    }
    words(left.syntax()).trim_matches(['(', ')', ' ']) == words(right.syntax()).trim_matches(['(', ')', ' '])
}

/// `a IN (a)` or `a IN (1, a)`.
fn same_element(left: &Expr, right: &Expr) -> bool {
    if !is_short(left) {
        return false;
    }
    let elements = words(right.syntax());
    let elements =
        elements.trim_start_matches("any").trim_start_matches([' ', '(']).trim_start_matches("array");
    let left = words(left.syntax());
    let is_bracket = |c| matches!(c, '(' | ')' | '[' | ']' | ' ');
    elements.trim_matches(is_bracket).split(',').any(|element| element.trim_matches(is_bracket) == left)
}

/// `x OR NOT x`, `x IS NULL OR x IS NOT NULL`, `a = b OR a <> b`.
fn opposite(left: &Expr, right: &Expr) -> bool {
    if !(is_short(left) && is_short(right)) {
        return false;
    }
    let (left, right) = (words(left.syntax()), words(right.syntax()));
    let strip = |text: &str| text.replace(['(', ')'], "").replace(' ', "");
    let negated = |text: &str| {
        let plain = strip(text);
        match text {
            _ if plain.ends_with("isnotnull") => plain.replace("isnotnull", "isnull"),
            _ if plain.starts_with("not") => plain.trim_start_matches("not").to_owned(),
            _ if plain.contains("<>") => plain.replace("<>", "="),
            _ if plain.contains("!=") => plain.replace("!=", "="),
            _ if plain.contains(">=") => plain.replace(">=", "<"),
            _ if plain.contains("<=") => plain.replace("<=", ">"),
            _ => format!("not{plain}"),
        }
    };
    negated(&left) == strip(&right) || negated(&right) == strip(&left)
}

/// The result of comparing two constants, where it can be told.
fn compared(left: &Expr, right: &Expr, op: &BinOp) -> Option<bool> {
    let order = match (number(left), number(right)) {
        (Some(left), Some(right)) => left.cmp(&right),
        _ => text_of(left)?.cmp(&text_of(right)?),
    };
    Some(match op {
        BinOp::Eq(_) => order.is_eq(),
        BinOp::Neq(_) | BinOp::Neqb(_) => order.is_ne(),
        BinOp::LAngle(_) => order.is_lt(),
        BinOp::Lteq(_) => order.is_le(),
        BinOp::RAngle(_) => order.is_gt(),
        BinOp::Gteq(_) => order.is_ge(),
        _ => return None,
    })
}

/// A key compared with where keys begin: `id > 0`, `id >= 1`, `id <> ''`. Keys are called `id` by convention. Also
/// a length that is at least zero, and the table that every row is in.
fn starts_at_all(left: &Expr, op: &BinOp, right: &Expr) -> bool {
    let from = number(right);
    let is_length = matches!(left, Expr::CallExpr(call) if call.expr().is_some_and(|function| {
        name_of_expression(&function).is_some_and(|name| LENGTHS.contains(&name.name.as_str()))
    }));
    let is_table =
        parts_of_expression(left).is_some_and(|parts| parts.last().is_some_and(|last| last == "tableoid"));
    if is_length && matches!(op, BinOp::Gteq(_)) && from == Some(0) || is_table && matches!(op, BinOp::Eq(_))
    {
        return true;
    }
    is_key(left)
        && match op {
            BinOp::RAngle(_) => from.is_some_and(|from| from <= 0) || text_of(right).as_deref() == Some(""),
            BinOp::Gteq(_) => from.is_some_and(|from| from <= 1) || text_of(right).as_deref() == Some(""),
            BinOp::Neq(_) | BinOp::Neqb(_) => {
                from.is_some_and(|from| from <= 0) || text_of(right).as_deref() == Some("")
            }
            _ => false,
        }
}

/// Whether `expr` is never NULL: a constant, a system column, or a key, which is called `id` by convention.
fn never_null(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(literal) => !matches!(literal.kind(), Some(LitKind::Null(_))),
        other => is_key(other),
    }
}

fn is_key(expr: &Expr) -> bool {
    let Some(parts) = parts_of_expression(expr) else { return false };
    parts.last().is_some_and(|last| ["id", "ctid", "tableoid", "xmin", "oid"].contains(&last.as_str()))
}

fn number(expr: &Expr) -> Option<i128> {
    match expr {
        Expr::Literal(literal) => match literal.kind()? {
            LitKind::IntNumber(token) => token.text().replace('_', "").parse().ok(),
            _ => None,
        },
        Expr::ParenExpr(paren) => number(&paren.expr()?),
        Expr::PrefixExpr(prefix) if matches!(prefix.op(), Some(PrefixOp::Minus(_))) => {
            number(&prefix.expr()?)?.checked_neg()
        }
        _ => None,
    }
}

fn text_of(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Literal(literal) => string_of(literal),
        Expr::ParenExpr(paren) => text_of(&paren.expr()?),
        Expr::CastExpr(cast) => text_of(&cast.expr()?),
        _ => None,
    }
}

fn is_null(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(literal) if matches!(literal.kind(), Some(LitKind::Null(_))))
}

fn is_true(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(literal) if matches!(literal.kind(), Some(LitKind::True(_))))
}

fn is_false(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(literal) if matches!(literal.kind(), Some(LitKind::False(_))))
}
