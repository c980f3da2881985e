//! `preflight`: what a deployment would meet. It only reads.

mod proofs;
mod verdict;

use std::collections::{BTreeMap, BTreeSet};

use super::{consent, job, status, subject};
use crate::{
    catalog::{self, Catalog},
    cli::deploy::PreflightArgs,
    context::Context,
    deploy::{
        DeployError, creation, destruction,
        facts::{self, Rights, Size},
        lock,
        plan::{self, Lock, Plan},
    },
    error::Error,
    finding::{Finding, Severity},
    guard::{consent::Consents, name::Name},
    history::{History, Migration},
    live::{connect::Database, ledger::Ledger, state::Standing, url::Target},
    outcome::Outcome,
    report::{Report, preflight::Preflight},
};
use proofs::Proved;

/// Looks, and says what a deployment would meet.
///
/// # Errors
/// Where the database or the history cannot be read.
pub(super) async fn run(context: &Context, args: &PreflightArgs) -> Result<Report, Error> {
    let mut report = Report::new("preflight", Outcome::Passed);
    let consents = consent::given(&context.environment, &args.consent, None)?;
    let target = subject::direct_target(context, args.database.database_url.as_ref(), &mut report)?;
    let history = subject::expected(context, args.database.migrations.as_deref()).await?;
    look(
        context,
        &Subject { target: &target, history: &history, consents: &consents, lock: Lock::NotOurs },
        &mut report,
    )
    .await?;
    Ok(report)
}

/// What is looked at.
pub(super) struct Subject<'a> {
    pub(super) target: &'a Target,
    pub(super) history: &'a History,
    pub(super) consents: &'a Consents,
    /// Whose Prisma's lock is meanwhile.
    pub(super) lock: Lock,
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
    let database = Database::find(subject.target, context.settings.step_timeout()).await?;
    let (ledger, live) = match &database {
        Some(database) => {
            let ledger = plan::read_ledger(database.client(), &subject.target.schema).await?;
            (ledger, Live::read(context, database).await?)
        }
        None => (Ledger::of_nothing(subject.target), Live::of_nothing(context, subject.target).await?),
    };
    let plan = plan::plan(ledger, subject.history, subject.lock);
    report.timings.push(stage.done(&format!("{}, schema {}", subject.target.place, subject.target.schema)));
    let mut flight =
        Flight { context, subject, plan, live, said: Preflight::default(), findings: Vec::new() };
    flight.ledger();
    let proved = flight.prove(report).await;
    let judged = flight.guard(database.as_ref(), proved.as_ref(), report).await?;
    if let Some(database) = database {
        database.close().await;
    }
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

    /// What there is to tell of a database that is still to be made: it will belong to the role.
    async fn of_nothing(context: &Context, target: &Target) -> Result<Self, Error> {
        let (makes_databases, role) = creation::right(target, context.settings.step_timeout()).await?;
        let rights = Rights { role, schemas: BTreeMap::new(), creates_in_database: true, makes_databases };
        Ok(Self { catalog: Catalog::default(), sizes: BTreeMap::new(), rights, holder: None })
    }
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
        if let Ledger::NoDatabase { name, server } = &self.plan.ledger
            && !self.live.rights.makes_databases
        {
            let role = &self.live.rights.role;
            self.findings.push(Finding {
                why: format!("the role {role} lacks CREATEDB: there is no database {name} at {server} yet"),
                safer: "have it made for this role, with CREATE DATABASE ... OWNER ..., or give the role CREATEDB".into(),
                ..Finding::new("missing_privilege", Severity::Refuse, name)
            });
        }
        let holder = self.live.holder.as_ref().filter(|_| self.subject.lock == Lock::NotOurs);
        self.said.lock_held_by = holder.map(ToString::to_string);
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

    /// The guard's findings, with the sizes of what they are about.
    async fn guard(
        &mut self,
        database: Option<&Database>,
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
        let empty = match database {
            Some(database) => facts::without_rows(database.client(), &tables).await,
            None => BTreeSet::new(),
        };
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
}
