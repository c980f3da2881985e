//! Whether a script is one transaction, so that something can be added to it that is true exactly where the script
//! is done.

use super::{
    action::{Action, Call, Statement, Step},
    sql,
};
use crate::history::replay::statements;

/// The statements that are known to be at home in a transaction, by their first word.
const AT_HOME: [&str; 17] = [
    "alter", "analyze", "comment", "create", "delete", "do", "drop", "grant", "insert", "lock", "merge",
    "refresh", "revoke", "select", "set", "truncate", "update",
];

/// Second words that make them strangers there, or take away the right to add something.
const STRANGERS: [&str; 8] =
    ["database", "role", "session", "subscription", "system", "tablespace", "transaction", "constraints"];

/// For each of `scripts`, whether everything in it happens in one transaction, or nothing: where that cannot be told
/// for certain, it does not.
///
/// # Errors
/// Where the system grants no thread to work in.
pub fn are_one(scripts: &[&str]) -> std::io::Result<Vec<bool>> {
    sql::with_stack(|| scripts.iter().map(|script| is_one(script)).collect())
}

fn is_one(script: &str) -> bool {
    let mut is_one = statements::split(script).into_iter().all(|range| is_at_home(&script[range]));
    sql::for_each_statement(script, &mut |steps| is_one &= steps.iter().all(may_be_in_one));
    is_one
}

fn is_at_home(statement: &str) -> bool {
    let mut words = statement.split_whitespace().map(str::to_ascii_lowercase);
    let first = words.next().unwrap_or_default();
    let second = words.find(|word| word != "local").unwrap_or_default();
    AT_HOME.contains(&first.as_str()) && (first == "do" || !STRANGERS.contains(&second.as_str()))
}

fn may_be_in_one(step: &Step) -> bool {
    match &step.action {
        // A procedure may commit by itself, which it can do only where it is called alone.
        Action::Transaction(_) | Action::Unparsed(_) | Action::Call(Call { procedure: true, .. }) => false,
        Action::Statement(Statement { alone, .. }) => alone.is_none(),
        Action::Set(setting, _) => keeps_rights(setting),
        Action::Call(call) => call.setting().is_none_or(|(setting, _)| keeps_rights(&setting)),
        Action::Define(routine) => routine.body.iter().all(may_be_in_one),
        _ => true,
    }
}

/// Whether what comes after the setting may do what came before it: what is local to the transaction would hold for
/// the addition, too.
fn keeps_rights(setting: &str) -> bool {
    let role = ["role", "session authorization", "session_authorization"];
    let transaction = ["transaction", "session characteristics", "default_transaction", "row_security"];
    !role.contains(&setting) && !transaction.iter().any(|prefix| setting.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_a_transaction_or_cannot_be_in_one_is_told() {
        for (script, wanted) in [
            ("", true),
            ("CREATE TABLE a (id int); INSERT INTO a VALUES (1);", true),
            ("DO $$ BEGIN CREATE TABLE a (id int); EXCEPTION WHEN duplicate_table THEN NULL; END $$;", true),
            ("SET lock_timeout = '5s'; ALTER TYPE t ADD VALUE 'b'; -- to the end", true),
            ("SET search_path = other; CREATE TABLE a (id int)", true),
            ("DO $$ BEGIN SET ROLE other; CREATE TABLE a (id int); END $$", false),
            ("BEGIN; CREATE TABLE a (id int); COMMIT;", false),
            ("START TRANSACTION; DROP TABLE a; END;", false),
            ("CREATE INDEX CONCURRENTLY i ON a (id);", false),
            ("DROP INDEX CONCURRENTLY i;", false),
            ("REINDEX TABLE CONCURRENTLY a;", false),
            ("VACUUM a;", false),
            ("ALTER SYSTEM SET work_mem = '1GB';", false),
            ("DISCARD ALL;", false),
            ("CALL move_rows();", false),
            ("DO $$ BEGIN UPDATE a SET id = 1; COMMIT; END $$;", false),
            ("SET LOCAL ROLE other; CREATE TABLE a (id int);", false),
            ("SET SESSION AUTHORIZATION other;", false),
            ("SELECT set_config('role', 'other', true);", false),
            ("SET TRANSACTION READ ONLY;", false),
            ("CREATE TABLE a (", false),
        ] {
            assert_eq!(are_one(&[script]).unwrap(), [wanted], "{script}");
        }
    }
}
