//! Histories that need more than a bare PostgreSQL: extensions, roles, and a server of the user's.

use std::{path::Path, process::Stdio};

use run_migration::postgres::Role;

use crate::support::{
    cache::Cache,
    postgres::{eventually, with_server},
    prisma::{VERSIONS, install, program},
    project::Project,
    run::{Ended, hermetic, run, tool},
    server::unique,
    theirs::Theirs,
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
    let ops = "  text String\n\n  @@index([text(ops: raw(\"gin_trgm_ops\"))], type: Gin)\n";
    let project = project(&NOTE.replace("  text String\n", ops), sql);
    for version in VERSIONS {
        with_prisma(&project, version);
        let ended = run(&project.path(), &["--dry-run"]).expect(0);
        let index = "CREATE INDEX \"Note_text_idx\" ON \"Note\" USING GIN (\"text\" gin_trgm_ops);";
        assert_eq!(ended.stdout.trim(), format!("-- CreateIndex\n{index}"), "{version}");
    }
}

/// Makes `version` the Prisma of the project.
fn with_prisma(project: &Project, version: &str) {
    let _ = std::fs::remove_dir_all(project.path().join("node_modules"));
    install(version, camino::Utf8Path::from_path(&project.path()).unwrap());
}

/// A history that needs an extension which no PostgreSQL here has, as far as the tool can know.
const VECTOR: &str = "-- The embeddings\nCREATE EXTENSION IF NOT EXISTS vector;\n\n\
                      CREATE TABLE \"Item\" (\"id\" INTEGER NOT NULL, \"embedding\" vector(3), CONSTRAINT \"Item_pkey\" PRIMARY KEY (\"id\"));\n\
                      CREATE INDEX \"Item_embedding_idx\" ON \"Item\" USING hnsw (\"embedding\" vector_l2_ops);\n";
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

/// The new migration is run, too: what it installs has to be there.
#[test]
fn an_extension_that_only_the_schema_asks_for_is_looked_for_too() {
    let generator = "generator client {\n  provider = \"prisma-client-js\"\n  previewFeatures = [\"postgresqlExtensions\"]\n}\n";
    let asking = |extensions: &str| {
        let datasource = DATASOURCE.replace("\n}\n", &format!("\n  extensions = [{extensions}]\n}}\n"));
        let sql =
            "CREATE TABLE \"A\" (\"id\" INTEGER NOT NULL, CONSTRAINT \"A_pkey\" PRIMARY KEY (\"id\"));\n";
        Project::prisma(
            &format!("{generator}{datasource}model A {{\n  id Int @id\n}}\n"),
            &[("20260101000000_a", sql)],
        )
    };
    let ended = run(&asking("pg_trgm, uuidOssp(map: \"uuid-ossp\")").path(), &["--dry-run"]).expect(0);
    for name in ["pg_trgm", "uuid-ossp"] {
        assert!(
            ended.stdout.contains(&format!("CREATE EXTENSION IF NOT EXISTS \"{name}\"")),
            "{}",
            ended.stdout
        );
    }
    let theirs = Theirs::start();
    let vector = asking("vector");
    run(&vector.path(), &["x"]).expect(1).says(&[
        "the extension vector (",
        "schema.prisma:8)",
        "--server-url",
    ]);
    let ended = run(&vector.path(), &["--dry-run", "--server-url", &theirs.url()]).expect(0);
    assert!(ended.stdout.contains("\"vector\""), "{}", ended.stderr);
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
    // Prisma has no words for such an index.
    let keep = "keep = [\"index:Item_embedding_idx\"]";
    run(&project.path(), &["x", "--server-url", &url])
        .expect(2)
        .says(&["drop_index  Item_embedding_idx", keep]);
    project.write("run-migration.toml", &format!("[external]\n{keep}\n"));
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
    Ended::from(check.output().unwrap()).expect(0);
    assert_eq!(theirs.names(catalog), wanted);
    a_killed_run_is_swept(&theirs, &project);
    what_does_not_do_is_refused(&theirs, &project);
}

#[test]
fn the_password_is_on_no_command_line() {
    let theirs = Theirs::start();
    let project = project_without_needs();
    let node = hermetic("sh", Path::new("/")).args(["-c", "command -v node"]).output().unwrap();
    let node = String::from_utf8(node.stdout).unwrap();
    let programs = tempfile::tempdir().unwrap();
    let place = camino::Utf8Path::from_path(programs.path()).unwrap();
    let log = place.join("log");
    // Whatever is started as node, the CLI and its engine, is written down first.
    program(&place.join("node"), &format!("printf '%s\\n' \"$*\" >> {log}\nexec {} \"$@\"", node.trim()));
    let path = format!("{place}:{}", std::env::var("PATH").unwrap());
    for version in VERSIONS {
        with_prisma(&project, version);
        let mut command = tool(&project.path(), &["--dry-run", "--verify", "--server-url", &theirs.url()]);
        let ended = Ended::from(command.env("PATH", &path).output().unwrap()).expect(0);
        assert!(ended.stdout.contains("ADD COLUMN     \"b\""), "{version}: {}", ended.stdout);
        let started = std::fs::read_to_string(&log).unwrap();
        std::fs::remove_file(&log).unwrap();
        for wanted in ["migrate diff", "schema-engine-"] {
            assert!(started.contains(wanted), "{version}: {started}");
        }
        assert!(!started.contains("hunter2"), "{version}: {started}");
    }
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
    for version in VERSIONS {
        with_prisma(&project, version);
        let report = run(&project.path(), &["--dry-run", "--format", "json"]).expect(0).json();
        let notes = report["notes"].to_string();
        for role in ["reader", "App User", "maker", "authenticated", "late"] {
            assert!(notes.contains(role), "{version}: {notes}");
        }
        let sql = report["migration"]["sql"].as_str().unwrap();
        assert_eq!(
            sql.trim(),
            "-- AlterTable\nALTER TABLE \"A\" ADD COLUMN     \"next\" INTEGER;",
            "{version}"
        );
    }
}

/// What is run before the history may make the roles itself, and needs extensions as the history does.
#[test]
fn what_is_run_before_the_history_has_needs_too() {
    let sql = "CREATE TABLE \"A\" (\"id\" INTEGER NOT NULL, CONSTRAINT \"A_pkey\" PRIMARY KEY (\"id\"));\nGRANT SELECT ON \"A\" TO reader, maker;\n";
    let project = project("model A {\n  id   Int  @id\n  next Int?\n}\n", sql);
    project.write("run-migration.toml", "[external]\nbefore = \"before.sql\"\n");
    project.write("before.sql", "CREATE ROLE reader;\nCREATE ROLE maker NOLOGIN;\nGRANT absent TO reader;\n");
    let report = run(&project.path(), &["--dry-run", "--format", "json"]).expect(0).json();
    let notes = report["notes"].to_string();
    assert!(notes.contains("absent") && !notes.contains("maker"), "{notes}");
    run(&project.path(), &["--dry-run"]).expect(0);
    project.write("before.sql", "\nCREATE EXTENSION vector;\n");
    run(&project.path(), &["x"]).expect(1).says(&["the extension vector (", "before.sql:2)"]);
}

/// `snapshot` replays the same history on the same ground, and so it finds what `generate` left.
#[test]
fn a_snapshot_is_made_of_what_every_other_command_replays() {
    let project = project(
        "model A {\n  id   Int  @id\n  next Int?\n}\n",
        "CREATE TABLE \"A\" (\"id\" INTEGER NOT NULL, CONSTRAINT \"A_pkey\" PRIMARY KEY (\"id\"));\n\
         CREATE VIEW graded AS SELECT id, 'low'::auth.grade AS grade FROM \"A\";\n\
         GRANT SELECT ON \"A\" TO reader, absent;\n",
    );
    project.write("run-migration.toml", "[external]\nbefore = \"before.sql\"\n");
    project.write(
        "before.sql",
        "CREATE ROLE reader;\nCREATE SCHEMA auth;\nCREATE TYPE auth.grade AS ENUM ('low');\n\
         CREATE TABLE auth.users (id integer);\n",
    );
    let cache = Cache::new();
    cache.run(&project, &["--dry-run", "--skip-freshness-check"]).expect(0);
    let said = cache.run(&project, &["snapshot"]).expect(0).says(&["1 migrations, from the cache"]);
    let written: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(
        written["tables"],
        serde_json::json!({
            "A": {"id": "integer"},
            "auth.users": {"id": "integer"},
            "graded": {"grade": "auth.grade", "id": "integer"},
        })
    );
    assert_eq!(cache.without(&project, &["snapshot"]).expect(0).stdout, said.stdout);
}

/// Nobody runs what the schema asks for but whoever makes a migration of it.
#[test]
fn what_only_the_schema_asks_for_is_not_asked_of_a_replay() {
    let datasource = DATASOURCE.replace("\n}\n", "\n  extensions = [vector]\n}\n");
    let sql = "CREATE TABLE \"A\" (\"id\" INTEGER NOT NULL, CONSTRAINT \"A_pkey\" PRIMARY KEY (\"id\"));\n";
    let project =
        Project::prisma(&format!("{datasource}model A {{\n  id Int @id\n}}\n"), &[("20260101000000_a", sql)]);
    run(&project.path(), &["x"]).expect(1).says(&["the extension vector ("]);
    run(&project.path(), &["snapshot"]).expect(0);
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
