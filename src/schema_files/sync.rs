//! Making the copies equal to the source, unless that would throw away what somebody wrote into a copy.

use std::{collections::HashSet, io::Write, os::unix::fs::PermissionsExt};

use camino::{Utf8Path, Utf8PathBuf};

use super::{
    Copies,
    compare::finding,
    tree::{SchemaError, Tree},
};
use crate::{
    finding::Finding,
    process::{ProcessError, Processes},
};

/// How many foreign lines a finding shows.
const SHOWN: usize = 20;

/// What has to be written to make one copy equal.
#[derive(Debug)]
pub struct Plan {
    /// The copy.
    pub copy: Utf8PathBuf,
    /// What it holds now; nothing where it is missing.
    pub found: Tree,
    /// Its files that are to be written, and what with.
    writes: Vec<(Utf8PathBuf, String)>,
    /// Its files that are to go: the source's folder has no such file.
    removals: Vec<Utf8PathBuf>,
    /// The mode of a new file: the source's.
    mode: u32,
}

/// What there is to do, and what stands against it.
#[derive(Debug, Default)]
pub struct Planned {
    /// The copies that differ.
    pub plans: Vec<Plan>,
    /// What no flag lets through: links, and copies that are not checked out.
    pub obstacles: Vec<Finding>,
}

impl Copies<'_> {
    /// Plans to make every copy equal to the source, and gives the source.
    ///
    /// # Errors
    /// Where the source or a copy is no readable text.
    pub fn plan(&self) -> Result<(Tree, Planned), SchemaError> {
        let mut planned = Planned::default();
        let wanted = match Tree::read(self.root, self.source) {
            Err(SchemaError::Link { path, cause }) => {
                planned.obstacles.push(finding(&path, cause));
                return Ok((Tree::default(), planned));
            }
            read => read?,
        };
        for copy in self.copies {
            match self.read(copy) {
                Ok(found) if found == wanted => {}
                Ok(_) if self.left_out.contains_key(copy) => planned.obstacles.push(not_checked_out(copy)),
                Ok(found) => planned.plans.push(self.plan_one(&wanted, copy, found)?),
                Err(SchemaError::Missing(_)) => {
                    planned.plans.push(self.plan_one(&wanted, copy, Tree::default())?);
                }
                Err(SchemaError::Link { path, cause }) => planned.obstacles.push(finding(&path, cause)),
                Err(error) => return Err(error),
            }
        }
        Ok((wanted, planned))
    }

    fn plan_one(&self, wanted: &Tree, copy: &Utf8Path, found: Tree) -> Result<Plan, SchemaError> {
        let place =
            |file: &Utf8PathBuf| if file.as_str().is_empty() { copy.to_owned() } else { copy.join(file) };
        let writes = wanted.0.iter().filter(|(file, text)| found.0.get(*file) != Some(text));
        let removals = found.0.keys().filter(|file| !wanted.0.contains_key(*file));
        Ok(Plan {
            copy: copy.to_owned(),
            writes: writes.map(|(file, text)| (place(file), text.clone())).collect(),
            removals: removals.map(place).collect(),
            mode: fs_err::metadata(self.source)?.permissions().mode() & 0o666,
            found,
        })
    }
}

fn not_checked_out(copy: &Utf8Path) -> Finding {
    let directory = copy.parent().unwrap_or(copy);
    Finding {
        safer: format!("git sparse-checkout add '{directory}', then run-migration sync again"),
        ..finding(copy, "it differs from the source, and this sparse checkout leaves it out".into())
    }
}

impl Plan {
    /// The finding for lines of a copy that are in none of `known`, the source as it is and as it was: somebody wrote
    /// them into the copy. `None` where there are none.
    #[must_use]
    pub fn foreign_lines(&self, known: &[Tree]) -> Option<Finding> {
        let known: HashSet<&str> = known.iter().flat_map(Tree::lines).collect();
        let foreign = self.found.0.iter().flat_map(|(file, text)| {
            let numbered = text.lines().enumerate();
            let foreign =
                numbered.filter(|(_, line)| !line.trim().is_empty() && !known.contains(line.trim()));
            foreign.map(move |(index, line)| (file, index + 1, line))
        });
        let foreign: Vec<_> = foreign.collect();
        let (file, line, _) = foreign.first()?;
        let mut statement: Vec<_> =
            foreign.iter().take(SHOWN).map(|(_, _, line)| (*line).to_owned()).collect();
        if foreign.len() > SHOWN {
            statement.push(format!("and {} more lines", foreign.len() - SHOWN));
        }
        let place = if file.as_str().is_empty() { self.copy.clone() } else { self.copy.join(file) };
        Some(Finding {
            rule: "schema_copy_edited",
            object: self.copy.to_string(),
            line: u32::try_from(*line).ok(),
            statement: statement.join("\n"),
            why: "the copy holds lines that the source schema never had: somebody edited the copy, and it may be the copy \
                  that is right"
                .into(),
            safer: "bring these lines into the source first; a human who has looked at them and wants them gone passes \
                    --discard"
                .into(),
            ..finding(&place, String::new())
        })
    }

    /// The files that are written or removed.
    pub fn files(&self) -> impl Iterator<Item = &Utf8PathBuf> {
        self.writes.iter().map(|(file, _)| file).chain(&self.removals)
    }

    /// Does it. Each file is staged beside its place and renamed, so that nobody ever sees a part of one; it keeps
    /// its mode.
    ///
    /// # Errors
    /// Where the system says no.
    pub fn carry_out(&self, processes: &Processes) -> Result<(), SyncError> {
        let staged = self.writes.iter().map(|(file, text)| self.stage(processes, file, text));
        for staged in staged.collect::<Result<Vec<_>, _>>()? {
            fs_err::rename(&staged.path, &staged.target)?;
        }
        for file in &self.removals {
            fs_err::remove_file(file)?;
        }
        Ok(())
    }

    fn stage(&self, processes: &Processes, target: &Utf8Path, text: &str) -> Result<Staged, SyncError> {
        let parent = target.parent().unwrap_or(Utf8Path::new("/"));
        fs_err::create_dir_all(parent)?;
        let directory = processes.temporary_directory(parent, ".run-migration-")?;
        let path = Utf8PathBuf::from_path_buf(directory.path().join("schema.prisma"))
            .map_err(|path| std::io::Error::other(format!("{}: the path is not UTF-8", path.display())))?;
        let mut file = fs_err::File::create_new(&path)?;
        file.write_all(text.as_bytes())?;
        let mode =
            fs_err::metadata(target).map_or(self.mode, |metadata| metadata.permissions().mode() & 0o7777);
        file.set_permissions(std::fs::Permissions::from_mode(mode))?;
        file.sync_all()?;
        Ok(Staged { _directory: directory, path, target: target.to_owned() })
    }
}

struct Staged {
    _directory: tempfile::TempDir,
    path: Utf8PathBuf,
    target: Utf8PathBuf,
}

/// A copy could not be written.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// No staging directory.
    #[error("the copy could not be written: {0}")]
    Stage(#[from] ProcessError),
    /// The system says no; the text names the file.
    #[error("the copy could not be written: {0}")]
    Io(#[from] std::io::Error),
}
