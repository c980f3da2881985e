//! What was named as a release, and how it becomes a package.

use camino::{Utf8Path, Utf8PathBuf};

use super::{
    archive::Format,
    commit, directory,
    package::{Package, PackageError, Places, read_archive},
    pypi::{self, Requirement, Wanted},
};
use crate::{
    context::Context,
    git::{self, Revision},
    process::ProcessError,
};

/// What was named as a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// An archive on the disk.
    Archive(Utf8PathBuf, Format),
    /// A directory.
    Directory(Utf8PathBuf),
    /// `ref:REVISION`: a commit of the repository that the tool is called in.
    Commit(Revision),
    /// `pypi:NAME[==VERSION]`: a wheel of the index that the user's pip or uv asks.
    Index(Requirement),
}

/// The release cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Nothing is there.
    #[error("{0}: there is no such file or directory")]
    Missing(Utf8PathBuf),
    /// It is a file of another kind.
    #[error("{0}: neither a wheel (.whl), a source distribution (.tar.gz) nor a directory")]
    Unknown(Utf8PathBuf),
    /// What follows `pypi:` is no requirement.
    #[error("{0:?} is not NAME or NAME==VERSION of a package")]
    Requirement(String),
    /// The package is not as it must be.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// git says no.
    #[error(transparent)]
    Git(#[from] git::Error),
    /// What follows `ref:` cannot be a revision.
    #[error(transparent)]
    Revision(#[from] git::NameError),
    /// A program could not be run.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// Neither pip nor uv is there.
    #[error("neither pip nor uv is there to download the package: {}", attempts.join("; "))]
    NobodyDownloads {
        /// Who was asked, and what came of it.
        attempts: Vec<String>,
    },
    /// The package could not be downloaded.
    #[error("{program} could not download a wheel of {what}:\n  {said}")]
    NotDownloaded {
        /// What was asked for.
        what: String,
        /// Who was asked.
        program: String,
        /// What it said.
        said: String,
    },
    /// There is more in a directory than any package has.
    #[error("{path}: there are more than {entries} files in it")]
    TooMuch {
        /// The directory.
        path: Utf8PathBuf,
        /// The limit.
        entries: usize,
    },
    /// A file is larger than any migration or schema.
    #[error("{path}: it has {size} bytes, more than any migration or schema")]
    TooLarge {
        /// The file.
        path: Utf8PathBuf,
        /// Its size in bytes.
        size: u64,
    },
    /// The system says no; the text names the file.
    #[error("the package cannot be read: {0}")]
    Io(#[from] std::io::Error),
}

impl SourceError {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Package(error) => return error.hint(),
            Self::Git(error) => return error.hint(),
            Self::Process(error) => return error.hint(),
            Self::Missing(_) | Self::Unknown(_) | Self::Requirement(_) => {
                "a release is a wheel, a .tar.gz, a directory, ref:REVISION of this repository, or pypi:NAME[==VERSION]"
            }
            Self::NobodyDownloads { .. } => "install pip or uv, or download the package and name the file",
            Self::NotDownloaded { .. } => {
                "only wheels are taken, because to download anything else is to run it; any other way to get the file \
                 will do: name the file then"
            }
            Self::TooMuch { .. } => "name the directory of the package itself",
            Self::Revision(_) | Self::TooLarge { .. } | Self::Io(_) => return None,
        };
        Some(hint.to_owned())
    }
}

impl Source {
    /// Reads what was typed.
    ///
    /// # Errors
    /// Where nothing of that name is there, or it can be no release.
    pub fn parse(text: &str, context: &Context) -> Result<Self, SourceError> {
        if let Some(revision) = text.strip_prefix("ref:") {
            return Ok(Self::Commit(revision.parse()?));
        }
        if let Some(requirement) = text.strip_prefix("pypi:") {
            let parsed = Requirement::parse(requirement).map(Self::Index);
            return parsed.ok_or_else(|| SourceError::Requirement(requirement.to_owned()));
        }
        let path = context.absolute(Utf8Path::new(text));
        match Format::of(&path) {
            _ if path.is_dir() => Ok(Self::Directory(path)),
            _ if !path.exists() => Err(SourceError::Missing(path)),
            Some(format) => Ok(Self::Archive(path, format)),
            None => Err(SourceError::Unknown(path)),
        }
    }

    /// The release before `next`, where this is a package of an index that names no version of its own.
    #[must_use]
    pub fn before(self, next: &Package) -> Self {
        match (self, &next.identity.version) {
            (Self::Index(Requirement { name, wanted: Wanted::Latest }), Some(version)) => {
                Self::Index(Requirement { name, wanted: Wanted::Below(version.clone()) })
            }
            (other, _) => other,
        }
    }

    /// Reads the release.
    ///
    /// # Errors
    /// Where it cannot be had, is damaged or dangerous, or it is not clear where its migrations are.
    pub async fn read(&self, context: &Context, places: Places<'_>) -> Result<Package, SourceError> {
        let mut package = match self {
            Self::Archive(path, format) => read_archive(path, *format, places)?,
            Self::Directory(path) => directory::read(path, places)?,
            Self::Commit(revision) => {
                let repo = context.settings.repo.as_ref().map(|repo| context.absolute(repo));
                let git = context.git(repo.as_deref().unwrap_or(&context.cwd));
                commit::read(&git, revision, places).await?
            }
            Self::Index(requirement) => return pypi::fetch(context, requirement, places).await,
        };
        if let Self::Archive(..) | Self::Directory(_) = self {
            package.label = context.as_typed(Utf8Path::new(&package.label)).to_string();
            package.path = context.as_typed(&package.path).to_owned();
        }
        Ok(package)
    }
}
