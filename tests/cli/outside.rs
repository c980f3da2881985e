//! Renames and objects outside Prisma's model, with real Prisma CLIs.

use run_migration::{
    catalog::Catalog,
    external::{External, ExternalTable, advise},
    finding::Finding,
    guard::{
        self, Script, Terms, convergence,
        proof::{self, Proof},
        renames::{self, Rename},
        waiver::Waivers,
    },
    postgres::Role,
    prisma::Diff,
};

use crate::{
    effect::{migration, replayed, target},
    support::{
        prisma::{Site, VERSIONS, cli},
        server::{connect, server, unique},
    },
};

const BEFORE: &str = r#"
CREATE TABLE "User" ("id" SERIAL NOT NULL, "name" TEXT, "teamId" INTEGER, CONSTRAINT "User_pkey" PRIMARY KEY ("id"));
CREATE TABLE "Team" ("id" SERIAL NOT NULL, "label" TEXT NOT NULL, CONSTRAINT "Team_pkey" PRIMARY KEY ("id"));
CREATE INDEX "User_name_idx" ON "User"("name");
CREATE UNIQUE INDEX "Team_label_key" ON "Team"("label");
ALTER TABLE "User" ADD CONSTRAINT "User_teamId_fkey" FOREIGN KEY ("teamId") REFERENCES "Team"("id") ON DELETE SET NULL ON UPDATE CASCADE;
"#;

fn schema(models: &str) -> String {
    format!(
        "generator client {{\n  provider = \"prisma-client-js\"\n}}\ndatasource db {{\n  provider = \"postgresql\"\n  \
         url = env(\"DATABASE_URL\")\n}}\n{models}"
    )
}

/// What Prisma of `version` says the database `name` lacks.
async fn diff(version: &str, models: &str, name: &str) -> String {
    let text = schema(models);
    let without_url = text.replace("  url = env(\"DATABASE_URL\")\n", "");
    let mut site = Site::new(if version.starts_with('7') { &without_url } else { &text });
    site.named = Some(cli(version));
    match site.diff(&server().prisma_url(name, Role::Owner)).await.unwrap() {
        Diff::Empty => String::new(),
        Diff::Script(sql) => sql,
    }
}

/// A clone of the database `name`.
async fn clone(name: &str) -> String {
    let clone = unique("clone");
    server().clone_database(name, &clone).await.unwrap();
    clone
}

/// What is proved of `sql` upon the database `name`, and the findings.
async fn judged(name: &str, sql: &str) -> (Proof, Vec<Finding>) {
    let before = proof::before(target(name)).await.unwrap();
    let proof = proof::prove(&migration("20260102000000_x", sql), before, target(name)).await.unwrap();
    let origin = guard::origin::history([("20260101000000_before", BEFORE)]).unwrap();
    let terms = Terms { waivers: &Waivers::Ignored, proof: Some(&proof) };
    let findings = guard::inspect(&Script { file: None, sql }, &origin, terms).unwrap();
    (proof, findings)
}

fn refused(findings: &[Finding]) -> Vec<String> {
    let refusing = findings.iter().filter(|finding| finding.refuses());
    refusing.map(|finding| format!("{} {}", finding.rule, finding.object)).collect()
}

const RENAMED: &str = "
model Person {
  id       Int     @id @default(autoincrement())
  fullName String?
  nick     String?
  teamId   Int?
  team     Team?   @relation(fields: [teamId], references: [id])
  @@index([fullName])
  @@index([nick])
}
model Team {
  id      Int      @id @default(autoincrement())
  label   String   @unique
  members Person[]
}
";

#[tokio::test]
async fn a_rename_keeps_its_rows_and_converges() {
    for version in VERSIONS {
        let name = replayed(BEFORE).await;
        let rows = "INSERT INTO \"Team\" (label) VALUES ('a'); INSERT INTO \"User\" (name, \"teamId\") VALUES ('Ada', 1)";
        connect(&name).await.batch_execute(rows).await.unwrap();
        let before = proof::before(target(&name)).await.unwrap();
        let wanted: Vec<Rename> =
            ["User.name=fullName", "User=Person"].iter().map(|text| text.parse().unwrap()).collect();
        let renamed = renames::sql(&wanted, &before).unwrap();
        let shaped = clone(&name).await;
        connect(&shaped).await.batch_execute(&renamed).await.unwrap();
        let sql = format!("{renamed}\n{}", diff(version, RENAMED, &shaped).await);

        let (proof, findings) = judged(&name, &sql).await;
        assert!(refused(&findings).is_empty(), "{version}: {sql}\n{findings:#?}");
        assert!(findings.iter().any(|finding| finding.rule == "rename_column"));
        for named in ["Person_pkey", "Person_fullName_idx", "Person_nick_idx", "Person_teamId_fkey"] {
            assert!(sql.contains(named), "{version}: {named} is missing in {sql}");
        }
        let left = diff(version, RENAMED, &proof.database).await;
        assert_eq!(left, "", "{version}");
        let row = connect(&proof.database)
            .await
            .query_one("SELECT \"fullName\" FROM \"Person\"", &[])
            .await
            .unwrap();
        assert_eq!(row.get::<_, String>(0), "Ada");
    }
}

#[tokio::test]
async fn a_drop_and_an_add_of_the_same_shape_are_offered_as_a_rename() {
    let name = replayed(BEFORE).await;
    let sql = diff(VERSIONS[1], RENAMED, &clone(&name).await).await;
    let (proof, mut findings) = judged(&name, &sql).await;
    renames::advise(&mut findings, &proof.effect);
    // With a column of another name it is no longer the same table.
    assert!(refused(&findings).contains(&"drop_table User".into()), "{sql}");
    assert_eq!(renames::offers(&proof.effect), []);

    let models = RENAMED.replace("model Person", "model User").replace("Person[]", "User[]");
    let sql = diff(VERSIONS[1], &models, &clone(&name).await).await;
    let name = clone(&name).await;
    let (proof, mut findings) = judged(&name, &sql).await;
    renames::advise(&mut findings, &proof.effect);
    let finding = findings.iter().find(|finding| finding.rule == "drop_column").unwrap();
    assert!(finding.safer.contains("--rename User.name=fullName"), "{finding:#?}");
    assert!(finding.safer.contains("--rename User.name=nick"), "{finding:#?}");

    let models = RENAMED
        .replace("fullName", "name")
        .replace("  nick     String?\n", "")
        .replace("  @@index([nick])\n", "");
    let name = clone(&name).await;
    let sql = diff(VERSIONS[1], &models, &clone(&name).await).await;
    let (proof, mut findings) = judged(&name, &sql).await;
    renames::advise(&mut findings, &proof.effect);
    let finding = findings.iter().find(|finding| finding.rule == "drop_table").unwrap();
    assert!(finding.safer.contains("--rename User=Person"), "{finding:#?}");
}

/// By hand, beside what Prisma made.
const OUTSIDE: &str = r#"
ALTER TABLE "User" ADD COLUMN "data" JSONB, ADD COLUMN "search" tsvector GENERATED ALWAYS AS (to_tsvector('simple', coalesce(name, ''))) STORED;
CREATE INDEX user_data_gin ON "User" USING gin ("data");
CREATE INDEX user_name_include ON "User" ("name") INCLUDE ("teamId");
CREATE INDEX user_name_hash ON "User" USING hash ("name");
CREATE INDEX user_name_pattern ON "User" ("name" text_pattern_ops);
CREATE TYPE "Mood" AS ENUM ('GOOD', 'BAD');
CREATE TABLE "Audit" ("id" SERIAL PRIMARY KEY, "line" TEXT, "mood" "Mood");
"#;

const MODELS: &str = "
model User {
  id     Int     @id @default(autoincrement())
  name   String?
  data   Json?
  teamId Int?
  team   Team?   @relation(fields: [teamId], references: [id])
  @@index([name])
}
model Team {
  id      Int    @id @default(autoincrement())
  label   String @unique
  members User[]
}
";

const KEEP: [&str; 7] = [
    "index:user_data_gin",
    "index:user_name_include",
    "index:user_name_hash",
    "index:user_name_pattern",
    "column:User.search",
    "table:Audit",
    "enum:Mood",
];

fn external(keep: &[&str]) -> External {
    let keep = keep.iter().map(|text| text.parse().unwrap()).collect();
    External::load(&ExternalTable { keep, ..ExternalTable::default() }, "/".into(), None).unwrap()
}

/// A clone of the database `name` as Prisma is to see it.
async fn shaped(external: &External, name: &str) -> (String, Catalog) {
    let catalog = proof::before(target(name)).await.unwrap();
    let shaped = clone(name).await;
    external.hide(&catalog, target(&shaped)).await.unwrap();
    (shaped, catalog)
}

#[tokio::test]
async fn what_is_kept_is_never_dropped() {
    for version in VERSIONS {
        let name = replayed(&format!("{BEFORE}{OUTSIDE}")).await;
        let (kept, catalog) = shaped(&external(&KEEP), &name).await;
        assert_eq!(diff(version, MODELS, &kept).await, "", "{version}");
        assert!(external(&KEEP).unmatched(&catalog).is_empty());

        let sql = diff(version, MODELS, &clone(&name).await).await;
        let (_, mut findings) = judged(&name, &sql).await;
        advise(&mut findings, &catalog);
        for line in [
            "index:user_data_gin",
            "index:user_name_include",
            "column:User.search",
            "table:Audit",
            "enum:Mood",
        ] {
            let finding =
                findings.iter().find(|finding| finding.safer.contains(&format!("keep = [\"{line}\"]")));
            let finding = finding.unwrap_or_else(|| panic!("{version}: {line} is missing in {findings:#?}"));
            assert!(finding.refuses());
        }
        let include = findings.iter().find(|finding| finding.object == "user_name_include").unwrap();
        assert!(include.safer.contains("schema.prisma cannot express it (INCLUDE)"), "{}", include.safer);
    }
}

#[tokio::test]
async fn what_is_kept_but_lost_refuses_and_what_is_not_there_is_named() {
    let name = replayed(&format!("{BEFORE}{OUTSIDE}")).await;
    let external = external(&["index:user_name_hash", "index:no_such_index"]);
    let (proof, _) = judged(&name, "ALTER TABLE \"User\" DROP COLUMN \"name\" CASCADE;").await;
    let lost = external.lost(&proof.effect);
    assert_eq!(lost.len(), 1);
    assert!(
        lost[0].object == "user_name_hash" && lost[0].because.contains("index:user_name_hash"),
        "{lost:?}"
    );
    assert_eq!(external.unmatched(&proof.effect.before), ["index:no_such_index"]);
}

#[tokio::test]
async fn what_something_else_needs_cannot_be_hidden() {
    let name = replayed(&format!("{BEFORE}{OUTSIDE}")).await;
    let catalog = proof::before(target(&name)).await.unwrap();
    let error = external(&["enum:Mood"]).hide(&catalog, target(&clone(&name).await)).await.unwrap_err();
    assert!(error.to_string().contains("something that is not kept depends on it"), "{error}");
    assert!(error.hint().is_some());
}

#[tokio::test]
async fn roles_come_before_the_history_and_objects_after_it() {
    let directory = tempfile::tempdir().unwrap();
    let base = camino::Utf8Path::from_path(directory.path()).unwrap();
    let role = unique("reader");
    std::fs::write(base.join("before.sql"), format!("CREATE ROLE {role};\nCREATE SCHEMA audit;")).unwrap();
    let setup = "CREATE INDEX late ON \"User\" (name);\nCREATE INDEX missing ON \"Nobody\" (a);\nCREATE INDEX \"User_name_idx\" ON \"User\"(\"name\");";
    std::fs::write(base.join("setup.sql"), setup).unwrap();
    let table = ExternalTable {
        keep: Vec::new(),
        before: Some("before.sql".into()),
        setup: Some("setup.sql".into()),
    };
    let external = External::load(&table, base, None).unwrap();
    let name = crate::support::server::database("").await;
    external.prepare(target(&name)).await.unwrap();
    let client = connect(&name).await;
    client
        .batch_execute(&format!(
            "{BEFORE} CREATE TABLE audit.log (a int); GRANT SELECT ON audit.log TO {role}"
        ))
        .await
        .unwrap();
    let notes = external.set_up(target(&name)).await.unwrap();
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0].ends_with("setup.sql:2: left out: relation \"Nobody\" does not exist"), "{notes:?}");
    client.query_one("SELECT 1 FROM pg_class WHERE relname = 'late'", &[]).await.unwrap();

    std::fs::write(base.join("setup.sql"), "CREATE INDEX\nbroken ON \"User\" (;").unwrap();
    let broken = External::load(&table, base, None).unwrap();
    assert_ne!(broken.fingerprint(), external.fingerprint());
    let error = broken.set_up(target(&name)).await.unwrap_err().to_string();
    assert!(error.contains("setup.sql:1: ERROR 42601"), "{error}");
    assert!(External::load(&table, "/nowhere".into(), None).unwrap_err().to_string().contains("/nowhere/"));
}

#[tokio::test]
async fn what_stays_different_is_named() {
    let name = replayed(BEFORE).await;
    let models = MODELS.replace("  data   Json?\n", "  age    Int?\n");
    let left = diff(VERSIONS[1], &models, &name).await;
    let error = convergence::check(&Diff::Script(left)).unwrap_err();
    assert_eq!(error.0.len(), 1, "{error}");
    assert!(error.0[0].contains("ADD COLUMN     \"age\""), "{error}");
}
