//! Everything that is not a table: made, dropped, renamed, moved, maintained.

use squawk_syntax::{
    SyntaxNode,
    ast::{self, AstNode, Stmt},
};

use super::{
    expressions::string_of,
    lower::Lower,
    names::{name_in, name_of, word, word_in},
    tables::{cascades, certainty},
};
use crate::guard::{
    action::{
        Action, Certainty, Create, Drop, EnumChange, Kind, Maintenance, RuleKind, TableChange, Trigger,
        Weakening,
    },
    name::Name,
};

impl Lower {
    /// Statements that make, change or maintain other objects; whether this was one.
    pub(super) fn object_statement(&mut self, stmt: &Stmt) -> bool {
        self.create_statement(stmt) || self.alter_statement(stmt) || self.maintenance_statement(stmt)
    }

    fn create_statement(&mut self, stmt: &Stmt) -> bool {
        let (kind, name, sure) = match stmt {
            Stmt::CreateType(create) => return self.create_type(create),
            Stmt::CreateSchema(create) => return self.create_schema(create),
            Stmt::CreateTrigger(create) => return self.create_trigger(create),
            Stmt::CreatePolicy(create) => {
                let (policy, table) = (word_in(create.policy()), name_in(create.on_table()));
                let name = table.zip(policy).map(|(table, policy)| table.member(&policy));
                (Kind::Policy, name, Certainty::Certain)
            }
            Stmt::CreateView(create) => {
                let temporary = matches!(create.persistence(), Some(ast::Persistence::Temp(_)));
                let sure = if temporary { Certainty::Certain } else { certainty(create.or_replace()) };
                (Kind::View, name_in(create.view()), sure)
            }
            Stmt::CreateMaterializedView(create) => {
                (Kind::MaterializedView, name_in(create.view()), certainty(create.if_not_exists()))
            }
            Stmt::CreateSequence(create) => {
                (Kind::Sequence, name_in(create.sequence()), certainty(create.if_not_exists()))
            }
            Stmt::CreateDomain(create) => (Kind::Domain, name_in(create.domain()), Certainty::Certain),
            Stmt::CreateExtension(create) => {
                (Kind::Extension, name_in(create.extension()), certainty(create.if_not_exists()))
            }
            Stmt::CreateDatabase(create) => (Kind::Database, name_in(create.database()), Certainty::Certain),
            Stmt::CreateAggregate(create) => {
                (Kind::Routine, Some(name_of(create.syntax())), certainty(create.or_replace()))
            }
            _ => return false,
        };
        if let Some(name) = name {
            self.push(Action::Create(Create { kind, name, certainty: sure, labels: None }), stmt.syntax());
        }
        true
    }

    fn create_type(&mut self, create: &ast::CreateType) -> bool {
        let labels = match create.kind() {
            Some(ast::CreateTypeKind::EnumType(kind)) => kind.variant_list().map(|list| {
                list.variants().filter_map(|label| string_of(&label.literal()?)).collect::<Vec<_>>()
            }),
            _ => None,
        };
        if let Some(name) = name_in(create.type_name()) {
            let (kind, certainty) = (Kind::Type, Certainty::Certain);
            self.push(Action::Create(Create { kind, name, certainty, labels }), create.syntax());
        }
        true
    }

    fn create_schema(&mut self, create: &ast::CreateSchema) -> bool {
        let Some(schema) = create.schema_name().map(|node| word(&node)) else { return true };
        let name = Name::bare(&schema);
        let certainty = certainty(create.if_not_exists());
        self.push(
            Action::Create(Create { kind: Kind::Schema, name, certainty, labels: None }),
            create.syntax(),
        );
        let first = self.steps.len();
        for element in create.schema_elements() {
            if let ast::SchemaElement::CreateTable(table) = &element {
                self.create_table(table);
            }
        }
        for step in &mut self.steps[first..] {
            if let Action::CreateTable(table) = &mut step.action {
                table.name.schema.get_or_insert_with(|| schema.clone());
            }
        }
        true
    }

    fn create_trigger(&mut self, create: &ast::CreateTrigger) -> bool {
        let table = name_in(create.on_relation());
        let function = create.call_expr().and_then(|call| super::names::name_of_expression(&call.expr()?));
        let trigger = word_in(create.trigger());
        if let (Some(table), Some(trigger), Some(function)) = (table, trigger, function) {
            let name = table.member(&trigger);
            let certainty = certainty(create.or_replace());
            self.push(Action::CreateTrigger(Trigger { name, function, certainty }), create.syntax());
        }
        true
    }

    /// `CREATE RULE`.
    pub(super) fn rule(&mut self, create: &ast::CreateRule) {
        let node = create.syntax();
        let Some(on) = create.rule_on() else { return };
        let Some(table) = name_in(on.relation_name_ref()) else { return };
        let instead = create.rule_do().is_some_and(|action| {
            let words = super::lower::words(action.syntax());
            words.split_whitespace().nth(1) == Some("instead")
        });
        let kind = if instead { RuleKind::Instead } else { RuleKind::Also };
        let name = table.member(&word_in(create.rule()).unwrap_or_default());
        self.push(Action::CreateRule(name, kind), node);
    }

    fn alter_statement(&mut self, stmt: &Stmt) -> bool {
        let node = stmt.syntax();
        match stmt {
            Stmt::AlterType(alter) => self.alter_type(alter),
            Stmt::AlterSequence(alter) => self.alter_sequence(alter),
            Stmt::AlterMaterializedView(alter) => self.alter_materialized_view(alter),
            Stmt::AlterDomain(alter) => self.alter_domain(alter),
            Stmt::AlterIndex(alter) => {
                if let (Some(index), Some(ast::AlterIndexAction::IndexRenameTo(to))) =
                    (name_in(alter.index_ref()), alter.action())
                {
                    self.renamed(Kind::Index, &index, to.index(), node);
                }
            }
            Stmt::AlterView(alter) => {
                let Some(view) = name_in(alter.view_ref()) else { return true };
                match alter.action() {
                    Some(ast::AlterViewAction::ViewRenameTo(to)) => {
                        self.renamed(Kind::View, &view, to.view(), node);
                    }
                    Some(ast::AlterViewAction::SetSchema(set)) => self.moved(Kind::View, &view, &set, node),
                    Some(ast::AlterViewAction::RenameColumn(rename)) => {
                        self.column_renamed(&view, &rename);
                    }
                    _ => {}
                }
            }
            Stmt::AlterSchema(alter) => {
                if let (Some(schema), Some(ast::AlterSchemaAction::SchemaRenameTo(to))) =
                    (name_in(alter.schema_ref()), alter.action())
                {
                    self.renamed(Kind::Schema, &schema, to.schema(), node);
                }
            }
            Stmt::AlterFunction(_) | Stmt::AlterProcedure(_) | Stmt::AlterRoutine(_) => {
                self.alter_routine(node);
            }
            Stmt::AlterPolicy(alter) => {
                if let Some(table) = name_in(alter.on_table()) {
                    self.push(Action::Weaken(table, Weakening::RowSecurity("ALTER POLICY")), node);
                }
            }
            _ => return false,
        }
        true
    }

    fn renamed<N: AstNode>(&mut self, kind: Kind, from: &Name, to: Option<N>, node: &SyntaxNode) {
        if let Some(to) = word_in(to) {
            self.push(Action::Rename(kind, from.clone(), from.renamed(&to)), node);
        }
    }

    fn moved(&mut self, kind: Kind, name: &Name, set: &ast::SetSchema, node: &SyntaxNode) {
        if let Some(schema) = word_in(set.schema_ref()) {
            self.push(Action::SetSchema(kind, name.clone(), schema), node);
        }
    }

    fn column_renamed(&mut self, relation: &Name, rename: &ast::RenameColumn) {
        if let (Some(from), Some(to)) = (word_in(rename.column_name_ref()), word_in(rename.column_name())) {
            let action = Action::Rename(Kind::Column, relation.member(&from), relation.member(&to));
            self.push(action, rename.syntax());
        }
    }

    fn alter_type(&mut self, alter: &ast::AlterType) {
        let node = alter.syntax();
        let (Some(name), Some(action)) = (name_in(alter.type_name_ref()), alter.action()) else { return };
        match action {
            ast::AlterTypeAction::AddValue(add) => {
                if let Some(label) = add.literal().as_ref().and_then(string_of) {
                    self.push(Action::Enum(name, EnumChange::AddValue(label)), node);
                }
            }
            ast::AlterTypeAction::RenameValue(rename) => {
                let label = |literal: Option<ast::Literal>| literal.as_ref().and_then(string_of);
                if let (Some(from), Some(to)) = (label(rename.from()), label(rename.to())) {
                    self.push(Action::Enum(name, EnumChange::RenameValue(from, to)), node);
                }
            }
            ast::AlterTypeAction::TypeRenameTo(to) => self.renamed(Kind::Type, &name, to.type_name(), node),
            ast::AlterTypeAction::SetSchema(set) => self.moved(Kind::Type, &name, &set, node),
            ast::AlterTypeAction::RenameAttribute(rename) => {
                let from = word_in(rename.composite_field_ref());
                if let (Some(from), Some(to)) = (from, word_in(rename.composite_field())) {
                    let action = Action::Rename(Kind::Column, name.member(&from), name.member(&to));
                    self.push(action, rename.syntax());
                }
            }
            ast::AlterTypeAction::AlterTypeAttributeActionList(list) => {
                for action in list.actions() {
                    if let ast::AlterTypeAttributeAction::DropAttribute(drop) = &action
                        && let Some(attribute) = word_in(drop.composite_field_ref())
                    {
                        self.push(Action::DropAttribute(name.member(&attribute)), drop.syntax());
                    }
                }
            }
            ast::AlterTypeAction::OwnerTo(_) | ast::AlterTypeAction::SetOptions(_) => {}
        }
    }

    fn alter_sequence(&mut self, alter: &ast::AlterSequence) {
        let node = alter.syntax();
        let Some(name) = name_in(alter.sequence_ref()) else { return };
        for action in alter.actions() {
            match &action {
                ast::AlterSequenceAction::SequenceOption(ast::SequenceOption::OptionRestart(_)) => {
                    self.push(Action::RestartSequence(name.clone()), action.syntax());
                }
                ast::AlterSequenceAction::SequenceRenameTo(to) => {
                    self.renamed(Kind::Sequence, &name, to.sequence(), node);
                }
                ast::AlterSequenceAction::SetSchema(set) => self.moved(Kind::Sequence, &name, set, node),
                _ => {}
            }
        }
    }

    fn alter_materialized_view(&mut self, alter: &ast::AlterMaterializedView) {
        let node = alter.syntax();
        let Some(name) = name_in(alter.view_ref()) else { return };
        for action in alter.action() {
            match &action {
                ast::AlterMaterializedViewAction::ViewRenameTo(to) => {
                    self.renamed(Kind::MaterializedView, &name, to.view(), node);
                }
                ast::AlterMaterializedViewAction::SetSchema(set) => {
                    self.moved(Kind::MaterializedView, &name, set, node);
                }
                ast::AlterMaterializedViewAction::RenameColumn(rename) => self.column_renamed(&name, rename),
                ast::AlterMaterializedViewAction::AlterTableAction(inner) => {
                    self.table_action(&name, inner, Kind::MaterializedView);
                }
                _ => {}
            }
        }
    }

    fn alter_domain(&mut self, alter: &ast::AlterDomain) {
        let node = alter.syntax();
        let (Some(name), Some(action)) = (name_in(alter.domain_ref()), alter.action()) else { return };
        let change = match &action {
            ast::AlterDomainAction::DropConstraint(drop) => {
                let Some(constraint) = word_in(drop.constraint_name_ref()) else { return };
                let (kind, cascade) = (Kind::Constraint, cascades(drop.drop_behavior()));
                self.push(Action::Drop(Drop { kind, name: name.member(&constraint), cascade }), node);
                return;
            }
            ast::AlterDomainAction::DomainRenameTo(to) => {
                return self.renamed(Kind::Domain, &name, to.domain(), node);
            }
            ast::AlterDomainAction::SetSchema(set) => return self.moved(Kind::Domain, &name, set, node),
            ast::AlterDomainAction::AddConstraint(add) => {
                let not_valid = add.constraint().is_some_and(|constraint| constraint.is_not_valid());
                TableChange::AddConstraint(crate::guard::action::Constraint {
                    name: None,
                    kind: crate::guard::action::ConstraintKind::Check,
                    columns: Vec::new(),
                    not_valid,
                })
            }
            ast::AlterDomainAction::SetNotNull(_) => TableChange::SetNotNull(String::new()),
            ast::AlterDomainAction::DropDefault(_) => TableChange::DropDefault(String::new()),
            _ => return,
        };
        self.push(Action::AlterTable(name, change), node);
    }

    fn alter_routine(&mut self, node: &SyntaxNode) {
        let name = name_of(node);
        if let Some(to) = node.descendants().find(|node| {
            ast::FunctionRenameTo::can_cast(node.kind())
                || ast::ProcedureRenameTo::can_cast(node.kind())
                || ast::RoutineRenameTo::can_cast(node.kind())
        }) {
            self.push(Action::Rename(Kind::Routine, name.clone(), name.renamed(&word(&to))), node);
        } else if let Some(set) = node.descendants().find_map(ast::SetSchema::cast) {
            self.moved(Kind::Routine, &name, &set, node);
        }
    }

    fn maintenance_statement(&mut self, stmt: &Stmt) -> bool {
        let node = stmt.syntax();
        let maintain = |this: &mut Self, name: Option<Name>, what| {
            let name = name.unwrap_or_else(|| Name::bare("all"));
            this.push(Action::Maintain(name, what), node);
        };
        match stmt {
            Stmt::Lock(lock) => {
                let tables = lock.relation_list().into_iter().flat_map(|list| list.relation_names());
                for table in tables {
                    maintain(self, Some(name_of(table.syntax())), Maintenance::Lock);
                }
            }
            Stmt::Cluster(cluster) => {
                let legacy = cluster.cluster_legacy().and_then(|legacy| legacy.on_path());
                maintain(self, name_in(cluster.table_name_ref()).or(name_in(legacy)), Maintenance::Rewrite);
            }
            Stmt::Repack(repack) => maintain(self, Some(name_of(repack.syntax())), Maintenance::Rewrite),
            Stmt::Vacuum(vacuum) if vacuum.is_full() => {
                maintain(self, name_in(vacuum.table_and_columns_list()), Maintenance::Rewrite);
            }
            Stmt::Reindex(reindex) if !reindex.is_concurrently() => {
                maintain(self, name_in(reindex.reindex_target()), Maintenance::Reindex);
            }
            Stmt::Refresh(refresh) if refresh.concurrently_token().is_none() => {
                maintain(self, name_in(refresh.view_ref()), Maintenance::Refresh);
            }
            _ => return false,
        }
        true
    }
}
