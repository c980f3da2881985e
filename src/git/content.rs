//! Questions about files: as a commit has them, as the index has them. Paths are relative to the directory that
//! git is asked in.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use super::{CommitId, Error, Git, harmless, parse_id};

/// A file as git keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// What kind of file it is.
    pub kind: Kind,
    /// What it holds; of a symbolic link, where it leads.
    pub bytes: Vec<u8>,
}

/// The kinds of files that matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    Regular,
    /// A symbolic link.
    Symlink,
}

impl Git {
    /// The files at or below `path` as `commit` has them; none where it has no such path.
    ///
    /// # Errors
    /// Where the commit cannot be read.
    pub async fn files(
        &self,
        commit: &CommitId,
        path: &Utf8Path,
    ) -> Result<BTreeMap<Utf8PathBuf, Stored>, Error> {
        self.files_where(commit, path, |_| true).await
    }

    /// Those of the files at or below `path` as `commit` has them whose paths are `wanted`. The others are not read.
    ///
    /// # Errors
    /// Where the commit cannot be read.
    pub async fn files_where(
        &self,
        commit: &CommitId,
        path: &Utf8Path,
        wanted: impl Fn(&Utf8Path) -> bool,
    ) -> Result<BTreeMap<Utf8PathBuf, Stored>, Error> {
        let listing = self.ask(["ls-tree", "-r", "-z", commit.as_str(), "--", path.as_str()]).await?;
        // `<mode> <type> <id>\t<path>`
        self.read(listing.split_terminator('\0').filter_map(|entry| {
            let (head, path) = entry.split_once('\t')?;
            let mut head = head.split(' ');
            Some((head.next()?, head.nth(1)?, path)).filter(|_| wanted(path.into()))
        }))
        .await
    }

    /// The files at or below `path` that the index has and a sparse checkout leaves out of the work tree.
    ///
    /// # Errors
    /// Where the index cannot be read.
    pub async fn left_out(&self, path: &Utf8Path) -> Result<BTreeMap<Utf8PathBuf, Stored>, Error> {
        let listing = self.ask(["ls-files", "--stage", "-t", "-z", "--", path.as_str()]).await?;
        // `<tag> <mode> <id> <stage>\t<path>`, S for skip-worktree
        self.read(listing.split_terminator('\0').filter_map(|entry| {
            let (head, path) = entry.strip_prefix("S ")?.split_once('\t')?;
            let mut head = head.split(' ');
            Some((head.next()?, head.next()?, path))
        }))
        .await
    }

    async fn read(
        &self,
        entries: impl Iterator<Item = (&str, &str, &str)>,
    ) -> Result<BTreeMap<Utf8PathBuf, Stored>, Error> {
        let entries: Vec<_> = entries.filter_map(|(mode, id, path)| Some((kind(mode)?, id, path))).collect();
        if entries.is_empty() {
            return Ok(BTreeMap::new());
        }
        let ids: String = entries.iter().flat_map(|(_, id, _)| [*id, "\n"]).collect();
        let args = ["cat-file", "--batch"];
        let finished = self.run(args, ids.into_bytes()).await?;
        if !finished.success() {
            return Err(self.failure(&args, &finished));
        }
        let mut rest = finished.stdout.as_slice();
        let mut files = BTreeMap::new();
        for (kind, _, path) in entries {
            let bytes = next_blob(&mut rest)?;
            files.insert(path.into(), Stored { kind, bytes });
        }
        Ok(files)
    }

    /// The newest commit that both lead back to; `None` where there is none here.
    ///
    /// # Errors
    /// Where one of them does not exist.
    pub async fn merge_base(&self, one: &CommitId, other: &CommitId) -> Result<Option<CommitId>, Error> {
        let args = ["merge-base", one.as_str(), other.as_str()];
        let finished = self.run(args, Vec::new()).await?;
        match finished.status.code() {
            Some(0) => parse_id("merge-base", finished.stdout_text().trim()).map(Some),
            Some(1) => Ok(None),
            _ => Err(self.failure(&args, &finished)),
        }
    }

    /// The commits after `base` up to `head` that change `path`, at most `limit` of them.
    ///
    /// # Errors
    /// Where one of them does not exist.
    pub async fn changes_of(
        &self,
        path: &Utf8Path,
        (base, head): (&CommitId, &CommitId),
        limit: usize,
    ) -> Result<Vec<CommitId>, Error> {
        let limit = format!("--max-count={limit}");
        let without = format!("^{base}");
        let answer = self.ask(["rev-list", &limit, head.as_str(), &without, "--", path.as_str()]).await?;
        answer.lines().map(|line| parse_id("rev-list", line)).collect()
    }

    /// Stages exactly these files.
    ///
    /// # Errors
    /// Where the index is locked or a file is ignored.
    pub async fn stage(&self, paths: &[Utf8PathBuf]) -> Result<(), Error> {
        let args = ["add", "--"].into_iter().chain(paths.iter().map(|path| path.as_str()));
        let mut invocation = self.invocation().args(args);
        // Within a commit hook this is the index of the commit that is being made.
        if let Some(index) = self.environment.get_os("GIT_INDEX_FILE") {
            invocation = invocation.env("GIT_INDEX_FILE", index);
        }
        let finished = self.start(invocation).await?;
        if finished.success() { Ok(()) } else { Err(self.failure(&["add"], &finished)) }
    }
}

/// `None` for what is no file: a submodule.
fn kind(mode: &str) -> Option<Kind> {
    match mode {
        "100644" | "100755" => Some(Kind::Regular),
        "120000" => Some(Kind::Symlink),
        _ => None,
    }
}

/// Takes one `<id> blob <size>\n<bytes>\n` off the front.
fn next_blob(rest: &mut &[u8]) -> Result<Vec<u8>, Error> {
    let take = || {
        let line_end = rest.iter().position(|byte| *byte == b'\n')?;
        let header = std::str::from_utf8(&rest[..line_end]).ok()?;
        let size: usize = header.rsplit(' ').next()?.parse().ok()?;
        let start = line_end + 1;
        Some((rest.get(start..start + size)?.to_vec(), rest.get(start + size + 1..)?))
    };
    let (blob, after) = take().ok_or_else(|| Error::Answer {
        command: "cat-file",
        answer: harmless(&String::from_utf8_lossy(&rest[..rest.len().min(80)]), 80),
    })?;
    *rest = after;
    Ok(blob)
}
