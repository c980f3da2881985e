//! `DROP` statements.

use squawk_syntax::{
    SyntaxNode,
    ast::{self, AstNode, Stmt},
};

use super::{
    lower::Lower,
    names::{name_of, word},
    tables::cascades,
};
use crate::guard::{
    action::{Action, Drop, Kind},
    name::Name,
};

impl Lower {
    /// `DROP` statements; whether this was one.
    pub(super) fn drop_statement(&mut self, stmt: &Stmt) -> bool {
        let Some((kind, names, behavior)) = dropped(stmt) else { return false };
        let node = stmt.syntax();
        let several = names.len() > 1;
        for (name, at) in names {
            let drop = Drop { kind, name, cascade: cascades(behavior.clone()) };
            // One object is dropped by the statement, each of several by its name.
            self.push(Action::Drop(drop), if several { &at } else { node });
        }
        true
    }
}

type Dropped = (Kind, Vec<(Name, SyntaxNode)>, Option<ast::DropBehavior>);

/// What a `DROP` statement drops.
fn dropped(stmt: &Stmt) -> Option<Dropped> {
    fn list<N: AstNode>(nodes: impl Iterator<Item = N>) -> Vec<(Name, SyntaxNode)> {
        nodes.map(|node| (name_of(node.syntax()), node.syntax().clone())).collect()
    }
    fn member<N: AstNode, T: AstNode>(table: Option<T>, name: Option<N>) -> Vec<(Name, SyntaxNode)> {
        let (Some(table), Some(name)) = (table, name) else { return Vec::new() };
        vec![(name_of(table.syntax()).member(&word(name.syntax())), name.syntax().clone())]
    }
    Some(match stmt {
        Stmt::DropTable(drop) => (Kind::Table, list(drop.table_name_refs()), drop.drop_behavior()),
        Stmt::DropForeignTable(drop) => (Kind::Table, list(drop.table_name_refs()), drop.drop_behavior()),
        Stmt::DropIndex(drop) => (Kind::Index, list(drop.index_refs()), drop.drop_behavior()),
        Stmt::DropView(drop) => (Kind::View, list(drop.view_refs()), drop.drop_behavior()),
        Stmt::DropMaterializedView(drop) => {
            (Kind::MaterializedView, list(drop.view_refs()), drop.drop_behavior())
        }
        Stmt::DropSequence(drop) => (Kind::Sequence, list(drop.sequence_refs()), drop.drop_behavior()),
        Stmt::DropType(drop) => (Kind::Type, list(drop.type_name_refs()), drop.drop_behavior()),
        Stmt::DropDomain(drop) => (Kind::Domain, list(drop.domain_refs()), drop.drop_behavior()),
        Stmt::DropSchema(drop) => (Kind::Schema, list(drop.schema_refs()), drop.drop_behavior()),
        Stmt::DropDatabase(drop) => (Kind::Database, list(drop.database_ref().into_iter()), None),
        Stmt::DropExtension(drop) => (Kind::Extension, list(drop.extension_refs()), drop.drop_behavior()),
        Stmt::DropOwned(drop) => (Kind::Owned, list(drop.role_ref_list()?.role_refs()), drop.drop_behavior()),
        Stmt::DropFunction(drop) => {
            (Kind::Routine, list(drop.function_sig_list()?.function_sigs()), drop.drop_behavior())
        }
        Stmt::DropProcedure(drop) => {
            (Kind::Routine, list(drop.procedure_sig_list()?.procedure_sigs()), drop.drop_behavior())
        }
        Stmt::DropRoutine(drop) => {
            (Kind::Routine, list(drop.routine_sig_list()?.routine_sigs()), drop.drop_behavior())
        }
        Stmt::DropAggregate(drop) => (Kind::Routine, list(drop.aggregates()), drop.drop_behavior()),
        Stmt::DropTrigger(drop) => {
            (Kind::Trigger, member(drop.on_relation(), drop.trigger_ref()), drop.drop_behavior())
        }
        Stmt::DropPolicy(drop) => {
            (Kind::Policy, member(drop.on_table(), drop.policy_ref()), drop.drop_behavior())
        }
        Stmt::DropRule(drop) => {
            (Kind::Rule, member(drop.on_relation(), drop.rule_ref()), drop.drop_behavior())
        }
        other => return other_dropped(other),
    })
}

/// Kinds that hold no rows and have one name.
fn other_dropped(stmt: &Stmt) -> Option<Dropped> {
    let words = match stmt {
        Stmt::DropAccessMethod(_) => "access method",
        Stmt::DropCast(_) => "cast",
        Stmt::DropCollation(_) => "collation",
        Stmt::DropConversion(_) => "conversion",
        Stmt::DropEventTrigger(_) => "event trigger",
        Stmt::DropForeignDataWrapper(_) => "foreign data wrapper",
        Stmt::DropGroup(_) | Stmt::DropRole(_) | Stmt::DropUser(_) => "role",
        Stmt::DropLanguage(_) => "language",
        Stmt::DropOperator(_) => "operator",
        Stmt::DropOperatorClass(_) => "operator class",
        Stmt::DropOperatorFamily(_) => "operator family",
        Stmt::DropPropertyGraph(_) => "property graph",
        Stmt::DropPublication(_) => "publication",
        Stmt::DropServer(_) => "server",
        Stmt::DropStatistics(_) => "statistics",
        Stmt::DropSubscription(_) => "subscription",
        Stmt::DropTablespace(_) => "tablespace",
        Stmt::DropTextSearchConfig(_) => "text search configuration",
        Stmt::DropTextSearchDict(_) => "text search dictionary",
        Stmt::DropTextSearchParser(_) => "text search parser",
        Stmt::DropTextSearchTemplate(_) => "text search template",
        Stmt::DropTransform(_) => "transform",
        Stmt::DropUserMapping(_) => "user mapping",
        _ => return None,
    };
    let node = stmt.syntax();
    // Everything between the kind's words and CASCADE, such as a cast's two types, is the name.
    let mut name = super::lower::words(node);
    let cascade = node.descendants().find_map(ast::DropBehavior::cast);
    name = name.trim_end_matches(';').trim_end_matches(" cascade").trim_end_matches(" restrict").to_owned();
    let skipped = 1 + words.split(' ').count();
    let name = name.splitn(skipped + 1, ' ').last().unwrap_or_default().to_owned();
    let name = name.trim_start_matches("if exists ");
    Some((Kind::Other(words), vec![(Name::bare(name), node.clone())], cascade))
}
