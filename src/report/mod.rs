//! What a run has to say, as data. Commands fill it in; `human` and `json` write it down.

pub mod agents;
pub mod emit;
pub mod human;
pub mod json;
pub mod progress;

use std::time::Duration;

use camino::Utf8PathBuf;
use serde::Serialize;

use crate::{error::Error, finding::Finding, freshness::Freshness, outcome::Outcome};

/// The result of one command.
#[derive(Debug, Clone)]
pub struct Report {
    /// The command's name.
    pub command: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// The migration that was made, or would have been.
    pub migration: Option<Migration>,
    /// Everything that the checks found, allowed ones included.
    pub findings: Vec<Finding>,
    /// What became of the question whether the branch is up to date.
    pub freshness: Option<Freshness>,
    /// The programs that did the work.
    pub toolchain: Vec<Tool>,
    /// How long each stage took, in the order they ran.
    pub timings: Vec<(&'static str, Duration)>,
    /// What a person should know although nothing refuses, a sentence each.
    pub notes: Vec<String>,
    /// What went wrong, where something did; redacted.
    pub error: Option<String>,
    /// What to do next.
    pub hint: Option<String>,
    /// What a person gets on standard output.
    pub result: Option<String>,
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
            migration: None,
            findings: Vec::new(),
            freshness: None,
            toolchain: Vec::new(),
            timings: Vec::new(),
            notes: Vec::new(),
            error: None,
            hint: None,
            result: None,
        }
    }

    /// The report of a run that met `error`.
    #[must_use]
    pub fn of_error(command: &'static str, error: &Error) -> Self {
        Self { error: Some(error.text()), hint: error.next_step(), ..Self::new(command, error.outcome()) }
    }

    /// The findings that stop the run.
    pub fn refusing(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.refuses())
    }
}
