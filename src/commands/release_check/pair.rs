//! The gates of one pair of releases. Each is asked whatever became of the others.

mod proved;

use std::cell::RefCell;

use super::{
    NAME,
    bench::Bench,
    proofs::{self, Proofs, Schema, Upgrade},
};
use crate::{
    error::Error,
    finding::{Finding, Severity},
    guard::{self, Script, Terms, allow_list::AllowList, consent::Allowance, proof::Proof, waiver::Waivers},
    history::squash,
    outcome::Outcome,
    release::{
        compare::{Pair, differences},
        package::Package,
        rollout::{self, Situation},
        running::{self, Impact, Step},
        upgrade,
        words::DESTRUCTIVE,
    },
    report::{
        Report,
        gates::{self, Gate, Stopped, Verdict},
        progress::Stage,
        release::Release,
    },
};

/// The gates, in their order.
const GATES: [&str; 7] = ["package", "source", "history", "guard", "install", "upgrade", "schema"];

/// Two releases being checked, and what there is to say of them so far.
pub(super) struct Story<'a> {
    bench: &'a Bench<'a>,
    pair: &'a Pair<'a>,
    source: Option<&'a Package>,
    stage: &'a Stage,
    allowed: RefCell<AllowList<'a>>,
    report: RefCell<Report>,
}

impl<'a> Story<'a> {
    pub(super) fn new(bench: &'a Bench<'a>, pair: &'a Pair<'a>, stage: &'a Stage) -> Self {
        let mut report = Report::new(NAME, Outcome::Passed);
        report.release = Some(Box::new(Release::of(pair)));
        let (allowed, report) = (RefCell::new(bench.allow_list()), RefCell::new(report));
        Self { bench, pair, source: None, stage, allowed, report }
    }

    /// With what the new release was built from.
    pub(super) fn built_from(self, source: Option<&'a Package>) -> Self {
        Self { source, ..self }
    }

    /// Asks every gate.
    pub(super) async fn run(self) -> Report {
        self.remark();
        self.package();
        self.source();
        let proofs = self.proofs().await;
        self.history(proofs.as_ref());
        self.guard(proofs.as_ref());
        if let Some(proofs) = &proofs {
            self.install(proofs);
            self.upgrade(proofs);
            self.schema(proofs);
        }
        self.plan(proofs.as_ref());
        let mut report = self.report.into_inner();
        report.gates.sort_by_key(|gate| GATES.iter().position(|name| *name == gate.name));
        report.outcome = gates::outcome(&report.gates);
        report
    }

    /// What a person should know about the packages although it is nobody's fault.
    fn remark(&self) {
        let mut notes = Vec::new();
        for (package, name) in [(self.pair.from, &self.pair.from_name), (self.pair.to, &self.pair.to_name)] {
            if package.migrations.is_none() {
                notes.push(format!("{name} has no migrations: its history counts as empty."));
            } else if package.schema.is_none() {
                notes.push(format!(
                    "{name} has no schema.prisma: its history is compared, and nothing can be said about its schema."
                ));
            }
        }
        let (old, new) = (&self.pair.from.identity.name, &self.pair.to.identity.name);
        if let (Some(old), Some(new)) = (old, new)
            && old != new
        {
            notes.push(format!("These are packages of different names: {old} and {new}."));
        }
        self.report.borrow_mut().notes.extend(notes);
    }

    fn package(&self) {
        let mut findings = self.pair.packaging();
        let mut detail = format!("{}, then {}", self.pair.from.label, self.pair.to.label);
        if self.pair.is_one_release() {
            findings.extend(differences(self.pair.from, self.pair.to));
            detail = format!("{} and {} must hold the same", self.pair.from.label, self.pair.to.label);
        }
        self.allowed.borrow_mut().apply(&mut findings, None);
        self.judged("package", &detail, findings);
    }

    fn source(&self) {
        let Some(source) = self.source else {
            return self.over("source", Verdict::LeftOut, "no --source", Vec::new());
        };
        let mut findings = differences(source, self.pair.to);
        self.allowed.borrow_mut().apply(&mut findings, None);
        self.judged("source", &format!("{} and {}", source.label, self.pair.to.label), findings);
    }

    fn history(&self, proofs: Option<&Proofs>) {
        if self.pair.is_one_release() {
            return self.over("history", Verdict::LeftOut, "one release, packaged twice", Vec::new());
        }
        let squash = self.pair.squash();
        let verdict = proofs.map_or(squash::Verdict::Untried, |proofs| proofs.squash.clone());
        let remark = squash.as_ref().and_then(|squash| squash.remark(&verdict));
        self.report.borrow_mut().notes.extend(remark);
        let mut findings = self.pair.history(squash.as_ref().filter(|_| verdict == squash::Verdict::Same));
        for finding in &mut findings {
            let is_order = matches!(finding.rule, "migration_out_of_order" | "migration_shared_stamp");
            if is_order && self.bench.args.strict_order {
                finding.severity = Severity::Refuse;
            }
        }
        self.allowed.borrow_mut().apply(&mut findings, None);
        let detail = format!(
            "{} migrations, {} of them new since {}",
            self.pair.ours.len(),
            self.pair.pending().len(),
            self.pair.from_name
        );
        self.judged("history", &detail, findings);
    }

    /// What the temporary databases say; `None` where nobody asks them or they cannot be asked.
    async fn proofs(&self) -> Option<Proofs> {
        const GATES: [&str; 3] = ["install", "upgrade", "schema"];
        if self.bench.args.no_database {
            for gate in GATES {
                self.over(gate, Verdict::LeftOut, "--no-database", Vec::new());
            }
            return None;
        }
        match proofs::prove(self.bench, self.pair, self.stage).await {
            Ok(proofs) => {
                self.report.borrow_mut().notes.extend(proofs.notes.iter().cloned());
                Some(proofs)
            }
            Err(error) => {
                for gate in GATES {
                    self.failed(gate, &error);
                }
                None
            }
        }
    }

    /// Every migration that nobody has seen before. Waivers in it do not count: what a branch was allowed to do is
    /// asked again of a release.
    fn guard(&self, proofs: Option<&Proofs>) {
        match self.inspect(proofs) {
            Ok(findings) => {
                let detail = format!("{} new migrations", self.pair.added().len());
                self.judged("guard", &detail, findings);
            }
            Err(error) => self.failed("guard", &error),
        }
    }

    fn inspect(&self, proofs: Option<&Proofs>) -> Result<Vec<Finding>, Error> {
        let added = self.pair.added();
        let mut findings = Vec::new();
        if added.is_empty() {
            return Ok(findings);
        }
        let mut allowed = self.allowed.borrow_mut();
        let mut earlier = guard::catalog::History::empty();
        for migration in &self.pair.loaded.history.migrations {
            let script = Script { file: Some(&migration.path), sql: &migration.sql };
            let proof = proofs.and_then(|proofs| proofs.of(&migration.name));
            let terms = Terms { waivers: &Waivers::Ignored, proof };
            let located = guard::advance(&script, &mut earlier, &migration.name, terms)?;
            if added.contains(migration.name.as_str()) {
                let mut found: Vec<_> = located.into_iter().map(|located| located.finding).collect();
                found.iter_mut().for_each(|finding| self.judged_from_before(finding));
                allowed.apply(&mut found, Some(&migration.name));
                findings.extend(found);
            }
        }
        let concerns = |complaint: &Finding| {
            let allowance: Option<Allowance> = complaint.object.parse().ok();
            allowance.is_some_and(|allowance| findings.iter().any(|finding| allowance.covers(finding)))
        };
        let complaints: Vec<_> = allowed.complaints().into_iter().filter(concerns).collect();
        findings.extend(complaints);
        Ok(findings)
    }

    /// What this same release made, no database of the previous one has to lose.
    fn judged_from_before(&self, finding: &mut Finding) {
        let maker = finding.created_in.as_deref().filter(|maker| self.pair.pending().contains(maker));
        if let Some(maker) = maker {
            finding.severity = Severity::Info;
            finding.why = format!(
                "{maker} of this same release made it: a database on {} never had it. {}",
                self.pair.from_name, finding.why
            );
        } else if finding.severity == Severity::Refuse {
            finding.why = format!("{} {DESTRUCTIVE}.", sentence(&finding.why));
        }
    }

    /// What a process meets, and how the release goes out.
    fn plan(&self, proofs: Option<&Proofs>) {
        let impacts = proofs.and_then(|proofs| self.impacts(proofs));
        let lacking = match proofs {
            Some(Proofs {
                upgrade: Upgrade::Done(done), schema: Schema::Compared { wanted, .. }, ..
            }) => upgrade::lacking(&done.after, wanted),
            _ => Vec::new(),
        };
        let mut report = self.report.borrow_mut();
        let squashes = report.findings.iter().filter(|finding| finding.rule == "history_squashed");
        let recorded: Vec<_> = squashes.map(|finding| finding.object.as_str()).collect();
        let mut pending = self.pair.pending();
        pending.retain(|name| !recorded.contains(name));
        let rollout = (!self.pair.is_one_release()).then(|| {
            rollout::plan(Situation {
                from: &self.pair.from_name,
                to: &self.pair.to_name,
                pending: &pending,
                recorded: &recorded,
                impacts: impacts.as_deref(),
                findings: &report.findings,
                lacking: &lacking,
            })
        });
        if let Some(release) = &mut report.release {
            (release.running, release.rollout) = (impacts, rollout);
        }
    }

    fn impacts(&self, proofs: &Proofs) -> Option<Vec<Impact>> {
        let Upgrade::Done(done) = &proofs.upgrade else { return None };
        let step = |(name, proof): &'_ (String, Proof)| -> (String, Vec<_>, Vec<_>) {
            (name.clone(), proof.effect.differences.clone(), proof.waits.clone())
        };
        let steps: Vec<_> = proofs.steps.iter().map(step).collect();
        let steps: Vec<_> = steps
            .iter()
            .map(|(migration, differences, waits)| Step { migration, differences, waits })
            .collect();
        Some(running::impacts(&done.before, &done.after, &steps))
    }

    /// The gate is over, and this is what it found, less what humans have accepted.
    fn accepted(&self, gate: &'static str, detail: &str, mut findings: Vec<Finding>) {
        self.allowed.borrow_mut().apply(&mut findings, None);
        self.judged(gate, detail, findings);
    }

    fn judged(&self, gate: &'static str, detail: &str, findings: Vec<Finding>) {
        let verdict = match (findings.iter().any(Finding::refuses), gate) {
            (false, _) => Verdict::Passed,
            (true, "guard") => Verdict::Stopped(Stopped::RefusedDestructive),
            (true, _) => Verdict::Stopped(Stopped::RefusedOutOfSync),
        };
        self.over(gate, verdict, detail, findings);
    }

    /// The gate could not be asked.
    fn failed(&self, gate: &'static str, error: &Error) {
        self.over(gate, Verdict::Stopped(Stopped::Failed), &error.text(), Vec::new());
        let mut report = self.report.borrow_mut();
        if report.error.is_none() {
            report.error = Some(format!("{gate}: {}", error.text()));
            report.hint = error.next_step();
        }
    }

    fn over(&self, gate: &'static str, verdict: Verdict, detail: &str, findings: Vec<Finding>) {
        let mut report = self.report.borrow_mut();
        let first = report.findings.len();
        report.findings.extend(findings);
        let findings = first..report.findings.len();
        report.gates.push(Gate { name: gate, verdict, detail: detail.to_owned(), findings });
    }
}

fn sentence(words: &str) -> String {
    if words.ends_with(['.', '!', '?']) { words.to_owned() } else { format!("{words}.") }
}
