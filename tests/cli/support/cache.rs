//! Projects with a cache of their own, and what a run says apart from how long it took.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    project::Project,
    run::{Ended, tool, tools},
};

/// A cache directory of a test's own, in which the installed tools of all tests are.
pub struct Cache {
    directory: tempfile::TempDir,
}

impl Cache {
    pub fn new() -> Self {
        let directory = super::postgres::open_directory();
        for tools_of in ["postgres", "prisma"] {
            let common = tools().join("cache").join(tools_of);
            std::fs::create_dir_all(&common).unwrap();
            std::os::unix::fs::symlink(common, directory.path().join(tools_of)).unwrap();
        }
        Self { directory }
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The tool with this cache.
    pub fn tool(&self, project: &Project, args: &[&str]) -> Command {
        let mut command = tool(&project.path(), args);
        command.env_remove("RUN_MIGRATION_NO_CACHE").env("RUN_MIGRATION_CACHE_DIR", self.path());
        command
    }

    /// Runs the tool with this cache.
    pub fn run(&self, project: &Project, args: &[&str]) -> Ended {
        self.tool(project, args).output().unwrap().into()
    }

    /// Runs the tool without what earlier runs found out.
    pub fn without(&self, project: &Project, args: &[&str]) -> Ended {
        self.tool(project, args).env("RUN_MIGRATION_NO_CACHE", "1").output().unwrap().into()
    }

    /// The entries of one kind.
    pub fn entries(&self, kind: &str) -> Vec<PathBuf> {
        let Ok(listing) = self.path().join(kind).read_dir() else { return Vec::new() };
        let mut paths: Vec<_> = listing.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    }

    /// Removes the answers, so that the next run works with the databases alone.
    pub fn forget_answers(&self) {
        let _ = std::fs::remove_dir_all(self.path().join("answers"));
    }
}

/// What a run found out: everything that it says but how long it took, when it was, and what it had from the cache.
pub fn findings(ended: &Ended) -> serde_json::Value {
    let mut report = ended.json();
    let object = report.as_object_mut().unwrap();
    object.remove("timings_ms");
    object.remove("from_cache");
    let stamp = regex::Regex::new(r"\b20\d{12}_").unwrap();
    let text = stamp.replace_all(&report.to_string(), "STAMP_").into_owned();
    serde_json::from_str(&text).unwrap()
}
