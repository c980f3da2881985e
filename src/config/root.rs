//! Where a project's root is: which directory, upwards from the working directory, says where its files are.

use camino::{Utf8Path, Utf8PathBuf};

use super::{
    ConfigError, ConfigFile, FILE_NAME,
    file::read,
    layout::{Detected, beside, home},
};
use crate::{context::Context, prisma};

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

pub(super) fn config_path(context: &Context, root: &Utf8Path) -> Option<Utf8PathBuf> {
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
    let mut nearest: Option<Nearest<'_>> = None;
    for directory in context.cwd.ancestors() {
        searched.push(directory.to_owned());
        match &nearest {
            None if directory.join(FILE_NAME).exists() => return Ok((directory.to_owned(), searched)),
            None => nearest = Nearest::in_directory(directory),
            Some(found) if found.is_part_of(directory, &context.cwd) => {
                return Ok((directory.to_owned(), searched));
            }
            Some(_) => {}
        }
        if directory.join(".git").exists() {
            break;
        }
    }
    // With --config alone the working directory is the root.
    Ok((nearest.map_or(&*context.cwd, |nearest| nearest.directory).to_owned(), searched))
}

/// The first directory upwards that looks like a project.
struct Nearest<'a> {
    directory: &'a Utf8Path,
    /// The schema that was recognised there.
    schema: Option<Utf8PathBuf>,
}

impl<'a> Nearest<'a> {
    fn in_directory(directory: &'a Utf8Path) -> Option<Self> {
        let schema = Detected::in_directory(directory).map(|detected| detected.schema);
        let is_one = schema.is_some() || prisma::config_in(directory).is_some();
        is_one.then_some(Self { directory, schema })
    }

    /// Whether `above` knows it better: as one of its projects, as its schema, or as a copy of that. What is wrong with
    /// a configuration is told by whoever reads it.
    fn is_part_of(&self, above: &Utf8Path, cwd: &Utf8Path) -> bool {
        let is_own = |path: &Utf8Path| self.schema.as_ref().is_some_and(|schema| schema.starts_with(path));
        if Detected::in_directory(above).is_some_and(|detected| detected.files().any(|path| is_own(&path))) {
            return true;
        }
        let Ok(file) = read(&above.join(FILE_NAME)) else { return false };
        let named = |path: &Utf8PathBuf| is_own(&above.join(path));
        file.schema.iter().chain(file.copies.iter().flatten()).any(named)
            || file.project.iter().any(|project| {
                let schema = above.join(&project.schema);
                let migrations =
                    project.migrations.as_ref().map_or_else(|| beside(&schema), |path| above.join(path));
                cwd.starts_with(home(&schema, &migrations))
                    || named(&project.schema)
                    || project.copies.iter().flatten().any(named)
            })
    }
}
