//! Which rights the role lacks for what pending migrations do.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;

use super::facts::{Rights, Size};
use crate::{
    catalog::{Catalog, Change, Difference, Kind},
    finding::{Finding, Severity},
    guard::{name::Name, row_rights},
    history::Migration,
};

/// What is known of the database.
#[derive(Debug)]
pub struct Known<'a> {
    /// Its tables.
    pub sizes: &'a BTreeMap<Name, Size>,
    /// What the role may do beside them.
    pub rights: &'a Rights,
    /// The schema that Prisma works in.
    pub schema: &'a str,
    /// What the migration makes, for the tables that its foreign keys point to.
    pub after: &'a Catalog,
}

/// The rights that the role lacks for `differences`, which is what the migration in `file` does.
#[must_use]
pub fn missing(differences: &[Difference], known: &Known<'_>) -> Vec<Finding> {
    let mut lacks = BTreeSet::new();
    for difference in differences {
        lacks.extend(of(difference, known));
    }
    lacks.into_iter().map(|(object, right)| finding(&object, &right, &known.rights.role)).collect()
}

/// The rights that writing the ledger takes.
#[must_use]
pub fn of_ledger(known: &Known<'_>) -> Option<Finding> {
    match known.rights.schemas.get(known.schema) {
        None if known.rights.creates_in_database => None,
        None => Some(finding(known.schema, "CREATE on the database, to make the schema", &known.rights.role)),
        Some((creates, _)) => {
            let ledger = Name {
                schema: Some(known.schema.to_owned()),
                name: crate::live::ledger::TABLE.to_owned(),
                member: None,
            };
            let is_missing = !creates && !known.sizes.contains_key(&ledger);
            is_missing.then(|| {
                finding(known.schema, "CREATE on the schema, to make the ledger", &known.rights.role)
            })
        }
    }
}

/// The rights on rows that the role lacks for `migration`, whose file is shown as `file`. What the migration may not come
/// to is only warned about.
///
/// # Errors
/// Where the system grants no thread to work in.
pub fn on_rows(migration: &Migration, file: &Utf8Path, known: &Known<'_>) -> std::io::Result<Vec<Finding>> {
    let mut findings: Vec<Finding> = Vec::new();
    for taken in row_rights::taken(&migration.sql)? {
        let schema = taken.table.schema.clone().unwrap_or_else(|| known.schema.to_owned());
        let table = Name { schema: Some(schema), ..taken.table };
        let Some(found) = known.sizes.get(&table).filter(|found| !found.rights.contains(&taken.right)) else {
            continue;
        };
        let right = format!("{} on the table, which belongs to {}", taken.right.name(), found.owner);
        let severity = if taken.may_not_happen { Severity::Warn } else { Severity::Refuse };
        let statement = &migration.sql[taken.statement.clone()];
        let finding = Finding {
            severity,
            file: Some(file.to_owned()),
            line: u32::try_from(migration.sql[..taken.statement.start].matches('\n').count() + 1).ok(),
            statement: statement.to_owned(),
            ..finding(&found.table, &right, &known.rights.role)
        };
        // Of several statements the first one tells it, unless another one is surer.
        match findings.iter_mut().find(|one| (&one.object, &one.why) == (&finding.object, &finding.why)) {
            Some(known) if known.severity < severity => *known = finding,
            Some(_) => {}
            None => findings.push(finding),
        }
    }
    Ok(findings)
}

fn of(difference: &Difference, known: &Known<'_>) -> Vec<(String, String)> {
    let mut lacks = Vec::new();
    let on_itself = || matches!(difference.kind, Kind::Table | Kind::View | Kind::MaterializedView);
    let table = match &difference.on {
        Some(table) => Some(table.clone()),
        None if on_itself() => Some(crate::catalog::relation(&difference.object)),
        None => None,
    };
    if let Some(found) = table.as_ref().and_then(|table| known.sizes.get(table))
        && !found.is_owned
    {
        lacks.push((found.table.clone(), format!("ownership: it belongs to {}", found.owner)));
    }
    let makes = difference.change == Change::Added;
    if makes && matches!(difference.kind, Kind::Schema | Kind::Extension) && !known.rights.creates_in_database
    {
        lacks.push((difference.object.clone(), "CREATE on the database".to_owned()));
    }
    let in_schema = matches!(
        difference.kind,
        Kind::Table
            | Kind::View
            | Kind::MaterializedView
            | Kind::Type
            | Kind::Domain
            | Kind::Sequence
            | Kind::Index
            | Kind::Routine
    );
    if makes && in_schema {
        let schema = crate::catalog::relation(&difference.object).schema.unwrap_or_default();
        if known.rights.schemas.get(&schema).is_some_and(|(creates, _)| !creates) {
            lacks.push((schema, "CREATE on the schema".to_owned()));
        }
    }
    if makes && difference.kind == Kind::Constraint {
        lacks.extend(referenced(difference, known));
    }
    lacks
}

/// A foreign key needs a right on the table that it points to.
fn referenced(difference: &Difference, known: &Known<'_>) -> Option<(String, String)> {
    let constraint = Name::split(&difference.object).pop()?;
    let constraint = known.after.tables.get(difference.on.as_ref()?)?.constraints.get(&constraint)?;
    let target = known.sizes.get(&constraint.references.as_ref()?.table)?;
    (!target.may_be_referenced).then(|| (target.table.clone(), "REFERENCES on the table".to_owned()))
}

fn finding(object: &str, right: &str, role: &str) -> Finding {
    Finding {
        why: format!("the role {role} lacks {right}: a pending migration needs it and would fail (42501)"),
        safer: "deploy as the role that owns these objects, or have that role grant what is missing".into(),
        ..Finding::new("missing_privilege", Severity::Refuse, object)
    }
}
