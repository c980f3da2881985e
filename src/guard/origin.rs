//! Which migration made what: the history's scripts, read in order.

use super::{Script, catalog::History, inspect::Inspection, sql, waiver::Waivers};
use crate::error::Error;

/// What the migrations made, each a name and its SQL, in the order in which they are applied. Renames are
/// followed: an object keeps its maker under its new name. What cannot be parsed is left out.
///
/// # Errors
/// Where the system grants no thread to work in.
pub fn history<'a, I>(migrations: I) -> Result<History, Error>
where
    I: IntoIterator<Item = (&'a str, &'a str)>,
    I::IntoIter: Send,
{
    let migrations = migrations.into_iter();
    Ok(sql::with_stack(|| {
        let mut history = History::empty();
        for (name, sql) in migrations {
            let script = Script { file: None, sql };
            let (_, layer) = Inspection::new(&script, &history, (&Waivers::Ignored).into()).run();
            history.absorb(name, layer);
        }
        history
    })?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::{action::Kind, name::Name};

    fn made_in(history: &History, kind: Kind, name: &str) -> Option<String> {
        let parts = Name::split(name);
        let (table, member) = match kind {
            Kind::Column => (&parts[..parts.len() - 1], parts.last()),
            _ => (parts.as_slice(), None),
        };
        let name = Name::from_parts(table);
        let name = member.map_or_else(|| name.clone(), |member| name.member(member));
        history.created_in(kind, &name).map(str::to_owned)
    }

    #[test]
    fn every_object_knows_the_migration_that_made_it() {
        let history = history([
            ("1", "CREATE TABLE \"User\" (id int, \"Email\" text); CREATE TYPE \"Role\" AS ENUM ('a');"),
            ("2", "CREATE INDEX \"i\" ON \"User\"(id); ALTER TABLE \"User\" ADD COLUMN name text;"),
            ("3", "ALTER TABLE \"User\" RENAME TO \"Person\"; CREATE TABLE IF NOT EXISTS \"Person\" (x int);"),
            ("4", "DROP TABLE gone; CREATE TABLE gone (a int); CREATE VIEW v AS SELECT 1; DO $$ BEGIN CREATE TABLE d (a int); END $$;"),
            ("5", "DROP TABLE gone; CREATE TABLE gone (b int); ALTER TABLE \"Person\" RENAME name TO \"fullName\";"),
        ])
        .unwrap();
        for (kind, name, wanted) in [
            (Kind::Table, "Person", Some("1")),
            (Kind::Table, "public.Person", Some("1")),
            (Kind::Table, "User", None),
            (Kind::Column, "Person.Email", Some("1")),
            (Kind::Column, "Person.fullName", Some("2")),
            (Kind::Column, "Person.x", None),
            (Kind::Type, "Role", Some("1")),
            (Kind::Index, "i", Some("2")),
            (Kind::Table, "gone", Some("5")),
            (Kind::Column, "gone.a", None),
            (Kind::View, "v", Some("4")),
            (Kind::Table, "d", Some("4")),
        ] {
            assert_eq!(made_in(&history, kind, name).as_deref(), wanted, "{name}");
        }
    }
}
