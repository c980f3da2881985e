//! The answers as they come: one of these per row, its fields named as the question names its columns.

use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub(super) struct HomeRow {
    pub(super) schema: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct SchemaRow {
    pub(super) name: String,
    pub(super) privileges: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ExtensionRow {
    pub(super) name: String,
    pub(super) version: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct RelationRow {
    pub(super) id: u32,
    pub(super) schema: String,
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) row_security: super::RowSecurity,
    pub(super) unlogged: bool,
    pub(super) partitioned_by: Option<String>,
    pub(super) bound: Option<String>,
    pub(super) definition: Option<String>,
    pub(super) parents: Option<Vec<String>>,
    pub(super) privileges: Option<Vec<String>>,
    pub(super) sequence: Option<String>,
    pub(super) owner: Option<u32>,
    pub(super) owner_column: Option<i16>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ColumnRow {
    pub(super) relation: u32,
    pub(super) number: i16,
    pub(super) name: String,
    pub(super) data_type: String,
    pub(super) nullable: bool,
    pub(super) expression: Option<String>,
    pub(super) identity: Option<String>,
    pub(super) generated: bool,
    pub(super) collation: Option<String>,
    pub(super) privileges: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct IndexRow {
    pub(super) relation: u32,
    pub(super) id: u32,
    pub(super) name: String,
    pub(super) definition: String,
    pub(super) is_unique: bool,
    pub(super) columns: Vec<i16>,
    pub(super) partial: bool,
    pub(super) of_constraint: bool,
    pub(super) valid: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct ConstraintRow {
    pub(super) relation: u32,
    pub(super) domain: u32,
    pub(super) id: u32,
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) definition: String,
    pub(super) columns: Option<Vec<i16>>,
    pub(super) referenced: u32,
    pub(super) referenced_columns: Option<Vec<i16>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct TypeRow {
    pub(super) id: u32,
    pub(super) schema: String,
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) relation: u32,
    pub(super) labels: Option<Vec<String>>,
    pub(super) base: Option<String>,
    pub(super) nullable: bool,
    pub(super) expression: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct RoutineRow {
    pub(super) id: u32,
    pub(super) schema: String,
    pub(super) name: String,
    pub(super) arguments: String,
    pub(super) definition: Option<String>,
    pub(super) privileges: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct AttachedRow {
    pub(super) kind: String,
    pub(super) relation: u32,
    pub(super) id: u32,
    pub(super) name: String,
    pub(super) definition: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct OtherRow {
    pub(super) name: String,
}
