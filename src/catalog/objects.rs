//! A catalog as a flat list: every object by itself, each of its properties as text, so that two catalogs are
//! compared by one rule for everything.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Catalog, Class, Column, Constraint, Definition, Id, Index, RowSecurity, Table, TableKind, TypeShape,
    UserType,
};
use crate::guard::name::Name;

/// The kinds of objects, outermost first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "SQL's own words")]
pub enum Kind {
    Schema,
    Extension,
    Type,
    Domain,
    Table,
    Column,
    Constraint,
    Index,
    Trigger,
    Policy,
    Rule,
    View,
    MaterializedView,
    Sequence,
    Routine,
    Other,
}

impl Kind {
    /// The kind in SQL's words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Schema => "schema",
            Self::Extension => "extension",
            Self::Type => "type",
            Self::Domain => "domain",
            Self::Table => "table",
            Self::Column => "column",
            Self::Constraint => "constraint",
            Self::Index => "index",
            Self::Trigger => "trigger",
            Self::Policy => "policy",
            Self::Rule => "rule",
            Self::View => "view",
            Self::MaterializedView => "materialized view",
            Self::Sequence => "sequence",
            Self::Routine => "function",
            Self::Other => "object",
        }
    }

    /// Whether it is named after its table.
    #[must_use]
    pub const fn is_member(self) -> bool {
        matches!(self, Self::Column | Self::Constraint | Self::Trigger | Self::Policy | Self::Rule)
    }
}

/// What can be said about objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "SQL's own words")]
pub enum Property {
    Version,
    Kind,
    DataType,
    Nullability,
    Default,
    Identity,
    Generated,
    Collation,
    Labels,
    Definition,
    Validity,
    RowSecurity,
    Partitioning,
    Parents,
    Bound,
    Persistence,
    OwnedBy,
    Privileges,
}

impl Property {
    /// The property in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::Kind => "kind",
            Self::DataType => "type",
            Self::Nullability => "nullability",
            Self::Default => "default",
            Self::Identity => "identity",
            Self::Generated => "generation expression",
            Self::Collation => "collation",
            Self::Labels => "labels",
            Self::Definition => "definition",
            Self::Validity => "validity",
            Self::RowSecurity => "row security",
            Self::Partitioning => "partitioning",
            Self::Parents => "parents",
            Self::Bound => "partition bound",
            Self::Persistence => "persistence",
            Self::OwnedBy => "owner column",
            Self::Privileges => "privileges",
        }
    }
}

/// An object and what can be said about it.
#[derive(Debug, Clone)]
pub struct Object {
    /// What it is.
    pub kind: Kind,
    /// Its name as reports print it.
    pub name: String,
    /// What tells it from others of its name: a function's arguments.
    pub arguments: String,
    /// The table or view that it stands on.
    pub on: Option<Name>,
    /// Its identity in its database.
    pub id: Id,
    /// Its properties. One that an object has not is not there; one of several parts has several texts.
    pub properties: BTreeMap<Property, Vec<String>>,
}

impl Object {
    fn new(kind: Kind, name: impl ToString, id: Id) -> Self {
        let name = name.to_string();
        Self { kind, name, arguments: String::new(), on: None, id, properties: BTreeMap::new() }
    }

    fn on(mut self, table: &Name) -> Self {
        self.on = Some(table.clone());
        self
    }

    fn with(mut self, property: Property, value: impl Into<String>) -> Self {
        self.properties.insert(property, vec![value.into()]);
        self
    }

    fn maybe(self, property: Property, value: Option<&String>) -> Self {
        match value {
            Some(value) => self.with(property, value),
            None => self,
        }
    }

    fn list<'a>(mut self, property: Property, values: impl IntoIterator<Item = &'a String>) -> Self {
        let values: Vec<String> = values.into_iter().cloned().collect();
        if !values.is_empty() {
            self.properties.insert(property, values);
        }
        self
    }
}

impl Catalog {
    /// Every object of the catalog.
    #[must_use]
    pub fn objects(&self) -> Vec<Object> {
        let mut objects = Vec::new();
        for (name, schema) in &self.schemas {
            let object = Object::new(Kind::Schema, Name::bare(name), Id::default());
            objects.push(object.list(Property::Privileges, &schema.privileges));
        }
        for (name, version) in &self.extensions {
            let object = Object::new(Kind::Extension, Name::bare(name), Id::default());
            objects.push(object.with(Property::Version, version));
        }
        for (name, user_type) in &self.types {
            objects.push(type_object(name, user_type));
        }
        for (name, table) in &self.tables {
            table_objects(name, table, &mut objects);
        }
        self.view_objects(&mut objects);
        for (name, sequence) in &self.sequences {
            let object = Object::new(Kind::Sequence, name, sequence.id)
                .with(Property::Definition, &sequence.definition)
                .maybe(Property::OwnedBy, sequence.owned_by.as_ref())
                .list(Property::Privileges, &sequence.privileges);
            objects.push(object);
        }
        for routine in &self.routines {
            let mut object = Object::new(Kind::Routine, &routine.name, routine.id)
                .with(Property::Definition, &routine.definition)
                .list(Property::Privileges, &routine.privileges);
            object.arguments.clone_from(&routine.arguments);
            objects.push(object);
        }
        objects.extend(self.others.iter().map(|other| Object::new(Kind::Other, other, Id::default())));
        objects
    }

    fn view_objects(&self, objects: &mut Vec<Object>) {
        for (name, view) in &self.views {
            let kind = if view.materialized { Kind::MaterializedView } else { Kind::View };
            let object = Object::new(kind, name, view.id)
                .with(Property::Definition, &view.definition)
                .list(Property::Privileges, &view.privileges);
            objects.push(object);
            objects.extend(view.indexes.iter().map(|(index, found)| index_object(name, index, found)));
        }
    }
}

fn type_object(name: &Name, user_type: &UserType) -> Object {
    let of_kind = |kind| Object::new(kind, name, user_type.id);
    match &user_type.shape {
        TypeShape::Enum { labels } => {
            of_kind(Kind::Type).with(Property::Kind, "enum").list(Property::Labels, labels)
        }
        TypeShape::Domain { base, nullable, default, checks } => {
            let checks: Vec<String> = checks.iter().map(|(name, check)| format!("{name} {check}")).collect();
            of_kind(Kind::Domain)
                .with(Property::DataType, base)
                .with(Property::Nullability, nullability(*nullable))
                .maybe(Property::Default, default.as_ref())
                .list(Property::Definition, &checks)
        }
        TypeShape::Composite { attributes } => {
            let attributes: Vec<String> =
                attributes.iter().map(|(name, data_type)| format!("{name} {data_type}")).collect();
            of_kind(Kind::Type).with(Property::Kind, "composite").list(Property::Definition, &attributes)
        }
        TypeShape::Range { of } => {
            of_kind(Kind::Type).with(Property::Kind, "range").with(Property::DataType, of)
        }
    }
}

fn table_objects(name: &Name, table: &Table, objects: &mut Vec<Object>) {
    let kind = match table.kind {
        TableKind::Plain => "plain",
        TableKind::Partitioned => "partitioned",
        TableKind::Foreign => "foreign",
    };
    let row_security = match table.row_security {
        RowSecurity::Off => "off",
        RowSecurity::On => "on",
        RowSecurity::Forced => "forced",
    };
    let object = Object::new(Kind::Table, name, table.id)
        .with(Property::Kind, kind)
        .with(Property::RowSecurity, row_security)
        .with(Property::Persistence, if table.unlogged { "unlogged" } else { "logged" })
        .maybe(Property::Partitioning, table.partitioned_by.as_ref())
        .maybe(Property::Bound, table.bound.as_ref())
        .list(Property::Parents, &table.parents)
        .list(Property::Privileges, &table.privileges);
    objects.push(object);
    objects.extend(table.columns.iter().map(|column| column_object(name, table.id, column)));
    objects.extend(table.constraints.iter().map(|(key, found)| constraint_object(name, key, found)));
    objects.extend(table.indexes.iter().map(|(key, found)| index_object(name, key, found)));
    for (kind, attached) in
        [(Kind::Trigger, &table.triggers), (Kind::Policy, &table.policies), (Kind::Rule, &table.rules)]
    {
        objects.extend(attached.iter().map(|(key, found)| attached_object(kind, name, key, found)));
    }
}

fn column_object(table: &Name, id: Id, column: &Column) -> Object {
    Object::new(Kind::Column, table.member(&column.name), Id { column: column.number, ..id })
        .on(table)
        .with(Property::DataType, &column.data_type)
        .with(Property::Nullability, nullability(column.nullable))
        .maybe(Property::Default, column.default.as_ref())
        .maybe(Property::Identity, column.identity.as_ref())
        .maybe(Property::Generated, column.generated.as_ref())
        .maybe(Property::Collation, column.collation.as_ref())
}

fn constraint_object(table: &Name, name: &str, constraint: &Constraint) -> Object {
    Object::new(Kind::Constraint, table.member(name), constraint.id)
        .on(table)
        .with(Property::Definition, &constraint.definition)
}

/// An index is named like a table, in the schema of its table.
fn index_object(table: &Name, name: &str, index: &Index) -> Object {
    let definition = format!("{}{}", if index.unique { "UNIQUE " } else { "" }, index.definition);
    Object::new(Kind::Index, table.renamed(name), index.id)
        .on(table)
        .with(Property::Definition, definition)
        .with(Property::Validity, if index.valid { "valid" } else { "invalid" })
}

fn attached_object(kind: Kind, table: &Name, name: &str, found: &Definition) -> Object {
    Object::new(kind, table.member(name), found.id).on(table).with(Property::Definition, &found.sql)
}

const fn nullability(nullable: bool) -> &'static str {
    if nullable { "NULL" } else { "NOT NULL" }
}

impl Id {
    /// Whether it says anything: what has no number of its own has none.
    #[must_use]
    pub fn is_known(self) -> bool {
        self.object != 0
    }

    /// The system catalog that the number counts in.
    #[must_use]
    pub const fn catalog(self) -> &'static str {
        match self.class {
            Class::Relation => "pg_class",
            Class::Constraint => "pg_constraint",
            Class::Type => "pg_type",
            Class::Routine => "pg_proc",
            Class::Trigger => "pg_trigger",
            Class::Policy => "pg_policy",
            Class::Rule => "pg_rewrite",
        }
    }
}
