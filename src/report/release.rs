//! What there is to say about a release beside the findings.

use serde::Serialize;

use crate::release::{
    compare::Pair,
    package::{Kind, Package},
    rollout::Rollout,
    running::Impact,
};

/// A release and the one before it.
#[derive(Debug, Clone, Serialize)]
pub struct Release {
    /// The previous release.
    pub from: Side,
    /// The new one.
    pub to: Side,
    /// The migrations that a deploy of the new one applies to a database of the previous one, in order.
    pub pending: Vec<String>,
    /// What a process of the previous one meets that is still running; absent where nobody looked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running: Option<Vec<Impact>>,
    /// How it goes out; absent where the two are one release, packaged twice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollout: Option<Rollout>,
}

/// One of the two.
#[derive(Debug, Clone, Serialize)]
pub struct Side {
    /// What it is called in sentences: its version, or as it was named.
    pub called: String,
    /// As it was named.
    pub label: String,
    /// `wheel`, `sdist`, `directory` or `commit`.
    pub kind: &'static str,
    /// Its name, where it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its version, where it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// How many migrations it has.
    pub migrations: usize,
    /// Where in it the schema is, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
}

impl Release {
    /// What is known from the packages alone.
    #[must_use]
    pub fn of(pair: &Pair<'_>) -> Self {
        Self {
            from: Side::new(pair.from, &pair.from_name, pair.theirs.len()),
            to: Side::new(pair.to, &pair.to_name, pair.ours.len()),
            pending: pair.pending().into_iter().map(str::to_owned).collect(),
            running: None,
            rollout: None,
        }
    }
}

impl Side {
    fn new(package: &Package, called: &str, migrations: usize) -> Self {
        Self {
            called: called.to_owned(),
            label: package.label.clone(),
            kind: match package.kind {
                Kind::Wheel => "wheel",
                Kind::Sdist => "sdist",
                Kind::Directory => "directory",
                Kind::Commit(_) => "commit",
            },
            name: package.identity.name.clone(),
            version: package.identity.version.as_ref().map(ToString::to_string),
            migrations,
            schema: package.schema.as_ref().map(ToString::to_string),
        }
    }
}
