//! Which of the database's schemas Prisma works in: `?schema=` in the URL that it would be given.

use camino::Utf8Path;

use super::schema::{Schema, Url};
use crate::{context::Environment, live::url::parse};

/// The variable of projects that keep the URL out of the schema, as 7 demands.
const USUAL: &str = "DATABASE_URL";

/// The schema that the URL names, where it names one other than `public`, and where that was read. The URL itself is
/// looked at and forgotten: nothing is connected to.
#[must_use]
pub fn database_schema(schema: &Utf8Path, environment: &Environment) -> Option<(String, String)> {
    // What is wrong with the schema is told by whoever needs it.
    let (url, place) = match Schema::read(schema).ok()?.url() {
        Some(Url::Written(url)) => (url, schema.file_name().unwrap_or("the schema").to_owned()),
        Some(Url::Variable(name)) => (environment.get(&name)?.to_owned(), name),
        None => (environment.get(USUAL)?.to_owned(), USUAL.to_owned()),
    };
    let named = parse(&url).ok()?.schema;
    (named != "public").then_some((named, place))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema_of(datasource: &str, pairs: &[(&str, &str)]) -> Option<String> {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(directory.path()).unwrap().join("schema.prisma");
        std::fs::write(&path, format!("datasource db {{\n  provider = \"postgresql\"\n{datasource}\n}}\n"))
            .unwrap();
        database_schema(&path, &Environment::from_pairs(pairs.iter().copied())).map(|(schema, _)| schema)
    }

    #[test]
    fn the_url_is_found_where_prisma_finds_it() {
        let url = "postgresql://u:p@h/db?connection_limit=1&schema=app";
        for (datasource, pairs, wanted) in [
            (format!("  url = \"{url}\""), vec![], Some("app")),
            (
                "  url = env(\"DB\")".into(),
                vec![("DB", url), ("DATABASE_URL", "postgresql://h/db?schema=no")],
                Some("app"),
            ),
            ("  directUrl = env(\"DIRECT\")\n  url = env( \"DB\" )".into(), vec![("DB", url)], Some("app")),
            (String::new(), vec![("DATABASE_URL", url)], Some("app")),
            ("  url = env(\"DB\")".into(), vec![], None),
            ("  // url = env(\"DB\")".into(), vec![("DB", url)], None),
            ("  url = env(\"DB\")".into(), vec![("DB", "postgresql://h/db?schema=public")], None),
            ("  url = env(\"DB\")".into(), vec![("DB", "no url at all")], None),
        ] {
            assert_eq!(schema_of(&datasource, &pairs).as_deref(), wanted, "{datasource}");
        }
    }
}
