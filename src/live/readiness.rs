//! May a program that expects this history serve on this database?

use serde::Serialize;

use super::{
    catalog::{Gap, Retyped},
    ledger::Ledger,
    observe::Observation,
    snapshot::Snapshot,
    state::{self, Standing, State},
};
use crate::history::History;

/// How many missing objects the line names.
const NAMED: usize = 3;

/// What an attempt is called that left nothing behind.
const BROKEN_OFF: &str = "broken off with nothing left behind";

/// What is done about doubts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// They are told.
    Lenient,
    /// They refuse.
    Strict,
}

/// What a program expects of its database.
#[derive(Debug, Clone, Copy)]
pub struct Expectation<'a> {
    /// The migrations that it was built with.
    pub history: &'a History,
    /// The catalog that they make, where it is known.
    pub snapshot: Option<&'a Snapshot>,
    /// What is done about doubts.
    pub strictness: Strictness,
}

/// Whether the program may serve, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Whether it may.
    pub ready: bool,
    /// The answer in one line, `ready: ...` or `drift: ...`.
    pub line: String,
    /// What a human should know although the program may serve, a phrase each.
    pub warnings: Vec<String>,
    /// The ledger against the history.
    pub state: State,
    /// What the program expects and the database lacks.
    pub missing: Vec<Gap>,
    /// What the database has with another type than expected.
    pub retyped: Vec<Retyped>,
}

/// Judges what was seen.
#[must_use]
pub fn judge(observation: &Observation, expectation: Expectation<'_>) -> Verdict {
    let state = state::compare(&observation.ledger, expectation.history);
    let (missing, retyped) = match (expectation.snapshot, &observation.catalog) {
        (Some(snapshot), Some(found)) => (snapshot.tables.gaps(found), snapshot.tables.retyped(found)),
        _ => (Vec::new(), Vec::new()),
    };
    let mut faults = faults(&state, &observation.ledger);
    if !missing.is_empty() {
        faults.push(lacks(&missing));
    }
    let mut warnings = doubts(&state, &observation.ledger);
    if let Some(first) = retyped.first() {
        let Retyped { column, found, expected } = first;
        warnings.push(format!("{} is {found}, not {expected}{}", shown(column), and_more(retyped.len() - 1)));
    }
    let ready = faults.is_empty() && (warnings.is_empty() || expectation.strictness == Strictness::Lenient);
    let word = if ready { "ready" } else { "drift" };
    let name = |name: &Option<String>| name.as_deref().map_or("none".into(), shown);
    let head = format!("{word}: db={} expected={}", name(&state.last_applied), name(&state.last_expected));
    let marked =
        warnings.iter().map(|warning| if ready { format!("warning: {warning}") } else { warning.clone() });
    let line = std::iter::once(head).chain(faults).chain(marked).collect::<Vec<_>>().join("; ");
    Verdict { ready, line, warnings, state, missing, retyped }
}

/// What stands in the way of serving.
fn faults(state: &State, ledger: &Ledger) -> Vec<String> {
    let mut faults = Vec::new();
    let failed: Vec<_> = state.failed.iter().map(|failed| failed.name.as_str()).collect();
    faults.extend(listed("failed", &failed));
    if state.standing == Standing::NotManaged {
        return faults;
    }
    if let Ledger::NoDatabase { name, server } = ledger {
        faults.push(format!("there is no database {} at {server}: deploy makes it", shown(name)));
    } else if state.standing == Standing::Empty && !state.pending.is_empty() {
        let has_schema = matches!(ledger, Ledger::Absent { tables: Some(_) });
        faults.push(if has_schema { "the database is empty" } else { "there is no such schema" }.into());
    }
    let pending: Vec<_> = state.pending.iter().map(|pending| pending.name.as_str()).collect();
    faults.extend(listed("pending", &pending));
    faults.extend(listed(BROKEN_OFF, &broken_off(state, Wanted::Here)));
    if state.pending.iter().any(|pending| state.running.contains(&pending.name)) {
        faults.push("being applied just now".into());
    }
    if state.standing == Standing::Diverged {
        let names: Vec<_> = state.not_in_directory.iter().map(String::as_str).collect();
        faults.extend(listed("unknown to this code", &names));
    }
    faults
}

/// What a human should know although it does not stand in the way.
fn doubts(state: &State, ledger: &Ledger) -> Vec<String> {
    let mut doubts = Vec::new();
    if let (Standing::NotManaged, Ledger::Absent { tables: Some(tables) }) = (state.standing, ledger) {
        let tables = if *tables == 1 { "1 table".to_owned() } else { format!("{tables} tables") };
        doubts.push(format!("not managed by Prisma Migrate: {tables}, but no _prisma_migrations"));
    }
    if state.standing == Standing::Ahead {
        let names: Vec<_> = state.not_in_directory.iter().map(String::as_str).collect();
        doubts.extend(listed("ahead of this code", &names));
    }
    doubts.extend(listed(BROKEN_OFF, &broken_off(state, Wanted::Elsewhere)));
    let edited: Vec<_> = state.edited.iter().map(|edited| edited.name.as_str()).collect();
    doubts.extend(listed("applied from another text", &edited));
    doubts
}

/// Who wants a migration.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Here,
    Elsewhere,
}

/// Migrations of which an attempt broke off: those that this code expects, or those of other code.
fn broken_off(state: &State, wanted: Wanted) -> Vec<&str> {
    let is_pending = |name: &&str| state.pending.iter().any(|pending| pending.name == *name);
    let names = state.broken_off.iter().map(String::as_str);
    names.filter(|name| is_pending(name) == (wanted == Wanted::Here)).collect()
}

/// `2 pending, first 20260101_x`; nothing for nothing.
fn listed(what: &str, names: &[&str]) -> Option<String> {
    match names {
        [] => None,
        [one] => Some(format!("1 {what}: {}", shown(one))),
        [first, ..] => Some(format!("{} {what}, first {}", names.len(), shown(first))),
    }
}

fn lacks(missing: &[Gap]) -> String {
    let named: Vec<_> = missing.iter().take(NAMED).map(ToString::to_string).collect();
    format!("lacks {}{}", named.join(", "), and_more(missing.len() - named.len()))
}

fn and_more(count: usize) -> String {
    if count == 0 { String::new() } else { format!(" and {count} more") }
}

/// A name as it can stand in a line: in quotes where it would fall apart.
fn shown(name: &str) -> String {
    let is_plain = !name.is_empty()
        && name.chars().all(|c| !c.is_whitespace() && !c.is_control() && !"\";=".contains(c));
    if is_plain { name.to_owned() } else { format!("{name:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        history::{Migration, checksum},
        live::{catalog::Catalog, ledger::Entry},
    };

    fn history(names: &[&str]) -> History {
        let migration = |name: &&str| Migration {
            name: (*name).to_owned(),
            path: format!("/m/{name}/migration.sql").into(),
            sql: String::new(),
            checksum: checksum(b""),
        };
        History { directory: "/m".into(), migrations: names.iter().map(migration).collect() }
    }

    fn applied(names: &[&str]) -> Ledger {
        let entry = |(at, name): (usize, &&str)| Entry {
            id: String::new(),
            name: name.trim_end_matches('!').to_owned(),
            checksum: checksum(b""),
            started_at: format!("{at:04}"),
            finished_at: (!name.ends_with('!')).then(String::new),
            rolled_back_at: None,
            logs: None,
            is_running: false,
        };
        Ledger::Present(names.iter().enumerate().map(entry).collect())
    }

    fn verdict(ledger: Ledger, names: &[&str], strictness: Strictness) -> Verdict {
        let history = history(names);
        let expectation = Expectation { history: &history, snapshot: None, strictness };
        judge(&Observation { ledger, catalog: None }, expectation)
    }

    #[test]
    fn each_standing_has_its_line() {
        for (ledger, expected, lenient, strict, line) in [
            (applied(&["1_a"]), &["1_a"][..], true, true, "ready: db=1_a expected=1_a"),
            (
                applied(&["1_a"]),
                &["1_a", "2 b"],
                false,
                false,
                "drift: db=1_a expected=\"2 b\"; 1 pending: \"2 b\"",
            ),
            (
                applied(&[]),
                &["1_a", "2_b"],
                false,
                false,
                "drift: db=none expected=2_b; 2 pending, first 1_a",
            ),
            (
                applied(&["1_a", "2_b!"]),
                &["1_a", "2_b"],
                false,
                false,
                "drift: db=1_a expected=2_b; 1 failed: 2_b",
            ),
            (
                applied(&["1_a", "3_c"]),
                &["1_a", "2_b"],
                false,
                false,
                "drift: db=3_c expected=2_b; 1 pending: 2_b; 1 unknown to this code: 3_c",
            ),
            (
                applied(&["1_a", "2_b"]),
                &["1_a"],
                true,
                false,
                "ready: db=2_b expected=1_a; warning: 1 ahead of this code: 2_b",
            ),
            (
                Ledger::Absent { tables: Some(2) },
                &["1_a"],
                true,
                false,
                "ready: db=none expected=1_a; warning: not managed by Prisma Migrate: 2 tables, but no _prisma_migrations",
            ),
            (
                Ledger::Absent { tables: Some(0) },
                &["1_a"],
                false,
                false,
                "drift: db=none expected=1_a; the database is empty; 1 pending: 1_a",
            ),
            (Ledger::Absent { tables: Some(0) }, &[], true, true, "ready: db=none expected=none"),
        ] {
            let given = verdict(ledger.clone(), expected, Strictness::Lenient);
            assert_eq!((given.ready, given.line.as_str()), (lenient, line));
            assert_eq!(verdict(ledger, expected, Strictness::Strict).ready, strict, "{line}");
        }
    }

    #[test]
    fn what_the_code_expects_and_the_database_lacks_refuses_whatever_the_ledger_says() {
        let catalog = |json: &str| serde_json::from_str::<Catalog>(json).unwrap();
        let history = history(&["1_a"]);
        let snapshot = Snapshot::new(&history, catalog(r#"{"A": {"id": "text", "n": "integer"}, "B": {}}"#));
        let expectation =
            Expectation { history: &history, snapshot: Some(&snapshot), strictness: Strictness::Lenient };
        let found = Some(catalog(r#"{"A": {"id": "uuid"}}"#));
        for ledger in [applied(&["1_a"]), applied(&["1_a", "2_b"]), Ledger::Absent { tables: Some(1) }] {
            let verdict = judge(&Observation { ledger, catalog: found.clone() }, expectation);
            assert!(!verdict.ready);
            assert!(verdict.line.contains("; lacks column A.n, table B"), "{}", verdict.line);
            assert!(verdict.line.contains("A.id is uuid, not text"), "{}", verdict.line);
        }
    }

    #[test]
    fn a_line_stays_one_line_whatever_names_the_database_has() {
        let verdict = verdict(applied(&["1\n2; ready: db=x"]), &[], Strictness::Lenient);
        assert_eq!(verdict.line.lines().count(), 1);
        assert!(verdict.line.contains(r#"db="1\n2; ready: db=x""#), "{}", verdict.line);
    }
}
