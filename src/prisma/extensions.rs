//! The extensions that a schema asks for itself: `extensions = [...]` in its datasource.

use std::sync::LazyLock;

use camino::Utf8Path;
use regex::Regex;

use super::schema::Schema;
use crate::postgres::Wish;

#[expect(clippy::unwrap_used, reason = "literal patterns, compiled by the tests below")]
static LIST: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?m)^[ \t]*extensions[ \t]*=[ \t]*\[([^\]]*)\]").unwrap());
/// `uuidOssp(map: "uuid-ossp", schema: "extensions")`
#[expect(clippy::unwrap_used, reason = "literal patterns, compiled by the tests below")]
static ITEM: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"([A-Za-z]\w*)\s*(?:\(([^)]*)\))?").unwrap());
#[expect(clippy::unwrap_used, reason = "literal patterns, compiled by the tests below")]
static MAP: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#"\bmap\s*:\s*"([^"]*)""#).unwrap());

/// The extensions, with the lines that ask for them: the migration that Prisma writes may install them.
#[must_use]
pub fn extensions(schema: &Utf8Path) -> Vec<Wish> {
    // What is wrong with the schema is told by whoever needs it.
    let Ok(read) = Schema::read(schema) else { return Vec::new() };
    let mut wishes = Vec::new();
    for (path, block, first_line) in read.datasources() {
        for list in LIST.captures_iter(&block).filter_map(|captures| captures.get(1)) {
            wishes.extend(ITEM.captures_iter(list.as_str()).map(|item| {
                let mapped = item.get(2).and_then(|arguments| MAP.captures(arguments.as_str()));
                let at = list.start() + item.get(0).map_or(0, |item| item.start());
                Wish {
                    name: mapped.map_or_else(|| item[1].to_owned(), |mapped| mapped[1].to_owned()),
                    path: path.clone(),
                    line: first_line + block[..at].matches('\n').count(),
                }
            }));
        }
    }
    wishes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_by_the_name_that_the_server_knows() {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(directory.path()).unwrap().join("schema.prisma");
        let found = |list: &str| {
            let text =
                format!("// datasource\ndatasource db {{\n  provider = \"postgresql\"\n  {list}\n}}\n");
            std::fs::write(&path, text).unwrap();
            extensions(&path).into_iter().map(|wish| (wish.name, wish.line)).collect::<Vec<_>>()
        };
        let wanted =
            [("uuid-ossp", 5), ("vector", 6), ("pg_trgm", 6)].map(|(name, line)| (name.to_owned(), line));
        let list = "extensions = [ // citext\n    uuidOssp(schema: \"x\", map: \"uuid-ossp\"),\n  vector(version: \"0.6\"), pg_trgm]";
        assert_eq!(found(list), wanted);
        assert_eq!(found("// extensions = [citext]"), []);
        assert_eq!(found("extensions = []"), []);
    }
}
