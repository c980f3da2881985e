//! Writing workflows: whole, and never over something else.

use camino::{Utf8Path, Utf8PathBuf};

use super::{Workflow, WorkflowError};
use crate::process::Processes;

/// What became of one workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placed {
    /// It was written.
    Written(Utf8PathBuf),
    /// It was there already.
    Unchanged(Utf8PathBuf),
}

/// Writes `workflows` below the root `repository`. Where one of them would replace another text, none is written.
///
/// # Errors
/// Where there is something else in a place, the place is a link or below one, or it cannot be written to.
pub fn place(
    processes: &Processes,
    repository: &Utf8Path,
    workflows: &[Workflow],
) -> Result<Vec<Placed>, WorkflowError> {
    let mut missing = Vec::new();
    for workflow in workflows {
        missing.push(is_missing(repository, workflow)?);
    }
    let mut placed = Vec::new();
    for (workflow, missing) in workflows.iter().zip(missing) {
        let path = repository.join(workflow.path);
        if missing {
            write(processes, &path, &workflow.text)?;
        }
        placed.push(if missing { Placed::Written(path) } else { Placed::Unchanged(path) });
    }
    Ok(placed)
}

/// Whether nothing is in the workflow's place, and nothing in the way.
fn is_missing(repository: &Utf8Path, workflow: &Workflow) -> Result<bool, WorkflowError> {
    let target = repository.join(workflow.path);
    for parent in target.ancestors().skip(1).take_while(|parent| *parent != repository) {
        if parent.symlink_metadata().is_ok_and(|metadata| !metadata.is_dir()) {
            return Err(WorkflowError::NoPlace(parent.to_owned()));
        }
    }
    match target.symlink_metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error.into()),
        Ok(metadata) if metadata.is_file() && fs_err::read(&target)? == workflow.text.as_bytes() => Ok(false),
        Ok(_) => Err(WorkflowError::Differs(target)),
    }
}

/// Writes a new file in one step: it is made under another name first, and linking fails where one has appeared.
fn write(processes: &Processes, target: &Utf8Path, text: &str) -> Result<(), WorkflowError> {
    let parent = target.parent().unwrap_or(target);
    fs_err::create_dir_all(parent)?;
    let staged = processes.temporary_directory(parent, ".run-migration-")?;
    let file = staged.path().join("workflow");
    fs_err::write(&file, text)?;
    fs_err::File::open(&file)?.sync_all()?;
    match fs_err::hard_link(&file, target) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(WorkflowError::Differs(target.to_owned()))
        }
        other => Ok(other?),
    }
}
