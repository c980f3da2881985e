//! Makes the copies of the schema equal to the source.

use std::fmt::Write;

use camino::{Utf8Path, Utf8PathBuf};

use super::job::{Job, Stop, freshness_request};
use crate::{
    cli::SyncArgs,
    config::Project,
    context::Context,
    error::Error,
    finding::{Consent, Finding},
    freshness,
    git::Git,
    guard::agents,
    outcome::Outcome,
    report::Report,
    schema_files::{Copies, Plan, Planned, Tree, unified_diff},
};

/// How many versions of the source are looked at, from the base on.
const VERSIONS: usize = 200;

/// Runs the command.
///
/// # Errors
/// Where the work could not be begun.
pub(super) async fn run(context: &Context, args: &SyncArgs) -> Result<Report, Error> {
    let decisions: &[_] = if args.discard { &["--discard"] } else { &[] };
    agents::human_words(&context.environment, decisions)
        .map_err(|refused| Error::Usage(refused.to_string()))?;
    let mut all: Option<Report> = None;
    for project in &Project::all(context).await? {
        let report = of_project(context, args, project).await?;
        match &project.name {
            None => all = Some(report),
            Some(name) => {
                all.get_or_insert_with(|| Report::new("sync", Outcome::Passed)).absorb(report, name)
            }
        }
    }
    all.ok_or_else(|| Error::failed("there is no project"))
}

async fn of_project(context: &Context, args: &SyncArgs, project: &Project) -> Result<Report, Error> {
    let sync = Sync {
        job: Job::new(context, project, "sync"),
        git: context.git(&project.root),
        request: freshness_request(context, &args.base, project)?,
        args,
    };
    let end = if args.check { sync.check().await } else { sync.synchronise().await };
    Ok(sync.job.report(end))
}

struct Sync<'a> {
    job: Job<'a>,
    git: Git,
    request: freshness::Request,
    args: &'a SyncArgs,
}

impl Sync<'_> {
    /// Shows what differs.
    async fn check(&self) -> Result<Outcome, Stop> {
        let copies = self.copies().await;
        let findings = copies.compare()?;
        if findings.is_empty() {
            self.job.note(&format!("{} copies equal the source", copies.copies.len()));
            return Ok(Outcome::Passed);
        }
        // Of what cannot be read there is no diff; the finding says so.
        if let Ok((wanted, planned)) = copies.plan() {
            let diffs = planned.plans.iter().map(|plan| self.diff(plan, &wanted));
            self.job.report.borrow_mut().result = Some(diffs.collect());
        }
        self.job.refuse_damage(findings)?;
        Ok(Outcome::Passed)
    }

    /// Writes what differs.
    async fn synchronise(&self) -> Result<Outcome, Stop> {
        let copies = self.copies().await;
        let (wanted, planned) = copies.plan()?;
        let Planned { plans, obstacles } = planned;
        self.job.refuse_damage(obstacles)?;
        self.keep_what_others_wrote(&plans, wanted).await?;
        for plan in &plans {
            plan.carry_out(&self.job.context.processes)?;
        }
        if self.args.stage {
            self.stage(copies.copies, &plans).await?;
        }
        Ok(self.say_what_changed(&plans))
    }

    async fn copies(&self) -> Copies<'_> {
        let Project { root, schema, copies, .. } = self.job.project;
        Copies::new(root, schema, copies).with_left_out(&self.git).await
    }

    /// Refuses where a copy holds lines that the source never had, unless a human throws them away.
    async fn keep_what_others_wrote(&self, plans: &[Plan], source: Tree) -> Result<(), Stop> {
        if plans.is_empty() {
            return Ok(());
        }
        let mut known = self.earlier_sources().await;
        known.push(source);
        let mut foreign: Vec<Finding> = plans.iter().filter_map(|plan| plan.foreign_lines(&known)).collect();
        if !self.args.discard {
            return self.job.refuse_damage(foreign);
        }
        for finding in &mut foreign {
            finding.allowed = Some(Consent { by: "--discard", reason: None });
        }
        let foreign = foreign.into_iter().map(|finding| self.job.project.localise(finding));
        self.job.report.borrow_mut().findings.extend(foreign);
        Ok(())
    }

    /// The source as the base has it, as HEAD has it, and as every commit between has it. Where git cannot tell,
    /// nothing is known, and every line that the source lacks is somebody's.
    async fn earlier_sources(&self) -> Vec<Tree> {
        let project = self.job.project;
        let Ok(source) = project.schema.strip_prefix(self.git.directory()) else { return Vec::new() };
        let Ok(head) = self.git.head().await else { return Vec::new() };
        let mut commits = vec![head.clone()];
        if let Some(base) = freshness::known_base(&self.git, &self.request).await {
            if let Ok(Some(fork)) = self.git.merge_base(&base, &head).await {
                commits
                    .extend(self.git.changes_of(source, (&fork, &head), VERSIONS).await.unwrap_or_default());
                commits.push(fork);
            }
            commits.push(base);
        }
        let mut trees = Vec::new();
        for commit in commits {
            if let Ok(stored) = self.git.files(&commit, source).await {
                trees.extend(Tree::of_stored(source, stored));
            }
        }
        trees
    }

    /// Stages the copies, and what was removed of them, and nothing else.
    async fn stage(&self, copies: &[Utf8PathBuf], plans: &[Plan]) -> Result<(), Stop> {
        let checked_out = copies.iter().filter(|copy| copy.exists());
        let mut paths: Vec<_> = checked_out.chain(plans.iter().flat_map(Plan::files)).cloned().collect();
        paths.sort();
        paths.dedup();
        Ok(self.git.stage(&paths).await?)
    }

    fn say_what_changed(&self, plans: &[Plan]) -> Outcome {
        if plans.is_empty() {
            let count = self.job.project.copies.len();
            self.job.note(&format!("Nothing to do: {count} copies equal the source"));
            return Outcome::Passed;
        }
        let mut changed = String::new();
        for file in plans.iter().flat_map(Plan::files) {
            // Writing to a string cannot fail.
            let _ = writeln!(changed, "{}", self.job.context.as_typed(file));
        }
        self.job.report.borrow_mut().result = Some(changed);
        Outcome::Synced
    }

    fn diff(&self, plan: &Plan, wanted: &Tree) -> String {
        let copy: &Utf8Path = self.job.project.relative(&plan.copy);
        unified_diff(copy, &plan.found, wanted)
    }
}
