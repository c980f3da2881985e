//! `run-migration ci`: workflows for the repository's layout.

use crate::{
    cli::ci::{CiCommand, GithubArgs},
    config::Project,
    context::Context,
    error::Error,
    outcome::Outcome,
    report::Report,
    workflows::{self, Packages, Placed, Source, Workflow},
};

/// Prints or writes the workflows.
///
/// # Errors
/// Where there is no project, or a workflow cannot be made or written.
pub(super) async fn run(context: &Context, command: &CiCommand) -> Result<Report, Error> {
    let CiCommand::Github(args) = command;
    let projects = Project::all(context).await?;
    let config = context.settings.config.as_ref().map(|config| context.absolute(config));
    let source = source(args);
    let workflows = workflows::render(&projects, config.as_deref(), &source)?;
    let mut report = Report::new("ci", Outcome::Passed);
    report.notes = notes(&projects, &source);
    report.result = Some(if args.write {
        let repository = projects[0].repository();
        let placed = workflows::place(&context.processes, &repository, &workflows)?;
        placed.iter().map(|placed| told(&repository, placed)).collect()
    } else {
        printed(&workflows)
    });
    Ok(report)
}

/// What was typed, else where this tool says that it comes from.
fn source(args: &GithubArgs) -> Source {
    let own = Some(env!("CARGO_PKG_REPOSITORY")).filter(|url| !url.is_empty()).map(str::to_owned);
    Source { repository: args.tool_repository.clone().or(own), revision: args.tool_revision.clone() }
}

fn notes(projects: &[Project], source: &Source) -> Vec<String> {
    let mut notes = Vec::new();
    if !source.is_known() {
        notes.push(
            "Fill in TOOL_REPOSITORY and TOOL_REVISION at the top of each workflow, or name them with \
             --tool-repository and --tool-revision: until then every run of them ends with an error."
                .into(),
        );
    }
    let (packages, without_lockfile) = Packages::of(projects);
    notes.extend(packages.iter().filter_map(Packages::note));
    for path in without_lockfile {
        let path = projects[0].relative(path);
        notes.push(format!(
            "{path} is read with the project's own Prisma, and no lockfile says which one that is: commit one (such as npm's \
             package-lock.json) and print the workflows anew, or add a step that installs it to the check, before \"Check \
             the migrations\"."
        ));
    }
    if projects.iter().all(|project| project.copies.is_empty()) {
        notes.push(
            "The schema has no copies, so there is no workflow that synchronises them, and none that may write."
                .into(),
        );
    }
    notes
}

/// YAML documents, one after the other.
fn printed(workflows: &[Workflow]) -> String {
    workflows.iter().map(|workflow| workflow.text.as_str()).collect::<Vec<_>>().join("---\n")
}

fn told(repository: &camino::Utf8Path, placed: &Placed) -> String {
    let relative = |path: &camino::Utf8Path| path.strip_prefix(repository).unwrap_or(path).to_string();
    match placed {
        Placed::Written(path) => format!("{}\n", relative(path)),
        Placed::Unchanged(path) => format!("{} (unchanged)\n", relative(path)),
    }
}
