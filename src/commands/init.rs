//! Writes a run-migration.toml from what the repository has.

use std::fmt::Write;

use camino::Utf8Path;

use crate::{
    cli::InitArgs,
    config::{
        self, FILE_NAME, Layout, Project,
        survey::{Found, Survey, survey},
    },
    context::Context,
    error::Error,
    outcome::Outcome,
    report::Report,
};

/// Runs the command.
///
/// # Errors
/// Where there is such a file already, nothing is found to write down, or it cannot be written.
pub(super) async fn run(context: &Context, args: &InitArgs) -> Result<Report, Error> {
    let root = config::repository_root(context)?;
    let path = root.join(FILE_NAME);
    if !args.dry_run && path.symlink_metadata().is_ok() {
        return Err(Error::failed(format!("{path} exists already"))
            .hint("see what a new one would hold with `run-migration init --dry-run`"));
    }
    let found = survey(&root);
    let text = match Project::find(context).await {
        Ok(project) if project.config.is_none() && is_all(&project, &found) => of_project(&root, &project),
        _ => of_survey(&root, &found).ok_or_else(|| {
            Error::failed(format!("no schema.prisma with migrations was found below {root}")).hint(format!(
                "name the repository with --repo DIR, or write {FILE_NAME} by hand: README.md lists its keys"
            ))
        })?,
    };
    let mut report = Report::new("init", Outcome::Passed);
    if args.dry_run {
        report.result = Some(text);
    } else {
        fs_err::write(&path, text)?;
        report.result = Some(format!("{}\n", context.as_typed(&path)));
    }
    Ok(report)
}

/// Whether the layout that was recognised is all that the repository has.
fn is_all(project: &Project, found: &Survey) -> bool {
    project.layout == Layout::LiteLlm || found.projects.len() < 2
}

const HEAD: &str = "\
# What run-migration knows of this repository. Every key may be left out; paths are relative to this file.
# `run-migration doctor` shows what is used, and why.
";

/// The keys that nothing here decides, each with its default.
const TAIL: &str = r#"
# base_branch = "main"                  # default: the branch that the remote's HEAD names
# remote = "origin"                     # default: upstream if there is one, else origin
# freshness = "any"                     # refuse where any commit of the base is missing; "schema": only one that matters
# postgres = "17"                       # the major version that the temporary server must have
# replay_as = "superuser"               # for a history that a database's owner may not run

# [sql]                                 # the house style of the migrations that are made
# idempotent = true                     # IF NOT EXISTS and the like
# prelude = "SET LOCAL lock_timeout = '10s';"
# concurrent_indexes = true             # indexes on existing tables: CONCURRENTLY, each in a file of its own

# [external]                            # objects outside Prisma's model
# keep = ["index:name"]                 # what Prisma must not drop
"#;

fn of_project(root: &Utf8Path, project: &Project) -> String {
    let why = match project.layout {
        Layout::LiteLlm => "LiteLLM's layout, which is recognised without this file",
        _ => "Prisma's convention, which is recognised without this file",
    };
    let found = Found {
        schema: project.schema.clone(),
        migrations: project.migrations.clone(),
        copies: project.copies.clone(),
    };
    let mut text = format!("{HEAD}# Found: {why}.\n\n{}", keys(root, &found));
    if project.layout == Layout::LiteLlm
        && let Some(branch) = &project.base_branch
    {
        let _ = writeln!(text, "base_branch = {}", quoted(branch));
        let _ = write!(text, "freshness = \"any\"\n\n[sql]\nidempotent = true\n");
        return text;
    }
    text + TAIL
}

fn of_survey(root: &Utf8Path, survey: &Survey) -> Option<String> {
    let mut text = match &survey.projects[..] {
        [] => return None,
        [only] => format!("{HEAD}\n{}", keys(root, only)),
        several => {
            let mut text = format!(
                "{HEAD}# --project NAME or the working directory chooses among the projects below.\n"
            );
            text.push_str(TAIL);
            let mut names: Vec<String> = Vec::new();
            for (at, found) in several.iter().enumerate() {
                let mut name = name_of(root, found, at);
                if names.contains(&name) {
                    name = format!("{name}-{}", at + 1);
                }
                names.push(name.clone());
                let _ = write!(text, "\n[[project]]\nname = {}\n{}", quoted(&name), keys(root, found));
            }
            text
        }
    };
    if survey.projects.len() == 1 {
        text.push_str(TAIL);
    }
    for other in &survey.others {
        let _ = writeln!(text, "\n# Without migrations, and no copy: {}", relative(root, other));
    }
    Some(text)
}

fn keys(root: &Utf8Path, found: &Found) -> String {
    let mut text = format!(
        "schema = {}\nmigrations = {}\n",
        quoted(relative(root, &found.schema).as_str()),
        quoted(relative(root, &found.migrations).as_str())
    );
    if !found.copies.is_empty() {
        let copies: Vec<_> = found.copies.iter().map(|copy| quoted(relative(root, copy).as_str())).collect();
        let _ = writeln!(text, "copies = [{}]", copies.join(", "));
    }
    text
}

/// The directory that the project is at home in, or its place in the list.
fn name_of(root: &Utf8Path, found: &Found, at: usize) -> String {
    let place = relative(root, found.migrations.parent().unwrap_or(root));
    let mut parts = place.components().rev().map(|part| part.as_str());
    let name =
        parts.find(|part| !["prisma", "db", "database", "packages", "apps", "services"].contains(part));
    name.map_or_else(|| format!("project-{}", at + 1), str::to_owned)
}

fn relative<'a>(root: &Utf8Path, path: &'a Utf8Path) -> &'a Utf8Path {
    path.strip_prefix(root).unwrap_or(path)
}

/// A string of TOML.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
