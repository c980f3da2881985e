//! Every gate that a pull request needs, one verdict.
//!
//! ```text
//! base        what the branch is compared with
//! migrations  the history against it, and the guard on what is new
//! replay      what takes a temporary database
//! ```

mod base;
mod migrations;
mod replay;

use std::cell::RefCell;

use clap::ValueEnum;

use super::job::{Job, Stop, freshness_request};
use crate::{
    cli::check::{CheckArgs, GateName},
    config::Project,
    context::Context,
    error::Error,
    finding::Finding,
    freshness,
    git::Git,
    guard::allow_list::AllowList,
    history::{
        self, Migration,
        compare::{Shipped, compare},
        squash::{self, Squash},
    },
    outcome::Outcome,
    report::{
        Report,
        gates::{self, Gate, Stopped, Verdict},
    },
};

/// Runs the command.
///
/// # Errors
/// Where the work could not be begun. What a gate comes to is in the report.
pub(super) async fn run(context: &Context, args: &CheckArgs) -> Result<Report, Error> {
    let projects = Project::all(context).await?;
    let requests: Vec<_> = projects
        .iter()
        .map(|project| freshness_request(context, &args.base, project))
        .collect::<Result<_, _>>()?;
    let file = projects[0].config.clone().unwrap_or_default();
    let allowed = RefCell::new(AllowList::new(&file, &projects[0].allow, context.today()));
    let mut all: Option<Report> = None;
    for (at, project) in projects.iter().enumerate() {
        let check = Check {
            job: Job::new(context, project, "check"),
            git: context.git(&project.root),
            request: freshness::Request {
                // The branch is one, whichever project a missing commit touches.
                paths: requests.iter().flat_map(|request| request.paths.clone()).collect(),
                ..requests[at].clone()
            },
            allowed: &allowed,
            turn: Turn { at, of: projects.len() },
            args,
        };
        check.job.report.borrow_mut().freshness = all.as_ref().and_then(|all| all.freshness.clone());
        let end = check.story().await;
        let report = check.job.report(end);
        match &project.name {
            None => all = Some(report),
            Some(name) => {
                all.get_or_insert_with(|| Report::new("check", Outcome::Passed)).absorb(report, name)
            }
        }
    }
    all.ok_or_else(|| Error::failed("there is no project"))
}

struct Check<'a> {
    job: Job<'a>,
    git: Git,
    args: &'a CheckArgs,
    request: freshness::Request,
    /// Shared by all projects: an entry that one of them needs is none too many.
    allowed: &'a RefCell<AllowList<'a>>,
    turn: Turn,
}

/// Whose turn it is among several projects.
#[derive(Debug, Clone, Copy)]
struct Turn {
    at: usize,
    of: usize,
}

impl Check<'_> {
    async fn story(&self) -> Result<Outcome, Stop> {
        self.freshness().await;
        self.copies().await;
        let loaded = history::load::load(&self.job.project.migrations)?;
        let base = self.base().await;
        let shipped = self.shipped(base.as_ref()).await;
        let theirs = shipped.as_ref().map(|(theirs, _)| theirs);
        let squash = shipped.as_ref().and_then(|(theirs, newest)| {
            let ours = loaded.history.shipped();
            Squash::among(&compare(theirs, newest, &ours), (theirs, newest), &ours)
        });
        let replayed = self.replayed((&loaded.history, squash.as_ref()), theirs).await;
        let squash = squash.map(|squash| match &replayed {
            Some(Ok(replayed)) => (squash, replayed.squash.clone()),
            _ => (squash, squash::Verdict::Untried),
        });
        self.history(&loaded, squash, base.as_ref().zip(shipped.as_ref()));
        let proofs = match &replayed {
            Some(Ok(replayed)) => &replayed.proofs[..],
            _ => &[],
        };
        self.guard(&loaded.history, theirs, proofs);
        self.reproduced(replayed);
        let mut report = self.job.report.borrow_mut();
        let place = |gate: &Gate| GateName::value_variants().iter().position(|name| name.name() == gate.name);
        report.gates.sort_by_key(place);
        Ok(gates::outcome(&report.gates))
    }

    /// Whether a gate is to be asked; where it is not, the report says so.
    fn is_asked(&self, gate: GateName) -> bool {
        let why = if self.args.skip.contains(&gate) {
            Some("--skip")
        } else if !self.args.only.is_empty() && !self.args.only.contains(&gate) {
            Some("--only")
        } else if gate == GateName::Freshness && self.request.base_ref.is_some() {
            Some("nothing is fetched: the base is named by --base")
        } else if gate == GateName::Replay && self.args.no_database {
            Some("--no-database")
        } else {
            None
        };
        if let Some(why) = why {
            self.over(gate, Verdict::LeftOut, why, Vec::new());
        }
        why.is_none()
    }

    async fn freshness(&self) {
        // It is asked once for all projects.
        if self.turn.at > 0 || !self.is_asked(GateName::Freshness) {
            return;
        }
        match freshness::check(&self.git, &self.request).await {
            Err(error) => self.failed(GateName::Freshness, &error.into()),
            Ok(freshness) => {
                let verdict = match freshness.is_stale() {
                    true => Verdict::Stopped(Stopped::RefusedStale),
                    false => Verdict::Passed,
                };
                self.over(GateName::Freshness, verdict, &freshness.summary(), Vec::new());
                self.job.report.borrow_mut().freshness = Some(freshness);
            }
        }
    }

    async fn copies(&self) {
        if !self.is_asked(GateName::Copies) {
            return;
        }
        match self.job.compare_copies().await {
            Ok((detail, differences)) => self.judged(GateName::Copies, &detail, differences),
            Err(error) => self.failed(GateName::Copies, &error),
        }
    }

    /// The gate is over, and this is what it found.
    fn judged(&self, gate: GateName, detail: &str, findings: Vec<Finding>) {
        let refuses = findings.iter().any(Finding::refuses);
        let verdict = match (refuses, gate) {
            (false, _) => Verdict::Passed,
            (true, GateName::Guard) => Verdict::Stopped(Stopped::RefusedDestructive),
            (true, _) => Verdict::Stopped(Stopped::RefusedOutOfSync),
        };
        self.over(gate, verdict, detail, findings);
    }

    /// The gate could not be asked.
    fn failed(&self, gate: GateName, error: &Error) {
        self.over(gate, Verdict::Stopped(Stopped::Failed), &error.text(), Vec::new());
        let mut report = self.job.report.borrow_mut();
        if report.error.is_none() {
            report.error = Some(format!("{}: {}", gate.name(), error.text()));
            report.hint = error.next_step();
        }
    }

    fn over(&self, gate: GateName, verdict: Verdict, detail: &str, findings: Vec<Finding>) {
        let mut report = self.job.report.borrow_mut();
        let first = report.findings.len();
        report.findings.extend(findings.into_iter().map(|finding| self.job.project.localise(finding)));
        let findings = first..report.findings.len();
        report.gates.push(Gate { name: gate.name(), verdict, detail: detail.to_owned(), findings });
    }
}

/// Whether the base has neither this name nor, under another one, this text.
fn is_new(migration: &Migration, theirs: &Shipped) -> bool {
    !theirs.contains_key(&migration.name) && !theirs.values().any(|sql| sql == migration.sql.as_bytes())
}
