//! What the real Prisma CLIs say about the same databases.

use camino::Utf8PathBuf;

use super::fixture::{self, STATES, State, in_state};
use crate::support::{
    prisma::{self, VERSIONS, cli, install},
    run::{Ended, hermetic},
};

/// The history with a real CLI of one version beside it.
pub struct Prisma {
    version: &'static str,
    site: prisma::Site,
    engine: Utf8PathBuf,
    /// The history.
    pub history: fixture::Site,
}

impl Prisma {
    /// The CLI of `version` beside the history of [`fixture::MIGRATIONS`].
    pub async fn new(version: &'static str) -> Self {
        let site = prisma::Site::new(fixture::SCHEMA);
        install(version, &site.root());
        let engine = site.locate().await.unwrap().tools()[1].path.clone().into();
        let history = fixture::Site::new();
        std::os::unix::fs::symlink(history.migrations(), site.root().join("migrations")).unwrap();
        if version.starts_with('7') {
            site.write("schema.prisma", &fixture::SCHEMA.replace("  url = env(\"DATABASE_URL\")\n", ""));
            let config = "export default { schema: 'schema.prisma', migrations: { path: 'migrations' }, \
                          datasource: { url: process.env.DATABASE_URL } }";
            site.write("prisma.config.mjs", config);
        }
        Self { version, site, engine, history }
    }

    /// Changes the schema that the CLI sees.
    pub fn set_schema(&self, text: &str) {
        self.site.write("schema.prisma", text);
    }

    /// Runs `prisma migrate COMMAND` on the database in `url`.
    pub fn migrate(&self, command: &str, url: &str) -> Ended {
        let args: Vec<_> = ["migrate"].into_iter().chain(command.split_whitespace()).collect();
        self.run(&args, url)
    }

    /// Runs `prisma` with `args` on the database in `url`.
    pub fn run(&self, args: &[&str], url: &str) -> Ended {
        let mut prisma = hermetic("node", self.site.root().as_std_path());
        prisma
            .arg(cli(self.version).join("build/index.js"))
            .args(args)
            .env("DATABASE_URL", url)
            .env("PRISMA_SCHEMA_ENGINE_BINARY", &self.engine)
            .env("PRISMA_QUERY_ENGINE_LIBRARY", "/dev/null")
            .env("CHECKPOINT_DISABLE", "1");
        prisma.output().unwrap().into()
    }
}

/// Prisma's exit code and words for a state, where ours are those of `status`.
fn word(version: &str, state: State) -> (i32, &'static str) {
    const UP_TO_DATE: (i32, &str) = (0, "Database schema is up to date!");
    const PENDING: (i32, &str) = (1, "not yet been applied");
    match state {
        State::Equal | State::Ahead | State::Edited => UP_TO_DATE,
        // Until Prisma 7 a row that was rolled back hid that the migration is pending again.
        State::RolledBack if version < "7" => UP_TO_DATE,
        State::Behind | State::RolledBack | State::NotManaged | State::Empty => PENDING,
        State::Diverged => (1, "migration history and the migrations table from your database are different"),
        State::Failed => (1, "Following migration have failed"),
    }
}

async fn says_its_word(version: &'static str, schema: &str) {
    let prisma = Prisma::new(version).await;
    for state in &STATES {
        let database = in_state(*state, schema).await;
        let url = database.url("app", &format!("schema={schema}"));
        let (code, text) = word(version, *state);
        let said = prisma.migrate("status", &url).expect(code);
        assert!(format!("{}{}", said.stdout, said.stderr).contains(text), "{state:?}: {said:?}");
        let ours = prisma.history.ask(&["status"], &url);
        assert_eq!(ours.code, if *state == State::Equal { 0 } else { 4 }, "{state:?}");
    }
}

#[tokio::test]
async fn prisma_7_says_its_word_beside_ours() {
    says_its_word("7.10.1", "public").await;
}

#[tokio::test]
async fn prisma_5_says_its_word_beside_ours_in_another_schema() {
    says_its_word("5.4.2", "other").await;
}

#[tokio::test]
async fn prisma_6_says_its_word_beside_ours_in_another_schema() {
    says_its_word("6.19.0", "other").await;
}

#[tokio::test]
async fn where_nobody_lets_us_in_prisma_says_so_too() {
    let database = in_state(State::Equal, "public").await;
    let good = database.url("app", "");
    for version in VERSIONS {
        let prisma = Prisma::new(version).await;
        for (url, theirs, ours) in [
            (good.replace("hunter2", "hunter3"), "P1000", "password authentication failed"),
            (database.url_at("127.0.0.1", 1, "app", ""), "P1001", "cannot be reached"),
            (
                database.url("reader", ""),
                "permission denied for table",
                "SELECT on its table _prisma_migrations",
            ),
            // Prisma blames the password.
            (database.url("encrypted", "sslmode=disable"), "P1000", "add sslmode=require"),
        ] {
            prisma.migrate("status", &url).expect(1).says(&[theirs]);
            prisma.history.ask(&["status"], &url).expect(1).says(&[ours]);
        }
    }
}

#[tokio::test]
async fn what_prisma_deployed_is_up_to_date_for_us() {
    for (version, schema) in [("5.4.2", "public"), ("7.10.1", "other")] {
        let prisma = Prisma::new(version).await;
        for (state, theirs) in [(State::Empty, 0), (State::RolledBack, 0), (State::NotManaged, 1)] {
            let database = in_state(state, schema).await;
            let url = database.url("app", &format!("schema={schema}"));
            let said = prisma.migrate("deploy", &url).expect(theirs);
            match state {
                State::NotManaged => drop(said.says(&["P3005"])),
                _ => {
                    let ours = prisma.history.ask(&["status"], &url).expect(0);
                    assert!(ours.stdout.starts_with("up to date: 3 migrations applied"), "{}", ours.stdout);
                    prisma.history.ask(&["ready", "--strict"], &url).expect(0);
                }
            }
        }
    }
}
