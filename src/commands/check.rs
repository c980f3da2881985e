//! Every gate that a pull request needs, one verdict.

use std::cell::RefCell;

use super::{
    job::{Job, Stop, freshness_request},
    workbench::Workbench,
};
use clap::ValueEnum;

use crate::{
    cli::check::{CheckArgs, GateName},
    config::Project,
    context::Context,
    error::Error,
    finding::{Finding, Severity},
    freshness,
    git::{CommitId, Git},
    guard::{self, Terms, allow_list::AllowList, proof::Proof, waiver::Waivers},
    history::{
        self, History, Migration,
        compare::{Shipped, Wording, compare},
        integrity,
        load::Loaded,
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

/// What the temporary database said.
struct Replayed {
    /// The SQL that is missing; `None` where nothing is.
    missing: Option<String>,
    /// What became of the question whether one migration stands in for others.
    squash: squash::Verdict,
    /// What was proved about the migrations that are new, and about what comes after them.
    proofs: Vec<(String, Proof)>,
}

/// The two points of the base that matter.
struct Base {
    /// What it is called.
    name: String,
    /// Where the branch left it.
    fork: CommitId,
    /// Where it is now.
    tip: CommitId,
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

    /// The base to compare with: what the freshness gate found, else what is known of it here.
    async fn base(&self) -> Option<Base> {
        let asked = self
            .job
            .report
            .borrow()
            .freshness
            .as_ref()
            .map(|freshness| (freshness.base.clone(), freshness.base_commit.parse().ok()));
        let (name, tip) = match asked {
            Some((name, tip)) => (name, tip?),
            None => (self.base_name(), freshness::known_base(&self.git, &self.request).await?),
        };
        let head = self.git.head().await.ok()?;
        let fork = self.git.merge_base(&tip, &head).await.ok()??;
        Some(Base { name, fork, tip })
    }

    fn base_name(&self) -> String {
        let freshness::Request { base_ref, base_branch, default_branch, .. } = &self.request;
        let branch = base_branch.as_ref().or(default_branch.as_ref());
        let named = base_ref.as_ref().map(ToString::to_string).or_else(|| branch.map(ToString::to_string));
        named.unwrap_or_else(|| "the base".into())
    }

    /// The history as the base has it: where the branch left it, and now.
    async fn shipped(&self, base: Option<&Base>) -> Option<(Shipped, Shipped)> {
        let base = base?;
        let theirs = self.job.shipped_at(&self.git, &base.fork).await.ok()?;
        let newest = self.job.shipped_at(&self.git, &base.tip).await.ok()?;
        Some((theirs, newest))
    }

    /// The history by itself, and against the base.
    fn history(
        &self,
        loaded: &Loaded,
        squash: Option<(Squash, squash::Verdict)>,
        base: Option<(&Base, &(Shipped, Shipped))>,
    ) {
        if !self.is_asked(GateName::History) {
            return;
        }
        let Some((base, (theirs, newest))) = base else {
            let error = Error::failed("there is no base to compare the history with").hint(
                "name one: --base REF for a commit that is here, --base-branch BRANCH for one to fetch",
            );
            return self.failed(GateName::History, &error);
        };
        let mut findings = loaded.damages.clone();
        match integrity::inspect(&loaded.history) {
            Ok(more) => findings.extend(more),
            Err(error) => return self.failed(GateName::History, &error.into()),
        }
        let wording = Wording {
            directory: &self.job.project.migrations,
            theirs: &base.name,
            commit: Some(base.fork.short()),
        };
        let mut changes = compare(theirs, newest, &loaded.history.shipped());
        if let Some((squash, verdict)) = squash {
            squash.remark(&verdict).iter().for_each(|remark| self.job.note(remark));
            if verdict == squash::Verdict::Same {
                changes = squash.of(changes);
            }
        }
        let changes: Vec<_> = changes.iter().map(|change| self.ordered(change.finding(wording))).collect();
        // A directory that has lost its file is one finding, not two.
        findings.extend(
            changes
                .into_iter()
                .filter(|change| !loaded.damages.iter().any(|damage| damage.object == change.object)),
        );
        let new = loaded.history.migrations.iter().filter(|one| is_new(one, theirs)).count();
        let detail =
            format!("{} migrations, {new} of them new since {}", loaded.history.migrations.len(), base.name);
        self.allowed.borrow_mut().apply(&mut findings, None);
        self.judged(GateName::History, &detail, findings);
    }

    /// With `--strict-order`, the place of a migration is no matter of opinion.
    fn ordered(&self, mut finding: Finding) -> Finding {
        if self.args.strict_order
            && matches!(finding.rule, "migration_out_of_order" | "migration_shared_stamp")
        {
            finding.severity = Severity::Refuse;
        }
        finding
    }

    /// Every new migration, its waivers and the allow list.
    fn guard(&self, history: &History, theirs: Option<&Shipped>, proofs: &[(String, Proof)]) {
        if !self.is_asked(GateName::Guard) {
            return;
        }
        let Some(theirs) = theirs else {
            let error = Error::failed("without a base it cannot be told which migrations are new").hint(
                "name one: --base REF for a commit that is here, --base-branch BRANCH for one to fetch",
            );
            return self.failed(GateName::Guard, &error);
        };
        match self.inspect(history, theirs, proofs) {
            Ok((new, findings)) => self.judged(GateName::Guard, &format!("{new} new migrations"), findings),
            Err(error) => self.failed(GateName::Guard, &error),
        }
    }

    /// How many migrations are new, and what the guard finds in them, what humans have accepted marked. The others
    /// tell which entries of the allow list something in the history needs.
    fn inspect(
        &self,
        history: &History,
        theirs: &Shipped,
        proofs: &[(String, Proof)],
    ) -> Result<(usize, Vec<Finding>), Error> {
        let waivers = Waivers::Honoured { except: self.job.project.guard.forbid_waivers.clone() };
        let mut allowed = self.allowed.borrow_mut();
        let mut earlier = guard::catalog::History::empty();
        let (mut new, mut findings) = (0, Vec::new());
        for migration in &history.migrations {
            let script = guard::Script { file: Some(&migration.path), sql: &migration.sql };
            let proof = proofs.iter().find(|(name, _)| *name == migration.name).map(|(_, proof)| proof);
            let terms = Terms { waivers: &waivers, proof };
            let located = guard::advance(&script, &mut earlier, &migration.name, terms)?;
            let mut found: Vec<_> = located.into_iter().map(|located| located.finding).collect();
            allowed.apply(&mut found, Some(&migration.name));
            if is_new(migration, theirs) {
                new += 1;
                findings.extend(found);
            }
        }
        if self.turn.at + 1 == self.turn.of {
            findings.extend(allowed.complaints());
        }
        Ok((new, findings))
    }

    /// What the temporary database says: the new migrations are proved as they are added to it. `None` where the
    /// gate is not asked.
    async fn replayed(
        &self,
        (history, squash): (&History, Option<&Squash>),
        theirs: Option<&Shipped>,
    ) -> Option<Result<Replayed, Stop>> {
        if !self.is_asked(GateName::Replay) {
            return None;
        }
        let is_old = |one: &Migration| theirs.is_none_or(|theirs| !is_new(one, theirs));
        let old = history.migrations.iter().take_while(|one| is_old(one)).count();
        Some(self.replay((history, old), theirs.filter(|_| squash.is_some())).await)
    }

    /// Replays the first `old` migrations, then proves and adds the rest one by one, and asks Prisma what is missing; and
    /// where they may stand in for some of `theirs`, whether they do.
    async fn replay(
        &self,
        (history, old): (&History, usize),
        theirs: Option<&Shipped>,
    ) -> Result<Replayed, Stop> {
        let (old, added) = history.migrations.split_at(old);
        let old = History { directory: history.directory.clone(), migrations: old.to_vec() };
        let bench = Workbench::set_up(&self.job, &old).await?;
        let proofs = bench.prove(added).await?;
        let missing = bench.left_after(added).await?;
        let squash = match theirs {
            Some(theirs) => bench.stands_in_for(&History::of(theirs, &old.directory), added).await?,
            None => squash::Verdict::Untried,
        };
        bench.stop().await?;
        let names = added.iter().map(|migration| migration.name.clone());
        Ok(Replayed { missing, squash, proofs: names.zip(proofs).collect() })
    }

    /// The history replays from nothing and makes what the schema says.
    fn reproduced(&self, replayed: Option<Result<Replayed, Stop>>) {
        match replayed {
            None | Some(Err(Stop::Refused(_))) => {}
            Some(Err(Stop::Failed(error))) => self.failed(GateName::Replay, &error),
            Some(Ok(Replayed { missing, .. })) => {
                let detail = match missing {
                    None => "the history makes what the schema says",
                    Some(_) => "the schema has what no migration makes",
                };
                let findings = missing.map(|sql| self.schema_not_reproduced(sql)).into_iter().collect();
                self.judged(GateName::Replay, detail, findings);
            }
        }
    }

    fn schema_not_reproduced(&self, sql: String) -> Finding {
        let schema = &self.job.project.schema;
        Finding {
            file: Some(schema.clone()),
            statement: sql,
            why: "the history does not make what the schema says: code that is generated from it would ask for what no \
                  database has"
                .into(),
            safer: "`run-migration NAME` writes the migration that is missing, after this branch is up to date".into(),
            proof: vec!["the whole history was replayed on a temporary PostgreSQL and compared by Prisma".into()],
            ..Finding::new("migration_missing", Severity::Refuse, schema.to_string())
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
