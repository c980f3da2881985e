//! What the temporary databases say: what a new database of the new release has and an upgraded one has not, what
//! its schema asks for and its migrations do not make.

use std::collections::BTreeSet;

use super::{compare::found, words::UNNOTICED};
use crate::{
    catalog::{Catalog, Change, Difference, Kind, Matching, compare},
    finding::{Finding, Severity},
    guard::proof::carry::Fate,
};

/// One way to say all that is different about an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unlike {
    /// What the object is.
    pub kind: Kind,
    /// Its name.
    pub object: String,
    /// Whether the first of the two databases has it.
    pub is_in_first: bool,
    /// Whether the second one has it.
    pub is_in_second: bool,
    /// What is different about it where both have it.
    pub details: Vec<String>,
}

/// The objects that are different, each once: what stands on a table that is different as a whole is not told
/// apart.
#[must_use]
pub fn by_object(differences: &[Difference]) -> Vec<Unlike> {
    let whole: BTreeSet<String> = differences
        .iter()
        .filter(|difference| matches!(difference.kind, Kind::Table | Kind::View | Kind::MaterializedView))
        .filter(|difference| matches!(difference.change, Change::Added | Change::Lost))
        .map(|difference| difference.object.clone())
        .collect();
    let mut unlike: Vec<Unlike> = Vec::new();
    for difference in differences {
        if difference.on.as_ref().is_some_and(|on| whole.contains(&on.to_string())) {
            continue;
        }
        let (is_in_first, is_in_second, detail) = match &difference.change {
            Change::Added => (false, true, None),
            Change::Lost => (true, false, None),
            Change::Replaced | Change::Renamed { .. } => continue,
            Change::Changed { property, before, after, .. } => (
                true,
                true,
                Some(format!("{}: {} instead of {}", property.words(), words(after), words(before))),
            ),
        };
        let same = unlike
            .iter_mut()
            .find(|known| known.kind == difference.kind && known.object == difference.object);
        match same {
            Some(known) => known.details.extend(detail),
            None => unlike.push(Unlike {
                kind: difference.kind,
                object: difference.object.clone(),
                is_in_first,
                is_in_second,
                details: detail.into_iter().collect(),
            }),
        }
    }
    unlike
}

fn words(values: &[String]) -> String {
    if values.is_empty() { "none".into() } else { values.join(", ") }
}

/// The findings on an upgraded database, the first one, that is not what a new one is, the second one. `wanted` is
/// what the schema of the new release asks for.
#[must_use]
pub fn catalogs_differ(
    differences: &[Difference],
    wanted: Option<&Catalog>,
    (from, to): (&str, &str),
) -> Vec<Finding> {
    let wanted = wanted.map(Catalog::objects).unwrap_or_default();
    by_object(differences)
        .into_iter()
        .map(|unlike| {
            let kind = unlike.kind.words();
            let is_wanted =
                wanted.iter().any(|object| (object.kind, &object.name) == (unlike.kind, &unlike.object));
            let what = match (unlike.is_in_first, unlike.is_in_second) {
                (true, false) => format!(
                    "a database that was upgraded from {from} has this {kind}, a new one of {to} does not"
                ),
                (false, _) => format!(
                    "a new database of {to} has this {kind}, one that was upgraded from {from} does not"
                ),
                (true, true) => format!(
                    "this {kind} is not the same in a new database of {to} and in one that was upgraded from {from}: {}",
                    unlike.details.join("; ")
                ),
            };
            let breaks = match (is_wanted && unlike.kind <= Kind::Column, unlike.is_in_first, unlike.is_in_second) {
                (true, false, _) => ", though the schema asks for it: code that is generated from it fails on an upgraded database",
                (true, true, false) => ", though the schema asks for it: code that is generated from it fails on a new database",
                _ => "",
            };
            Finding {
                file: None,
                why: format!("{what}{breaks}. {UNNOTICED}"),
                safer: "mend the history as its own findings say; where it is published already, write a migration \
                        that makes both alike and succeeds on both (IF EXISTS, IF NOT EXISTS)"
                    .into(),
                proof: vec!["both databases were made on a temporary PostgreSQL and compared".into()],
                ..found("catalogs_differ", &unlike.object, "".into())
            }
        })
        .collect()
}

/// The tables and columns that are `wanted` and not in `there`.
#[must_use]
pub fn lacking(there: &Catalog, wanted: &Catalog) -> Vec<String> {
    let differences = compare(there, wanted, Matching::Names);
    let is_meant = |unlike: &Unlike| {
        !unlike.is_in_first && matches!(unlike.kind, Kind::Table | Kind::Column | Kind::Type)
    };
    by_object(&differences).into_iter().filter(is_meant).map(|unlike| unlike.object).collect()
}

/// The findings on migrations, which make the first database, and a schema, which asks for the second one. What
/// was so `before` is no news.
#[must_use]
pub fn schema_differs(
    differences: &[Difference],
    before: &[Difference],
    (from, to): (&str, &str),
) -> Vec<Finding> {
    let before = by_object(before);
    by_object(differences)
        .into_iter()
        .map(|unlike| {
            let kind = unlike.kind.words();
            let what = match (unlike.is_in_first, unlike.is_in_second) {
                (true, false) => {
                    format!("the migrations of {to} make this {kind}, its schema knows nothing of it")
                }
                (false, _) => format!(
                    "the schema of {to} has this {kind}, its migrations never make it: code that is generated from the \
                     schema asks for it in vain"
                ),
                (true, true) => format!(
                    "the schema of {to} wants this {kind} otherwise than its migrations make it: {}",
                    unlike.details.join("; ")
                ),
            };
            let is_old = before.contains(&unlike);
            Finding {
                file: None,
                severity: if is_old { Severity::Info } else { Severity::Refuse },
                why: if is_old { format!("as in {from}: {what}") } else { format!("{what}. {UNNOTICED}") },
                safer: "generate the missing migration from the schema, or take out of the schema what the migrations \
                        are not to make"
                    .into(),
                proof: vec!["`prisma migrate diff` compared a new database with the schema".into()],
                ..found("schema_differs", &unlike.object, "".into())
            }
        })
        .collect()
}

/// The findings on rows that were put into a database of the previous release and looked at after the upgrade.
/// What a finding of `known` tells already is not told again.
#[must_use]
pub fn rows_changed(fates: &[Fate], known: &[Finding], (from, to): (&str, &str)) -> Vec<Finding> {
    let is_told = |table: &str| {
        known.iter().any(|finding| {
            finding.severity > Severity::Info
                && (finding.object == table || finding.object.starts_with(&format!("{table}.")))
        })
    };
    fates
        .iter()
        .filter(|fate| !is_told(&fate.table.to_string()))
        .map(|fate| {
            let (object, what) = match &fate.column {
                None => (fate.table.to_string(), format!("{} of {} rows are gone", fate.gone, fate.of)),
                Some(column) => {
                    let example =
                        fate.example.as_deref().map_or("NULL".to_owned(), |value| format!("{value:?}"));
                    let object = fate.table.member(column).to_string();
                    (object, format!("{} of {} values are others, such as {example}", fate.gone, fate.of))
                }
            };
            Finding {
                severity: Severity::Warn,
                file: None,
                why: format!("of the rows that a database on {from} had before the upgrade to {to}, {what}"),
                safer: "look at the migrations that write to this table: they change rows that are there"
                    .into(),
                proof: vec!["rows were put into a temporary database before the upgrade".into()],
                ..found("rows_changed", &object, "".into())
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Direction, Id, Property, relation};

    fn difference(kind: Kind, object: &str, on: Option<&str>, change: Change) -> Difference {
        Difference { kind, object: object.into(), on: on.map(relation), id: Id::default(), change }
    }

    fn changed(property: Property, before: &str, after: &str) -> Change {
        let list = |text: &str| vec![text.to_owned()];
        Change::Changed { property, before: list(before), after: list(after), direction: Direction::Other }
    }

    #[test]
    fn an_object_is_told_once_and_not_with_what_stands_on_it() {
        let differences = [
            difference(Kind::Table, "New", None, Change::Added),
            difference(Kind::Column, "New.id", Some("New"), Change::Added),
            difference(Kind::Column, "Old.a", Some("Old"), changed(Property::DataType, "integer", "bigint")),
            difference(Kind::Column, "Old.a", Some("Old"), changed(Property::Default, "1", "2")),
        ];
        let found = catalogs_differ(&differences, None, ("1", "2"));
        let objects: Vec<_> = found.iter().map(|finding| finding.object.as_str()).collect();
        assert_eq!(objects, ["New", "Old.a"]);
        assert!(
            found[1].why.contains("type: bigint instead of integer; default: 2 instead of 1"),
            "{}",
            found[1].why
        );
    }

    #[test]
    fn what_was_so_before_is_no_news() {
        let lost = difference(Kind::Column, "A.x", Some("A"), Change::Lost);
        let severities = |before: &[Difference]| -> Vec<_> {
            let found = schema_differs(std::slice::from_ref(&lost), before, ("1", "2"));
            found.into_iter().map(|finding| finding.severity).collect()
        };
        assert_eq!(severities(&[]), [Severity::Refuse]);
        assert_eq!(severities(std::slice::from_ref(&lost)), [Severity::Info]);
    }
}
