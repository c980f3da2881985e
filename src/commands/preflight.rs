//! `preflight`: what a deployment would meet. It only reads.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    consent,
    job::{Job, Stop},
    status, subject,
};
use crate::{
    catalog::{self, Catalog, Difference},
    cli::deploy::PreflightArgs,
    config::Project,
    context::Context,
    deploy::{
        DeployError, destruction,
        drift::Drift,
        facts::{self, Rights, Size},
        lock,
        plan::{self, Lock, Plan},
        privileges::{self, Known},
        shape,
    },
    error::Error,
    external::External,
    finding::{Finding, Severity},
    guard::{
        consent::{Consents, command},
        name::Name,
        proof::{self, Effect, Proof, ProofError},
    },
    history::{
        History, Migration,
        replay::{self, Failure, ReplayError},
    },
    live::{
        connect::Database,
        state::{Standing, State},
        url::Target,
    },
    outcome::Outcome,
    postgres::{Role, Server},
    report::{self, Report, preflight::Preflight},
};

/// The database that the applied part of the history is replayed into, and its clones.
const HISTORY: &str = "history";
const AHEAD: &str = "ahead";
const SHAPED: &str = "shaped";

/// More pending migrations than these are proved together, not one by one.
const PROVED: usize = 20;

/// Looks, and says what a deployment would meet.
///
/// # Errors
/// Where the database or the history cannot be read.
pub(super) async fn run(context: &Context, args: &PreflightArgs) -> Result<Report, Error> {
    let mut report = Report::new("preflight", Outcome::Passed);
    let consents = consent::for_a_database(&context.environment, &args.consent)?;
    let target = subject::direct_target(context, args.database.database_url.as_ref(), &mut report)?;
    let history = subject::expected(context, args.database.migrations.as_deref()).await?;
    look(context, &Subject { target: &target, history: &history, consents: &consents }, &mut report).await?;
    Ok(report)
}

/// What is looked at.
pub(super) struct Subject<'a> {
    pub(super) target: &'a Target,
    pub(super) history: &'a History,
    pub(super) consents: &'a Consents,
}

/// What the guard found in each pending migration, by name, with the consent that was given.
pub(super) type Judged = BTreeMap<String, Vec<Finding>>;

/// What the live database tells.
struct Live {
    catalog: Catalog,
    sizes: BTreeMap<Name, Size>,
    rights: Rights,
    holder: Option<lock::Holder>,
}

/// Fills in `report` with what a deployment would meet, its outcome included.
///
/// # Errors
/// Where the database cannot be read.
pub(super) async fn look(
    context: &Context,
    subject: &Subject<'_>,
    report: &mut Report,
) -> Result<Judged, Error> {
    let stage = context.progress.stage("database");
    let database = Database::connect(subject.target, context.settings.step_timeout()).await?;
    let ledger = plan::read_ledger(database.client(), &subject.target.schema).await?;
    let plan = plan::plan(ledger, subject.history, Lock::NotOurs);
    let live = Live::read(context, &database).await?;
    report.timings.push(stage.done(&format!("{}, schema {}", subject.target.place, subject.target.schema)));
    let mut flight =
        Flight { context, subject, plan, live, said: Preflight::default(), findings: Vec::new() };
    flight.ledger();
    let proved = flight.prove(report).await;
    let judged = flight.guard(&database, proved.as_ref(), report).await?;
    database.close().await;
    flight.conclude(report);
    Ok(judged)
}

impl Live {
    async fn read(context: &Context, database: &Database) -> Result<Self, Error> {
        let limit = context.settings.step_timeout();
        let catalog = catalog::read(database.client()).await.map_err(DeployError::Catalog)?;
        let answers = database.ask(&format!("{}{}", facts::SIZES, facts::RIGHTS), limit).await?;
        let rows = |at: usize| answers.get(at).map(Vec::as_slice).unwrap_or_default();
        let holder = lock::holder(database.client())
            .await
            .map_err(|source| DeployError::Ledger { what: "read", source })?;
        Ok(Self { catalog, sizes: facts::sizes(rows(0)), rights: facts::rights(rows(1)), holder })
    }
}

/// What was proved on the temporary database.
struct Proved {
    /// One for each pending migration, where there are few.
    proofs: Vec<Proof>,
    /// What all of them together do.
    effect: Effect,
}

struct Flight<'a> {
    context: &'a Context,
    subject: &'a Subject<'a>,
    plan: Plan<'a>,
    live: Live,
    said: Preflight,
    findings: Vec<Finding>,
}

impl Flight<'_> {
    /// What the ledger alone forbids.
    fn ledger(&mut self) {
        let state = &self.plan.state;
        for failed in &state.failed {
            self.findings.push(Finding {
                why: "it failed, and nobody has decided yet what becomes of it: nothing more is applied (Prisma's P3009)"
                    .into(),
                safer: "find out what it left behind; then `run-migration resolve NAME --rolled-back` where nothing of it \
                        is there, `--applied` where all of it is"
                    .into(),
                statement: failed.error.clone().unwrap_or_default(),
                ..Finding::new("failed_migration", Severity::Refuse, failed.name.clone())
            });
        }
        if state.standing == Standing::NotManaged && !state.pending.is_empty() {
            self.findings.push(Finding {
                why: "there are tables, but no ledger: what of the history they are nobody has recorded (Prisma's P3005)"
                    .into(),
                safer: "`run-migration baseline` finds out and records it".into(),
                ..Finding::new("not_managed", Severity::Refuse, self.subject.target.schema.clone())
            });
        }
        self.said.lock_held_by = self.live.holder.as_ref().map(ToString::to_string);
    }

    /// What takes a temporary database. Where none can be had, what is missing is said.
    async fn prove(&mut self, report: &mut Report) -> Option<Proved> {
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
            self.said.missing_proofs.push(format!("{what}: there is no temporary PostgreSQL ({because})"));
        }
    }

    async fn on_temporary_database(&mut self, job: &Job<'_>) -> Result<Option<Proved>, Stop> {
        let external = job.project.external()?;
        let applied = self.applied();
        let server = job.postgres(self.subject.history).await?;
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
            self.privileges(proved);
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

    /// The part of the history that the database has.
    fn applied(&self) -> History {
        let is_applied = |one: &&Migration| self.plan.state.applied.contains(&one.name);
        let History { directory, migrations } = self.subject.history;
        History {
            directory: directory.clone(),
            migrations: migrations.iter().filter(is_applied).cloned().collect(),
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

    fn privileges(&mut self, proved: &Proved) {
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
    }

    /// The guard's findings, with the sizes of what they are about.
    async fn guard(
        &mut self,
        database: &Database,
        proved: Option<&Proved>,
        report: &mut Report,
    ) -> Result<Judged, Error> {
        let applied = self.applied();
        let schema = self.subject.target.schema.as_str();
        let live = &self.live.catalog;
        let question = destruction::Question {
            applied: applied.migrations.iter().collect(),
            pending: &self.plan.pending,
            proofs: proved.map(|proved| proved.proofs.as_slice()).unwrap_or_default(),
            live,
            schema,
            directory: self.context.as_typed(&self.subject.history.directory),
        };
        let mut findings = destruction::findings(&question)?;
        let tables = destruction::tables_in_question(&findings, live, schema);
        let empty = facts::without_rows(database.client(), &tables).await;
        destruction::settle(&mut findings, &empty, (live, schema));
        for unused in consent::apply_lenient(&mut findings, self.subject.consents) {
            report.notes.push(format!("--allow {unused} allows nothing here"));
        }
        let after = proved.map(|proved| &proved.effect.after);
        let mut sizes = BTreeMap::new();
        for finding in findings.iter_mut().flatten().filter(|finding| finding.severity > Severity::Info) {
            let table = destruction::table_of(&finding.object, live, schema)
                .or_else(|| destruction::table_of(&finding.object, after?, schema));
            if let Some(size) = table.and_then(|table| self.live.sizes.get(&table)) {
                finding.proof.push(size.words());
                sizes.insert(size.table.clone(), size.clone());
            }
        }
        self.said.sizes = sizes.into_values().collect();
        self.findings.extend(findings.iter().flatten().cloned());
        let names = self.plan.pending.iter().map(|migration| migration.name.clone());
        Ok(names.zip(findings).collect())
    }

    fn conclude(self, report: &mut Report) {
        let refuses = |finding: &&Finding| finding.refuses();
        let is_guards = |finding: &Finding| crate::guard::rules::find(finding.rule).is_some();
        let stops = self.findings.iter().filter(refuses).any(|finding| !is_guards(finding));
        let destroys = self.findings.iter().filter(refuses).any(is_guards);
        report.outcome = match (stops, destroys, self.said.missing_proofs.is_empty()) {
            (true, ..) => Outcome::RefusedOutOfSync,
            (false, true, _) => Outcome::RefusedDestructive,
            (false, false, false) => Outcome::Failed,
            (false, false, true) => Outcome::Passed,
        };
        let state = &self.plan.state;
        let line = match report.outcome {
            Outcome::RefusedOutOfSync => {
                "stop: a deployment would fail, or meet what nobody expects".to_owned()
            }
            Outcome::RefusedDestructive => "stop: a deployment would destroy something".to_owned(),
            Outcome::Failed => "cannot tell: proofs are missing".to_owned(),
            _ => format!("clear: {} to apply", status::count(state.pending.len())),
        };
        let target = self.subject.target;
        let place = format!("{}, schema {}", target.place, target.schema);
        let shown = if self.context.settings.verbose { usize::MAX } else { status::SHOWN };
        let mut text = format!("{line}\n{}", status::details(&place, state, shown));
        text.push_str(&remarks(&self.said, state));
        report.result = Some(text);
        report.database = Some(report::Database {
            place: target.place.clone(),
            schema: target.schema.clone(),
            line,
            state: Some(state.clone()),
            ..report::Database::default()
        });
        if report.outcome == Outcome::Failed {
            report.error =
                Some(format!("these proofs are missing:\n  {}", self.said.missing_proofs.join("\n  ")));
            report.hint = Some(
                "let the tool install PostgreSQL, or name one with --postgres-bin DIR or --server-url URL; `run-migration \
                 doctor` shows what was tried"
                    .into(),
            );
        }
        report.findings = self.findings;
        if report.outcome == Outcome::RefusedOutOfSync {
            report.hint = Some(
                "Next: for each of these a human decides what is right, the database or the migrations, and mends the \
                 other; then look again."
                    .into(),
            );
        }
        if report.outcome == Outcome::RefusedDestructive {
            report.hint = Some(format!(
                "A human who has looked at each of these and wants them gone lets them through with\n\n    {}",
                command(&self.context.command_line, &report.findings)
            ));
        }
        report.preflight = Some(self.said);
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

/// What a person should know beside the findings.
fn remarks(said: &Preflight, state: &State) -> String {
    let mut text = String::new();
    if let Some(holder) = &said.lock_held_by {
        text.push_str(&format!("Prisma's lock   held by {holder}\n"));
    }
    if !said.foreign.is_empty() {
        text.push_str(&format!("not ours ({})\n", said.foreign.len()));
        said.foreign.iter().for_each(|name| text.push_str(&format!("    {name}\n")));
    }
    if !state.pending.is_empty() {
        said.sizes.iter().for_each(|size| text.push_str(&format!("concerned      {}\n", size.words())));
    }
    text
}
