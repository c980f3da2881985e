//! The project's files as a workflow names them: from the repository's root.

use camino::{Utf8Path, Utf8PathBuf};

use super::WorkflowError;
use crate::{
    config::{FILE_NAME, Project},
    context::clean,
};

/// Every path from the repository's root.
pub(super) struct Paths {
    /// The project's directory; `.` where it is the root.
    pub(super) project: Utf8PathBuf,
    /// The configuration, where it has to be named.
    pub(super) config: Option<Utf8PathBuf>,
    /// The source schema.
    pub(super) schema: Utf8PathBuf,
    /// Its copies.
    pub(super) copies: Vec<Utf8PathBuf>,
    schema_is_folder: bool,
}

impl Paths {
    pub(super) fn of(project: &Project, config: Option<&Utf8Path>) -> Result<Self, WorkflowError> {
        let repository = project.repository();
        let inside = |path: &Utf8Path| match clean(path).strip_prefix(&repository) {
            Ok(path) => Ok(path.to_owned()),
            Err(_) => Err(WorkflowError::Outside { path: path.to_owned(), repository: repository.clone() }),
        };
        let root = inside(&project.root)?;
        Ok(Self {
            project: if root.as_str().is_empty() { ".".into() } else { root },
            config: config.map(inside).transpose()?,
            schema: inside(&project.schema)?,
            copies: project.copies.iter().map(|copy| inside(copy)).collect::<Result<_, _>>()?,
            schema_is_folder: project.schema.is_dir(),
        })
    }

    /// Patterns for the files that bring the copies out of step when they change.
    pub(super) fn filters(&self) -> Vec<String> {
        let below = if self.schema_is_folder { "/**" } else { "" };
        let schemas = std::iter::once(&self.schema).chain(&self.copies);
        let mut filters: Vec<_> =
            schemas.map(|path| format!("{}{below}", literally(path.as_str()))).collect();
        let usual = match self.project.as_str() {
            "." => FILE_NAME.into(),
            project => Utf8Path::new(project).join(FILE_NAME),
        };
        filters.push(literally(self.config.as_ref().unwrap_or(&usual).as_str()));
        filters
    }
}

/// A pattern that means this path alone.
fn literally(path: &str) -> String {
    let mut pattern = String::new();
    for character in path.chars() {
        if matches!(character, '*' | '?' | '+' | '[' | ']' | '!' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}
