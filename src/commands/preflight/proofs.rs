//! What takes a temporary database: drift, and what the pending migrations do on it.

use std::collections::BTreeSet;

use super::{
    Flight,
    job::{Job, Stop},
};
use crate::{
    catalog::{self, Catalog, Difference},
    config::Project,
    deploy::{
        drift::Drift,
        privileges::{self, Known},
        shape,
    },
    error::Error,
    external::External,
    finding::{Finding, Severity},
    guard::proof::{self, Effect, Proof, ProofError},
    history::replay::{self, Failure, ReplayError},
    live::state::Standing,
    outcome::Outcome,
    postgres::{Role, Server},
    report::Report,
};

/// The database that the applied part of the history is replayed into, and its clones.
const HISTORY: &str = "history";
const AHEAD: &str = "ahead";
const SHAPED: &str = "shaped";

/// More pending migrations than these are proved together, not one by one.
const PROVED: usize = 20;

/// What was proved on the temporary database.
pub(super) struct Proved {
    /// One for each pending migration, where there are few.
    pub(super) proofs: Vec<Proof>,
    /// What all of them together do.
    pub(super) effect: Effect,
}

impl Flight<'_> {
    /// What takes a temporary database. Where none can be had, what is missing is said.
    pub(super) async fn prove(&mut self, report: &mut Report) -> Option<Proved> {
        let project = match Project::around(self.context).await {
            Ok(project) => Project { database_schema: Some(self.subject.target.schema.clone()), ..project },
            Err(error) => {
                self.cannot_prove(&error.to_string());
                return None;
            }
        };
        let job = Job::new(self.context, &project, "preflight");
        let proved = self.on_temporary_database(&job).await;
        let mut done = job.report(Ok(Outcome::Passed));
        report.toolchain.append(&mut done.toolchain);
        report.timings.append(&mut done.timings);
        report.notes.append(&mut done.notes);
        match proved {
            Ok(proved) => proved,
            Err(Stop::Failed(error)) => {
                self.cannot_prove(&error.text());
                None
            }
            Err(Stop::Refused(_)) => None,
        }
    }

    fn cannot_prove(&mut self, why: &str) {
        let because = why.lines().next().unwrap_or_default();
        for what in [
            "whether the live catalog is what its migrations made (drift)",
            "whether the pending migrations run after those that are applied, and on what the database has",
            "which privileges they need, and what they lock, rewrite or destroy beyond what their text tells",
        ] {
            self.said.missing_proofs.push(format!("{what} ({because})"));
        }
    }

    async fn on_temporary_database(&mut self, job: &Job<'_>) -> Result<Option<Proved>, Stop> {
        let external = job.project.external()?;
        let applied = self.applied();
        let server = job.postgres(self.subject.history, &external).await?;
        let stage = self.context.progress.stage("replay");
        server.create_database(HISTORY, job.role()).await?;
        let target = job.target(&server, HISTORY);
        external.prepare(target).await?;
        replay::replay(&applied, target, |_| {}).await?;
        external.set_up(target).await?.iter().for_each(|note| job.note(note));
        let made = proof::before(target).await?;
        job.done(stage.done(&format!(
            "{} of {} migrations are applied",
            applied.migrations.len(),
            self.subject.history.migrations.len()
        )));
        let stage = self.context.progress.stage("proofs");
        let proved = self.pending_after_history(job, &server, &made).await?;
        let wanted = objects(proved.as_ref(), |difference| difference.change == catalog::Change::Added);
        let drift = self.drift(&made, (&external, &wanted));
        let touched = objects(proved.as_ref(), |_| true);
        self.findings.extend(drift.findings(&touched));
        if !drift.differences.is_empty() && !self.would_fail() {
            self.pending_as_it_is(job, &server, &drift.differences).await?;
        }
        self.said.foreign.clone_from(&drift.foreign);
        if let Some(proved) = &proved {
            self.privileges(proved)?;
        }
        job.done(stage.done("done"));
        server.stop().await?;
        Ok(proved)
    }

    fn drift(&self, made: &Catalog, (external, wanted): (&External, &BTreeSet<String>)) -> Drift {
        match self.plan.state.standing {
            // Nothing was ever made here by migrations.
            Standing::NotManaged | Standing::Empty => {
                Drift::of(&Catalog::default(), &self.live.catalog, external, wanted)
            }
            _ => Drift::of(made, &self.live.catalog, external, wanted),
        }
    }

    fn would_fail(&self) -> bool {
        self.findings.iter().any(|finding| finding.rule == "would_fail")
    }

    /// Runs the pending migrations after those that are applied.
    async fn pending_after_history(
        &mut self,
        job: &Job<'_>,
        server: &Server,
        made: &Catalog,
    ) -> Result<Option<Proved>, Stop> {
        let pending: Vec<_> = self.plan.pending.iter().map(|one| (*one).clone()).collect();
        let empty = || Effect::between(made.clone(), made.clone());
        if pending.is_empty() {
            return Ok(Some(Proved { proofs: Vec::new(), effect: empty() }));
        }
        let target = job.target(server, HISTORY);
        if pending.len() <= PROVED && !self.plan.state.applied.is_empty() {
            return match proof::prove_all(&pending, made.clone(), target).await {
                Ok(proofs) => {
                    let after = proofs.last().map_or_else(|| made.clone(), |last| last.effect.after.clone());
                    let effect = Effect::between(made.clone(), after);
                    Ok(Some(Proved { proofs, effect }))
                }
                Err(ProofError::Migration(ReplayError::Migration(failure))) => {
                    self.fails(&failure, "run after those that are applied, on a temporary database");
                    Ok(None)
                }
                Err(error) => Err(error.into()),
            };
        }
        server.clone_database(HISTORY, AHEAD).await?;
        if let Some(failure) = self.run_all(job, server, AHEAD).await? {
            self.fails(&failure, "run after those that are applied, on a temporary database");
            return Ok(None);
        }
        let after = proof::before(job.target(server, AHEAD)).await?;
        Ok(Some(Proved { proofs: Vec::new(), effect: Effect::between(made.clone(), after) }))
    }

    /// Runs the pending migrations on a database that has drifted as the live one did.
    async fn pending_as_it_is(
        &mut self,
        job: &Job<'_>,
        server: &Server,
        differences: &[Difference],
    ) -> Result<(), Stop> {
        if self.plan.pending.is_empty() {
            return Ok(());
        }
        server.clone_database(HISTORY, SHAPED).await?;
        let client = server.connect(SHAPED, Role::from(job.target(server, SHAPED).replay_as)).await?;
        let left = shape::shape(&client, differences, &self.live.catalog).await;
        drop(client);
        if let Some(first) = left.first() {
            job.note(&format!(
                "Drift that could not be rebuilt on the temporary database: {}, the first {first}",
                left.len()
            ));
        }
        if let Some(failure) = self.run_all(job, server, SHAPED).await? {
            self.fails(&failure, "run on a temporary database that has drifted as this one did");
        }
        Ok(())
    }

    /// The first pending migration that fails in `database`.
    async fn run_all(
        &self,
        job: &Job<'_>,
        server: &Server,
        database: &str,
    ) -> Result<Option<Box<Failure>>, Stop> {
        let pending: Vec<_> = self.plan.pending.iter().map(|one| (*one).clone()).collect();
        match replay::go_on(&pending, job.target(server, database), |_| {}).await {
            Ok(_) => Ok(None),
            Err(ReplayError::Migration(failure)) => Ok(Some(failure)),
            Err(error) => Err(error.into()),
        }
    }

    fn fails(&mut self, failure: &Failure, proof: &str) {
        if failure.may_succeed_elsewhere {
            self.said.missing_proofs.push(format!(
                "whether {} runs: the temporary PostgreSQL says {}",
                failure.migration,
                failure.what.lines().next().unwrap_or_default()
            ));
            return;
        }
        let file = self.context.as_typed(&failure.path).to_owned();
        self.findings.push(Finding {
            file: Some(file),
            line: failure.line.and_then(|line| u32::try_from(line).ok()),
            statement: failure.statement.clone(),
            why: format!("it would fail: {}", failure.what),
            safer: failure.hint.clone().unwrap_or_else(|| {
                "make the database what its migrations say, or change the migration before it is applied anywhere".into()
            }),
            proof: vec![proof.to_owned()],
            ..Finding::new("would_fail", Severity::Refuse, failure.migration.clone())
        });
    }

    fn privileges(&mut self, proved: &Proved) -> Result<(), Error> {
        let known = Known {
            sizes: &self.live.sizes,
            rights: &self.live.rights,
            schema: &self.subject.target.schema,
            after: &proved.effect.after,
        };
        if !self.plan.pending.is_empty() {
            self.findings.extend(privileges::of_ledger(&known));
        }
        self.findings.extend(privileges::missing(&proved.effect.differences, &known));
        for migration in &self.plan.pending {
            let file = self.context.as_typed(&migration.path);
            self.findings.extend(privileges::on_rows(migration, file, &known)?);
        }
        Ok(())
    }
}

/// The objects that the pending migrations are about, by name.
fn objects(proved: Option<&Proved>, wanted: impl Fn(&Difference) -> bool) -> BTreeSet<String> {
    let Some(proved) = proved else { return BTreeSet::new() };
    let of_each = proved.proofs.iter().flat_map(|proof| &proof.effect.differences);
    of_each
        .chain(&proved.effect.differences)
        .filter(|difference| wanted(difference))
        .map(|difference| difference.object.clone())
        .collect()
}
