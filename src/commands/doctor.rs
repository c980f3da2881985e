//! What would be used and why, and how to mend what is missing. Nothing is installed or changed.

use std::fmt::Write;

use super::job::locate_prisma;
use crate::{
    config::{Layout, Project},
    context::Context,
    error::Error,
    freshness, history,
    outcome::Outcome,
    postgres,
    prisma::{self, Wanting},
    report::{Report, Tool},
};

/// Runs the command.
///
/// # Errors
/// None: what is missing is in the report.
pub(super) async fn run(context: &Context) -> Result<Report, Error> {
    let mut doctor = Doctor { context, report: Report::new("doctor", Outcome::Passed), lines: String::new() };
    let project = doctor.layout().await;
    doctor.git(project.as_ref()).await;
    doctor.postgres(project.as_ref()).await;
    if let Some(project) = &project {
        doctor.prisma(project).await;
    }
    doctor.cache();
    doctor.report.result = Some(doctor.lines);
    Ok(doctor.report)
}

struct Doctor<'a> {
    context: &'a Context,
    report: Report,
    lines: String,
}

impl Doctor<'_> {
    /// The project's files, and which rule found them.
    async fn layout(&mut self) -> Option<Project> {
        let project = match Project::find(self.context).await {
            Ok(project) => project,
            Err(error) => {
                self.missing("layout", &error.into());
                return None;
            }
        };
        let why = match project.layout {
            Layout::LiteLlm => "LiteLLM's layout",
            Layout::Prisma => "Prisma's convention",
            Layout::Configured => "run-migration.toml",
        };
        let count =
            history::load::load(&project.migrations).map_or(0, |loaded| loaded.history.migrations.len());
        self.found("layout", why, project.root.as_str(), "");
        self.found("", "", project.relative(&project.schema).as_str(), "the schema");
        for copy in &project.copies {
            self.found("", "", project.relative(copy).as_str(), "a copy of it");
        }
        self.found("", "", project.relative(&project.migrations).as_str(), &format!("{count} migrations"));
        Some(project)
    }

    async fn git(&mut self, project: Option<&Project>) {
        let git = self.context.git(project.map_or(&self.context.cwd, |project| &project.root));
        let version = match git.version().await {
            Ok(version) => version,
            Err(error) => return self.missing("git", &error.into()),
        };
        self.tool(Tool { role: "git", version, path: String::new(), why: "first on the PATH".into() });
        let remote = match freshness::choose_remote(&git, None).await {
            Ok(remote) => remote,
            Err(error) => return self.missing("remote", &error.into()),
        };
        let url = git.remote_url(&remote).await.unwrap_or_default();
        let branch = project.and_then(|project| project.base_branch.clone());
        let base = branch.unwrap_or_else(|| "the branch that its HEAD names".into());
        self.found("remote", remote.as_str(), &url, &format!("the base is {base}"));
    }

    async fn postgres(&mut self, project: Option<&Project>) {
        match postgres::find(self.context, project.and_then(|project| project.postgres_major)).await {
            Ok(Some(installation)) => self.tool(installation.tool()),
            Ok(None) => {
                self.found("postgres", "", "not installed", "the first run installs it, from npm or GitHub")
            }
            Err(error) => self.missing("postgres", &error.into()),
        }
    }

    async fn prisma(&mut self, project: &Project) {
        match locate_prisma(self.context, project, Wanting::Tell).await {
            Ok(toolchain) => toolchain.tools().into_iter().for_each(|tool| self.tool(tool)),
            Err(Error::Prisma(error @ prisma::Error::NotInstalled { .. })) => {
                self.found("prisma", "", "not installed", &error.to_string());
            }
            Err(error) => self.missing("prisma", &error),
        }
    }

    fn cache(&mut self) {
        match self.context.cache_dir() {
            Ok(directory) => self.found("cache", "", directory.as_str(), "installed tools"),
            Err(error) => self.missing("cache", &error),
        }
    }

    fn tool(&mut self, tool: Tool) {
        self.found(tool.role, &tool.version, &tool.path, &tool.why);
        self.report.toolchain.push(tool);
    }

    fn found(&mut self, what: &str, version: &str, place: &str, why: &str) {
        let words =
            [version, place].into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join("  ");
        let why = if why.is_empty() { String::new() } else { format!("  ({why})") };
        // Writing to a string cannot fail.
        let _ = writeln!(self.lines, "{what:<10}  {words}{why}");
    }

    /// The first thing that is missing is the run's error; all of them are in the lines.
    fn missing(&mut self, what: &str, error: &Error) {
        let _ = writeln!(self.lines, "{what:<10}  MISSING: {}", error.text());
        if let Some(hint) = error.next_step() {
            let _ = writeln!(self.lines, "{:<10}  to mend it: {hint}", "");
        }
        if self.report.error.is_none() {
            self.report.fail(error);
        }
    }
}
