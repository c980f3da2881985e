//! Histories that need more than a bare PostgreSQL: extensions, roles, and a server of the user's.

use std::{os::unix::fs::symlink, path::Path, process::Stdio};

use camino::{Utf8Path, Utf8PathBuf};
use run_migration::{
    cli::GlobalArgs,
    postgres::{Role, Server},
};
use tokio_postgres::Client;

use crate::support::{
    postgres::{Bench, eventually, open_directory, with_server},
    project::Project,
    run::{hermetic, run, tool},
    server::unique,
};

const DATASOURCE: &str =
    "datasource db {\n  provider = \"postgresql\"\n  url      = env(\"DATABASE_URL\")\n}\n\n";
const NOTE: &str = "model Note {\n  id   String @id @default(dbgenerated(\"uuid_generate_v4()\")) @db.Uuid\n  text String\n}\n";

/// A project whose history is `sql` and whose schema is `models`.
fn project(models: &str, sql: &str) -> Project {
    Project::prisma(&format!("{DATASOURCE}{models}"), &[("20260101000000_init", sql)])
}

#[test]
fn extensions_that_postgresql_ships_are_there() {
    let sql = "CREATE EXTENSION IF NOT EXISTS \"uuid-ossp\";\nCREATE EXTENSION pg_trgm;\n\
               CREATE TABLE \"Note\" (\"id\" UUID NOT NULL DEFAULT uuid_generate_v4(), \"text\" TEXT NOT NULL, \
               CONSTRAINT \"Note_pkey\" PRIMARY KEY (\"id\"));\n";
    let project = project(
        &NOTE.replace(
            "  text String\n",
            "  text String\n\n  @@index([text(ops: raw(\"gin_trgm_ops\"))], type: Gin)\n",
        ),
        sql,
    );
    let ended = run(&project.path(), &["--dry-run"]).expect(0);
    assert!(ended.stdout.contains("USING GIN (\"text\" gin_trgm_ops)"), "{}", ended.stdout);
}

/// A history that needs an extension which no PostgreSQL here has, as far as the tool can know.
const VECTOR: &str = "-- The embeddings\nCREATE EXTENSION IF NOT EXISTS vector;\n\n\
                      CREATE TABLE \"Item\" (\"id\" INTEGER NOT NULL, \"embedding\" vector(3), CONSTRAINT \"Item_pkey\" PRIMARY KEY (\"id\"));\n";
const ITEM: &str =
    "model Item {\n  id        Int @id\n  embedding Unsupported(\"vector(3)\")?\n  more      String?\n}\n";

#[test]
fn an_extension_that_no_server_has_is_named_before_anything_is_done() {
    let project = project(ITEM, VECTOR);
    let before = project.state();
    let says = [
        "the extension vector (",
        "prisma/migrations/20260101000000_init/migration.sql:2)",
        "it lacks the extension vector",
        "--server-url",
        "--postgres-bin",
        "pgvector",
    ];
    let ended = run(&project.path(), &["x"]).expect(1).says(&says);
    assert!(!ended.stderr.contains("migrations applied"), "{}", ended.stderr);
    assert_eq!(project.state(), before);
    let json = run(&project.path(), &["x", "--format", "json"]).expect(1).json();
    assert!(json["hint"].as_str().unwrap().contains("--server-url"));
}

/// A disposable server of the user's, with a stand-in for pgvector: the real one is in no package that this machine
/// can have, and that the extension is there is what the tool goes by.
struct Theirs {
    server: Server,
    runtime: tokio::runtime::Runtime,
    /// Declared last: the server goes first.
    _kept: (Bench, tempfile::TempDir),
}

impl Theirs {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let tree = open_directory();
        let (bench, server) = runtime.block_on(async {
            let original = Bench::new().installation().await.bin;
            let bin = with_vector(&original, Utf8Path::from_path(tree.path()).unwrap());
            let bench = Bench::with(GlobalArgs { postgres_bin: Some(bin), ..GlobalArgs::default() });
            let server = bench.server().await;
            (bench, server)
        });
        Self { server, runtime, _kept: (bench, tree) }
    }

    /// The URL that the user has, with a password that the server does not ask for.
    fn url(&self) -> String {
        let url = self.server.prisma_url("postgres", Role::Superuser);
        url.replacen("://postgres@", "://postgres:hunter2@", 1) + "&schema=ignored"
    }

    fn ask<T>(&self, work: impl AsyncFnOnce(Client) -> T) -> T {
        self.runtime.block_on(async {
            let client = self.server.connect("postgres", Role::Superuser).await.unwrap();
            work(client).await
        })
    }

    fn execute(&self, sql: &str) {
        self.ask(async |client| client.batch_execute(sql).await.unwrap());
    }

    fn names(&self, question: &str) -> Vec<String> {
        self.ask(async |client| {
            client.query(question, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
        })
    }

    /// The databases that the tool has made.
    fn databases(&self) -> Vec<String> {
        self.names(
            "SELECT datname::text FROM pg_database WHERE datname LIKE 'run\\_migration\\_%' ORDER BY 1",
        )
    }
}

/// A tree like that around `bin` with one extension more: PostgreSQL finds its files by their place beside it.
fn with_vector(bin: &Utf8Path, tree: &Utf8Path) -> Utf8PathBuf {
    let (root, share) = root_and_share(bin);
    let place = |path: &Utf8Path| tree.join(path.strip_prefix(&root).unwrap());
    let own_bin = place(bin);
    std::fs::create_dir_all(&own_bin).unwrap();
    for program in ["postgres", "initdb"] {
        std::fs::copy(bin.join(program), own_bin.join(program)).unwrap();
    }
    let lib = bin.parent().unwrap().join("lib");
    symlink(&lib, place(&lib)).unwrap();
    let own_share = place(&share);
    mirror(share.as_std_path(), own_share.as_std_path());
    let extension = own_share.join("extension");
    std::fs::remove_file(&extension).unwrap();
    mirror(share.join("extension").as_std_path(), extension.as_std_path());
    std::fs::write(
        extension.join("vector.control"),
        "default_version = '1.0'\nrelocatable = true\ntrusted = true\n",
    )
    .unwrap();
    std::fs::write(
        extension.join("vector--1.0.sql"),
        "CREATE TYPE vector;\n\
         CREATE FUNCTION vector_in(cstring, oid, integer) RETURNS vector LANGUAGE internal IMMUTABLE AS 'varcharin';\n\
         CREATE FUNCTION vector_out(vector) RETURNS cstring LANGUAGE internal IMMUTABLE AS 'varcharout';\n\
         CREATE FUNCTION vector_typmod_in(cstring[]) RETURNS integer LANGUAGE internal IMMUTABLE AS 'varchartypmodin';\n\
         CREATE FUNCTION vector_typmod_out(integer) RETURNS cstring LANGUAGE internal IMMUTABLE AS 'varchartypmodout';\n\
         CREATE TYPE vector (INPUT = vector_in, OUTPUT = vector_out, TYPMOD_IN = vector_typmod_in, TYPMOD_OUT = vector_typmod_out);\n",
    )
    .unwrap();
    own_bin
}

/// The directory that holds both the programs and the shared files of a PostgreSQL, and the latter.
fn root_and_share(bin: &Utf8Path) -> (Utf8PathBuf, Utf8PathBuf) {
    // Debian's are in two trees below /usr, everybody else's beside each other.
    let version = bin.parent().unwrap().file_name().unwrap();
    let debian = Utf8PathBuf::from(format!("/usr/share/postgresql/{version}"));
    if bin.starts_with("/usr/lib/postgresql") && debian.is_dir() {
        return ("/usr".into(), debian);
    }
    let root = bin.parent().unwrap().to_owned();
    let share = ["share/postgresql", "share"].map(|share| root.join(share));
    let share = share.into_iter().find(|share| share.join("extension").is_dir()).unwrap();
    (root, share)
}

/// A directory with a link to each entry of `from`.
fn mirror(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in from.read_dir().unwrap() {
        let entry = entry.unwrap();
        symlink(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn a_server_of_the_users_that_has_the_extension_serves_and_is_left_as_it_was() {
    let theirs = Theirs::start();
    theirs.execute("CREATE DATABASE run_migration_of_mine");
    theirs.execute("CREATE DATABASE run_migration_0123456789abcdef_history");
    let catalog =
        "SELECT rolname::text FROM pg_roles UNION ALL SELECT datname::text FROM pg_database ORDER BY 1";
    let before = theirs.names(catalog);
    let project = project(ITEM, VECTOR);
    let url = theirs.url();
    let ended =
        run(&project.path(), &["x", "--dry-run", "--server-url", &url]).expect(0).says(&["--server-url"]);
    assert!(ended.stdout.contains("ADD COLUMN     \"more\" TEXT;"), "{}", ended.stdout);
    assert!(!format!("{}{}", ended.stdout, ended.stderr).contains("hunter2"), "{}", ended.stderr);
    // What an earlier run left is gone, what only looks like it is not.
    let wanted: Vec<_> =
        before.iter().filter(|name| *name != "run_migration_0123456789abcdef_history").cloned().collect();
    assert_eq!(theirs.names(catalog), wanted);
    // In the environment, and for the other commands.
    let mut check = tool(&project.path(), &["snapshot"]);
    check.env("RUN_MIGRATION_SERVER_URL", &url);
    crate::support::run::Ended::from(check.output().unwrap()).expect(0);
    assert_eq!(theirs.names(catalog), wanted);
    a_killed_run_is_swept(&theirs, &project);
    what_does_not_do_is_refused(&theirs, &project);
}

/// SIGINT leaves nothing; what SIGKILL leaves, the next run drops, and not what a live one works in.
fn a_killed_run_is_swept(theirs: &Theirs, project: &Project) {
    let slow = format!("{VECTOR}SELECT pg_sleep(600);\n");
    project.write("prisma/migrations/20260101000000_init/migration.sql", &slow);
    let start = || {
        let mut command = tool(&project.path(), &["x", "--dry-run", "--skip-freshness-check"]);
        command.env("RUN_MIGRATION_SERVER_URL", theirs.url()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    };
    let mine = || theirs.databases().into_iter().filter(|name| name.ends_with("_history")).count();
    let sessions = || {
        let question = "SELECT DISTINCT application_name FROM pg_stat_activity WHERE application_name LIKE 'run\\_migration\\_%'";
        theirs.names(question).len()
    };
    let mut killed = start();
    eventually("its database", || mine() == 1);
    let left = theirs.databases();
    killed.kill().unwrap();
    killed.wait().unwrap();
    eventually("the server to see it", || sessions() == 0);
    let mut live = start();
    // One look at the list: between two, the old one may go before the new one is made.
    eventually("the first one's to be swept", || {
        let now = theirs.databases();
        now != left && now.iter().any(|name| name.ends_with("_history"))
    });
    let kept = theirs.databases();
    let other = project_without_needs();
    run(&other.path(), &["--dry-run", "--server-url", &theirs.url()]).expect(0);
    assert_eq!(theirs.databases(), kept, "a live run's database was dropped");
    interrupt(&live);
    assert_eq!(live.wait().unwrap().code(), Some(130));
    eventually("all of them to go", || mine() == 0);
    project.write("prisma/migrations/20260101000000_init/migration.sql", VECTOR);
}

fn project_without_needs() -> Project {
    project(
        "model A {\n  id Int @id\n  b  Int?\n}\n",
        "CREATE TABLE \"A\" (\"id\" INTEGER NOT NULL, CONSTRAINT \"A_pkey\" PRIMARY KEY (\"id\"));\n",
    )
}

fn interrupt(child: &std::process::Child) {
    let status = hermetic("kill", Path::new("/")).args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

fn what_does_not_do_is_refused(theirs: &Theirs, project: &Project) {
    theirs.execute("CREATE ROLE plain LOGIN");
    let plain = theirs.url().replacen("postgres:hunter2@", "plain:hunter2@", 1);
    run(&project.path(), &["x", "--server-url", &plain])
        .expect(1)
        .says(&["plain may not create a database", "hint"]);
    project.write("run-migration.toml", "postgres = \"99\"\n");
    run(&project.path(), &["x", "--server-url", &theirs.url()]).expect(1).says(&["the project requires 99"]);
    project.write("run-migration.toml", "");
    run(&project.path(), &["x", "--server-url", "mysql://u:hunter2@h/db"])
        .expect(1)
        .says(&["--server-url", "postgresql://"]);
    let grants = "CREATE TABLE \"A\" (\"id\" INTEGER NOT NULL, CONSTRAINT \"A_pkey\" PRIMARY KEY (\"id\"));\nGRANT SELECT ON \"A\" TO absent;\n";
    let other = self::project("model A {\n  id Int @id\n}\n", grants);
    run(&other.path(), &["x", "--server-url", &theirs.url()]).expect(1).says(&[
        "the role absent (",
        "prisma/migrations/20260101000000_init/migration.sql:2)",
        "CREATE ROLE",
    ]);
    assert!(!theirs.names("SELECT rolname::text FROM pg_roles").contains(&"absent".to_owned()));
    let lacking = self::project("model A {\n  id Int @id\n}\n", "CREATE EXTENSION no_such_extension;\n");
    run(&lacking.path(), &["x", "--server-url", &theirs.url()])
        .expect(1)
        .says(&["the extension no_such_extension"]);
    assert_eq!(theirs.databases(), ["run_migration_of_mine"]);
}

const ROLES: &str = r#"CREATE TABLE "A" ("id" INTEGER NOT NULL, CONSTRAINT "A_pkey" PRIMARY KEY ("id"));
GRANT SELECT ON "A" TO reader, PUBLIC;
GRANT reader TO "App User";
ALTER DEFAULT PRIVILEGES FOR ROLE maker IN SCHEMA public GRANT SELECT ON TABLES TO reader;
ALTER TABLE "A" ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON "A" TO authenticated USING (true);
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
ALTER FUNCTION f() OWNER TO maker;
ALTER TABLE "A" OWNER TO maker;
ALTER TABLE "A" ADD COLUMN "more" INTEGER;
DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'late') THEN CREATE ROLE late; END IF; END $$;
REVOKE ALL ON "A" FROM late;
"#;

#[test]
fn roles_that_the_history_names_are_made_and_listed() {
    let project = project("model A {\n  id   Int  @id\n  more Int?\n  next Int?\n}\n", ROLES);
    let report = run(&project.path(), &["--dry-run", "--format", "json"]).expect(0).json();
    let notes = report["notes"].to_string();
    for role in ["reader", "App User", "maker", "authenticated", "late"] {
        assert!(notes.contains(role), "{notes}");
    }
    assert!(
        report["migration"]["sql"].as_str().unwrap().contains("ADD COLUMN     \"next\" INTEGER;"),
        "{report}"
    );
}

#[test]
fn roles_that_are_made_are_no_more_than_names() {
    with_server(async |server| {
        let role = unique("harmless_");
        let wish = run_migration::postgres::Wish { name: role.clone(), path: "m.sql".into(), line: 1 };
        let wishes = [wish.clone(), run_migration::postgres::Wish { name: "postgres".into(), ..wish }];
        assert_eq!(server.create_roles(&wishes).await.unwrap(), std::slice::from_ref(&role));
        assert_eq!(server.create_roles(&wishes).await.unwrap(), [""; 0]);
        let client = server.connect("postgres", Role::Superuser).await.unwrap();
        let question =
            "SELECT rolcanlogin OR rolsuper OR rolcreatedb OR rolcreaterole FROM pg_roles WHERE rolname = $1";
        assert!(!client.query_one(question, &[&role]).await.unwrap().get::<_, bool>(0));
    });
}
