//! What real Prisma CLIs of every major answer, each on our engine, on a real PostgreSQL.

use run_migration::{
    catalog::{Catalog, Matching, compare, read},
    postgres::Role,
    prisma::{Diff, Error},
};

use crate::support::{
    prisma::{FIXTURE, Site, VERSIONS, install, replayed},
    server::{connect, database, server},
};

/// Everything that a schema of 5, 6 and 7 may hold and PostgreSQL has a counterpart for.
const RICH: &str = r#"// datasource db { provider = "mysql" }
generator client {
  provider        = "prisma-client-js"
  previewFeatures = ["views", "relationJoins"]
}

/* A block comment:
datasource db { provider = "sqlite" } */
datasource db {
  provider = "postgresql" // the one
  url      = env("DATABASE_URL")
}

enum Role {
  USER
  ADMIN @map("admin")

  @@map("roles")
}

model Account {
  id        Int       @id @default(autoincrement())
  uuid      String    @unique @default(dbgenerated("gen_random_uuid()")) @db.Uuid
  url       String?   @db.VarChar(200)
  directUrl String    @default("env(\"X\")")
  big       BigInt    @default(0)
  real      Float     @default(1.5)
  money     Decimal   @default(0) @db.Decimal(10, 2)
  flag      Boolean   @default(false)
  at        DateTime  @default(now()) @db.Timestamptz(6)
  day       DateTime? @db.Date
  raw       Bytes?
  json      Json      @default("{\"a\": [1, \"// no comment\"]}")
  tags      String[]  @default(["x", "y"])
  role      Role      @default(USER)
  roles     Role[]
  short     Int?      @db.SmallInt
  fixed     String?   @db.Char(3)
  ip        String?   @db.Inet
  posts     Post[]
  boss      Account?  @relation("Boss", fields: [bossId], references: [id], onDelete: SetNull)
  bossId    Int?
  staff     Account[] @relation("Boss")

  @@unique([url, fixed], map: "account_url_fixed")
  @@index([role, at(sort: Desc)])
  @@index([tags], type: Gin)
  @@index([day], type: Hash)
}

model Post {
  id       String  @default(cuid())
  locale   String
  author   Account @relation(fields: [authorId], references: [id], onDelete: Cascade, onUpdate: Restrict)
  authorId Int     @map("author_id")

  @@id([id, locale])
  @@map("posts")
}
"#;

/// One version for each build of the engine that we bring.
const EACH_ENGINE: [&str; 2] = ["5.4.2", "7.10.1"];

/// The sites of all versions with `schema`, and one that has no Prisma: the managed one serves there.
fn sites(schema: &str) -> Vec<(&'static str, Site)> {
    let mut sites: Vec<_> = VERSIONS.into_iter().map(|version| (version, site(version, schema))).collect();
    sites.push(("managed", Site::new(schema)));
    sites
}

fn site(version: &str, schema: &str) -> Site {
    let site = Site::new(schema);
    install(version, &site.root());
    site
}

fn url(database: &str) -> String {
    server().prisma_url(database, Role::Owner)
}

#[track_caller]
fn script(diff: Result<Diff, Error>) -> String {
    match diff {
        Ok(Diff::Script(script)) => script,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_rich_schema_is_built_alike_by_all_and_then_needs_nothing_more() {
    let empty = database("").await;
    let mut first: Option<String> = None;
    for (version, site) in sites(RICH) {
        let script = script(site.diff(&url(&empty)).await);
        assert!(script.ends_with(";\n") && !script.ends_with("\n\n"), "{version}: {script}");
        match &first {
            None => first = Some(script),
            Some(first) => assert_eq!(&script, first, "{version}"),
        }
    }
    let built = database(&first.unwrap()).await;
    for version in EACH_ENGINE {
        let site = site(version, RICH);
        assert_eq!(site.diff(&url(&built)).await.unwrap(), Diff::Empty, "{version}");
    }
}

#[tokio::test]
async fn what_prisma_sees_of_a_database_is_all_that_it_made() {
    let empty = database("").await;
    let made = script(site("5.4.2", RICH).diff(&url(&empty)).await);
    let unseen = "CREATE VIEW v AS SELECT 1; CREATE INDEX partial ON posts (locale) WHERE locale <> ''";
    let built = database(&format!("{made}; {unseen}")).await;
    let there = catalog(&built).await;
    for (version, site) in sites(RICH) {
        // It gives every index an order, which not every kind of index has.
        let made = script(site.made(&url(&built)).await).replace(" ASC", "");
        let again = database(&made).await;
        let lacks = compare(&catalog(&again).await, &there, Matching::Names);
        let lacks: Vec<_> = lacks.iter().map(|difference| difference.object.as_str()).collect();
        assert_eq!(lacks, ["partial", "v"], "{version}");
    }
}

async fn catalog(name: &str) -> Catalog {
    read(&connect(name).await).await.unwrap()
}

#[tokio::test]
async fn the_fixtures_pending_change_is_found_alike_by_all() {
    let schema = std::fs::read_to_string(format!("{FIXTURE}/schema.prisma")).unwrap();
    let replayed = replayed().await;
    for (_, site) in sites(&schema) {
        let script = script(site.diff(&url(&replayed)).await);
        insta::allow_duplicates! {
            insta::assert_snapshot!(script, @r#"
            -- AlterTable
            ALTER TABLE "book" ADD COLUMN     "subtitle" VARCHAR(200);

            -- AlterTable
            ALTER TABLE "reader" ADD COLUMN     "send_reminders" BOOLEAN NOT NULL DEFAULT true;

            -- CreateTable
            CREATE TABLE "reading_list" (
                "id" UUID NOT NULL DEFAULT gen_random_uuid(),
                "reader_id" UUID NOT NULL,
                "title" VARCHAR(80) NOT NULL,
                "isbns" TEXT[] DEFAULT ARRAY[]::TEXT[],
                "public" BOOLEAN NOT NULL DEFAULT false,
                "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

                CONSTRAINT "reading_list_pkey" PRIMARY KEY ("id")
            );

            -- CreateIndex
            CREATE UNIQUE INDEX "reading_list_reader_id_title_key" ON "reading_list"("reader_id", "title");

            -- AddForeignKey
            ALTER TABLE "reading_list" ADD CONSTRAINT "reading_list_reader_id_fkey" FOREIGN KEY ("reader_id") REFERENCES "reader"("id") ON DELETE CASCADE ON UPDATE CASCADE;
            "#);
        }
    }
}

const JOINED: &str = r#"datasource db {
  provider = "postgresql"
  url      = env("DATABASE_URL")
}

model Post {
  id   Int   @id
  tags Tag[]
}

model Tag {
  id    Int    @id
  posts Post[]
}
"#;

#[tokio::test]
async fn join_tables_are_made_and_left_as_the_major_does_it() {
    let empty = database("").await;
    let index = "CREATE UNIQUE INDEX \"_PostToTag_AB_unique\" ON \"_PostToTag\"(\"A\", \"B\");";
    let key = "CONSTRAINT \"_PostToTag_AB_pkey\" PRIMARY KEY (\"A\",\"B\")";
    let by_5 = script(site("5.4.2", JOINED).diff(&url(&empty)).await);
    assert!(by_5.contains(index) && !by_5.contains("_AB_pkey"), "{by_5}");
    let place = (by_5.find("_AB_unique").unwrap(), by_5.find("CREATE INDEX \"_PostToTag_B_index\"").unwrap());
    assert!(place.0 < place.1, "{by_5}");
    let by_6 = script(site("6.19.0", JOINED).diff(&url(&empty)).await);
    assert!(by_6.contains(key) && !by_6.contains("_AB_unique"), "{by_6}");

    let (made_by_5, made_by_6) = (database(&by_5).await, database(&by_6).await);
    assert_eq!(site("5.4.2", JOINED).diff(&url(&made_by_5)).await.unwrap(), Diff::Empty);
    assert_eq!(site("6.19.0", JOINED).diff(&url(&made_by_6)).await.unwrap(), Diff::Empty);
    let with_text = script(site("5.4.2", &JOINED.replace("Int", "String")).diff(&url(&empty)).await);
    for (before, to) in [(&by_5, "BigInt"), (&with_text, "Int")] {
        let after = site("5.4.2", &JOINED.replace("Int", to));
        let built = database(before).await;
        let change = script(after.diff(&url(&built)).await);
        assert!(!change.contains("_AB_pkey"), "{change}");
        connect(&built).await.batch_execute(&change).await.unwrap();
        assert_eq!(after.diff(&url(&built)).await.unwrap(), Diff::Empty, "{change}");
    }
    // From 6 on Prisma moves the tables of 5 over to a key, and so do we.
    let moved = script(site("6.19.0", JOINED).diff(&url(&made_by_5)).await);
    assert!(moved.contains("DROP INDEX \"_PostToTag_AB_unique\""), "{moved}");
}

#[tokio::test]
async fn objects_that_prisma_cannot_express_are_left_alone_or_dropped_alike_by_all() {
    let schema = "datasource db {\n  provider = \"postgresql\"\n  url = env(\"DATABASE_URL\")\n}\n\nmodel T {\n  id Int @id\n  a  String?\n  b  String?\n}\n";
    let database = database(
        r#"CREATE TABLE "T" (id int NOT NULL, a text, b text, CONSTRAINT "T_pkey" PRIMARY KEY (id));
           CREATE INDEX partial ON "T"(a) WHERE b IS NOT NULL;
           CREATE INDEX expression ON "T"(lower(a));
           CREATE INDEX including ON "T"(a) INCLUDE (b);
           CREATE VIEW v AS SELECT * FROM "T";
           CREATE DOMAIN word AS text CHECK (value <> '');
           CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
           ALTER TABLE "T" ADD CONSTRAINT c CHECK (a <> b), ENABLE ROW LEVEL SECURITY;"#,
    )
    .await;
    for version in EACH_ENGINE {
        let script = script(site(version, schema).diff(&url(&database)).await);
        assert_eq!(script, "-- DropIndex\nDROP INDEX \"including\";\n", "{version}");
    }
}

#[tokio::test]
async fn several_schemas_of_a_database_are_compared_alike_by_all() {
    let schema = r#"generator client {
  provider        = "prisma-client-js"
  previewFeatures = ["multiSchema"]
}

datasource db {
  provider = "postgresql"
  url      = env("DATABASE_URL")
  schemas  = ["public", "billing"]
}

model Account {
  id    Int    @id
  bills Bill[]

  @@schema("public")
}

model Bill {
  id       Int       @id
  accounts Account[]

  @@schema("billing")
}
"#;
    let empty = database("CREATE SCHEMA billing; CREATE SCHEMA other; CREATE TABLE other.t (id int)").await;
    let (mut with_key, mut with_index) = (Vec::new(), Vec::new());
    // Prisma 7 names the connection's own schema no more.
    let unqualified = |script: &str| script.replace("\"public\".", "");
    for version in VERSIONS {
        let script = script(site(version, schema).diff(&url(&empty)).await);
        assert!(
            script.contains("CREATE TABLE \"billing\".\"Bill\"") && !script.contains("other"),
            "{version}: {script}"
        );
        if version.starts_with('5') { with_index.push(script) } else { with_key.push(unqualified(&script)) }
    }
    assert!(with_key.windows(2).all(|pair| pair[0] == pair[1]), "{with_key:?}");
    let built = database(&format!("CREATE SCHEMA billing;{}", with_index[0])).await;
    assert_eq!(site("5.4.2", schema).diff(&url(&built)).await.unwrap(), Diff::Empty);
}

#[tokio::test]
async fn mistakes_in_the_schema_are_named_by_their_place_in_the_repository() {
    let broken = "datasource db {\n  provider = \"postgresql\"\n  url = env(\"DATABASE_URL\")\n}\n\nmodel T {\n  id Int @id\n  a  Strin\n  b  Nothing\n}\n";
    let empty = database("").await;
    for version in VERSIONS {
        let site = site(version, broken);
        let error = site.diff(&url(&empty)).await.unwrap_err();
        let Error::Schema { problems } = &error else { panic!("{version}: {error}") };
        let places: Vec<_> = problems.iter().map(|problem| (problem.path.clone(), problem.line)).collect();
        let schema = site.root().join("schema.prisma");
        assert_eq!(places, [(schema.clone(), 8), (schema, 9)], "{version}");
        assert!(problems[0].message.contains("Type \"Strin\" is neither a built-in type"), "{error}");
        assert!(error.to_string().starts_with("the schema is not valid\n"), "{error}");
    }
}

#[tokio::test]
async fn a_folder_of_files_is_one_schema() {
    let empty = database("").await;
    let folder = |version: Option<&str>| {
        let site = Site::bare(|_| Vec::new());
        site.write("run-migration.toml", "schema = \"db/schema\"\nmigrations = \"db/migrations\"\n");
        let generator = "generator c {\n  provider = \"prisma-client-js\"\n  previewFeatures = [\"prismaSchemaFolder\"]\n}\n";
        site.write("db/schema/main.prisma", &format!("{generator}datasource db {{\n  provider = \"postgresql\"\n  url = env(\"DATABASE_URL\")\n}}\n"));
        site.write("db/schema/models/a.prisma", "model A {\n  id Int @id\n  b  B[]\n}\n");
        site.write(
            "db/schema/models/b.prisma",
            "model B {\n  id  Int @id\n  aId Int\n  a   A @relation(fields: [aId], references: [id])\n}\n",
        );
        site.write("db/schema/notes.txt", "no schema");
        if let Some(version) = version {
            install(version, &site.root());
        }
        site
    };
    let mut scripts = Vec::new();
    for version in [Some("6.19.0"), Some("7.10.1"), None] {
        scripts.push(script(folder(version).diff(&url(&empty)).await));
    }
    assert!(
        scripts[0].contains("CREATE TABLE \"A\"") && scripts[0].contains("\"B_aId_fkey\""),
        "{}",
        scripts[0]
    );
    assert!(scripts.iter().all(|script| script == &scripts[0]), "{scripts:?}");

    let broken = folder(Some("6.19.0"));
    broken.write("db/schema/models/b.prisma", "model B {\n  id  Int @id\n  aId Int\n  a   Nothing\n}\n");
    let error = broken.diff(&url(&empty)).await.unwrap_err().to_string();
    assert!(error.contains(&format!("{}/db/schema/models/b.prisma:4: ", broken.root())), "{error}");

    let old = folder(Some("5.4.2"));
    let error = old.diff(&url(&empty)).await.unwrap_err();
    assert!(
        error.to_string().ends_with("is a folder, which Prisma 5.4.2 cannot read: 5.15 or newer can"),
        "{error}"
    );
}

#[tokio::test]
async fn the_databases_own_words_come_through() {
    let site = site("5.4.2", JOINED);
    let error = site.diff(&url("no_such_database")).await.unwrap_err().to_string();
    assert!(error.contains("Database `no_such_database` does not exist"), "{error}");
    let nobody = "postgresql://nobody@localhost:1/x?host=/no/such/directory";
    let error = site.diff(nobody).await.unwrap_err().to_string();
    assert!(error.contains("P1001") && error.contains("/no/such/directory"), "{error}");
}
