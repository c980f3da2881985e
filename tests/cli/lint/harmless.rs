//! Scripts that look dangerous and are not. None may get a warning.

use run_migration::finding::Severity::Info;

use super::findings;

const HARMLESS: &[&str] = &[
    // Words in comments, strings, names.
    "-- DROP TABLE users;\nSELECT 1;",
    "/* DROP TABLE users; /* TRUNCATE users; */ DELETE FROM users; */ SELECT 1;",
    "-- only a comment",
    "",
    ";;",
    "-- This is an empty migration.\n\n",
    "INSERT INTO notes (text) VALUES ('DROP TABLE users; --');",
    "INSERT INTO notes (text) VALUES (E'it\\'s DROP TABLE users; TRUNCATE x');",
    "INSERT INTO notes (text) VALUES ($$DROP TABLE users; DELETE FROM users;$$);",
    "INSERT INTO notes (text) VALUES ($q$ $$ DROP COLUMN x $$ $q$);",
    "COMMENT ON TABLE users IS 'see DROP TABLE users';",
    "COMMENT ON COLUMN users.email IS $$ALTER TABLE users DROP COLUMN email$$;",
    "CREATE TABLE \"DROP TABLE users\" (\"DROP COLUMN\" text, \"TRUNCATE\" int, \"delete from\" int);",
    "CREATE TABLE t (drop_table text, truncated_at timestamp, cascade_mode text DEFAULT 'DROP INDEX');",
    "ALTER TABLE users ADD COLUMN \"drop\" text;",
    "CREATE TABLE U&\"\\0064rop\" (a int);",
    "SELECT 'a' \"DROP TABLE\", $$TRUNCATE$$ AS \"TRUNCATE\" FROM t;",
    // What the migration itself makes.
    "CREATE TABLE t (a int, b int); ALTER TABLE t DROP COLUMN b; ALTER TABLE t ALTER a SET NOT NULL; DROP TABLE t;",
    "CREATE TABLE t (id int PRIMARY KEY, email text); CREATE UNIQUE INDEX u ON t (email); CREATE INDEX i ON t (id, email);",
    "CREATE TABLE t (a int); INSERT INTO t VALUES (1); UPDATE t SET a = 2; DELETE FROM t; TRUNCATE t; DROP TABLE t CASCADE;",
    "CREATE TEMP TABLE x AS SELECT * FROM users; DELETE FROM x; DROP TABLE x;",
    "CREATE TABLE x (LIKE users INCLUDING ALL); ALTER TABLE x RENAME TO y; DROP TABLE y;",
    "SELECT * INTO x FROM users; DROP TABLE x;",
    "DO $$ BEGIN CREATE TABLE x (a int); DELETE FROM x; DROP TABLE x; END $$;",
    "ALTER TABLE users ADD COLUMN nick text; UPDATE users SET nick = name; ALTER TABLE users ALTER COLUMN nick SET NOT NULL;",
    "ALTER TABLE users ADD COLUMN a int; ALTER TABLE users RENAME COLUMN a TO b; ALTER TABLE users DROP COLUMN b;",
    "ALTER TABLE users ADD COLUMN team_id int; CREATE INDEX i ON users (team_id);",
    "CREATE TYPE e AS ENUM ('a', 'b'); ALTER TYPE e RENAME VALUE 'a' TO 'c'; DROP TYPE e;",
    "CREATE TYPE e AS ENUM ('a'); CREATE TABLE t (e e NOT NULL DEFAULT 'a'); ALTER TYPE e ADD VALUE 'b';",
    "CREATE VIEW v AS SELECT 1; CREATE OR REPLACE VIEW v AS SELECT 2; DROP VIEW v;",
    "CREATE SCHEMA s; CREATE TABLE s.t (a int); DROP TABLE s.t; DROP SCHEMA s;",
    "CREATE TABLE IF NOT EXISTS t (a int); CREATE INDEX IF NOT EXISTS i ON t (a); ALTER TABLE t ADD COLUMN b int NOT NULL;",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; DROP FUNCTION f();",
    "CREATE SEQUENCE s; ALTER SEQUENCE s RESTART WITH 10; DROP SEQUENCE s;",
    // Relations, and what Prisma usually writes.
    "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (a_id int); \
     ALTER TABLE b ADD CONSTRAINT f FOREIGN KEY (a_id) REFERENCES a(id) ON DELETE CASCADE ON UPDATE CASCADE;",
    "CREATE TABLE b (a_id int); \
     ALTER TABLE b ADD CONSTRAINT f FOREIGN KEY (a_id) REFERENCES users(id) ON DELETE SET NULL ON UPDATE CASCADE;",
    "ALTER TABLE \"Post\" ADD CONSTRAINT \"Post_authorId_fkey\" FOREIGN KEY (\"authorId\") REFERENCES \"User\"(\"id\") ON DELETE RESTRICT ON UPDATE CASCADE;",
    "ALTER TABLE b ADD COLUMN a_id int; \
     ALTER TABLE b ADD CONSTRAINT f FOREIGN KEY (a_id) REFERENCES a(id) ON DELETE CASCADE ON UPDATE CASCADE;",
    "ALTER TABLE b DROP CONSTRAINT f; \
     ALTER TABLE b ADD CONSTRAINT f FOREIGN KEY (a_id) REFERENCES a(id) ON DELETE SET NULL ON UPDATE CASCADE;",
    "ALTER TABLE t ADD COLUMN a text, ADD COLUMN b int NOT NULL DEFAULT 0, ADD COLUMN c jsonb NOT NULL DEFAULT '{}', \
     ADD COLUMN d text[] DEFAULT ARRAY[]::text[], ADD COLUMN e timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP;",
    "ALTER TABLE t ALTER COLUMN a DROP NOT NULL;",
    "ALTER TYPE \"Role\" ADD VALUE 'OWNER'; ALTER TYPE \"Role\" ADD VALUE 'GUEST';",
    "-- CreateIndex\nCREATE INDEX CONCURRENTLY \"i\" ON \"t\"(\"a\");\n",
    "ALTER INDEX a RENAME TO b; ALTER TABLE t RENAME CONSTRAINT a TO b; ALTER SEQUENCE s RENAME TO s2;",
    // Guarded blocks.
    "DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'f') THEN \
     ALTER TABLE a ADD CONSTRAINT f FOREIGN KEY (b) REFERENCES b(id) ON DELETE CASCADE ON UPDATE CASCADE; END IF; END $$;",
    "DO $$ BEGIN ALTER TABLE a ADD CONSTRAINT u UNIQUE (b); EXCEPTION WHEN duplicate_table THEN NULL; END $$;",
    "DO $$ BEGIN ALTER TABLE a ADD CONSTRAINT c CHECK (b > 0); EXCEPTION WHEN duplicate_object THEN RAISE NOTICE 'DROP TABLE a'; END $$;",
    "DO $$ BEGIN IF EXISTS (SELECT 1) THEN ALTER TABLE a DROP CONSTRAINT f; END IF; END $$; \
     DO $$ BEGIN IF NOT EXISTS (SELECT 1) THEN ALTER TABLE a ADD CONSTRAINT f FOREIGN KEY (b) REFERENCES b(id) ON DELETE CASCADE; END IF; END $$;",
    "DO $$ BEGIN CREATE TYPE e AS ENUM ('a'); EXCEPTION WHEN duplicate_object THEN NULL; END $$;",
    "DO $$ DECLARE n int; BEGIN SELECT count(*) INTO STRICT n FROM users; INSERT INTO t VALUES (n) RETURNING id INTO n; END $$;",
    "DO $$ BEGIN EXECUTE format('COMMENT ON TABLE %I IS %L', 'users', 'DROP TABLE users'); END $$;",
    // Rows that a condition chooses, and functions that nothing calls.
    "UPDATE users SET email = lower(email) WHERE email <> lower(email);",
    "DELETE FROM sessions WHERE expires_at < now() - interval '30 days';",
    "DELETE FROM a USING b WHERE a.id = b.a_id AND b.gone;",
    "DELETE FROM a WHERE NOT EXISTS (SELECT 1 FROM b WHERE b.a_id = a.id);",
    "INSERT INTO t (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET a = excluded.a;",
    "CREATE OR REPLACE FUNCTION clean() RETURNS void LANGUAGE plpgsql AS $$ BEGIN DELETE FROM users; DROP TABLE x; END $$;",
    "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.updated_at := now(); RETURN NEW; END $$; \
     CREATE TRIGGER t BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION f();",
    "DROP TRIGGER IF EXISTS t ON users; CREATE TRIGGER t AFTER DELETE OR TRUNCATE ON users EXECUTE FUNCTION f();",
    "EXPLAIN DELETE FROM users;",
    "SELECT * FROM users WHERE id IN (SELECT id FROM gone) FOR UPDATE;",
    "SELECT setval('s', (SELECT max(id) FROM users));",
    "SET lock_timeout = '5s'; SET LOCAL statement_timeout = 0;",
    "GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON users TO app;",
    "CREATE EXTENSION IF NOT EXISTS pgcrypto;",
    "BEGIN; CREATE TABLE t (a int); COMMIT;",
    "ANALYZE users;",
];

#[test]
fn nothing_harmless_gets_a_warning() {
    let alarms: Vec<String> = HARMLESS
        .iter()
        .flat_map(|sql| {
            findings(sql).into_iter().filter(|finding| finding.severity > Info).map(move |f| (sql, f))
        })
        .map(|(sql, finding)| format!("{sql}\n    {}:{} {}", finding.rule, finding.object, finding.why))
        .collect();
    assert!(alarms.is_empty(), "{} false alarms:\n{}", alarms.len(), alarms.join("\n"));
}
