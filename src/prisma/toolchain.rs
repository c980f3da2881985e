//! Which CLI, on which engine, and why: what the search came to.

use camino::Utf8PathBuf;
use semver::Version;

use super::node::Node;
use crate::{cache::Key, report::Tool};

/// Everything that it takes to ask Prisma something.
#[derive(Debug, Clone)]
pub struct Toolchain {
    pub(super) cli: Cli,
    pub(super) engine: Engine,
    /// `None` where a program runs the CLI that brings its own.
    pub(super) node: Option<Node>,
    /// Where Node.js, from 22 on, keeps what it has compiled: the next run starts sooner.
    pub(super) compile_cache: Utf8PathBuf,
    /// What a person should know about the choice.
    pub(super) notes: Vec<String>,
    pub(super) identity: Option<Key>,
}

/// A Prisma CLI.
#[derive(Debug, Clone)]
pub(super) struct Cli {
    pub start: Start,
    pub version: Version,
    /// The major that it answers as: its own, but for the managed one, which takes on that of the project.
    pub major: u64,
    /// Why this one.
    pub why: String,
}

/// How a CLI is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Start {
    /// A script for Node.js: `prisma/build/index.js`.
    Script(Utf8PathBuf),
    /// A program of its own.
    Program(Utf8PathBuf),
}

impl Start {
    pub(super) const fn path(&self) -> &Utf8PathBuf {
        match self {
            Self::Script(path) | Self::Program(path) => path,
        }
    }
}

/// The schema engine that the CLI is told to use.
#[derive(Debug, Clone)]
pub(super) struct Engine {
    pub path: Utf8PathBuf,
    /// As it tells it.
    pub version: String,
    /// Why this one.
    pub why: String,
}

impl Toolchain {
    /// The CLI's version.
    #[must_use]
    pub const fn version(&self) -> &Version {
        &self.cli.version
    }

    /// A hash of all that its answers depend on beside the question; `None` where that cannot be told.
    #[must_use]
    pub const fn identity(&self) -> Option<Key> {
        self.identity
    }

    /// For the report: the roles `prisma`, `engine` and `node`.
    #[must_use]
    pub fn tools(&self) -> Vec<Tool> {
        let mut tools = vec![
            Tool {
                role: "prisma",
                version: self.cli.version.to_string(),
                path: self.cli.start.path().to_string(),
                why: self.cli.why.clone(),
            },
            Tool {
                role: "engine",
                version: self.engine.version.clone(),
                path: self.engine.path.to_string(),
                why: self.engine.why.clone(),
            },
        ];
        if let Some(Node { path, version }) = &self.node {
            tools.push(Tool {
                role: "node",
                version: version.to_string(),
                path: path.to_string(),
                why: "first on the PATH".into(),
            });
        }
        tools
    }

    /// What a person should know about the choice, a sentence each.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
}
