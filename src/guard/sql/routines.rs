//! Bodies: `DO` blocks, which run where they stand, and functions and procedures, which run when called.

use rowan::{TextRange, TextSize};
use squawk_syntax::{
    SyntaxNode,
    ast::{self, AstNode, PlpgsqlStmt, Stmt},
    sql_body::SqlBody,
    syntax_error::SyntaxError,
};

use super::{
    dynamic::{value_of, variables},
    into,
    lower::Lower,
    names::name_in,
};
use crate::guard::action::{Action, Branch, Routine, Transaction};

const PLPGSQL: &str = "plpgsql";

impl Lower {
    /// `DO`.
    pub(super) fn do_block(&mut self, block: &ast::Do) {
        let language = block.do_language().and_then(|language| language.language_name());
        match block.body() {
            Some(body) if language.is_none_or(|language| language.name == PLPGSQL) => {
                self.plpgsql(&body, block.syntax());
            }
            _ => self.push(Action::Dynamic("a DO block in another language".into()), block.syntax()),
        }
    }

    /// `CREATE FUNCTION` and `CREATE PROCEDURE`.
    pub(super) fn routine(&mut self, stmt: &Stmt) {
        let (name, options, body) = match stmt {
            Stmt::CreateFunction(function) => {
                (name_in(function.name()), function.option_list(), function.body())
            }
            Stmt::CreateProcedure(procedure) => {
                (name_in(procedure.name()), procedure.option_list(), procedure.body())
            }
            _ => return,
        };
        let Some(name) = name else { return };
        let outer = std::mem::take(&mut self.steps);
        match body {
            Some(ast::RoutineBody::AtomicBody(body)) => self.atomic(&body),
            Some(ast::RoutineBody::ReturnStmt(body)) => self.calls(body.syntax()),
            None => self.string_body(stmt, options.as_ref()),
        }
        let body = std::mem::replace(&mut self.steps, outer);
        self.push(Action::Define(Routine { name, body }), stmt.syntax());
        if let Some(parameters) = stmt.syntax().children().find_map(ast::ParamList::cast) {
            self.calls(parameters.syntax());
        }
    }

    fn atomic(&mut self, body: &ast::AtomicBody) {
        for stmt in body.routine_body_stmts() {
            match stmt {
                ast::RoutineBodyStmt::Stmt(stmt) => self.statement(&stmt),
                ast::RoutineBodyStmt::ReturnStmt(stmt) => self.calls(stmt.syntax()),
            }
        }
    }

    fn string_body(&mut self, stmt: &Stmt, options: Option<&ast::FuncOptionList>) {
        let Some(options) = options else { return };
        let sql = match stmt {
            Stmt::CreateFunction(function) => function.sql_body(),
            Stmt::CreateProcedure(procedure) => procedure.sql_body(),
            _ => None,
        };
        match (definition(options), sql) {
            (Some(body), _) if is_plpgsql(options) => self.plpgsql(&body, stmt.syntax()),
            (_, Some(body)) => self.sql(body, stmt.syntax()),
            _ => self.push(Action::Dynamic("a body in another language".into()), stmt.syntax()),
        }
    }

    fn sql(&mut self, body: SqlBody, node: &SyntaxNode) {
        let (errors, tree) = (body.errors(), body.tree());
        let source = self.source.sql(body);
        let outer = std::mem::replace(&mut self.source, source);
        self.body_errors(&errors, node);
        for inner in tree.stmts() {
            self.statement(&inner);
        }
        self.source = outer;
    }

    /// A body in PL/pgSQL. It is parsed once more, without what PL/pgSQL itself takes out of queries.
    fn plpgsql(&mut self, body: &ast::Literal, node: &SyntaxNode) {
        let Some(decoded) = body.decoded_value() else { return };
        let blanked = into::blank(decoded.text());
        let opening = format!("DO {}", quote_for(decoded.text()));
        let closing = opening.trim_start_matches("DO ");
        let parse = squawk_syntax::SourceFile::parse(&format!("{opening}{}{closing}", blanked.text));
        let Some(body) =
            parse.syntax_node().descendants().find_map(ast::Do::cast).and_then(|body| body.plpgsql())
        else {
            return self.push(Action::Unparsed("a body that is no PL/pgSQL".into()), node);
        };
        let shift = TextSize::of(opening.as_str());
        let mut variables = variables(&body.syntax());
        for target in blanked.targets {
            variables.entry(target).or_default().push(None);
        }
        let source = self.source.text(decoded);
        let outer = std::mem::replace(&mut self.source, source);
        let outer_variables = std::mem::replace(&mut self.variables, variables);
        let in_plpgsql = std::mem::replace(&mut self.in_plpgsql, true);
        let errors: Vec<_> = body.errors().into_iter().map(|error| shifted(error, shift)).collect();
        self.errors(&errors, node);
        for block in body.syntax().children().filter_map(ast::PlpgsqlBlock::cast) {
            self.block(&block);
        }
        self.in_plpgsql = in_plpgsql;
        self.variables = outer_variables;
        self.source = outer;
    }

    fn block(&mut self, block: &ast::PlpgsqlBlock) {
        if let Some(declarations) = block.declare_section() {
            self.embedded(declarations.syntax());
        }
        let Some(exception) = block.exception() else { return self.body(block.body()) };
        self.branch(Branch::Guard, block.syntax(), |this| this.body(block.body()));
        for handler in exception.handlers() {
            self.branch(Branch::Guard, handler.syntax(), |this| this.body(handler.body()));
        }
    }

    fn body(&mut self, body: Option<ast::PlpgsqlBody>) {
        for stmt in body.iter().flat_map(ast::PlpgsqlBody::stmts) {
            self.plpgsql_statement(&stmt);
        }
    }

    /// Queries and calls inside something that is no statement itself.
    fn embedded(&mut self, node: &SyntaxNode) {
        self.rows(node);
        self.calls(node);
    }

    fn plpgsql_statement(&mut self, stmt: &PlpgsqlStmt) {
        let node = stmt.syntax();
        match stmt {
            PlpgsqlStmt::PlpgsqlBlock(block) => self.block(block),
            PlpgsqlStmt::PlpgsqlExecSqlStmt(exec) => {
                if let Some(inner) = exec.stmt() {
                    self.statement(&inner);
                }
            }
            PlpgsqlStmt::PlpgsqlDoStmt(inner) => {
                if let Some(block) = inner.do_() {
                    self.do_block(&block);
                }
            }
            PlpgsqlStmt::PlpgsqlDynExecuteStmt(execute) => {
                self.executed(execute.query(), execute.using_clause(), node);
            }
            PlpgsqlStmt::PlpgsqlReturnQueryExecuteStmt(execute) => {
                self.executed(execute.query(), execute.using_clause(), node);
            }
            PlpgsqlStmt::PlpgsqlOpenStmt(open) => {
                if let Some(ast::PlpgsqlOpenSource::PlpgsqlOpenExecute(execute)) = open.source() {
                    self.executed(execute.query(), execute.using_clause(), node);
                } else {
                    self.within(node, |this| this.embedded(node));
                }
            }
            PlpgsqlStmt::PlpgsqlCommitStmt(_) => self.push(Action::Transaction(Transaction::Commit), node),
            PlpgsqlStmt::PlpgsqlRollbackStmt(_) => {
                self.push(Action::Transaction(Transaction::Rollback), node)
            }
            other => {
                if !self.compound(other) {
                    self.within(node, |this| this.embedded(node));
                }
            }
        }
    }

    /// Statements that hold others; whether this was one.
    fn compound(&mut self, stmt: &PlpgsqlStmt) -> bool {
        let node = stmt.syntax();
        match stmt {
            PlpgsqlStmt::PlpgsqlIfStmt(conditional) => {
                self.clause(conditional.cond());
                self.branch(Branch::Guard, node, |this| this.body(conditional.then_body()));
                for other in conditional.elsifs() {
                    self.clause(other.cond());
                    self.branch(Branch::Guard, other.syntax(), |this| this.body(other.body()));
                }
                if let Some(other) = conditional.else_clause() {
                    self.branch(Branch::Guard, other.syntax(), |this| this.body(other.body()));
                }
            }
            PlpgsqlStmt::PlpgsqlCaseStmt(case) => {
                self.clause(case.subject());
                for when in case.whens() {
                    self.clause(when.cond());
                    self.branch(Branch::Guard, when.syntax(), |this| this.body(when.body()));
                }
                if let Some(other) = case.else_clause() {
                    self.branch(Branch::Guard, other.syntax(), |this| this.body(other.body()));
                }
            }
            other => return self.looped(other),
        }
        true
    }

    /// Loops; whether this was one.
    fn looped(&mut self, stmt: &PlpgsqlStmt) -> bool {
        let node = stmt.syntax();
        match stmt {
            PlpgsqlStmt::PlpgsqlLoopStmt(looped) => {
                self.branch(Branch::Loop, node, |this| this.body(looped.body()));
            }
            PlpgsqlStmt::PlpgsqlWhileStmt(looped) => {
                self.clause(looped.cond());
                self.branch(Branch::Loop, node, |this| this.body(looped.body()));
            }
            PlpgsqlStmt::PlpgsqlForIStmt(looped) => {
                self.clause(looped.range());
                self.branch(Branch::Loop, node, |this| this.body(looped.body()));
            }
            PlpgsqlStmt::PlpgsqlForEachStmt(looped) => {
                self.clause(looped.array());
                self.branch(Branch::Loop, node, |this| this.body(looped.body()));
            }
            PlpgsqlStmt::PlpgsqlForCursorStmt(looped) => {
                self.clause(looped.args());
                self.branch(Branch::Loop, node, |this| this.body(looped.body()));
            }
            PlpgsqlStmt::PlpgsqlForQueryStmt(looped) => {
                if let Some(query) = looped.query() {
                    self.statement(&query);
                }
                self.branch(Branch::Loop, node, |this| this.body(looped.body()));
            }
            PlpgsqlStmt::PlpgsqlForDynStmt(looped) => {
                self.executed(looped.query(), looped.using_clause(), node);
                self.branch(Branch::Loop, node, |this| this.body(looped.body()));
            }
            _ => return false,
        }
        true
    }

    /// A part of a statement that holds expressions.
    fn clause<N: AstNode>(&mut self, clause: Option<N>) {
        if let Some(clause) = clause {
            self.embedded(clause.syntax());
        }
    }

    /// A text that is executed, with the values that it is given.
    fn executed(
        &mut self,
        text: Option<ast::PlpgsqlExpr>,
        values: Option<ast::PlpgsqlUsingClause>,
        node: &SyntaxNode,
    ) {
        self.within(node, |this| {
            this.clause(values);
            this.execute(text.as_ref().and_then(value_of), node);
        });
    }
}

fn is_plpgsql(options: &ast::FuncOptionList) -> bool {
    options.options().any(|option| match option {
        ast::FuncOption::LanguageFuncOption(language) => {
            language.language_name().is_some_and(|language| language.name == PLPGSQL)
        }
        _ => false,
    })
}

/// The constant that holds a function's body.
fn definition(options: &ast::FuncOptionList) -> Option<ast::Literal> {
    options.options().find_map(|option| match option {
        ast::FuncOption::AsFuncOption(option) => match option.as_func_target()? {
            ast::AsFuncTarget::AsDefinition(definition) => definition.literal(),
            ast::AsFuncTarget::AsObjFile(_) => None,
        },
        _ => None,
    })
}

/// A dollar quote that does not end within `text`.
fn quote_for(text: &str) -> String {
    let mut quote = "$body$".to_owned();
    while text.contains(&quote) {
        quote.insert(1, 'x');
    }
    quote
}

/// An error of the text that a body is wrapped in, at its place in the body.
fn shifted(error: SyntaxError, by: TextSize) -> SyntaxError {
    let back = |at: TextSize| at.checked_sub(by).unwrap_or_default();
    let range = TextRange::new(back(error.range().start()), back(error.range().end()));
    error.with_range(range)
}
