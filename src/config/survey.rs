//! Which schemas, histories and copies a repository has: for whoever writes its configuration.

use camino::{Utf8Path, Utf8PathBuf};

use super::layout::has_datasource;
use crate::history::{FILE_NAME, LOCK_FILE};

/// Directories that hold other people's files.
const FOREIGN: [&str; 8] =
    ["node_modules", "target", "dist", "build", "vendor", "venv", "__pycache__", "site-packages"];

/// Deeper nobody keeps a schema.
const DEEPEST: usize = 8;

/// A schema with its history. Paths are absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The schema file, or the folder.
    pub schema: Utf8PathBuf,
    /// The directory of its migrations.
    pub migrations: Utf8PathBuf,
    /// Other files with the same text.
    pub copies: Vec<Utf8PathBuf>,
}

/// What a repository has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Survey {
    /// Schemas with a history.
    pub projects: Vec<Found>,
    /// Schemas without one that equal none of them.
    pub others: Vec<Utf8PathBuf>,
}

/// Looks through the directories below `root`. What cannot be read is passed over.
#[must_use]
pub fn survey(root: &Utf8Path) -> Survey {
    let mut schemas = Vec::new();
    walk(root, DEEPEST, &mut schemas);
    schemas.sort();
    let mut survey = Survey::default();
    let mut without = Vec::new();
    for schema in schemas {
        match migrations_of(&schema) {
            Some(migrations) => survey.projects.push(Found { schema, migrations, copies: Vec::new() }),
            None => without.push(schema),
        }
    }
    let text = |path: &Utf8Path| std::fs::read(path).ok();
    // A copy may be kept beside the history, as in LiteLLM's repository: what lies higher is the source.
    for schema in without {
        let same = survey
            .projects
            .iter_mut()
            .find(|found| text(&found.schema).is_some_and(|own| Some(own) == text(&schema)));
        match same {
            Some(found) => found.copies.push(schema),
            None => survey.others.push(schema),
        }
    }
    survey
}

fn walk(directory: &Utf8Path, depth: usize, schemas: &mut Vec<Utf8PathBuf>) {
    let Ok(entries) = directory.read_dir_utf8() else { return };
    let (mut directories, mut files) = (Vec::new(), Vec::new());
    for entry in entries.flatten() {
        let name = entry.file_name();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && !name.starts_with('.') && !FOREIGN.contains(&name) => {
                directories.push(entry.into_path());
            }
            Ok(kind) if kind.is_file() && name.ends_with(".prisma") => files.push(entry.into_path()),
            _ => {}
        }
    }
    if let Some(main) = files.iter().find(|file| has_datasource(file)) {
        schemas.push(if files.len() == 1 { main.clone() } else { directory.to_owned() });
    }
    if depth > 0 {
        directories.iter().for_each(|directory| walk(directory, depth - 1, schemas));
    }
}

/// The history of a schema: the directory of migrations in its folder, or beside its file or folder.
fn migrations_of(schema: &Utf8Path) -> Option<Utf8PathBuf> {
    let inside = schema.is_dir().then_some(schema);
    [inside, schema.parent()].into_iter().flatten().find_map(|place| {
        let mut histories: Vec<_> = directories(place).filter(|directory| is_history(directory)).collect();
        histories.sort();
        histories.into_iter().next()
    })
}

fn directories(place: &Utf8Path) -> impl Iterator<Item = Utf8PathBuf> {
    let entries = place.read_dir_utf8().into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(camino::Utf8DirEntry::into_path)
}

fn is_history(directory: &Utf8Path) -> bool {
    let holds = |file: &str| directory.join(file).is_file();
    holds(LOCK_FILE) || directories(directory).any(|migration| migration.join(FILE_NAME).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_histories_and_copies_are_told_apart() {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap();
        let schema = "datasource db {\n  provider = \"postgresql\"\n}\n";
        for (path, text) in [
            ("a/prisma/schema.prisma", schema),
            ("a/prisma/migrations/1_a/migration.sql", ""),
            ("a/copy/schema.prisma", schema),
            ("b/schema/main.prisma", "datasource db {\n}\n"),
            ("b/schema/models.prisma", "model A {\n}\n"),
            ("b/history/1_b/migration.sql", ""),
            ("c/schema.prisma", "datasource other {\n}\n"),
            ("node_modules/x/schema.prisma", schema),
            ("d/models.prisma", "// datasource db {\nmodel B {\n}\n"),
        ] {
            std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            std::fs::write(root.join(path), text).unwrap();
        }
        let found = |schema: &str, migrations: &str, copies: &[&str]| Found {
            schema: root.join(schema),
            migrations: root.join(migrations),
            copies: copies.iter().map(|copy| root.join(copy)).collect(),
        };
        assert_eq!(
            survey(root),
            Survey {
                projects: vec![
                    found("a/prisma/schema.prisma", "a/prisma/migrations", &["a/copy/schema.prisma"]),
                    found("b/schema", "b/history", &[]),
                ],
                others: vec![root.join("c/schema.prisma")],
            }
        );
    }
}
