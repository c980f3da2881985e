//! A statement's tree becomes steps: which family it belongs to, and what every statement may hold.

use std::{ops::Range, rc::Rc};

use rowan::TextRange;
use squawk_syntax::{
    SyntaxNode,
    ast::{self, AstNode, Stmt},
    syntax_error::SyntaxError,
};

use super::{names::name_of, source::Source};
use crate::guard::{
    action::{Action, Branch, Revoke, Statement, Step, Transaction},
    name::Name,
};

/// The setting that decides which schema a name is in.
const SEARCH_PATH: &str = "search_path";
/// The value that a setting has by itself.
const DEFAULT: &str = "default";
/// Strings in strings in bodies. Nobody writes that many.
const DEEPEST_TEXT: usize = 12;

/// Turns trees into steps.
pub(super) struct Lower {
    /// The text that the trees are of.
    pub(super) source: Rc<Source>,
    /// What came out so far.
    pub(super) steps: Vec<Step>,
    /// The statement at work, in the script's bytes.
    statement: Range<usize>,
    /// The variables of the PL/pgSQL bodies around.
    pub(super) variables: super::dynamic::Variables,
    /// `SELECT INTO` sets variables here, it makes no table.
    pub(super) in_plpgsql: bool,
}

impl Lower {
    pub(super) fn new(source: Rc<Source>) -> Self {
        Self { source, steps: Vec::new(), statement: 0..0, variables: Default::default(), in_plpgsql: false }
    }

    /// All of a parsed text. What has errors is reported and then read as far as it was understood.
    pub(super) fn script(&mut self, file: &ast::SourceFile, errors: &[SyntaxError]) {
        self.errors(errors, file.syntax());
        for stmt in file.stmts() {
            self.statement(&stmt);
        }
    }

    /// Reports the first of a text's errors; the others are often its echo.
    pub(super) fn errors(&mut self, errors: &[SyntaxError], node: &SyntaxNode) {
        if let Some(error) = errors.first() {
            let place = self.source.place(error.range());
            self.unparsed(error.message(), place, node);
        }
    }

    /// The same for a body, whose errors are at places of the text around it.
    pub(super) fn body_errors(&mut self, errors: &[SyntaxError], node: &SyntaxNode) {
        if let Some(error) = errors.first() {
            let place = self.source.place_in_parent(error.range());
            self.unparsed(error.message(), place, node);
        }
    }

    fn unparsed(&mut self, message: &str, place: Range<usize>, node: &SyntaxNode) {
        let statement =
            if self.statement.is_empty() { self.source.place(trimmed(node)) } else { self.statement.clone() };
        self.steps.push(Step { action: Action::Unparsed(message.to_owned()), place, statement });
    }

    /// One statement, wherever it stands.
    pub(super) fn statement(&mut self, stmt: &Stmt) {
        let node = stmt.syntax().clone();
        self.within(&node, |this| {
            let is_nested = this.source.depth() > 0;
            this.push(Action::Statement(Statement { alone: alone(stmt), is_nested }), &node);
            this.roles(stmt);
            this.family(stmt);
        });
    }

    fn family(&mut self, stmt: &Stmt) {
        let node = stmt.syntax();
        match stmt {
            Stmt::EmptyStmt(_) | Stmt::CommentOn(_) => return,
            // What it holds is not run.
            Stmt::Explain(explain) if !super::rows::is_run(explain) => return,
            // Its commands run whenever the relation is used from here on, as a trigger's do.
            Stmt::CreateRule(rule) => self.rule(rule),
            Stmt::CreateFunction(_) | Stmt::CreateProcedure(_) => return self.routine(stmt),
            Stmt::Do(block) => return self.do_block(block),
            _ => {}
        }
        let known = self.table_statement(stmt)
            || self.object_statement(stmt)
            || self.drop_statement(stmt)
            || self.session_statement(stmt);
        self.rows(node);
        self.calls(node);
        if hides_calls(stmt) {
            self.mentions(node);
        }
        if !known && !self.in_plpgsql {
            self.select_into(node);
        }
    }

    /// Everything that `inside` adds belongs to the statement `node`, which is none of SQL's own.
    pub(super) fn within(&mut self, node: &SyntaxNode, inside: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.statement, self.source.place(node.text_range()));
        inside(self);
        self.statement = outer;
    }

    /// Reads the text of a string as SQL.
    pub(super) fn text(&mut self, source: Rc<Source>, text: &str, node: &SyntaxNode) {
        if source.depth() > DEEPEST_TEXT {
            self.push(Action::Dynamic("strings nested too deep to be read".into()), node);
            return;
        }
        if let Some(why) = super::split::refusal(text) {
            self.push(Action::Unparsed(why), node);
            return;
        }
        let parse = squawk_syntax::SourceFile::parse(text);
        let outer = std::mem::replace(&mut self.source, source);
        let in_plpgsql = std::mem::replace(&mut self.in_plpgsql, false);
        self.script(&parse.tree(), &parse.errors());
        self.in_plpgsql = in_plpgsql;
        self.source = outer;
    }

    /// Everything that `inside` adds happens in `branch`.
    pub(super) fn branch(&mut self, branch: Branch, node: &SyntaxNode, inside: impl FnOnce(&mut Self)) {
        self.push(Action::Enter(branch), node);
        inside(self);
        self.push(Action::Leave, node);
    }

    /// A step that `node` takes.
    pub(super) fn push(&mut self, action: Action, node: &SyntaxNode) {
        self.push_at(action, trimmed(node));
    }

    /// A step at a place of the text at work.
    pub(super) fn push_at(&mut self, action: Action, range: TextRange) {
        let place = self.source.place(range);
        let statement = if self.statement.is_empty() { place.clone() } else { self.statement.clone() };
        self.steps.push(Step { action, place, statement });
    }

    /// Transaction control, settings, and what works on the server beside the tables.
    fn session_statement(&mut self, stmt: &Stmt) -> bool {
        let node = stmt.syntax();
        match stmt {
            Stmt::Begin(_) => self.push(Action::Transaction(Transaction::Begin), node),
            Stmt::Commit(_) | Stmt::PrepareTransaction(_) => {
                self.push(Action::Transaction(Transaction::Commit), node);
            }
            Stmt::Rollback(_) => self.push(Action::Transaction(Transaction::Rollback), node),
            Stmt::Set(_) | Stmt::AlterSystem(_) | Stmt::AlterDatabase(_) | Stmt::AlterRole(_) => {
                self.setting(stmt);
            }
            Stmt::SetRole(_) | Stmt::ResetRole(_) => {
                self.push(Action::Set("role".into(), words(node)), node);
            }
            Stmt::SetSessionAuth(_) | Stmt::ResetSessionAuth(_) => {
                self.push(Action::Set("session_authorization".into(), words(node)), node);
            }
            Stmt::Reset(_) | Stmt::Discard(_) => self.reset(node),
            Stmt::Load(_) => self.push(Action::Outside("loads a library into the server".into()), node),
            Stmt::Copy(copy) => self.copy(copy),
            Stmt::Revoke(revoke) => {
                let objects = revoke.on_privilege_objects_clause().map(|on| relations(on.syntax()));
                let objects = objects.unwrap_or_default();
                self.push(Action::Revoke(Revoke { objects }), node);
            }
            Stmt::AlterDefaultPrivileges(change)
                if matches!(
                    change.action(),
                    Some(ast::AlterDefaultPrivilegesAction::RevokeDefaultPrivileges(_))
                ) =>
            {
                self.push(Action::Revoke(Revoke { objects: Vec::new() }), node);
            }
            _ => return false,
        }
        true
    }

    /// A setting, of this session or of those to come. Only this one's decides what names mean from here on.
    fn setting(&mut self, stmt: &Stmt) {
        let node = stmt.syntax();
        let Some(parameter) = node.descendants().find_map(ast::ConfigParameterRef::cast) else { return };
        let name = words(parameter.syntax());
        if name == SEARCH_PATH && !matches!(stmt, Stmt::Set(_)) {
            return;
        }
        let target = node.descendants().find_map(ast::ToConfigValue::cast);
        let value = target.map(|target| {
            let text = target.syntax().text().to_string();
            let text = text.trim_start_matches('=').trim_start();
            let is_to = text.get(..3).is_some_and(|word| word.eq_ignore_ascii_case("to "));
            text[if is_to { 3 } else { 0 }..].trim().to_owned()
        });
        self.push(Action::Set(name, value.unwrap_or_else(|| DEFAULT.into())), node);
    }

    fn reset(&mut self, node: &SyntaxNode) {
        if words(node)
            .split_whitespace()
            .any(|word| [SEARCH_PATH, "all"].contains(&word.trim_end_matches(';')))
        {
            self.push(Action::Set(SEARCH_PATH.into(), DEFAULT.into()), node);
        }
    }

    fn copy(&mut self, copy: &ast::Copy) {
        if copy.syntax().descendants().any(|node| ast::CopyProgram::can_cast(node.kind())) {
            self.push(Action::Outside("runs a program on the server".into()), copy.syntax());
        }
    }
}

/// Whether what the statement makes calls functions later, without a call that anybody sees.
const fn hides_calls(stmt: &Stmt) -> bool {
    matches!(
        stmt,
        Stmt::CreateAggregate(_)
            | Stmt::CreateCast(_)
            | Stmt::CreateConversion(_)
            | Stmt::CreateLanguage(_)
            | Stmt::CreateOperator(_)
            | Stmt::CreateOperatorClass(_)
            | Stmt::CreateTransform(_)
            | Stmt::CreateType(_)
    )
}

/// The relations that privileges on are taken away.
fn relations(node: &SyntaxNode) -> Vec<Name> {
    let paths = node.descendants().filter(|node| {
        ast::PathRef::can_cast(node.kind())
            && !node.parent().is_some_and(|parent| ast::PathRef::can_cast(parent.kind()))
    });
    paths.map(|path| name_of(&path)).collect()
}

/// What PostgreSQL only does outside a transaction block, so in a file of its own.
fn alone(stmt: &Stmt) -> Option<&'static str> {
    match stmt {
        Stmt::CreateIndex(index) if index.concurrently_token().is_some() => Some("CREATE INDEX CONCURRENTLY"),
        Stmt::DropIndex(index) if index.concurrently_token().is_some() => Some("DROP INDEX CONCURRENTLY"),
        Stmt::Reindex(reindex) if reindex.is_concurrently() => Some("REINDEX CONCURRENTLY"),
        Stmt::Vacuum(_) => Some("VACUUM"),
        Stmt::CreateDatabase(_) => Some("CREATE DATABASE"),
        Stmt::DropDatabase(_) => Some("DROP DATABASE"),
        Stmt::CreateTablespace(_) => Some("CREATE TABLESPACE"),
        Stmt::DropTablespace(_) => Some("DROP TABLESPACE"),
        Stmt::AlterSystem(_) => Some("ALTER SYSTEM"),
        Stmt::AlterTable(alter) => alter
            .actions()
            .any(|action| match action {
                ast::AlterTableAction::DetachPartition(detach) => matches!(
                    detach.detach_partition_option(),
                    Some(ast::DetachPartitionOption::DetachConcurrently(_))
                ),
                _ => false,
            })
            .then_some("DETACH PARTITION CONCURRENTLY"),
        _ => None,
    }
}

/// The range of `node` without space and comments at its edges.
pub(super) fn trimmed(node: &SyntaxNode) -> TextRange {
    let tokens = || node.descendants_with_tokens().filter_map(rowan::NodeOrToken::into_token);
    let mut real = tokens().filter(|token| !token.kind().is_trivia());
    match real.next() {
        None => node.text_range(),
        Some(first) => {
            let last = node.last_token().filter(|token| !token.kind().is_trivia());
            let end = last.map_or_else(
                || real.last().unwrap_or_else(|| first.clone()).text_range().end(),
                |last| last.text_range().end(),
            );
            TextRange::new(first.text_range().start(), end)
        }
    }
}

/// The text of `node`, lower case, a single space between its tokens where there was any.
pub(super) fn words(node: &SyntaxNode) -> String {
    let mut text = String::new();
    let mut gap = false;
    for token in node.descendants_with_tokens().filter_map(rowan::NodeOrToken::into_token) {
        if token.kind().is_trivia() {
            gap = true;
            continue;
        }
        if gap && !text.is_empty() {
            text.push(' ');
        }
        gap = false;
        text.push_str(&token.text().to_ascii_lowercase());
    }
    text
}
