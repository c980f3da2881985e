//! One migration in the place of those that others have: told from deletions by a proof.

use crate::{
    live::fixture::LEDGER,
    support::{
        live::server,
        project::{Project, git},
        release::{Pair, Release, finding, findings},
        run::{Ended, run, tool},
    },
};

const TABLE: &str =
    "CREATE TABLE \"User\" (\"id\" SERIAL NOT NULL, CONSTRAINT \"User_pkey\" PRIMARY KEY (\"id\"));\n";
const COLUMN: &str = "ALTER TABLE \"User\" ADD COLUMN \"name\" TEXT;\n";
const OLD: [(&str, &str); 3] = [
    ("20260101000000_users", TABLE),
    ("20260102000000_wrong", "ALTER TABLE \"User\" ADD COLUMN \"nmae\" TEXT;\n"),
    (
        "20260103000000_right",
        "ALTER TABLE \"User\" DROP COLUMN \"nmae\";\nALTER TABLE \"User\" ADD COLUMN \"name\" TEXT;\n",
    ),
];
const INTO: &str = "20260103000001_squashed";

/// A branch on which `sql` stands in the place of the base's history.
fn squashed(sql: &str) -> Project {
    let project = Project::feature(&OLD);
    for (name, _) in OLD {
        std::fs::remove_dir_all(project.path().join("prisma/migrations").join(name)).unwrap();
    }
    project.write(&format!("prisma/migrations/{INTO}/migration.sql"), sql);
    project.commit("one for three");
    project
}

fn check(project: &Project, more: &[&str]) -> Ended {
    run(&project.path(), &[&["check", "--format", "json"], more].concat())
}

fn rules(ended: &Ended) -> Vec<String> {
    let report = ended.json();
    let findings = report["findings"].as_array().unwrap();
    findings.iter().map(|finding| finding["rule"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_squash_is_one_finding_and_a_human_may_accept_it() {
    let project = squashed(&format!("{TABLE}{COLUMN}"));
    let ended = check(&project, &[]).expect(4);
    assert_eq!(rules(&ended), ["history_squashed"]);
    let report = ended.json();
    let squash = &report["findings"][0];
    assert_eq!(squash["object"], INTO);
    assert!(squash["safer"].as_str().unwrap().contains(&format!("run-migration baseline --up-to '{INTO}'")));
    assert_eq!(squash["statement"].as_str().unwrap().lines().count(), OLD.len());
    assert_eq!(squash["proof"].as_array().unwrap().len(), 1);
    let allow =
        format!("[[allow]]\nrule = \"history_squashed\"\nobject = \"{INTO}\"\nreason = \"all are on 2.0\"\n");
    project.write("run-migration.toml", &allow);
    let accepted = check(&project, &[]).expect(0).json();
    assert_eq!(accepted["findings"][0]["allowed"]["reason"], "all are on 2.0");
    // Without a database nobody knows.
    let ended = check(&project, &["--no-database"]).expect(4);
    assert_eq!(rules(&ended).iter().filter(|rule| *rule == "migration_deleted").count(), 3);
    assert!(ended.json()["notes"].to_string().contains("without --no-database"), "{}", ended.stdout);
}

#[test]
fn what_makes_something_else_is_no_squash() {
    for (sql, says) in [
        (format!("-- all of it\n{TABLE}"), "column User.name"),
        (format!("{TABLE}{COLUMN}INSERT INTO \"User\" (\"name\") VALUES ('x');\n"), "rows"),
    ] {
        let ended = check(&squashed(&sql), &[]).expect(4);
        assert!(!rules(&ended).contains(&"history_squashed".to_owned()), "{sql}");
        assert_eq!(rules(&ended).iter().filter(|rule| *rule == "migration_deleted").count(), 3);
        assert!(ended.json()["notes"].to_string().contains(says), "{}", ended.stdout);
    }
}

#[test]
fn a_history_that_no_longer_replays_proves_nothing() {
    let project = squashed(&format!("{TABLE}{COLUMN}"));
    git(&project.path(), &["switch", "-q", "main"]);
    project.write("prisma/migrations/20260102000000_wrong/migration.sql", "SELECT nothing;\n");
    project.commit("broken");
    git(&project.path(), &["push", "-q", "origin", "main"]);
    git(&project.path(), &["switch", "-q", "-C", "feature", "feature"]);
    git(&project.path(), &["reset", "-q", "--soft", "main"]);
    git(&project.path(), &["commit", "-q", "-m", "one for three"]);
    let ended = check(&project, &[]).expect(4);
    assert_eq!(rules(&ended).iter().filter(|rule| *rule == "migration_deleted").count(), 3);
    assert!(ended.json()["notes"].to_string().contains("makes no database"), "{}", ended.stdout);
}

#[test]
fn a_release_may_be_squashed_too() {
    let whole = format!("{TABLE}{COLUMN}");
    let pair =
        Pair::new(&Release::new("1.0").migrations(&OLD), &Release::new("1.1").migrations(&[(INTO, &whole)]));
    let report = pair.check(&["--format", "json"]).expect(4).json();
    assert_eq!(findings(&report), [format!("refuse history_squashed {INTO}")]);
    assert!(finding(&report, "history_squashed")["why"].as_str().unwrap().contains("1.0"));
    let steps = report["release"]["rollout"]["steps"].to_string();
    assert!(steps.contains("run-migration baseline --up-to"), "{steps}");
    let untried = pair.check(&["--no-database", "--format", "json"]).expect(4).json();
    assert_eq!(findings(&untried).iter().filter(|one| one.contains("migration_deleted")).count(), 3);
}

#[tokio::test]
async fn the_command_that_is_printed_records_a_squash() {
    let database = server().database().await;
    database.execute(&format!("SET ROLE app; {LEDGER}")).await;
    for (name, sql) in OLD {
        database.execute(&format!("SET ROLE app; {sql}")).await;
        database.record("public", name, sql, (", finished_at, applied_steps_count", ", now(), 1")).await;
    }
    let project = squashed(&format!("{TABLE}{COLUMN}"));
    let url = database.url("app", "");
    let ask = |args: &[&str]| -> Ended {
        tool(&project.path(), args).env("DATABASE_URL", &url).output().unwrap().into()
    };
    ask(&["baseline"]).expect(4);
    let done = ask(&["baseline", "--up-to", INTO]).expect(0).says(&["3 migrations recorded", OLD[0].0]);
    assert!(done.stdout.contains("marked 1 migration as applied"), "{}", done.stdout);
    let deployed = ask(&["deploy", "--format", "json"]).expect(0).json();
    assert_eq!(deployed["outcome"], "no_changes");
    ask(&["ready"]).expect(0);
}
