//! What a run has to say, as data. Commands fill it in; `human` and `json` write it down.

pub mod agents;
pub mod deployment;
pub mod emit;
pub mod gates;
pub mod github;
pub mod human;
pub mod json;
pub mod lint;
pub mod markdown;
pub mod preflight;
pub mod progress;
pub mod release;
mod release_markdown;
mod release_text;
pub mod sarif;
mod several;

use std::time::Duration;

use camino::Utf8PathBuf;
use serde::Serialize;

use crate::{
    error::Error,
    finding::Finding,
    freshness::Freshness,
    live::{
        catalog::{Gap, Retyped},
        state::State,
    },
    outcome::Outcome,
};

/// The result of one command.
#[derive(Debug, Clone)]
pub struct Report {
    /// The command's name.
    pub command: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// The migrations that were made, or would have been, in the order in which they are applied.
    pub migrations: Vec<Migration>,
    /// The names of the migrations in whose place they came, or would have come.
    pub replaced: Vec<String>,
    /// Everything that the checks found, allowed ones included.
    pub findings: Vec<Finding>,
    /// What became of each gate; empty for commands without gates.
    pub gates: Vec<gates::Gate>,
    /// What became of the question whether the branch is up to date.
    pub freshness: Option<Freshness>,
    /// What is true about the database that was asked.
    pub database: Option<Database>,
    /// What was found out about it before anything is applied.
    pub preflight: Option<preflight::Preflight>,
    /// What was applied to it.
    pub deployment: Option<deployment::Deployment>,
    /// What there is to say about a release.
    pub release: Option<Box<release::Release>>,
    /// One report for each release that was compared with the one before it.
    pub pairs: Vec<Report>,
    /// The programs that did the work.
    pub toolchain: Vec<Tool>,
    /// How long each stage took, in the order they ran.
    pub timings: Vec<(&'static str, Duration)>,
    /// What a person should know although nothing refuses, a sentence each.
    pub notes: Vec<String>,
    /// What of it earlier runs had found out.
    pub from_cache: Option<FromCache>,
    /// What went wrong, where something did; redacted.
    pub error: Option<String>,
    /// What to do next.
    pub hint: Option<String>,
    /// What a person gets on standard output.
    pub result: Option<String>,
    /// The result shows the findings already.
    pub shows_findings: bool,
    /// The way from the repository's root to the project's, for outputs that name files from the former.
    pub prefix: Utf8PathBuf,
}

/// What earlier runs had found out: it has to do with how long a run takes, never with its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FromCache {
    /// What the history makes, all of it or its beginning.
    Database,
    /// What the database and Prisma say about the same inputs: neither was started.
    Answers,
}

/// A generated migration.
#[derive(Debug, Clone, Serialize)]
pub struct Migration {
    /// The directory's name.
    pub name: String,
    /// The file, relative to the repository's root.
    pub path: Utf8PathBuf,
    /// What the file holds, byte for byte.
    pub sql: String,
    /// Lower-case hex SHA-256 of the file: Prisma's checksum.
    pub sha256: String,
    /// What `down.sql` beside it holds, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub down: Option<String>,
}

/// The answer of a database that is not ours.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Database {
    /// `host:port/database`, or the socket's directory in place of the host.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub place: String,
    /// The schema that Prisma works in.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub schema: String,
    /// Whether the code may serve on it, where that was the question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready: Option<bool>,
    /// The answer in one line.
    pub line: String,
    /// Its ledger against the history; absent where it did not answer.
    #[serde(flatten)]
    pub state: Option<State>,
    /// The tables and columns that the code expects and it lacks.
    pub missing: Vec<Gap>,
    /// The columns that it has with another type.
    pub retyped: Vec<Retyped>,
    /// What a human should know although the code may serve, a phrase each.
    pub warnings: Vec<String>,
}

/// One program that took part, and why this one.
#[derive(Debug, Clone, Serialize)]
pub struct Tool {
    /// What it is for: `postgres`, `prisma`, `engine`, `git`, `node`.
    pub role: &'static str,
    /// Its version.
    pub version: String,
    /// Where it is.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// Why this one was taken.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub why: String,
}

impl Report {
    /// An empty report of `command`.
    #[must_use]
    pub fn new(command: &'static str, outcome: Outcome) -> Self {
        Self {
            command,
            outcome,
            migrations: Vec::new(),
            replaced: Vec::new(),
            findings: Vec::new(),
            gates: Vec::new(),
            freshness: None,
            database: None,
            preflight: None,
            deployment: None,
            release: None,
            pairs: Vec::new(),
            toolchain: Vec::new(),
            timings: Vec::new(),
            notes: Vec::new(),
            from_cache: None,
            error: None,
            hint: None,
            result: None,
            shows_findings: false,
            prefix: Utf8PathBuf::new(),
        }
    }

    /// The report of a run that met `error` before there was anything else to say.
    #[must_use]
    pub fn of_error(command: &'static str, error: &Error) -> Self {
        let mut report = Self::new(command, error.outcome());
        report.fail(error);
        report
    }

    /// The run met `error`; what was said so far stays.
    pub fn fail(&mut self, error: &Error) {
        self.outcome = error.outcome();
        self.error = Some(error.text());
        self.hint = error.next_step();
    }

    /// Whether something was refused, by the run as a whole or by one of its gates, so that a human has to decide.
    #[must_use]
    pub fn requires_human(&self) -> bool {
        self.outcomes().any(Outcome::is_refusal)
    }

    /// What an AI agent is told, where a human has to decide: a paragraph for each kind of refusal.
    #[must_use]
    pub fn agent_notices(&self) -> Vec<&'static str> {
        let mut notices: Vec<_> = self.outcomes().filter_map(|outcome| self.agent_notice(outcome)).collect();
        let all = notices.clone();
        let mut at = 0;
        notices.retain(|notice| {
            at += 1;
            !all[..at - 1].contains(notice)
        });
        notices
    }

    const fn agent_notice(&self, outcome: Outcome) -> Option<&'static str> {
        match (&self.database, outcome) {
            (Some(_), Outcome::RefusedOutOfSync) => Some(agents::DATABASE),
            (_, outcome) => agents::notice(outcome),
        }
    }

    fn outcomes(&self) -> impl Iterator<Item = Outcome> {
        self.gates.iter().map(gates::Gate::outcome).chain([self.outcome])
    }

    /// The findings that stop the run.
    pub fn refusing(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.refuses())
    }
}
