//! What takes a temporary database: the history from nothing, and what the new migrations do.

use super::{Check, is_new};
use crate::{
    cli::check::GateName,
    commands::{job::Stop, workbench::Workbench},
    finding::{Finding, Severity},
    guard::proof::Proof,
    history::{
        History, Migration,
        compare::Shipped,
        squash::{self, Squash},
    },
};

/// What the temporary database said.
pub(super) struct Replayed {
    /// The SQL that is missing; `None` where nothing is.
    missing: Option<String>,
    /// What became of the question whether one migration stands in for others.
    pub(super) squash: squash::Verdict,
    /// What was proved about the migrations that are new, and about what comes after them.
    pub(super) proofs: Vec<(String, Proof)>,
}

impl Check<'_> {
    /// What the temporary database says: the new migrations are proved as they are added to it. `None` where the
    /// gate is not asked.
    pub(super) async fn replayed(
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
    pub(super) fn reproduced(&self, replayed: Option<Result<Replayed, Stop>>) {
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
}
