//! Types that a script swaps: Prisma makes another one, renames both and drops the old one. Such a script can be run
//! again as it is, and questions around each step would only hide what it does.

use std::collections::HashMap;

use crate::guard::{
    action::{Action, Kind, Step},
    name::Name,
};

/// Of each statement, given by its steps: whether the types that it makes or renames are free to be made or renamed once
/// more after the whole script.
pub(super) fn repeatable(statements: &[Vec<Step>]) -> Vec<bool> {
    let mut types = Types::default();
    for step in statements.iter().flatten() {
        types.take(&step.action);
    }
    types.is_again = true;
    let mut repeatable = Vec::new();
    for steps in statements {
        // Each is carried out, whatever became of the one before it.
        let works: Vec<bool> = steps.iter().map(|step| types.take(&step.action)).collect();
        repeatable.push(!works.contains(&false));
    }
    repeatable
}

/// Which types are there, as far as a script says so.
#[derive(Default)]
struct Types {
    there: HashMap<Name, bool>,
    is_again: bool,
}

impl Types {
    /// Carries out the action; whether it would have worked.
    fn take(&mut self, action: &Action) -> bool {
        match action {
            Action::Create(create) if matches!(create.kind, Kind::Type | Kind::Domain) => {
                self.there.insert(qualified(&create.name), true) != Some(true)
            }
            Action::Rename(Kind::Type, from, to) => {
                let was_there = self.there.insert(qualified(from), false);
                let was_free = self.there.insert(qualified(to), true) != Some(true);
                was_there == Some(true) && was_free
            }
            Action::Drop(drop) if matches!(drop.kind, Kind::Type | Kind::Domain) => {
                self.there.insert(qualified(&drop.name), false);
                true
            }
            Action::SetSchema(Kind::Type | Kind::Domain, ..) => !self.is_again,
            _ => true,
        }
    }
}

fn qualified(name: &Name) -> Name {
    Name { schema: name.schema.clone().or_else(|| Some("public".into())), ..name.clone() }
}
