//! What a release calls itself: its name and its version.

use camino::Utf8Path;
use pep440_rs::Version;
use serde::Deserialize;

use super::archive::File;

/// A release's name and version, as far as they are known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// Its name, in the one spelling that stands for all that mean the same.
    pub name: Option<String>,
    /// Its version.
    pub version: Option<Version>,
}

impl Identity {
    /// What the package's own description says, else its file's name.
    pub(super) fn find(path: &Utf8Path, files: &[File], migrations: Option<&Utf8Path>) -> Self {
        let inside = metadata(files).or_else(|| pyproject(files, migrations)).unwrap_or_default();
        let outside = || of_wheel_name(path).unwrap_or_default();
        if inside.version.is_some() { inside } else { outside() }
    }

    /// `name version`, as far as they are known.
    #[must_use]
    pub fn words(&self) -> Option<String> {
        match (&self.name, &self.version) {
            (Some(name), Some(version)) => Some(format!("{name} {version}")),
            (Some(name), None) => Some(name.clone()),
            (None, version) => version.as_ref().map(ToString::to_string),
        }
    }
}

/// The one spelling of a package's name.
#[must_use]
pub fn normal(name: &str) -> String {
    let parts = name.split(['-', '_', '.']).filter(|part| !part.is_empty());
    parts.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
}

/// The description that a wheel or a source distribution carries.
fn metadata(files: &[File]) -> Option<Identity> {
    let is_description = |path: &Utf8Path| match path.file_name() {
        Some("METADATA") => path.parent().is_some_and(|parent| parent.extension() == Some("dist-info")),
        Some("PKG-INFO") => true,
        _ => false,
    };
    // What lies deeper is a package's that is carried along.
    let described = files.iter().filter(|file| is_description(&file.path));
    let description = described.min_by_key(|file| file.path.components().count())?;
    let text = String::from_utf8_lossy(description.bytes.as_deref()?);
    let header = |name: &str| {
        let lines = text.lines().take_while(|line| !line.trim().is_empty());
        lines
            .filter_map(|line| line.split_once(':'))
            .find_map(|(key, value)| key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned()))
    };
    Some(Identity {
        name: header("Name").map(|name| normal(&name)),
        version: header("Version").and_then(|version| version.parse().ok()),
    })
}

#[derive(Default, Deserialize)]
struct PyProject {
    project: Option<Described>,
    tool: Option<Tool>,
}

#[derive(Deserialize)]
struct Tool {
    poetry: Option<Described>,
}

#[derive(Deserialize)]
struct Described {
    name: Option<String>,
    version: Option<String>,
}

/// The nearest `pyproject.toml` around the migrations.
fn pyproject(files: &[File], migrations: Option<&Utf8Path>) -> Option<Identity> {
    let migrations = migrations?;
    let around = |file: &&File| {
        file.path.file_name() == Some("pyproject.toml")
            && file.path.parent().is_some_and(|parent| migrations.starts_with(parent))
    };
    let nearest = files.iter().filter(around).max_by_key(|file| file.path.components().count())?;
    let text = std::str::from_utf8(nearest.bytes.as_deref()?).ok()?;
    let read: PyProject = toml::from_str(text).ok()?;
    let described = read.project.or_else(|| read.tool?.poetry)?;
    Some(Identity {
        name: described.name.map(|name| normal(&name)),
        version: described.version.and_then(|version| version.parse().ok()),
    })
}

/// `name-version-...whl`
fn of_wheel_name(path: &Utf8Path) -> Option<Identity> {
    let mut parts = path.file_name()?.strip_suffix(".whl")?.split('-');
    let (name, version) = (parts.next()?, parts.next()?);
    Some(Identity { name: Some(normal(name)), version: version.parse().ok() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, files: &[(&str, &str)]) -> String {
        let files: Vec<_> = files
            .iter()
            .map(|(path, text)| File { path: (*path).into(), bytes: Some(text.as_bytes().to_vec()) })
            .collect();
        Identity::find(path.into(), &files, Some("a/b/migrations".into())).words().unwrap_or_default()
    }

    #[test]
    fn a_package_says_itself_what_it_is() {
        let metadata = "Metadata-Version: 2.4\nName: My_Extra.Things\nVersion: 0.4.79.post1\n\nVersion: 9\n";
        assert_eq!(found("x.whl", &[("x-1.dist-info/METADATA", metadata)]), "my-extra-things 0.4.79.post1");
        let vendored = ("x-2/vendor/y/PKG-INFO", "Name: y\nVersion: 5\n");
        assert_eq!(found("x-2.tar.gz", &[vendored, ("x-2/PKG-INFO", "Name: x\nVersion: 2\n")]), "x 2");
    }

    #[test]
    fn a_repository_says_it_in_the_nearest_project_file() {
        let files = [
            ("pyproject.toml", "[project]\nname = \"outer\"\nversion = \"1\"\n"),
            ("a/pyproject.toml", "[tool.poetry]\nname = \"inner\"\nversion = \"0.4.61\"\n"),
            ("other/pyproject.toml", "[project]\nname = \"other\"\nversion = \"7\"\n"),
        ];
        assert_eq!(found("dir", &files), "inner 0.4.61");
    }

    #[test]
    fn a_wheel_s_name_says_it_too() {
        assert_eq!(found("dir/some_pkg-1.2-py3-none-any.whl", &[]), "some-pkg 1.2");
        assert_eq!(found("dir/what.whl", &[]), "");
    }
}
