//! Every sentence about `prisma migrate deploy` in a finding, tried with its real CLIs on a database that runs the
//! previous release.

use camino::Utf8PathBuf;
use run_migration::{
    config::ReplayAs,
    history::{
        History, Migration, checksum,
        compare::{Change, compare},
        replay::{Target, replay},
    },
    postgres::Role,
    release::words::{DESTRUCTIVE, FAILS, Sides, UNNOTICED},
};

use crate::support::{
    prisma::{Site, cli, install, write},
    run::{Ended, hermetic},
    server::{connect, database, server},
};

const SCHEMA: &str = "datasource db {\n  provider = \"postgresql\"\n  url = env(\"DATABASE_URL\")\n}\n";

type Files<'a> = &'a [(&'a str, &'a str)];

const ONE: (&str, &str) = ("20260101000000_one", "CREATE TABLE one (id int);\n");
const TWO: (&str, &str) = ("20260102000000_two", "CREATE TABLE two (id int);\n");
const FOUR: (&str, &str) = ("20260104000000_four", "CREATE TABLE four (id int);\n");
/// A name whose directory has no file.
const NO_FILE: &str = "no file";

/// A database that runs a release, and the CLI that deploys another one to it.
struct Deployment {
    version: &'static str,
    site: Site,
    engine: Utf8PathBuf,
    database: String,
}

impl Deployment {
    /// A database with the migrations of `from`, and a directory with those of `to`.
    async fn new(version: &'static str, from: Files<'_>, to: Files<'_>) -> Self {
        let site = Site::new(SCHEMA);
        install(version, &site.root());
        let engine = site.locate().await.unwrap().tools()[1].path.clone().into();
        if version.starts_with('7') {
            site.write("schema.prisma", &SCHEMA.replace("  url = env(\"DATABASE_URL\")\n", ""));
            let config = "export default { schema: 'schema.prisma', migrations: { path: 'migrations' }, \
                          datasource: { url: process.env.DATABASE_URL } }";
            site.write("prisma.config.mjs", config);
        }
        site.write("migrations/migration_lock.toml", "provider = \"postgresql\"\n");
        for (name, sql) in to {
            let directory = site.root().join("migrations").join(name);
            std::fs::create_dir_all(&directory).unwrap();
            if *sql != NO_FILE {
                write(&directory.join("migration.sql"), sql);
            }
        }
        let deployment = Self { version, site, engine, database: database("").await };
        deployment.apply(from).await;
        deployment
    }

    /// Applies a history as Prisma records it.
    async fn apply(&self, files: Files<'_>) {
        let migration = |(name, sql): &(&str, &str)| Migration {
            name: (*name).into(),
            path: "migration.sql".into(),
            sql: (*sql).into(),
            checksum: checksum(sql.as_bytes()),
        };
        let history = History { directory: "m".into(), migrations: files.iter().map(migration).collect() };
        let target = Target {
            server: server(),
            database: &self.database,
            replay_as: ReplayAs::Owner,
            now: jiff::Timestamp::UNIX_EPOCH,
            limit: crate::support::run::PATIENCE,
        };
        replay(&history, target, |_| {}).await.unwrap();
    }

    /// Runs `prisma migrate COMMAND`: the exit code and all that it says.
    fn migrate(&self, command: &str) -> (i32, String) {
        let mut prisma = hermetic("node", self.site.root().as_std_path());
        prisma
            .arg(cli(self.version).join("build/index.js"))
            .args(["migrate", command])
            .env("DATABASE_URL", server().prisma_url(&self.database, Role::Owner))
            .env("PRISMA_SCHEMA_ENGINE_BINARY", &self.engine)
            .env("PRISMA_QUERY_ENGINE_LIBRARY", "/dev/null")
            .env("CHECKPOINT_DISABLE", "1");
        let Ended { code, stdout, stderr } = prisma.output().unwrap().into();
        (code, format!("{stdout}{stderr}"))
    }

    #[track_caller]
    fn expect(&self, command: &str, code: i32, text: &str) {
        let (ended, said) = self.migrate(command);
        assert_eq!(ended, code, "{} {command}: {said}", self.version);
        assert!(said.contains(text), "{} {command}: {text:?} is missing in {said}", self.version);
    }

    #[track_caller]
    fn is_up_to_date(&self) {
        self.expect("status", 0, "Database schema is up to date!");
    }

    /// The tables that there are, and the migrations in the order in which they were begun.
    async fn state(&self) -> (Vec<String>, Vec<String>) {
        let client = connect(&self.database).await;
        let list = async |sql: &str| -> Vec<String> {
            client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
        };
        let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' \
                      AND tablename <> '_prisma_migrations' ORDER BY 1";
        let applied = "SELECT migration_name::text FROM _prisma_migrations WHERE finished_at IS NOT NULL ORDER BY started_at";
        (list(tables).await, list(applied).await)
    }

    async fn tables(&self) -> String {
        self.state().await.0.join(" ")
    }
}

/// The words of the only change from one release to another that is not an addition at the end.
#[track_caller]
fn said(from: Files<'_>, to: Files<'_>, wanted: impl Fn(&Change) -> bool) -> String {
    let shipped = |files: Files<'_>| {
        files.iter().map(|(name, sql)| ((*name).to_owned(), sql.as_bytes().to_vec())).collect()
    };
    let (from, to): (std::collections::BTreeMap<_, _>, std::collections::BTreeMap<_, _>) =
        (shipped(from), shipped(to));
    let applies = to.keys().any(|name| !from.contains_key(name));
    let change = compare(&from, &from, &to).into_iter().find(wanted).unwrap();
    let words = Sides { from: "1.0", to: "2.0", applies }.change(&change, "here");
    format!("{}\n{}", words.why, words.safer)
}

#[track_caller]
fn claims(text: &str, claims: &[&str]) {
    for claim in claims {
        assert!(text.contains(claim), "{claim:?} is not said: {text}");
    }
}

async fn deleted(version: &'static str) {
    let (from, to) = ([ONE, TWO], [ONE]);
    let text = said(&from, &to, |change| matches!(change, Change::Deleted { .. }));
    claims(
        &text,
        &["finds nothing to apply and undoes nothing", "calls the database up to date: nobody notices"],
    );
    let deployment = Deployment::new(version, &from, &to).await;
    deployment.is_up_to_date();
    deployment.expect("deploy", 0, "No pending migrations to apply.");
    assert_eq!(deployment.tables().await, "one two");
}

async fn deleted_with_something_new(version: &'static str) {
    let (from, to) = ([ONE, TWO], [ONE, FOUR]);
    let text = said(&from, &to, |change| matches!(change, Change::Deleted { .. }));
    claims(
        &text,
        &[
            "says that history and database are different (exit 1)",
            "that succeeds, undoes nothing, and afterwards `prisma migrate status` calls the database up to date",
        ],
    );
    let deployment = Deployment::new(version, &from, &to).await;
    deployment.expect("status", 1, "the migrations table from your database are different");
    deployment.expect("deploy", 0, "All migrations have been successfully applied.");
    deployment.is_up_to_date();
    assert_eq!(deployment.tables().await, "four one two");
}

async fn deleted_and_mended(version: &'static str) {
    let from = [ONE, TWO];
    let text = said(&from, &[ONE], |change| matches!(change, Change::Deleted { .. }));
    claims(
        &text,
        &["a file of comments alone in its place, which new ones record and old ones never look at"],
    );
    let to = [ONE, (TWO.0, "-- nothing\n")];
    let old = Deployment::new(version, &from, &to).await;
    old.is_up_to_date();
    old.expect("deploy", 0, "No pending migrations to apply.");
    let new = Deployment::new(version, &[ONE], &to).await;
    new.expect("deploy", 0, "All migrations have been successfully applied.");
    assert_eq!(new.state().await, (vec!["one".into()], vec![ONE.0.into(), TWO.0.into()]));
}

/// What deploy does without a word: edited, line endings, out of order, one stamp, empty, comments alone.
async fn quiet(version: &'static str) {
    let from = [ONE, ("20260102000000_edited", "CREATE TABLE old (id int);\n"), FOUR];
    let to = [
        (ONE.0, "CREATE TABLE one (id int);\r\n"),
        ("20260102000000_edited", "CREATE TABLE new (id int);\n"),
        ("20260103000000_between", "CREATE TABLE between_them (id int);\n"),
        FOUR,
        ("20260104000000_zwei", "CREATE TABLE zwei (id int);\n"),
        ("20260105000000_empty", ""),
        ("20260106000000_comment", "-- nothing\n"),
    ];
    let text = said(&from, &to, |change| matches!(change, Change::Edited { .. }));
    claims(&text, &["never runs it again and does not mention it", "calls the database up to date"]);
    let text = said(&from, &to, |change| matches!(change, Change::LineEndings { .. }));
    claims(&text, &["take both as equal"]);
    let text = said(&from, &to, |change| matches!(change, Change::OutOfOrder { .. }));
    claims(&text, &["applies it after that one on a database on 1.0, and before it on a new one of 2.0"]);
    let text = said(&from, &to, |change| matches!(change, Change::SharedStamp { .. }));
    claims(&text, &["orders them by the rest of their names"]);
    claims(
        &Sides { from: "1.0", to: "2.0", applies: true }.empty(),
        &["records it as applied", "never runs there"],
    );
    claims(UNNOTICED, &["does not notice", "calls the database up to date"]);

    let deployment = Deployment::new(version, &from, &to).await;
    let (code, said) = deployment.migrate("status");
    assert_eq!(code, 1, "{said}");
    assert!(!said.contains("20260102000000_edited") && !said.contains(ONE.0), "{said}");
    deployment.expect("deploy", 0, "All migrations have been successfully applied.");
    deployment.is_up_to_date();
    let (tables, applied) = deployment.state().await;
    assert_eq!(tables.join(" "), "between_them four old one zwei", "the old text counts");
    let afterwards =
        ["20260103000000_between", "20260104000000_zwei", "20260105000000_empty", "20260106000000_comment"];
    assert_eq!(applied[from.len()..], afterwards);
    // What is written later into a file that was empty never runs.
    write(
        &deployment.site.root().join("migrations/20260105000000_empty/migration.sql"),
        "CREATE TABLE late (id int);",
    );
    deployment.expect("deploy", 0, "No pending migrations to apply.");

    let new = Deployment::new(version, &[], &to).await;
    new.expect("deploy", 0, "All migrations have been successfully applied.");
    let (tables, applied) = new.state().await;
    assert!(tables.contains(&"new".to_owned()) && !tables.contains(&"old".to_owned()), "{tables:?}");
    assert_eq!(applied, to.map(|(name, _)| name.to_owned()));
}

async fn renamed(version: &'static str) {
    let (from, to) = ([ONE, TWO], [ONE, ("20260103000000_two", TWO.1), FOUR]);
    let text = said(&from, &to, |change| matches!(change, Change::Renamed { .. }));
    claims(
        &text,
        &[
            "runs the same text a second time",
            "makes that fail (P3018), nothing more is applied before somebody has resolved it (P3009)",
        ],
    );
    claims(FAILS, &["stops there (P3018)", "applies nothing more before somebody has resolved it (P3009)"]);
    let deployment = Deployment::new(version, &from, &to).await;
    deployment.expect("deploy", 1, "P3018");
    deployment.expect("deploy", 1, "P3009");
    assert_eq!(deployment.tables().await, "one two");
}

async fn renamed_and_mended(version: &'static str) {
    let from = [ONE, TWO];
    let text =
        said(&from, &[ONE, ("20260103000000_two", TWO.1)], |change| matches!(change, Change::Renamed { .. }));
    claims(&text, &["the text under the old name, and under the new one a file of comments alone"]);
    let to = [ONE, TWO, ("20260103000000_two", "-- see 20260102000000_two\n")];
    let deployment = Deployment::new(version, &from, &to).await;
    deployment.expect("deploy", 0, "All migrations have been successfully applied.");
    deployment.is_up_to_date();
}

async fn without_a_file(version: &'static str) {
    let sides = Sides { from: "1.0", to: "2.0", applies: true };
    claims(&sides.missing_sql(false), &["fails there (P3015) and applies nothing after it"]);
    let new = Deployment::new(version, &[ONE], &[ONE, TWO, ("20260103000000_lost", NO_FILE), FOUR]).await;
    new.expect("deploy", 1, "P3015");
    assert_eq!(new.tables().await, "one two");

    claims(
        &sides.missing_sql(true),
        &[
            "passes over it, and `prisma migrate status` fails (P3015)",
            "on a new one of 2.0 `prisma migrate deploy` fails, too",
        ],
    );
    let to = [ONE, (TWO.0, NO_FILE), FOUR];
    let old = Deployment::new(version, &[ONE, TWO], &to).await;
    old.expect("status", 1, "P3015");
    old.expect("deploy", 0, "All migrations have been successfully applied.");
    assert_eq!(old.tables().await, "four one two");
    Deployment::new(version, &[], &to).await.expect("deploy", 1, "P3015");
}

async fn lock_file(version: &'static str) {
    claims(&Sides { from: "1.0", to: "2.0", applies: true }.no_lock(), &["does not miss it"]);
    let deployment = Deployment::new(version, &[ONE], &[ONE, TWO]).await;
    let lock = deployment.site.root().join("migrations/migration_lock.toml");
    write(&lock, "provider = \"mysql\"\n");
    deployment.expect("deploy", 1, "P3019");
    std::fs::remove_file(lock).unwrap();
    deployment.expect("deploy", 0, "All migrations have been successfully applied.");
}

async fn destructive(version: &'static str) {
    claims(DESTRUCTIVE, &["runs it without a question"]);
    let deployment =
        Deployment::new(version, &[ONE], &[ONE, ("20260105000000_drop", "DROP TABLE one;\n")]).await;
    connect(&deployment.database).await.batch_execute("INSERT INTO one VALUES (1)").await.unwrap();
    deployment.expect("deploy", 0, "All migrations have been successfully applied.");
    assert_eq!(deployment.tables().await, "");
}

#[tokio::test]
async fn prisma_5_does_what_is_said_of_migrations_that_are_gone() {
    deleted("5.4.2").await;
    deleted_with_something_new("5.4.2").await;
    deleted_and_mended("5.4.2").await;
    renamed("5.4.2").await;
    renamed_and_mended("5.4.2").await;
}

#[tokio::test]
async fn prisma_5_does_what_is_said_of_other_changes() {
    quiet("5.4.2").await;
    without_a_file("5.4.2").await;
    lock_file("5.4.2").await;
    destructive("5.4.2").await;
}

#[tokio::test]
async fn prisma_6_does_what_is_said_where_releases_went_wrong() {
    deleted("6.19.0").await;
    deleted_with_something_new("6.19.0").await;
    quiet("6.19.0").await;
    renamed("6.19.0").await;
}

#[tokio::test]
async fn prisma_7_does_what_is_said_of_migrations_that_are_gone() {
    deleted("7.10.1").await;
    deleted_with_something_new("7.10.1").await;
    deleted_and_mended("7.10.1").await;
    renamed("7.10.1").await;
    renamed_and_mended("7.10.1").await;
}

#[tokio::test]
async fn prisma_7_does_what_is_said_of_other_changes() {
    quiet("7.10.1").await;
    without_a_file("7.10.1").await;
    lock_file("7.10.1").await;
    destructive("7.10.1").await;
}
