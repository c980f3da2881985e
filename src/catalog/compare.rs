//! What one catalog has and another has not.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    Catalog, Id,
    objects::{Kind, Object, Property},
};
use crate::guard::name::Name;

/// How the objects of two catalogs are found to be the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matching {
    /// By name: for two databases.
    Names,
    /// By identity, so that a new name is told from a loss: for one database and its clones.
    Identity,
}

/// One difference between two catalogs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// What the object is.
    pub kind: Kind,
    /// Its name before; for a new one its name after.
    pub object: String,
    /// The table or view that it stands on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on: Option<Name>,
    /// Its identity before; unknown for a new one.
    #[serde(skip)]
    pub id: Id,
    /// What happened to it.
    #[serde(flatten)]
    pub change: Change,
}

/// What happened to an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// It is new.
    Added,
    /// It is gone.
    Lost,
    /// It is gone, and another one has its name: what it held is gone.
    Replaced,
    /// It has another name, and all that it held.
    Renamed {
        /// The new name.
        to: String,
    },
    /// A property is another one.
    Changed {
        /// Which.
        property: Property,
        /// What it was; empty where it was not there.
        before: Vec<String>,
        /// What it is; empty where it is not there.
        after: Vec<String>,
        /// Whether more or less is possible than before.
        direction: Direction,
    },
}

/// Whether a change leaves more or less room than there was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Everything that was possible still is.
    Widened,
    /// Something that was possible no longer is.
    Narrowed,
    /// The catalog alone does not say.
    Other,
}

/// The differences between two catalogs, by kind and name.
#[must_use]
pub fn compare(before: &Catalog, after: &Catalog, matching: Matching) -> Vec<Difference> {
    let (old, new) = (before.objects(), after.objects());
    let by_name = |objects: &[Object]| -> BTreeMap<Key, usize> {
        objects.iter().enumerate().map(|(place, object)| (key(object), place)).collect()
    };
    let names = by_name(&new);
    let identities: BTreeMap<Id, usize> = match matching {
        Matching::Names => BTreeMap::new(),
        Matching::Identity => {
            let known = new.iter().enumerate().filter(|(_, object)| object.id.is_known());
            known.map(|(place, object)| (object.id, place)).collect()
        }
    };
    let mut differences = Vec::new();
    let mut found = BTreeSet::new();
    for object in &old {
        let same = identities.get(&object.id).or_else(|| names.get(&key(object))).copied();
        match same {
            Some(place) => {
                found.insert(place);
                let replaced = matching == Matching::Identity && holds_data(object.kind);
                if replaced && new[place].id != object.id {
                    differences.push(difference(object, Change::Replaced));
                }
                changed(object, &new[place], &mut differences);
            }
            None => differences.push(difference(object, Change::Lost)),
        }
    }
    let added = new.iter().enumerate().filter(|(place, _)| !found.contains(place));
    differences.extend(
        added.map(|(_, object)| Difference { id: Id::default(), ..difference(object, Change::Added) }),
    );
    differences.sort_by(|one, other| (one.kind, &one.object).cmp(&(other.kind, &other.object)));
    differences
}

type Key = (Kind, String, String);

fn key(object: &Object) -> Key {
    (object.kind, object.name.clone(), object.arguments.clone())
}

/// Whether something is lost when another object takes its name.
const fn holds_data(kind: Kind) -> bool {
    matches!(kind, Kind::Table | Kind::Column | Kind::Sequence)
}

fn difference(object: &Object, change: Change) -> Difference {
    Difference {
        kind: object.kind,
        object: object.name.clone(),
        on: object.on.clone(),
        id: object.id,
        change,
    }
}

fn changed(old: &Object, new: &Object, differences: &mut Vec<Difference>) {
    if old.name != new.name {
        differences.push(difference(old, Change::Renamed { to: new.name.clone() }));
    }
    let properties: BTreeSet<Property> =
        old.properties.keys().chain(new.properties.keys()).copied().collect();
    for property in properties {
        let value = |object: &Object| object.properties.get(&property).cloned().unwrap_or_default();
        let (before, after) = (value(old), value(new));
        if before != after {
            let direction = direction(property, &before, &after);
            differences.push(difference(old, Change::Changed { property, before, after, direction }));
        }
    }
}

fn direction(property: Property, before: &[String], after: &[String]) -> Direction {
    let is = |value: &[String], text: &str| value.first().is_some_and(|first| first == text);
    let lacks = |value: &[String], wanted: &[String]| wanted.iter().any(|part| !value.contains(part));
    match property {
        Property::Nullability if is(after, "NULL") => Direction::Widened,
        Property::Nullability => Direction::Narrowed,
        Property::Labels | Property::Privileges | Property::Parents if lacks(after, before) => {
            Direction::Narrowed
        }
        Property::Labels | Property::Privileges if lacks(before, after) => Direction::Widened,
        Property::RowSecurity if is(after, "off") || is(before, "forced") => Direction::Narrowed,
        Property::Persistence if is(after, "unlogged") => Direction::Narrowed,
        Property::Validity if is(after, "invalid") => Direction::Narrowed,
        Property::Generated | Property::Bound if after.is_empty() => Direction::Narrowed,
        _ => Direction::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Class, Column, Table, TypeShape, UserType},
        *,
    };

    fn table(object: u32, columns: &[(&str, i16, &str, bool)]) -> Table {
        let column = |(name, number, data_type, nullable): &(&str, i16, &str, bool)| Column {
            name: (*name).into(),
            number: *number,
            data_type: (*data_type).into(),
            nullable: *nullable,
            ..Column::default()
        };
        Table {
            id: Id { class: Class::Relation, object, column: 0 },
            columns: columns.iter().map(column).collect(),
            ..Table::default()
        }
    }

    fn catalog(tables: Vec<(&str, Table)>) -> Catalog {
        Catalog {
            tables: tables.into_iter().map(|(name, table)| (Name::bare(name), table)).collect(),
            ..Catalog::default()
        }
    }

    fn told(before: &Catalog, after: &Catalog, matching: Matching) -> Vec<String> {
        compare(before, after, matching)
            .into_iter()
            .map(|difference| match difference.change {
                Change::Changed { property, direction, .. } => {
                    format!("{} {} {direction:?}", difference.object, property.words())
                }
                Change::Renamed { to } => format!("{} -> {to}", difference.object),
                other => format!("{} {other:?}", difference.object),
            })
            .collect()
    }

    #[test]
    fn the_same_name_is_not_the_same_column() {
        let before = catalog(vec![("t", table(1, &[("a", 1, "text", true), ("b", 2, "text", true)]))]);
        let after = catalog(vec![("t", table(1, &[("b", 2, "text", false), ("a", 3, "integer", true)]))]);
        assert_eq!(
            told(&before, &after, Matching::Identity),
            ["t.a Replaced", "t.a type Other", "t.b nullability Narrowed"]
        );
        assert_eq!(told(&before, &after, Matching::Names), ["t.a type Other", "t.b nullability Narrowed"]);
    }

    #[test]
    fn a_new_name_is_no_loss() {
        let before = catalog(vec![("t", table(1, &[("a", 1, "text", true)]))]);
        let after = catalog(vec![("u", table(1, &[("b", 1, "text", true)]))]);
        assert_eq!(told(&before, &after, Matching::Identity), ["t -> u", "t.a -> u.b"]);
        assert_eq!(told(&before, &after, Matching::Names), ["t Lost", "u Added", "t.a Lost", "u.b Added"]);
    }

    #[test]
    fn removed_labels_narrow_and_new_ones_widen() {
        let of = |labels: &[&str]| {
            let labels = labels.iter().map(|label| (*label).to_owned()).collect();
            let shape = TypeShape::Enum { labels };
            let user_type = UserType { id: Id::default(), shape };
            Catalog { types: [(Name::bare("S"), user_type)].into(), ..Catalog::default() }
        };
        let narrowed = ["S labels Narrowed"];
        assert_eq!(told(&of(&["A", "B"]), &of(&["A", "C"]), Matching::Names), narrowed);
        assert_eq!(told(&of(&["A"]), &of(&["A", "B"]), Matching::Names), ["S labels Widened"]);
        assert_eq!(told(&of(&["A", "B"]), &of(&["B", "A"]), Matching::Names), ["S labels Other"]);
        assert!(told(&of(&["A"]), &of(&["A"]), Matching::Names).is_empty());
    }
}
