use super::*;

fn idempotent() -> Style {
    Style { idempotent: true, ..Style::default() }
}

fn one(script: &str, style: &Style) -> String {
    let styled = apply(script, style, &[]).unwrap();
    let [file] = &styled.files[..] else { panic!("{styled:?}") };
    file.clone()
}

#[test]
fn without_a_style_nothing_changes() {
    let script = "-- a\nCREATE TABLE a (x int) ;;\n\n\n";
    assert_eq!(one(script, &Style::default()), script);
}

#[test]
fn what_postgresql_has_words_for_gets_them_and_the_rest_stays() {
    for (script, wanted) in [
        (
            "CREATE TABLE \"A\" (\n    \"x\" INT -- key\n);",
            "CREATE TABLE IF NOT EXISTS \"A\" (\n    \"x\" INT -- key\n);",
        ),
        ("create unlogged table a (x int);", "create unlogged table IF NOT EXISTS a (x int);"),
        ("CREATE TABLE a AS SELECT 1;", "CREATE TABLE IF NOT EXISTS a AS SELECT 1;"),
        (
            "CREATE UNIQUE INDEX \"i\" ON \"A\"(\"x\");",
            "CREATE UNIQUE INDEX IF NOT EXISTS \"i\" ON \"A\"(\"x\");",
        ),
        ("CREATE INDEX CONCURRENTLY i ON a(x);", "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON a(x);"),
        ("CREATE SEQUENCE s;", "CREATE SEQUENCE IF NOT EXISTS s;"),
        ("CREATE SCHEMA s AUTHORIZATION me;", "CREATE SCHEMA IF NOT EXISTS s AUTHORIZATION me;"),
        ("CREATE EXTENSION citext;", "CREATE EXTENSION IF NOT EXISTS citext;"),
        ("CREATE VIEW v AS SELECT 1;", "CREATE OR REPLACE VIEW v AS SELECT 1;"),
        ("CREATE MATERIALIZED VIEW v AS SELECT 1;", "CREATE MATERIALIZED VIEW IF NOT EXISTS v AS SELECT 1;"),
        (
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';",
            "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';",
        ),
        (
            "CREATE TRIGGER t BEFORE UPDATE ON a EXECUTE FUNCTION f();",
            "CREATE OR REPLACE TRIGGER t BEFORE UPDATE ON a EXECUTE FUNCTION f();",
        ),
        ("DROP TABLE \"A\", b CASCADE;", "DROP TABLE IF EXISTS \"A\", b CASCADE;"),
        ("DROP INDEX CONCURRENTLY i;", "DROP INDEX CONCURRENTLY IF EXISTS i;"),
        ("DROP MATERIALIZED VIEW v;", "DROP MATERIALIZED VIEW IF EXISTS v;"),
        ("DROP TRIGGER t ON a;", "DROP TRIGGER IF EXISTS t ON a;"),
        ("DROP FUNCTION f(int);", "DROP FUNCTION IF EXISTS f(int);"),
        ("DROP CAST (a AS b);", "DROP CAST IF EXISTS (a AS b);"),
        (
            "ALTER TYPE \"E\" ADD VALUE 'x' BEFORE 'y';",
            "ALTER TYPE \"E\" ADD VALUE IF NOT EXISTS 'x' BEFORE 'y';",
        ),
        ("ALTER INDEX a RENAME TO b;", "ALTER INDEX IF EXISTS a RENAME TO b;"),
        ("ALTER TABLE a RENAME TO b;", "ALTER TABLE IF EXISTS a RENAME TO b;"),
        ("ALTER TABLE a SET SCHEMA b;", "ALTER TABLE IF EXISTS a SET SCHEMA b;"),
        (
            "ALTER TABLE ONLY a DROP CONSTRAINT c;",
            "ALTER TABLE IF EXISTS ONLY a DROP CONSTRAINT IF EXISTS c;",
        ),
        (
            "ALTER TABLE \"A\" ADD COLUMN     \"x\" TEXT,\nADD y int, DROP COLUMN \"z\",\nALTER COLUMN w SET NOT NULL;",
            "ALTER TABLE \"A\" ADD COLUMN IF NOT EXISTS \"x\" TEXT,\nADD IF NOT EXISTS y int, DROP COLUMN IF EXISTS \"z\",\nALTER COLUMN w SET NOT NULL;",
        ),
        (
            "ALTER TABLE a ALTER COLUMN b DROP IDENTITY;",
            "ALTER TABLE a ALTER COLUMN b DROP IDENTITY IF EXISTS;",
        ),
        (
            "ALTER TABLE a DROP CONSTRAINT k,\nADD CONSTRAINT k PRIMARY KEY (x);",
            "ALTER TABLE a DROP CONSTRAINT IF EXISTS k,\nADD CONSTRAINT k PRIMARY KEY (x);",
        ),
    ] {
        assert_eq!(one(script, &idempotent()), format!("{wanted}\n"), "{script}");
        assert_eq!(one(wanted, &idempotent()), format!("{wanted}\n"), "a second time: {script}");
    }
}

#[test]
fn what_is_repeatable_already_or_unreadable_stays_to_the_byte() {
    for script in [
        "-- one\nCREATE TABLE IF NOT EXISTS a (x int) ;\n\n/* two */ UPDATE a SET x = 1;\n",
        "DO $$ BEGIN CREATE TABLE a (x int); END $$;\n",
        "COMMENT ON TABLE a IS 'CREATE TABLE b';\n",
        "THIS IS NO SQL;\n",
        "ALTER TABLE a ALTER COLUMN b SET DEFAULT 'DROP TABLE c;';\n",
        "BEGIN;\nSELECT 1;\nCOMMIT;\n-- the end\n",
    ] {
        assert_eq!(one(script, &idempotent()), script);
    }
}

#[test]
fn what_postgresql_has_no_words_for_is_asked_beforehand() {
    let constraint = "-- AddForeignKey\nALTER TABLE \"A\" ADD CONSTRAINT \"A_b's\" FOREIGN KEY (\"b\") REFERENCES \"B\"(\"id\");\n";
    insta::assert_snapshot!(one(constraint, &idempotent()), @r#"
    -- AddForeignKey
    DO $$
    BEGIN
        IF NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'A_b''s' AND conrelid = '"A"'::regclass) THEN
            ALTER TABLE "A" ADD CONSTRAINT "A_b's" FOREIGN KEY ("b") REFERENCES "B"("id");
        END IF;
    END $$;
    "#);
    let types = "CREATE TYPE \"E\" AS ENUM ('a$$', 'b');\nALTER TYPE \"s\".\"E\" RENAME VALUE 'a' TO 'c';\n";
    insta::assert_snapshot!(one(types, &idempotent()), @r#"
    DO $once1$
    BEGIN
        IF NOT EXISTS (SELECT 1 FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.typname = 'E' AND n.nspname = current_schema()) THEN
            CREATE TYPE "E" AS ENUM ('a$$', 'b');
        END IF;
    END $once1$;
    DO $$
    BEGIN
        IF EXISTS (SELECT 1 FROM pg_enum WHERE enumlabel = 'a' AND enumtypid = '"s"."E"'::regtype) AND NOT EXISTS (SELECT 1 FROM pg_enum WHERE enumlabel = 'c' AND enumtypid = '"s"."E"'::regtype) THEN
            ALTER TYPE "s"."E" RENAME VALUE 'a' TO 'c';
        END IF;
    END $$;
    "#);
}

#[test]
fn a_column_that_is_dropped_and_added_again_is_not_emptied_twice() {
    let script = "ALTER TABLE \"A\" DROP CONSTRAINT \"A_pkey\",\nADD COLUMN     \"n\" INT,\nDROP COLUMN \"id\",\n\
                  ADD COLUMN     \"id\" SERIAL NOT NULL,\nADD CONSTRAINT \"A_pkey\" PRIMARY KEY (\"id\");\n";
    insta::assert_snapshot!(one(script, &idempotent()), @r#"
    ALTER TABLE "A" ADD COLUMN IF NOT EXISTS "n" INT;

    DO $$
    BEGIN
        IF NOT EXISTS (SELECT 1 FROM pg_attribute WHERE attname = 'id' AND attrelid = '"A"'::regclass AND NOT attisdropped AND atttypid = 'integer'::regtype) THEN
            ALTER TABLE "A" DROP CONSTRAINT IF EXISTS "A_pkey",
    DROP COLUMN IF EXISTS "id",
    ADD COLUMN IF NOT EXISTS "id" SERIAL NOT NULL,
    ADD CONSTRAINT "A_pkey" PRIMARY KEY ("id");
        END IF;
    END $$;
    "#);
}

#[test]
fn what_nothing_helps_is_told() {
    let styled =
        apply("SELECT 1;\nCREATE INDEX ON a(x);\nALTER TABLE a ADD UNIQUE (x);\n", &idempotent(), &[])
            .unwrap();
    assert_eq!(styled.notes.len(), 2, "{styled:?}");
    assert!(styled.notes[0].contains("Line 2") && styled.notes[1].contains("Line 3"), "{styled:?}");
}

fn with_prelude() -> Style {
    Style { prelude: Some("SET LOCAL lock_timeout = '10s'".into()), ..Style::default() }
}

#[test]
fn the_prelude_comes_first_and_again_in_each_transaction() {
    assert_eq!(
        one("-- AlterTable\nALTER TABLE a ADD b int;\n", &with_prelude()),
        "SET LOCAL lock_timeout = '10s';\n\n-- AlterTable\nALTER TABLE a ADD b int;\n"
    );
    assert_eq!(
        one("BEGIN;\nSELECT 1;\nCOMMIT;\n\n-- AlterTable\nSELECT 2;\n-- end\n", &with_prelude()),
        "SET LOCAL lock_timeout = '10s';\n\nBEGIN;\nSELECT 1;\nCOMMIT;\n\nSET LOCAL lock_timeout = '10s';\n\n\
         -- AlterTable\nSELECT 2;\n-- end\n"
    );
    let alone = "CREATE INDEX CONCURRENTLY i ON a(b);\n";
    assert_eq!(one(alone, &with_prelude()), alone);
}

fn concurrent() -> Style {
    Style { concurrent_indexes: true, ..with_prelude() }
}

#[test]
fn indexes_on_tables_that_were_there_get_files_of_their_own() {
    let script = "-- CreateTable\nCREATE TABLE new (x int);\n\n-- CreateIndex\nCREATE INDEX n ON new(x);\n\n\
                  -- CreateIndex\nCREATE UNIQUE INDEX \"o\" ON \"old\"(x) WHERE x > 1;\n\n\
                  -- CreateIndex\nCREATE INDEX p ON old(x);\n";
    let styled = apply(script, &concurrent(), &[]).unwrap();
    assert_eq!(
        styled.files,
        [
            "SET LOCAL lock_timeout = '10s';\n\n-- CreateTable\nCREATE TABLE new (x int);\n\n-- CreateIndex\nCREATE INDEX n ON new(x);\n",
            "-- CreateIndex\nCREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS \"o\" ON \"old\"(x) WHERE x > 1;\n",
            "-- CreateIndex\nCREATE INDEX CONCURRENTLY IF NOT EXISTS p ON old(x);\n",
        ]
    );
    assert!(styled.notes.is_empty());
    let only = apply("CREATE INDEX i ON old(x);\n", &concurrent(), &[]).unwrap();
    assert_eq!(only.files, ["CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON old(x);\n"]);
}

#[test]
fn an_index_that_cannot_leave_stays_and_says_why() {
    for (script, why) in [
        (
            "CREATE UNIQUE INDEX i ON old(x);\nALTER TABLE new ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES public.old(x);\n",
            "a foreign key",
        ),
        ("CREATE INDEX i ON parts(x);\n", "partitioned"),
        ("CREATE INDEX ON old(x);\n", "without a name"),
    ] {
        let styled = apply(script, &concurrent(), &[Name::bare("parts")]).unwrap();
        assert_eq!(styled.files.len(), 1, "{styled:?}");
        assert!(styled.notes[0].contains(why), "{styled:?}");
    }
}

#[test]
fn comments_survive_where_a_statement_is_split() {
    let script = "ALTER TABLE a -- first\n  ADD COLUMN b int, -- second\n  ADD CONSTRAINT c UNIQUE (b);\n";
    let text = one(script, &idempotent());
    assert!(text.contains("-- first") && text.contains("-- second"), "{text}");
    assert!(text.contains("ADD COLUMN IF NOT EXISTS b int;"), "{text}");
}

#[test]
fn the_guard_sees_through_what_was_put_around_a_statement() {
    use crate::guard::{Script, inspect, origin, waiver::Waivers};
    let history =
        origin::history([("1", "CREATE TABLE a (x text, y int); CREATE TYPE e AS ENUM ('a');")]).unwrap();
    for script in [
        "ALTER TABLE a DROP COLUMN x, ADD COLUMN x int;",
        "ALTER TABLE a DROP COLUMN y, ADD CONSTRAINT k UNIQUE (x);",
        "DROP TYPE e;",
        "DROP TABLE a;",
    ] {
        let sql = one(script, &idempotent());
        let found = inspect(&Script { file: None, sql: &sql }, &history, &Waivers::Ignored).unwrap();
        assert!(found.iter().any(crate::finding::Finding::refuses), "{sql}: {found:?}");
    }
}

#[test]
fn an_enum_that_is_swapped_needs_no_questions() {
    let swap = "-- AlterEnum\nBEGIN;\nCREATE TYPE \"E_new\" AS ENUM ('a');\n\
                ALTER TABLE \"A\" ALTER COLUMN \"e\" TYPE \"E_new\" USING (\"e\"::text::\"E_new\");\n\
                ALTER TYPE \"E\" RENAME TO \"E_old\";\nALTER TYPE \"E_new\" RENAME TO \"E\";\n\
                DROP TYPE \"public\".\"E_old\";\nCOMMIT;\n";
    assert_eq!(one(swap, &idempotent()), swap.replace("DROP TYPE", "DROP TYPE IF EXISTS"));
    let with_another = format!("{swap}CREATE TYPE \"F\" AS ENUM ('b');\n");
    assert_eq!(one(&with_another, &idempotent()).matches(" EXISTS (").count(), 1);
}
