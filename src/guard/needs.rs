//! What a script needs of the server that it runs on, beyond a bare PostgreSQL: extensions and roles.

use serde::{Deserialize, Serialize};

use super::{
    action::{Action, Branch, Kind, RoleUse, Step},
    sql,
};

/// Words that a script without needs has none of: most are read no further.
const TELLING: [&str; 7] = ["extension", "grant", "revoke", "owner", "policy", "privileges", "authorization"];
/// The same for roles alone.
const ROLES: [&str; 3] = ["role", "user", "group"];

/// Something that a script needs, or makes itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    /// What it is.
    pub what: Needed,
    /// Its name.
    pub name: String,
    /// The line where the script says so, from 1.
    pub line: usize,
}

/// What is needed or made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Needed {
    /// An extension is installed.
    Extension,
    /// A role has to be there.
    Role,
    /// A role is made, so that it must not be there.
    OwnRole,
}

/// What `script` needs whatever happens in it: what stands behind a condition is the condition's affair, except for
/// roles, which do no harm.
///
/// # Errors
/// Where the system grants no thread to work in.
pub fn of(script: &str) -> std::io::Result<Vec<Need>> {
    Ok(of_all(std::iter::once(script))?.pop().unwrap_or_default())
}

/// What each of `scripts` needs, all of them read by one thread.
///
/// # Errors
/// Where the system grants no thread to work in.
pub fn of_all<'a>(scripts: impl Iterator<Item = &'a str> + Send) -> std::io::Result<Vec<Vec<Need>>> {
    sql::with_stack(|| scripts.map(of_script).collect())
}

fn of_script(script: &str) -> Vec<Need> {
    let lower = script.to_ascii_lowercase();
    let mut needs = Vec::new();
    if TELLING.iter().chain(&ROLES).any(|word| lower.contains(word)) {
        sql::for_each_statement(script, &mut |steps| needs.extend(of_statement(script, &steps)));
    }
    needs
}

fn of_statement(script: &str, steps: &[Step]) -> Vec<Need> {
    let mut needs = Vec::new();
    let mut guards = 0_usize;
    let mut branches = Vec::new();
    for step in steps {
        let (what, name) = match &step.action {
            Action::Enter(branch) => {
                branches.push(*branch);
                guards += usize::from(*branch == Branch::Guard);
                continue;
            }
            Action::Leave => {
                guards -= usize::from(branches.pop() == Some(Branch::Guard));
                continue;
            }
            Action::Create(create) if create.kind == Kind::Extension && guards == 0 => {
                (Needed::Extension, &create.name.name)
            }
            Action::Role(RoleUse::Needed, name) => (Needed::Role, name),
            Action::Role(RoleUse::Made, name) if guards == 0 => (Needed::OwnRole, name),
            _ => continue,
        };
        let line = script[..step.place.start].matches('\n').count() + 1;
        needs.push(Need { what, name: name.clone(), line });
    }
    needs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(script: &str, wanted: Needed) -> Vec<(String, usize)> {
        let needs = of(script).unwrap().into_iter().filter(|need| need.what == wanted);
        needs.map(|need| (need.name, need.line)).collect()
    }

    #[test]
    fn extensions_are_needed_unless_a_condition_decides() {
        let script = "CREATE EXTENSION \"uuid-ossp\";\n-- CREATE EXTENSION comment;\nSELECT 'CREATE EXTENSION text';\n\
                      CREATE EXTENSION IF NOT EXISTS Vector WITH SCHEMA public;\n\
                      DO $$ BEGIN IF true THEN\n CREATE EXTENSION maybe; END IF; END $$;\nDO $$ BEGIN\n CREATE EXTENSION sure; END $$;";
        let wanted = [("uuid-ossp", 1), ("vector", 4), ("sure", 8)];
        assert_eq!(found(script, Needed::Extension), wanted.map(|(name, line)| (name.to_owned(), line)));
    }

    #[test]
    fn roles_are_needed_wherever_one_is_named() {
        let script = "GRANT SELECT ON t TO Reader, PUBLIC, \"App User\", CURRENT_USER WITH GRANT OPTION;\n\
                      ALTER TABLE t OWNER TO owner_1;\nCREATE POLICY p ON t TO authenticated, anon USING (true);\n\
                      ALTER DEFAULT PRIVILEGES FOR ROLE maker IN SCHEMA public GRANT SELECT ON TABLES TO reader2;\n\
                      GRANT a TO b;\nREVOKE ALL ON t FROM c;\nCREATE SCHEMA s AUTHORIZATION d;\nSET ROLE e;\n\
                      ALTER POLICY p ON t TO f;\nALTER FUNCTION g() OWNER TO h;\n\
                      DO $$ BEGIN IF true THEN GRANT SELECT ON t TO nested; END IF; END $$;";
        let names: Vec<_> = found(script, Needed::Role).into_iter().map(|(name, _)| name).collect();
        let wanted = [
            "reader",
            "App User",
            "owner_1",
            "authenticated",
            "anon",
            "maker",
            "reader2",
            "a",
            "b",
            "c",
            "d",
            "e",
            "f",
            "h",
            "nested",
        ];
        assert_eq!(names, wanted);
    }

    #[test]
    fn roles_that_are_made_dropped_or_altered_are_not_needed() {
        let script = "CREATE ROLE a NOLOGIN;\nCREATE USER b;\nDROP ROLE IF EXISTS c;\nALTER ROLE d SET search_path = x;\n\
                      DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'e') THEN CREATE ROLE e; END IF; END $$;";
        assert!(found(script, Needed::Role).is_empty(), "{:?}", of(script));
        let made: Vec<_> = found(script, Needed::OwnRole).into_iter().map(|(name, _)| name).collect();
        assert_eq!(made, ["a", "b"]);
    }
}
