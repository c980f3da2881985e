//! `ready`: one line and an exit code for every state of a real database.

use super::fixture::{MIGRATIONS, STATES, Site, State, UNKNOWN, in_state};
use crate::support::live::{Database, server};

const ONE: &str = MIGRATIONS[0].0;
const TWO: &str = MIGRATIONS[1].0;
const THREE: &str = MIGRATIONS[2].0;

/// What `ready` says of each state, and its exit code without and with `--strict`.
fn wanted(state: State) -> (String, i32, i32) {
    let head = |word: &str, db: &str| format!("{word}: db={db} expected={THREE}");
    let extra = UNKNOWN.0;
    match state {
        State::Equal => (head("ready", THREE), 0, 0),
        State::Behind | State::RolledBack => (format!("{}; 1 pending: {THREE}", head("drift", TWO)), 4, 4),
        State::Ahead => (format!("{}; warning: 1 ahead of this code: {extra}", head("ready", extra)), 0, 4),
        State::Diverged => {
            (format!("{}; 1 pending: {THREE}; 1 unknown to this code: {extra}", head("drift", extra)), 4, 4)
        }
        State::Failed => (format!("{}; 1 failed: {THREE}", head("drift", TWO)), 4, 4),
        State::Edited => {
            (format!("{}; warning: 1 applied from another text: {THREE}", head("ready", THREE)), 0, 4)
        }
        State::NotManaged => {
            let why = "warning: not managed by Prisma Migrate: 1 table, but no _prisma_migrations";
            (format!("{}; {why}", head("ready", "none")), 0, 4)
        }
        State::Empty => {
            (format!("{}; the database is empty; 3 pending, first {ONE}", head("drift", "none")), 4, 4)
        }
    }
}

#[tokio::test]
async fn every_state_has_its_line_and_its_code_in_every_schema() {
    let site = Site::new();
    for schema in ["public", "other"] {
        for state in STATES {
            let database = in_state(state, schema).await;
            let url = database.url("app", &format!("schema={schema}"));
            let (line, lenient, strict) = wanted(state);
            let said = site.ask(&["ready"], &url).expect(lenient);
            assert_eq!(said.stdout, format!("{line}\n"), "{state:?} in {schema}");
            let said = site.ask(&["ready", "--strict"], &url).expect(strict);
            assert_eq!(said.stdout.starts_with("ready"), strict == 0, "{state:?} in {schema}");
            let said = site.ask(&["ready", "--advisory"], &url).expect(0);
            let mark = if lenient == 0 { "" } else { "CRITICAL: " };
            assert_eq!(said.stdout, format!("{mark}{line}\n"), "{state:?} in {schema}");
        }
    }
}

#[tokio::test]
async fn an_advisory_check_never_blocks_a_start() {
    let site = Site::new();
    for (url, args) in [
        ("postgresql://u:hunter2@127.0.0.1:1/none", &[][..]),
        ("mysql://u:hunter2@h/db", &[]),
        ("postgresql://u:hunter2@127.0.0.1:1/none", &["--migrations", "/nowhere"]),
        ("postgresql://u:hunter2@127.0.0.1:1/none", &["--snapshot", "/nowhere"]),
    ] {
        let said = site.ask(&[&["ready", "--advisory"], args].concat(), url).expect(0);
        assert!(said.stdout.starts_with("CRITICAL: unknown: "), "{url}: {}", said.stdout);
        assert_eq!(said.stdout.lines().count(), 1);
        let json =
            site.ask(&[&["ready", "--advisory", "--format", "json"], args].concat(), url).expect(0).json();
        assert_eq!(json["database"]["ready"], false);
        site.ask(&[&["ready"], args].concat(), url).expect(1);
    }
}

/// Holds Prisma's advisory lock, as `migrate deploy` does while it works.
async fn deploying(database: &Database) {
    database.execute("SELECT pg_advisory_lock(72707369)").await;
    database
        .execute("INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES ('x', '', 'later')")
        .await;
}

#[tokio::test]
async fn a_migration_that_is_being_applied_is_no_failed_one() {
    let site = Site::new();
    let database = in_state(State::Equal, "public").await;
    deploying(&database).await;
    let url = database.url("app", "");
    // Pods of the release before go on serving while the job migrates.
    site.ask(&["ready", "--strict"], &url).expect(0);
    assert!(site.ask(&["status"], &url).expect(0).stdout.contains("being applied just now (1)\n    later\n"));
    // Whoever expects it waits for it.
    site.add("later", "SELECT 1;");
    let said = site.ask(&["ready"], &url).expect(4);
    assert!(said.stdout.contains("1 pending: later; being applied just now"), "{}", said.stdout);
    // The job was killed.
    database.execute("SELECT pg_advisory_unlock(72707369)").await;
    let said = site.ask(&["ready"], &url).expect(4);
    assert!(said.stdout.contains("1 failed: later"), "{}", said.stdout);
}

#[tokio::test]
async fn a_wheel_and_an_installed_package_say_what_is_expected() {
    let site = Site::new();
    let database = in_state(State::Equal, "public").await;
    let url = database.url("app", "");
    let wheel = site.path().join("extras-1.0-py3-none-any.whl");
    let mut writer = zip::ZipWriter::new(std::fs::File::create(&wheel).unwrap());
    let packages = site.path().join("packages/extras/migrations");
    for (name, sql) in MIGRATIONS {
        let options = zip::write::SimpleFileOptions::default();
        writer.start_file(format!("extras/migrations/{name}/migration.sql"), options).unwrap();
        std::io::Write::write_all(&mut writer, sql.as_bytes()).unwrap();
        std::fs::create_dir_all(packages.join(name)).unwrap();
        std::fs::write(packages.join(name).join("migration.sql"), sql).unwrap();
    }
    writer.finish().unwrap();
    assert_eq!(
        site.ask(&["ready", "--migrations", wheel.as_str()], &url).expect(0).stdout,
        wanted(State::Equal).0 + "\n"
    );

    crate::support::packages::program("python3", "python3");
    let ask_python = |package: &str| {
        let mut command =
            crate::support::run::tool(std::path::Path::new("/"), &["ready", "--migrations", package]);
        command.env("DATABASE_URL", &url).env("PYTHONPATH", site.path().join("packages"));
        crate::support::run::Ended::from(command.output().unwrap())
    };
    assert_eq!(ask_python("python:extras").expect(0).stdout, wanted(State::Equal).0 + "\n");
    ask_python("python:not_there")
        .expect(1)
        .says(&["no Python package not_there", "python3 does not have the package"]);
    ask_python("python:a;b").expect(1).says(&["is not the name of a Python package"]);
}

#[tokio::test]
async fn migrations_that_are_missing_or_damaged_tell_nothing_about_a_database() {
    let site = Site::new();
    let url = server().database().await.url("app", "");
    site.ask(&["ready", "--migrations", "none"], &url).expect(1).says(&["no such directory or wheel"]);
    std::fs::create_dir(site.migrations().join("20260105000000_torn")).unwrap();
    for command in ["ready", "status"] {
        site.ask(&[command], &url).expect(1).says(&["20260105000000_torn", "no migration.sql"]);
    }
}
