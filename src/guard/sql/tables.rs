//! Tables, their columns, constraints and indexes.

use squawk_syntax::{
    SyntaxNode,
    ast::{self, AlterColumnOption as Option_, AlterTableAction as Act, AstNode, Stmt},
};

use super::{
    expressions::{columns_read, default_of, using_of},
    lower::{Lower, words},
    names::{name_in, name_of, word, word_in},
    types::data_type,
};
use crate::guard::{
    action::{
        Action, Certainty, Column, Constraint, ConstraintKind, CreateIndex, CreateTable, Drop, Kind,
        TableChange, TypeChange, Weakening,
    },
    name::Name,
};

/// What `IF NOT EXISTS` or `OR REPLACE` says of an object's novelty.
pub(super) fn certainty<N>(perhaps: Option<N>) -> Certainty {
    if perhaps.is_some() { Certainty::Perhaps } else { Certainty::Certain }
}

impl Lower {
    /// Statements about tables and their indexes; whether this was one.
    pub(super) fn table_statement(&mut self, stmt: &Stmt) -> bool {
        match stmt {
            Stmt::CreateTable(create) => self.create_table(create),
            Stmt::CreateForeignTable(create) => {
                let sure = certainty(create.if_not_exists());
                self.created_table(create.table_name(), sure, create.table_arg_list(), create.syntax());
            }
            Stmt::CreateTableAs(create) => {
                let sure = certainty(create.if_not_exists());
                self.created_table(create.table_name(), sure, None, create.syntax());
            }
            Stmt::AlterTable(alter) => self.alter(alter.table_relation_name(), alter.actions(), Kind::Table),
            Stmt::AlterForeignTable(alter) => {
                self.alter(alter.table_relation_name(), alter.actions(), Kind::Table);
            }
            Stmt::CreateIndex(index) => self.create_index(index),
            _ => return false,
        }
        true
    }

    /// `CREATE TABLE`, which also stands inside `CREATE SCHEMA`.
    pub(super) fn create_table(&mut self, create: &ast::CreateTable) {
        let sure = certainty(create.if_not_exists());
        self.created_table(create.table_name(), sure, create.table_arg_list(), create.syntax());
        let table = name_in(create.table_name());
        if let (Some(parents), Some(table)) = (create.inherits(), table) {
            for parent in parents.table_name_refs() {
                let change = TableChange::Inherit(name_of(parent.syntax()));
                self.push(Action::AlterTable(table.clone(), change), create.syntax());
            }
        }
    }

    /// `SELECT ... INTO` makes a table, wherever in the statement it stands.
    pub(super) fn select_into(&mut self, node: &SyntaxNode) {
        for into in node.descendants().filter_map(ast::IntoClause::cast) {
            self.created_table(into.table_name(), Certainty::Certain, None, into.syntax());
        }
    }

    fn created_table(
        &mut self,
        name: Option<ast::TableName>,
        certainty: Certainty,
        args: Option<ast::TableArgList>,
        node: &SyntaxNode,
    ) {
        let Some(name) = name_in(name) else { return };
        let args: Vec<_> = args.map(|args| args.args().collect()).unwrap_or_default();
        let columns = args.iter().filter_map(|arg| match arg {
            ast::TableArg::Column(column) => Some(listed_column(column)),
            _ => None,
        });
        let constraints = args.iter().filter_map(|arg| match arg {
            ast::TableArg::TableConstraint(constraint) => Some(table_constraint(constraint)),
            _ => None,
        });
        let (columns, constraints) = (columns.collect(), constraints.collect());
        let temporary = is_temporary(node) || name.schema.as_deref() == Some("pg_temp");
        let table = CreateTable { name, certainty, temporary, columns, constraints };
        self.push(Action::CreateTable(table), node);
    }

    fn alter(
        &mut self,
        table: Option<ast::TableRelationName>,
        actions: impl Iterator<Item = Act>,
        kind: Kind,
    ) {
        let Some(table) = name_in(table) else { return };
        for action in actions {
            self.table_action(&table, &action, kind);
        }
    }

    /// One action of `ALTER TABLE`, or of `ALTER MATERIALIZED VIEW`, which shares them.
    pub(super) fn table_action(&mut self, table: &Name, action: &Act, kind: Kind) {
        let node = action.syntax();
        let lowered = structure(table, action, kind).or_else(|| {
            let change = change(action)?;
            Some(Action::AlterTable(table.clone(), change))
        });
        if let Some(lowered) = lowered.or_else(|| weakening(table, action)) {
            self.push(lowered, node);
        }
        if let Act::AlterColumn(column) = action {
            self.alter_column(table, column);
        }
    }

    fn alter_column(&mut self, table: &Name, alter: &ast::AlterColumn) {
        let (Some(column), Some(option)) = (word_in(alter.column_name_ref()), alter.option()) else { return };
        if let Some(change) = column_change(column, &option) {
            self.push(Action::AlterTable(table.clone(), change), alter.syntax());
        }
    }

    fn create_index(&mut self, index: &ast::CreateIndex) {
        let Some(table) = name_in(index.table_relation_name()) else { return };
        let items: Vec<_> =
            index.partition_item_list().map(|list| list.partition_items().collect()).unwrap_or_default();
        let columns = index.partition_item_list().map(|items| columns_read(items.syntax()));
        // An index lives in its table's schema; its own name cannot say one.
        let name = name_in(index.index()).map(|name| Name { schema: table.schema.clone(), ..name });
        let action = Action::CreateIndex(CreateIndex {
            name,
            table,
            columns: columns.unwrap_or_default(),
            unique: index.unique_token().is_some(),
            plain: items.iter().all(|item| matches!(item.expr(), Some(ast::Expr::NameRef(_)))),
            predicate: index.where_clause().map(|clause| words(clause.syntax())),
            concurrently: index.concurrently_token().is_some(),
            certainty: certainty(index.if_not_exists()),
        });
        self.push(action, index.syntax());
    }
}

/// Whether what `node` makes is temporary.
fn is_temporary(node: &SyntaxNode) -> bool {
    node.children().any(|child| ast::Temp::can_cast(child.kind()))
}

/// What goes, is renamed or moves.
fn structure(table: &Name, action: &Act, kind: Kind) -> Option<Action> {
    let dropped = |kind, name: String, behavior: Option<ast::DropBehavior>| {
        Action::Drop(Drop { kind, name: table.member(&name), cascade: cascades(behavior) })
    };
    Some(match action {
        Act::DropColumn(drop) => {
            dropped(Kind::Column, word_in(drop.column_name_ref())?, drop.drop_behavior())
        }
        Act::DropConstraint(drop) => {
            dropped(Kind::Constraint, word_in(drop.constraint_name_ref())?, drop.drop_behavior())
        }
        Act::RenameColumn(rename) => Action::Rename(
            Kind::Column,
            table.member(&word_in(rename.column_name_ref())?),
            table.member(&word_in(rename.column_name())?),
        ),
        Act::RenameConstraint(rename) => Action::Rename(
            Kind::Constraint,
            table.member(&word_in(rename.constraint_name_ref())?),
            table.member(&word_in(rename.constraint_name())?),
        ),
        Act::TableRenameTo(rename) => {
            Action::Rename(kind, table.clone(), table.renamed(&word_in(rename.table_name())?))
        }
        Act::SetSchema(set) => Action::SetSchema(kind, table.clone(), word_in(set.schema_ref())?),
        _ => return None,
    })
}

/// What changes in the table's shape.
fn change(action: &Act) -> Option<TableChange> {
    Some(match action {
        Act::AddColumn(add) => TableChange::AddColumn(added_column(add), certainty(add.if_not_exists())),
        Act::AddConstraint(add) => TableChange::AddConstraint(constraint(&add.constraint()?)?),
        Act::ValidateConstraint(validate) => TableChange::Validate(word_in(validate.constraint_name_ref())?),
        Act::AttachPartition(attach) => TableChange::Adopt(name_in(attach.table_name_ref())?),
        Act::DetachPartition(detach) => TableChange::DetachPartition(name_in(detach.table_name_ref())?),
        Act::InheritTable(inherit) => TableChange::Inherit(name_in(inherit.table_name_ref())?),
        Act::NoInheritTable(inherit) => TableChange::Disinherit(name_in(inherit.table_name_ref())?),
        Act::SetTablespace(_) => TableChange::Rewrite("SET TABLESPACE"),
        Act::SetAccessMethod(_) => TableChange::Rewrite("SET ACCESS METHOD"),
        Act::SetLogged(_) => TableChange::Rewrite("SET LOGGED"),
        Act::SetUnlogged(_) => TableChange::SetUnlogged,
        Act::MergePartitions(_) => TableChange::Rewrite("MERGE PARTITIONS"),
        Act::SplitPartition(_) => TableChange::Rewrite("SPLIT PARTITION"),
        _ => return None,
    })
}

fn column_change(column: String, option: &Option_) -> Option<TableChange> {
    Some(match option {
        Option_::SetType(set) => TableChange::SetType(TypeChange {
            to: set.ty().as_ref().map(data_type),
            using: using_of(set.using_expr().and_then(|using| using.expr()), &column),
            column,
        }),
        Option_::SetNotNull(_) => TableChange::SetNotNull(column),
        Option_::DropNotNull(_) => TableChange::DropNotNull(column),
        Option_::SetDefault(set) => {
            let text = set.expr().map(|expr| expr.syntax().text().to_string()).unwrap_or_default();
            TableChange::SetDefault(column, text)
        }
        Option_::DropDefault(_) => TableChange::DropDefault(column),
        Option_::DropExpression(_) => TableChange::DropExpression(column),
        Option_::SetExpression(_) => TableChange::SetExpression(column),
        Option_::DropIdentity(_) => TableChange::DropIdentity(column),
        Option_::AddGenerated(_) => TableChange::AddIdentity(column),
        Option_::Restart(_) => TableChange::RestartIdentity(column),
        Option_::SetSequenceOption(set) if restarts(set.syntax()) => TableChange::RestartIdentity(column),
        Option_::SetGeneratedOptions(set) if restarts(set.syntax()) => TableChange::RestartIdentity(column),
        _ => return None,
    })
}

fn restarts(node: &SyntaxNode) -> bool {
    node.descendants()
        .any(|node| ast::Restart::can_cast(node.kind()) || ast::OptionRestart::can_cast(node.kind()))
}

fn weakening(table: &Name, action: &Act) -> Option<Action> {
    let weakening = match action {
        Act::DisableTrigger(disable) => {
            let target = disable.trigger_target();
            let name = match target {
                Some(ast::TriggerTarget::TriggerRef(trigger)) => word(trigger.syntax()),
                Some(ast::TriggerTarget::User(_)) => "user".into(),
                _ => "all".into(),
            };
            Weakening::DisableTrigger(name)
        }
        Act::EnableReplicaTrigger(enable) => Weakening::DisableTrigger(word_in(enable.trigger_ref())?),
        Act::DisableRule(disable) => Weakening::DisableRule(word_in(disable.rule_ref())?),
        Act::EnableReplicaRule(enable) => Weakening::DisableRule(word_in(enable.rule_ref())?),
        Act::DisableRls(_) => Weakening::RowSecurity("DISABLE ROW LEVEL SECURITY"),
        Act::EnableRls(_) => Weakening::RowSecurity("ENABLE ROW LEVEL SECURITY"),
        Act::ForceRls(_) => Weakening::RowSecurity("FORCE ROW LEVEL SECURITY"),
        Act::NoForceRls(_) => Weakening::RowSecurity("NO FORCE ROW LEVEL SECURITY"),
        _ => return None,
    };
    Some(Action::Weaken(table.clone(), weakening))
}

/// Whether a `DROP` takes what depends on the object along.
pub(super) fn cascades(behavior: Option<ast::DropBehavior>) -> bool {
    matches!(behavior, Some(ast::DropBehavior::Cascade(_)))
}

fn listed_column(column: &ast::Column) -> Column {
    let constraints = column.clauses().filter_map(|clause| match clause {
        ast::ColumnClause::ColumnConstraint(constraint) => ast::Constraint::cast(constraint.syntax().clone()),
        _ => None,
    });
    new_column(word_in(column.name()), column.ty(), constraints)
}

fn added_column(add: &ast::AddColumn) -> Column {
    new_column(word_in(add.column_name()), add.ty(), add.constraints())
}

fn new_column(
    name: Option<String>,
    ty: Option<ast::Type>,
    constraints: impl Iterator<Item = ast::Constraint>,
) -> Column {
    let data_type = ty.as_ref().map(data_type);
    let mut column = Column { name: name.unwrap_or_default(), data_type, ..Column::default() };
    for item in constraints {
        match &item {
            ast::Constraint::NotNullConstraint(_) => column.required = true,
            ast::Constraint::DefaultConstraint(default) => {
                column.default = default.expr().as_ref().map(default_of);
            }
            ast::Constraint::GeneratedConstraint(generated) => match generated.generated_as() {
                Some(ast::GeneratedAs::GeneratedStored(stored)) => {
                    column.generated =
                        !matches!(stored.generated_kind(), Some(ast::GeneratedKind::Virtual(_)));
                }
                _ => column.identity = true,
            },
            _ => {}
        }
        if let Some(mut listed) = constraint(&item).filter(|listed| listed.kind != ConstraintKind::NotNull) {
            column.required |= listed.kind == ConstraintKind::PrimaryKey;
            listed.columns = vec![column.name.clone()];
            column.constraints.push(listed);
        }
    }
    column
}

fn table_constraint(item: &ast::TableConstraint) -> Constraint {
    ast::Constraint::cast(item.syntax().clone()).as_ref().and_then(constraint).unwrap_or(Constraint {
        name: None,
        kind: ConstraintKind::Check,
        columns: Vec::new(),
        not_valid: false,
    })
}

/// A constraint in any place; `None` for what is none to PostgreSQL (`NULL`, `DEFAULT`, `GENERATED`).
fn constraint(item: &ast::Constraint) -> Option<Constraint> {
    let listed = |list: Option<ast::IndexParameters>| {
        list.and_then(|list| list.column_list())
            .map(|list| list.column_name_refs().map(|column| word(column.syntax())).collect())
            .unwrap_or_default()
    };
    let (kind, columns) = match item {
        ast::Constraint::PrimaryKeyConstraint(key) if key.using_index().is_some() => {
            (ConstraintKind::UsingIndex, Vec::new())
        }
        ast::Constraint::UniqueConstraint(key) if key.using_index().is_some() => {
            (ConstraintKind::UsingIndex, Vec::new())
        }
        ast::Constraint::PrimaryKeyConstraint(key) => {
            (ConstraintKind::PrimaryKey, listed(key.index_parameters()))
        }
        ast::Constraint::UniqueConstraint(key) => (ConstraintKind::Unique, listed(key.index_parameters())),
        ast::Constraint::CheckConstraint(check) => (ConstraintKind::Check, columns_read(check.syntax())),
        ast::Constraint::ExcludeConstraint(exclude) => {
            (ConstraintKind::Exclude, columns_read(exclude.syntax()))
        }
        ast::Constraint::NotNullConstraint(not_null) => {
            (ConstraintKind::NotNull, word_in(not_null.column_name_ref()).into_iter().collect())
        }
        ast::Constraint::ForeignKeyConstraint(key) => {
            let columns = key.from_columns().map(|list| list.column_name_refs().collect::<Vec<_>>());
            let columns = columns.unwrap_or_default().iter().map(|column| word(column.syntax())).collect();
            (foreign_key(name_in(key.table_name_ref())?, key.referential_actions()), columns)
        }
        ast::Constraint::ReferencesConstraint(key) => {
            (foreign_key(name_in(key.table())?, key.referential_actions()), Vec::new())
        }
        ast::Constraint::DefaultConstraint(_)
        | ast::Constraint::GeneratedConstraint(_)
        | ast::Constraint::NullConstraint(_) => return None,
    };
    let name = item.constraint_name().map(|name| word(name.syntax()));
    Some(Constraint { name, kind, columns, not_valid: item.is_not_valid() })
}

fn foreign_key(target: Name, mut actions: impl Iterator<Item = ast::ReferentialAction>) -> ConstraintKind {
    let delete_cascades = actions.any(|action| match action {
        ast::ReferentialAction::OnDeleteAction(on) => {
            matches!(on.ref_action(), Some(ast::RefAction::Cascade(_)))
        }
        ast::ReferentialAction::OnUpdateAction(_) => false,
    });
    ConstraintKind::ForeignKey { target, delete_cascades }
}
