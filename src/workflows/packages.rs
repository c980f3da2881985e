//! The packages that a `prisma.config.*` imports: which package manager installs them, and the step that has it done.

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;

use super::{WorkflowError, fill, quoted};
use crate::config::Project;

const STEP: &str = include_str!("packages.yml");

/// What a step does before a manager that is not there already is at work: nothing of the pull request has a say in it.
const FETCH: &str = r#"
          cd -- "$RUNNER_TEMP"
          npm install --prefix "$RUNNER_TEMP/package-manager" --no-save --ignore-scripts --no-audit --no-fund \
            -- "$PACKAGE_MANAGER"
          MANAGERS=$RUNNER_TEMP/package-manager/node_modules"#;

/// A package manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manager {
    Npm,
    Pnpm,
    /// Version 1.
    YarnClassic,
    /// Since version 2.
    Yarn,
    Bun,
}

/// The lockfiles, those of the manager that everybody has first.
const LOCKFILES: [(&str, Manager); 6] = [
    ("package-lock.json", Manager::Npm),
    ("npm-shrinkwrap.json", Manager::Npm),
    ("pnpm-lock.yaml", Manager::Pnpm),
    ("yarn.lock", Manager::Yarn),
    ("bun.lock", Manager::Bun),
    ("bun.lockb", Manager::Bun),
];

impl Manager {
    /// The manager of a lockfile in `directory`.
    fn of_lockfile(directory: &Utf8Path, name: &str, manager: Self) -> Self {
        let text = || fs_err::read_to_string(directory.join(name)).unwrap_or_default();
        match manager {
            Self::Yarn if text().contains("# yarn lockfile v1") => Self::YarnClassic,
            other => other,
        }
    }

    /// Its name in a package.json.
    const fn name(self) -> &'static str {
        match self {
            Self::Npm => "npm",
            Self::Pnpm => "pnpm",
            Self::YarnClassic | Self::Yarn => "yarn",
            Self::Bun => "bun",
        }
    }

    /// The package that it comes as, and the version that is taken where none is named.
    const fn package(self) -> (&'static str, &'static str) {
        match self {
            Self::Npm => ("npm", "latest"),
            Self::Pnpm => ("pnpm", "10"),
            Self::YarnClassic => ("yarn", "1"),
            Self::Yarn => ("@yarnpkg/cli-dist", "4"),
            Self::Bun => ("@oven/bun-linux-x64", "1"),
        }
    }

    /// Installs exactly what the lockfile says, and runs no script.
    const fn command(self) -> &'static str {
        match self {
            Self::Npm => "npm ci --ignore-scripts --no-audit --no-fund",
            Self::Pnpm => r#""$MANAGERS/.bin/pnpm" install --frozen-lockfile --ignore-scripts"#,
            Self::YarnClassic => {
                r#""$MANAGERS/.bin/yarn" install --frozen-lockfile --ignore-scripts --non-interactive"#
            }
            Self::Yarn => r#""$MANAGERS/.bin/yarn" install --immutable"#,
            Self::Bun => {
                r#""$MANAGERS/@oven/bun-linux-x64/bin/bun" install --frozen-lockfile --ignore-scripts"#
            }
        }
    }

    /// What it has to be told besides.
    const fn environment(self) -> &'static str {
        match self {
            // It has no flag for scripts, and Prisma is looked for in node_modules.
            Self::Yarn => {
                "\n          YARN_ENABLE_SCRIPTS: \"false\"\n          YARN_ENABLE_TELEMETRY: \"false\"\n          \
                 YARN_IGNORE_PATH: \"1\"\n          YARN_NODE_LINKER: node-modules"
            }
            _ => "",
        }
    }
}

/// Packages that a workflow has to install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packages {
    /// The directory with the lockfile, from the repository's root.
    directory: Utf8PathBuf,
    manager: Manager,
    /// The version of the manager, where the package.json names one.
    version: Option<String>,
}

/// What a package.json says of the package manager.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    package_manager: Option<String>,
}

impl Packages {
    /// Those of each of `projects` that has a `prisma.config.*`, and the configurations that no lockfile was found for.
    #[must_use]
    pub fn of(projects: &[Project]) -> (Vec<Self>, Vec<&Utf8Path>) {
        let (mut all, mut without) = (Vec::new(), Vec::new());
        for project in projects {
            let Some(config) = &project.prisma_config else { continue };
            let repository = project.repository();
            let above = config.path.ancestors().skip(1).take_while(|above| above.starts_with(&repository));
            match above.filter_map(|directory| Self::in_directory(directory, &repository)).next() {
                Some(packages) if all.contains(&packages) => {}
                Some(packages) => all.push(packages),
                None => without.push(config.path.as_path()),
            }
        }
        (all, without)
    }

    /// Those of the lockfile in `directory`. Of several it is the one of the manager that the package.json names.
    fn in_directory(directory: &Utf8Path, repository: &Utf8Path) -> Option<Self> {
        let is_there = |(name, _): &&(&str, Manager)| directory.join(name).is_file();
        let found: Vec<_> = LOCKFILES
            .iter()
            .filter(is_there)
            .map(|(name, manager)| Manager::of_lockfile(directory, name, *manager))
            .collect();
        let named = named(directory);
        let of_named = named.as_ref().and_then(|(name, _)| found.iter().find(|one| one.name() == name));
        let manager = *of_named.or(found.first())?;
        let version = named.filter(|(name, _)| name == manager.name()).map(|(_, version)| version);
        let directory = directory.strip_prefix(repository).unwrap_or(directory).to_owned();
        Some(Self { directory, manager, version })
    }

    /// What a person should know of them.
    #[must_use]
    pub fn note(&self) -> Option<String> {
        let is_open = self.manager != Manager::Npm && self.version.is_none();
        let (package, version) = self.manager.package();
        is_open.then(|| {
            format!(
                "{} names no version of {}: the check takes {package}@{version}. Pin it there: \"packageManager\": \"{}@...\".",
                self.directory.join("package.json"),
                self.manager.name(),
                self.manager.name()
            )
        })
    }

    /// The step that installs them.
    pub(super) fn step(&self) -> Result<String, WorkflowError> {
        let directory = if self.directory.as_str().is_empty() { "." } else { self.directory.as_str() };
        let (package, version) = self.manager.package();
        let package = format!("{package}@{}", self.version.as_deref().unwrap_or(version));
        let (fetch, environment) = match self.manager {
            Manager::Npm => ("", String::new()),
            other => {
                (FETCH, format!("\n          PACKAGE_MANAGER: {}{}", quoted(&package)?, other.environment()))
            }
        };
        Ok(fill(
            STEP,
            &[
                ("DIRECTORY", quoted(directory)?),
                ("ENVIRONMENT", environment),
                ("FETCH", fetch.to_owned()),
                ("COMMAND", self.manager.command().to_owned()),
            ],
        ))
    }
}

/// The manager and the version that the package.json in `directory` names, without the hash of it.
fn named(directory: &Utf8Path) -> Option<(String, String)> {
    let text = fs_err::read_to_string(directory.join("package.json")).ok()?;
    let manifest: Manifest = serde_json::from_str(&text).ok()?;
    let manager = manifest.package_manager?;
    let (name, version) = manager.split_once('@')?;
    let version = version.split('+').next().unwrap_or_default();
    let is_one = version.starts_with(|first: char| first.is_ascii_digit())
        && version.chars().all(|one| one.is_ascii_alphanumeric() || matches!(one, '.' | '-'));
    is_one.then(|| (name.to_owned(), version.to_owned()))
}
