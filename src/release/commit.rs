//! A release as a commit of a git repository.

use camino::Utf8PathBuf;

use super::{
    archive::File,
    package::{Kind, Package, Places, Raw, is_wanted},
    source::SourceError,
};
use crate::git::{self, Git, Revision};

/// Reads the commit that `revision` names.
///
/// # Errors
/// Where there is no such commit, or it is not clear where its migrations are.
pub(super) async fn read(git: &Git, revision: &Revision, places: Places<'_>) -> Result<Package, SourceError> {
    let toplevel = git.work_tree().await?.toplevel;
    let git = git.at(toplevel);
    let commit = git.commit(revision).await?;
    let (mut files, mut links) = (Vec::new(), Vec::new());
    for (path, stored) in git.files_where(&commit, ".".into(), is_wanted).await? {
        match stored.kind {
            git::Kind::Regular => files.push(File { path, bytes: Some(stored.bytes) }),
            git::Kind::Symlink => links.push(path),
        }
    }
    let label = format!("ref:{revision}");
    let path = Utf8PathBuf::from(format!("{revision}:"));
    Ok(Raw { label, path, kind: Kind::Commit(commit), files, links }.package(places)?)
}
