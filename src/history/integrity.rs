//! What can be wrong with a history by itself, each with what `migrate deploy` would make of it and the way out.

use camino::Utf8Path;

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
    Finding {
        rule,
        severity: Severity::Refuse,
        object: name.to_owned(),
        file: Some(path.to_owned()),
        line: None,
        column: None,
        statement: String::new(),
        why: String::new(),
        safer: String::new(),
        proof: Vec::new(),
        created_in: None,
        allowed: None,
    }
}
