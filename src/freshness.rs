//! Is this branch up to date with the branch it will be merged into? Policy over git's answers.

use serde::Serialize;

/// What became of the question.
#[derive(Debug, Clone, Serialize)]
pub struct Freshness {
    /// What HEAD was compared with, as a person names it, such as `origin/main`.
    pub base: String,
    /// The commit that the base is at, in full.
    pub base_commit: String,
    /// The remote's URL without credentials; `None` where nothing was fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_url: Option<String>,
    /// By how many commits of the base HEAD is behind; 0 is fresh.
    pub behind: usize,
    /// Those commits, the ones that touch schema or migrations first, newest first within each.
    pub commits: Vec<MissingCommit>,
    /// Which comparison was made and why, in one sentence.
    pub how: String,
}

/// A commit of the base that HEAD lacks.
#[derive(Debug, Clone, Serialize)]
pub struct MissingCommit {
    /// Its id, in full.
    pub id: String,
    /// The first line of its message.
    pub subject: String,
    /// Its author's name.
    pub author: String,
    /// When it was committed, ISO 8601.
    pub date: String,
    /// Whether it touches the schema, its copies or the migrations.
    pub touches_schema: bool,
    /// The files among those that it touches.
    pub schema_files: Vec<String>,
}

impl Freshness {
    /// Whether the branch lacks something.
    #[must_use]
    pub const fn is_stale(&self) -> bool {
        self.behind > 0
    }

    /// The answer in one line.
    #[must_use]
    pub fn summary(&self) -> String {
        let from = self.remote_url.as_ref().map(|url| format!(" of {url}")).unwrap_or_default();
        match self.behind {
            0 => format!("up to date with {}{from}", self.base),
            1 => format!("HEAD is behind {}{from} by 1 commit", self.base),
            behind => format!("HEAD is behind {}{from} by {behind} commits", self.base),
        }
    }
}

impl MissingCommit {
    /// The id as people write it.
    #[must_use]
    pub fn short(&self) -> &str {
        self.id.get(..10).unwrap_or(&self.id)
    }
}
