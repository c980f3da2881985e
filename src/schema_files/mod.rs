//! The source schema and its copies: are they the same, and making them so.
//!
//! ```text
//! tree      a schema as it stands on disk: a file, or a folder of .prisma files; no links
//! compare   the source against each copy -> findings
//! sync      what would have to be written -> written, unless a copy holds what the source never had
//! ```

mod compare;
mod sync;
mod tree;

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

pub use compare::unified_diff;
pub use sync::{Plan, Planned, SyncError};
pub use tree::{SchemaError, Tree};

use crate::git::Git;

/// A source schema and the copies of it that a repository keeps. Paths are absolute.
#[derive(Debug, Clone)]
pub struct Copies<'a> {
    /// The repository.
    pub root: &'a Utf8Path,
    /// The source: a file, or a folder of .prisma files.
    pub source: &'a Utf8Path,
    /// The copies.
    pub copies: &'a [Utf8PathBuf],
    /// Copies that a sparse checkout leaves out, as the index has them.
    left_out: BTreeMap<Utf8PathBuf, Tree>,
}

impl<'a> Copies<'a> {
    /// The copies as they stand in the work tree.
    #[must_use]
    pub const fn new(root: &'a Utf8Path, source: &'a Utf8Path, copies: &'a [Utf8PathBuf]) -> Self {
        Self { root, source, copies, left_out: BTreeMap::new() }
    }

    /// The same, and those that a sparse checkout leaves out as the index has them. Where git cannot tell, they
    /// are missing.
    pub async fn with_left_out(mut self, git: &Git) -> Self {
        for copy in self.copies.iter().filter(|copy| !copy.exists()) {
            if let Ok(relative) = copy.strip_prefix(git.directory())
                && let Ok(stored) = git.left_out(relative).await
                && let Some(tree) = Tree::of_stored(relative, stored)
            {
                self.left_out.insert(copy.clone(), tree);
            }
        }
        self
    }

    fn read(&self, copy: &Utf8Path) -> Result<Tree, SchemaError> {
        match (Tree::read(self.root, copy), self.left_out.get(copy)) {
            (Err(SchemaError::Missing(_)), Some(tree)) => Ok(tree.clone()),
            (read, _) => read,
        }
    }
}
