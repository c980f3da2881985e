//! What a database holds, as far as scripts tell: the history's objects underneath, the script's own on top.

mod apply;
mod keys;

use std::{collections::BTreeMap, ops::Range, sync::Arc};

pub use self::keys::UniqueKey;
use super::{
    action::{Certainty, Constraint, DataType, Default as ColumnDefault, Kind},
    name::Name,
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
        Kind::from(kind).into()
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
    /// What a constraint demands.
    pub demands: Option<Constraint>,
}

impl Object {
    fn new(kind: Kind, maker: Maker) -> Self {
        Self {
            maker,
            kind,
            data_type: None,
            default: None,
            required: false,
            labels: None,
            keys: Vec::new(),
            demands: None,
        }
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

    /// What the constraint demanded before this script.
    #[must_use]
    pub fn demanded_before(&self, constraint: &Name) -> Option<&Constraint> {
        let key = self.key(Space::Constraint, constraint);
        self.history.objects.get(&key)?.demands.as_ref()
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

    /// The migration that made what had this full name before the script.
    #[must_use]
    pub fn made_before(&self, key: &Key) -> Option<&str> {
        match &self.history.objects.get(key)?.maker {
            Maker::Migration(migration) => Some(migration),
            Maker::Script(_) => None,
        }
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
}

/// A default's text without casts and spaces, which PostgreSQL and Prisma write differently.
fn bare(text: &str) -> String {
    text.split("::").next().unwrap_or(text).split_whitespace().collect()
}
