//! The workflows that a repository on GitHub needs: templates, and what is filled into them.

mod packages;
mod paths;
mod place;

use std::sync::LazyLock;

use camino::{Utf8Path, Utf8PathBuf};
use regex::{Captures, Regex};

use self::paths::Paths;
pub use self::{
    packages::Packages,
    place::{Placed, place},
};
use crate::config::Project;

const CHECK: &str = include_str!("check.yml");
const SYNC: &str = include_str!("sync.yml");

/// What both have, in the places of these words.
const PARTS: [(&str, &str); 3] = [
    ("@TOOL@\n", include_str!("tool.yml")),
    ("@INSTALL@\n", include_str!("install.yml")),
    ("@TRUST@\n", include_str!("trust.yml")),
];

/// actions/checkout, by the full hash of the commit that its release is.
const CHECKOUT: &str = "actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2";

static BLANK: LazyLock<Regex> = LazyLock::new(|| {
    #[expect(clippy::unwrap_used, reason = "a literal pattern")]
    Regex::new("@([A-Z_]+)@").unwrap()
});

/// Where a runner gets the tool from. What is not known yet has to be filled in by hand.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// The URL of the tool's repository.
    pub repository: Option<String>,
    /// The full hash of the commit.
    pub revision: Option<String>,
}

impl Source {
    /// Whether nothing has to be filled in.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        self.repository.is_some() && self.revision.is_some()
    }
}

/// A workflow for one repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workflow {
    /// The file, from the repository's root.
    pub path: &'static Utf8Path,
    /// What it holds. It begins with a comment that names the file.
    pub text: String,
}

/// The workflows could not be made, or not be written.
#[derive(Debug, thiserror::Error)]
pub enum WorkflowError {
    /// A file of the project is not in the repository.
    #[error("{path} is outside of the repository {repository}")]
    Outside {
        /// The file.
        path: Utf8PathBuf,
        /// The repository's root.
        repository: Utf8PathBuf,
    },
    /// A name that a workflow cannot carry.
    #[error("{0:?} cannot be written into a workflow: it has a control character or `${{{{`")]
    Name(String),
    /// There is another file in the workflow's place.
    #[error("{0} exists already and is not what would be written")]
    Differs(Utf8PathBuf),
    /// The place is a link, or below one.
    #[error("{0} is a symbolic link or no directory")]
    NoPlace(Utf8PathBuf),
    /// The staging directory could not be made.
    #[error("the workflow could not be written: {0}")]
    Stage(#[from] crate::process::ProcessError),
    /// The system says no; the text names the file.
    #[error("the workflow could not be written: {0}")]
    Io(#[from] std::io::Error),
}

impl WorkflowError {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Differs(path) => Some(format!(
                "compare it with what `run-migration ci github` prints; to have it written anew, move {path} away first"
            )),
            Self::NoPlace(_) => Some("put a directory in its place, or write the files yourself".into()),
            Self::Outside { .. } | Self::Name(_) | Self::Stage(_) | Self::Io(_) => None,
        }
    }
}

/// The workflows for the `projects` of a configuration, which is `config` where `--config` names it: the check, and,
/// where a schema has copies, the one that synchronises them.
///
/// # Errors
/// Where a path is outside of the repository or cannot be written into a workflow.
pub fn render(
    projects: &[Project],
    config: Option<&Utf8Path>,
    source: &Source,
) -> Result<Vec<Workflow>, WorkflowError> {
    let paths = Paths::of(projects, config)?;
    let base = projects.iter().find_map(|project| project.base_branch.as_deref());
    let mut values = values(&paths, base, source)?;
    let steps: Result<Vec<_>, _> = Packages::of(projects).0.iter().map(Packages::step).collect();
    values.push(("PACKAGES", steps?.concat()));
    let workflow = |path: &'static str, template: &str| Workflow {
        path: Utf8Path::new(path),
        text: fill(template, &values),
    };
    let mut workflows = vec![workflow(".github/workflows/run-migration-check.yml", CHECK)];
    if !paths.copies.is_empty() {
        workflows.push(workflow(".github/workflows/run-migration-sync.yml", SYNC));
    }
    Ok(workflows)
}

fn values(
    paths: &Paths,
    base_branch: Option<&str>,
    source: &Source,
) -> Result<Vec<(&'static str, String)>, WorkflowError> {
    let filters: Result<Vec<_>, WorkflowError> =
        paths.filters().iter().map(|filter| Ok(format!("      - {}", quoted(filter)?))).collect();
    let fill_in =
        if source.is_known() { "" } else { "\n  # FILL IN: until then every run ends with an error." };
    Ok(vec![
        ("FILL_IN", fill_in.to_owned()),
        ("TOOL_REPOSITORY", quoted(source.repository.as_deref().unwrap_or_default())?),
        ("TOOL_REVISION", quoted(source.revision.as_deref().unwrap_or_default())?),
        ("CHECKOUT", CHECKOUT.to_owned()),
        ("PROJECT", quoted(paths.project.as_str())?),
        ("CONFIG", paths.config.as_deref().map_or(Ok(String::new()), configuration)?),
        ("SCHEMAS", list(&paths.schemas)?),
        ("COPIES", list(&paths.copies)?),
        ("PATHS", filters?.join("\n")),
        ("BASE_BRANCH", quoted(base_branch.unwrap_or_default())?),
    ])
}

/// `template` with its parts and its blanks filled in. What was filled into a blank is not looked at again.
fn fill(template: &str, values: &[(&str, String)]) -> String {
    let whole = PARTS.iter().fold(template.to_owned(), |text, (word, part)| text.replace(word, part));
    let value = |found: &Captures<'_>| {
        let known = values.iter().find(|(name, _)| *name == &found[1]);
        known.map_or_else(|| found[0].to_owned(), |(_, value)| value.clone())
    };
    BLANK.replace_all(&whole, value).into_owned()
}

fn configuration(path: &Utf8Path) -> Result<String, WorkflowError> {
    Ok(format!(
        "\n  # The configuration, relative to the repository's root.\n  RUN_MIGRATION_CONFIG: {}",
        quoted(path.as_str())?
    ))
}

/// A YAML string of one line.
fn quoted(text: &str) -> Result<String, WorkflowError> {
    Ok(format!("\"{}\"", escaped(text)?))
}

/// A YAML string with a line for each path.
fn list(paths: &[Utf8PathBuf]) -> Result<String, WorkflowError> {
    let lines: Result<Vec<_>, _> = paths.iter().map(|path| escaped(path.as_str())).collect();
    Ok(format!("\"{}\"", lines?.join("\\n")))
}

/// What stands between the quotation marks. An expression in it would be one for GitHub, too.
fn escaped(text: &str) -> Result<String, WorkflowError> {
    let is_odd = |character: char| character.is_control() || (character.is_whitespace() && character != ' ');
    if text.contains(is_odd) || text.contains("${{") {
        return Err(WorkflowError::Name(text.to_owned()));
    }
    Ok(text.replace('\\', "\\\\").replace('"', "\\\""))
}
