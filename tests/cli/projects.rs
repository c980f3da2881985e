//! Projects of any shape: prisma.config.*, package.json, several in one repository, and how they are found.

use camino::Utf8Path;

use crate::support::{
    prisma,
    project::{Project, git},
    run::{Ended, run, tool},
};

/// A datasource as Prisma 7 wants it.
const SEVEN: &str = "datasource db {\n  provider = \"postgresql\"\n}\n\n";
/// The same for 5 and 6.
const WITH_URL: &str =
    "datasource db {\n  provider = \"postgresql\"\n  url      = env(\"DATABASE_URL\")\n}\n\n";

const LOCK: &str = "provider = \"postgresql\"\n";

fn table(name: &str) -> String {
    format!(
        "CREATE TABLE \"{name}\" (\"id\" INTEGER NOT NULL, CONSTRAINT \"{name}_pkey\" PRIMARY KEY (\"id\"));\n"
    )
}

/// A repository with these files and the real Prisma `version`.
fn repository(version: &str, files: &[(&str, &str)]) -> Project {
    let project = Project::new("main", |path| {
        for (file, text) in files {
            crate::support::project::write(&path.join(file), text);
        }
        std::fs::write(path.join(".gitignore"), "node_modules\n").unwrap();
    });
    prisma::install_all(version, Utf8Path::from_path(&project.path()).unwrap());
    project
}

const EXTERNAL_SCHEMA: &str = "generator client {\n  provider        = \"prisma-client-js\"\n  previewFeatures = [\"multiSchema\"]\n}\n";
const POST: &str = "model Post {\n  id     Int    @id\n  author Int\n  by     users  @relation(fields: [author], references: [id])\n  title  String\n\n  @@schema(\"app\")\n}\n";
const USERS: &str = "model users {\n  id    Int    @id\n  grade grade  @default(low)\n  posts Post[]\n\n  @@schema(\"auth\")\n}\n\n\
    enum grade {\n  low\n  high\n\n  @@schema(\"auth\")\n}\n";
const HISTORY: &str = "CREATE SCHEMA IF NOT EXISTS \"app\";\n\
    CREATE TABLE \"app\".\"Post\" (\"id\" INTEGER NOT NULL, \"author\" INTEGER NOT NULL, CONSTRAINT \"Post_pkey\" PRIMARY KEY (\"id\"));\n\
    ALTER TABLE \"app\".\"Post\" ADD CONSTRAINT \"Post_author_fkey\" FOREIGN KEY (\"author\") REFERENCES \"auth\".\"users\"(\"id\") ON DELETE RESTRICT ON UPDATE CASCADE;\n";

/// A project with a configuration of its own: a schema folder, two schemas of the database, a table of somebody else's.
fn external(version: &str) -> Project {
    let seven = version.starts_with('7');
    let url = if seven { "" } else { "  url      = env(\"DATABASE_URL\")\n" };
    let datasource =
        format!("datasource db {{\n  provider = \"postgresql\"\n{url}  schemas  = [\"app\", \"auth\"]\n}}\n");
    let engine = if seven { "" } else { "  engine: 'classic',\n" };
    let config = format!(
        "import path from 'node:path'\nimport {{ defineConfig, env }} from 'prisma/config'\n\
         type Place = string\nconst place: Place = 'db'\nconsole.log('a configuration may print')\n\
         const {{ ...all }} = process.env\nif (JSON.stringify(all).includes('hunter2')) throw new Error('it saw a secret')\n\
         if (all.STAGE && (all.STAGE !== 'test' || all.PLACE !== 'db/schema')) throw new Error('it did not see ' + JSON.stringify(all))\n\
         export default defineConfig({{\n{engine}  schema: path.join(place, 'schema'),\n  experimental: {{ externalTables: true }},\n\
         tables: {{ external: ['auth.users'] }},\n  enums: {{ external: ['auth.grade'] }},\n\
         migrations: {{\n    path: `${{place}}/history`,\n    initShadowDb: 'CREATE SCHEMA auth; CREATE TYPE auth.grade AS ENUM (\\'low\\', \\'top\\'); CREATE TABLE auth.users (id integer PRIMARY KEY, email text);',\n  }},\n\
         datasource: {{ url: env('SPECIAL_URL') }},\n}})\n"
    );
    repository(
        version,
        &[
            ("db/schema/main.prisma", &format!("{datasource}{EXTERNAL_SCHEMA}")),
            ("db/schema/app/post.prisma", POST),
            ("db/schema/auth.prisma", USERS),
            ("db/history/20260101000000_init/migration.sql", HISTORY),
            ("prisma.config.ts", &config),
        ],
    )
}

#[test]
fn a_configuration_of_prismas_says_where_things_are_and_what_is_left_alone() {
    for version in ["6.19.0", "7.10.1"] {
        let project = external(version);
        let mut command = tool(&project.path(), &["--dry-run", "-v"]);
        command.env("DATABASE_URL", "postgresql://u:hunter2@db.example/x").env("SECRET_TOKEN", "hunter2");
        command.env("STAGE", "test").env("PLACE", "db/schema");
        command.env("PLAIN", "hunter2").env("SPECIAL_URL", "postgresql://u:hunter2@h/d");
        let ended = Ended::from(command.output().unwrap()).expect(0);
        assert_eq!(
            ended.stdout.trim(),
            "-- AlterTable\nALTER TABLE \"app\".\"Post\" ADD COLUMN     \"title\" TEXT NOT NULL;",
            "{version}"
        );
        let ended = run(&project.path(), &["add_title"]).expect(0);
        assert!(ended.stdout.starts_with("db/history/"), "{}", ended.stdout);
        run(&project.path(), &[]).expect(0).says(&["No schema changes"]);
    }
}

#[test]
fn a_configuration_that_cannot_be_trusted_or_read_is_left_aside_or_named() {
    let project = external("7.10.1");
    let toml = "schema = \"db/schema\"\nmigrations = \"db/history\"\n";
    run(&project.path(), &["--untrusted", "--dry-run"]).expect(1).says(&[
        "prisma.config.ts says where",
        "--untrusted",
        "run-migration.toml",
    ]);
    project.write("run-migration.toml", toml);
    // Without it nobody makes the other schema.
    run(&project.path(), &["--untrusted", "--dry-run"])
        .expect(1)
        .says(&["prisma.config.ts was not read: --untrusted", "auth"]);
    run(&project.path(), &["--dry-run"]).expect(0);
    project.write("prisma.config.ts", "export default { schema: 'db/schema', migrations: { path: (() => { throw new Error('no way') })() } }\n");
    run(&project.path(), &["--dry-run"])
        .expect(1)
        .says(&["prisma.config.ts cannot be read: no way", "--untrusted"]);
    std::fs::remove_dir_all(project.path().join("node_modules")).unwrap();
    run(&project.path(), &["--dry-run"])
        .expect(1)
        .says(&["Prisma is not installed in the project", "npm ci"]);
}

#[test]
fn package_json_may_name_the_schema() {
    let user = table("User");
    let project = repository(
        "5.4.2",
        &[
            ("package.json", "{\"prisma\":{\"schema\":\"src/db/my.prisma\"}}"),
            ("src/db/my.prisma", &format!("{WITH_URL}model User {{\n  id Int @id\n  a  Int?\n}}\n")),
            ("src/db/migrations/1_init/migration.sql", &user),
        ],
    );
    let ended = run(&project.path().join("src"), &["--dry-run"]).expect(0);
    assert!(ended.stdout.contains("ADD COLUMN     \"a\" INTEGER"), "{}", ended.stdout);
}

#[test]
fn another_provider_is_refused_by_name_before_anything_is_done() {
    for provider in ["mysql", "sqlite", "cockroachdb", "mongodb", "sqlserver"] {
        let schema = WITH_URL.replace("postgresql", provider);
        let project = Project::prisma(&schema, &[]);
        let ended = run(&project.path(), &["x"])
            .expect(1)
            .says(&[&format!("schema.prisma:2: the provider is \"{provider}\"")]);
        assert!(!ended.stderr.contains("postgres  "), "{}", ended.stderr);
    }
}

/// Two projects: one in each of two packages, one of them with a copy of its schema.
fn two() -> Project {
    let schema = |name: &str| format!("{SEVEN}model {name} {{\n  id   Int @id\n  more Int?\n}}\n");
    let (bill, user) = (table("Bill"), table("User"));
    repository(
        "7.10.1",
        &[
            ("packages/billing/prisma/schema.prisma", &schema("Bill")),
            ("packages/billing/prisma/migrations/20260101000000_init/migration.sql", &bill),
            ("packages/billing/prisma/migrations/migration_lock.toml", LOCK),
            ("services/users/history/migration_lock.toml", LOCK),
            ("packages/billing/copy.prisma", &schema("Bill")),
            ("services/users/schema.prisma", &schema("User")),
            ("services/users/history/20260101000000_init/migration.sql", &user),
            (
                "run-migration.toml",
                "base_branch = \"main\"\n\n[[project]]\nname = \"billing\"\nschema = \"packages/billing/prisma/schema.prisma\"\n\
             copies = [\"packages/billing/copy.prisma\"]\n\n[[project]]\nname = \"users\"\nschema = \"services/users/schema.prisma\"\n\
             migrations = \"services/users/history\"\n",
            ),
        ],
    )
}

#[test]
fn of_several_projects_one_is_generated_for() {
    let project = two();
    let before = project.state();
    let ended = run(&project.path(), &["x"]).expect(64).says(&["billing, users", "--project NAME"]);
    assert_eq!(ended.stdout, "");
    run(&project.path(), &["x", "--project", "nobody"])
        .expect(64)
        .says(&["no project \"nobody\"", "billing, users"]);
    assert_eq!(project.state(), before);
    let billing = run(&project.path(), &["--dry-run", "--project", "billing"]).expect(0);
    assert!(billing.stdout.contains("\"Bill\""), "{}", billing.stdout);
    for (place, table) in [
        ("packages/billing", "Bill"),
        ("packages/billing/prisma/migrations", "Bill"),
        ("services/users", "User"),
    ] {
        let ended = run(&project.path().join(place), &["--dry-run"]).expect(0);
        assert!(ended.stdout.contains(&format!("\"{table}\"")), "{place}: {}", ended.stdout);
    }
    let mut named = tool(&project.path(), &["x"]);
    named.env("RUN_MIGRATION_PROJECT", "users");
    let ended = Ended::from(named.output().unwrap()).expect(0);
    assert!(ended.stdout.starts_with("services/users/history/"), "{}", ended.stdout);
}

#[test]
fn check_and_sync_go_through_all_of_them_to_one_verdict() {
    let project = two();
    let report = run(&project.path(), &["check", "--format", "json"]).expect(4).json();
    let gates: Vec<_> = report["gates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|gate| {
            format!(
                "{} {} {}",
                gate["name"].as_str().unwrap(),
                gate["verdict"].as_str().unwrap(),
                gate["detail"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(gates.iter().filter(|gate| gate.starts_with("freshness")).count(), 1, "{gates:?}");
    for project in ["billing", "users"] {
        let missing = format!("replay refused_out_of_sync {project}:");
        assert!(gates.iter().any(|gate| gate.starts_with(&missing)), "{gates:?}");
    }
    for name in ["billing", "users"] {
        run(&project.path(), &["x", "--project", name]).expect(0);
    }
    project.commit("both");
    run(&project.path(), &["check"]).expect(0).says(&["billing: ", "users: "]);
    project.write("packages/billing/copy.prisma", "something else\n");
    run(&project.path(), &["check", "--project", "users"]).expect(0);
    let report = run(&project.path(), &["check", "--format", "json"]).expect(4).json();
    assert_eq!(report["findings"][0]["object"], "packages/billing/copy.prisma", "{report}");
    git(&project.path(), &["checkout", "--", "packages/billing/copy.prisma"]);
    let schema = format!("{SEVEN}model Bill {{\n  id   Int @id\n  more Int?\n  name String?\n}}\n");
    project.write("packages/billing/prisma/schema.prisma", &schema);
    run(&project.path(), &["sync", "--check"]).expect(4);
    let ended = run(&project.path(), &["sync"]).expect(0);
    assert_eq!(ended.stdout, "packages/billing/copy.prisma\n");
    run(&project.path(), &["sync", "--check"]).expect(0);
}

#[test]
fn what_several_projects_may_say_is_checked() {
    let project = Project::prisma(WITH_URL, &[]);
    for (toml, says) in [
        ("schema = \"x\"\n[[project]]\nname = \"a\"\nschema = \"y\"\n", "schema"),
        (
            "[[project]]\nname = \"a\"\nschema = \"y\"\n[[project]]\nname = \"a\"\nschema = \"z\"\n",
            "no other project",
        ),
        ("[[project]]\nname = \"a\"\n", "missing field `schema`"),
        ("[[project]]\nname = \"a\"\nschema = \"y\"\nbase_branch = \"z\"\n", "base_branch"),
    ] {
        project.write("run-migration.toml", toml);
        run(&project.path(), &["x"]).expect(1).says(&["run-migration.toml", says]);
    }
}

#[test]
fn only_commits_that_matter_make_a_branch_stale_unless_all_do() {
    let user = table("User");
    let project = Project::prisma(
        &format!("{WITH_URL}model User {{\n  id Int @id\n  a  Int?\n}}\n"),
        &[("20260101000000_init", &user)],
    );
    project.others_commit("main", "README.md", "words");
    run(&project.path(), &["--dry-run"])
        .expect(0)
        .says(&["behind origin/main", "touches neither schema nor migrations"]);
    project.write("run-migration.toml", "freshness = \"any\"\n");
    run(&project.path(), &["--dry-run"]).expect(3).says(&["STALE BRANCH"]);
    project.write("run-migration.toml", "freshness = \"schema\"\n[external]\nsetup = \"setup.sql\"\n");
    project.write("setup.sql", "SELECT 1;\n");
    run(&project.path(), &["--dry-run"]).expect(0);
    project.others_commit("main", "setup.sql", "SELECT 2;");
    run(&project.path(), &["--dry-run"]).expect(3).says(&["STALE BRANCH", "SELECT 2;"]);
}

#[test]
fn init_writes_down_what_it_finds() {
    let project = two();
    std::fs::remove_file(project.path().join("run-migration.toml")).unwrap();
    let printed = run(&project.path(), &["init", "--dry-run"]).expect(0).stdout;
    assert!(printed.starts_with('#'), "{printed}");
    assert!(!project.path().join("run-migration.toml").exists());
    let below = project.path().join("services");
    run(&below, &["init"]).expect(0);
    assert_eq!(std::fs::read_to_string(project.path().join("run-migration.toml")).unwrap(), printed);
    run(&project.path(), &["init"]).expect(1).says(&["exists already"]);
    let billing = run(&project.path(), &["--dry-run", "--project", "billing"]).expect(0);
    assert!(billing.stdout.contains("\"Bill\""), "{}", billing.stdout);
    let users = run(&project.path().join("services/users"), &["--dry-run"]).expect(0);
    assert!(users.stdout.contains("\"User\""), "{}", users.stdout);
}

#[test]
fn init_in_a_layout_that_needs_none_writes_the_same_down() {
    for project in [
        Project::fixture(),
        Project::prisma(
            &format!("{WITH_URL}model A {{\n  id Int @id\n}}\n"),
            &[("20260101000000_a", &table("A"))],
        ),
    ] {
        let before = run(&project.path(), &["--dry-run"]).expect(0).stdout;
        run(&project.path(), &["init"]).expect(0);
        assert_eq!(run(&project.path(), &["--dry-run"]).expect(0).stdout, before);
    }
}

#[test]
fn within_a_project_its_copies_and_folders_are_no_projects() {
    let project = Project::fixture();
    let wanted = run(&project.path(), &["--dry-run"]).expect(0).stdout;
    for place in ["litellm/proxy", "litellm-proxy-extras/litellm_proxy_extras"] {
        assert_eq!(run(&project.path().join(place), &["--dry-run"]).expect(0).stdout, wanted, "{place}");
    }
    // The same with a configuration that names them.
    let project = two();
    project.write("packages/billing/schema.prisma", "a copy\n");
    let toml = std::fs::read_to_string(project.path().join("run-migration.toml")).unwrap();
    project.write("run-migration.toml", &toml.replace("billing/copy.prisma", "billing/schema.prisma"));
    run(&project.path().join("packages/billing"), &["--dry-run"])
        .expect(4)
        .says(&["packages/billing/schema.prisma"]);
}

#[test]
fn a_configuration_counts_for_its_own_schema_wherever_one_stands() {
    let project = external("7.10.1");
    let wanted = run(&project.path(), &["--dry-run"]).expect(0).stdout;
    project.write("run-migration.toml", "schema = \"db/schema\"\n");
    // Its migrations, too.
    assert_eq!(run(&project.path().join("db/schema"), &["--dry-run"]).expect(0).stdout, wanted);
    // Another package's, and another schema's of the same one.
    let other = format!("{SEVEN}model Other {{\n  id Int @id\n}}\n");
    project.write("packages/other/package.json", "{}");
    project.write("packages/other/prisma/schema.prisma", &other);
    let toml = "[[project]]\nname = \"main\"\nschema = \"db/schema\"\n\n[[project]]\nname = \"other\"\nschema = \"packages/other/prisma/schema.prisma\"\n\
                \n[[project]]\nname = \"second\"\nschema = \"second/schema.prisma\"\n";
    project.write("run-migration.toml", toml);
    project.write("second/schema.prisma", &other);
    for (place, left_aside) in [("packages/other", false), ("second", true)] {
        let report = run(&project.path().join(place), &["--dry-run", "--format", "json"]).expect(0).json();
        assert!(report["migration"]["sql"].as_str().unwrap().contains("\"Other\""), "{report:#}");
        let notes = report["notes"].to_string();
        assert_eq!(notes.contains("prisma.config.ts was left aside"), left_aside, "{place}: {notes}");
    }
    assert_eq!(run(&project.path(), &["--dry-run", "--project", "main"]).expect(0).stdout, wanted);
}

#[test]
fn beside_a_database_no_configuration_is_evaluated_where_the_migrations_are_named() {
    let project = external("7.10.1");
    std::fs::remove_dir_all(project.path().join("node_modules")).unwrap();
    let status = ["status", "--database-url", "postgresql://u@127.0.0.1:1/d"];
    run(&project.path(), &status).expect(1).says(&["prisma.config.ts cannot be read", "--migrations"]);
    let named = [&status[..], &["--migrations", "db/history"]].concat();
    run(&project.path(), &named).expect(1).says(&["127.0.0.1:1"]);
    project.write("run-migration.toml", "migrations = \"db/history\"\n");
    run(&project.path(), &status).expect(1).says(&["127.0.0.1:1"]);
}

#[test]
fn workflows_are_made_for_all_projects() {
    let project = two();
    let printed = run(&project.path(), &["ci", "github"]).expect(0).stdout;
    for wanted in [
        "\"packages/billing/prisma/schema.prisma\\nservices/users/schema.prisma\"",
        "- \"services/users/schema.prisma\"",
        "COPIES: \"packages/billing/copy.prisma\"",
    ] {
        assert!(printed.contains(wanted), "{wanted} is missing in {printed}");
    }
}

#[test]
fn a_workflow_that_may_write_runs_no_configuration_and_the_other_needs_a_prisma_for_it() {
    let project = external("7.10.1");
    let toml = "schema = \"db/schema\"\ncopies = [\"copy\"]\n";
    project.write("run-migration.toml", toml);
    let ended = run(&project.path(), &["ci", "github"]).expect(0).says(&["prisma.config.ts", "no lockfile"]);
    let (check, sync) = ended.stdout.split_once("---\n").unwrap();
    assert!(sync.contains("RUN_MIGRATION_UNTRUSTED: \"true\"") && !check.contains("UNTRUSTED"), "{sync}");
    // As that workflow calls it.
    std::fs::create_dir(project.path().join("copy")).unwrap();
    let mut sync = tool(&project.path(), &["sync"]);
    let ended = Ended::from(sync.env("RUN_MIGRATION_UNTRUSTED", "true").output().unwrap()).expect(0);
    assert!(ended.stdout.contains("copy/main.prisma"), "{}", ended.stdout);
}

#[test]
fn init_below_the_root_writes_paths_from_the_root() {
    let project = Project::new("main", |path| {
        let schema = format!("{WITH_URL}model User {{\n  id Int @id\n}}\n");
        crate::support::project::write(&path.join("apps/web/prisma/schema.prisma"), &schema);
        crate::support::project::write(
            &path.join("apps/web/prisma/migrations/1_a/migration.sql"),
            &table("User"),
        );
    });
    run(&project.path().join("apps/web"), &["init"]).expect(0);
    let written = std::fs::read_to_string(project.path().join("run-migration.toml")).unwrap();
    assert!(written.contains("schema = \"apps/web/prisma/schema.prisma\""), "{written}");
    run(&project.path(), &["--dry-run"]).expect(0).says(&["No schema changes"]);
}
