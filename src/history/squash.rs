//! Migrations that others have, and one new migration in their place: a squash, where it makes the same database from
//! nothing. A squash is told from deletions by a proof on databases alone.

use super::compare::{Change, Shipped};
use crate::catalog::{Catalog, Matching, compare};

/// How many differences are named.
const NAMED: usize = 5;

/// Deletions, and the one migration that may stand in for what is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Squash {
    /// The new migration.
    pub into: String,
    /// Those that are gone.
    pub deleted: Vec<String>,
}

/// What became of the question whether it stands in for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nobody asked a database.
    Untried,
    /// Both histories make the same from nothing.
    Same,
    /// They do not: what is different, the first few.
    Unlike(Vec<String>),
    /// The history of others makes no database any more: why.
    Impossible(String),
}

impl Squash {
    /// What may be a squash among `changes`, which lead from `theirs` to `ours`; `newest` is the history that ours will be
    /// added to.
    #[must_use]
    pub fn among(changes: &[Change], (theirs, newest): (&Shipped, &Shipped), ours: &Shipped) -> Option<Self> {
        let deleted: Vec<_> = changes
            .iter()
            .filter_map(|change| match change {
                Change::Deleted { name } => Some(name.clone()),
                _ => None,
            })
            .collect();
        let is_renamed = |name: &String| {
            changes.iter().any(|change| matches!(change, Change::Renamed { to, .. } if to == name))
        };
        let is_known = |name: &String| theirs.contains_key(name) || newest.contains_key(name);
        let mut new = ours.keys().filter(|name| !is_known(name) && !is_renamed(name));
        match (new.next(), new.next()) {
            (Some(into), None) if !deleted.is_empty() => Some(Self { into: into.clone(), deleted }),
            _ => None,
        }
    }

    /// The changes with one for all that the squash is about.
    #[must_use]
    pub fn of(&self, changes: Vec<Change>) -> Vec<Change> {
        let is_about = |change: &Change| match change {
            Change::Deleted { name } => self.deleted.contains(name),
            Change::OutOfOrder { name, .. } | Change::SharedStamp { name, .. } => *name == self.into,
            _ => false,
        };
        let squashed = Change::Squashed { into: self.into.clone(), deleted: self.deleted.clone() };
        let rest = changes.into_iter().filter(|change| !is_about(change));
        std::iter::once(squashed).chain(rest).collect()
    }

    /// What a person should know where it is no squash as far as can be told.
    #[must_use]
    pub fn remark(&self, verdict: &Verdict) -> Option<String> {
        let Self { into, deleted } = self;
        let count = deleted.len();
        match verdict {
            Verdict::Same => None,
            Verdict::Untried => Some(format!(
                "If {into} is to stand in for the {count} that are gone, a squash, that has to be proved on a database: run \
                 this without --no-database, with all gates"
            )),
            Verdict::Unlike(differences) => Some(format!(
                "{into} does not stand in for the {count} that are gone: from nothing the two histories make different \
                 databases: {}",
                differences.join(", ")
            )),
            Verdict::Impossible(why) => Some(format!(
                "Whether {into} stands in for the {count} that are gone cannot be proved: the history that has them makes \
                 no database: {why}"
            )),
        }
    }
}

impl Verdict {
    /// Compares what the two histories make: the catalog, and how many rows there are in each table.
    #[must_use]
    pub fn between<R: PartialEq>(theirs: (&Catalog, &R), ours: (&Catalog, &R)) -> Self {
        let differences = compare(theirs.0, ours.0, Matching::Names);
        let mut named: Vec<_> = differences
            .iter()
            .take(NAMED)
            .map(|difference| format!("{} {}", difference.kind.words(), difference.object))
            .collect();
        if let Some(more) = differences.len().checked_sub(NAMED).filter(|more| *more > 0) {
            named.push(format!("and {more} more"));
        }
        match named.is_empty() {
            true if theirs.1 == ours.1 => Self::Same,
            true => Self::Unlike(vec!["the rows that they fill tables with".into()]),
            false => Self::Unlike(named),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::compare::compare;

    fn shipped(names: &[&str]) -> Shipped {
        names.iter().map(|name| ((*name).to_owned(), format!("SELECT '{name}'").into_bytes())).collect()
    }

    fn among(theirs: &[&str], ours: &[&str]) -> Option<(String, usize)> {
        let (theirs, ours) = (shipped(theirs), shipped(ours));
        let changes = compare(&theirs, &theirs, &ours);
        Squash::among(&changes, (&theirs, &theirs), &ours).map(|squash| (squash.into, squash.deleted.len()))
    }

    #[test]
    fn one_new_one_in_the_place_of_some_may_be_a_squash() {
        assert_eq!(among(&["1_a", "2_b"], &["2_c"]), Some(("2_c".into(), 2)));
        assert_eq!(among(&["1_a", "2_b", "3_c"], &["0_all", "3_c"]), Some(("0_all".into(), 2)));
        for (theirs, ours) in [
            (&["1_a", "2_b"][..], &["1_a", "2_b", "3_c"][..]),
            (&["1_a", "2_b"], &["1_a"]),
            (&["1_a", "2_b"], &["3_c", "4_d"]),
        ] {
            assert_eq!(among(theirs, ours), None);
        }
    }

    #[test]
    fn it_is_one_change() {
        let (theirs, ours) = (shipped(&["1_a", "2_b"]), shipped(&["0_all"]));
        let changes = compare(&theirs, &theirs, &ours);
        assert_eq!(changes.len(), 3);
        let squash = Squash::among(&changes, (&theirs, &theirs), &ours).unwrap();
        assert!(matches!(&squash.of(changes)[..], [Change::Squashed { .. }]));
    }
}
