//! What becomes of rows, tried on a real PostgreSQL with the SQL that Prisma writes.

use run_migration::finding::{Finding, Severity};

use crate::{effect::found, support::server::on_every_major};

/// A schema as Prisma makes it.
const SHOP: &str = r#"
CREATE TYPE "Status" AS ENUM ('ACTIVE', 'PAUSED', 'GONE');
CREATE TABLE "User" (
    "id" SERIAL NOT NULL, "email" TEXT NOT NULL, "name" TEXT, "nick" VARCHAR(50), "age" INTEGER,
    "score" DOUBLE PRECISION NOT NULL DEFAULT 0, "views" INTEGER NOT NULL DEFAULT 0,
    "big" BIGINT NOT NULL DEFAULT 0, "balance" DECIMAL(10,4), "tags" TEXT[], "flags" INTEGER[],
    "at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "data" JSONB, "raw" BYTEA,
    "status" "Status" NOT NULL DEFAULT 'ACTIVE', "approval_status" TEXT DEFAULT 'approved',
    CONSTRAINT "User_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "User_email_key" ON "User"("email");
CREATE TABLE "Post" (
    "id" TEXT NOT NULL, "title" TEXT NOT NULL, "authorId" INTEGER NOT NULL, "rating" INTEGER NOT NULL,
    CONSTRAINT "Post_pkey" PRIMARY KEY ("id"), CONSTRAINT stars CHECK (rating BETWEEN 3 AND 5)
);
CREATE INDEX "Post_title_idx" ON "Post"("title");
ALTER TABLE "Post" ADD CONSTRAINT "Post_authorId_fkey" FOREIGN KEY ("authorId") REFERENCES "User"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
"#;

/// Findings of `warn` and worse that are not about locks: severity, rule, object.
async fn judged(sql: &str) -> (String, Vec<Finding>) {
    let findings: Vec<Finding> = found(SHOP, sql)
        .await
        .into_iter()
        .filter(|finding| finding.severity >= Severity::Warn)
        .filter(|finding| !["rewrite_table", "lock_table", "create_index"].contains(&finding.rule))
        .collect();
    let severity = |finding: &Finding| if finding.severity == Severity::Refuse { "refuse" } else { "warn" };
    let told: Vec<_> = findings
        .iter()
        .map(|finding| format!("{} {} {}", severity(finding), finding.rule, finding.object))
        .collect();
    (told.join(", "), findings)
}

async fn expect(sql: &str, wanted: &str, said: &[&str]) {
    let (told, findings) = judged(sql).await;
    assert_eq!(told, wanted, "{sql}\n{findings:#?}");
    let text: String =
        findings.iter().map(|finding| format!("{} {:?}\n", finding.why, finding.proof)).collect();
    for words in said {
        assert!(text.contains(words), "{words:?} is missing in {text}");
    }
    for finding in &findings {
        assert!(finding.line.is_some() && !finding.proof.is_empty(), "{finding:#?}");
    }
}

#[tokio::test]
async fn silent_losses_refuse() {
    on_every_major(async || {
    for (sql, wanted, said) in [
        (
            "ALTER TABLE \"User\" ALTER COLUMN \"score\" SET DATA TYPE INTEGER;",
            "refuse lossy_type_change User.score",
            &["'1.75' becomes '2'", "22003"][..],
        ),
        (
            "ALTER TABLE \"User\" ALTER COLUMN \"balance\" SET DATA TYPE DECIMAL(6,2);",
            "refuse lossy_type_change User.balance",
            &["'1.1234' becomes '1.12'", "22003"],
        ),
        (
            "ALTER TABLE \"User\" ALTER COLUMN \"at\" SET DATA TYPE DATE;",
            "refuse lossy_type_change User.at",
            &["'2024-06-30 23:59:59.988' becomes '2024-06-30'"],
        ),
        (
            "ALTER TABLE \"User\" ALTER COLUMN \"tags\" SET NOT NULL,\nALTER COLUMN \"tags\" SET DATA TYPE TEXT;",
            "warn set_not_null User.tags, refuse lossy_type_change User.tags",
            &["becomes the text '{", "23502"],
        ),
        (
            "ALTER TABLE \"User\" DROP COLUMN \"name\",\nADD COLUMN     \"name\" INTEGER;",
            "refuse drop_column User.name",
            &["as integer instead of text"],
        ),
        (
            "ALTER TABLE \"User\" ALTER COLUMN \"raw\" SET DATA TYPE TEXT;",
            "refuse lossy_type_change User.raw",
            &["becomes the text '\\\\x"],
        ),
        (
            "ALTER TABLE \"User\" ALTER COLUMN \"age\" TYPE TEXT USING (NULL);",
            "refuse lossy_type_change User.age",
            &["NULL"],
        ),
        ("ALTER TABLE \"User\" DROP COLUMN \"nick\";", "refuse drop_column User.nick", &[]),
        ("DROP INDEX \"Post_title_idx\";", "refuse drop_index Post_title_idx", &[]),
        ("TRUNCATE \"Post\";", "refuse truncate Post", &["5 of 5 are gone"]),
        (
            "DO $$ BEGIN EXECUTE 'DELETE FROM \"Post\"'; END $$;",
            "refuse delete_all_rows Post",
            &["5 of 5 are gone"],
        ),
        ("UPDATE \"User\" SET \"name\" = 'x';", "refuse update_all_rows User", &["into 'x'"]),
    ] {
        expect(sql, wanted, said).await;
    }
    })
    .await;
}

#[tokio::test]
async fn a_removed_label_refuses_and_names_what_its_rows_do() {
    on_every_major(async || {
        let swap = r#"
-- AlterEnum
BEGIN;
CREATE TYPE "Status_new" AS ENUM ('ACTIVE', 'PAUSED');
ALTER TABLE "User" ALTER COLUMN "status" DROP DEFAULT;
ALTER TABLE "User" ALTER COLUMN "status" TYPE "Status_new" USING ("status"::text::"Status_new");
ALTER TYPE "Status" RENAME TO "Status_old";
ALTER TYPE "Status_new" RENAME TO "Status";
DROP TYPE "Status_old";
ALTER TABLE "User" ALTER COLUMN "status" SET DEFAULT 'ACTIVE';
COMMIT;
"#;
        expect(
            swap,
            "warn type_change_may_fail User.status, refuse remove_enum_value Status",
            &["a row with 'GONE' in User.status fails: 22P02"],
        )
        .await;
    })
    .await;
}

#[tokio::test]
async fn what_fails_on_rows_passes_with_a_warning_that_holds_the_sqlstate() {
    on_every_major(async || {
    for (sql, wanted, said) in [
        (
            "ALTER TABLE \"User\" ALTER COLUMN \"big\" SET DATA TYPE INTEGER;",
            "warn type_change_may_fail User.big",
            &["22003"][..],
        ),
        (
            "ALTER TABLE \"User\" ADD COLUMN \"code\" TEXT NOT NULL;",
            "warn required_column User.code",
            &["23502"],
        ),
        (
            "ALTER TABLE \"User\" ADD COLUMN \"uid\" UUID NOT NULL;",
            "warn required_column User.uid",
            &["23502"],
        ),
        (
            "CREATE UNIQUE INDEX \"User_nick_key\" ON \"User\"(\"nick\");",
            "warn add_unique User_nick_key",
            &["23505"],
        ),
        (
            "ALTER TABLE \"User\" ALTER COLUMN \"name\" SET NOT NULL;",
            "warn set_not_null User.name",
            &["23502"],
        ),
        (
            "ALTER TABLE \"User\" ALTER COLUMN \"nick\" SET DATA TYPE VARCHAR(10);",
            "warn type_change_may_fail User.nick",
            &["22001"],
        ),
        (
            "ALTER TABLE \"User\" ALTER COLUMN \"email\" SET DATA TYPE VARCHAR(100);",
            "warn type_change_may_fail User.email",
            &["22001"],
        ),
        (
            "ALTER TABLE \"User\" ALTER COLUMN \"approval_status\" SET DEFAULT 'active';",
            "warn change_default User.approval_status",
            &["Rows that exist keep the old value", "'active'::text instead of 'approved'::text"],
        ),
        (
            "ALTER TABLE \"User\" ALTER COLUMN \"approval_status\" DROP DEFAULT;",
            "warn drop_default User.approval_status",
            &[],
        ),
        (
            "ALTER TABLE \"Post\" DROP CONSTRAINT \"Post_authorId_fkey\";",
            "warn drop_constraint Post.Post_authorId_fkey",
            &[],
        ),
        (
            "ALTER TABLE \"Post\" ADD CONSTRAINT by_age FOREIGN KEY (\"rating\") REFERENCES \"User\" (id);",
            "warn add_foreign_key Post.by_age",
            &["23503"],
        ),
        (
            "ALTER TABLE \"User\" ADD CONSTRAINT grown CHECK (\"age\" >= 18);",
            "warn add_check User.grown",
            &["23514"],
        ),
        (
            "ALTER TABLE \"User\" ADD COLUMN \"code\" TEXT NOT NULL,\nALTER COLUMN \"score\" SET DATA TYPE INTEGER;",
            "warn required_column User.code, refuse lossy_type_change User.score",
            &["23502", "'1.75' becomes '2'"],
        ),
        ("ALTER TABLE \"User\" RENAME COLUMN \"name\" TO \"fullName\";", "warn rename_column User.name", &[]),
        ("ALTER TABLE \"Post\" RENAME TO \"Article\";", "warn rename_table Post", &[]),
        (
            "ALTER TABLE \"User\" ALTER COLUMN \"name\" TYPE INTEGER USING \"name\"::integer;",
            "warn type_change_may_fail User.name",
            &["22P02"],
        ),
    ] {
        expect(sql, wanted, said).await;
    }
    })
    .await;
}

#[tokio::test]
async fn what_loses_nothing_passes() {
    on_every_major(async || {
    for sql in [
        "ALTER TABLE \"User\" ALTER COLUMN \"views\" SET DATA TYPE BIGINT;",
        "ALTER TABLE \"User\" ALTER COLUMN \"views\" SET DATA TYPE TEXT;",
        "ALTER TABLE \"User\" ALTER COLUMN \"views\" SET DATA TYPE DOUBLE PRECISION;",
        "ALTER TABLE \"User\" ALTER COLUMN \"nick\" SET DATA TYPE TEXT;",
        "ALTER TABLE \"User\" ALTER COLUMN \"nick\" SET DATA TYPE VARCHAR(100);",
        "ALTER TABLE \"User\" ALTER COLUMN \"balance\" SET DATA TYPE DECIMAL(12,6);",
        "ALTER TABLE \"User\" ALTER COLUMN \"status\" DROP NOT NULL;",
        "CREATE TABLE \"Tag\" (\"id\" SERIAL NOT NULL, CONSTRAINT \"Tag_pkey\" PRIMARY KEY (\"id\"));",
        "CREATE TABLE \"Tag\" (\"id\" TEXT NOT NULL, \"postId\" TEXT NOT NULL, CONSTRAINT \"Tag_pkey\" PRIMARY KEY (\"id\"));\n\
         CREATE UNIQUE INDEX \"Tag_postId_key\" ON \"Tag\"(\"postId\");\n\
         ALTER TABLE \"Tag\" ADD CONSTRAINT \"Tag_postId_fkey\" FOREIGN KEY (\"postId\") REFERENCES \"Post\"(\"id\") ON DELETE CASCADE ON UPDATE CASCADE;",
        "ALTER TABLE \"Post\" ADD COLUMN \"editorId\" INTEGER;\nALTER TABLE \"Post\" ADD CONSTRAINT \"Post_editorId_fkey\" \
         FOREIGN KEY (\"editorId\") REFERENCES \"User\"(\"id\") ON DELETE SET NULL ON UPDATE CASCADE;",
        "ALTER TYPE \"Status\" ADD VALUE 'NEW';",
        "ALTER TABLE \"User\" ADD COLUMN \"level\" INTEGER NOT NULL DEFAULT 1;",
        "ALTER TABLE \"User\" ADD COLUMN \"note\" TEXT;",
        "ALTER TABLE \"User\" ADD COLUMN \"created\" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP;",
        "CREATE INDEX \"User_age_idx\" ON \"User\"(\"age\");",
        "CREATE UNIQUE INDEX \"User_id_email_key\" ON \"User\"(\"id\", \"email\");",
        "ALTER TABLE \"User\" ADD COLUMN \"code\" TEXT;\nUPDATE \"User\" SET \"code\" = \"email\";\n\
         ALTER TABLE \"User\" ALTER COLUMN \"code\" SET NOT NULL;\nCREATE UNIQUE INDEX k ON \"User\"(\"code\");",
    ] {
        expect(sql, "", &[]).await;
    }
    })
    .await;
}

#[tokio::test]
async fn rows_that_the_migration_mends_first_are_in_nobodys_way() {
    on_every_major(async || {
    let sql = "UPDATE \"User\" SET \"name\" = 'none' WHERE \"name\" IS NULL;\nALTER TABLE \"User\" ALTER COLUMN \"name\" SET NOT NULL;";
    expect(
        sql,
        "warn set_not_null User.name",
        &["tried with such rows on the temporary database: it passes"],
    )
    .await;
    })
    .await;
}

#[tokio::test]
async fn a_cascade_is_pointed_out() {
    on_every_major(async || {
    let sql = "ALTER TABLE \"Post\" ADD COLUMN \"editorId\" INTEGER;\nALTER TABLE \"Post\" ADD CONSTRAINT \
               \"Post_editorId_fkey\" FOREIGN KEY (\"editorId\") REFERENCES \"User\"(\"id\") ON DELETE CASCADE;";
    expect(
        sql,
        "warn cascading_delete Post.Post_editorId_fkey",
        &["deletes rows here too", "ON DELETE CASCADE"],
    )
    .await;
    })
    .await;
}

/// Whatever a table demands of its rows, some are made that it takes.
#[tokio::test]
async fn rows_are_made_that_the_table_takes() {
    on_every_major(async || {
    let change = "ALTER TABLE t ALTER COLUMN v SET DATA TYPE INTEGER;";
    for before in [
        "CREATE TABLE t (v float8 NOT NULL);",
        "CREATE TABLE t (id int PRIMARY KEY, v float8 CHECK (v > -1 AND v < 100));",
        "CREATE TABLE t (id int PRIMARY KEY, kind text NOT NULL CHECK (kind IN ('a', 'b')), v float8);",
        "CREATE TABLE t (id int PRIMARY KEY, a date NOT NULL, b date NOT NULL, v float8, CHECK (a < b));",
        "CREATE DOMAIN code AS varchar(3) CHECK (VALUE ~ '^[0-9]+$'); CREATE TABLE t (id code PRIMARY KEY, v float8);",
        "CREATE TABLE p (a int, b text, PRIMARY KEY (a, b)); CREATE TABLE t (id int PRIMARY KEY, a int NOT NULL, \
         b text NOT NULL, v float8, FOREIGN KEY (a, b) REFERENCES p);",
        "CREATE TABLE t (id int PRIMARY KEY, up int NOT NULL REFERENCES t (id), v float8);",
        "CREATE TABLE g (id int PRIMARY KEY); CREATE TABLE p (id int PRIMARY KEY, g int NOT NULL UNIQUE REFERENCES g); \
         CREATE TABLE t (id int PRIMARY KEY, p int NOT NULL REFERENCES p, q int NOT NULL REFERENCES p, v float8);",
        "CREATE TYPE pair AS (a int, b text); CREATE TYPE e AS ENUM ('x', 'y y'); CREATE TABLE t (id bigint GENERATED \
         ALWAYS AS IDENTITY PRIMARY KEY, two pair NOT NULL, es e[] NOT NULL, r int4range NOT NULL, j jsonb NOT NULL, b bytea \
         NOT NULL, i inet NOT NULL, len int GENERATED ALWAYS AS (cardinality(es)) STORED, v float8);",
        "CREATE TABLE t (a boolean NOT NULL, b varchar(1) NOT NULL, v float8, UNIQUE (a, b));",
        "CREATE TABLE t (id int PRIMARY KEY, v float8 UNIQUE);",
        "CREATE TABLE t (id int, day date, v float8, PRIMARY KEY (id, day)) PARTITION BY RANGE (day); \
         CREATE TABLE t_all PARTITION OF t DEFAULT;",
        "CREATE TABLE p (id float8 PRIMARY KEY); CREATE TABLE t (id int PRIMARY KEY, p float8 NOT NULL REFERENCES p, v float8);",
        "CREATE TABLE t (\"odd \"\"name\" text PRIMARY KEY, v float8); INSERT INTO t VALUES ('there', 3.5);",
    ] {
        let findings = found(before, change).await;
        let finding = findings.iter().find(|finding| finding.rule == "lossy_type_change");
        let finding = finding.unwrap_or_else(|| panic!("{before}\n{findings:#?}"));
        assert!(finding.proof.iter().any(|line| line == "'1.75' becomes '2'"), "{before}\n{finding:#?}");
    }
    })
    .await;
}

#[tokio::test]
async fn where_no_row_can_be_made_it_is_said() {
    on_every_major(async || {
    let guarded = "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not today'; END $$; \
                   CREATE TABLE t (id int PRIMARY KEY, v float8); \
                   CREATE TRIGGER no BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION no();";
    let told = async |sql: &str| {
        let findings = found(guarded, sql).await;
        let finding = findings.into_iter().find(|finding| finding.rule.contains("type_change")).unwrap();
        (finding.severity, finding.proof.join("; "))
    };
    let (severity, proof) = told("ALTER TABLE t ALTER v TYPE integer USING round(v / 2)::integer;").await;
    assert_eq!(severity, Severity::Refuse);
    assert!(proof.contains("not tried with rows: no row of t could be made: P0001 not today"), "{proof}");
    let (severity, _) = told("ALTER TABLE t ALTER v TYPE bigint;").await;
    assert_eq!(severity, Severity::Refuse);
    })
    .await;
}

/// Both ends of a relation change their type, the way Prisma writes it.
#[tokio::test]
async fn keys_of_a_relation_can_change_together() {
    on_every_major(async || {
    let sql = "ALTER TABLE \"Post\" DROP CONSTRAINT \"Post_authorId_fkey\";\n\
               ALTER TABLE \"User\" DROP CONSTRAINT \"User_pkey\",\nALTER COLUMN \"id\" SET DATA TYPE BIGINT,\n\
               ADD CONSTRAINT \"User_pkey\" PRIMARY KEY (\"id\");\n\
               ALTER TABLE \"Post\" ALTER COLUMN \"authorId\" SET DATA TYPE BIGINT;\n\
               ALTER TABLE \"Post\" ADD CONSTRAINT \"Post_authorId_fkey\" FOREIGN KEY (\"authorId\") REFERENCES \"User\"(\"id\") \
               ON DELETE RESTRICT ON UPDATE CASCADE;";
    // The same relation as before: nothing is left to warn of but the time that it takes.
    expect(sql, "", &[]).await;
    })
    .await;
}
