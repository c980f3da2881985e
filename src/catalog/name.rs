//! Names in catalogs: how they stand in SQL and in files.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::Catalog;
use crate::guard::name::Name;

/// The name of a relation, type or routine, as reports print it and as it is written in a file.
impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let parts = Self::split(&text);
        match parts.len() {
            1 | 2 => Ok(relation(&text)),
            _ => Err(D::Error::custom(format!("{text:?} is no name: [schema.]name"))),
        }
    }
}

/// The relation or type that `text` names, whether as SQL writes it or as reports print it: with its schema,
/// as all names in a catalog are.
#[must_use]
pub fn relation(text: &str) -> Name {
    let name = Name::from_parts(&Name::split(text));
    Name { schema: Some(name.schema.unwrap_or_else(|| "public".into())), ..name }
}

/// An identifier as it is safe in any SQL.
#[must_use]
pub fn quoted(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

impl Name {
    /// The relation or type as it is safe in any SQL, whatever the search path: `"public"."User"`.
    #[must_use]
    pub fn sql(&self) -> String {
        format!("{}.{}", quoted(self.schema.as_deref().unwrap_or("public")), quoted(&self.name))
    }
}

impl Catalog {
    /// The relation or type that `text` names in this database, likewise.
    #[must_use]
    pub fn relation(&self, text: &str) -> Name {
        self.whole(Name::from_parts(&Name::split(text)))
    }

    /// `name` with its schema.
    #[must_use]
    pub fn whole(&self, name: Name) -> Name {
        let home = || self.home.clone().unwrap_or_else(|| "public".into());
        Name { schema: Some(name.schema.unwrap_or_else(home)), ..name }
    }

    /// The relation or type as a session writes it that works here: without the schema that it looks into.
    #[must_use]
    pub fn sql(&self, name: &Name) -> String {
        let bare = Name::bare(&name.name);
        if self.whole(bare).schema == name.schema { quoted(&name.name) } else { name.sql() }
    }

    /// What a report prints of `object`, without the schema that everything is in.
    #[must_use]
    pub fn shown<'a>(&self, object: &'a str) -> &'a str {
        let rest = || object.strip_prefix(&Name::bare(self.home.as_ref()?).to_string())?.strip_prefix('.');
        rest().unwrap_or(object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_at_home_needs_no_schema() {
        let public = Catalog::default();
        let app = Catalog { home: Some("my-app".into()), ..Catalog::default() };
        for (catalog, text, sql, shown) in [
            (&public, "User", "\"User\"", "User"),
            (&public, "app.User", "\"app\".\"User\"", "app.User"),
            (&app, "User", "\"User\"", "User"),
            (&app, "public.User", "\"public\".\"User\"", "User"),
            (&app, "\"my-app\".User", "\"User\"", "User"),
        ] {
            let name = catalog.relation(text);
            assert_eq!(catalog.sql(&name), sql, "{text}");
            assert_eq!(catalog.shown(&name.to_string()), shown, "{text}");
        }
        assert_eq!(app.shown("\"my-app\".User.email"), "User.email");
        assert_eq!(app.shown("\"my-application\".User"), "\"my-application\".User");
    }

    #[test]
    fn names_survive_the_way_through_a_file() {
        for (text, sql) in [
            ("User", "\"public\".\"User\""),
            ("audit.log", "\"audit\".\"log\""),
            ("\"a.b\".\"c\"\"d\"", "\"a.b\".\"c\"\"d\""),
        ] {
            let name = relation(text);
            assert_eq!(name.sql(), sql);
            let json = serde_json::to_string(&name).unwrap();
            assert_eq!(serde_json::from_str::<Name>(&json).unwrap(), name);
        }
        assert!(serde_json::from_str::<Name>("\"a.b.c\"").is_err());
    }
}
