//! The house style, on a real PostgreSQL: what is made repeatable does the same once, and no harm a second time.

use run_migration::{
    postgres::Role,
    style::{Style, apply},
};
use tokio_postgres::Client;

use crate::support::{
    catalog::describe, corpus::release, postgres::with_server, project::Project, run::run, server::unique,
};

fn idempotent(sql: &str) -> String {
    let style = Style { idempotent: true, ..Style::default() };
    let styled = apply(sql, &style, &[]).unwrap();
    assert_eq!(styled.notes, [""; 0], "{sql}");
    let [file] = &styled.files[..] else { panic!("{styled:?}") };
    file.clone()
}

/// Runs a script as Prisma does, as one simple query.
async fn apply_to(client: &Client, sql: &str, what: &str) {
    if let Err(error) = client.batch_execute(sql).await {
        panic!(
            "{what}: {}\n{sql}",
            error.as_db_error().map_or_else(|| error.to_string(), ToString::to_string)
        );
    }
}

/// What there is before each of the scripts below.
const BEFORE: &str = r#"
CREATE TYPE "Role" AS ENUM ('user', 'admin', 'gone');
CREATE TABLE "User" ("id" SERIAL NOT NULL, "email" TEXT NOT NULL, "role" "Role" NOT NULL DEFAULT 'user', "age" TEXT,
    CONSTRAINT "User_pkey" PRIMARY KEY ("id"));
CREATE TABLE "Post" ("id" TEXT NOT NULL, "author" INTEGER NOT NULL, CONSTRAINT "Post_pkey" PRIMARY KEY ("id"));
CREATE INDEX "Post_author_idx" ON "Post"("author");
ALTER TABLE "Post" ADD CONSTRAINT "Post_author_fkey" FOREIGN KEY ("author") REFERENCES "User"("id") ON UPDATE CASCADE;
CREATE SCHEMA "audit";
CREATE SEQUENCE "old_seq";
CREATE VIEW "old_view" AS SELECT 1 AS one;
CREATE TABLE "parts" ("day" DATE NOT NULL) PARTITION BY RANGE ("day");
INSERT INTO "User" ("email", "role", "age") VALUES ('a', 'user', '7'), ('b', 'admin', NULL);
"#;

/// Every kind of statement that Prisma writes, and those that people add.
const SCRIPTS: [&str; 24] = [
    r#"-- CreateTable
CREATE TABLE "Tag" (
    "id" SERIAL NOT NULL,
    "name" VARCHAR(20) NOT NULL DEFAULT 'a;b', -- the name
    "tags" TEXT[] DEFAULT ARRAY[]::TEXT[],

    CONSTRAINT "Tag_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "Tag_name_key" ON "Tag"("name");

-- AddForeignKey
ALTER TABLE "Tag" ADD CONSTRAINT "Tag_id_fkey" FOREIGN KEY ("id") REFERENCES "User"("id") ON DELETE CASCADE ON UPDATE CASCADE;
"#,
    r#"-- AlterTable
ALTER TABLE "User" ADD COLUMN     "name" TEXT,
ADD COLUMN     "score" SERIAL NOT NULL,
ADD COLUMN     "code" INT UNIQUE REFERENCES "User"("id"),
DROP COLUMN "email",
ALTER COLUMN "age" SET DEFAULT '1';
"#,
    // A column whose type cannot be converted, with the key around it.
    "ALTER TABLE \"User\" DROP COLUMN \"age\",\nADD COLUMN     \"age\" INTEGER;\n",
    r#"-- DropForeignKey
ALTER TABLE "Post" DROP CONSTRAINT "Post_author_fkey";

-- AlterTable
ALTER TABLE "User" DROP CONSTRAINT "User_pkey",
DROP COLUMN "id",
ADD COLUMN     "id" TEXT NOT NULL DEFAULT gen_random_uuid(),
ADD CONSTRAINT "User_pkey" PRIMARY KEY ("id");
"#,
    r#"ALTER TABLE "Post" DROP CONSTRAINT "Post_pkey",
ADD COLUMN     "part" INTEGER NOT NULL DEFAULT 0,
ADD CONSTRAINT "Post_pkey" PRIMARY KEY ("id", "part");
"#,
    "ALTER TABLE \"Post\" ADD COLUMN \"n\" INT, ADD CONSTRAINT \"Post_n_key\" UNIQUE (\"n\"), ADD CONSTRAINT c CHECK (n > 0);\n",
    // A whole table goes, its foreign key first.
    "-- DropForeignKey\nALTER TABLE \"Post\" DROP CONSTRAINT \"Post_author_fkey\";\n\n-- DropTable\nDROP TABLE \"Post\";\n",
    "DROP INDEX \"Post_author_idx\";\nDROP VIEW \"old_view\";\nDROP SEQUENCE \"old_seq\";\nDROP SCHEMA \"audit\";\n",
    // An enum loses a label: Prisma makes another one of the same name.
    r#"-- AlterEnum
BEGIN;
CREATE TYPE "Role_new" AS ENUM ('user', 'admin');
ALTER TABLE "User" ALTER COLUMN "role" DROP DEFAULT;
ALTER TABLE "User" ALTER COLUMN "role" TYPE "Role_new" USING ("role"::text::"Role_new");
ALTER TYPE "Role" RENAME TO "Role_old";
ALTER TYPE "Role_new" RENAME TO "Role";
DROP TYPE "public"."Role_old";
ALTER TABLE "User" ALTER COLUMN "role" SET DEFAULT 'user';
COMMIT;
"#,
    "-- CreateEnum\nCREATE TYPE \"path\" AS ENUM ('a', 'it''s');\nCREATE TYPE \"audit\".\"path\" AS ENUM ('b');\n",
    "ALTER TYPE \"Role\" ADD VALUE 'guest' BEFORE 'user';\n",
    "ALTER TYPE \"Role\" RENAME VALUE 'gone' TO 'went';\n",
    "ALTER TYPE \"Role\" RENAME TO \"Kind\";\n",
    "-- RenameForeignKey\nALTER TABLE \"Post\" RENAME CONSTRAINT \"Post_author_fkey\" TO \"Post_writer_fkey\";\n\
     -- RenameIndex\nALTER INDEX \"Post_author_idx\" RENAME TO \"Post_writer_idx\";\n",
    "ALTER TABLE \"Post\" RENAME COLUMN \"author\" TO \"writer\";\n",
    "ALTER TABLE \"Post\" RENAME TO \"Article\";\nALTER TABLE \"Article\" RENAME CONSTRAINT \"Post_pkey\" TO \"Article_pkey\";\n",
    "ALTER TABLE \"Post\" SET SCHEMA \"audit\";\nALTER TYPE \"Role\" SET SCHEMA \"audit\";\n",
    // An integer gets a sequence, as Prisma writes it.
    "CREATE SEQUENCE post_author_seq;\nALTER TABLE \"Post\" ALTER COLUMN \"author\" SET DEFAULT nextval('post_author_seq');\n\
     ALTER SEQUENCE post_author_seq OWNED BY \"Post\".\"author\";\n",
    "ALTER TABLE \"Post\" ALTER COLUMN \"author\" ADD GENERATED ALWAYS AS IDENTITY, ADD COLUMN \"more\" TEXT;\n",
    "CREATE SCHEMA \"more\";\nCREATE TABLE \"more\".\"t\" (\"x\" INT, CONSTRAINT k PRIMARY KEY (\"x\"));\n\
     ALTER TABLE \"more\".\"t\" ADD CONSTRAINT f FOREIGN KEY (\"x\") REFERENCES \"User\"(\"id\");\n",
    "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;\n\
     CREATE TRIGGER t BEFORE UPDATE ON \"Post\" FOR EACH ROW EXECUTE FUNCTION f();\n\
     CREATE CONSTRAINT TRIGGER ct AFTER UPDATE ON \"Post\" FOR EACH ROW EXECUTE FUNCTION f();\n\
     CREATE VIEW v AS SELECT 1 AS one;\nCREATE MATERIALIZED VIEW m AS SELECT 2 AS two;\n",
    "ALTER TABLE \"Post\" ENABLE ROW LEVEL SECURITY;\nCREATE POLICY p ON \"Post\" USING (true);\nCREATE DOMAIN d AS TEXT;\n",
    "CREATE EXTENSION \"pg_trgm\";\nCREATE INDEX trgm ON \"Post\" USING gin (\"id\" gin_trgm_ops);\n",
    "CREATE TABLE \"part_1\" PARTITION OF \"parts\" FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');\n\
     CREATE INDEX \"parts_day_idx\" ON \"parts\"(\"day\");\n",
];

#[test]
fn what_is_repeatable_does_the_same_once_and_no_harm_a_second_time() {
    with_server(async |server| {
        let template = unique("style_template");
        server.create_database(&template, Role::Owner).await.unwrap();
        let client = server.connect(&template, Role::Owner).await.unwrap();
        apply_to(&client, BEFORE, "before").await;
        drop(client);
        for script in SCRIPTS {
            let [original, once] = ["style_original", "style_once"].map(unique);
            for name in [&original, &once] {
                server.clone_database(&template, name).await.unwrap();
            }
            let original = server.connect(&original, Role::Owner).await.unwrap();
            apply_to(&original, script, "the original").await;
            let wanted = describe(&original).await;
            let repeatable = idempotent(script);
            assert_ne!(repeatable, script);
            let once = server.connect(&once, Role::Owner).await.unwrap();
            apply_to(&once, &repeatable, "once").await;
            assert_eq!(describe(&once).await, wanted, "{repeatable}");
            let rows = rows(&once).await;
            apply_to(&once, &repeatable, "twice").await;
            assert_eq!(describe(&once).await, wanted, "twice: {repeatable}");
            assert_eq!(self::rows(&once).await, rows, "twice: {repeatable}");
            // What `db push` made, or the original.
            apply_to(&original, &repeatable, "where the objects are").await;
            assert_eq!(describe(&original).await, wanted, "where the objects are: {repeatable}");
        }
    });
}

/// How many rows of the table that has some hold anything but NULL in each column.
async fn rows(client: &Client) -> Vec<String> {
    let question = "SELECT coalesce(json_agg(u ORDER BY u::text), '[]')::text FROM \"User\" u";
    client.query(question, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

#[test]
fn every_migration_of_2026_runs_twice_and_makes_what_the_original_makes() {
    let Some(release) = release("0.4.110") else { return };
    let (old, new): (Vec<_>, Vec<_>) =
        release.migrations.iter().partition(|(name, _)| name.as_str() < "2026");
    assert!(new.len() > 100, "{}", new.len());
    with_server(async |server| {
        let [original, repeated] = ["style_original", "style_repeated"].map(unique);
        for name in [&original, &repeated] {
            server.create_database(name, Role::Owner).await.unwrap();
        }
        let original = server.connect(&original, Role::Owner).await.unwrap();
        let repeated = server.connect(&repeated, Role::Owner).await.unwrap();
        for (name, sql) in old {
            apply_to(&original, sql, name).await;
            apply_to(&repeated, sql, name).await;
        }
        for (at, (name, sql)) in new.iter().enumerate() {
            let repeatable = idempotent(sql);
            apply_to(&original, sql, name).await;
            apply_to(&repeated, &repeatable, name).await;
            apply_to(&repeated, &repeatable, &format!("{name}, twice")).await;
            // What differs once differs to the end, or nearly so; to ask takes longer than to apply.
            if at % 20 == 0 || at + 1 == new.len() {
                assert_eq!(describe(&repeated).await, describe(&original).await, "{name} or one before it");
            }
        }
    });
}

#[test]
fn a_prelude_holds_for_the_file_that_it_stands_in() {
    let style = Style { prelude: Some("SET LOCAL lock_timeout = '10s';".into()), ..Style::default() };
    let look = "CREATE TABLE a AS SELECT current_setting('lock_timeout') AS l;\nBEGIN;\nSELECT 1;\nCOMMIT;\n\
                CREATE TABLE b AS SELECT current_setting('lock_timeout') AS l;\n";
    let styled = apply(look, &style, &[]).unwrap();
    with_server(async |server| {
        let name = unique("style_prelude");
        server.create_database(&name, Role::Owner).await.unwrap();
        let client = server.connect(&name, Role::Owner).await.unwrap();
        apply_to(&client, &styled.files[0], "the file").await;
        let question = "SELECT a.l, b.l, current_setting('lock_timeout') FROM a, b";
        let row = client.query_one(question, &[]).await.unwrap();
        assert_eq!([0, 1, 2].map(|at| row.get::<_, String>(at)), ["10s", "10s", "0"]);
    });
}

const SCHEMA: &str = "datasource db {\n  provider = \"postgresql\"\n  url      = env(\"DATABASE_URL\")\n}\n\n\
                      model User {\n  id    Int    @id @default(autoincrement())\n  email String\n  age   Int?\n}\n";
const USER: &str = "CREATE TABLE \"User\" (\"id\" SERIAL NOT NULL, \"email\" TEXT NOT NULL, \"age\" INTEGER, \
                    CONSTRAINT \"User_pkey\" PRIMARY KEY (\"id\"));\n";

#[test]
fn indexes_on_existing_tables_are_migrations_of_their_own_and_all_are_listed() {
    let project = Project::prisma(SCHEMA, &[("20260101000000_init", USER)]);
    let changed =
        SCHEMA.replace("email String\n", "email String @unique\n").replace("?\n}", "?\n  @@index([age])\n}")
            + "model Tag {\n  id   Int    @id\n  name String @unique\n}\n";
    project.write("prisma/schema.prisma", &changed);
    project.write(
        "run-migration.toml",
        "[sql]\nidempotent = true\nprelude = \"SET LOCAL lock_timeout = '10s';\"\nconcurrent_indexes = true\n",
    );
    let before = project.state();
    let dry = run(&project.path(), &["x", "--dry-run"]).expect(0);
    assert_eq!(
        dry.stdout.matches("CREATE INDEX CONCURRENTLY IF NOT EXISTS \"User_age_idx\"").count(),
        1,
        "{}",
        dry.stdout
    );
    assert_eq!(project.state(), before);
    let report = run(&project.path(), &["x", "--format", "json"]).expect(0).json();
    let migrations = report["migrations"].as_array().unwrap();
    let names: Vec<_> = migrations.iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert!(names.is_sorted(), "{names:?}");
    let parts: Vec<_> = names.iter().map(|name| &name[14..]).collect();
    assert_eq!(parts, ["_x", "_x_index", "_x_index_2"]);
    for one in migrations {
        let written = std::fs::read_to_string(project.path().join(one["path"].as_str().unwrap())).unwrap();
        assert_eq!(written, one["sql"].as_str().unwrap());
        let is_first = one == &migrations[0];
        assert_eq!(written.starts_with("SET LOCAL lock_timeout = '10s';\n\n"), is_first, "{written}");
        assert_eq!(
            written.matches("CONCURRENTLY IF NOT EXISTS").count(),
            usize::from(!is_first),
            "{written}"
        );
    }
    assert_eq!(report["migration"], migrations[0]);
    assert_eq!(
        report["findings"].as_array().unwrap().iter().filter(|one| one["rule"] == "create_index").count(),
        0
    );
    // What was written is replayed, and makes exactly what the schema says.
    run(&project.path(), &["again"]).expect(0).says(&["No schema changes"]);
}

#[test]
fn the_flag_wins_over_the_configuration_and_that_over_the_layout() {
    let project = Project::fixture();
    let sql = |args: &[&str]| run(&project.path(), &[&["--dry-run"], args].concat()).expect(0).stdout;
    assert!(sql(&[]).contains("IF NOT EXISTS"));
    assert!(!sql(&["--idempotent=false"]).contains("IF NOT EXISTS"));
    project.write("run-migration.toml", "[sql]\nidempotent = false\n");
    assert!(!sql(&[]).contains("IF NOT EXISTS"));
    assert!(sql(&["--idempotent"]).contains("IF NOT EXISTS"));
}
