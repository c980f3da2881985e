//! A runner for one job: the steps' own scripts with the real bash and the real git, around a real origin. What a runner
//! gets from elsewhere stands in: actions/checkout, cargo and GitHub's API.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{Printed, steps};
use crate::support::{
    git::{Forge, Repo},
    run::{Ended, executable, hermetic},
};

/// A runner with a workspace of its own.
pub(super) struct Runner<'a> {
    forge: &'a Forge,
    root: PathBuf,
    /// What expressions mean: `github.sha`, `needs.branch.outputs.branch`.
    pub(super) event: BTreeMap<String, String>,
    /// More environment for every step.
    pub(super) environment: Vec<(String, String)>,
    outputs: BTreeMap<String, String>,
    path: Vec<PathBuf>,
}

/// How a job ended.
pub(super) struct Job {
    /// The names of the steps that ran, and how.
    pub(super) steps: Vec<(String, Ended)>,
}

impl Job {
    /// Whether every step that ran succeeded.
    pub(super) fn succeeded(&self) -> bool {
        self.steps.iter().all(|(_, ended)| ended.code == 0)
    }

    /// How the step `name` ended, if it ran.
    pub(super) fn step(&self, name: &str) -> Option<&Ended> {
        self.steps.iter().find(|(step, _)| step == name).map(|(_, ended)| ended)
    }

    /// How the last step ended.
    pub(super) fn last(&self) -> &Ended {
        &self.steps.last().unwrap().1
    }
}

impl<'a> Runner<'a> {
    /// A runner in which `run-migration` is the script `tool`, which may call the real one: `"$REAL_TOOL"`.
    pub(super) fn new(forge: &'a Forge, tool: &str) -> Self {
        let root = forge.path().join("runner");
        for directory in ["workspace", "temp", "home", "bin"] {
            std::fs::create_dir_all(root.join(directory)).unwrap();
        }
        let mut runner = Self {
            forge,
            path: vec![root.join("bin")],
            root,
            event: BTreeMap::new(),
            environment: Vec::new(),
            outputs: BTreeMap::new(),
        };
        runner.script(
            "bin/gh",
            "[ -n \"$GH_TOKEN\" ] || exit 4\necho \"$*\" >>\"$LOG/gh\"\ncat \"$LOG/gh-answer\"",
        );
        runner.script(
            "bin/cargo",
            "echo \"$PWD: $*\" >>\"$LOG/cargo\"\nwhile [ \"$1\" != --root ]; do shift; done\n\
             mkdir -p \"$2/bin\"\ncp \"$LOG/tool\" \"$2/bin/run-migration\"",
        );
        runner.script("bin/git", "echo \"$*\" >>\"$LOG/git\"\n[ -z \"$GIT_CONFIG_COUNT\" ] || env | grep ^GIT_CONFIG_ >>\"$LOG/git-environment\"\nexec \"$REAL_GIT\" \"$@\"");
        runner.script("tool", &format!("echo \"$*\" >>\"$LOG/tool-calls\"\n{tool}"));
        runner.set("github.repository", "team/library");
        runner
    }

    /// A program of the runner's.
    pub(super) fn script(&self, name: &str, text: &str) {
        executable(&self.root.join(name), format!("#!/bin/bash\n{text}\n").as_bytes());
    }

    /// What GitHub's API answers.
    pub(super) fn answer(&self, text: &str) {
        std::fs::write(self.root.join("gh-answer"), text).unwrap();
    }

    /// What a stand-in was called with, a call on each line; empty where it was not called.
    pub(super) fn calls(&self, of: &str) -> String {
        std::fs::read_to_string(self.root.join(of)).unwrap_or_default()
    }

    /// Whether git was told to bring something from elsewhere.
    pub(super) fn has_fetched(&self) -> bool {
        self.calls("git")
            .split_whitespace()
            .any(|word| matches!(word, "fetch" | "pull" | "ls-remote" | "clone"))
    }

    /// A directory or a file of the runner.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The repository that is checked out.
    pub(super) fn workspace(&self) -> Repo<'a> {
        self.forge.repo("runner/workspace")
    }

    /// Runs the job `name` if its condition holds, up to the first step that fails.
    pub(super) fn run(&mut self, workflow: &Printed, name: &str) -> Option<Job> {
        self.outputs.clear();
        let job = &workflow.yaml["jobs"][name];
        if !self.holds(&job["if"]) {
            return None;
        }
        let mut ran = Job { steps: Vec::new() };
        for step in steps(&workflow.yaml, name) {
            if ran.succeeded() && self.holds(&step["if"]) {
                let ended = match step["uses"].as_str() {
                    Some(action) => self.check_out(action, &step["with"]),
                    None => self.step(workflow, step),
                };
                ran.steps.push((step["name"].as_str().unwrap().to_owned(), ended));
            }
        }
        for (output, value) in job["outputs"].as_object().into_iter().flatten() {
            let value = if ran.succeeded() { self.evaluate(value.as_str().unwrap()) } else { String::new() };
            self.event.insert(format!("needs.{name}.outputs.{output}"), value);
        }
        Some(ran)
    }

    /// What actions/checkout does for these settings; the origin refuses every later fetch.
    fn check_out(&self, action: &str, with: &Value) -> Ended {
        assert!(action.starts_with("actions/checkout@"), "{action}");
        assert_eq!((&with["fetch-depth"], &with["persist-credentials"]), (&0.into(), &false.into()));
        let commit = self.evaluate(with["ref"].as_str().unwrap());
        let workspace = self.workspace();
        workspace.git(&["init", "-q", "--initial-branch=main"]);
        workspace.git(&["remote", "add", "origin", &self.forge.url()]);
        workspace.git(&[
            "fetch",
            "-q",
            "origin",
            "+refs/heads/*:refs/remotes/origin/*",
            "+refs/tags/*:refs/tags/*",
        ]);
        workspace.git(&["fetch", "-q", "origin", &commit]);
        workspace.git(&["checkout", "-q", "--force", &commit]);
        self.forge.origin().git(&["config", "uploadpack.hideRefs", "refs"]);
        self.forge.origin().git(&["config", "uploadpack.allowAnySHA1InWant", "false"]);
        Ended { code: 0, stdout: String::new(), stderr: String::new() }
    }

    fn step(&mut self, workflow: &Printed, step: &Value) -> Ended {
        assert_eq!(workflow.yaml["defaults"]["run"]["shell"], "bash");
        for file in ["output", "added-path", "summary"] {
            std::fs::write(self.root.join(file), "").unwrap();
        }
        std::fs::write(self.root.join("script"), step["run"].as_str().unwrap()).unwrap();
        let mut command = hermetic("bash", &self.root.join("workspace"));
        command.args(["--noprofile", "--norc", "-eo", "pipefail"]).arg(self.root.join("script"));
        // A runner has no name of a committer.
        for inherited in ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"]
        {
            command.env_remove(inherited);
        }
        for (key, value) in self.defaults() {
            command.env(key, value);
        }
        command.envs(self.environment.iter().cloned());
        for environment in [&workflow.yaml["env"], &step["env"]] {
            for (key, value) in environment.as_object().into_iter().flatten() {
                command.env(key, self.evaluate(value.as_str().unwrap()));
            }
        }
        let ended = command.output().unwrap().into();
        self.collect(step["id"].as_str());
        ended
    }

    fn defaults(&self) -> Vec<(&'static str, PathBuf)> {
        let inherited = std::env::var_os("PATH").unwrap();
        let path: Vec<_> = self.path.iter().cloned().chain(std::env::split_paths(&inherited)).collect();
        let git =
            std::env::split_paths(&inherited).map(|directory| directory.join("git")).find(|git| git.exists());
        vec![
            ("PATH", std::env::join_paths(path).unwrap().into()),
            ("REAL_GIT", git.unwrap()),
            ("LOG", self.root.clone()),
            ("REAL_TOOL", env!("CARGO_BIN_EXE_run-migration").into()),
            ("GIT_CONFIG_GLOBAL", self.root.join("home/.gitconfig")),
            ("RUNNER_TEMP", self.root.join("temp")),
            ("GITHUB_ACTIONS", "true".into()),
            ("GITHUB_WORKSPACE", self.root.join("workspace")),
            ("GITHUB_OUTPUT", self.root.join("output")),
            ("GITHUB_PATH", self.root.join("added-path")),
            ("GITHUB_STEP_SUMMARY", self.root.join("summary")),
            ("GITHUB_SERVER_URL", "https://github.example".into()),
            ("GITHUB_REPOSITORY", self.evaluate("${{ github.repository }}").into()),
            ("GITHUB_EVENT_NAME", self.evaluate("${{ github.event_name }}").into()),
        ]
    }

    fn collect(&mut self, id: Option<&str>) {
        for line in self.calls("output").lines() {
            let (key, value) = line.split_once('=').unwrap();
            self.outputs.insert(format!("steps.{}.outputs.{key}", id.unwrap()), value.to_owned());
        }
        self.path.splice(0..0, self.calls("added-path").lines().map(PathBuf::from));
    }

    fn holds(&self, condition: &Value) -> bool {
        condition.is_null() || self.evaluate(condition.as_str().unwrap()) == "true"
    }

    /// A text with its expressions replaced: a name, or two compared.
    fn evaluate(&self, text: &str) -> String {
        let Some((before, rest)) = text.split_once("${{") else { return text.to_owned() };
        let (expression, after) = rest.split_once("}}").unwrap();
        let value = match expression.split_whitespace().collect::<Vec<_>>().as_slice() {
            [name] => self.value(name),
            [one, "==", other] => (self.value(one) == self.value(other)).to_string(),
            [one, "!=", other] => (self.value(one) != self.value(other)).to_string(),
            other => panic!("{other:?} is not understood"),
        };
        format!("{before}{value}{}", self.evaluate(after))
    }

    /// A literal, or what a name means. An output that was never set is empty, as is what an event of another kind has.
    fn value(&self, name: &str) -> String {
        if let Some(literal) = name.strip_prefix('\'') {
            return literal.trim_end_matches('\'').to_owned();
        }
        let optional = name.contains(".outputs.") || name.starts_with("github.event.");
        match self.event.get(name).or_else(|| self.outputs.get(name)) {
            Some(value) => value.clone(),
            None if optional => String::new(),
            None => panic!("{name} is not known"),
        }
    }

    /// Says what an expression means.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.event.insert(name.to_owned(), value.to_owned());
    }
}

/// Whether anybody made the file that every hostile name asks for.
pub(super) fn is_owned(root: &Path) -> bool {
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let entry = entry.unwrap();
            if entry.file_name() == "pwned" {
                return true;
            }
            if entry.file_type().unwrap().is_dir() {
                directories.push(entry.path());
            }
        }
    }
    false
}
