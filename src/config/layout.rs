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
        let schema = schema_in_package(root).or_else(|| {
            let usual = USUAL.into_iter().map(|schema| root.join(schema));
            usual.into_iter().find(|schema| schema.symlink_metadata().is_ok())
        })?;
        Some(Self { layout: Layout::Prisma, migrations: beside(&schema), schema })
    }

    /// The same with what the project's prisma.config.* says, which Prisma believes before anything else.
    pub(super) fn told(self, config: &ProjectConfig) -> Self {
        let schema = config.schema.clone().unwrap_or(self.schema);
        let migrations = config.migrations.clone().unwrap_or_else(|| beside(&schema));
        Self { layout: Layout::Prisma, schema, migrations }
    }

    /// What there is where nothing but a prisma.config.* says where the files are.
    pub(super) fn usual(root: &Utf8Path) -> Self {
        let schema = root.join(USUAL[0]);
        Self { layout: Layout::Prisma, migrations: beside(&schema), schema }
    }
}

/// Where Prisma looks for the schema.
const USUAL: [&str; 2] = ["prisma/schema.prisma", "schema.prisma"];

/// The migrations' directory of a schema that nobody says more about.
pub(super) fn beside(schema: &Utf8Path) -> Utf8PathBuf {
    schema.parent().unwrap_or(schema).join("migrations")
}

/// `prisma.schema` in the directory's package.json.
fn schema_in_package(root: &Utf8Path) -> Option<Utf8PathBuf> {
    let text = std::fs::read_to_string(root.join("package.json")).ok()?;
    let manifest: serde_json::Value = serde_json::from_str(&text).ok()?;
    Some(root.join(manifest.get("prisma")?.get("schema")?.as_str()?))
}

/// The files of LiteLLM's repository.
pub(super) const LITELLM_COPIES: [&str; 2] =
    ["litellm/proxy/schema.prisma", "litellm-proxy-extras/litellm_proxy_extras/schema.prisma"];
/// Its base branch.
pub(super) const LITELLM_BASE: &str = "litellm_internal_staging";
const LITELLM_MIGRATIONS: &str = "litellm-proxy-extras/litellm_proxy_extras/migrations";
