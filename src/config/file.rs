//! What run-migration.toml may hold.

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;

use super::ConfigError;
use crate::{
    external::ExternalTable,
    freshness::Policy,
    guard::{allow_list::Entry, rules},
};

/// What run-migration.toml may hold. Paths are relative to the file's directory.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigFile {
    /// The source schema.prisma, or a folder of .prisma files.
    pub schema: Option<Utf8PathBuf>,
    /// The directory of the migrations.
    pub migrations: Option<Utf8PathBuf>,
    /// Files that must equal the source schema.
    pub copies: Option<Vec<Utf8PathBuf>>,
    /// The branch that changes are merged into.
    pub base_branch: Option<String>,
    /// The remote that holds it.
    pub remote: Option<String>,
    /// The PostgreSQL major that the temporary server must have.
    pub postgres: Option<String>,
    /// The schema that Prisma works in, `?schema=` in its URL.
    pub database_schema: Option<String>,
    /// The Prisma CLI.
    pub prisma: Option<Utf8PathBuf>,
    /// Who the history is replayed as.
    #[serde(default)]
    pub replay_as: ReplayAs,
    /// How the guard works.
    #[serde(default)]
    pub guard: GuardFile,
    /// What humans have accepted.
    #[serde(default)]
    pub allow: Vec<Entry>,
    /// The house style.
    #[serde(default)]
    pub sql: SqlTable,
    /// Objects outside Prisma's model.
    #[serde(default)]
    pub external: ExternalTable,
    /// Which commits of the base the branch must have.
    pub freshness: Option<Policy>,
    /// Several projects in one repository; what stands outside of them holds for all.
    #[serde(default)]
    pub project: Vec<ProjectTable>,
}

/// `[[project]]`: one of several projects. What it leaves out is as it stands outside of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectTable {
    /// What `--project` calls it.
    pub name: String,
    /// The source schema.prisma, or a folder of .prisma files.
    pub schema: Utf8PathBuf,
    /// The directory of the migrations.
    pub migrations: Option<Utf8PathBuf>,
    /// Files that must equal the source schema.
    pub copies: Option<Vec<Utf8PathBuf>>,
    /// The PostgreSQL major that the temporary server must have.
    pub postgres: Option<String>,
    /// The schema that Prisma works in, `?schema=` in its URL.
    pub database_schema: Option<String>,
    /// The Prisma CLI.
    pub prisma: Option<Utf8PathBuf>,
    /// Objects outside Prisma's model.
    pub external: Option<ExternalTable>,
}

impl ConfigFile {
    /// One configuration for each project: what `[[project]]` says, laid over what stands outside. Where there is no
    /// such table, the file itself.
    pub(super) fn projects(self) -> Vec<(Option<String>, Self)> {
        if self.project.is_empty() {
            return vec![(None, self)];
        }
        let common = Self { project: Vec::new(), ..self.clone() };
        let over = |table: ProjectTable| Self {
            schema: Some(table.schema),
            migrations: table.migrations,
            copies: Some(table.copies.unwrap_or_default()),
            postgres: table.postgres.or_else(|| common.postgres.clone()),
            database_schema: table.database_schema.or_else(|| common.database_schema.clone()),
            prisma: table.prisma.or_else(|| common.prisma.clone()),
            external: table.external.unwrap_or_else(|| common.external.clone()),
            ..common.clone()
        };
        self.project.into_iter().map(|table| (Some(table.name.clone()), over(table))).collect()
    }
}

/// `[sql]`: the house style of the migrations that are made.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SqlTable {
    /// SQL that succeeds where its objects exist already, and a second time.
    pub idempotent: Option<bool>,
    /// What every file begins with.
    pub prelude: Option<String>,
    /// Indexes on tables that existed before are made concurrently, each in a file of its own.
    #[serde(default)]
    pub concurrent_indexes: bool,
}

/// `[guard]`: how the guard works.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuardFile {
    /// Rules that no waiver in the SQL counts for.
    #[serde(default)]
    pub forbid_waivers: Vec<String>,
}

/// Who the history is replayed as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReplayAs {
    /// A role that owns the database and is no superuser: what a migration may do anywhere.
    #[default]
    Owner,
    /// A superuser, for histories that need one.
    Superuser,
}

/// Reads the file `path`.
///
/// # Errors
/// Where it cannot be read or understood.
pub(super) fn read(path: &Utf8Path) -> Result<ConfigFile, ConfigError> {
    let text = fs_err::read_to_string(path)
        .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
    let file: ConfigFile = toml::from_str(&text).map_err(|error| {
        let line =
            error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        ConfigError::Syntax { path: path.to_owned(), line, message: error.message().to_owned() }
    })?;
    check_projects(path, &file)?;
    match file.guard.forbid_waivers.iter().find(|rule| rules::find(rule).is_none()) {
        None => Ok(file),
        Some(unknown) => Err(ConfigError::Value {
            path: path.to_owned(),
            key: "forbid_waivers",
            value: unknown.clone(),
            wanted: "the id of a rule of the guard",
        }),
    }
}

/// With several projects, each says by itself where its files are, and has a name of its own.
fn check_projects(path: &Utf8Path, file: &ConfigFile) -> Result<(), ConfigError> {
    let wrong = |key, value: &str, wanted| {
        Err(ConfigError::Value { path: path.to_owned(), key, value: value.to_owned(), wanted })
    };
    let Some(_) = file.project.first() else { return Ok(()) };
    if let Some(schema) = &file.schema {
        return wrong("schema", schema.as_str(), "to stand beside [[project]]: each project has its own");
    }
    if let Some(migrations) = &file.migrations {
        return wrong(
            "migrations",
            migrations.as_str(),
            "to stand beside [[project]]: each project has its own",
        );
    }
    if file.copies.is_some() {
        return wrong("copies", "", "to stand beside [[project]]: each project has its own");
    }
    for (at, project) in file.project.iter().enumerate() {
        let is_taken = file.project[..at].iter().any(|other| other.name == project.name);
        if project.name.trim().is_empty() || is_taken {
            return wrong("name", &project.name, "a name that no other project has");
        }
    }
    Ok(())
}
