//! What stops a deployment before anything is touched.

use std::collections::BTreeSet;

use super::{Deploy, Stop, consent, quoted, status};
use crate::{
    catalog::{self, Catalog},
    deploy::{DeployError, destruction, facts, plan::Plan, sessions::Sessions},
    error::Error,
    finding::Finding,
    guard::consent::command,
    history::Migration,
    live::state::{Standing, State},
    outcome::Outcome,
};

impl Deploy<'_> {
    /// Refuses where a human has to decide first, as Prisma does.
    pub(super) fn refuse_what_is_undecided(&mut self, plan: &Plan<'_>) -> Result<(), Stop> {
        let state = &plan.state;
        let hint = match state.standing {
            _ if !state.failed.is_empty() => ways_out_of_the_past(state),
            Standing::NotManaged => {
                "Next: baseline the database: `run-migration baseline` finds out what it has of the history and records \
                 that as applied (or prisma migrate resolve --applied NAME for each). Until then deploying refuses it, as \
                 Prisma does (P3005)."
                    .to_owned()
            }
            _ => {
                self.remark(state);
                return Ok(());
            }
        };
        self.report.hint = Some(hint);
        self.conclude(plan, &status::headline(state, &plan.ledger));
        Err(Stop::Refused(Outcome::RefusedOutOfSync))
    }

    /// What Prisma passes over in silence.
    fn remark(&mut self, state: &State) {
        let mut note = |names: Vec<&str>, what: &str| {
            if let [first, others @ ..] = names.as_slice() {
                let more =
                    if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
                self.report.notes.push(format!("{what}: {first}{more}"));
            }
        };
        note(state.edited.iter().map(|one| one.name.as_str()).collect(), "Edited since it was applied");
        note(
            state.not_in_directory.iter().map(String::as_str).collect(),
            "Applied, but not among these migrations",
        );
        let late = state.pending.iter().filter(|one| one.out_of_order);
        note(late.map(|one| one.name.as_str()).collect(), "Pending, and sorts before one that is applied");
    }

    /// Refuses what would destroy something that the database has, unless a human consents. Gives what is let through,
    /// by migration. Without sessions there is no database yet.
    pub(super) async fn guard(
        &mut self,
        plan: &Plan<'_>,
        sessions: Option<&Sessions>,
    ) -> Result<Vec<Vec<Finding>>, Stop> {
        let stage = self.context.progress.stage("guard");
        let judged = plan.pending.iter().map(|one| self.judged.get(&one.name).cloned());
        let findings = match judged.collect::<Option<Vec<_>>>() {
            Some(judged) => judged,
            None => self.judge(plan, sessions).await?,
        };
        let all = findings.concat();
        let refusing = all.iter().filter(|finding| finding.refuses()).count();
        let allowed = all.iter().filter(|finding| finding.allowed.is_some()).count();
        self.report.timings.push(stage.done(&match (refusing, allowed) {
            (0, 0) => "nothing is lost".to_owned(),
            (0, allowed) => format!("destructive, and let through by a human's consent: {allowed}"),
            (refusing, _) => format!("destructive: {refusing}"),
        }));
        self.report.findings = all;
        if refusing == 0 {
            return Ok(findings);
        }
        self.report.hint = Some(format!(
            "A human who has looked at each of these and wants them gone lets them through with\n\n    {}\n\n--backup DIR \
             copies what goes out first.",
            command(&self.context.command_line, &self.report.findings)
        ));
        self.conclude(plan, &format!("refused: {} pending", status::count(plan.pending.len())));
        self.report.result = None;
        Err(Stop::Refused(Outcome::RefusedDestructive))
    }

    /// What the text of the pending migrations and the live catalog tell.
    async fn judge(
        &mut self,
        plan: &Plan<'_>,
        sessions: Option<&Sessions>,
    ) -> Result<Vec<Vec<Finding>>, Error> {
        let live = match sessions {
            Some(sessions) => catalog::read(&sessions.bookkeeper).await.map_err(DeployError::Catalog)?,
            None => Catalog::default(),
        };
        let is_pending = |migration: &&Migration| plan.pending.iter().any(|one| one.name == migration.name);
        let schema = self.target.schema.as_str();
        let question = destruction::Question {
            applied: self.history.migrations.iter().filter(|one| !is_pending(one)).collect(),
            pending: &plan.pending,
            proofs: &[],
            live: &live,
            schema,
            directory: self.context.as_typed(&self.history.directory),
        };
        let mut findings = destruction::findings(&question)?;
        let tables = destruction::tables_in_question(&findings, &live, schema);
        let empty = match sessions {
            Some(sessions) => facts::without_rows(&sessions.bookkeeper, &tables).await,
            None => BTreeSet::new(),
        };
        destruction::settle(&mut findings, &empty, (&live, schema));
        for unused in consent::apply_lenient(&mut findings, &self.consents) {
            self.report.notes.push(format!("--allow {unused} allows nothing here"));
        }
        Ok(findings)
    }
}

/// What can be done about migrations that failed before.
fn ways_out_of_the_past(state: &State) -> String {
    let name = state.failed.first().map(|failed| quoted(&failed.name)).unwrap_or_default();
    format!(
        "Next: find out what the failed migration left behind. Where nothing of it is there, or you have taken it away: \
         `run-migration resolve {name} --rolled-back`, and it is applied again; where all that it makes is there: \
         `run-migration resolve {name} --applied`. Until then nothing more is applied (Prisma calls this P3009)."
    )
}
