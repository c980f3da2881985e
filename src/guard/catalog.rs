//! What a database holds, as far as scripts tell: the history's objects underneath, the script's own on top.

use std::{
    collections::BTreeMap,
    ops::{Bound, Range},
    sync::Arc,
};

use super::{
    action::{
        Action, Certainty, Column, Constraint, ConstraintKind, CreateIndex, CreateTable, DataType,
        Default as ColumnDefault, Drop, EnumChange, Kind, Step, TableChange, Transaction,
    },
    name::Name,
    sql::UNKNOWN,
};

/// Names are unique within a space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Space {
    /// Tables, views, sequences, indexes.
    Relation,
    /// Types and domains.
    Type,
    /// Functions and procedures.
    Routine,
    /// Columns of a table.
    Column,
    /// Constraints of a table.
    Constraint,
    /// Triggers of a table.
    Trigger,
    /// Policies of a table.
    Policy,
    /// Rules of a table.
    Rule,
    /// Any other kind, which has no schema.
    Other(&'static str),
}

impl From<Kind> for Space {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Table | Kind::Index | Kind::View | Kind::MaterializedView | Kind::Sequence => {
                Self::Relation
            }
            Kind::Type | Kind::Domain => Self::Type,
            Kind::Routine => Self::Routine,
            Kind::Column => Self::Column,
            Kind::Constraint => Self::Constraint,
            Kind::Trigger => Self::Trigger,
            Kind::Policy => Self::Policy,
            Kind::Rule => Self::Rule,
            other => Self::Other(other.words()),
        }
    }
}

impl From<crate::catalog::Kind> for Space {
    fn from(kind: crate::catalog::Kind) -> Self {
        use crate::catalog::Kind;
        match kind {
            Kind::Table | Kind::Index | Kind::View | Kind::MaterializedView | Kind::Sequence => {
                Self::Relation
            }
            Kind::Type | Kind::Domain => Self::Type,
            Kind::Routine => Self::Routine,
            Kind::Column => Self::Column,
            Kind::Constraint => Self::Constraint,
            Kind::Trigger => Self::Trigger,
            Kind::Policy => Self::Policy,
            Kind::Rule => Self::Rule,
            other @ (Kind::Schema | Kind::Extension | Kind::Other) => Self::Other(other.words()),
        }
    }
}

/// An object's place in the catalog: its full name first, so that what belongs to a table stands beside it.
pub type Key = (Name, Space);

/// Who made an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Maker {
    /// An earlier migration, by name.
    Migration(Arc<str>),
    /// The script at hand.
    Script(Certainty),
}

/// What is known of an object.
#[derive(Debug, Clone)]
pub struct Object {
    /// Who made it.
    pub maker: Maker,
    /// What it is.
    pub kind: Kind,
    /// A column's type.
    pub data_type: Option<DataType>,
    /// A column's default; `None` without one.
    pub default: Option<ColumnDefault>,
    /// A column that demands a value.
    pub required: bool,
    /// An enum's labels.
    pub labels: Option<Vec<String>>,
    /// A table's unique keys, as far as they are known.
    pub keys: Vec<UniqueKey>,
}

/// Columns of a table that no two rows share the values of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UniqueKey {
    /// The index or constraint that sees to it.
    name: Option<String>,
    columns: Vec<String>,
    /// Only of the rows that it holds for.
    predicate: Option<String>,
    /// The script dropped it; what was there when the script began still has it.
    dropped: bool,
}

impl Object {
    fn new(kind: Kind, maker: Maker) -> Self {
        Self { maker, kind, data_type: None, default: None, required: false, labels: None, keys: Vec::new() }
    }
}

/// What the migrations before a script made: objects by name, each with the migration that made it.
#[derive(Debug, Clone, Default)]
pub struct History {
    objects: BTreeMap<Key, Object>,
}

impl History {
    /// The history of nothing: every object may exist.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Whether no migration is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// The migration that made the object, where one is known.
    #[must_use]
    pub fn created_in(&self, kind: Kind, name: &Name) -> Option<&str> {
        let name = Catalog::new(self).resolve(kind.into(), name);
        match &self.objects.get(&(name, kind.into()))?.maker {
            Maker::Migration(migration) => Some(migration),
            Maker::Script(_) => None,
        }
    }

    /// Takes over what the script of migration `name` left behind in `layer`.
    pub fn absorb(&mut self, name: &str, layer: Layer) {
        let migration: Arc<str> = name.into();
        for (key, object) in layer.0 {
            match object {
                None => {
                    self.objects.remove(&key);
                }
                Some(mut object) => {
                    if matches!(object.maker, Maker::Script(_)) {
                        object.maker = Maker::Migration(Arc::clone(&migration));
                    }
                    object.keys.retain(|key| !key.dropped);
                    self.objects.insert(key, object);
                }
            }
        }
    }
}

/// What a script changed, `None` for what it removed.
#[derive(Debug, Clone, Default)]
pub struct Layer(BTreeMap<Key, Option<Object>>);

/// The catalog while a script runs over a history.
#[derive(Debug)]
pub struct Catalog<'h> {
    history: &'h History,
    layer: Layer,
    /// The schema that names without one are in.
    schema: String,
    /// What was made in each branch that is open.
    branches: Vec<Vec<Key>>,
    /// The labels that the transaction added to enums, each with its type.
    fresh_labels: Vec<(Name, String)>,
    /// The statement that last added one.
    labelling: Range<usize>,
    /// The columns whose defaults the script dropped, with what the defaults were where that is known.
    dropped_defaults: BTreeMap<Name, Option<ColumnDefault>>,
    /// The statement at work.
    statement: Range<usize>,
    /// What has another name now, with its first one.
    renamed: BTreeMap<Key, Name>,
}

impl<'h> Catalog<'h> {
    /// The catalog before the script's first statement.
    #[must_use]
    pub fn new(history: &'h History) -> Self {
        Self {
            history,
            layer: Layer::default(),
            schema: "public".into(),
            branches: Vec::new(),
            fresh_labels: Vec::new(),
            labelling: 0..0,
            dropped_defaults: BTreeMap::new(),
            statement: 0..0,
            renamed: BTreeMap::new(),
        }
    }

    /// What the script changed.
    #[must_use]
    pub fn into_layer(self) -> Layer {
        self.layer
    }

    /// Whether what follows is certain to happen.
    #[must_use]
    pub fn is_certain(&self) -> bool {
        self.branches.is_empty()
    }

    /// The full name: where none is given, the schema that PostgreSQL would take.
    #[must_use]
    pub fn resolve(&self, space: Space, name: &Name) -> Name {
        if name.schema.is_some() || matches!(space, Space::Other(_)) {
            return name.clone();
        }
        let within = |schema: &str| Name { schema: Some(schema.to_owned()), ..name.clone() };
        let temporary = within("pg_temp");
        if self.find(&(temporary.table(), Space::Relation)).is_some() {
            temporary
        } else {
            within(&self.schema)
        }
    }

    fn key(&self, space: Space, name: &Name) -> Key {
        (self.resolve(space, name), space)
    }

    fn find(&self, key: &Key) -> Option<&Object> {
        match self.layer.0.get(key) {
            Some(object) => object.as_ref(),
            None => self.history.objects.get(key),
        }
    }

    /// What is known of the object.
    #[must_use]
    pub fn get(&self, space: Space, name: &Name) -> Option<&Object> {
        self.find(&self.key(space, name))
    }

    /// How surely the script made the object, or the table that it belongs to; `None` where it did not.
    #[must_use]
    pub fn own(&self, space: Space, name: &Name) -> Option<Certainty> {
        let made = |space, name: &Name| match self.get(space, name)?.maker {
            Maker::Script(certainty) => Some(certainty),
            Maker::Migration(_) => None,
        };
        let itself = made(space, name);
        if name.member.is_none() { itself } else { itself.max(made(Space::Relation, &name.table())) }
    }

    /// Whether the script is sure to have made it.
    #[must_use]
    pub fn is_own(&self, space: Space, name: &Name) -> bool {
        self.own(space, name) == Some(Certainty::Certain)
    }

    /// Whether the script made it, surely or perhaps.
    #[must_use]
    pub fn is_ours(&self, space: Space, name: &Name) -> bool {
        self.own(space, name).is_some()
    }

    /// Whether every one of `columns`, of which there are some, was added to `table` by this script.
    #[must_use]
    pub fn are_ours(&self, table: &Name, columns: &[String]) -> bool {
        !columns.is_empty() && columns.iter().all(|column| self.is_ours(Space::Column, &table.member(column)))
    }

    /// The migration that made the object, or its table where nothing is known of the object itself.
    #[must_use]
    pub fn made_in(&self, space: Space, name: &Name) -> Option<&str> {
        match &self.get(space, name)?.maker {
            Maker::Migration(migration) => Some(migration),
            Maker::Script(_) => None,
        }
    }

    /// The name that the object had before this script gave it another one.
    #[must_use]
    pub fn former_name(&self, space: Space, name: &Name) -> Option<Name> {
        self.renamed.get(&self.key(space, name)).cloned()
    }

    /// Whether `text` is the default that the column has, or had until this script dropped it; also where the
    /// dropped one is not known, since a default that comes back is most often the same.
    #[must_use]
    pub fn had_default(&self, column: &Name, text: &str) -> bool {
        let is_same = |default: &ColumnDefault| match default {
            ColumnDefault::Constant(old) | ColumnDefault::Volatile(old) => bare(old) == bare(text),
            ColumnDefault::Null => false,
        };
        if let Some(dropped) = self.dropped_defaults.get(&self.resolve(Space::Column, column)) {
            return dropped.as_ref().is_none_or(is_same);
        }
        match self.get(Space::Column, column) {
            // A column that is known to have no default gets its first one.
            Some(known) => known.default.as_ref().is_none_or(is_same),
            None => false,
        }
    }

    /// The enum that `label` was added to in this transaction, where another statement uses it now.
    #[must_use]
    pub fn fresh_label(&self, label: &str) -> Option<&Name> {
        if self.statement == self.labelling {
            return None;
        }
        self.fresh_labels.iter().find(|(_, fresh)| fresh == label).map(|(name, _)| name)
    }

    /// Carries out `step`.
    pub fn apply(&mut self, step: &Step) {
        self.statement = step.statement.clone();
        match &step.action {
            Action::Enter(_) => self.branches.push(Vec::new()),
            Action::Leave => self.leave(),
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
            Action::Call(call) if call.name.name == "set_config" => {
                if let [Some(setting), Some(value), ..] = call.texts.as_slice()
                    && setting.eq_ignore_ascii_case("search_path")
                {
                    self.search(value);
                }
            }
            // What was made may be gone again: nothing is taken for the script's own any more.
            Action::Transaction(Transaction::Rollback) => {
                self.layer.0.retain(|_, object| {
                    object.as_ref().is_none_or(|object| matches!(object.maker, Maker::Migration(_)))
                });
            }
            _ => {}
        }
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

    fn add_key(
        &mut self,
        table: &Name,
        name: Option<&String>,
        columns: &[String],
        predicate: &Option<String>,
    ) {
        let key = UniqueKey {
            name: name.cloned(),
            columns: columns.to_vec(),
            predicate: predicate.clone(),
            dropped: false,
        };
        self.change(Space::Relation, table, |object| object.keys.push(key));
    }

    fn add_constraint(&mut self, table: &Name, constraint: &Constraint) {
        if let Some(name) = &constraint.name {
            self.create(Kind::Constraint, &table.member(name), Certainty::Certain);
        }
        if matches!(constraint.kind, ConstraintKind::Unique | ConstraintKind::PrimaryKey) {
            self.add_key(table, constraint.name.as_ref(), &constraint.columns, &None);
        }
    }

    /// The keys of the tables in `schema` that the index or constraint `name` saw to.
    fn drop_key(&mut self, table: Option<&Name>, schema: Option<&String>, name: &str) {
        let is_meant = |key: &UniqueKey| key.name.as_deref() == Some(name);
        let tables: Vec<Name> = match table {
            Some(table) => vec![table.clone()],
            None => self
                .history
                .objects
                .iter()
                .filter(|((table, _), object)| {
                    table.schema.as_ref() == schema && object.keys.iter().any(is_meant)
                })
                .map(|((table, _), _)| table.clone())
                .collect(),
        };
        for table in tables {
            self.change(Space::Relation, &table, |object| {
                object.keys.iter_mut().filter(|key| is_meant(key)).for_each(|key| key.dropped = true);
            });
        }
    }

    /// Whether a key that the table had when the script began, or got since, makes `columns` unique too.
    #[must_use]
    pub fn is_unique(&self, table: &Name, columns: &[String], predicate: Option<&String>) -> bool {
        let is_enough = |key: &UniqueKey| {
            !key.columns.is_empty()
                && key.columns.iter().all(|column| columns.contains(column))
                && (key.predicate.is_none() || key.predicate.as_ref() == predicate)
        };
        self.get(Space::Relation, table).is_some_and(|object| object.keys.iter().any(is_enough))
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
    fn create(&mut self, kind: Kind, name: &Name, certainty: Certainty) -> bool {
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

    fn change(&mut self, space: Space, name: &Name, change: impl FnOnce(&mut Object)) {
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

/// A default's text without casts and spaces, which PostgreSQL and Prisma write differently.
fn bare(text: &str) -> String {
    text.split("::").next().unwrap_or(text).split_whitespace().collect()
}
