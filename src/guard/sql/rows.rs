//! Statements that change rows, wherever they stand: in a CTE, a `COPY`, a `PREPARE`, a body.

use squawk_syntax::{
    SyntaxNode,
    ast::{self, AstNode},
};

use super::{
    expressions::{calls, string_of},
    lower::Lower,
    names::{name_in, name_of, name_of_expression, word},
    selective::{Target, chooses},
    tables::cascades,
};
use crate::guard::{
    action::{Action, Call, RowChange, RowKind, Truncate},
    name::Name,
};

/// Literals that are looked at in one statement; a list of a million rows is no list of labels.
const TEXTS: usize = 1_000;
/// A label is no longer than a name.
const LONGEST_LABEL: usize = 63;

/// Whether `EXPLAIN` runs what it explains.
pub(super) fn is_run(explain: &ast::Explain) -> bool {
    match explain.explain_mode() {
        Some(ast::ExplainMode::ExplainAnalyze(_)) => true,
        Some(ast::ExplainMode::ExplainOptionList(list)) => list.explain_options().any(|option| {
            let name = option.explain_option_name().map(|name| word(name.syntax()));
            let off = option.explain_option_value().is_some_and(|value| {
                ["false", "off", "0"].contains(&super::lower::words(value.syntax()).trim_matches('\''))
            });
            name.as_deref() == Some("analyze") && !off
        }),
        _ => false,
    }
}

impl Lower {
    /// What `node` does to rows, at any depth.
    pub(super) fn rows(&mut self, node: &SyntaxNode) {
        let queries: Vec<_> = node.descendants().filter_map(ast::WithTable::cast).collect();
        let of_queries: Vec<_> =
            queries.iter().filter_map(ast::WithTable::name).map(|name| word(name.syntax())).collect();
        for inner in node.descendants() {
            if let Some(delete) = ast::Delete::cast(inner.clone()) {
                self.delete(&delete);
            } else if let Some(update) = ast::Update::cast(inner.clone()) {
                self.update(&update);
            } else if let Some(merge) = ast::Merge::cast(inner.clone()) {
                self.merge(&merge);
            } else if let Some(insert) = ast::Insert::cast(inner.clone()) {
                self.insert(&insert);
            } else if let Some(truncate) = ast::Truncate::cast(inner.clone()) {
                self.truncate(&truncate);
            } else if let Some(item) = ast::RelationFromItem::cast(inner) {
                self.read(&item, &of_queries);
            }
        }
        self.texts(node);
    }

    fn delete(&mut self, delete: &ast::Delete) {
        let Some(table) = name_in(delete.relation_name()) else { return };
        let target = Target { table: &table, alias: alias(delete.alias()) };
        let selective = delete.where_clause_or_current_of().is_some_and(|clause| chooses(&clause, &target));
        self.row_change(table, RowKind::Delete, selective, Vec::new(), delete.syntax());
    }

    fn update(&mut self, update: &ast::Update) {
        let Some(table) = name_in(update.relation_name()) else { return };
        let target = Target { table: &table, alias: alias(update.alias()) };
        let selective = update.where_clause_or_current_of().is_some_and(|clause| chooses(&clause, &target));
        let columns = update.set_clause().map(|set| set_columns(&set)).unwrap_or_default();
        self.row_change(table, RowKind::Update, selective, columns, update.syntax());
    }

    fn merge(&mut self, merge: &ast::Merge) {
        let Some(table) = name_in(merge.table_relation_name()) else { return };
        let target = Target { table: &table, alias: alias(merge.alias()) };
        let on = merge.using_on_clause().and_then(|using| using.on_clause()).and_then(|on| on.expr());
        let joined = on.is_some_and(|on| target.chosen_by(&on));
        for clause in merge.merge_when_clauses() {
            let (action, condition, joined) = match &clause {
                ast::MergeWhenClause::MergeWhenMatched(when) => {
                    (when.merge_action(), when.merge_condition(), joined)
                }
                ast::MergeWhenClause::MergeWhenNotMatchedSource(when) => {
                    (when.merge_action(), when.merge_condition(), false)
                }
                ast::MergeWhenClause::MergeWhenNotMatchedTarget(_) => continue,
            };
            let chosen = condition.and_then(|when| when.expr()).is_some_and(|when| target.chosen_by(&when));
            match action {
                // However it is joined, nobody sees from the text which rows go.
                Some(ast::MergeAction::MergeDelete(delete)) => {
                    self.row_change(table.clone(), RowKind::Delete, false, Vec::new(), delete.syntax());
                }
                Some(ast::MergeAction::MergeUpdate(update)) => {
                    let columns = update.set_clause().map(|set| set_columns(&set)).unwrap_or_default();
                    let node = update.syntax();
                    self.row_change(table.clone(), RowKind::Update, joined || chosen, columns, node);
                }
                _ => {}
            }
        }
    }

    fn insert(&mut self, insert: &ast::Insert) {
        if let Some(table) = name_in(insert.relation_name_ref()) {
            self.row_change(table, RowKind::Insert, true, Vec::new(), insert.syntax());
        }
    }

    /// A relation that rows are taken from, unless it is one of the statement's own queries. A view's are read later.
    fn read(&mut self, item: &ast::RelationFromItem, of_queries: &[String]) {
        let Some(relation) = name_in(item.relation_name_ref()) else { return };
        let is_own = relation.schema.is_none() && of_queries.contains(&relation.name);
        let is_later = |node: SyntaxNode| {
            ast::CreateView::can_cast(node.kind()) || ast::CreateRule::can_cast(node.kind())
        };
        if !is_own && !item.syntax().ancestors().any(is_later) {
            self.push(Action::Read(relation), item.syntax());
        }
    }

    fn row_change(
        &mut self,
        table: Name,
        kind: RowKind,
        selective: bool,
        columns: Vec<String>,
        node: &SyntaxNode,
    ) {
        self.push(Action::Rows(RowChange { table, kind, selective, columns }), node);
    }

    fn truncate(&mut self, truncate: &ast::Truncate) {
        let cascade = cascades(truncate.drop_behavior());
        let tables: Vec<_> =
            truncate.table_list().map(|list| list.table_relation_names().collect()).unwrap_or_default();
        for table in &tables {
            let Some(name) = name_in(Some(table.clone())) else { continue };
            let place = if tables.len() > 1 { table.syntax() } else { truncate.syntax() };
            self.push(Action::Truncate(Truncate { table: name, cascade }), place);
        }
    }

    /// The calls in `node`, with their constant texts.
    pub(super) fn calls(&mut self, node: &SyntaxNode) {
        for call in calls(node) {
            let Some(name) = call.expr().as_ref().and_then(name_of_expression) else { continue };
            let arguments = call.arg_list();
            self.call(name, arguments, call.syntax());
        }
        for call in node.descendants().filter_map(ast::Call::cast) {
            if let Some(name) = name_in(call.procedure_name_ref()) {
                self.call(name, call.arg_list(), call.syntax());
            }
        }
    }

    /// Functions that a new operator, cast or aggregate will call are as good as called: everything that is
    /// named in the statement may be one.
    pub(super) fn mentions(&mut self, node: &SyntaxNode) {
        let is_path = |node: &SyntaxNode| ast::PathRef::can_cast(node.kind());
        let is_outermost = |node: &SyntaxNode| !node.parent().is_some_and(|parent| is_path(&parent));
        for path in node.descendants().filter(|node| is_path(node) && is_outermost(node)) {
            let call = Call { name: name_of(&path), texts: Vec::new(), procedure: false };
            self.push(Action::Call(call), &path);
        }
    }

    fn call(&mut self, name: Name, arguments: Option<ast::ArgList>, node: &SyntaxNode) {
        let arguments: Vec<_> = arguments.iter().flat_map(ast::ArgList::args).collect();
        let texts = arguments.iter().map(|argument| self.constant(&argument.expr()?)).collect();
        let procedure = ast::Call::can_cast(node.kind());
        self.push(Action::Call(Call { name: name.clone(), texts, procedure }), node);
        self.run_argument(&name, &arguments, node);
    }

    fn texts(&mut self, node: &SyntaxNode) {
        for literal in node.descendants().filter_map(ast::Literal::cast).take(TEXTS) {
            if let Some(text) = string_of(&literal)
                && !text.is_empty()
                && text.len() <= LONGEST_LABEL
            {
                self.push(Action::Text(text), literal.syntax());
            }
        }
    }
}

fn alias(alias: Option<ast::OptionalAsAlias>) -> Option<String> {
    alias?.syntax().descendants().find_map(ast::TableAlias::cast).map(|alias| word(alias.syntax()))
}

fn set_columns(set: &ast::SetClause) -> Vec<String> {
    set.syntax()
        .descendants()
        .filter_map(ast::ColumnTarget::cast)
        .filter_map(|target| Some(word(target.name()?.syntax())))
        .collect()
}
