//! How a table is kept, who sees which rows, and who may do what.

use super::plan::{Way, home_of};
use crate::catalog::{Difference, Kind, Property, quoted};

pub(super) fn tables_and_privileges(way: &Way<'_>) -> Vec<String> {
    let kinds = [Kind::Table];
    let mut statements = Vec::new();
    for (one, was, is) in way.changed(&kinds, Property::RowSecurity) {
        let said = |value: &[String], word: &str| value.first().is_some_and(|first| first == word);
        let mut alter = |action: &str| {
            statements.push(format!("ALTER TABLE {} {action} ROW LEVEL SECURITY", way.object(one)));
        };
        match (said(was, "off"), said(is, "off")) {
            (true, false) => alter("DISABLE"),
            (false, true) => alter("ENABLE"),
            _ => {}
        }
        match (said(was, "forced"), said(is, "forced")) {
            (true, false) => alter("FORCE"),
            (false, true) => alter("NO FORCE"),
            _ => {}
        }
    }
    for (one, was, _) in way.changed(&kinds, Property::Persistence) {
        let word = was.first().map_or("", |word| if word == "unlogged" { "UNLOGGED" } else { "LOGGED" });
        statements.push(format!("ALTER TABLE {} SET {word}", way.object(one)));
    }
    statements.extend(privileges(way));
    statements
}

fn privileges(way: &Way<'_>) -> Vec<String> {
    let kinds =
        [Kind::Schema, Kind::Table, Kind::View, Kind::MaterializedView, Kind::Sequence, Kind::Routine];
    let mut statements = Vec::new();
    for (one, was, is) in way.changed(&kinds, Property::Privileges) {
        for object in objects(way, one) {
            let too_much = is.iter().filter(|privilege| !was.contains(privilege));
            statements
                .extend(too_much.filter_map(|privilege| statement(privilege, ("REVOKE", "FROM"), &object)));
            let missing = was.iter().filter(|privilege| !is.contains(privilege));
            statements.extend(missing.filter_map(|privilege| statement(privilege, ("GRANT", "TO"), &object)));
        }
    }
    statements
}

/// What a difference is about, as `GRANT` wants it; of functions that share a name all that differ.
fn objects(way: &Way<'_>, one: &Difference) -> Vec<String> {
    match one.kind {
        Kind::Schema => vec![format!("SCHEMA {}", quoted(&one.object))],
        Kind::Sequence => vec![format!("SEQUENCE {}", way.object(one))],
        Kind::Routine => {
            let named = way.before.routines.iter().filter(|routine| routine.name == home_of(&one.object));
            named
                .map(|routine| format!("ROUTINE {}({})", way.sql(&routine.name), routine.arguments))
                .collect()
        }
        _ => vec![format!("TABLE {}", way.object(one))],
    }
}

/// `privilege` is `SELECT to role` or `SELECT(column) to role`, as the catalog has it.
fn statement(privilege: &str, (verb, word): (&str, &str), object: &str) -> Option<String> {
    const OPTION: &str = " with grant option";
    let (what, to) = privilege.split_once(" to ")?;
    let (to, option) = match to.strip_suffix(OPTION) {
        Some(to) if verb == "GRANT" => (to, " WITH GRANT OPTION"),
        Some(to) => (to, ""),
        None => (to, ""),
    };
    let what = match what.split_once('(') {
        Some((what, column)) => format!("{what} ({})", quoted(column.trim_end_matches(')'))),
        None => what.to_owned(),
    };
    let to = if to == "PUBLIC" { to.to_owned() } else { quoted(to) };
    Some(format!("{verb} {what} ON {object} {word} {to}{option}"))
}
