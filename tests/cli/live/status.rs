//! `status`: words and exit codes for every state of a real database.

use serde_json::Value;

use super::fixture::{STATES, Site, State, in_state};

/// What `status` says of each state: exit code, first line, and the lists that are not empty.
const fn wanted(state: State) -> (i32, &'static str, &'static [&'static str]) {
    match state {
        State::Equal => (0, "up to date: 3 migrations applied", &["applied"]),
        State::Behind => (4, "behind: 1 migration pending", &["applied", "pending"]),
        State::Ahead => (
            4,
            "ahead: the directory does not hold 1 migration that the database has",
            &["applied", "not_in_directory"],
        ),
        State::Diverged => (
            4,
            "diverged: 1 migration pending, and the directory does not hold 1 migration that the database has",
            &["applied", "not_in_directory", "pending"],
        ),
        State::Failed => (4, "failed: 1 migration failed and must be resolved", &["applied", "failed"]),
        State::RolledBack => (4, "behind: 1 migration pending", &["applied", "pending", "rolled_back"]),
        State::Edited => (4, "edited: 1 migration changed since it was applied", &["applied", "edited"]),
        State::NotManaged => (4, "not managed: there is no _prisma_migrations, but 1 table", &["pending"]),
        State::Empty => (4, "not managed: there is no _prisma_migrations, and no table", &["pending"]),
    }
}

fn lists(database: &Value) -> Vec<&str> {
    let mut names: Vec<_> = database
        .as_object()
        .unwrap()
        .iter()
        .filter(|(_, value)| value.as_array().is_some_and(|list| !list.is_empty()))
        .map(|(key, _)| key.as_str())
        .collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn every_state_has_its_words_and_its_code_in_every_schema() {
    let site = Site::new();
    for schema in ["public", "other"] {
        for state in STATES {
            let database = in_state(state, schema).await;
            let url = database.url("app", &format!("schema={schema}"));
            let (code, line, filled) = wanted(state);
            let human = site.ask(&["status"], &url).expect(code);
            assert_eq!(human.stdout.lines().next(), Some(line), "{state:?} in {schema}");
            let json = site.ask(&["status", "--format", "json"], &url).expect(code).json();
            assert_eq!(json["database"]["line"], line);
            assert_eq!(json["database"]["schema"], schema);
            assert_eq!(lists(&json["database"]), filled, "{state:?} in {schema}");
            // The other schema holds nothing, whatever this one does.
            let elsewhere = if schema == "public" { "other" } else { "public" };
            let other = site.ask(&["status"], &database.url("app", &format!("schema={elsewhere}"))).expect(4);
            assert!(other.stdout.starts_with(wanted(State::Empty).1), "{}", other.stdout);
        }
    }
}
