//! What became of the migrations that the previous release has, and of the package around them.

use std::collections::BTreeSet;

use camino::Utf8PathBuf;

use super::{
    artefacts,
    package::{Kind, Package},
    text::{self, excerpt},
    words::{Sides, Words},
};
use crate::{
    finding::{Finding, Severity},
    history::{
        FILE_NAME, LOCK_FILE,
        compare::{Change, Shipped, Wording, compare},
        integrity,
        load::Loaded,
        squash::Squash,
    },
};

/// Two releases, one after the other.
#[derive(Debug)]
pub struct Pair<'a> {
    /// The previous release.
    pub from: &'a Package,
    /// The new one.
    pub to: &'a Package,
    /// What the previous one is called in sentences.
    pub from_name: String,
    /// What the new one is called.
    pub to_name: String,
    /// The migrations of the previous one, bytes by name.
    pub theirs: Shipped,
    /// The migrations of the new one.
    pub ours: Shipped,
    /// The history of the new one.
    pub loaded: Loaded,
}

impl<'a> Pair<'a> {
    /// The pair of `from` and `to`.
    #[must_use]
    pub fn new(from: &'a Package, to: &'a Package) -> Self {
        let (from_name, to_name) = names(from, to);
        let (theirs, ours) = (from.shipped(), to.shipped());
        Self { from, to, from_name, to_name, theirs, ours, loaded: to.history() }
    }

    /// Whether both are the same release, packaged twice: then they must hold the same.
    #[must_use]
    pub fn is_one_release(&self) -> bool {
        let (one, other) = (&self.from.identity, &self.to.identity);
        one.version.is_some()
            && one == other
            && matches!(
                (&self.from.kind, &self.to.kind),
                (Kind::Wheel, Kind::Sdist) | (Kind::Sdist, Kind::Wheel)
            )
    }

    /// The names of the migrations that a deploy of the new release would apply to a database of the previous one.
    #[must_use]
    pub fn pending(&self) -> Vec<&str> {
        self.ours.keys().filter(|name| !self.theirs.contains_key(*name)).map(String::as_str).collect()
    }

    /// The names of the migrations whose text nobody has seen before, under whatever name.
    #[must_use]
    pub fn added(&self) -> BTreeSet<&str> {
        let known: BTreeSet<&Vec<u8>> = self.theirs.values().collect();
        self.ours
            .iter()
            .filter(|(name, sql)| !self.theirs.contains_key(*name) && !known.contains(sql))
            .map(|(name, _)| name.as_str())
            .collect()
    }

    /// The changes of the history, by the rules that every other comparison goes by.
    #[must_use]
    pub fn changes(&self) -> Vec<Change> {
        compare(&self.theirs, &self.theirs, &self.ours)
    }

    /// What may be a squash: deletions and one new migration.
    #[must_use]
    pub fn squash(&self) -> Option<Squash> {
        Squash::among(&self.changes(), (&self.theirs, &self.theirs), &self.ours)
    }

    /// Everything that is wrong with the history of the new release, by itself and against the previous one; `squash`
    /// is what was proved to be one.
    #[must_use]
    pub fn history(&self, squash: Option<&Squash>) -> Vec<Finding> {
        let mut findings = self.damages();
        let changes = match squash {
            Some(squash) => squash.of(self.changes()),
            None => self.changes(),
        };
        for change in changes {
            let finding = self.changed(&change);
            // A directory that has lost its file is one finding, not two.
            if !findings.iter().any(|damage: &Finding| damage.object == finding.object) {
                findings.push(finding);
            }
        }
        findings
    }

    fn sides(&self) -> Sides<'_> {
        Sides { from: &self.from_name, to: &self.to_name, applies: !self.pending().is_empty() }
    }

    /// What is wrong with the new history by itself. What was so before is no news.
    fn damages(&self) -> Vec<Finding> {
        let before = inspected(self.from, &self.from.history());
        let mut findings = inspected(self.to, &self.loaded);
        for finding in &mut findings {
            let sides = self.sides();
            match finding.rule {
                "migration_missing_sql" => {
                    finding.why = sides.missing_sql(self.theirs.contains_key(&finding.object));
                }
                "migration_empty" => finding.why = sides.empty(),
                "migration_lock" if self.to.lock().is_none() => finding.why = sides.no_lock(),
                _ => {}
            }
            if before.iter().any(|old| (old.rule, &old.object) == (finding.rule, &finding.object)) {
                finding.severity = Severity::Info;
                finding.why = format!("as in {}: {}", self.from_name, finding.why);
            }
        }
        findings
    }

    fn changed(&self, change: &Change) -> Finding {
        let wording = Wording { directory: &self.to.directory(), theirs: &self.from_name, commit: None };
        let finding = change.finding(wording);
        let Words { why, safer } = self.sides().change(change, &self.from.show(&finding.object));
        let (file, statement) = match change {
            Change::Deleted { name } => (self.from.directory().join(name), text::of(&self.theirs, name)),
            Change::Renamed { to, .. } => (self.to.directory().join(to), String::new()),
            Change::Edited { name, .. } => {
                let diff = text::diff(&text::of(&self.theirs, name), &text::of(&self.ours, name));
                (self.to.directory().join(name), diff)
            }
            Change::Squashed { into, deleted } => (self.to.directory().join(into), deleted.join("\n")),
            Change::LineEndings { name }
            | Change::OutOfOrder { name, .. }
            | Change::SharedStamp { name, .. } => (self.to.directory().join(name), String::new()),
        };
        Finding { why, safer, file: Some(file.join(FILE_NAME)), statement: excerpt(&statement), ..finding }
    }

    /// What does not belong into the package, and a version that was not raised.
    #[must_use]
    pub fn packaging(&self) -> Vec<Finding> {
        let mut findings = artefacts::inspect(self.to, self.from);
        if !self.is_one_release() && self.theirs != self.ours {
            findings.extend(self.not_raised());
        }
        findings
    }

    fn not_raised(&self) -> Option<Finding> {
        let (old, new) = (&self.from.identity, &self.to.identity);
        let (before, after) = (old.version.as_ref()?, new.version.as_ref()?);
        if old.name != new.name || after > before {
            return None;
        }
        let why = match after == before {
            true => format!(
                "both call themselves {after}, and their migrations differ: nobody can tell from the version which \
                 migrations a database has"
            ),
            false => format!("its version {after} is lower than {before}, and their migrations differ"),
        };
        let mut finding = found("version_not_raised", &self.to.label, self.to.path.clone());
        finding.severity = Severity::Warn;
        finding.why = why;
        finding.safer =
            "raise the version with every change of the migrations; where the two were mixed up, name the \
                         older one with --from"
                .into();
        Some(finding)
    }
}

fn inspected(package: &Package, loaded: &Loaded) -> Vec<Finding> {
    let mut findings = loaded.damages.clone();
    findings.extend(integrity::inspect_with(&loaded.history, package.lock()));
    findings
}

/// What the two are called in sentences: their versions where these tell them apart, else as they were named.
fn names(from: &Package, to: &Package) -> (String, String) {
    let (old, new) = (&from.identity, &to.identity);
    match (&old.version, &new.version) {
        (Some(before), Some(after)) if before != after && old.name == new.name => {
            (before.to_string(), after.to_string())
        }
        _ => (from.label.clone(), to.label.clone()),
    }
}

/// What one package has and another one of the same migrations has not, both ways.
#[must_use]
pub fn differences(source: &Package, package: &Package) -> Vec<Finding> {
    let (theirs, ours) = (source.shipped(), package.shipped());
    let mut findings = Vec::new();
    for (name, sql) in &theirs {
        match ours.get(name) {
            None => findings.push(missing(name, source, package)),
            Some(other) if other != sql => findings.push(unequal(name, source, package)),
            Some(_) => {}
        }
    }
    findings.extend(
        ours.keys().filter(|name| !theirs.contains_key(*name)).map(|name| extra(name, source, package)),
    );
    findings.extend(lock(source, package));
    findings.extend(schema(source, package));
    findings
}

fn missing(name: &str, source: &Package, package: &Package) -> Finding {
    let mut finding = found("migration_not_packaged", name, source.directory().join(name).join(FILE_NAME));
    finding.why = format!(
        "{} has it and {} does not: no database that is deployed from the package ever gets it",
        source.label, package.label
    );
    finding.safer =
        "build the package again from what it is to hold, and look at what its build includes".into();
    finding
}

fn extra(name: &str, source: &Package, package: &Package) -> Finding {
    let mut finding = found("migration_not_in_source", name, package.directory().join(name).join(FILE_NAME));
    finding.why = format!(
        "{} has it and {} does not: it is applied to every database that is deployed from the package, and nobody can \
         find it where migrations are looked for",
        package.label, source.label
    );
    finding.safer =
        "commit it where it is missing, or build the package again without what an earlier build left".into();
    finding
}

fn unequal(name: &str, source: &Package, package: &Package) -> Finding {
    let (theirs, ours) = (text::of(&source.shipped(), name), text::of(&package.shipped(), name));
    let mut finding =
        found("migration_packaged_differently", name, package.directory().join(name).join(FILE_NAME));
    finding.why = format!("its text in {} is not that in {}", package.label, source.label);
    finding.safer = "build the package again from what it is to hold".into();
    if theirs.replace("\r\n", "\n") == ours.replace("\r\n", "\n") {
        finding.severity = Severity::Info;
        finding.why = format!("only its line endings in {} are not those in {}", package.label, source.label);
    } else {
        finding.statement = excerpt(&text::diff(&theirs, &ours));
    }
    finding
}

fn lock(source: &Package, package: &Package) -> Option<Finding> {
    if source.lock() == package.lock() {
        return None;
    }
    let mut finding = found("migration_packaged_differently", LOCK_FILE, package.directory().join(LOCK_FILE));
    finding.severity = Severity::Warn;
    finding.why = format!("it is not the same in {} and {}", package.label, source.label);
    finding.safer = "build the package again from what it is to hold".into();
    Some(finding)
}

fn schema(source: &Package, package: &Package) -> Option<Finding> {
    let (theirs, ours) = (source.schema_files(), package.schema_files());
    let bytes = |files: &[(&camino::Utf8Path, &[u8])]| {
        files.iter().map(|(_, bytes)| bytes.to_vec()).collect::<Vec<_>>()
    };
    if theirs.is_empty() || bytes(&theirs) == bytes(&ours) {
        return None;
    }
    let path: Utf8PathBuf = package.schema.clone().unwrap_or_else(|| "schema.prisma".into());
    let mut finding = found("schema_packaged_differently", path.as_str(), package.path.join(&path));
    finding.safer = "build the package again from what it is to hold".into();
    if ours.is_empty() {
        finding.rule = "schema_not_packaged";
        finding.why = format!("{} has a schema and {} does not", source.label, package.label);
    } else {
        finding.why = format!(
            "the schema in {} is not that in {}: the client that is generated from it asks for what the migrations may \
             not make",
            package.label, source.label
        );
        let text = |files: &[(&camino::Utf8Path, &[u8])]| {
            files.iter().map(|(_, bytes)| String::from_utf8_lossy(bytes)).collect::<String>()
        };
        finding.statement = excerpt(&text::diff(&text(&theirs), &text(&ours)));
    }
    Some(finding)
}

pub(super) fn found(rule: &'static str, object: &str, file: Utf8PathBuf) -> Finding {
    Finding { file: Some(file), ..Finding::new(rule, Severity::Refuse, object.to_owned()) }
}
