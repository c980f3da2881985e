//! What a pull request is compared with.

use super::Check;
use crate::{freshness, git::CommitId, history::compare::Shipped};

/// The two points of the base that matter.
pub(super) struct Base {
    /// What it is called.
    pub(super) name: String,
    /// Where the branch left it.
    pub(super) fork: CommitId,
    /// Where it is now.
    tip: CommitId,
}

impl Check<'_> {
    /// The base to compare with: what the freshness gate found, else what is known of it here.
    pub(super) async fn base(&self) -> Option<Base> {
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
    pub(super) async fn shipped(&self, base: Option<&Base>) -> Option<(Shipped, Shipped)> {
        let base = base?;
        let theirs = self.job.shipped_at(&self.git, &base.fork).await.ok()?;
        let newest = self.job.shipped_at(&self.git, &base.tip).await.ok()?;
        Some((theirs, newest))
    }
}
