//! Real git repositories around a real bare origin, with fixed dates and nobody's configuration.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::Stdio,
    sync::atomic::{AtomicU32, Ordering},
};

use super::run::hermetic;

/// A directory with a bare `origin.git`, whose HEAD names `main`, and a clone `author` that feeds it.
#[derive(Debug)]
pub struct Forge {
    directory: tempfile::TempDir,
    minute: AtomicU32,
}

/// One clone, or any other directory with a repository.
#[derive(Debug)]
pub struct Repo<'a> {
    forge: &'a Forge,
    path: PathBuf,
}

impl Forge {
    /// An origin with one commit on `main`, which holds `schema.prisma`.
    pub fn new() -> Self {
        let forge = Self { directory: tempfile::tempdir().unwrap(), minute: AtomicU32::new(0) };
        let root = forge.repo(".");
        root.git(&["init", "-q", "--bare", "--initial-branch=main", "origin.git"]);
        forge.origin().git(&["config", "uploadpack.allowFilter", "true"]);
        root.git(&["init", "-q", "--initial-branch=main", "author"]);
        forge.author().git(&["remote", "add", "origin", &forge.url()]);
        forge.author().commit("schema.prisma", "// 0\n", "Begin");
        forge.author().push("main");
        forge
    }

    /// Where everything of it is.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The origin's URL: `file://`, so that a shallow clone really is shallow.
    pub fn url(&self) -> String {
        format!("file://{}", self.path().join("origin.git").display())
    }

    /// The bare repository.
    pub fn origin(&self) -> Repo<'_> {
        self.repo("origin.git")
    }

    /// The clone that feeds it.
    pub fn author(&self) -> Repo<'_> {
        self.repo("author")
    }

    /// The repository in directory `name`, which need not exist yet.
    pub fn repo(&self, name: &str) -> Repo<'_> {
        Repo { forge: self, path: self.path().join(name) }
    }

    /// A new clone of the origin in directory `name`.
    pub fn clone(&self, name: &str, options: &[&str]) -> Repo<'_> {
        let url = self.url();
        self.repo(".").git(&[&["clone", "-q"], options, &["--", &url, name]].concat());
        self.repo(name)
    }

    /// Puts `count` commits on the origin's `branch`, each of which changes a file that is no schema. However
    /// many, it takes one moment.
    pub fn advance(&self, branch: &str, count: usize) {
        let author = self.author();
        author.switch(branch);
        let stream: String = (0..count).map(|number| self.note(branch, number)).collect();
        author.feed(&["fast-import", "--quiet", "--date-format=rfc2822"], &stream);
        author.git(&["reset", "-q", "--hard"]);
        author.push(branch);
    }

    /// A commit for `git fast-import`.
    fn note(&self, branch: &str, number: usize) -> String {
        self.minute.fetch_add(1, Ordering::Relaxed);
        let from = if number == 0 { format!("from refs/heads/{branch}^0\n") } else { String::new() };
        let (subject, text) = (format!("Note {number}"), format!("{branch} {number}"));
        format!(
            "commit refs/heads/{branch}\ncommitter Tester <tester@example.com> {}\ndata {}\n{subject}\n{from}\
             M 100644 inline notes.txt\ndata {}\n{text}\n",
            self.date(),
            subject.len(),
            text.len(),
        )
    }

    /// The date of the commit that is made now.
    fn date(&self) -> String {
        let minute = self.minute.load(Ordering::Relaxed);
        format!("{} Jan 2026 {:02}:{:02}:00 +0000", 1 + minute / 1440, minute / 60 % 24, minute % 60)
    }
}

impl Repo<'_> {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file of it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Runs git, which must succeed; what it says on standard output.
    #[track_caller]
    pub fn git(&self, args: &[&str]) -> String {
        self.feed(args, "")
    }

    /// The same with text on its standard input.
    #[track_caller]
    pub fn feed(&self, args: &[&str], input: &str) -> String {
        let date = self.forge.date();
        let mut child = hermetic("git", &self.path)
            .args(["-c", "gc.auto=0", "-c", "advice.detachedHead=false"])
            .args(args)
            .env("GIT_AUTHOR_DATE", &date)
            .env("GIT_COMMITTER_DATE", &date)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// Writes a file, with the directories it needs.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.file(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Writes a file and commits it, a minute after the commit before. The commit's id.
    #[track_caller]
    pub fn commit(&self, name: &str, text: &str, subject: &str) -> String {
        self.forge.minute.fetch_add(1, Ordering::Relaxed);
        self.write(name, text);
        self.git(&["add", "--", name]);
        self.git(&["commit", "-q", "-m", subject]);
        self.id("HEAD")
    }

    /// Merges `branch` with a merge commit, a minute after the commit before. The commit's id.
    #[track_caller]
    pub fn merge(&self, branch: &str) -> String {
        self.forge.minute.fetch_add(1, Ordering::Relaxed);
        self.git(&["merge", "-q", "--no-ff", "-m", &format!("Merge {branch}"), branch]);
        self.id("HEAD")
    }

    /// Goes to `branch`, which is made at HEAD where there is none.
    #[track_caller]
    pub fn switch(&self, branch: &str) {
        let exists = !self.git(&["branch", "--list", branch]).is_empty();
        self.git(&if exists { vec!["switch", "-q", branch] } else { vec!["switch", "-q", "-c", branch] });
    }

    /// Pushes `branch` to the origin.
    #[track_caller]
    pub fn push(&self, branch: &str) {
        self.git(&["push", "-q", "origin", branch]);
    }

    /// The id of what `revision` names.
    #[track_caller]
    pub fn id(&self, revision: &str) -> String {
        self.git(&["rev-parse", "--verify", revision])
    }

    /// Everything of the repository that a fetch may not change, for a comparison before and after: branches,
    /// tags, HEAD, FETCH_HEAD, configuration, hooks and index.
    pub fn untouchable(&self) -> Vec<(String, Vec<u8>)> {
        let refs = self.git(&["for-each-ref", "refs/heads", "refs/tags"]);
        let git_dir = PathBuf::from(self.git(&["rev-parse", "--absolute-git-dir"]));
        let mut state = vec![
            ("refs".to_owned(), refs.into_bytes()),
            (
                "status".to_owned(),
                self.git(&["--no-optional-locks", "status", "--porcelain", "--ignored"]).into_bytes(),
            ),
        ];
        for name in ["HEAD", "FETCH_HEAD", "config", "index"] {
            state.push((name.to_owned(), std::fs::read(git_dir.join(name)).unwrap_or_default()));
        }
        state
    }
}
