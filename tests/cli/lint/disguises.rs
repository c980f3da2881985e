//! Dangers that do not look like what they are. None may pass unnoticed.

use run_migration::finding::Severity::{self, Refuse, Warn};

use super::findings;

/// What loses data refuses, whatever it looks like.
const LOSING: &[(&str, &str)] = &[
    // How it is written.
    ("dRoP tAbLe users", "drop_table:users"),
    ("DROP/**/TABLE/* -- */users;", "drop_table:users"),
    ("DROP -- harmless\nTABLE\r\n\"Users\";", "drop_table:Users"),
    ("DROP\tTABLE\u{c}IF EXISTS\n\n  public.\"Users\" , audit.log CASCADE;", "drop_table:audit.log"),
    ("/* /* nested */ DROP TABLE a; */ DROP TABLE b;", "drop_table:b"),
    ("SELECT 'it''s'; DROP TABLE users; SELECT 'x'", "drop_table:users"),
    ("SELECT E'\\'; DROP TABLE a; --'; DROP TABLE b;", "drop_table:b"),
    ("SELECT '\\'; DROP TABLE users; --';", "drop_table:users"),
    ("SELECT $a$ $b$ $a$; DROP TABLE users; SELECT $b$ $b$;", "drop_table:users"),
    ("DROP TABLE U&\"\\0075sers\";", "drop_table:users"),
    ("DROP TABLE U&\"!0075sers\" UESCAPE '!';", "drop_table:users"),
    ("\u{feff}DROP TABLE users;", "drop_table:users"),
    ("ALTER TABLE t DROP a;", "drop_column:t.a"),
    ("ALTER TABLE IF EXISTS ONLY \"T\" DROP IF EXISTS \"drop\" RESTRICT;", "drop_column:T.drop"),
    ("ALTER TABLE t ADD COLUMN b int, ALTER c DROP DEFAULT, DROP a;", "drop_column:t.a"),
    ("ALTER TABLE t * DROP COLUMN a;", "drop_column:t.a"),
    ("ALTER FOREIGN TABLE t DROP COLUMN a;", "drop_column:t.a"),
    ("ALTER TYPE address DROP ATTRIBUTE IF EXISTS street CASCADE;", "drop_column:address.street"),
    ("DROP INDEX CONCURRENTLY IF EXISTS \"User_email_key\";", "drop_index:User_email_key"),
    ("DROP FOREIGN TABLE remote;", "drop_table:remote"),
    ("DROP SCHEMA IF EXISTS a, b CASCADE;", "drop_schema:b"),
    ("DROP OWNED BY CURRENT_USER;", "drop_owned:current_user"),
    ("DROP MATERIALIZED VIEW daily;", "drop_view:daily"),
    ("DROP ROUTINE f CASCADE;", "drop_cascade:f"),
    ("DROP TYPE mood;", "drop_type:mood"),
    ("DROP DOMAIN email CASCADE;", "drop_type:email"),
    ("DROP SEQUENCE s;", "drop_sequence:s"),
    ("DROP EXTENSION hstore CASCADE;", "drop_extension:hstore"),
    ("DROP DATABASE IF EXISTS app WITH (FORCE);", "drop_database:app"),
    // Where it stands.
    ("DO $$ BEGIN DROP TABLE users; END $$;", "drop_table:users"),
    ("DO LANGUAGE plpgsql 'BEGIN DROP TABLE users; END';", "drop_table:users"),
    (
        "DO $x$ BEGIN BEGIN NULL; EXCEPTION WHEN others THEN DROP TABLE users; END; END $x$;",
        "drop_table:users",
    ),
    (
        "DO $$ BEGIN IF false THEN NULL; ELSIF true THEN ALTER TABLE t DROP a; ELSE NULL; END IF; END $$;",
        "drop_column:t.a",
    ),
    (
        "DO $$ BEGIN FOR i IN 1..1 LOOP WHILE true LOOP TRUNCATE users; EXIT; END LOOP; END LOOP; END $$;",
        "truncate:users",
    ),
    (
        "DO $$ BEGIN CASE 1 WHEN 1 THEN DELETE FROM users; ELSE NULL; END CASE; END $$;",
        "delete_all_rows:users",
    ),
    (
        "DO $$ DECLARE r record; BEGIN FOR r IN DELETE FROM users RETURNING * LOOP NULL; END LOOP; END $$;",
        "delete_all_rows:users",
    ),
    (
        "DO $o$ BEGIN EXECUTE $i$ DO $x$ BEGIN EXECUTE 'DROP TABLE users'; END $x$ $i$; END $o$;",
        "drop_table:users",
    ),
    ("DO $$ BEGIN EXECUTE 'DROP ' || 'TABLE ' || 'users'; END $$;", "drop_table:users"),
    ("DO $$ BEGIN EXECUTE concat('DROP', ' TABLE ', quote_ident('users')); END $$;", "drop_table:\"?\""),
    ("DO $$ BEGIN EXECUTE format('DROP TABLE %I', 'Users'); END $$;", "drop_table:Users"),
    (
        "DO $$ DECLARE t text; BEGIN FOR t IN SELECT 'x' LOOP EXECUTE format('TRUNCATE %I', t); END LOOP; END $$;",
        "truncate:\"?\"",
    ),
    ("DO $$ DECLARE q text := 'DROP TABLE users'; BEGIN EXECUTE q; END $$;", "drop_table:users"),
    (
        "DO $$ DECLARE q text; BEGIN q := 'DROP TABLE '; q := q || 'users'; EXECUTE q; END $$;",
        "dynamic_sql:EXECUTE",
    ),
    (
        "DO $$ DECLARE q text := 'SELECT 1'; BEGIN SELECT text INTO q FROM x; EXECUTE q; END $$;",
        "dynamic_sql:EXECUTE",
    ),
    (
        "DO $$ DECLARE n int; BEGIN DELETE FROM users RETURNING count(*) INTO STRICT n; END $$;",
        "delete_all_rows:users",
    ),
    ("DO $$ BEGIN EXECUTE E'DR\\x4fP TABLE users'; END $$;", "drop_table:users"),
    (
        "DO $$ BEGIN EXECUTE (SELECT string_agg('DROP TABLE ' || oid::regclass, ';') FROM pg_class); END $$;",
        "dynamic_sql:EXECUTE",
    ),
    ("DO $$ BEGIN EXECUTE reverse('sresu ELBAT PORD'); END $$;", "dynamic_sql:EXECUTE"),
    (
        "DO $$ BEGIN EXECUTE convert_from(decode('RFJPUA==', 'base64'), 'utf8'); END $$;",
        "dynamic_sql:EXECUTE",
    ),
    ("DO LANGUAGE plperl $$ spi_exec_query('DROP TABLE users') $$;", "dynamic_sql:EXECUTE"),
    (
        "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN DROP TABLE users; END $$; SELECT f();",
        "drop_table:users",
    ),
    (
        "CREATE OR REPLACE FUNCTION s.f() RETURNS void AS 'TRUNCATE users' LANGUAGE sql; DO $$ BEGIN PERFORM s.f(); END $$;",
        "truncate:users",
    ),
    (
        "CREATE PROCEDURE p() LANGUAGE sql BEGIN ATOMIC DELETE FROM users; END; CALL p();",
        "delete_all_rows:users",
    ),
    (
        "CREATE FUNCTION a() RETURNS int LANGUAGE sql AS 'DELETE FROM users; SELECT 1'; CREATE FUNCTION b() RETURNS int LANGUAGE sql RETURN a(); SELECT b();",
        "delete_all_rows:users",
    ),
    (
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM users; RETURN NULL; END $$; CREATE TRIGGER t AFTER INSERT ON x EXECUTE FUNCTION f();",
        "delete_all_rows:users",
    ),
    (
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'DELETE FROM users; SELECT 1'; ALTER TABLE t ADD COLUMN a int DEFAULT f();",
        "delete_all_rows:users",
    ),
    (
        "WITH gone AS (DELETE FROM users RETURNING *) INSERT INTO archive SELECT * FROM gone;",
        "delete_all_rows:users",
    ),
    (
        "WITH a AS (SELECT 1), b AS (UPDATE users SET email = NULL RETURNING 1) SELECT * FROM a, b;",
        "update_all_rows:users",
    ),
    ("PREPARE x AS DELETE FROM users; EXECUTE x;", "delete_all_rows:users"),
    ("EXPLAIN (ANALYZE, COSTS off) DELETE FROM users;", "delete_all_rows:users"),
    ("COPY (DELETE FROM users RETURNING *) TO STDOUT;", "delete_all_rows:users"),
    ("SELECT query_to_xml('DELETE FROM users', true, true, '');", "delete_all_rows:users"),
    ("SELECT dblink_exec('DROP TABLE users');", "drop_table:users"),
    ("COMMIT; DROP TABLE users; BEGIN;", "drop_table:users"),
    ("CREATE SCHEMA s CREATE TABLE t (a int); DROP TABLE t;", "drop_table:t"),
    // Rows.
    ("TRUNCATE ONLY users RESTART IDENTITY CASCADE;", "truncate:users"),
    ("TRUNCATE TABLE a, b;", "truncate:b"),
    ("DELETE FROM users WHERE true;", "delete_all_rows:users"),
    ("DELETE FROM users WHERE 1=1 AND NOT false;", "delete_all_rows:users"),
    ("DELETE FROM users WHERE email = email OR 'a' = 'a';", "delete_all_rows:users"),
    ("DELETE FROM users u WHERE u.id IS NOT NULL;", "delete_all_rows:users"),
    ("DELETE FROM users WHERE name LIKE '%';", "delete_all_rows:users"),
    ("DELETE FROM users WHERE email IS NULL OR email IS NOT NULL;", "delete_all_rows:users"),
    ("DELETE FROM users WHERE EXISTS (SELECT 1);", "delete_all_rows:users"),
    ("DELETE FROM users WHERE id IN (SELECT id FROM users);", "delete_all_rows:users"),
    ("DELETE FROM users WHERE id = ANY (SELECT id FROM users);", "delete_all_rows:users"),
    ("DELETE FROM users WHERE current_date > '2000-01-01';", "delete_all_rows:users"),
    ("DELETE FROM users WHERE id > 0;", "delete_all_rows:users"),
    ("DELETE FROM users USING teams WHERE true;", "delete_all_rows:users"),
    ("UPDATE users SET email = DEFAULT;", "update_all_rows:users"),
    (
        "UPDATE users AS u SET (email, name) = (NULL, NULL) WHERE coalesce(true, false);",
        "update_all_rows:users",
    ),
    ("UPDATE users SET email = t.email FROM t;", "update_all_rows:users"),
    (
        "MERGE INTO users u USING gone g ON u.id = g.id WHEN MATCHED AND g.x THEN DELETE;",
        "delete_all_rows:users",
    ),
    (
        "MERGE INTO users u USING x ON u.id = x.id WHEN NOT MATCHED BY SOURCE THEN DELETE;",
        "delete_all_rows:users",
    ),
    ("CREATE VIEW v AS SELECT * FROM users; DELETE FROM v;", "delete_all_rows:v"),
    ("CREATE TABLE p (id int); ALTER TABLE users INHERIT p; DELETE FROM p;", "delete_all_rows:p"),
    (
        "DELETE FROM pg_catalog.pg_attribute WHERE attrelid = 'users'::regclass;",
        "write_catalog:pg_catalog.pg_attribute",
    ),
    ("UPDATE pg_enum SET enumlabel = 'x' WHERE enumlabel = 'y';", "write_catalog:pg_enum"),
    ("SELECT lo_unlink(l.oid) FROM pg_largeobject_metadata l;", "destructive_call:lo_unlink"),
    // What is taken for the script's own and is not.
    ("ALTER TABLE users RENAME TO old; CREATE TABLE users (id int); DROP TABLE old;", "drop_table:old"),
    (
        "CREATE TABLE copy AS SELECT * FROM users; DROP TABLE users; ALTER TABLE copy RENAME TO users;",
        "drop_table:users",
    ),
    ("CREATE TEMP TABLE users (id int); DROP TABLE users; DROP TABLE users;", "drop_table:users"),
    ("CREATE TEMP TABLE users (id int); DROP TABLE public.users;", "drop_table:users"),
    ("CREATE TABLE users (id int); SET search_path = app; DROP TABLE users;", "drop_table:app.users"),
    ("SET search_path = app; CREATE TABLE users (id int); DROP TABLE public.users;", "drop_table:users"),
    ("SAVEPOINT s; CREATE TABLE users (id int); ROLLBACK TO s; DROP TABLE users;", "drop_table:users"),
    (
        "DO $$ BEGIN IF random() > 2 THEN CREATE TABLE users (id int); END IF; END $$; DROP TABLE users;",
        "drop_table:users",
    ),
    (
        "ALTER TABLE t RENAME a TO b; ALTER TABLE t ADD COLUMN a int; ALTER TABLE t DROP COLUMN b;",
        "drop_column:t.b",
    ),
    ("ALTER TABLE t ADD COLUMN IF NOT EXISTS a int; ALTER TABLE t DROP COLUMN a;", "drop_column:t.a"),
    ("CREATE INDEX IF NOT EXISTS i ON t (a); DROP INDEX i;", "drop_index:i"),
    (
        "CREATE TYPE e AS ENUM ('a'); ALTER TABLE t ALTER a TYPE e USING a::text::e; DROP TYPE e CASCADE;",
        "drop_type:e",
    ),
    ("ALTER TABLE t DROP COLUMN a, ADD COLUMN a int;", "drop_column:t.a"),
    // Values.
    ("ALTER TABLE t ALTER COLUMN price TYPE integer;", "lossy_type_change:t.price"),
    (
        "ALTER TABLE t ALTER price SET DATA TYPE numeric(6,2) USING price::numeric(6,2);",
        "lossy_type_change:t.price",
    ),
    ("ALTER TABLE t ALTER a TYPE text USING (NULL);", "lossy_type_change:t.a"),
    ("ALTER TABLE t ALTER a TYPE varchar(3) USING CAST(a AS varchar(3));", "lossy_type_change:t.a"),
    ("ALTER TABLE t ALTER at TYPE date USING at::date;", "lossy_type_change:t.at"),
    ("ALTER TABLE t ALTER a TYPE int USING length(a);", "lossy_type_change:t.a"),
    (
        "CREATE TYPE r_new AS ENUM ('a'); ALTER TABLE t ALTER r TYPE r_new USING (r::text::r_new); ALTER TYPE r RENAME TO r_old; ALTER TYPE r_new RENAME TO r; DROP TYPE r_old;",
        "remove_enum_value:r",
    ),
    ("ALTER TABLE t ALTER total DROP EXPRESSION;", "drop_expression:t.total"),
    ("ALTER SEQUENCE IF EXISTS s INCREMENT 1 RESTART 1;", "restart_sequence:s"),
    ("SELECT pg_catalog.setval('public.s', 1, false);", "restart_sequence:s"),
    ("ALTER TABLE logs DETACH PARTITION old CONCURRENTLY;", "detach_partition:old"),
    ("ALTER TABLE users SET SCHEMA attic;", "set_schema:users"),
    ("ALTER TABLE users SET UNLOGGED;", "set_unlogged:users"),
    // What cannot be read.
    ("\\i other.sql", "unparsed_sql:script"),
    ("DROP TABLE users; \\echo done", "drop_table:users"),
    ("SELECT 1; \0 DROP TABLE users;", "unparsed_sql:script"),
    ("SELECT 'open; DROP TABLE users;", "unparsed_sql:script"),
    ("/* open DROP TABLE users;", "unparsed_sql:script"),
    (
        "SET standard_conforming_strings = off; SELECT '\\'; DROP TABLE users; --';",
        "string_syntax:standard_conforming_strings",
    ),
    ("COPY users FROM PROGRAM 'psql -c \"DROP TABLE users\"';", "run_program:server"),
];

/// What breaks running code, fails on rows or keeps others waiting at least warns.
const BREAKING: &[(&str, &str)] = &[
    ("ALTER TABLE t RENAME a TO b;", "rename_column:t.a"),
    ("alter table if exists only users rename to people;", "rename_table:users"),
    ("DO $$ BEGIN ALTER TABLE t RENAME COLUMN a TO b; END $$;", "rename_column:t.a"),
    ("ALTER TYPE e RENAME VALUE 'a' TO 'b';", "rename_enum_value:e"),
    ("ALTER TABLE t ADD a text NOT NULL;", "required_column:t.a"),
    ("ALTER TABLE t ADD a text CONSTRAINT x NOT NULL DEFAULT NULL;", "required_column:t.a"),
    ("ALTER TABLE t ALTER a SET NOT NULL;", "set_not_null:t.a"),
    ("ALTER TABLE t ALTER a DROP DEFAULT;", "drop_default:t.a"),
    ("ALTER TABLE t ALTER a SET DEFAULT 1;", "change_default:t.a"),
    ("CREATE UNIQUE INDEX CONCURRENTLY i ON t (a);", "add_unique:i"),
    ("ALTER TABLE t ADD UNIQUE (a);", "add_unique:t"),
    ("ALTER TABLE t ADD CONSTRAINT p PRIMARY KEY (a, b);", "add_unique:t.p"),
    ("ALTER TABLE t ADD CONSTRAINT x EXCLUDE USING gist (r WITH &&);", "add_unique:t.x"),
    ("ALTER TABLE t ADD CHECK (a > 0);", "add_check:t"),
    ("ALTER TABLE t DROP CONSTRAINT t_pkey;", "drop_constraint:t.t_pkey"),
    ("ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b ON DELETE CASCADE;", "cascading_delete:a"),
    ("ALTER TABLE t ALTER a TYPE varchar(10);", "type_change_may_fail:t.a"),
    ("ALTER TABLE t ALTER a TYPE bigint;", "rewrite_table:t"),
    ("ALTER TABLE t ADD id uuid DEFAULT gen_random_uuid();", "rewrite_table:t"),
    ("ALTER TABLE t ADD n bigserial;", "rewrite_table:t"),
    ("CREATE INDEX ON t (lower(a));", "create_index:t"),
    ("CREATE INDEX CONCURRENTLY i ON t (a); SELECT 1;", "not_alone:CREATE INDEX CONCURRENTLY"),
    ("ALTER TYPE e ADD VALUE 'x'; INSERT INTO t VALUES ('x');", "enum_value_used:e"),
    ("ALTER TABLE t DISABLE TRIGGER USER;", "disable_trigger:t.user"),
    ("SET LOCAL session_replication_role TO replica;", "disable_trigger:session_replication_role"),
    ("DROP TRIGGER a ON t;", "drop_trigger:t.a"),
    ("DROP FUNCTION IF EXISTS f(int, text);", "drop_function:f"),
    ("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM app;", "revoke:privileges"),
    ("DROP POLICY p ON t;", "change_policy:t.p"),
    ("ALTER TABLE t ENABLE ROW LEVEL SECURITY;", "change_policy:t"),
    ("CREATE RULE r AS ON UPDATE TO t DO INSTEAD NOTHING;", "create_rule:t.r"),
    ("LOCK t;", "lock_table:t"),
    ("VACUUM (FULL, ANALYZE) t;", "rewrite_table:t"),
    ("CALL archive();", "unseen_procedure:archive"),
];

/// Ways to call `s.f`.
const CALLS: &[&str] = &[
    "SELECT * FROM s.f();",
    "SELECT (s.f())::text;",
    "VALUES (s.f());",
    "INSERT INTO x SELECT s.f();",
    "DO $$ DECLARE x int := s.f(); BEGIN NULL; END $$;",
    "DO $$ BEGIN x := s.f(); END $$;",
    "DO $$ BEGIN IF s.f() > 1 THEN NULL; END IF; END $$;",
    "SELECT f();",
    "SET search_path = s; SELECT f();",
    "SELECT s . f ( );",
    "SELECT \"s\".\"f\"();",
    "SELECT * FROM ROWS FROM (s.f());",
    "SELECT 1 FROM t WHERE a = s.f();",
    "SELECT 1 ORDER BY s.f() LIMIT s.f();",
    "UPDATE t SET a = s.f() WHERE b = 1;",
    "CREATE AGGREGATE agg (int) (SFUNC = s.f, STYPE = int); SELECT agg(1);",
    "CREATE OPERATOR === (LEFTARG=int, RIGHTARG=int, FUNCTION = s.f);",
    "CREATE CAST (a AS b) WITH FUNCTION s.f();",
    "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION s.f();",
    "CREATE TRIGGER t AFTER INSERT ON x EXECUTE PROCEDURE s.f();",
    "ALTER TABLE t ALTER a TYPE int USING s.f();",
    "CREATE MATERIALIZED VIEW m AS SELECT s.f();",
    "COPY (SELECT s.f()) TO STDOUT;",
    "DO $$ BEGIN RETURN; PERFORM s.f(); END $$;",
    "DO $$ BEGIN FOR i IN 1..s.f() LOOP NULL; END LOOP; END $$;",
    "DO $$ BEGIN RAISE NOTICE '%', s.f(); END $$;",
    "DO $$ BEGIN EXECUTE 'SELECT s.f()'; END $$;",
    "CREATE VIEW v AS SELECT s.f(); SELECT * FROM v;",
    "DO $$ BEGIN ASSERT s.f() = 1; END $$;",
    "DO $$ BEGIN WHILE s.f() LOOP NULL; END LOOP; END $$;",
    "DO $$ BEGIN CASE s.f() WHEN 1 THEN NULL; END CASE; END $$;",
    "DO $$ BEGIN EXECUTE 'SELECT 1' USING s.f(); END $$;",
    "EXPLAIN ANALYZE SELECT s.f();",
    "CREATE TABLE n (a int DEFAULT s.f()); INSERT INTO n DEFAULT VALUES;",
    "DO $$ BEGIN RETURN QUERY SELECT s.f(); END $$;",
    "SELECT CASE WHEN true THEN s.f() END;",
    "SELECT s.f() OVER ();",
    "SELECT array(SELECT s.f());",
    "MERGE INTO t USING (SELECT s.f()) x ON true WHEN MATCHED THEN DO NOTHING;",
    "CREATE INDEX ON t ((s.f()));",
    "ALTER TABLE t ADD CHECK (s.f() = 1);",
    "CREATE POLICY p ON t USING (s.f() = 1);",
];

fn missed(cases: &[(&str, &str)], least: Severity) -> Vec<String> {
    let is_found = |sql: &str, wanted: &str| {
        findings(sql).iter().any(|finding| {
            format!("{}:{}", finding.rule, finding.object) == wanted && finding.severity >= least
        })
    };
    let of = |sql| {
        findings(sql).iter().map(|f| format!("{:?} {}:{}", f.severity, f.rule, f.object)).collect::<Vec<_>>()
    };
    cases
        .iter()
        .filter(|(sql, wanted)| !is_found(sql, wanted))
        .map(|(sql, wanted)| format!("{sql}\n    wanted {wanted}, found {:?}", of(sql)))
        .collect()
}

#[test]
fn what_loses_data_refuses_however_it_is_disguised() {
    let missed = missed(LOSING, Refuse);
    assert!(missed.is_empty(), "{} of {} missed:\n{}", missed.len(), LOSING.len(), missed.join("\n"));
}

#[test]
fn what_breaks_or_blocks_warns() {
    let missed = missed(BREAKING, Warn);
    assert!(missed.is_empty(), "{} of {} missed:\n{}", missed.len(), BREAKING.len(), missed.join("\n"));
}

#[test]
fn a_body_counts_wherever_it_is_called_from() {
    let body = "CREATE FUNCTION s.f() RETURNS int LANGUAGE sql AS 'DELETE FROM users; SELECT 1';";
    let is_found = |call: &str| {
        let found = findings(&format!("{body}\n{call}"));
        found.iter().any(|finding| finding.rule == "delete_all_rows" && finding.severity == Refuse)
            && found.iter().all(|finding| finding.rule != "unparsed_sql")
    };
    let missed: Vec<_> = CALLS.iter().filter(|call| !is_found(call)).collect();
    assert!(missed.is_empty(), "{missed:#?}");
    assert!(findings(body).iter().all(|finding| finding.severity == Severity::Info));
}
