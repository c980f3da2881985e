//! Reads a database's catalog: asks, and puts the answers together.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use tokio_postgres::{Client, SimpleQueryMessage};

use super::{
    Catalog,
    build::{Builder, schema, sorted_routines, user_type},
    query,
    rows::{
        AttachedRow, ColumnRow, ConstraintRow, ExtensionRow, HomeRow, IndexRow, OtherRow, RelationRow,
        RoutineRow, SchemaRow, TypeRow,
    },
};

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
    // Names are written as everywhere in the tool, with `public.` left out.
    read_from(client, "public").await
}

/// The same as seen from `schema`: in definitions, types and expressions its name is left out instead of `public`,
/// so that they can stand in a script that runs in whatever schema.
///
/// # Errors
/// As for [`read`].
pub async fn read_from(client: &Client, schema: &str) -> Result<Catalog, CatalogError> {
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
    let mut script = format!("{}{};", query::BEGIN, super::quoted(schema));
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
    home: Vec<HomeRow>,
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
            home: parsed(answers.next())?,
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
        let home = self.home.into_iter().find_map(|row| row.schema);
        Ok(Catalog {
            home: home.filter(|schema| schema != "public"),
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
