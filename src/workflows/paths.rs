//! The project's files as a workflow names them: from the repository's root.

use camino::{Utf8Path, Utf8PathBuf};

use super::WorkflowError;
use crate::{
    config::{FILE_NAME, Project},
    context::clean,
};

/// Every path from the repository's root.
pub(super) struct Paths {
    /// The projects' directory; `.` where it is the root.
    pub(super) project: Utf8PathBuf,
    /// The configuration, where it has to be named.
    pub(super) config: Option<Utf8PathBuf>,
    /// The source schemas.
    pub(super) schemas: Vec<Utf8PathBuf>,
    /// Their copies.
    pub(super) copies: Vec<Utf8PathBuf>,
    /// What brings the copies out of step when it changes.
    filters: Vec<String>,
}

impl Paths {
    /// Those of all `projects` that a configuration has; at least one.
    pub(super) fn of(projects: &[Project], config: Option<&Utf8Path>) -> Result<Self, WorkflowError> {
        let first = &projects[0];
        let repository = first.repository();
        let inside = |path: &Utf8Path| match clean(path).strip_prefix(&repository) {
            Ok(path) => Ok(path.to_owned()),
            Err(_) => Err(WorkflowError::Outside { path: path.to_owned(), repository: repository.clone() }),
        };
        let root = inside(&first.root)?;
        let config = config.map(inside).transpose()?;
        let (mut schemas, mut copies, mut filters) = (Vec::new(), Vec::new(), Vec::new());
        for project in projects {
            let schema = inside(&project.schema)?;
            let own = project.copies.iter().map(|copy| inside(copy)).collect::<Result<Vec<_>, _>>()?;
            let below = if project.schema.is_dir() { "/**" } else { "" };
            let files = std::iter::once(&schema).chain(&own);
            filters.extend(files.map(|path| format!("{}{below}", literally(path.as_str()))));
            schemas.push(schema);
            copies.extend(own);
        }
        filters.push(literally(config.as_ref().unwrap_or(&root.join(FILE_NAME)).as_str()));
        let project = if root.as_str().is_empty() { ".".into() } else { root };
        Ok(Self { project, config, schemas, copies, filters })
    }

    /// Patterns for the files that bring the copies out of step when they change.
    pub(super) fn filters(&self) -> &[String] {
        &self.filters
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
