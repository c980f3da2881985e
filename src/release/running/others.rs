//! Tables, types, views and whatever else stands for itself.

use super::Trouble;
use crate::catalog::{Change, Difference, Direction, Property};

pub(super) fn table(difference: &Difference) -> Option<(Trouble, String)> {
    let breaking = |what: String| Some((Trouble::Breaking, what));
    match &difference.change {
        Change::Lost => breaking("the table is gone: every statement on it fails (42P01)".into()),
        Change::Replaced => breaking("the table was dropped and made anew: its rows are gone".into()),
        Change::Renamed { to } => {
            breaking(format!("the table is called {to} now: every statement on the old name fails (42P01)"))
        }
        Change::Changed { property: Property::RowSecurity, after, .. } if after != &["off"] => {
            breaking("policies decide from now on which rows the process sees and writes".into())
        }
        Change::Changed { property: Property::Privileges, direction: Direction::Narrowed, .. } => {
            Some(revoked())
        }
        Change::Added | Change::Changed { .. } => None,
    }
}

pub(super) fn user_type(difference: &Difference) -> Option<(Trouble, String)> {
    match &difference.change {
        Change::Lost => {
            Some((Trouble::Breaking, "the type is gone: statements that cast to it fail (42704)".into()))
        }
        Change::Renamed { to } => Some((
            Trouble::Breaking,
            format!(
                "the type is called {to} now: statements that cast to the old name, as Prisma Client's do, fail (42704)"
            ),
        )),
        Change::Changed { property: Property::Labels, before, after, .. } => {
            let gone: Vec<_> = before.iter().filter(|label| !after.contains(label)).cloned().collect();
            let new: Vec<_> = after.iter().filter(|label| !before.contains(label)).cloned().collect();
            if !gone.is_empty() {
                Some((
                    Trouble::WriteReject,
                    format!(
                        "its values {} are gone: a process that writes or asks for one is refused (22P02)",
                        gone.join(", ")
                    ),
                ))
            } else if new.is_empty() {
                None
            } else {
                Some((
                    Trouble::Info,
                    format!(
                        "it has the new values {}: a client that does not know them fails to read a row that has one",
                        new.join(", ")
                    ),
                ))
            }
        }
        Change::Changed { direction: Direction::Widened, .. } | Change::Added | Change::Replaced => None,
        Change::Changed { property, .. } => Some((
            Trouble::WriteReject,
            format!(
                "its {} is another one: values that were right may be refused (23514, 22P02)",
                property.words()
            ),
        )),
    }
}

pub(super) fn view(difference: &Difference) -> Option<(Trouble, String)> {
    match &difference.change {
        Change::Lost => {
            Some((Trouble::Breaking, "the view is gone: every statement on it fails (42P01)".into()))
        }
        Change::Renamed { to } => Some((
            Trouble::Breaking,
            format!("the view is called {to} now: statements on the old name fail (42P01)"),
        )),
        Change::Changed { property: Property::Definition, .. } => {
            Some((Trouble::Info, "the view's query reads otherwise now".into()))
        }
        Change::Changed { property: Property::Privileges, direction: Direction::Narrowed, .. } => {
            Some(revoked())
        }
        Change::Added | Change::Replaced | Change::Changed { .. } => None,
    }
}

pub(super) fn attached(difference: &Difference) -> Option<(Trouble, String)> {
    match difference.change {
        Change::Added | Change::Changed { .. } => Some((
            Trouble::Info,
            "it runs on what the old process writes, too, and may change or refuse it".into(),
        )),
        Change::Lost => Some((Trouble::Info, "it no longer runs on what the old process writes".into())),
        Change::Replaced | Change::Renamed { .. } => None,
    }
}

pub(super) fn policy(difference: &Difference) -> Option<(Trouble, String)> {
    match difference.change {
        Change::Renamed { .. } | Change::Replaced => None,
        _ => Some((Trouble::Breaking, "other rows are seen and taken than before".into())),
    }
}

pub(super) fn routine(difference: &Difference) -> Option<(Trouble, String)> {
    match &difference.change {
        Change::Lost => {
            Some((Trouble::Breaking, "the function is gone: a process that calls it fails (42883)".into()))
        }
        Change::Renamed { to } => Some((
            Trouble::Breaking,
            format!("the function is called {to} now: a process that calls it fails (42883)"),
        )),
        Change::Changed { property: Property::Privileges, direction: Direction::Narrowed, .. } => {
            Some(revoked())
        }
        Change::Changed { .. } => {
            Some((Trouble::Info, "the function does something else for the old process, too".into()))
        }
        Change::Added | Change::Replaced => None,
    }
}

pub(super) fn privileges(difference: &Difference) -> Option<(Trouble, String)> {
    match difference.change {
        Change::Changed { property: Property::Privileges, direction: Direction::Narrowed, .. } => {
            Some(revoked())
        }
        _ => None,
    }
}

pub(super) fn revoked() -> (Trouble, String) {
    (Trouble::Breaking, "privileges are gone: a role that had them is refused (42501)".into())
}
