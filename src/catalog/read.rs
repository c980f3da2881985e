//! Reads a database's catalog: asks, and puts the answers together.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use tokio_postgres::{Client, SimpleQueryMessage};

use super::{
    Catalog, Class, Column, Constraint, ConstraintKind, Definition, Id, Index, Reference, Routine, Schema,
    Sequence, Table, TableKind, TypeShape, UserType, View, query,
    rows::{
        AttachedRow, ColumnRow, ConstraintRow, ExtensionRow, IndexRow, OtherRow, RelationRow, RoutineRow,
        SchemaRow, TypeRow,
    },
};
use crate::guard::name::Name;

/// The catalog could not be read.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// PostgreSQL did not answer a question.
    #[error("the database's catalog cannot be read: {}", describe(.0))]
    Query(#[from] tokio_postgres::Error),
    /// An answer is not what was asked for.
    #[error("the database's catalog cannot be understood: {0}")]
    Answer(#[from] serde_json::Error),
}

fn describe(error: &tokio_postgres::Error) -> String {
    error
        .as_db_error()
        .map_or_else(|| error.to_string(), |error| format!("{}: {}", error.code().code(), error.message()))
}

/// Reads the catalog of the database that `client` is connected to, in a read-only transaction of its own: it
/// must not be called in an open one.
///
/// # Errors
/// Where the connection breaks or the role may not read the system's catalogs.
pub async fn read(client: &Client) -> Result<Catalog, CatalogError> {
    let questions = [
        query::SCHEMAS,
        query::EXTENSIONS,
        query::RELATIONS,
        query::COLUMNS,
        query::INDEXES,
        query::CONSTRAINTS,
        query::TYPES,
        query::ROUTINES,
        query::ATTACHED,
        query::OTHERS,
    ];
    let mut script = query::BEGIN.to_owned();
    for question in questions {
        script.push_str(&format!("\nSELECT row_to_json(answer) FROM ({question}) answer;"));
    }
    script.push_str(query::COMMIT);
    match client.simple_query(&script).await {
        Ok(messages) => Answers::sorted(messages)?.catalog(),
        Err(error) => {
            // The connection may be used again; if it is broken, this changes nothing.
            let _ = client.batch_execute("ROLLBACK").await;
            Err(error.into())
        }
    }
}

struct Answers {
    schemas: Vec<SchemaRow>,
    extensions: Vec<ExtensionRow>,
    relations: Vec<RelationRow>,
    columns: Vec<ColumnRow>,
    indexes: Vec<IndexRow>,
    constraints: Vec<ConstraintRow>,
    types: Vec<TypeRow>,
    routines: Vec<RoutineRow>,
    attached: Vec<AttachedRow>,
    others: Vec<OtherRow>,
}

impl Answers {
    /// The rows by question: each answer begins with the description of its row.
    fn sorted(messages: Vec<SimpleQueryMessage>) -> Result<Self, CatalogError> {
        let mut answers: Vec<Vec<String>> = Vec::new();
        for message in messages {
            match message {
                SimpleQueryMessage::RowDescription(_) => answers.push(Vec::new()),
                SimpleQueryMessage::Row(row) => {
                    let text = row.get(0).unwrap_or_default().to_owned();
                    if let Some(answer) = answers.last_mut() {
                        answer.push(text);
                    }
                }
                _ => {}
            }
        }
        let mut answers = answers.into_iter();
        Ok(Self {
            schemas: parsed(answers.next())?,
            extensions: parsed(answers.next())?,
            relations: parsed(answers.next())?,
            columns: parsed(answers.next())?,
            indexes: parsed(answers.next())?,
            constraints: parsed(answers.next())?,
            types: parsed(answers.next())?,
            routines: parsed(answers.next())?,
            attached: parsed(answers.next())?,
            others: parsed(answers.next())?,
        })
    }

    fn catalog(self) -> Result<Catalog, CatalogError> {
        let mut builder = Builder::default();
        for row in self.relations {
            builder.relation(row);
        }
        let mut attributes = BTreeMap::new();
        for row in self.columns {
            builder.column(row, &mut attributes);
        }
        for row in self.indexes {
            builder.index(row);
        }
        let mut checks = BTreeMap::new();
        for row in self.constraints {
            builder.constraint(row, &mut checks);
        }
        for row in self.attached {
            builder.attached(row);
        }
        Ok(Catalog {
            schemas: self.schemas.into_iter().map(schema).collect(),
            extensions: self.extensions.into_iter().map(|row| (row.name, row.version)).collect(),
            sequences: builder.sequences(),
            tables: builder.tables.into_values().collect(),
            views: builder.views.into_values().collect(),
            types: self
                .types
                .into_iter()
                .filter_map(|row| user_type(row, &mut attributes, &mut checks))
                .collect(),
            routines: sorted_routines(self.routines),
            others: self.others.into_iter().map(|row| row.name).collect(),
        })
    }
}

fn parsed<T: DeserializeOwned>(answer: Option<Vec<String>>) -> Result<Vec<T>, serde_json::Error> {
    answer.unwrap_or_default().iter().map(|row| serde_json::from_str(row)).collect()
}

fn name(schema: &str, name: &str) -> Name {
    Name::from_parts(&[schema.to_owned(), name.to_owned()])
}

const fn id(class: Class, object: u32) -> Id {
    Id { class, object, column: 0 }
}

fn schema(row: SchemaRow) -> (String, Schema) {
    (row.name, Schema { privileges: row.privileges.into_iter().collect() })
}

/// What is known of relations while the answers are put together, by their numbers.
#[derive(Default)]
struct Builder {
    tables: BTreeMap<u32, (Name, Table)>,
    views: BTreeMap<u32, (Name, View)>,
    sequences: Vec<RelationRow>,
}

impl Builder {
    fn relation(&mut self, row: RelationRow) {
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
    fn column(&mut self, row: ColumnRow, attributes: &mut BTreeMap<u32, Vec<(String, String)>>) {
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

    fn index(&mut self, row: IndexRow) {
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
    fn constraint(&mut self, row: ConstraintRow, checks: &mut BTreeMap<u32, BTreeMap<String, String>>) {
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

    fn attached(&mut self, row: AttachedRow) {
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

    fn sequences(&self) -> BTreeMap<Name, Sequence> {
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

fn user_type(
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

fn sorted_routines(rows: Vec<RoutineRow>) -> Vec<Routine> {
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
