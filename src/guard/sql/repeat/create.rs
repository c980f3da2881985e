//! `CREATE` and `DROP`.

use squawk_syntax::{
    SyntaxNode,
    ast::{self, AstNode, Stmt},
};

use super::{Condition, Rewritten, Text, Thing, Words, has, range, type_named};
use crate::guard::sql::names::word;

/// How PostgreSQL has it for a kind of `CREATE`.
enum Way {
    /// `IF NOT EXISTS` before the name.
    IfNotExists(SyntaxNode),
    /// `OR REPLACE` after `CREATE`.
    OrReplace,
    /// Not at all, but it can be asked beforehand whether the object is there.
    Ask(Thing),
    /// Not at all.
    Never(&'static str),
}

impl Text<'_> {
    /// `CREATE` of anything.
    pub(super) fn create(self, statement: &Stmt) -> Option<Rewritten> {
        let node = statement.syntax();
        if has::<ast::IfNotExists>(node) || has::<ast::OrReplace>(node) {
            return None;
        }
        let mut rewritten = match self.way(statement)? {
            Way::IfNotExists(name) => self.words(statement, &[self.before(&name, "IF NOT EXISTS ")]),
            Way::OrReplace => {
                let end = range(node).start + "CREATE".len();
                self.words(statement, &[Words { range: end..end, text: " OR REPLACE" }])
            }
            Way::Ask(thing) => self.when(statement, Condition::unless(thing)),
            Way::Never(why) => self.never(statement, why),
        };
        rewritten.concurrently = self.concurrently(statement);
        Some(rewritten)
    }

    fn way(self, statement: &Stmt) -> Option<Way> {
        fn before<N: AstNode>(name: Option<N>) -> Option<Way> {
            Some(Way::IfNotExists(name?.syntax().clone()))
        }
        match statement {
            Stmt::CreateTable(create) => before(create.table_name()),
            Stmt::CreateTableAs(create) => before(create.table_name()),
            Stmt::CreateForeignTable(create) => before(create.table_name()),
            Stmt::CreateIndex(create) => match create.index() {
                None => Some(Way::Never("an index without a name is made anew each time")),
                name => before(name),
            },
            Stmt::CreateSequence(create) => before(create.sequence()),
            Stmt::CreateMaterializedView(create) => before(create.view()),
            Stmt::CreateExtension(create) => before(create.extension()),
            Stmt::CreateStatistics(create) => match create.statistics() {
                None => Some(Way::Never("statistics without a name are made anew each time")),
                name => before(name),
            },
            Stmt::CreateCollation(create) => before(create.collation()),
            Stmt::CreateServer(create) => before(create.server()),
            Stmt::CreateSchema(create) => match create.create_schema_target()? {
                _ if create.schema_elements().next().is_some() => {
                    Some(Way::Never("CREATE SCHEMA with its objects has no IF NOT EXISTS"))
                }
                target => before(Some(target)),
            },
            Stmt::CreateView(_)
            | Stmt::CreateFunction(_)
            | Stmt::CreateProcedure(_)
            | Stmt::CreateAggregate(_)
            | Stmt::CreateRule(_) => Some(Way::OrReplace),
            other => self.asked(other),
        }
    }

    /// Kinds that have neither `IF NOT EXISTS` nor `OR REPLACE`.
    fn asked(self, statement: &Stmt) -> Option<Way> {
        let of = |node: Option<SyntaxNode>| Some(self.of(&node?).to_owned());
        let thing = match statement {
            Stmt::CreateType(create) => type_named(create.type_name()?.syntax()),
            Stmt::CreateDomain(create) => type_named(create.domain()?.syntax()),
            Stmt::CreatePolicy(create) => Thing::Policy {
                table: of(create.on_table().and_then(|on| on.syntax().first_child()))?,
                name: word(create.policy()?.syntax()),
            },
            Stmt::CreateTrigger(create) if create.constraint_token().is_none() => {
                return Some(Way::OrReplace);
            }
            Stmt::CreateTrigger(create) => Thing::Trigger {
                table: of(create.on_relation().and_then(|on| on.syntax().first_child()))?,
                name: word(create.trigger()?.syntax()),
            },
            Stmt::CreateRole(create) => Thing::Role { name: word(create.role()?.syntax()) },
            Stmt::CreatePublication(create) => {
                Thing::Publication { name: word(create.publication()?.syntax()) }
            }
            Stmt::CreateUserMapping(_)
            | Stmt::CreateEventTrigger(_)
            | Stmt::CreateCast(_)
            | Stmt::CreateOperator(_)
            | Stmt::CreateOperatorClass(_)
            | Stmt::CreateOperatorFamily(_)
            | Stmt::CreateConversion(_)
            | Stmt::CreateAccessMethod(_)
            | Stmt::CreateForeignDataWrapper(_)
            | Stmt::CreateSubscription(_)
            | Stmt::CreateTransform(_)
            | Stmt::CreateLanguage(_)
            | Stmt::CreateTextSearchConfiguration(_)
            | Stmt::CreateTextSearchDictionary(_)
            | Stmt::CreateTextSearchParser(_)
            | Stmt::CreateTextSearchTemplate(_)
            | Stmt::CreateUser(_)
            | Stmt::CreateGroup(_)
            | Stmt::CreateDatabase(_)
            | Stmt::CreateTablespace(_) => {
                return Some(Way::Never("PostgreSQL has no IF NOT EXISTS for what it makes"));
            }
            _ => return None,
        };
        Some(Way::Ask(thing))
    }

    /// A `CREATE INDEX` that can be made without blocking writes, as one that does.
    fn concurrently(self, statement: &Stmt) -> Option<String> {
        let Stmt::CreateIndex(create) = statement else { return None };
        let is_only = create.table_relation_name()?.only_token().is_some();
        if create.concurrently_token().is_some() || is_only {
            return None;
        }
        let name = create.index()?;
        Some(self.with(create.syntax(), &[self.before(name.syntax(), "CONCURRENTLY IF NOT EXISTS ")]))
    }

    /// `DROP` of anything.
    pub(super) fn drop(self, statement: &Stmt) -> Option<Rewritten> {
        let node = statement.syntax();
        if has::<ast::IfExists>(node) {
            return None;
        }
        let after = |words: usize| {
            let mut tokens = node
                .children_with_tokens()
                .filter_map(rowan::NodeOrToken::into_token)
                .filter(|token| !token.kind().is_trivia());
            let end = usize::from(tokens.nth(words - 1)?.text_range().end());
            Some(Words { range: end..end, text: " IF EXISTS" })
        };
        let words = match statement {
            Stmt::DropOwned(_) => return None,
            Stmt::DropSubscription(_) | Stmt::DropDatabase(_) | Stmt::DropTablespace(_) => {
                return Some(self.never(statement, "it does not run inside a transaction"));
            }
            Stmt::DropCast(_) => after(2)?,
            Stmt::DropUserMapping(_) => after(3)?,
            _ if self.of(node).get(..4).is_some_and(|word| word.eq_ignore_ascii_case("drop")) => {
                self.before(&node.first_child()?, "IF EXISTS ")
            }
            _ => return None,
        };
        Some(self.words(statement, &[words]))
    }
}
