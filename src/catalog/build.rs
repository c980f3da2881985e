//! Puts the answers about a catalog together: what belongs to a relation finds it by its number.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Class, Column, Constraint, ConstraintKind, Definition, Id, Index, Reference, Routine, Schema, Sequence,
    Table, TableKind, TypeShape, UserType, View,
    rows::{AttachedRow, ColumnRow, ConstraintRow, IndexRow, RelationRow, RoutineRow, SchemaRow, TypeRow},
};
use crate::guard::name::Name;

fn name(schema: &str, name: &str) -> Name {
    Name::from_parts(&[schema.to_owned(), name.to_owned()])
}

const fn id(class: Class, object: u32) -> Id {
    Id { class, object, column: 0 }
}

pub(super) fn schema(row: SchemaRow) -> (String, Schema) {
    (row.name, Schema { privileges: row.privileges.into_iter().collect() })
}

/// What is known of relations while the answers are put together, by their numbers.
#[derive(Default)]
pub(super) struct Builder {
    pub(super) tables: BTreeMap<u32, (Name, Table)>,
    pub(super) views: BTreeMap<u32, (Name, View)>,
    sequences: Vec<RelationRow>,
}

impl Builder {
    pub(super) fn relation(&mut self, row: RelationRow) {
        let name = name(&row.schema, &row.name);
        let identity = id(Class::Relation, row.id);
        let privileges = row.privileges.iter().flatten().cloned().collect();
        match row.kind.as_str() {
            "S" => self.sequences.push(row),
            "v" | "m" => {
                let view = View {
                    id: identity,
                    materialized: row.kind == "m",
                    definition: row.definition.unwrap_or_default(),
                    indexes: BTreeMap::new(),
                    privileges,
                };
                self.views.insert(row.id, (name, view));
            }
            "r" | "p" | "f" => {
                let table = Table {
                    id: identity,
                    row_security: row.row_security,
                    kind: table_kind(&row.kind),
                    partitioned_by: row.partitioned_by,
                    parents: row.parents.into_iter().flatten().collect(),
                    bound: row.bound,
                    unlogged: row.unlogged,
                    privileges,
                    ..Table::default()
                };
                self.tables.insert(row.id, (name, table));
            }
            _ => {}
        }
    }

    /// A column of a table; what belongs to no table is an attribute of a composite type.
    pub(super) fn column(&mut self, row: ColumnRow, attributes: &mut BTreeMap<u32, Vec<(String, String)>>) {
        let Some((_, table)) = self.tables.get_mut(&row.relation) else {
            attributes.entry(row.relation).or_default().push((row.name, row.data_type));
            return;
        };
        for privilege in row.privileges.iter().flatten() {
            let (what, to) = privilege.split_once(' ').unwrap_or((privilege, ""));
            table.privileges.insert(format!("{what}({}) {to}", row.name));
        }
        let (default, generated) =
            if row.generated { (None, row.expression) } else { (row.expression, None) };
        table.columns.push(Column {
            name: row.name,
            number: row.number,
            data_type: row.data_type,
            nullable: row.nullable,
            default,
            identity: row.identity,
            generated,
            collation: row.collation,
        });
    }

    pub(super) fn index(&mut self, row: IndexRow) {
        let columns = row.columns.iter().map(|number| self.column_name(row.relation, *number)).collect();
        let index = Index {
            id: id(Class::Relation, row.id),
            definition: row.definition,
            unique: row.is_unique,
            columns,
            partial: row.partial,
            of_constraint: row.of_constraint,
            valid: row.valid,
        };
        let indexes = match self.tables.get_mut(&row.relation) {
            Some((_, table)) => Some(&mut table.indexes),
            None => self.views.get_mut(&row.relation).map(|(_, view)| &mut view.indexes),
        };
        if let Some(indexes) = indexes {
            indexes.insert(row.name, index);
        }
    }

    /// A constraint of a table; what belongs to no table is a condition of a domain.
    pub(super) fn constraint(
        &mut self,
        row: ConstraintRow,
        checks: &mut BTreeMap<u32, BTreeMap<String, String>>,
    ) {
        if row.domain != 0 {
            checks.entry(row.domain).or_default().insert(row.name, row.definition);
            return;
        }
        let names = |relation: u32, numbers: Option<Vec<i16>>| -> Vec<String> {
            let numbers = numbers.unwrap_or_default();
            numbers.iter().filter_map(|number| self.column_name(relation, *number)).collect()
        };
        let references = self.tables.get(&row.referenced).map(|(table, _)| Reference {
            table: table.clone(),
            columns: names(row.referenced, row.referenced_columns),
        });
        let constraint = Constraint {
            id: id(Class::Constraint, row.id),
            kind: constraint_kind(&row.kind),
            definition: row.definition,
            columns: names(row.relation, row.columns),
            references,
        };
        if let Some((_, table)) = self.tables.get_mut(&row.relation) {
            table.constraints.insert(row.name, constraint);
        }
    }

    pub(super) fn attached(&mut self, row: AttachedRow) {
        let Some((_, table)) = self.tables.get_mut(&row.relation) else { return };
        let (class, place) = match row.kind.as_str() {
            "trigger" => (Class::Trigger, &mut table.triggers),
            "policy" => (Class::Policy, &mut table.policies),
            _ => (Class::Rule, &mut table.rules),
        };
        place.insert(row.name, Definition { id: id(class, row.id), sql: row.definition });
    }

    fn column_name(&self, relation: u32, number: i16) -> Option<String> {
        let (_, table) = self.tables.get(&relation)?;
        table.columns.iter().find(|column| column.number == number).map(|column| column.name.clone())
    }

    pub(super) fn sequences(&self) -> BTreeMap<Name, Sequence> {
        let owner = |row: &RelationRow| {
            let (table, _) = self.tables.get(&row.owner?)?;
            Some(table.member(&self.column_name(row.owner?, row.owner_column?)?).to_string())
        };
        self.sequences
            .iter()
            .map(|row| {
                let sequence = Sequence {
                    id: id(Class::Relation, row.id),
                    definition: row.sequence.clone().unwrap_or_default(),
                    owned_by: owner(row),
                    privileges: row.privileges.iter().flatten().cloned().collect(),
                };
                (name(&row.schema, &row.name), sequence)
            })
            .collect()
    }
}

fn table_kind(letter: &str) -> TableKind {
    match letter {
        "p" => TableKind::Partitioned,
        "f" => TableKind::Foreign,
        _ => TableKind::Plain,
    }
}

fn constraint_kind(letter: &str) -> ConstraintKind {
    match letter {
        "p" => ConstraintKind::PrimaryKey,
        "u" => ConstraintKind::Unique,
        "f" => ConstraintKind::ForeignKey,
        "x" => ConstraintKind::Exclusion,
        _ => ConstraintKind::Check,
    }
}

pub(super) fn user_type(
    row: TypeRow,
    attributes: &mut BTreeMap<u32, Vec<(String, String)>>,
    checks: &mut BTreeMap<u32, BTreeMap<String, String>>,
) -> Option<(Name, UserType)> {
    let shape = match row.kind.as_str() {
        "e" => TypeShape::Enum { labels: row.labels.unwrap_or_default() },
        "d" => TypeShape::Domain {
            base: row.base?,
            nullable: row.nullable,
            default: row.expression,
            checks: checks.remove(&row.id).unwrap_or_default(),
        },
        "c" => TypeShape::Composite { attributes: attributes.remove(&row.relation).unwrap_or_default() },
        _ => TypeShape::Range { of: row.base? },
    };
    Some((name(&row.schema, &row.name), UserType { id: id(Class::Type, row.id), shape }))
}

pub(super) fn sorted_routines(rows: Vec<RoutineRow>) -> Vec<Routine> {
    let mut routines: Vec<Routine> = rows
        .into_iter()
        .map(|row| Routine {
            id: id(Class::Routine, row.id),
            name: name(&row.schema, &row.name),
            arguments: row.arguments,
            definition: row.definition.unwrap_or_default(),
            privileges: row.privileges.into_iter().collect::<BTreeSet<_>>(),
        })
        .collect();
    routines.sort_by(|one, other| (&one.name, &one.arguments).cmp(&(&other.name, &other.arguments)));
    routines
}
