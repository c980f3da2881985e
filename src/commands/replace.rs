//! `generate --replace`: what this branch has added to the history goes, and one migration takes its place.

use super::{
    job::{Job, Stop},
    workbench::Workbench,
};
use crate::{
    catalog::{self, Catalog, Change, Difference, Kind, Matching, Property},
    error::Error,
    finding::{Finding, Severity},
    guard::proof::Effect,
    history::{FILE_NAME, History, Migration},
    outcome::Outcome,
    style::{self, Foreign},
};

/// A history in two: what others have of it, and what this branch has added.
pub(super) struct Replaced {
    pub(super) kept: History,
    pub(super) own: Vec<Migration>,
}

impl Replaced {
    /// Splits `history` by the base that the freshness gate has found. What is the branch's own is in neither the commit
    /// where it left the base nor the base's newest one, under whatever name.
    pub(super) async fn split(job: &Job<'_>, history: &History) -> Result<Self, Stop> {
        let git = job.git();
        let freshness = job.report.borrow().freshness.clone();
        let base = freshness.ok_or_else(|| Error::failed("without a base nothing can be replaced"))?;
        let tip = base.base_commit.parse()?;
        let fork = git.merge_base(&tip, &git.head().await?).await?;
        let mut theirs = job.shipped_at(&git, &tip).await?;
        if let Some(fork) = fork {
            theirs.extend(job.shipped_at(&git, &fork).await?);
        }
        let is_theirs = |one: &&Migration| {
            theirs.contains_key(&one.name) || theirs.values().any(|sql| sql == one.sql.as_bytes())
        };
        let (kept, own): (Vec<_>, Vec<_>) = history.migrations.iter().partition(is_theirs);
        if own.is_empty() {
            job.note(&format!("Nothing is replaced: {} has every migration that is here", base.base));
        }
        let directory = history.directory.clone();
        Ok(Self {
            kept: History { directory, migrations: kept.into_iter().cloned().collect() },
            own: own.into_iter().cloned().collect(),
        })
    }

    /// The names of what goes.
    pub(super) fn names(&self) -> Vec<String> {
        self.own.iter().map(|one| one.name.clone()).collect()
    }

    /// Refuses where one that goes holds what somebody wrote by hand, and what takes its place does not.
    pub(super) async fn refuse_hand_written(
        &self,
        bench: &Workbench<'_>,
        job: &Job<'_>,
        new: &[Migration],
    ) -> Result<(), Stop> {
        let known: String = new.iter().map(|one| one.sql.as_str()).collect::<Vec<_>>().join("\n");
        let mut findings = Vec::new();
        for migration in &self.own {
            findings.extend(beside(migration)?);
            let foreign = style::foreign(&migration.sql, &known)?;
            findings.extend(foreign.into_iter().next().map(|first| by_its_text(migration, first)));
        }
        if findings.is_empty() {
            findings = self.by_what_they_make(bench, new).await?;
        }
        job.refuse_damage(findings)
    }

    /// A migration that makes what Prisma has no words for, and what takes its place does not.
    async fn by_what_they_make(
        &self,
        bench: &Workbench<'_>,
        new: &[Migration],
    ) -> Result<Vec<Finding>, Stop> {
        let proofs = bench.prove(&self.own).await?;
        let Some(last) = proofs.last() else { return Ok(Vec::new()) };
        let seen = bench.seen_by_prisma(&self.own).await?;
        let mut unseen = unseen(&seen, &last.effect.after);
        if let Some(last) = bench.prove(new).await?.last() {
            let there = catalog::compare(&seen, &last.effect.after, Matching::Names);
            unseen.retain(|difference| !there.contains(difference));
        }
        let found = self.own.iter().zip(&proofs).filter_map(|(migration, proof)| {
            let made = made_by(&proof.effect, &unseen)?;
            Some(by_what_it_makes(migration, made))
        });
        Ok(found.collect())
    }
}

/// What a database has and Prisma's own script for it does not make. A sequence's name is not Prisma's to choose.
fn unseen(seen: &Catalog, there: &Catalog) -> Vec<Difference> {
    let mut unseen = catalog::compare(seen, there, Matching::Names);
    unseen.retain(|difference| {
        let counts = |values: &[String]| values.iter().any(|value| value.starts_with("nextval("));
        match &difference.change {
            Change::Changed { property: Property::Default, before, after, .. } => {
                !(counts(before) && counts(after))
            }
            _ => difference.kind != Kind::Sequence,
        }
    });
    unseen
}

/// The first of what is `unseen` that a migration made or changed.
fn made_by<'d>(effect: &Effect, unseen: &'d [Difference]) -> Option<&'d Difference> {
    let is_about = |own: &Difference, other: &Difference| {
        let name = match &own.change {
            Change::Renamed { to } => to,
            _ => &own.object,
        };
        let same = match (&own.change, &other.change) {
            (Change::Changed { property, .. }, Change::Changed { property: theirs, .. }) => {
                property == theirs
            }
            (Change::Lost, _) => false,
            _ => true,
        };
        same && own.kind == other.kind && *name == other.object
    };
    unseen.iter().find(|other| effect.differences.iter().any(|own| is_about(own, other)))
}

/// Files beside a migration's own that would go with it.
fn beside(migration: &Migration) -> Result<Option<Finding>, Error> {
    let Some(directory) = migration.path.parent() else { return Ok(None) };
    for entry in directory.read_dir_utf8()? {
        let entry = entry?;
        if !matches!(entry.file_name(), FILE_NAME | "down.sql") {
            let why = format!("its directory holds {}, which would go with it", entry.file_name());
            return Ok(Some(Finding { file: Some(entry.into_path()), ..hand_written(migration, why) }));
        }
    }
    Ok(None)
}

fn by_its_text(migration: &Migration, Foreign { line, sql }: Foreign) -> Finding {
    let why =
        "it does what Prisma's own migrations never do, and the one in its place would not do it".into();
    Finding { line: Some(line), statement: sql, ..hand_written(migration, why) }
}

fn by_what_it_makes(migration: &Migration, unseen: &Difference) -> Finding {
    let part = match &unseen.change {
        Change::Changed { property, .. } => format!("the {} of the ", property.words()),
        _ => "the ".to_owned(),
    };
    let why = format!(
        "it makes {part}{} {}, which Prisma has no words for, and the one in its place would not make it",
        unseen.kind.words(),
        unseen.object
    );
    let proof =
        "Prisma was asked how the database is made that it leads to, and that was run: it is not there"
            .into();
    Finding { proof: vec![proof], ..hand_written(migration, why) }
}

fn hand_written(migration: &Migration, why: String) -> Finding {
    Finding {
        file: Some(migration.path.clone()),
        why,
        safer: "leave it out of what is replaced: run without --replace, which adds a migration for what is still missing"
            .into(),
        ..Finding::new("migration_hand_written", Severity::Refuse, &*migration.name)
    }
}

/// What a person is told about the migrations that went, or would go.
pub(super) fn told(job: &Job<'_>, (names, outcome): (&[String], Outcome)) {
    if names.is_empty() {
        return;
    }
    let verb = match outcome {
        Outcome::Created | Outcome::Synced => "Removed",
        _ => "Would be removed",
    };
    job.note(&format!("{verb}: {}", names.join(", ")));
    job.report.borrow_mut().replaced = names.to_vec();
}
