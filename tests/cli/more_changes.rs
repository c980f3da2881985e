//! More changes of a schema, by the SQL that Prisma writes for them: 5.4.2, 6.19.0 and 7.10.1 write the same.

use run_migration::finding::{Finding, Severity};

use crate::effect::found;

const SHOP: &str = r#"
CREATE TYPE "Kind" AS ENUM ('NEW', 'USED', 'OLD');
CREATE TABLE "Owner" ("id" INTEGER NOT NULL, CONSTRAINT "Owner_pkey" PRIMARY KEY ("id"));
CREATE TABLE "Box" ("id" SERIAL NOT NULL, CONSTRAINT "Box_pkey" PRIMARY KEY ("id"));
CREATE TABLE "Pair" (
    "a" INTEGER NOT NULL, "b" INTEGER NOT NULL, "c" TEXT NOT NULL, CONSTRAINT "Pair_pkey" PRIMARY KEY ("a","b")
);
CREATE TABLE "_BoxToOwner" ("A" INTEGER NOT NULL, "B" INTEGER NOT NULL);
CREATE UNIQUE INDEX "_BoxToOwner_AB_unique" ON "_BoxToOwner"("A", "B");
CREATE TABLE "Item" (
    "id" SERIAL NOT NULL, "code" UUID NOT NULL, "label" TEXT NOT NULL DEFAULT 'x', "note" TEXT,
    "count" INTEGER NOT NULL DEFAULT 0, "big" BIGINT NOT NULL, "ratio" DOUBLE PRECISION NOT NULL,
    "price" DECIMAL(10,4) NOT NULL, "at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "zoned" TIMESTAMPTZ(6) NOT NULL, "day" DATE, "flag" BOOLEAN NOT NULL DEFAULT false, "data" JSONB NOT NULL,
    "raw" BYTEA, "nums" INTEGER[], "kind" "Kind" NOT NULL DEFAULT 'NEW', "kinds" "Kind"[],
    "ownerId" INTEGER NOT NULL, "boxId" INTEGER,
    CONSTRAINT "Item_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "Item_label_count_key" ON "Item"("label", "count");
CREATE INDEX "Item_note_count_idx" ON "Item"("note", "count");
ALTER TABLE "Item" ADD CONSTRAINT "Item_ownerId_fkey" FOREIGN KEY ("ownerId") REFERENCES "Owner"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "Item" ADD CONSTRAINT "Item_boxId_fkey" FOREIGN KEY ("boxId") REFERENCES "Box"("id") ON DELETE SET NULL ON UPDATE CASCADE;
"#;

/// Rules that only say who has to wait.
const WAITS: [&str; 3] = ["rewrite_table", "create_index", "lock_table"];

/// What is found but for who has to wait, the worst first: `refuse drop_column Item.note`.
async fn told(sql: &str) -> (Vec<String>, Vec<Finding>) {
    let mut findings = found(SHOP, sql).await;
    findings.retain(|finding| finding.severity > Severity::Info && !WAITS.contains(&finding.rule));
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let word = |finding: &Finding| if finding.refuses() { "refuse" } else { "warn" };
    let told = findings.iter().map(|one| format!("{} {} {}", word(one), one.rule, one.object)).collect();
    (told, findings)
}

#[tokio::test]
async fn what_loses_something_refuses() {
    for (sql, wanted) in [
        // Int to Boolean: a cast that Prisma does not try.
        (
            "ALTER TABLE \"Item\" DROP COLUMN \"count\",\nADD COLUMN     \"count\" BOOLEAN NOT NULL DEFAULT false;",
            &["refuse drop_column Item.count"][..],
        ),
        (
            "ALTER TABLE \"Item\" ALTER COLUMN \"big\" SET DATA TYPE DOUBLE PRECISION;",
            &["refuse lossy_type_change Item.big"],
        ),
        (
            "ALTER TABLE \"Item\" ALTER COLUMN \"ratio\" SET DATA TYPE REAL;",
            &["refuse lossy_type_change Item.ratio"],
        ),
        (
            "ALTER TABLE \"Item\" ALTER COLUMN \"price\" SET DATA TYPE INTEGER;",
            &["refuse lossy_type_change Item.price"],
        ),
        (
            "ALTER TABLE \"Item\" ALTER COLUMN \"zoned\" SET DATA TYPE TIMESTAMPTZ(3);",
            &["refuse lossy_type_change Item.zoned"],
        ),
        (
            "ALTER TABLE \"Item\" ALTER COLUMN \"raw\" SET DATA TYPE TEXT;",
            &["refuse lossy_type_change Item.raw"],
        ),
        ("DROP TABLE \"_BoxToOwner\";", &["refuse drop_table _BoxToOwner"]),
        (
            "ALTER TABLE \"Box\" ALTER COLUMN \"id\" DROP DEFAULT;\nDROP SEQUENCE \"Box_id_seq\";",
            &["refuse drop_sequence Box_id_seq", "warn drop_default Box.id"],
        ),
        (
            "DROP INDEX \"Item_label_count_key\";\nCREATE UNIQUE INDEX \"Item_label_key\" ON \"Item\"(\"label\");",
            &["refuse drop_index Item_label_count_key", "warn add_unique Item_label_key"],
        ),
        (
            "DROP INDEX \"Item_note_count_idx\";\nCREATE INDEX \"Item_note_count_idx\" ON \"Item\"(\"note\", \"count\" DESC);",
            &["refuse drop_index Item_note_count_idx"],
        ),
    ] {
        let (told, findings) = told(sql).await;
        assert_eq!(told, wanted, "{sql}\n{findings:#?}");
        assert!(!findings[0].proof.is_empty(), "{findings:#?}");
    }
}

#[tokio::test]
async fn a_label_that_goes_is_one_loss_wherever_it_is_used() {
    let sql = r#"BEGIN;
CREATE TYPE "Kind_new" AS ENUM ('NEW', 'USED');
ALTER TABLE "Item" ALTER COLUMN "kind" DROP DEFAULT;
ALTER TABLE "Item" ALTER COLUMN "kind" TYPE "Kind_new" USING ("kind"::text::"Kind_new");
ALTER TABLE "Item" ALTER COLUMN "kinds" TYPE "Kind_new"[] USING ("kinds"::text::"Kind_new"[]);
ALTER TYPE "Kind" RENAME TO "Kind_old";
ALTER TYPE "Kind_new" RENAME TO "Kind";
DROP TYPE "Kind_old";
ALTER TABLE "Item" ALTER COLUMN "kind" SET DEFAULT 'NEW';
COMMIT;
"#;
    let (told, findings) = told(sql).await;
    assert_eq!(told[0], "refuse remove_enum_value Kind");
    assert!(findings[1..].iter().all(|finding| !finding.refuses()), "{findings:#?}");
    let proof = findings[0].proof.join("\n");
    for column in ["Item.kind fails: 22P02", "Item.kinds fails: 22P02"] {
        assert!(proof.contains(column), "{proof}");
    }
}

#[tokio::test]
async fn what_may_fail_or_surprise_warns() {
    for (sql, wanted, says) in [
        (
            "ALTER TABLE \"Item\" ALTER COLUMN \"count\" SET DATA TYPE SMALLINT;",
            &["warn type_change_may_fail Item.count"][..],
            "22003",
        ),
        (
            "ALTER TABLE \"Item\" ALTER COLUMN \"count\" SET DATA TYPE DECIMAL(5,2);",
            &["warn type_change_may_fail Item.count"],
            "22003",
        ),
        (
            "ALTER TABLE \"Item\" ALTER COLUMN \"price\" SET DATA TYPE DECIMAL(10,6);",
            &["warn type_change_may_fail Item.price"],
            "22003",
        ),
        (
            "ALTER TABLE \"Item\" ALTER COLUMN \"at\" SET DATA TYPE TIMESTAMPTZ(3);",
            &["warn type_change_may_fail Item.at"],
            "time zone",
        ),
        (
            "ALTER TABLE \"Item\" ALTER COLUMN \"zoned\" SET DATA TYPE TIMESTAMP(6);",
            &["warn type_change_may_fail Item.zoned"],
            "time zone",
        ),
        (
            "ALTER TABLE \"Item\" ALTER COLUMN \"note\" SET NOT NULL,\nALTER COLUMN \"note\" SET DEFAULT 'n';",
            &["warn set_not_null Item.note"],
            "23502",
        ),
        (
            "ALTER TABLE \"Item\" DROP CONSTRAINT \"Item_boxId_fkey\";\nALTER TABLE \"Item\" ALTER COLUMN \"boxId\" SET NOT NULL;\nALTER TABLE \"Item\" ADD CONSTRAINT \"Item_boxId_fkey\" FOREIGN KEY (\"boxId\") REFERENCES \"Box\"(\"id\") ON DELETE RESTRICT ON UPDATE CASCADE;",
            &["warn set_not_null Item.boxId"],
            "23502",
        ),
        (
            "ALTER TABLE \"Item\" DROP CONSTRAINT \"Item_ownerId_fkey\";\nALTER TABLE \"Item\" ADD CONSTRAINT \"Item_ownerId_fkey\" FOREIGN KEY (\"ownerId\") REFERENCES \"Owner\"(\"id\") ON DELETE CASCADE ON UPDATE CASCADE;",
            &["warn cascading_delete Item.Item_ownerId_fkey"],
            "ON DELETE CASCADE",
        ),
        (
            "CREATE UNIQUE INDEX \"Item_ownerId_key\" ON \"Item\"(\"ownerId\");",
            &["warn add_unique Item_ownerId_key"],
            "23505",
        ),
        (
            "ALTER TABLE \"Pair\" DROP CONSTRAINT \"Pair_pkey\",\nADD CONSTRAINT \"Pair_pkey\" PRIMARY KEY (\"a\");",
            &["warn drop_constraint Pair.Pair_pkey", "warn add_unique Pair.Pair_pkey"],
            "PRIMARY KEY (a) instead of PRIMARY KEY (a, b)",
        ),
        (
            "ALTER TABLE \"Pair\" DROP CONSTRAINT \"Pair_pkey\",\nADD CONSTRAINT \"Pair_pkey\" PRIMARY KEY (\"a\", \"b\", \"c\");",
            &["warn drop_constraint Pair.Pair_pkey"],
            "PRIMARY KEY (a, b, c) instead of PRIMARY KEY (a, b)",
        ),
        (
            "ALTER TABLE \"Pair\" ADD COLUMN     \"k\" \"Kind\" NOT NULL;",
            &["warn required_column Pair.k"],
            "23502",
        ),
        (
            "ALTER TABLE \"Item\" ALTER COLUMN \"kind\" SET DEFAULT 'USED';",
            &["warn change_default Item.kind"],
            "USED",
        ),
    ] {
        let (told, findings) = told(sql).await;
        assert_eq!(told, wanted, "{sql}\n{findings:#?}");
        let text = format!("{} {}", findings[0].why, findings[0].proof.join(" "));
        assert!(text.contains(says), "{sql}\n{findings:#?}");
    }
}

#[tokio::test]
async fn what_keeps_every_value_passes() {
    for sql in [
        "ALTER TABLE \"Item\" ALTER COLUMN \"count\" SET DEFAULT 0,\nALTER COLUMN \"count\" SET DATA TYPE DECIMAL(65,30);",
        "ALTER TABLE \"Item\" ALTER COLUMN \"count\" SET DEFAULT 0,\nALTER COLUMN \"count\" SET DATA TYPE DOUBLE PRECISION;",
        "ALTER TABLE \"Item\" ALTER COLUMN \"big\" SET DATA TYPE TEXT;",
        "ALTER TABLE \"Item\" ALTER COLUMN \"flag\" SET DEFAULT 'false',\nALTER COLUMN \"flag\" SET DATA TYPE TEXT;",
        "ALTER TABLE \"Item\" ALTER COLUMN \"day\" SET DATA TYPE TIMESTAMP(3);",
        "ALTER TABLE \"Item\" ALTER COLUMN \"data\" SET DATA TYPE TEXT;",
        "ALTER TABLE \"Item\" ALTER COLUMN \"code\" SET DATA TYPE TEXT;",
        "ALTER TABLE \"Item\" ALTER COLUMN \"nums\" SET DATA TYPE BIGINT[];",
        "ALTER TABLE \"Item\" ALTER COLUMN \"price\" SET DATA TYPE DECIMAL(12,4);",
        "ALTER TABLE \"Item\" ALTER COLUMN \"note\" SET DEFAULT 'n';",
        "ALTER INDEX \"Item_note_count_idx\" RENAME TO \"own\";",
        "ALTER TABLE \"Item\" RENAME CONSTRAINT \"Item_ownerId_fkey\" TO \"fk\";",
        "CREATE SEQUENCE owner_id_seq;\nALTER TABLE \"Owner\" ALTER COLUMN \"id\" SET DEFAULT nextval('owner_id_seq');\nALTER SEQUENCE owner_id_seq OWNED BY \"Owner\".\"id\";",
        // A key and what points to it, together.
        "ALTER TABLE \"Item\" DROP CONSTRAINT \"Item_ownerId_fkey\";\nALTER TABLE \"Item\" ALTER COLUMN \"ownerId\" SET DATA TYPE TEXT;\nALTER TABLE \"Owner\" DROP CONSTRAINT \"Owner_pkey\",\nALTER COLUMN \"id\" SET DATA TYPE TEXT,\nADD CONSTRAINT \"Owner_pkey\" PRIMARY KEY (\"id\");\nALTER TABLE \"Item\" ADD CONSTRAINT \"Item_ownerId_fkey\" FOREIGN KEY (\"ownerId\") REFERENCES \"Owner\"(\"id\") ON DELETE RESTRICT ON UPDATE CASCADE;",
    ] {
        let (told, findings) = told(sql).await;
        assert!(told.is_empty(), "{sql}\n{findings:#?}");
    }
}
