//! What to tell whoever is about to lose an object that Prisma did not make.

use crate::{
    catalog::{Catalog, Index},
    finding::Finding,
    guard::name::Name,
};

/// Adds to every refusal of a drop the line that keeps the object, where it came from SQL by hand: `before` is
/// the catalog that the migration found. To be called for scripts that Prisma wrote.
pub fn advise(findings: &mut [Finding], before: &Catalog) {
    for finding in findings.iter_mut().filter(|finding| finding.refuses()) {
        let Some(kind) = kind(finding.rule) else { continue };
        let line = format!("[external] keep = [\"{kind}:{}\"]", finding.object);
        let advice = match inexpressible(finding, before) {
            Some(what) => format!(
                "Prisma wants to drop it because schema.prisma cannot express it ({what}); to keep it, write into \
                 run-migration.toml: {line}."
            ),
            None => format!("If it was made by hand and is to stay, write into run-migration.toml: {line}."),
        };
        finding.safer = format!("{advice} {}", finding.safer);
    }
}

/// The word for a kept object, by the rule that refuses its loss.
fn kind(rule: &str) -> Option<&'static str> {
    Some(match rule {
        "drop_index" => "index",
        "drop_column" => "column",
        "drop_table" => "table",
        "drop_type" => "enum",
        _ => return None,
    })
}

/// What of the object no schema.prisma has words for.
fn inexpressible(finding: &Finding, catalog: &Catalog) -> Option<String> {
    let own = catalog.relation(&finding.object);
    match finding.rule {
        "drop_index" => {
            let mut indexes = catalog.tables.values().flat_map(|table| &table.indexes);
            let (_, index) = indexes.find(|(name, _)| **name == own.name)?;
            of_index(index).map(ToOwned::to_owned)
        }
        "drop_column" => {
            let mut parts = Name::split(&finding.object);
            let column = parts.pop()?;
            let table = catalog.tables.get(&catalog.whole(Name::from_parts(&parts)))?;
            let found = table.column(&column)?;
            let is_generated = found.generated.is_some();
            is_generated.then(|| "a generated column".to_owned())
        }
        "drop_table" => {
            let table = catalog.tables.get(&own)?;
            let is_partitioned = table.partitioned_by.is_some() || table.bound.is_some();
            is_partitioned.then(|| "partitions".to_owned())
        }
        _ => None,
    }
}

fn of_index(index: &Index) -> Option<&'static str> {
    let says = |words: &str| index.definition.contains(words);
    if index.columns.iter().any(Option::is_none) {
        Some("an expression")
    } else if index.partial {
        Some("a condition")
    } else if says(" INCLUDE (") {
        Some("INCLUDE")
    } else if says(" NULLS NOT DISTINCT") {
        Some("NULLS NOT DISTINCT")
    } else if says(" WITH (") {
        Some("storage parameters")
    } else {
        None
    }
}
