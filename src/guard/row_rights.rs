//! Which rights on rows a script takes, as far as its text tells.

use std::ops::Range;

use super::{
    action::{Action, Branch, RowKind, Step},
    name::Name,
    sql,
};

/// A right on the rows of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right {
    /// To read them.
    Select,
    /// To add some.
    Insert,
    /// To change them.
    Update,
    /// To remove some.
    Delete,
    /// To remove all at once.
    Truncate,
}

impl Right {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Select, Self::Insert, Self::Update, Self::Delete, Self::Truncate];

    /// As `GRANT` has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Select => "SELECT",
            Self::Insert => "INSERT",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Truncate => "TRUNCATE",
        }
    }
}

/// A right that a script takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The table; without a schema it is the one that the search path leads to.
    pub table: Name,
    /// The right on it.
    pub right: Right,
    /// The bytes of the statement.
    pub statement: Range<usize>,
    /// Whether a condition, a loop or a handler stands before it, so that it may not come to it.
    pub may_not_happen: bool,
}

/// The rights that `script` takes, up to where it becomes another role. Where it changes the search path, only names
/// with a schema are told from there on.
///
/// # Errors
/// Where the system grants no thread to work in.
pub fn taken(script: &str) -> std::io::Result<Vec<Taken>> {
    sql::with_stack(|| {
        let mut reader = Reader::default();
        sql::for_each_statement(script, &mut |steps| steps.iter().for_each(|step| reader.step(step)));
        reader.taken
    })
}

#[derive(Default)]
struct Reader {
    taken: Vec<Taken>,
    branches: Vec<Branch>,
    is_another_role: bool,
    is_another_path: bool,
}

impl Reader {
    fn step(&mut self, step: &Step) {
        match &step.action {
            Action::Enter(branch) => self.branches.push(*branch),
            Action::Leave => drop(self.branches.pop()),
            Action::Set(setting, _) => self.set(setting),
            Action::Call(call) => {
                if let Some((setting, _)) = call.setting() {
                    self.set(&setting);
                }
            }
            Action::Read(table) => self.take(table, Right::Select, step),
            Action::Truncate(truncate) => self.take(&truncate.table, Right::Truncate, step),
            Action::Rows(change) => {
                let right = match change.kind {
                    RowKind::Insert => Right::Insert,
                    RowKind::Update => Right::Update,
                    RowKind::Delete => Right::Delete,
                };
                self.take(&change.table, right, step);
                // What chooses among the rows reads them.
                if change.selective && right != Right::Insert {
                    self.take(&change.table, Right::Select, step);
                }
            }
            _ => {}
        }
    }

    fn set(&mut self, setting: &str) {
        self.is_another_path |= setting == "search_path";
        self.is_another_role |= ["role", "session authorization", "session_authorization"].contains(&setting);
    }

    fn take(&mut self, table: &Name, right: Right, step: &Step) {
        if self.is_another_role || (self.is_another_path && table.schema.is_none()) {
            return;
        }
        let may_not_happen = self.branches.iter().any(|branch| *branch != Branch::Block);
        let statement = step.statement.clone();
        self.taken.push(Taken { table: table.clone(), right, statement, may_not_happen });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(script: &str) -> Vec<String> {
        let taken = taken(script).unwrap();
        taken
            .iter()
            .map(|one| {
                let sure = if one.may_not_happen { "?" } else { "" };
                format!("{} {}{sure}", one.right.name(), one.table)
            })
            .collect()
    }

    #[test]
    fn every_statement_takes_its_rights() {
        for (script, wanted) in [
            ("INSERT INTO a SELECT * FROM s.b JOIN c ON true", &["INSERT a", "SELECT s.b", "SELECT c"][..]),
            ("UPDATE a SET x = 1", &["UPDATE a"]),
            ("UPDATE a SET x = 1 FROM b WHERE a.id = b.id", &["UPDATE a", "SELECT a", "SELECT b"]),
            ("DELETE FROM a WHERE id > 3; TRUNCATE b", &["DELETE a", "SELECT a", "TRUNCATE b"]),
            ("WITH w AS (SELECT 1 FROM a) SELECT * FROM w", &["SELECT a"]),
            ("CREATE TABLE t AS SELECT * FROM a", &["SELECT a"]),
            ("CREATE VIEW v AS SELECT * FROM a", &[]),
            ("CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'DELETE FROM a'", &[]),
            (
                "DO $$ BEGIN DELETE FROM a; IF true THEN DELETE FROM b; END IF; END $$",
                &["DELETE a", "DELETE b?"],
            ),
            ("SET search_path = x; DELETE FROM a; DELETE FROM s.b", &["DELETE s.b"]),
            ("DELETE FROM a; SET ROLE other; DELETE FROM s.b", &["DELETE a"]),
        ] {
            assert_eq!(told(script), wanted, "{script}");
        }
    }
}
