//! Layouts that are recognised by their files.

use camino::{Utf8Path, Utf8PathBuf};

use crate::prisma::ProjectConfig;

/// Which rule found the project's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// LiteLLM's repository.
    LiteLlm,
    /// Prisma's convention.
    Prisma,
    /// run-migration.toml names them.
    Configured,
}

/// A layout that was recognised by its files.
pub(super) struct Detected {
    pub(super) layout: Layout,
    pub(super) schema: Utf8PathBuf,
    pub(super) migrations: Utf8PathBuf,
}

impl Detected {
    pub(super) fn in_directory(root: &Utf8Path) -> Option<Self> {
        let migrations = root.join(LITELLM_MIGRATIONS);
        if migrations.is_dir() {
            return Some(Self { layout: Layout::LiteLlm, schema: root.join("schema.prisma"), migrations });
        }
        let is_one = |schema: &Utf8PathBuf| match schema.is_dir() {
            true => has_schema_files(schema),
            false => schema.symlink_metadata().is_ok(),
        };
        let usual = || USUAL.into_iter().map(|schema| root.join(schema)).find(is_one);
        schema_in_package(root).or_else(usual).map(Self::at)
    }

    /// Prisma's convention for a schema at this place.
    pub(super) fn at(schema: Utf8PathBuf) -> Self {
        Self { layout: Layout::Prisma, migrations: beside(&schema), schema }
    }

    /// The schema and its copies.
    pub(super) fn files(self) -> impl Iterator<Item = Utf8PathBuf> {
        let root = self.schema.parent().filter(|_| self.layout == Layout::LiteLlm);
        let copies: Vec<_> = root.into_iter().flat_map(litellm_copies).collect();
        copies.into_iter().chain([self.schema])
    }

    /// The same with what the project's prisma.config.* says, which Prisma believes before anything else.
    pub(super) fn told(self, config: &ProjectConfig) -> Self {
        let schema = config.schema.clone().unwrap_or(self.schema);
        let migrations = config.migrations.clone().unwrap_or_else(|| beside(&schema));
        Self { layout: Layout::Prisma, schema, migrations }
    }

    /// What there is where nothing but a prisma.config.* says where the files are.
    pub(super) fn usual(root: &Utf8Path) -> Self {
        Self::at(root.join(USUAL[1]))
    }
}

/// Where Prisma looks for the schema, in its order.
const USUAL: [&str; 3] = ["schema.prisma", "prisma/schema.prisma", "prisma/schema"];

/// The migrations' directory of a schema that nobody says more about. Prisma has it beside the file with the datasource;
/// where the schema is a folder, people have it beside that, too.
pub(super) fn beside(schema: &Utf8Path) -> Utf8PathBuf {
    let outside = schema.parent().unwrap_or(schema).join("migrations");
    if !schema.is_dir() {
        return outside;
    }
    let inside = home_of_datasource(schema).join("migrations");
    if outside.is_dir() && !inside.is_dir() { outside } else { inside }
}

/// The directory of the file with the datasource.
fn home_of_datasource(folder: &Utf8Path) -> Utf8PathBuf {
    let mut pending = vec![folder.to_owned()];
    while let Some(directory) = pending.pop() {
        let entries = directory.read_dir_utf8().into_iter().flatten().flatten();
        for path in entries.map(camino::Utf8DirEntry::into_path) {
            if path.is_dir() {
                pending.push(path);
            } else if path.extension() == Some("prisma") && has_datasource(&path) {
                return directory;
            }
        }
    }
    folder.to_owned()
}

/// Whether the schema file `path` has the datasource in it.
pub(super) fn has_datasource(path: &Utf8Path) -> bool {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().any(|line| line.trim_start().starts_with("datasource ") && line.contains('{'))
}

fn has_schema_files(folder: &Utf8Path) -> bool {
    let mut entries = folder.read_dir_utf8().into_iter().flatten().flatten();
    entries.any(|entry| entry.path().extension() == Some("prisma"))
}

/// The directory that a project is at home in: what schema and migrations share, without Prisma's own folder.
pub(super) fn home(schema: &Utf8Path, migrations: &Utf8Path) -> Utf8PathBuf {
    let shared: Utf8PathBuf = schema
        .parent()
        .unwrap_or(schema)
        .components()
        .zip(migrations.components())
        .take_while(|(one, other)| one == other)
        .map(|(one, _)| one)
        .collect();
    match (shared.file_name(), shared.parent()) {
        (Some("prisma"), Some(above)) => above.to_owned(),
        _ => shared,
    }
}

/// `prisma.schema` in the directory's package.json.
fn schema_in_package(root: &Utf8Path) -> Option<Utf8PathBuf> {
    let text = std::fs::read_to_string(root.join("package.json")).ok()?;
    let manifest: serde_json::Value = serde_json::from_str(&text).ok()?;
    Some(root.join(manifest.get("prisma")?.get("schema")?.as_str()?))
}

/// The copies of the schema in LiteLLM's repository.
pub(super) fn litellm_copies(root: &Utf8Path) -> impl Iterator<Item = Utf8PathBuf> {
    LITELLM_COPIES.into_iter().map(|copy| root.join(copy))
}

const LITELLM_COPIES: [&str; 2] =
    ["litellm/proxy/schema.prisma", "litellm-proxy-extras/litellm_proxy_extras/schema.prisma"];
/// Its base branch.
pub(super) const LITELLM_BASE: &str = "litellm_internal_staging";
const LITELLM_MIGRATIONS: &str = "litellm-proxy-extras/litellm_proxy_extras/migrations";
