//! From what was typed and what is on the disk to projects.

use camino::{Utf8Path, Utf8PathBuf};

use super::{
    ConfigError, ConfigFile, FILE_NAME, Layout, Project,
    file::read,
    layout::{Detected, LITELLM_BASE, LITELLM_COPIES, beside},
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
        let mut all = Self::all(context).await?;
        if all.len() > 1 {
            let depth = |project: &Self| home(&project.schema, &project.migrations).components().count();
            let mut here: Vec<_> = (0..all.len()).filter(|at| all[*at].holds(&context.cwd)).collect();
            here.sort_by_key(|at| std::cmp::Reverse(depth(&all[*at])));
            return match here[..] {
                [only] => Ok(all.swap_remove(only)),
                [one, other, ..] if depth(&all[one]) > depth(&all[other]) => Ok(all.swap_remove(one)),
                _ => Err(ConfigError::Several {
                    path: all[0].config.clone().unwrap_or_default(),
                    names: all.into_iter().filter_map(|project| project.name).collect(),
                }),
            };
        }
        all.pop().ok_or(ConfigError::NoLayout { searched: Vec::new() })
    }

    /// Finds all projects of the repository that `context` stands in, or the one that `--project` names; at least one.
    ///
    /// # Errors
    /// Where the configuration cannot be read or understood, nothing looks like a Prisma project, or there is none of
    /// that name.
    pub async fn all(context: &Context) -> Result<Vec<Self>, ConfigError> {
        let (root, searched) = find_root(context)?;
        let path = config_path(context, &root);
        let (file, base) = match &path {
            Some(path) => (read(path)?, path.parent().unwrap_or(&root).to_owned()),
            None => (ConfigFile::default(), root.clone()),
        };
        let place = Place { context, root: &root, base: &base, path: path.as_deref() };
        let tables = place.chosen(file.projects())?;
        let mut projects = Vec::new();
        for (name, file) in tables {
            let project = place.project(name, file).await?;
            projects.push(project.ok_or_else(|| ConfigError::NoLayout { searched: searched.clone() })?);
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
        let (root, searched) = find_root(context)?;
        let path = config_path(context, &root);
        let file = path.as_deref().map(read).transpose()?.unwrap_or_default();
        let base = path.as_deref().and_then(Utf8Path::parent).unwrap_or(&root);
        let file = ConfigFile { schema: file.schema.or_else(|| Some("schema.prisma".into())), ..file };
        let place = Place { context, root: &root, base, path: path.as_deref() };
        place.project(None, file).await?.ok_or(ConfigError::NoLayout { searched })
    }

    /// Whether the project's files are around `directory`.
    fn holds(&self, directory: &Utf8Path) -> bool {
        let home = home(&self.schema, &self.migrations);
        home != self.root && directory.starts_with(&home)
    }
}

/// The directory that a project is at home in: what schema and migrations share, without Prisma's own folder.
fn home(schema: &Utf8Path, migrations: &Utf8Path) -> Utf8PathBuf {
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

/// Where a configuration holds.
struct Place<'a> {
    context: &'a Context,
    root: &'a Utf8Path,
    /// What its paths are relative to.
    base: &'a Utf8Path,
    path: Option<&'a Utf8Path>,
}

type Named = (Option<String>, ConfigFile);

impl Place<'_> {
    /// The one that `--project` names, else all.
    fn chosen(&self, tables: Vec<Named>) -> Result<Vec<Named>, ConfigError> {
        let Some(wanted) = &self.context.settings.project else { return Ok(tables) };
        let names: Vec<String> = tables.iter().filter_map(|(name, _)| name.clone()).collect();
        let chosen: Vec<_> = tables.into_iter().filter(|(name, _)| name.as_ref() == Some(wanted)).collect();
        match chosen.is_empty() {
            true => Err(ConfigError::NoProject { name: wanted.clone(), names }),
            false => Ok(chosen),
        }
    }

    /// The project that `file` describes; `None` where it does not say enough and nothing is recognised.
    async fn project(&self, name: Option<String>, file: ConfigFile) -> Result<Option<Project>, ConfigError> {
        let detected = Detected::in_directory(self.root);
        let is_configured = file.schema.is_some() || file.migrations.is_some();
        let is_litellm = !is_configured && detected.as_ref().is_some_and(|one| one.layout == Layout::LiteLlm);
        let explicit = file.schema.as_ref().map(|schema| self.base.join(schema));
        let mut notes = Vec::new();
        let told = match is_litellm {
            true => None,
            false => self.told(explicit.as_deref(), &mut notes).await?,
        };
        let detected = match &told {
            Some(told) => Some(detected.unwrap_or_else(|| Detected::usual(self.root)).told(told)),
            None => detected,
        };
        let Some(schema) = explicit.or_else(|| Some(detected.as_ref()?.schema.clone())) else {
            return match self.context.settings.untrusted.then(|| prisma::config_in(self.root)).flatten() {
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

    /// What the project's prisma.config.* says, where there is one: in the root, or on the way to a schema that the
    /// configuration names.
    async fn told(
        &self,
        schema: Option<&Utf8Path>,
        notes: &mut Vec<String>,
    ) -> Result<Option<ProjectConfig>, ConfigError> {
        let start = schema.and_then(Utf8Path::parent).filter(|start| start.starts_with(self.root));
        let mut directories = start.unwrap_or(self.root).ancestors();
        let within = directories.by_ref().take_while(|directory| directory.starts_with(self.root));
        let Some(path) = within.into_iter().find_map(prisma::config_in) else { return Ok(None) };
        let shown = path.strip_prefix(self.root).unwrap_or(&path);
        if self.context.settings.untrusted {
            notes.push(format!("{shown} was not read: --untrusted"));
            return Ok(None);
        }
        let read = prisma::read_config(self.context, &path, self.root).await.map_err(Box::new)?;
        if read.is_none() {
            notes.push(format!("{shown} was not read: the project's Prisma is older than such files"));
        }
        Ok(read)
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
            None if is_litellm => LITELLM_COPIES.iter().map(|copy| self.root.join(copy)).collect(),
            None => Vec::new(),
        };
        let major = |text: String| match text.parse() {
            Ok(major) if major >= 14 => Ok(major),
            _ => Err(ConfigError::Value {
                path: self.path.map(Utf8Path::to_owned).unwrap_or_default(),
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
            config: self.path.map(Utf8Path::to_owned),
            root: self.root.to_owned(),
        })
    }
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

/// Where the configuration of the repository belongs: in `--repo`, else where git keeps its data, upwards from the working
/// directory, else there.
///
/// # Errors
/// Where `--repo` names no directory.
pub fn repository_root(context: &Context) -> Result<Utf8PathBuf, ConfigError> {
    if context.settings.repo.is_some() {
        return Ok(find_root(context)?.0);
    }
    let mut above = context.cwd.ancestors();
    Ok(above.find(|directory| directory.join(".git").exists()).unwrap_or(&context.cwd).to_owned())
}

fn config_path(context: &Context, root: &Utf8Path) -> Option<Utf8PathBuf> {
    match &context.settings.config {
        Some(path) => Some(context.absolute(path)),
        None => Some(root.join(FILE_NAME)).filter(|path| path.exists()),
    }
}

/// The repository's root, and the directories that were looked at.
pub(super) fn find_root(context: &Context) -> Result<(Utf8PathBuf, Vec<Utf8PathBuf>), ConfigError> {
    if let Some(repo) = &context.settings.repo {
        let repo = context.absolute(repo);
        return if repo.is_dir() {
            Ok((repo.clone(), vec![repo]))
        } else {
            Err(ConfigError::NoDirectory { path: repo })
        };
    }
    let mut searched = Vec::new();
    let mut nearest: Option<&Utf8Path> = None;
    for directory in context.cwd.ancestors() {
        searched.push(directory.to_owned());
        let file = directory.join(FILE_NAME);
        if file.exists() && (nearest.is_none() || speaks_of(&file, &context.cwd)) {
            return Ok((directory.to_owned(), searched));
        }
        let has_layout =
            || Detected::in_directory(directory).is_some() || prisma::config_in(directory).is_some();
        if nearest.is_none() && has_layout() {
            nearest = Some(directory);
        }
        if directory.join(".git").exists() {
            break;
        }
    }
    // With --config alone the working directory is the root.
    Ok((nearest.unwrap_or(&context.cwd).to_owned(), searched))
}

/// Whether one of several projects in the configuration `file` is at home around `directory`: then what is nearer to it
/// is a part of that project. What is wrong with a file is told by whoever reads it.
fn speaks_of(file: &Utf8Path, directory: &Utf8Path) -> bool {
    let Ok(read) = read(file) else { return false };
    let base = file.parent().unwrap_or(file);
    read.project.iter().any(|project| {
        let schema = base.join(&project.schema);
        let migrations = project.migrations.as_ref().map_or_else(|| beside(&schema), |path| base.join(path));
        directory.starts_with(home(&schema, &migrations))
    })
}
