//! The commits that HEAD lacks, the important ones first.

use camino::{Utf8Path, Utf8PathBuf};

use super::{Error, MissingCommit};
use crate::git::{CommitId, Git, WorkTree};

/// How many are listed; the count is exact whatever this is.
const LISTED: usize = 200;

/// How many of those that differ at the paths are looked into, merges among them that only pass changes on.
const SEARCHED: usize = 2000;

/// The commits that lead to `base` and not to `head`: those that touch `paths` (absolute) first.
pub(super) async fn list(
    git: &Git,
    tree: &WorkTree,
    (base, head): (&CommitId, &CommitId),
    paths: &[Utf8PathBuf],
) -> Result<Vec<MissingCommit>, Error> {
    let paths = from_toplevel(tree, git.directory(), paths);
    let git = git.at(&*tree.toplevel);
    let mut ids = git.missing_at(base, head, SEARCHED, &paths).await?;
    let mut files = git.files_changed(&ids, &paths).await?;
    ids.retain(|id| files.contains_key(id));
    ids.truncate(LISTED);
    let others = git.missing(base, head, LISTED + ids.len()).await?;
    ids.extend(others.into_iter().filter(|id| !files.contains_key(id)));
    ids.truncate(LISTED);
    let commits = git.describe(&ids).await?;
    Ok(commits
        .into_iter()
        .map(|commit| {
            let schema_files = files.remove(&commit.id).unwrap_or_default();
            MissingCommit {
                id: commit.id.to_string(),
                subject: commit.subject,
                author: commit.author,
                date: commit.date,
                touches_schema: !schema_files.is_empty(),
                schema_files,
            }
        })
        .collect())
}

/// `paths` from the work tree's root, both as they are written and with links followed; what lies outside of
/// the repository cannot be touched by its commits.
fn from_toplevel(tree: &WorkTree, directory: &Utf8Path, paths: &[Utf8PathBuf]) -> Vec<String> {
    let mut found: Vec<String> = paths
        .iter()
        .flat_map(|path| [Some(path.clone()), path.canonicalize_utf8().ok()])
        .flatten()
        .filter_map(|path| match path.strip_prefix(directory) {
            Ok(rest) => Some(format!("{}{rest}", tree.prefix)),
            Err(_) => path.strip_prefix(&tree.toplevel).ok().map(|rest| rest.to_string()),
        })
        .map(|path| if path.is_empty() { ".".into() } else { path })
        .collect();
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_given_from_the_root_of_the_repository() {
        let tree = WorkTree { toplevel: "/real/repo".into(), prefix: "sub/".into() };
        let paths =
            ["/link/sub/schema.prisma", "/real/repo/shared", "/elsewhere", "/link/sub"].map(Into::into);
        assert_eq!(
            from_toplevel(&tree, Utf8Path::new("/link/sub"), &paths),
            ["shared", "sub/", "sub/schema.prisma"]
        );
    }
}
