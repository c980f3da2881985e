//! Where things are: run-migration.toml, else the repository's layout.
//!
//! ```text
//! file      what run-migration.toml may hold
//! layout    the files of a repository without one
//! root      which directory these hold for
//! find      all of it, and prisma.config.*, understood: a Project
//! survey    what a repository has, for whoever writes its configuration
//! ```

mod error;
mod file;
mod find;
mod layout;
mod root;
pub mod survey;

use camino::{Utf8Path, Utf8PathBuf};

pub use self::{
    error::ConfigError,
    file::{ConfigFile, GuardFile, ProjectTable, ReplayAs, SqlTable},
    layout::Layout,
    root::{repository_root, without_project},
};
use crate::{
    external::{External, ExternalError, ExternalTable},
    finding::Finding,
    freshness::Policy,
    guard::allow_list::Entry,
    prisma::ProjectConfig,
    style::Style,
};

/// The configuration file's name.
pub const FILE_NAME: &str = "run-migration.toml";

/// One schema with its history: everything that the stages need to know of the repository. Paths are absolute.
#[derive(Debug, Clone)]
pub struct Project {
    /// What it is called, where there are several.
    pub name: Option<String>,
    /// What a person should know of how it was found, a sentence each.
    pub notes: Vec<String>,
    /// The directory that relative paths are shown against.
    pub root: Utf8PathBuf,
    /// Which rule found the files.
    pub layout: Layout,
    /// The source schema.prisma, or a folder of .prisma files.
    pub schema: Utf8PathBuf,
    /// The schema's copies.
    pub copies: Vec<Utf8PathBuf>,
    /// The directory of the migrations. It need not exist yet.
    pub migrations: Utf8PathBuf,
    /// The base branch, where flag, environment or configuration names one or the layout has one.
    pub base_branch: Option<String>,
    /// The remote, where one is named.
    pub remote: Option<String>,
    /// Which commits of the base the branch must have.
    pub freshness: Policy,
    /// What the project's prisma.config.* says, where there is one that was read.
    pub prisma_config: Option<ProjectConfig>,
    /// The PostgreSQL major that is required.
    pub postgres_major: Option<u32>,
    /// The schema that Prisma works in, where the configuration names it.
    pub database_schema: Option<String>,
    /// The Prisma CLI that the configuration names.
    pub prisma: Option<Utf8PathBuf>,
    /// Who the history is replayed as.
    pub replay_as: ReplayAs,
    /// How the guard works.
    pub guard: GuardFile,
    /// What humans have accepted.
    pub allow: Vec<Entry>,
    /// The house style.
    pub sql: Style,
    /// Objects outside Prisma's model, by the configuration; [`Project::external`] adds what the layout has.
    pub external: ExternalTable,
    /// The configuration file, where there is one.
    pub config: Option<Utf8PathBuf>,
}

impl Project {
    /// What the project has outside Prisma's model.
    ///
    /// # Errors
    /// Where a file that the configuration names cannot be read.
    pub fn external(&self) -> Result<External, ExternalError> {
        let base = self.config.as_deref().and_then(Utf8Path::parent).unwrap_or(&self.root);
        let schema = (self.layout == Layout::LiteLlm).then_some(self.schema.as_path());
        let mut external = External::load(&self.external, base, schema)?;
        if let Some(ProjectConfig { path, init_shadow_db: Some(sql), .. }) = &self.prisma_config {
            external.begin_with(path, sql);
        }
        Ok(external)
    }

    /// The finding with its file, and its object where that is a file, named as at the repository's root.
    #[must_use]
    pub fn localise(&self, mut finding: Finding) -> Finding {
        finding.file = finding.file.map(|file| self.relative(&file).to_owned());
        finding.object = self.relative(Utf8Path::new(&finding.object)).to_string();
        finding.why = finding.why.replace(&format!("{}/", self.root), "");
        finding.safer = finding.safer.replace(&format!("{}/", self.root), "");
        finding
    }

    /// The repository's root: the nearest directory upwards that git keeps its data in, else the project's root.
    #[must_use]
    pub fn repository(&self) -> Utf8PathBuf {
        let has_git = |directory: &&Utf8Path| directory.join(".git").symlink_metadata().is_ok();
        self.root.ancestors().find(has_git).unwrap_or(&self.root).to_owned()
    }

    /// The way from the repository's root to the project's; empty where they are one.
    #[must_use]
    pub fn prefix(&self) -> Utf8PathBuf {
        self.root.strip_prefix(self.repository()).unwrap_or(Utf8Path::new("")).to_owned()
    }

    /// `path` as a person at the repository's root would name it.
    #[must_use]
    pub fn relative<'a>(&self, path: &'a Utf8Path) -> &'a Utf8Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }
}
