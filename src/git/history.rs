//! Questions about commits and how they follow from one another.

use std::collections::{BTreeSet, HashMap};

use camino::Utf8PathBuf;

use super::{CommitId, Error, Git, harmless, parse_id};

/// The commits whose parents a shallow clone does not have.
pub type Cuts = BTreeSet<CommitId>;

/// How much of a subject or a name is kept, in characters.
const TEXT_LIMIT: usize = 200;

/// What a commit says of itself. The texts are harmless to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its id.
    pub id: CommitId,
    /// Its author's name.
    pub author: String,
    /// When it was committed, ISO 8601.
    pub date: String,
    /// The first line of its message.
    pub subject: String,
}

impl Git {
    /// A commit's parents as they stand in it, whether this clone has them or not.
    ///
    /// # Errors
    /// Where the commit cannot be read.
    pub async fn parents(&self, commit: &CommitId) -> Result<Vec<CommitId>, Error> {
        let answer = self.ask(["cat-file", "commit", commit.as_str()]).await?;
        let header = answer.lines().take_while(|line| !line.is_empty());
        header.filter_map(|line| line.strip_prefix("parent ")).map(|id| parse_id("cat-file", id)).collect()
    }

    /// Where this clone's history is cut; empty where it is whole.
    ///
    /// # Errors
    /// Where the list cannot be read.
    pub async fn cuts(&self) -> Result<Cuts, Error> {
        match fs_err::read_to_string(self.list_of_cuts().await?) {
            Ok(list) => list.lines().map(|line| parse_id("rev-parse", line)).collect(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Cuts::new()),
            Err(error) => Err(error.into()),
        }
    }

    /// git has no question for the cuts, but says where their list is.
    pub(super) async fn list_of_cuts(&self) -> Result<Utf8PathBuf, Error> {
        let answer = self.ask(["rev-parse", "--git-path", "shallow"]).await?;
        Ok(self.directory.join(answer.trim_end_matches('\n')))
    }

    /// Every commit that `tips` (commit ids or options such as `--all`) lead to here, each with those of its
    /// parents that are not cut off.
    ///
    /// # Errors
    /// Where one of them does not exist.
    pub async fn ancestry(&self, tips: &[&str]) -> Result<HashMap<CommitId, Vec<CommitId>>, Error> {
        let mut args = vec!["rev-list", "--parents"];
        args.extend(tips);
        let finished = self.run(args, Vec::new()).await?;
        if !finished.success() {
            return Err(self.failure(&["rev-list"], &finished));
        }
        finished.stdout_text().lines().map(parse_ancestry_line).collect()
    }

    /// How many commits lead to `base` and not to `head`, as far as history is here.
    ///
    /// # Errors
    /// Where one of them does not exist.
    pub async fn count_missing(&self, base: &CommitId, head: &CommitId) -> Result<usize, Error> {
        let answer = self.ask(["rev-list", "--count", base.as_str(), &without(head)]).await?;
        answer
            .trim()
            .parse()
            .map_err(|_| Error::Answer { command: "rev-list", answer: harmless(&answer, 80) })
    }

    /// At most `limit` of them, the newest first.
    ///
    /// # Errors
    /// Where one of them does not exist.
    pub async fn missing(
        &self,
        base: &CommitId,
        head: &CommitId,
        limit: usize,
    ) -> Result<Vec<CommitId>, Error> {
        self.list(base, head, limit, &[]).await
    }

    /// The same for those alone that differ from one of their parents at `paths` (relative to the directory that
    /// git is asked in).
    ///
    /// # Errors
    /// Where one of them does not exist.
    pub async fn missing_at(
        &self,
        base: &CommitId,
        head: &CommitId,
        limit: usize,
        paths: &[String],
    ) -> Result<Vec<CommitId>, Error> {
        if paths.is_empty() { Ok(Vec::new()) } else { self.list(base, head, limit, paths).await }
    }

    async fn list(
        &self,
        base: &CommitId,
        head: &CommitId,
        limit: usize,
        paths: &[String],
    ) -> Result<Vec<CommitId>, Error> {
        let (limit, head) = (format!("--max-count={limit}"), without(head));
        let mut args = vec!["rev-list", "--full-history", &limit, base.as_str(), &head, "--"];
        args.extend(paths.iter().map(String::as_str));
        let finished = self.run(args, Vec::new()).await?;
        if !finished.success() {
            return Err(self.failure(&["rev-list"], &finished));
        }
        finished.stdout_text().lines().map(|line| parse_id("rev-list", line)).collect()
    }

    /// Whether the two have an ancestor in common, as far as history is here.
    ///
    /// # Errors
    /// Where one of them does not exist.
    pub async fn are_related(&self, one: &CommitId, other: &CommitId) -> Result<bool, Error> {
        let finished = self.run(["merge-base", one.as_str(), other.as_str()], Vec::new()).await?;
        match finished.status.code() {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => Err(self.failure(&["merge-base"], &finished)),
        }
    }

    /// What the commits say of themselves, in the same order.
    ///
    /// # Errors
    /// Where one of them does not exist.
    pub async fn describe(&self, commits: &[CommitId]) -> Result<Vec<Commit>, Error> {
        if commits.is_empty() {
            return Ok(Vec::new());
        }
        let format = "--format=%H%x00%an%x00%cI%x00%s";
        let args = ["rev-list", "--no-walk=unsorted", "--stdin", "--encoding=UTF-8", format];
        let answer = self.ask_with(args, lines_of(commits)).await?;
        let described = answer.split('\n').filter(|line| line.contains('\0'));
        described.map(parse_commit).collect()
    }

    /// The files at `paths` that each of `commits` changes by itself, from the repository's root: a merge those
    /// that differ from all of its parents. Commits that change none are left out.
    ///
    /// # Errors
    /// Where one of the commits does not exist.
    pub async fn files_changed(
        &self,
        commits: &[CommitId],
        paths: &[String],
    ) -> Result<HashMap<CommitId, Vec<String>>, Error> {
        if commits.is_empty() || paths.is_empty() {
            return Ok(HashMap::new());
        }
        let mut args =
            vec!["diff-tree", "--stdin", "-r", "-c", "--root", "--no-relative", "--name-only", "-z", "--"];
        args.extend(paths.iter().map(String::as_str));
        let finished = self.run(args, lines_of(commits)).await?;
        if !finished.success() {
            return Err(self.failure(&["diff-tree"], &finished));
        }
        Ok(parse_files(&finished.stdout_text()))
    }
}

fn without(commit: &CommitId) -> String {
    format!("^{commit}")
}

fn lines_of(commits: &[CommitId]) -> Vec<u8> {
    commits.iter().map(|id| format!("{id}\n")).collect::<String>().into_bytes()
}

fn parse_ancestry_line(line: &str) -> Result<(CommitId, Vec<CommitId>), Error> {
    let mut ids = line.split(' ').map(|id| parse_id("rev-list", id));
    let commit = ids.next().unwrap_or_else(|| parse_id("rev-list", line))?;
    Ok((commit, ids.collect::<Result<_, _>>()?))
}

fn parse_commit(line: &str) -> Result<Commit, Error> {
    let mut fields = line.splitn(4, '\0');
    let mut field = || fields.next().unwrap_or_default();
    Ok(Commit {
        id: parse_id("rev-list", field())?,
        author: harmless(field(), TEXT_LIMIT),
        date: harmless(field(), TEXT_LIMIT),
        subject: harmless(field(), TEXT_LIMIT),
    })
}

/// Each commit's id stands before its files.
fn parse_files(answer: &str) -> HashMap<CommitId, Vec<String>> {
    let mut files: HashMap<CommitId, Vec<String>> = HashMap::new();
    let mut current = None;
    for part in answer.split_terminator('\0') {
        if let Ok(id) = part.parse::<CommitId>() {
            current = Some(id);
        } else if let Some(id) = &current {
            files.entry(id.clone()).or_default().push(harmless(part, 4096));
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn id(text: &str) -> CommitId {
        text.parse().unwrap()
    }

    #[test]
    fn ancestry_lines_are_read() {
        assert_eq!(parse_ancestry_line(A).unwrap(), (id(A), vec![]));
        assert_eq!(parse_ancestry_line(&format!("{A} {B}")).unwrap(), (id(A), vec![id(B)]));
        assert!(parse_ancestry_line("").is_err());
    }

    #[test]
    fn a_commit_is_read_and_made_harmless() {
        let commit = parse_commit(&format!("{A}\0M\u{1b}e\02026-01-02T03:04:05Z\0Fix \u{1b}[31mit")).unwrap();
        assert_eq!((commit.id, commit.author.as_str()), (id(A), "M\\u{1b}e"));
        assert_eq!(commit.subject, "Fix \\u{1b}[31mit");
        assert_eq!(commit.date, "2026-01-02T03:04:05Z");
    }

    #[test]
    fn files_belong_to_the_commit_before_them() {
        let files = parse_files(&format!("{A}\0x/schema.prisma\0x/a b\0{B}\0y\0"));
        assert_eq!(files[&id(A)], ["x/schema.prisma", "x/a b"]);
        assert_eq!(files[&id(B)], ["y"]);
    }
}
