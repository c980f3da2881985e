//! The tool as a process, in an environment without surprises.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::LazyLock,
    time::Duration,
};

/// Longer than any step takes on the busiest machine, an installation included: where all is well nobody waits for it.
pub const PATIENCE: Duration = Duration::from_secs(600);

/// Variables that would change what the tool does; the rest, such as PATH, proxies and certificates, stays.
const SURPRISES: [&str; 12] = [
    "RUN_MIGRATION_",
    "GIT_",
    "GITHUB_",
    "PRISMA_",
    "DATABASE_URL",
    "DIRECT_URL",
    "SHADOW_DATABASE_URL",
    "CI",
    "NO_COLOR",
    "CLICOLOR",
    "VIRTUAL_ENV",
    "CLAUDE",
];

/// Where tests keep what they install: beside the build, so that the next run finds it.
pub fn tools() -> PathBuf {
    let target = Path::new(env!("CARGO_BIN_EXE_run-migration")).ancestors().nth(2).unwrap();
    let tools = target.join("test-tools");
    std::fs::create_dir_all(&tools).unwrap();
    tools
}

/// A command that runs `program` in `directory` without surprises.
pub fn hermetic(program: impl AsRef<std::ffi::OsStr>, directory: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(directory).stdin(Stdio::null());
    for (key, _) in std::env::vars_os() {
        let key_text = key.to_string_lossy();
        let is_an_agents = run_migration::guard::agents::variables().any(|variable| variable == key_text);
        if is_an_agents || SURPRISES.iter().any(|surprise| key_text.starts_with(surprise)) {
            command.env_remove(key);
        }
    }
    // Tests are run by agents too, but what they test is what a human sees.
    run_migration::guard::agents::variables().for_each(|variable| {
        command.env_remove(variable);
    });
    command
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .env("GIT_AUTHOR_NAME", "Tester")
        .env("GIT_AUTHOR_EMAIL", "tester@example.com")
        .env("GIT_COMMITTER_NAME", "Tester")
        .env("GIT_COMMITTER_EMAIL", "tester@example.com")
        .env("RUN_MIGRATION_CACHE_DIR", tools().join("cache"))
        .env("RUN_MIGRATION_TIMEOUT", PATIENCE.as_secs().to_string())
        // What a test sees must not depend on what another one did before.
        .env("RUN_MIGRATION_NO_CACHE", "1");
    command
}

/// Makes `path` a program that everybody may run. A process of its own writes it: what this one had open for writing
/// could not be run as long as a child that another test starts at that moment holds it, too.
pub fn executable(path: &Path, contents: &[u8]) {
    let mut writer = hermetic("/bin/sh", Path::new("/"))
        .args(["-c", "cat >\"$0\" && chmod 755 \"$0\""])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    writer.stdin.take().unwrap().write_all(contents).unwrap();
    assert!(writer.wait().unwrap().success(), "{} was not written", path.display());
}

/// What comes of `attempt` within a limit. The first one is over soon; where a busy machine did not even get to what
/// is to be seen within it, which `is_seen` tells, there is a longer one.
pub async fn within_a_limit<T>(attempt: impl AsyncFn(Duration) -> T, is_seen: impl Fn(&T) -> bool) -> T {
    for limit in [1, 10, 60].map(Duration::from_secs) {
        let outcome = attempt(limit).await;
        if is_seen(&outcome) {
            return outcome;
        }
    }
    attempt(PATIENCE).await
}

/// The documented shape of `--format json`.
static SCHEMA: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
    let schema = serde_json::from_str(include_str!("../../../docs/report.schema.json")).unwrap();
    jsonschema::validator_for(&schema).unwrap()
});

/// How a run of the tool ended.
#[derive(Debug)]
pub struct Ended {
    /// The exit code; -1 for a signal.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ended {
    /// Fails unless the exit code is `code`, showing what was said.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }

    /// Fails unless standard error holds all of `texts`.
    #[track_caller]
    pub fn says(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(self.stderr.contains(text), "{text:?} is missing in\n{}", self.stderr);
        }
        self
    }

    /// Standard output as JSON, which must be as it is documented.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        let report =
            serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout));
        if let Err(error) = SCHEMA.validate(&report) {
            panic!("{} at {}: {report:#}", error, error.instance_path());
        }
        assert_eq!(report["exit_code"], self.code);
        report
    }
}

/// The tool with `args` in `directory`, ready for more.
pub fn tool(directory: &Path, args: &[&str]) -> Command {
    let mut command = hermetic(env!("CARGO_BIN_EXE_run-migration"), directory);
    command.args(args);
    command
}

/// Runs the tool with `args` in `directory`.
pub fn run(directory: &Path, args: &[&str]) -> Ended {
    tool(directory, args).output().unwrap().into()
}
