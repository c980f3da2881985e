//! Bodies: `DO` blocks, which run where they stand, and functions and procedures, which run when called.

use squawk_syntax::{
    SyntaxNode,
    ast::{self, AstNode, PlpgsqlStmt, Stmt},
    plpgsql::Plpgsql,
};

use super::{
    dynamic::{value_of, variables},
    lower::Lower,
    names::name_in,
};
use crate::guard::action::{Action, Branch, Routine, Transaction};

impl Lower {
    /// `DO`.
    pub(super) fn do_block(&mut self, block: &ast::Do) {
        match block.plpgsql() {
            Some(body) => self.plpgsql(body, block.syntax()),
            None => self.push(Action::Dynamic("a DO block in another language".into()), block.syntax()),
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
        let (plpgsql, sql) = match stmt {
            Stmt::CreateFunction(function) => (function.plpgsql(), function.sql_body()),
            Stmt::CreateProcedure(procedure) => (procedure.plpgsql(), procedure.sql_body()),
            _ => (None, None),
        };
        if let Some(body) = plpgsql {
            self.plpgsql(body, stmt.syntax());
        } else if let Some(body) = sql {
            let (errors, tree) = (body.errors(), body.tree());
            let source = self.source.sql(body);
            let outer = std::mem::replace(&mut self.source, source);
            self.body_errors(&errors, stmt.syntax());
            for inner in tree.stmts() {
                self.statement(&inner);
            }
            self.source = outer;
        } else if options.is_some() {
            self.push(Action::Dynamic("a body in another language".into()), stmt.syntax());
        }
    }

    fn plpgsql(&mut self, body: Plpgsql, node: &SyntaxNode) {
        let (errors, tree) = (body.errors(), body.tree());
        let source = self.source.plpgsql(body);
        let outer = std::mem::replace(&mut self.source, source);
        let outer_variables = std::mem::replace(&mut self.variables, variables(tree.syntax()));
        let in_plpgsql = std::mem::replace(&mut self.in_plpgsql, true);
        self.body_errors(&errors, node);
        for block in tree.syntax().children().filter_map(ast::PlpgsqlBlock::cast) {
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
                self.within(node, |this| this.execute(execute.query().as_ref().and_then(value_of), node));
            }
            PlpgsqlStmt::PlpgsqlReturnQueryExecuteStmt(execute) => {
                self.within(node, |this| this.execute(execute.query().as_ref().and_then(value_of), node));
            }
            PlpgsqlStmt::PlpgsqlOpenStmt(open) => {
                if let Some(ast::PlpgsqlOpenSource::PlpgsqlOpenExecute(execute)) = open.source() {
                    self.within(node, |this| this.execute(execute.query().as_ref().and_then(value_of), node));
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
                self.condition(conditional.cond());
                self.branch(Branch::Guard, node, |this| this.body(conditional.then_body()));
                for other in conditional.elsifs() {
                    self.condition(other.cond());
                    self.branch(Branch::Guard, other.syntax(), |this| this.body(other.body()));
                }
                if let Some(other) = conditional.else_clause() {
                    self.branch(Branch::Guard, other.syntax(), |this| this.body(other.body()));
                }
            }
            PlpgsqlStmt::PlpgsqlCaseStmt(case) => {
                self.condition(case.subject());
                for when in case.whens() {
                    self.condition(when.cond());
                    self.branch(Branch::Guard, when.syntax(), |this| this.body(when.body()));
                }
                if let Some(other) = case.else_clause() {
                    self.branch(Branch::Guard, other.syntax(), |this| this.body(other.body()));
                }
            }
            PlpgsqlStmt::PlpgsqlLoopStmt(looped) => {
                self.branch(Branch::Loop, node, |this| this.body(looped.body()));
            }
            PlpgsqlStmt::PlpgsqlWhileStmt(looped) => {
                self.condition(looped.cond());
                self.branch(Branch::Loop, node, |this| this.body(looped.body()));
            }
            PlpgsqlStmt::PlpgsqlForIStmt(looped) => {
                self.branch(Branch::Loop, node, |this| this.body(looped.body()));
            }
            PlpgsqlStmt::PlpgsqlForEachStmt(looped) => {
                self.condition(looped.array());
                self.branch(Branch::Loop, node, |this| this.body(looped.body()));
            }
            PlpgsqlStmt::PlpgsqlForCursorStmt(looped) => {
                self.branch(Branch::Loop, node, |this| this.body(looped.body()));
            }
            PlpgsqlStmt::PlpgsqlForQueryStmt(looped) => {
                if let Some(query) = looped.query() {
                    self.statement(&query);
                }
                self.branch(Branch::Loop, node, |this| this.body(looped.body()));
            }
            PlpgsqlStmt::PlpgsqlForDynStmt(looped) => {
                self.within(node, |this| this.execute(looped.query().as_ref().and_then(value_of), node));
                self.branch(Branch::Loop, node, |this| this.body(looped.body()));
            }
            _ => return false,
        }
        true
    }

    fn condition(&mut self, condition: Option<ast::PlpgsqlExpr>) {
        if let Some(condition) = condition {
            self.embedded(condition.syntax());
        }
    }
}
