//! What a step does to the catalog.

use std::ops::Bound;

use super::{Catalog, Key, Maker, Object, Space};
use crate::guard::{
    action::{
        Action, Certainty, Column, CreateIndex, CreateTable, Default as ColumnDefault, Drop, EnumChange,
        Kind, Step, TableChange, Transaction,
    },
    name::Name,
    sql::UNKNOWN,
};

impl Catalog<'_> {
    /// Carries out `step`.
    pub fn apply(&mut self, step: &Step) {
        self.statement = step.statement.clone();
        match &step.action {
            Action::Enter(_) => self.branches.push(Vec::new()),
            Action::Leave => self.leave(),
            Action::Drop(drop) => self.drop(drop),
            Action::DropAttribute(name) => self.remove(Space::Column, name),
            Action::Rename(kind, from, to) => self.rename((*kind).into(), from, to),
            Action::SetSchema(kind, name, schema) => {
                let to = Name { schema: Some(schema.clone()), ..name.clone() };
                self.rename((*kind).into(), name, &to);
            }
            Action::AlterTable(table, change) => self.alter(table, change),
            Action::Enum(name, change) => {
                self.labelling = step.statement.clone();
                self.enum_change(name, change);
            }
            Action::Transaction(Transaction::Commit) => self.fresh_labels.clear(),
            Action::Set(setting, value) if setting == "search_path" => self.search(value),
            Action::Call(call) => {
                if let Some((setting, value)) = call.setting()
                    && setting == "search_path"
                {
                    self.search(value);
                }
            }
            Action::Transaction(Transaction::Rollback) => self.roll_back(),
            other => self.make(other),
        }
    }

    /// What a step makes.
    fn make(&mut self, action: &Action) {
        match action {
            Action::CreateTable(table) => self.create_table(table),
            Action::CreateIndex(index) => self.create_index(index),
            Action::Create(create) => {
                self.create(create.kind, &create.name, create.certainty);
                if create.labels.is_some() {
                    self.change(Space::Type, &create.name, |object| {
                        object.labels.clone_from(&create.labels);
                    });
                }
            }
            Action::CreateTrigger(trigger) => {
                self.create(Kind::Trigger, &trigger.name, trigger.certainty);
            }
            Action::CreateRule(name, _) => {
                self.create(Kind::Rule, name, Certainty::Certain);
            }
            Action::Define(routine) => {
                self.create(Kind::Routine, &routine.name, Certainty::Perhaps);
            }
            _ => {}
        }
    }

    /// What was made may be gone again: nothing is taken for the script's own any more.
    fn roll_back(&mut self) {
        let is_old = |object: &Object| matches!(object.maker, Maker::Migration(_));
        self.layer.0.retain(|_, object| object.as_ref().is_none_or(is_old));
    }

    fn leave(&mut self) {
        for key in self.branches.pop().unwrap_or_default() {
            if let Some(Some(object)) = self.layer.0.get_mut(&key)
                && object.maker == Maker::Script(Certainty::Certain)
            {
                object.maker = Maker::Script(Certainty::Perhaps);
            }
        }
    }

    fn search(&mut self, path: &str) {
        let schemas = path.split(',').map(|schema| {
            let schema = schema.trim();
            let quoted = |quote| schema.strip_prefix(quote).and_then(|schema| schema.strip_suffix(quote));
            quoted('"').or_else(|| quoted('\'')).map_or_else(|| schema.to_ascii_lowercase(), str::to_owned)
        });
        let is_a_place = |schema: &String| !["$user", "pg_catalog"].contains(&schema.as_str());
        self.schema = match schemas.into_iter().find(is_a_place) {
            None => "public".into(),
            Some(schema) if schema == "default" => "public".into(),
            Some(schema) => schema,
        };
    }

    fn create_table(&mut self, table: &CreateTable) {
        let name = match (table.temporary, &table.name.schema) {
            (true, _) => Name { schema: Some("pg_temp".into()), ..table.name.clone() },
            (false, Some(_)) => table.name.clone(),
            (false, None) => Name { schema: Some(self.schema.clone()), ..table.name.clone() },
        };
        // Where it may exist already, its columns are as uncertain as itself.
        if self.create(Kind::Table, &name, table.certainty) {
            for column in &table.columns {
                self.add_column(&name, column, table.certainty);
            }
            for constraint in &table.constraints {
                self.add_constraint(&name, constraint);
            }
        }
    }

    fn create_index(&mut self, index: &CreateIndex) {
        let table = self.resolve(Space::Relation, &index.table);
        if let Some(name) = &index.name {
            let name = Name { schema: table.schema.clone(), ..name.clone() };
            self.create(Kind::Index, &name, index.certainty);
        }
        if index.unique && index.plain {
            self.add_key(
                &table,
                index.name.as_ref().map(|name| &name.name),
                &index.columns,
                &index.predicate,
            );
        }
    }

    fn add_column(&mut self, table: &Name, column: &Column, certainty: Certainty) {
        let name = table.member(&column.name);
        if self.create(Kind::Column, &name, certainty) {
            self.change(Space::Column, &name, |object| {
                object.data_type = column.data_type.clone();
                object.default = column.default.clone();
                object.required = column.required;
            });
            for constraint in &column.constraints {
                self.add_constraint(table, constraint);
            }
        }
    }

    /// Whether the object is taken for new: where it is known to exist, `IF NOT EXISTS` makes nothing.
    pub(super) fn create(&mut self, kind: Kind, name: &Name, certainty: Certainty) -> bool {
        let key = self.key(kind.into(), name);
        if name.name == UNKNOWN || name.member.as_deref() == Some(UNKNOWN) {
            return false;
        }
        if certainty == Certainty::Perhaps && self.find(&key).is_some() {
            return false;
        }
        if let Some(branch) = self.branches.last_mut() {
            branch.push(key.clone());
        }
        self.layer.0.insert(key, Some(Object::new(kind, Maker::Script(certainty))));
        true
    }

    fn drop(&mut self, drop: &Drop) {
        let name = self.resolve(drop.kind.into(), &drop.name);
        match (drop.kind, &name.member) {
            (Kind::Index, _) => self.drop_key(None, name.schema.as_ref(), &name.name),
            (Kind::Constraint, Some(member)) => self.drop_key(Some(&name.table()), None, member),
            _ => {}
        }
        self.remove(drop.kind.into(), &drop.name);
    }

    fn remove(&mut self, space: Space, name: &Name) {
        let key = self.key(space, name);
        if space == Space::Relation {
            for member in self.members(&key.0) {
                self.layer.0.insert(member, None);
            }
        }
        self.layer.0.insert(key, None);
    }

    /// The keys of everything that belongs to the relation.
    fn members(&self, relation: &Name) -> Vec<Key> {
        let start = Bound::Excluded((relation.clone(), Space::Other("\u{10ffff}")));
        let is_member = |key: &Key| key.0.name == relation.name && key.0.schema == relation.schema;
        let range = (start, Bound::Unbounded);
        let old =
            self.history.objects.range(range.clone()).map(|(key, _)| key).take_while(|key| is_member(key));
        let new = self.layer.0.range(range).map(|(key, _)| key).take_while(|key| is_member(key));
        old.chain(new).filter(|key| self.find(key).is_some()).cloned().collect()
    }

    fn rename(&mut self, space: Space, from: &Name, to: &Name) {
        let (from, to) = (self.resolve(space, from), self.resolve(space, to));
        if space == Space::Relation {
            for member in self.members(&from) {
                let new = (Name { member: member.0.member.clone(), ..to.clone() }, member.1);
                self.shift(member, new);
            }
        }
        if let (Space::Column, Some(old), Some(new)) = (space, &from.member, &to.member) {
            self.change(Space::Relation, &from.table(), |object| {
                let columns = object.keys.iter_mut().flat_map(|key| &mut key.columns);
                columns.filter(|column| *column == old).for_each(|column| column.clone_from(new));
            });
        }
        self.shift((from, space), (to, space));
    }

    fn shift(&mut self, from: Key, to: Key) {
        let object = self.find(&from).cloned();
        let former = self.renamed.remove(&from).unwrap_or_else(|| from.0.clone());
        self.renamed.insert(to.clone(), former);
        // What is not known was there before, and so it still is under its new name.
        self.layer.0.insert(to, object);
        self.layer.0.insert(from, None);
    }

    pub(super) fn change(&mut self, space: Space, name: &Name, change: impl FnOnce(&mut Object)) {
        let key = self.key(space, name);
        if let Some(mut object) = self.find(&key).cloned() {
            change(&mut object);
            self.layer.0.insert(key, Some(object));
        }
    }

    fn alter(&mut self, table: &Name, change: &TableChange) {
        let column = |name: &str| table.member(name);
        match change {
            TableChange::AddColumn(new, certainty) => self.add_column(table, new, *certainty),
            TableChange::AddConstraint(constraint) => self.add_constraint(table, constraint),
            TableChange::SetType(set) => self.change(Space::Column, &column(&set.column), |object| {
                object.data_type.clone_from(&set.to);
            }),
            TableChange::SetNotNull(name) => {
                self.change(Space::Column, &column(name), |object| object.required = true);
            }
            TableChange::DropNotNull(name) => {
                self.change(Space::Column, &column(name), |object| object.required = false);
            }
            TableChange::SetDefault(name, text) => self.change(Space::Column, &column(name), |object| {
                object.default = Some(ColumnDefault::Constant(text.clone()));
            }),
            TableChange::DropDefault(name) => {
                let column = self.resolve(Space::Column, &column(name));
                let old = self.get(Space::Column, &column).and_then(|object| object.default.clone());
                self.dropped_defaults.insert(column.clone(), old);
                let column = |_: &str| column.clone();
                self.change(Space::Column, &column(name), |object| object.default = None);
            }
            // Rows of another table can now be reached through this one, or this one's through another.
            TableChange::Adopt(child) if !self.is_ours(Space::Relation, child) => self.disown(table),
            TableChange::Inherit(parent) if !self.is_ours(Space::Relation, table) => self.disown(parent),
            _ => {}
        }
    }

    /// From here on the table counts as one that was there before.
    fn disown(&mut self, table: &Name) {
        let key = self.key(Space::Relation, table);
        if self.is_ours(Space::Relation, table) {
            self.layer.0.insert(key, None);
        }
    }

    fn enum_change(&mut self, name: &Name, change: &EnumChange) {
        if let EnumChange::AddValue(label) = change
            && !self.is_ours(Space::Type, name)
        {
            self.fresh_labels.push((name.clone(), label.clone()));
        }
        self.change(Space::Type, name, |object| {
            // Labels that are not all known are no list to compare with.
            let Some(labels) = object.labels.as_mut() else { return };
            match change {
                EnumChange::AddValue(label) => {
                    if !labels.contains(label) {
                        labels.push(label.clone());
                    }
                }
                EnumChange::RenameValue(from, to) => {
                    for label in labels.iter_mut().filter(|label| *label == from) {
                        label.clone_from(to);
                    }
                }
            }
        });
    }
}
