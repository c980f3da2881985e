//! The gates that read migrations: the history against the base, and the guard on what is new.

use super::{Check, base::Base, is_new};
use crate::{
    cli::check::GateName,
    error::Error,
    finding::{Finding, Severity},
    guard::{self, Terms, proof::Proof, waiver::Waivers},
    history::{
        History,
        compare::{Shipped, Wording, compare},
        integrity,
        load::Loaded,
        squash::{self, Squash},
    },
};

impl Check<'_> {
    /// The history by itself, and against the base.
    pub(super) fn history(
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
    pub(super) fn guard(&self, history: &History, theirs: Option<&Shipped>, proofs: &[(String, Proof)]) {
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
}
