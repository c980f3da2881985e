//! What builds and machines leave behind, and what does not belong into a package.

use std::collections::BTreeMap;

use camino::Utf8Path;

use super::{
    compare::found,
    package::{Kind, Package},
};
use crate::finding::{Finding, Severity};

/// How many files of a kind are listed.
const LISTED: usize = 20;

/// What lies in `package` and does not belong there. What `before` had, too, is no news.
pub(super) fn inspect(package: &Package, before: &Package) -> Vec<Finding> {
    if !matches!(package.kind, Kind::Wheel | Kind::Sdist) {
        return Vec::new();
    }
    let mut by_kind: BTreeMap<&str, Vec<&Utf8Path>> = BTreeMap::new();
    for file in &package.files {
        if let Some(what) = artefact(&file.path, is_pure(package)) {
            by_kind.entry(what).or_default().push(&file.path);
        }
    }
    by_kind.into_iter().map(|(what, paths)| finding(package, before, what, &paths)).collect()
}

/// Whether the package is for every machine, so that no machine's code belongs into it.
fn is_pure(package: &Package) -> bool {
    package.kind == Kind::Sdist || package.path.as_str().contains("-none-any")
}

fn artefact(path: &Utf8Path, is_pure: bool) -> Option<&'static str> {
    let name = path.file_name()?;
    let is_in = |names: &[&str]| path.components().any(|part| names.contains(&part.as_str()));
    let extension = path.extension().map(str::to_ascii_lowercase);
    let is_one_of = |extensions: &[&str]| extension.as_deref().is_some_and(|one| extensions.contains(&one));
    if is_in(&["__pycache__"]) || is_one_of(&["pyc", "pyo"]) {
        Some("compiled Python, made anew wherever it is needed")
    } else if is_in(&[".git", ".hg", ".svn", "node_modules", ".venv", ".tox"]) {
        Some("a working directory's own files")
    } else if is_in(&[".pytest_cache", ".mypy_cache", ".ruff_cache", ".idea", ".vscode"])
        || matches!(name, ".DS_Store" | "Thumbs.db")
        || is_one_of(&["swp", "orig", "rej"])
        || name.ends_with('~')
    {
        Some("what a tool or an editor left")
    } else if name == ".env" || name.starts_with(".env.") && !name.ends_with(".example") {
        Some("settings of one machine, which may hold passwords")
    } else if is_one_of(&["whl"]) || name.ends_with(".tar.gz") {
        Some("a package within the package")
    } else if is_one_of(&["sqlite", "sqlite3", "db"]) {
        Some("a database")
    } else if is_pure && is_one_of(&["so", "dylib", "dll", "exe", "node", "o", "a", "class", "jar"]) {
        Some("machine code in a package for every machine")
    } else {
        None
    }
}

fn finding(package: &Package, before: &Package, what: &str, paths: &[&Utf8Path]) -> Finding {
    let first = paths.first().copied().unwrap_or(Utf8Path::new(""));
    let mut finding = found("build_artefact", first.as_str(), package.path.join(first));
    let is_old = paths.iter().all(|path| before.files.iter().any(|file| file.path == **path));
    finding.severity = if is_old { Severity::Info } else { Severity::Warn };
    let count = if paths.len() == 1 { "1 file".to_owned() } else { format!("{} files", paths.len()) };
    finding.why = format!("{count} that do not belong into a package: {what}");
    finding.safer = "leave it out of the build, and build from a fresh checkout".into();
    finding.statement = paths.iter().take(LISTED).map(|path| path.as_str()).collect::<Vec<_>>().join("\n");
    finding
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_belong_is_told_from_what_does() {
        for path in [
            "p/__pycache__/a.cpython-311.pyc",
            "p/a.pyc",
            "p/.git/HEAD",
            "p/.DS_Store",
            "p/.env",
            "p/.env.local",
            "p/dist/p-1.whl",
            "p/dev.db",
            "p/a.so",
            "p/x.sql~",
        ] {
            assert!(artefact(path.into(), true).is_some(), "{path}");
        }
        for path in ["p/a.py", "p/migrations/1_a/migration.sql", "p/env.py", "p/.env.example", "p/README.md"]
        {
            assert!(artefact(path.into(), true).is_none(), "{path}");
        }
        assert!(artefact("p/a.so".into(), false).is_none());
    }
}
