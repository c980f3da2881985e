//! The migrations themselves, one after the other, and what becomes of them.

use std::time::{Duration, Instant};

use tokio_postgres::Client;

use super::{Deploy, Stop, quoted, status};
use crate::{
    catalog,
    context::Context,
    deploy::{
        DeployError,
        apply::{self, Applied, Applier},
        backup::{self, BackupError},
        ledger::Ledger,
        plan::{self, Lock, Plan},
        sessions::Sessions,
    },
    error::Error,
    finding::Finding,
    history::{Migration, replay::Failure},
    outcome::Outcome,
    redact::redact,
    report::deployment::{Backup, Broken, Deployment, Done},
};

/// How long an entry of the ledger may take: whatever a migration locks, it is none of the ledger's rows.
const ENTRY: Duration = Duration::from_secs(60);

impl Deploy<'_> {
    pub(super) async fn apply(
        &mut self,
        plan: &Plan<'_>,
        sessions: Sessions,
        findings: &[Vec<Finding>],
    ) -> Result<Outcome, Stop> {
        self.check_backup(findings)?;
        let attempts = apply::attempts(&plan.pending).map_err(Error::from)?;
        let Sessions { worker, bookkeeper, .. } = sessions;
        let schema = self.target.schema.clone();
        let ledger = Ledger::open_or_create(bookkeeper, &schema, ENTRY)
            .await
            .map_err(|source| DeployError::Ledger { what: "written", source })?;
        let mut applier = Applier::new(worker, (ledger, &schema), Context::clock).await?;
        applier.roll_back(&plan.broken_off).await?;
        applier.limit_statements(self.args.statement_timeout).await?;
        let broken_off = plan.broken_off.iter().map(|one| one.name.clone()).collect();
        let names = plan.pending.iter().map(|migration| migration.name.clone()).collect();
        self.conclude(plan, "");
        self.report.deployment = Some(Deployment { broken_off, pending: names, ..Deployment::default() });
        for (at, (migration, attempt)) in plan.pending.iter().zip(attempts).enumerate() {
            self.back_up(applier.bookkeeper(), migration, &findings[at]).await?;
            let stage = self.context.progress.stage("apply");
            stage.doing(migration.name.as_str());
            let started = Instant::now();
            let (failure, kept) = match applier.apply(migration, attempt).await? {
                Applied::Done => {
                    stage.done(&format!("{}/{} {}", at + 1, plan.pending.len(), migration.name));
                    self.done(migration, started.elapsed());
                    continue;
                }
                Applied::Failed(failure) => (failure, Kept::Failed),
                Applied::RolledBack(failure) => (failure, Kept::RolledBack),
            };
            self.look_again(applier.bookkeeper()).await?;
            return Ok(self.failed(&failure, kept));
        }
        self.look_again(applier.bookkeeper()).await?;
        let line = format!("applied {}", status::count(plan.pending.len()));
        self.say(&line);
        Ok(Outcome::Applied)
    }

    /// What the ledger says after it all.
    async fn look_again(&mut self, bookkeeper: &Client) -> Result<(), Error> {
        let ledger = plan::read_ledger(bookkeeper, &self.target.schema).await?;
        let state = plan::plan(ledger, self.history, Lock::Ours).state;
        if let Some(database) = &mut self.report.database {
            database.state = Some(state);
        }
        Ok(())
    }

    /// Finds out before anything is applied whether what goes can be copied out.
    fn check_backup(&self, findings: &[Vec<Finding>]) -> Result<(), Error> {
        let Some(directory) = &self.args.backup else { return Ok(()) };
        fs_err::create_dir_all(self.context.absolute(directory))?;
        let check = |list: &Vec<Finding>| backup::knowable(list).map_err(BackupError::from);
        Ok(findings.iter().try_for_each(check).map_err(DeployError::from)?)
    }

    /// Copies out what `migration` is about to destroy.
    async fn back_up(
        &mut self,
        client: &Client,
        migration: &Migration,
        findings: &[Finding],
    ) -> Result<(), Error> {
        let is_allowed = findings.iter().any(|finding| finding.allowed.is_some());
        let Some(directory) = self.args.backup.as_ref().filter(|_| is_allowed) else { return Ok(()) };
        // What earlier migrations of this run have renamed or made is known only now.
        let live = catalog::read(client).await.map_err(DeployError::Catalog)?;
        let losses = backup::losses(findings, &live, &self.target.schema)
            .map_err(BackupError::from)
            .map_err(DeployError::from)?;
        if losses.is_empty() {
            return Ok(());
        }
        let stage = self.context.progress.stage("backup");
        let stamp = Context::clock().strftime("%Y%m%dT%H%M%SZ").to_string();
        let place = backup::Place {
            directory: &self.context.absolute(directory),
            database: &self.target.place,
            stamp: &stamp,
        };
        let taken =
            backup::take(client, (migration, &losses), &live, place).await.map_err(DeployError::from)?;
        self.report.timings.push(stage.done(taken.directory.as_str()));
        self.report.notes.push(format!(
            "What {} destroys was copied out first. This brings it back (the URL without Prisma's own parameters):\n\n    {}\n",
            migration.name, taken.restore
        ));
        if let Some(deployment) = &mut self.report.deployment {
            deployment.backups.push(Backup {
                migration: migration.name.clone(),
                directory: taken.directory,
                restore: taken.restore,
            });
        }
        Ok(())
    }

    fn done(&mut self, migration: &Migration, took: Duration) {
        if let Some(deployment) = &mut self.report.deployment {
            deployment.pending.retain(|name| *name != migration.name);
            let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            deployment.applied.push(Done { name: migration.name.clone(), took_ms });
        }
    }

    fn failed(&mut self, failure: &Failure, kept: Kept) -> Outcome {
        let name = &failure.migration;
        let applied = self.report.deployment.as_mut().map_or(0, |deployment| {
            deployment.failed = Some(Broken {
                name: name.clone(),
                sqlstate: failure.sqlstate.clone(),
                error: redact(&failure.to_string()),
                rolled_back: kept == Kept::RolledBack,
            });
            deployment.applied.len()
        });
        self.say(&format!("failed: {name}, after {} applied", status::count(applied)));
        self.report.error = Some(redact(&failure.to_string()));
        self.report.hint = Some(ways_out(failure, kept));
        Outcome::Failed
    }
}

/// What the ledger keeps of a migration that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    Failed,
    RolledBack,
}

/// What can be done about a migration that failed just now.
fn ways_out(failure: &Failure, kept: Kept) -> String {
    let name = &failure.migration;
    let cause = failure.hint.as_ref().map(|hint| format!("{hint}. ")).unwrap_or_default();
    match kept {
        Kept::RolledBack => format!(
            "{cause}Nothing of {name} is there, and the ledger has it as rolled back: run the same again for it and \
             what comes after it"
        ),
        Kept::Failed => format!(
            "{cause}{name} is recorded as failed with this error, and nothing after it was touched. Ways out, for a \
             human to choose from: mend the cause, then `run-migration resolve {} --rolled-back` and deploy again; or, \
             where all that it makes is there after all, `run-migration resolve {} --applied`",
            quoted(name),
            quoted(name)
        ),
    }
}
