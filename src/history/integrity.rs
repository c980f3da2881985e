//! What can be wrong with a history by itself, each with what `migrate deploy` would make of it and the way out.

use std::collections::BTreeMap;

use camino::Utf8Path;

use super::{History, LOCK_FILE, Migration, compare::is_blank};
use crate::finding::{Finding, Severity};

/// A directory without its `migration.sql`.
#[must_use]
pub fn missing_sql(name: &str, path: &Utf8Path) -> Finding {
    Finding {
        why: "the directory has no migration.sql: `prisma migrate deploy` would stop here with P3015".into(),
        safer: format!(
            "restore it (git checkout -- '{path}'), or remove the directory if it was never committed"
        ),
        ..damage("migration_missing_sql", name, path)
    }
}

/// A link where a directory or a file must be.
#[must_use]
pub fn symlink(name: &str, path: &Utf8Path) -> Finding {
    Finding {
        why: "it is a symbolic link: what is applied would depend on where the link leads on each machine"
            .into(),
        safer: "replace the link by a copy of what it leads to".into(),
        ..damage("migration_symlink", name, path)
    }
}

/// A `migration.sql` that cannot be read as text.
#[must_use]
pub fn unreadable(name: &str, path: &Utf8Path, cause: &str) -> Finding {
    Finding {
        why: format!("migration.sql cannot be read: {cause}"),
        safer: format!("restore it (git checkout -- '{path}'), or mend its permissions or encoding"),
        ..damage("migration_unreadable", name, path)
    }
}

/// A directory whose name is no text.
#[must_use]
pub fn name_not_utf8(name: &str) -> Finding {
    Finding {
        why: "the directory's name is not UTF-8: it cannot be recorded in _prisma_migrations".into(),
        safer: "rename the directory".into(),
        ..damage("migration_unreadable", name, Utf8Path::new(name))
    }
}

fn damage(rule: &'static str, name: &str, path: &Utf8Path) -> Finding {
    Finding { file: Some(path.to_owned()), ..Finding::new(rule, Severity::Refuse, name) }
}

/// What can be wrong with a history as a whole: names that some file systems take for one, migrations with nothing
/// in them, Prisma's lock file missing or for another database.
///
/// # Errors
/// Where the lock file is there and cannot be read.
pub fn inspect(history: &History) -> std::io::Result<Vec<Finding>> {
    match fs_err::read(history.directory.join(LOCK_FILE)) {
        Ok(lock) => Ok(inspect_with(history, Some(&lock))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(inspect_with(history, None)),
        Err(error) => Err(error),
    }
}

/// The same for a history that is not on the disk; `lock` is what its lock file holds.
#[must_use]
pub fn inspect_with(history: &History, lock: Option<&[u8]>) -> Vec<Finding> {
    let mut findings = collisions(history);
    let blank = |migration: &&Migration| is_blank(migration.sql.as_bytes());
    findings.extend(history.migrations.iter().filter(blank).map(empty));
    findings.extend(self::lock(history, lock));
    findings
}

fn collisions(history: &History) -> Vec<Finding> {
    let mut by_folded: BTreeMap<String, &Migration> = BTreeMap::new();
    let mut findings = Vec::new();
    for migration in &history.migrations {
        if let Some(other) = by_folded.insert(migration.name.to_lowercase(), migration) {
            findings.push(Finding {
                why: format!(
                    "its name differs from {} only in case: some file systems hold just one of them",
                    other.name
                ),
                safer: "rename the one that is not applied anywhere yet".into(),
                ..damage("migration_name_collision", &migration.name, &migration.path)
            });
        }
    }
    findings
}

fn empty(migration: &Migration) -> Finding {
    Finding {
        why: "migration.sql is empty: it was lost, or the migration was never written".into(),
        safer: "restore it, remove the directory if it was never committed, or write a comment that says why there is \
                nothing to do"
            .into(),
        ..damage("migration_empty", &migration.name, &migration.path)
    }
}

fn lock(history: &History, lock: Option<&[u8]>) -> Option<Finding> {
    if history.migrations.is_empty() {
        return None;
    }
    let why = match lock.map(toml::from_slice::<LockFile>) {
        Some(Ok(LockFile { provider })) if provider == "postgresql" => return None,
        Some(Ok(LockFile { provider })) => {
            format!("it is for {provider:?}: Prisma refuses to apply the history (P3019)")
        }
        Some(Err(error)) => format!("it is no lock file of Prisma's: {}", error.message()),
        None => {
            "there is none: Prisma writes it with the first migration, and it belongs into git".to_owned()
        }
    };
    Some(Finding {
        why,
        safer: "write `provider = \"postgresql\"` into it and commit it".into(),
        ..damage("migration_lock", LOCK_FILE, &history.directory.join(LOCK_FILE))
    })
}

#[derive(serde::Deserialize)]
struct LockFile {
    provider: String,
}
