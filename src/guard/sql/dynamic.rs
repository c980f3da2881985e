//! SQL that is made at run time: constant texts are read as if they stood there, names and literals that are
//! quoted safely may stay unknown, anything else is not guessed.

use std::{collections::HashMap, rc::Rc};

use squawk_syntax::{
    SyntaxNode,
    ast::{self, AstNode, BinOp, Expr},
};

use super::{
    expressions::string_of,
    lower::Lower,
    names::{name_of_expression, word_in},
    source::Source,
};
use crate::guard::{action::Action, name::Name};

/// What stands for an identifier that is only known at run time. It is no name that a script can create.
pub(in crate::guard) const UNKNOWN: &str = "?";

/// Functions that run a text that they are given.
const RUNNERS: [&str; 14] = [
    "query_to_xml",
    "query_to_xmlschema",
    "query_to_xml_and_xmlschema",
    "dblink",
    "dblink_exec",
    "dblink_open",
    "dblink_send_query",
    "ts_stat",
    "crosstab",
    "crosstab2",
    "crosstab3",
    "crosstab4",
    "schedule",
    "run_command_on_workers",
];

/// The variables of PL/pgSQL bodies and everything that is ever assigned to them; `None` for what is not an
/// expression, such as a row that is fetched.
pub(super) type Variables = HashMap<String, Vec<Option<Expr>>>;

/// A part of a text.
enum Piece {
    Text(String),
    Identifier,
    Literal,
}

/// The assignments in a body.
pub(super) fn variables(body: &SyntaxNode) -> Variables {
    let mut variables = Variables::new();
    let mut put = |name: Option<String>, value: Option<Expr>| {
        variables.entry(name.unwrap_or_default()).or_default().push(value);
    };
    for node in body.descendants() {
        if let Some(declared) = ast::PlpgsqlVarDecl::cast(node.clone()) {
            if let Some(init) = declared.init() {
                put(word_in(declared.name()), init.expr().as_ref().and_then(value_of));
            }
        } else if let Some(assigned) = ast::PlpgsqlAssignStmt::cast(node.clone()) {
            let target = assigned.syntax().children().find_map(ast::PlpgsqlAssignTarget::cast);
            let value = assigned.syntax().children().find_map(ast::PlpgsqlExpr::cast);
            put(word_in(target.and_then(|target| target.name())), value.as_ref().and_then(value_of));
        } else if ast::PlpgsqlIntoTarget::can_cast(node.kind())
            || ast::PlpgsqlForVariable::can_cast(node.kind())
            || ast::PlpgsqlDiagTarget::can_cast(node.kind())
            || ast::IntoClause::can_cast(node.kind())
        {
            put(Some(super::names::word(&node)), None);
        }
    }
    variables
}

/// The one expression that a PL/pgSQL expression is; `None` where it is a whole query.
pub(super) fn value_of(expr: &ast::PlpgsqlExpr) -> Option<Expr> {
    if expr.from_clause().is_some() {
        return None;
    }
    let mut targets = expr.target_list()?.targets();
    let target = targets.next()?;
    if targets.next().is_some() { None } else { target.expr() }
}

impl Lower {
    /// `EXECUTE` of `expr`.
    pub(super) fn execute(&mut self, expr: Option<Expr>, node: &SyntaxNode) {
        match expr {
            Some(expr) => self.execute_text(&expr, node),
            None => self.push(Action::Dynamic("a text that is made at run time".into()), node),
        }
    }

    fn execute_text(&mut self, expr: &Expr, node: &SyntaxNode) {
        match expr {
            Expr::ParenExpr(paren) if paren.expr().is_some() => self.execute(paren.expr(), node),
            Expr::Literal(literal) if string_of(literal).is_some() => {
                if let Some(text) = literal.decoded_value() {
                    let sql = text.text().to_owned();
                    self.text(self.source.text(text), &sql, literal.syntax());
                }
            }
            Expr::NameRef(name) if self.variables.contains_key(&name.text()) => {
                // A value that mentions the variable itself must not be followed for ever.
                let values = self.variables.remove(&name.text()).unwrap_or_default();
                for value in &values {
                    self.execute(value.clone(), node);
                }
                self.variables.insert(name.text(), values);
            }
            other => self.execute_pieces(other, node),
        }
    }

    fn execute_pieces(&mut self, expr: &Expr, node: &SyntaxNode) {
        let Some(pieces) = self.pieces(expr) else {
            return self.push(Action::Dynamic(expr.syntax().text().to_string()), node);
        };
        let text: String = pieces
            .into_iter()
            .map(|piece| match piece {
                Piece::Text(text) => text,
                Piece::Identifier => format!("\"{UNKNOWN}\""),
                Piece::Literal => format!("'{UNKNOWN}'"),
            })
            .collect();
        if squawk_syntax::SourceFile::parse(&text).errors().is_empty() {
            let source: Rc<Source> = self.source.assembled(expr.syntax().text_range());
            self.text(source, &text, node);
        } else {
            self.push(Action::Dynamic(expr.syntax().text().to_string()), node);
        }
    }

    /// The text that `expr` is, where every part of it is known.
    pub(super) fn constant(&self, expr: &Expr) -> Option<String> {
        self.pieces(expr)?
            .into_iter()
            .map(|piece| match piece {
                Piece::Text(text) => Some(text),
                Piece::Identifier | Piece::Literal => None,
            })
            .collect()
    }

    fn pieces(&self, expr: &Expr) -> Option<Vec<Piece>> {
        match expr {
            Expr::Literal(literal) => match literal.kind()? {
                ast::LitKind::IntNumber(token) | ast::LitKind::NumericNumber(token) => {
                    Some(vec![Piece::Text(token.text().to_owned())])
                }
                _ => Some(vec![Piece::Text(string_of(literal)?)]),
            },
            Expr::ParenExpr(paren) => self.pieces(&paren.expr()?),
            Expr::CastExpr(cast) => self.cast_pieces(cast),
            Expr::BinExpr(binary) => match binary.op()? {
                BinOp::CustomOp(op) if op.syntax().text() == "||" => {
                    let mut pieces = self.pieces(&binary.lhs()?)?;
                    pieces.extend(self.pieces(&binary.rhs()?)?);
                    Some(pieces)
                }
                _ => None,
            },
            Expr::NameRef(name) => match self.variables.get(&name.text())?.as_slice() {
                [Some(value)] if !mentions(value, &name.text()) => self.pieces(value),
                _ => None,
            },
            Expr::CallExpr(call) => self.call_pieces(call),
            _ => None,
        }
    }

    /// A cast to text changes nothing here; `regclass` and its like print themselves quoted.
    fn cast_pieces(&self, cast: &ast::CastExpr) -> Option<Vec<Piece>> {
        let to = super::types::data_type(&cast.ty()?);
        if to.name.starts_with("reg") {
            return Some(vec![Piece::Identifier]);
        }
        let Some(inner) = cast.expr() else { return Some(vec![Piece::Text(string_of(&cast.literal()?)?)]) };
        ["text", "varchar", "bpchar"].contains(&to.name.as_str()).then(|| self.pieces(&inner)).flatten()
    }

    fn call_pieces(&self, call: &ast::CallExpr) -> Option<Vec<Piece>> {
        let name = name_of_expression(&call.expr()?)?;
        let arguments: Vec<Expr> = call.arg_list()?.args().map(|arg| arg.expr()).collect::<Option<_>>()?;
        match name.name.as_str() {
            "quote_ident" => Some(vec![Piece::Identifier]),
            "quote_literal" | "quote_nullable" => Some(vec![Piece::Literal]),
            "concat" => {
                let parts: Option<Vec<_>> = arguments.iter().map(|argument| self.pieces(argument)).collect();
                Some(parts?.into_iter().flatten().collect())
            }
            "format" => self.format_pieces(&arguments),
            _ => None,
        }
    }

    /// `format()`: `%I` and `%L` quote what they are given, `%s` only tells what it is given as a constant.
    fn format_pieces(&self, arguments: &[Expr]) -> Option<Vec<Piece>> {
        let template = self.constant(arguments.first()?)?;
        let mut pieces = Vec::new();
        let mut next = 1;
        let mut rest = template.as_str();
        while let Some((before, after)) = rest.split_once('%') {
            pieces.push(Piece::Text(before.to_owned()));
            let (index, after) = position(after);
            let kind = after.chars().next()?;
            rest = &after[kind.len_utf8()..];
            if kind == '%' {
                pieces.push(Piece::Text("%".into()));
                continue;
            }
            let argument = arguments.get(index.unwrap_or(next))?;
            next = index.unwrap_or(next) + 1;
            pieces.extend(match kind {
                'I' => self.identifier(argument),
                'L' => vec![Piece::Literal],
                's' => self.pieces(argument)?,
                _ => return None,
            });
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Some(pieces)
    }

    fn identifier(&self, argument: &Expr) -> Vec<Piece> {
        match self.constant(argument) {
            Some(name) => vec![Piece::Text(format!("\"{}\"", name.replace('"', "\"\"")))],
            None => vec![Piece::Identifier],
        }
    }

    /// A function that runs a text it is given: the text counts as if it stood here.
    pub(super) fn run_argument(&mut self, function: &Name, arguments: &[ast::Arg], node: &SyntaxNode) {
        if !RUNNERS.contains(&function.name.as_str()) {
            return;
        }
        let texts: Vec<Option<String>> =
            arguments.iter().map(|argument| self.constant(&argument.expr()?)).collect();
        let is_sql = |text: &&String| {
            !super::is_empty_script(text) && squawk_syntax::SourceFile::parse(text).errors().is_empty()
        };
        let readable: Vec<String> = texts.iter().flatten().filter(is_sql).cloned().collect();
        if readable.is_empty() {
            self.push(Action::Dynamic(format!("the text that {function} runs")), node);
        }
        for text in readable {
            let source = self.source.assembled(node.text_range());
            self.text(source, &text, node);
        }
    }
}

/// The `2$` of `%2$I`, and what comes after it.
fn position(specifier: &str) -> (Option<usize>, &str) {
    let split = specifier.split_once('$').and_then(|(digits, rest)| Some((digits.parse().ok()?, rest)));
    split.map_or((None, specifier), |(index, rest)| (Some(index), rest))
}

fn mentions(value: &Expr, variable: &str) -> bool {
    value.syntax().descendants().filter_map(ast::NameRef::cast).any(|name| name.text() == variable)
}
