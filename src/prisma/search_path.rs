//! Which of the database's schemas Prisma works in: `?schema=` in the URL that it would be given.

use camino::Utf8Path;

use super::{
    project_config::ProjectConfig,
    schema::{Schema, Url},
};
use crate::{context::Environment, live::url::parse};

/// The variable of projects that keep the URL out of the schema, as 7 demands.
const USUAL: &str = "DATABASE_URL";

/// The schema that the URL names, where it names one other than `public`, and where that was read: in the project's own
/// configuration, its schema, or the variable that these name. The URL itself is looked at and forgotten: nothing is
/// connected to.
#[must_use]
pub fn database_schema(
    schema: &Utf8Path,
    config: Option<&ProjectConfig>,
    environment: &Environment,
) -> Option<(String, String)> {
    let (named, place) = match config {
        Some(ProjectConfig { database_schema: Some(named), path, .. }) => {
            (named.clone(), path.file_name().unwrap_or_default().to_owned())
        }
        Some(ProjectConfig { url_variable: Some(name), .. }) => in_variable(name, environment)?,
        _ => in_schema(schema, environment)?,
    };
    (named != "public").then_some((named, place))
}

fn in_schema(schema: &Utf8Path, environment: &Environment) -> Option<(String, String)> {
    // What is wrong with the schema is told by whoever needs it.
    match Schema::read(schema).ok()?.url() {
        Some(Url::Written(url)) => {
            Some((parse(&url).ok()?.schema, schema.file_name().unwrap_or("the schema").to_owned()))
        }
        Some(Url::Variable(name)) => in_variable(&name, environment),
        None => in_variable(USUAL, environment),
    }
}

fn in_variable(name: &str, environment: &Environment) -> Option<(String, String)> {
    Some((parse(environment.get(name)?).ok()?.schema, name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema_of(datasource: &str, pairs: &[(&str, &str)]) -> Option<String> {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(directory.path()).unwrap().join("schema.prisma");
        std::fs::write(&path, format!("datasource db {{\n  provider = \"postgresql\"\n{datasource}\n}}\n"))
            .unwrap();
        database_schema(&path, None, &Environment::from_pairs(pairs.iter().copied()))
            .map(|(schema, _)| schema)
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
