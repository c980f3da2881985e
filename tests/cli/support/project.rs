//! Repositories to run the tool in.

use std::path::{Path, PathBuf};

use super::{corpus::Release, run::hermetic};

/// A git repository with a bare origin, in a directory of its own that goes with the value.
pub struct Project {
    directory: tempfile::TempDir,
}

/// Where LiteLLM's repository keeps its copies of the schema.
pub const LITELLM_COPIES: [&str; 2] =
    ["litellm/proxy/schema.prisma", "litellm-proxy-extras/litellm_proxy_extras/schema.prisma"];
/// Where it keeps its migrations.
pub const LITELLM_MIGRATIONS: &str = "litellm-proxy-extras/litellm_proxy_extras/migrations";
/// A schema of one model.
pub const USERS: &str = "\
datasource db {
  provider = \"postgresql\"
  url      = env(\"DATABASE_URL\")
}
model User {
  id   Int     @id @default(autoincrement())
  name String?
}
";
/// The branch that it merges into.
pub const LITELLM_BASE: &str = "litellm_internal_staging";

impl Project {
    /// The files of `fill`, committed on `branch` and pushed to the bare origin, whose HEAD is that branch.
    pub fn new(branch: &str, fill: impl FnOnce(&Path)) -> Self {
        let project = Self { directory: tempfile::tempdir().unwrap() };
        let head = format!("--initial-branch={branch}");
        std::fs::create_dir(project.path()).unwrap();
        git(project.directory.path(), &["init", "-q", "--bare", &head, "origin.git"]);
        git(&project.path(), &["init", "-q", &head]);
        git(&project.path(), &["remote", "add", "origin", &project.origin_url()]);
        fill(&project.path());
        project.commit("the beginning");
        git(&project.path(), &["push", "-q", "origin", branch]);
        project
    }

    /// The project's own fixture, in LiteLLM's layout, with a change pending.
    pub fn fixture() -> Self {
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations_fixture");
        Self::new(LITELLM_BASE, |path| copy(&fixture, path))
    }

    /// A release, laid out as LiteLLM's repository.
    pub fn litellm(release: &Release) -> Self {
        Self::new(LITELLM_BASE, |path| {
            for (name, sql) in &release.migrations {
                write(&path.join(LITELLM_MIGRATIONS).join(name).join("migration.sql"), sql);
            }
            write(&path.join(LITELLM_MIGRATIONS).join("migration_lock.toml"), "provider = \"postgresql\"\n");
            write_schemas(path, &release.schema);
        })
    }

    /// Prisma's own layout: `prisma/schema.prisma` and migrations beside it.
    pub fn prisma(schema: &str, migrations: &[(&str, &str)]) -> Self {
        Self::new("main", |path| write_prisma(path, schema, migrations))
    }

    /// The same with the schema [`USERS`] and all that Prisma leaves beside `migrations`, on a branch `feature`.
    pub fn feature(migrations: &[(&str, &str)]) -> Self {
        let project = Self::new("main", |path| {
            write_prisma(path, USERS, migrations);
            write(&path.join("prisma/migrations/migration_lock.toml"), "provider = \"postgresql\"\n");
        });
        git(&project.path(), &["switch", "-q", "-c", "feature"]);
        project
    }

    /// The work tree.
    pub fn path(&self) -> PathBuf {
        self.directory.path().join("work")
    }

    /// The origin, as git is told.
    pub fn origin_url(&self) -> String {
        format!("file://{}/origin.git", self.directory.path().display())
    }

    /// Changes the schema and all its copies (LiteLLM's layout).
    pub fn set_schemas(&self, schema: &str) {
        write_schemas(&self.path(), schema);
    }

    /// The schema at the root.
    pub fn schema(&self) -> String {
        std::fs::read_to_string(self.path().join("schema.prisma")).unwrap()
    }

    /// Writes a file of the work tree.
    pub fn write(&self, file: &str, text: &str) {
        write(&self.path().join(file), text);
    }

    /// Commits everything.
    pub fn commit(&self, message: &str) {
        git(&self.path(), &["add", "-A"]);
        git(&self.path(), &["commit", "-q", "--allow-empty", "-m", message]);
    }

    /// Somebody else's commits on the base, made in a clone of their own and pushed.
    pub fn others_commit(&self, branch: &str, file: &str, message: &str) {
        let clone = tempfile::tempdir().unwrap();
        git(clone.path(), &["clone", "-q", "--branch", branch, &self.origin_url(), "."]);
        write(&clone.path().join(file), message);
        git(clone.path(), &["add", "-A"]);
        git(clone.path(), &["commit", "-q", "-m", message]);
        git(clone.path(), &["push", "-q", "origin", branch]);
    }

    /// Everything in the work tree and every ref but the remote-tracking ones: what no refusal may change.
    pub fn state(&self) -> String {
        let mut state = git(&self.path(), &["for-each-ref", "refs/heads", "refs/tags"]);
        let mut files = Vec::new();
        walk(&self.path(), &mut files);
        files.sort();
        state.push_str(&files.join("\n"));
        state
    }

    /// The names of the migrations (LiteLLM's layout).
    pub fn migrations(&self) -> Vec<String> {
        self.migrations_in(LITELLM_MIGRATIONS)
    }

    /// The names of the migrations in `directory`.
    pub fn migrations_in(&self, directory: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path().join(directory)).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.path().is_dir())
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// Runs git and gives what it says.
#[track_caller]
pub fn git(directory: &Path, args: &[&str]) -> String {
    let output = hermetic("git", directory).args(args).output().unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Writes a file and the directories above it.
pub fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn write_prisma(root: &Path, schema: &str, migrations: &[(&str, &str)]) {
    write(&root.join("prisma/schema.prisma"), schema);
    for (name, sql) in migrations {
        write(&root.join("prisma/migrations").join(name).join("migration.sql"), sql);
    }
}

fn write_schemas(root: &Path, schema: &str) {
    write(&root.join("schema.prisma"), schema);
    for copy in LITELLM_COPIES {
        write(&root.join(copy), schema);
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn walk(directory: &Path, into: &mut Vec<String>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with(".git") {
            continue;
        }
        let metadata = path.symlink_metadata().unwrap();
        if metadata.is_dir() {
            into.push(path.display().to_string());
            walk(&path, into);
        } else {
            let content = std::fs::read(&path).unwrap_or_default();
            into.push(format!(
                "{} {:?} {}",
                path.display(),
                metadata.permissions(),
                run_migration::history::checksum(&content)
            ));
        }
    }
}
