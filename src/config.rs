//! Where things are: run-migration.toml, else the repository's layout.

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;

use crate::{
    context::Context,
    external::{External, ExternalError, ExternalTable},
    finding::Finding,
    guard::{allow_list::Entry, rules},
    style::Style,
};

/// The configuration file's name.
pub const FILE_NAME: &str = "run-migration.toml";

const LITELLM_MIGRATIONS: &str = "litellm-proxy-extras/litellm_proxy_extras/migrations";
const LITELLM_COPIES: [&str; 2] =
    ["litellm/proxy/schema.prisma", "litellm-proxy-extras/litellm_proxy_extras/schema.prisma"];
const LITELLM_BASE: &str = "litellm_internal_staging";

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

/// One schema with its history: everything that the stages need to know of the repository. Paths are absolute.
#[derive(Debug, Clone)]
pub struct Project {
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
    /// Finds the project that `context` stands in.
    ///
    /// # Errors
    /// Where the configuration cannot be read or understood, or nothing looks like a Prisma project.
    pub fn find(context: &Context) -> Result<Self, ConfigError> {
        Self::find_with(context, |file| file)
    }

    /// The project that `context` stands in, or where there is none, what the configuration says without one: its
    /// files are not there then.
    ///
    /// # Errors
    /// Where the configuration cannot be read or understood.
    pub fn around(context: &Context) -> Result<Self, ConfigError> {
        match Self::find(context) {
            Err(ConfigError::NoLayout { .. }) => Self::find_with(context, |file| ConfigFile {
                schema: file.schema.or_else(|| Some("schema.prisma".into())),
                ..file
            }),
            found => found,
        }
    }

    fn find_with(
        context: &Context,
        completed: impl FnOnce(ConfigFile) -> ConfigFile,
    ) -> Result<Self, ConfigError> {
        let (root, searched) = find_root(context)?;
        let path = config_path(context, &root);
        let (file, base) = match &path {
            Some(path) => (read(path)?, path.parent().unwrap_or(&root).to_owned()),
            None => (ConfigFile::default(), root.clone()),
        };
        Self::resolve(root, &base, path.as_deref(), completed(file))
            .ok_or(ConfigError::NoLayout { searched })?
    }

    fn resolve(
        root: Utf8PathBuf,
        base: &Utf8Path,
        path: Option<&Utf8Path>,
        file: ConfigFile,
    ) -> Option<Result<Self, ConfigError>> {
        let detected = Detected::in_directory(&root);
        let layout = if file.schema.is_some() || file.migrations.is_some() {
            Layout::Configured
        } else {
            detected.as_ref()?.layout
        };
        let schema = file
            .schema
            .map(|schema| base.join(schema))
            .or_else(|| Some(detected.as_ref()?.schema.clone()))?;
        let beside = || schema.parent().unwrap_or(&root).join("migrations");
        let migrations = match (file.migrations, &detected) {
            (Some(migrations), _) => base.join(migrations),
            (None, Some(detected)) if layout != Layout::Configured => detected.migrations.clone(),
            (None, _) => beside(),
        };
        let is_litellm = layout == Layout::LiteLlm;
        let copies = match file.copies {
            Some(copies) => copies.into_iter().map(|copy| base.join(copy)).collect(),
            None if is_litellm => LITELLM_COPIES.iter().map(|copy| root.join(copy)).collect(),
            None => Vec::new(),
        };
        let postgres_major = match file.postgres.as_deref().map(parse_major) {
            None => None,
            Some(Ok(major)) => Some(major),
            Some(Err(value)) => {
                return Some(Err(ConfigError::Value {
                    path: path.map(Utf8Path::to_owned).unwrap_or_default(),
                    key: "postgres",
                    value,
                    wanted: "a major version from \"14\" on",
                }));
            }
        };
        Some(Ok(Self {
            layout,
            schema,
            copies,
            migrations,
            base_branch: file.base_branch.or_else(|| is_litellm.then(|| LITELLM_BASE.to_owned())),
            remote: file.remote,
            postgres_major,
            database_schema: file.database_schema.filter(|schema| !schema.is_empty()),
            prisma: file.prisma.map(|prisma| base.join(prisma)),
            replay_as: file.replay_as,
            guard: file.guard,
            allow: file.allow,
            sql: Style {
                // Databases of LiteLLM's users that were made with `db push` meet the same migrations.
                idempotent: file.sql.idempotent.unwrap_or(is_litellm),
                prelude: file.sql.prelude.filter(|prelude| !prelude.trim().is_empty()),
                concurrent_indexes: file.sql.concurrent_indexes,
            },
            external: file.external,
            config: path.map(Utf8Path::to_owned),
            root,
        }))
    }

    /// What the project has outside Prisma's model.
    ///
    /// # Errors
    /// Where a file that the configuration names cannot be read.
    pub fn external(&self) -> Result<External, ExternalError> {
        let base = self.config.as_deref().and_then(Utf8Path::parent).unwrap_or(&self.root);
        let schema = (self.layout == Layout::LiteLlm).then_some(self.schema.as_path());
        External::load(&self.external, base, schema)
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

fn parse_major(text: &str) -> Result<u32, String> {
    text.parse().ok().filter(|major| *major >= 14).ok_or_else(|| text.to_owned())
}

/// The configuration alone, with or without a project: from `--config`, else from run-migration.toml in `--repo` or
/// upwards from the working directory, to the repository's root. Empty where there is none.
///
/// # Errors
/// Where the file cannot be read or understood.
pub fn without_project(context: &Context) -> Result<(Utf8PathBuf, ConfigFile), ConfigError> {
    let (root, _) = find_root(context)?;
    match config_path(context, &root) {
        Some(path) => read(&path).map(|file| (path, file)),
        None => Ok(Default::default()),
    }
}

fn config_path(context: &Context, root: &Utf8Path) -> Option<Utf8PathBuf> {
    match &context.settings.config {
        Some(path) => Some(context.absolute(path)),
        None => Some(root.join(FILE_NAME)).filter(|path| path.exists()),
    }
}

/// A layout that was recognised by its files.
struct Detected {
    layout: Layout,
    schema: Utf8PathBuf,
    migrations: Utf8PathBuf,
}

impl Detected {
    fn in_directory(root: &Utf8Path) -> Option<Self> {
        let migrations = root.join(LITELLM_MIGRATIONS);
        if migrations.is_dir() {
            return Some(Self { layout: Layout::LiteLlm, schema: root.join("schema.prisma"), migrations });
        }
        ["prisma/schema.prisma", "schema.prisma"].into_iter().map(|schema| root.join(schema)).find_map(
            |schema| {
                let migrations = schema.parent()?.join("migrations");
                schema.symlink_metadata().is_ok().then_some(Self {
                    layout: Layout::Prisma,
                    schema,
                    migrations,
                })
            },
        )
    }
}

/// The repository's root, and the directories that were looked at.
fn find_root(context: &Context) -> Result<(Utf8PathBuf, Vec<Utf8PathBuf>), ConfigError> {
    if let Some(repo) = &context.settings.repo {
        let repo = context.absolute(repo);
        return if repo.is_dir() {
            Ok((repo.clone(), vec![repo]))
        } else {
            Err(ConfigError::NoDirectory { path: repo })
        };
    }
    let mut searched = Vec::new();
    for directory in context.cwd.ancestors() {
        searched.push(directory.to_owned());
        if directory.join(FILE_NAME).exists() || Detected::in_directory(directory).is_some() {
            return Ok((directory.to_owned(), searched));
        }
        if directory.join(".git").exists() {
            break;
        }
    }
    // With --config alone the working directory is the root.
    Ok((context.cwd.clone(), searched))
}

fn read(path: &Utf8Path) -> Result<ConfigFile, ConfigError> {
    let text = fs_err::read_to_string(path)
        .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
    let file: ConfigFile = toml::from_str(&text).map_err(|error| {
        let line =
            error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        ConfigError::Syntax { path: path.to_owned(), line, message: error.message().to_owned() }
    })?;
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

/// Why there is no project to work on.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// `--repo` names no directory.
    #[error("{path}: no such directory")]
    NoDirectory {
        /// What was named.
        path: Utf8PathBuf,
    },
    /// Nothing looks like a Prisma project.
    #[error("no Prisma project found in {}", list(searched))]
    NoLayout {
        /// The directories that were looked at.
        searched: Vec<Utf8PathBuf>,
    },
    /// The file cannot be read.
    #[error("the configuration cannot be read: {source}")]
    Unreadable {
        /// The file.
        path: Utf8PathBuf,
        /// What the system said; it names the file.
        source: std::io::Error,
    },
    /// The file is no TOML, or has a key or a type that is not understood.
    #[error("{path}:{line}: {message}")]
    Syntax {
        /// The file.
        path: Utf8PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// A value that makes no sense.
    #[error("{path}: {key} = {value:?} is not {wanted}")]
    Value {
        /// The file.
        path: Utf8PathBuf,
        /// The key.
        key: &'static str,
        /// What it holds.
        value: String,
        /// What it may hold.
        wanted: &'static str,
    },
}

impl ConfigError {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoLayout { .. } => Some(format!(
                "change into the repository or name it with --repo DIR; where its files have other places, write \
                 them into {FILE_NAME} (schema = \"...\", migrations = \"...\")"
            )),
            Self::NoDirectory { .. } => Some("name the repository's root with --repo DIR".into()),
            _ => None,
        }
    }
}

fn list(paths: &[Utf8PathBuf]) -> String {
    paths.iter().map(|path| path.as_str()).collect::<Vec<_>>().join(", ")
}
