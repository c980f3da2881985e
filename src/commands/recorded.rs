//! What `baseline` and `resolve` share: the database, its lock, its ledger, and what is said at the end.

use std::time::Duration;

use super::{reference::Reference, status};
use crate::{
    catalog::{self, Catalog, Difference},
    context::Context,
    deploy::{
        DeployError,
        containment::Servers,
        ledger::Ledger,
        plan,
        sessions::{Limits, Sessions},
    },
    error::Error,
    finding::{Finding, Severity},
    history::Migration,
    live::{self, state, url::Target},
    report::{self, Report},
};

/// How long an entry of the ledger may take.
const ENTRY: Duration = Duration::from_secs(60);

/// How many differences a person is shown.
const SHOWN: usize = 20;

/// A database, nobody else at work on it where it is locked.
pub(super) struct Recorded<'a> {
    context: &'a Context,
    target: &'a Target,
    sessions: Sessions,
}

impl<'a> Recorded<'a> {
    /// Opens the database, and takes Prisma's lock where it is waited for.
    pub(super) async fn open(
        context: &'a Context,
        target: &'a Target,
        lock: Option<Duration>,
        report: &mut Report,
    ) -> Result<Self, Error> {
        let stage = context.progress.stage("database");
        let answer = context.settings.step_timeout();
        let limits = Limits { answer, lock: lock.unwrap_or(answer) };
        let sessions = Sessions::open(target, limits).await?;
        if let Some(limit) = lock {
            let waiting = |holder: &_| {
                context.progress.say("lock", &format!("waiting: {holder} holds Prisma's advisory lock"));
            };
            sessions.lock(limit, waiting).await?;
        }
        report.timings.push(stage.done(&format!("{}, schema {}", target.place, target.schema)));
        Ok(Self { context, target, sessions })
    }

    /// What the database records.
    pub(super) async fn ledger(&self) -> Result<live::ledger::Ledger, Error> {
        Ok(plan::read_ledger(&self.sessions.bookkeeper, &self.target.schema).await?)
    }

    /// What the database is made of.
    pub(super) async fn catalog(&self) -> Result<Catalog, Error> {
        Ok(catalog::read(&self.sessions.bookkeeper).await.map_err(DeployError::Catalog)?)
    }

    /// Whether it is of the same major version as the temporary server.
    pub(super) async fn servers(&self, replayed: &Reference<'_>) -> Result<Servers, Error> {
        let question = "SELECT current_setting('server_version_num')::int / 10000";
        let row = self.sessions.bookkeeper.query_one(question, &[]).await;
        let row = row.map_err(|source| DeployError::Ledger { what: "read", source })?;
        let is_alike = u32::try_from(row.get::<_, i32>(0)) == Ok(replayed.major);
        Ok(if is_alike { Servers::Alike } else { Servers::Unlike })
    }

    /// Its ledger, to be written: made where there is none.
    pub(super) async fn writable(self) -> Result<Writable<'a>, Error> {
        let Self { context, target, sessions: Sessions { worker, bookkeeper, .. } } = self;
        let ledger = Ledger::open_or_create(bookkeeper, &target.schema, ENTRY).await;
        let ledger = ledger.map_err(|source| DeployError::Ledger { what: "made", source })?;
        Ok(Writable { context, target, _lock: worker, ledger })
    }
}

/// A ledger that is written.
pub(super) struct Writable<'a> {
    context: &'a Context,
    target: &'a Target,
    /// The lock goes with this session.
    _lock: tokio_postgres::Client,
    ledger: Ledger,
}

impl Writable<'_> {
    /// Records each of `migrations` as applied.
    pub(super) async fn mark_applied(&mut self, migrations: &[Migration]) -> Result<(), Error> {
        let stage = self.context.progress.stage("ledger");
        stage.steps(migrations.len());
        for migration in migrations {
            let marked = self.ledger.mark_applied(migration, Context::clock()).await;
            marked.map_err(|source| DeployError::Ledger { what: "written", source })?;
            stage.step(&migration.name);
        }
        stage.done(&format!("{} recorded as applied", status::count(migrations.len())));
        Ok(())
    }

    /// Records every open attempt at the migration `name` as rolled back; how many there were.
    pub(super) async fn mark_rolled_back(&self, name: &str) -> Result<u64, Error> {
        let marked = self.ledger.mark_rolled_back(name, Context::clock()).await;
        Ok(marked.map_err(|source| DeployError::Ledger { what: "written", source })?)
    }

    /// Where the database stands now.
    pub(super) async fn ledger(&self) -> Result<live::ledger::Ledger, Error> {
        Ok(plan::read_ledger(self.ledger.client(), &self.target.schema).await?)
    }
}

/// What is said of a database in the end: its answer in `line`, and where it stands.
pub(super) fn conclude(target: &Target, state: state::State, line: &str, report: &mut Report) {
    let lines = report.result.take().unwrap_or_default();
    report.result = Some(format!("{line}\n{lines}"));
    report.database = Some(report::Database {
        place: target.place.clone(),
        schema: target.schema.clone(),
        line: line.to_owned(),
        state: Some(state),
        ..report::Database::default()
    });
}

/// What contradicts whatever is to be recorded, in a line: failed, edited, unknown and running migrations.
pub(super) fn contradictions(state: &state::State, ledger: &live::ledger::Ledger) -> Option<String> {
    let edited = state.edited.iter().map(|one| format!("    {} was edited since it was applied\n", one.name));
    let failed = state.failed.iter().map(|one| format!("    {} failed and must be resolved\n", one.name));
    let running = state.running.iter().map(|name| format!("    {name} is being applied just now\n"));
    let unknown = state
        .not_in_directory
        .iter()
        .map(|name| format!("    {name} is applied, and not among these migrations\n"));
    let lines: String = failed.chain(running).chain(edited).chain(unknown).collect();
    (!lines.is_empty()).then(|| format!("{}\n{lines}", status::headline(state, ledger)))
}

/// Differences as findings, and as lines for a person.
pub(super) fn tell(differences: &[Difference], safer: &str, report: &mut Report) {
    let finding = |one: &Difference| Finding {
        why: format!("{one}."),
        safer: safer.to_owned(),
        ..Finding::new("not_in_database", Severity::Refuse, one.object.clone())
    };
    report.findings.extend(differences.iter().map(finding));
    let mut lines: String = differences.iter().take(SHOWN).map(|one| format!("    {one}\n")).collect();
    if let Some(more) = differences.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        lines.push_str(&format!("    and {more} more (--format json has them all)\n"));
    }
    report.result = Some(lines);
    report.shows_findings = true;
}
