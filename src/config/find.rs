//! From what was typed and what is on the disk to projects.

use camino::{Utf8Path, Utf8PathBuf};

use super::{
    ConfigError, ConfigFile, Layout, Project,
    file::read,
    layout::{Detected, LITELLM_BASE, beside, home, litellm_copies},
    root::{config_path, find_root},
};
use crate::{
    context::Context,
    freshness::Policy,
    prisma::{self, ProjectConfig},
    style::Style,
};

impl Project {
    /// Finds the project that `context` stands in. Of several, `--project` or the working directory chooses.
    ///
    /// # Errors
    /// Where the configuration cannot be read or understood, nothing looks like a Prisma project, or several may be
    /// meant.
    pub async fn find(context: &Context) -> Result<Self, ConfigError> {
        let ground = Ground::of(context)?;
        let table = ground.the_one(ground.chosen()?)?;
        ground.must_be(table).await
    }

    /// Finds all projects of the repository that `context` stands in, or the one that `--project` names; at least one.
    ///
    /// # Errors
    /// Where the configuration cannot be read or understood, nothing looks like a Prisma project, or there is none of
    /// that name.
    pub async fn all(context: &Context) -> Result<Vec<Self>, ConfigError> {
        let ground = Ground::of(context)?;
        let mut projects = Vec::new();
        for table in ground.chosen()? {
            projects.push(ground.must_be(table).await?);
        }
        Ok(projects)
    }

    /// The project that `context` stands in, or where there is none, what the configuration says without one: its
    /// files are not there then.
    ///
    /// # Errors
    /// Where the configuration cannot be read or understood.
    pub async fn around(context: &Context) -> Result<Self, ConfigError> {
        match Self::find(context).await {
            Err(ConfigError::NoLayout { .. }) => {}
            found => return found,
        }
        let ground = Ground::of(context)?;
        let file = ground.file.clone();
        let file = ConfigFile { schema: file.schema.or_else(|| Some("schema.prisma".into())), ..file };
        ground.must_be((None, file)).await
    }
}

/// What a project is looked for in.
struct Ground<'a> {
    context: &'a Context,
    root: Utf8PathBuf,
    /// The directories that were looked at for it.
    searched: Vec<Utf8PathBuf>,
    /// The configuration, where there is one.
    path: Option<Utf8PathBuf>,
    /// What it says.
    file: ConfigFile,
    /// What its paths are relative to.
    base: Utf8PathBuf,
}

type Named = (Option<String>, ConfigFile);

impl<'a> Ground<'a> {
    fn of(context: &'a Context) -> Result<Self, ConfigError> {
        let (root, searched) = find_root(context)?;
        let path = config_path(context, &root);
        let file = path.as_deref().map(read).transpose()?.unwrap_or_default();
        let base = path.as_deref().and_then(Utf8Path::parent).unwrap_or(&root).to_owned();
        Ok(Self { context, root, searched, path, file, base })
    }

    /// The one that `--project` names, else all.
    fn chosen(&self) -> Result<Vec<Named>, ConfigError> {
        let tables = self.file.clone().projects();
        let Some(wanted) = &self.context.settings.project else { return Ok(tables) };
        let names: Vec<String> = tables.iter().filter_map(|(name, _)| name.clone()).collect();
        let chosen: Vec<_> = tables.into_iter().filter(|(name, _)| name.as_ref() == Some(wanted)).collect();
        match chosen.is_empty() {
            true => Err(ConfigError::NoProject { name: wanted.clone(), names }),
            false => Ok(chosen),
        }
    }

    /// The only one, else the one that the working directory lies deepest in.
    fn the_one(&self, mut tables: Vec<Named>) -> Result<Named, ConfigError> {
        if tables.len() == 1 {
            return Ok(tables.swap_remove(0));
        }
        let depth = |at: &usize| self.home(&tables[*at].1).map_or(0, |home| home.components().count());
        let mut here: Vec<_> = (0..tables.len()).filter(|at| depth(at) > 0).collect();
        here.sort_by_key(|at| std::cmp::Reverse(depth(at)));
        match here[..] {
            [only] => Ok(tables.swap_remove(only)),
            [one, other, ..] if depth(&one) > depth(&other) => Ok(tables.swap_remove(one)),
            _ => Err(ConfigError::Several {
                path: self.path.clone().unwrap_or_default(),
                names: tables.into_iter().filter_map(|(name, _)| name).collect(),
            }),
        }
    }

    /// The home of a project of the configuration, where the working directory lies in it. The root is nobody's.
    fn home(&self, file: &ConfigFile) -> Option<Utf8PathBuf> {
        let schema = self.base.join(file.schema.as_ref()?);
        let migrations =
            file.migrations.as_ref().map_or_else(|| beside(&schema), |path| self.base.join(path));
        let home = home(&schema, &migrations);
        (home != self.root && self.context.cwd.starts_with(&home)).then_some(home)
    }

    async fn must_be(&self, (name, file): Named) -> Result<Project, ConfigError> {
        let found = self.project(name, file).await?;
        found.ok_or_else(|| ConfigError::NoLayout { searched: self.searched.clone() })
    }

    /// The project that `file` describes; `None` where it does not say enough and nothing is recognised.
    async fn project(&self, name: Option<String>, file: ConfigFile) -> Result<Option<Project>, ConfigError> {
        let detected = Detected::in_directory(&self.root);
        let is_configured = file.schema.is_some() || file.migrations.is_some();
        let is_litellm = !is_configured && detected.as_ref().is_some_and(|one| one.layout == Layout::LiteLlm);
        let explicit = file.schema.as_ref().map(|schema| self.base.join(schema));
        let mut notes = Vec::new();
        let recognised = detected.as_ref().map(|detected| detected.schema.as_path());
        let told = match is_litellm {
            true => None,
            false => self.told((explicit.as_deref(), recognised), &mut notes).await?,
        };
        let detected = match &told {
            Some(told) => {
                let usual = || Detected::usual(&self.root);
                Some(explicit.clone().map_or_else(|| detected.unwrap_or_else(usual), Detected::at).told(told))
            }
            None => detected,
        };
        let Some(schema) = explicit.or_else(|| Some(detected.as_ref()?.schema.clone())) else {
            return match self.context.settings.untrusted.then(|| prisma::config_in(&self.root)).flatten() {
                Some(path) => Err(ConfigError::Untrusted { path }),
                None => Ok(None),
            };
        };
        let layout = match (is_configured, &detected) {
            (false, Some(detected)) => detected.layout,
            _ => Layout::Configured,
        };
        let migrations = match (&file.migrations, &detected) {
            (Some(migrations), _) => self.base.join(migrations),
            (None, Some(detected)) if detected.schema == schema => detected.migrations.clone(),
            (None, _) => beside(&schema),
        };
        let mut project = self.with_files(layout, (schema, migrations), file)?;
        (project.name, project.notes, project.prisma_config) = (name, notes, told);
        Ok(Some(project))
    }

    /// What the project's prisma.config.* says, where there is one: beside the schema or above it, in the same package.
    /// The schema is what the configuration names, else what was recognised.
    async fn told(
        &self,
        (explicit, recognised): (Option<&Utf8Path>, Option<&Utf8Path>),
        notes: &mut Vec<String>,
    ) -> Result<Option<ProjectConfig>, ConfigError> {
        let start = explicit.or(recognised).and_then(Utf8Path::parent);
        let start = start.filter(|start| start.starts_with(&self.root)).unwrap_or(&self.root);
        let Some(path) = within_package(start).find_map(prisma::config_in) else { return Ok(None) };
        let shown = path.strip_prefix(&self.root).unwrap_or(&path);
        if self.context.settings.untrusted {
            notes.push(format!("{shown} was not read: --untrusted"));
            return Ok(None);
        }
        let read = prisma::read_config(self.context, &path, &self.root).await.map_err(Box::new)?;
        let Some(told) = read else {
            notes.push(format!("{shown} was not read: the project's Prisma is older than such files"));
            return Ok(None);
        };
        // Beside the layout it has the last word, elsewhere it may be another project's.
        let is_beside = explicit.is_none() && path.starts_with(&self.root);
        let own = explicit.or(recognised);
        match (&told.schema, own) {
            (Some(named), Some(own)) if !is_beside && named != own => {
                notes.push(format!("{shown} was left aside: it is about another schema, {named}"));
                Ok(None)
            }
            _ => Ok(Some(told)),
        }
    }

    fn with_files(
        &self,
        layout: Layout,
        (schema, migrations): (Utf8PathBuf, Utf8PathBuf),
        file: ConfigFile,
    ) -> Result<Project, ConfigError> {
        let is_litellm = layout == Layout::LiteLlm;
        let copies = match file.copies {
            Some(copies) => copies.into_iter().map(|copy| self.base.join(copy)).collect(),
            None if is_litellm => litellm_copies(&self.root).collect(),
            None => Vec::new(),
        };
        let major = |text: String| match text.parse() {
            Ok(major) if major >= 14 => Ok(major),
            _ => Err(ConfigError::Value {
                path: self.path.clone().unwrap_or_default(),
                key: "postgres",
                value: text,
                wanted: "a major version from \"14\" on",
            }),
        };
        Ok(Project {
            name: None,
            notes: Vec::new(),
            prisma_config: None,
            layout,
            schema,
            copies,
            migrations,
            base_branch: file.base_branch.or_else(|| is_litellm.then(|| LITELLM_BASE.to_owned())),
            remote: file.remote,
            // In LiteLLM's repository every commit of the base counts.
            freshness: file.freshness.unwrap_or(if is_litellm { Policy::Any } else { Policy::Schema }),
            postgres_major: file.postgres.map(major).transpose()?,
            database_schema: file.database_schema.filter(|schema| !schema.is_empty()),
            prisma: file.prisma.map(|prisma| self.base.join(prisma)),
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
            config: self.path.clone(),
            root: self.root.clone(),
        })
    }
}

/// `start` and what is above it, to the first directory with a package.json or with git's data.
fn within_package(start: &Utf8Path) -> impl Iterator<Item = &Utf8Path> {
    let is_end =
        |directory: &Utf8Path| ["package.json", ".git"].iter().any(|name| directory.join(name).exists());
    let end = start.ancestors().position(is_end);
    start.ancestors().take(end.map_or(usize::MAX, |end| end + 1))
}
