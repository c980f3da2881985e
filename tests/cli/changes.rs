//! Changes of a schema, from the schema to the verdict: the SQL is what a real Prisma writes.

use run_migration::{
    finding::{Finding, Severity},
    guard::{self, Script, Terms, proof, renames, waiver::Waivers},
    postgres::Role,
    prisma::{Diff, Toolchain},
};

use crate::{
    effect::{migration, replayed, target},
    support::{
        prisma::{Site, cli},
        server::{server, unique},
    },
};

const SCHEMA: &str = r#"
generator client {
  provider = "prisma-client-js"
}
datasource db {
  provider = "postgresql"
  url      = env("DATABASE_URL")
}
enum Status {
  ACTIVE
  PAUSED
  GONE
}
model User {
  id       Int      @id @default(autoincrement())
  email    String   @unique
  name     String?
  nick     String?  @db.VarChar(50)
  score    Float    @default(0)
  views    Int      @default(0)
  big      BigInt   @default(0)
  balance  Decimal  @db.Decimal(10, 4)
  seen     DateTime
  tags     String[]
  status   Status   @default(ACTIVE)
  approval String   @default("approved")
  posts    Post[]
}
model Post {
  id       String @id @default(uuid())
  title    String
  authorId Int
  author   User   @relation(fields: [authorId], references: [id])
  @@index([title])
}
model Log {
  id   Int    @id
  line String
}
"#;

/// What a change comes to.
enum Comes {
    /// Refused, with a finding of this rule on this object.
    Refused(&'static str, &'static str),
    /// Let through, with a warning that holds this SQLSTATE, or these words.
    Warned(&'static str),
    /// Let through, with nothing to say but that somebody may have to wait.
    Passed,
}
use Comes::{Passed, Refused, Warned};

/// What it is called, what is replaced by what in the schema, and what that comes to.
type Change = (&'static str, &'static [(&'static str, &'static str)], Comes);

const CHANGES: [Change; 32] = [
    (
        "Float to Int",
        &[("Float    @default(0)", "Int @default(0)")],
        Refused("lossy_type_change", "User.score"),
    ),
    (
        "Decimal narrowed",
        &[("@db.Decimal(10, 4)", "@db.Decimal(6, 2)")],
        Refused("lossy_type_change", "User.balance"),
    ),
    (
        "timestamp to date",
        &[("seen     DateTime", "seen DateTime @db.Date")],
        Refused("lossy_type_change", "User.seen"),
    ),
    ("list to scalar", &[("tags     String[]", "tags String?")], Refused("lossy_type_change", "User.tags")),
    ("String to Int", &[("name     String?", "name Int?")], Refused("drop_column", "User.name")),
    ("column dropped", &[("  name     String?\n", "")], Refused("drop_column", "User.name")),
    ("column renamed", &[("name     String?", "fullName String?")], Refused("drop_column", "User.name")),
    ("table renamed", &[("model Log", "model Journal")], Refused("drop_table", "Log")),
    (
        "table dropped",
        &[("model Log {\n  id   Int    @id\n  line String\n}\n", "")],
        Refused("drop_table", "Log"),
    ),
    ("index dropped", &[("  @@index([title])\n", "")], Refused("drop_index", "Post_title_idx")),
    ("unique dropped", &[("String   @unique", "String")], Refused("drop_index", "User_email_key")),
    ("enum label removed", &[("  PAUSED\n", "")], Refused("remove_enum_value", "Status")),
    ("enum label renamed", &[("  PAUSED\n", "  STOPPED\n")], Refused("remove_enum_value", "Status")),
    ("BigInt to Int", &[("big      BigInt", "big Int")], Warned("22003")),
    ("new required column", &[("  line String\n", "  line String\n  kind String\n")], Warned("23502")),
    (
        "client-side default",
        &[("  line String\n", "  line String\n  uid String @default(uuid())\n")],
        Warned("23502"),
    ),
    ("optional to required", &[("name     String?", "name String")], Warned("23502")),
    ("new unique", &[("name     String?", "name String? @unique")], Warned("23505")),
    ("VarChar narrowed", &[("VarChar(50)", "VarChar(10)")], Warned("22001")),
    ("Text to VarChar", &[("  title    String\n", "  title String @db.VarChar(20)\n")], Warned("22001")),
    ("default changed", &[("\"approved\"", "\"active\"")], Warned("Rows that exist keep the old value")),
    (
        "default dropped",
        &[("   @default(\"approved\")", ""), (" @default(\"approved\")", "")],
        Warned("DROP DEFAULT"),
    ),
    (
        "relation dropped",
        &[
            ("  author   User   @relation(fields: [authorId], references: [id])\n", ""),
            ("  posts    Post[]\n", ""),
        ],
        Warned("DROP CONSTRAINT"),
    ),
    ("Int to BigInt", &[("views    Int", "views BigInt")], Passed),
    ("Int to String", &[("views    Int      @default(0)", "views String @default(\"0\")")], Passed),
    ("required to optional", &[("seen     DateTime", "seen DateTime?")], Passed),
    ("new table", &[("model Log", "model Extra {\n  id Int @id\n}\nmodel Log")], Passed),
    (
        "new relation",
        &[
            (
                "  line String\n",
                "  line String\n  userId Int?\n  user User? @relation(fields: [userId], references: [id])\n",
            ),
            ("  posts    Post[]\n", "  posts    Post[]\n  logs Log[]\n"),
        ],
        Passed,
    ),
    (
        "new table with a relation that cascades",
        &[
            (
                "model Log",
                "model Note {\n  id Int @id\n  userId Int\n  user User @relation(fields: [userId], references: [id], onDelete: Cascade)\n}\nmodel Log",
            ),
            ("  posts    Post[]\n", "  posts    Post[]\n  notes Note[]\n"),
        ],
        Passed,
    ),
    ("enum label added", &[("  PAUSED\n", "  PAUSED\n  NEW\n")], Passed),
    ("column with a default", &[("  line String\n", "  line String\n  level Int @default(1)\n")], Passed),
    ("new index", &[("  line String\n", "  line String\n  @@index([line])\n")], Passed),
];

/// A schema and the CLI that reads it.
struct Bench {
    prisma: Toolchain,
    site: Site,
}

impl Bench {
    async fn new() -> Self {
        let mut site = Site::new(SCHEMA);
        site.named = Some(cli("5.4.2"));
        Self { prisma: site.locate().await.unwrap(), site }
    }

    /// What `schema` has and the database lacks.
    async fn diff(&self, schema: &str, database: &str) -> String {
        self.site.write("schema.prisma", schema);
        let url = server().prisma_url(database, Role::Owner);
        match self.site.diff_with(&self.prisma, &url).await.unwrap() {
            Diff::Empty => String::new(),
            Diff::Script(sql) => sql,
        }
    }
}

/// The findings on what Prisma makes of the change, and that.
async fn judged(bench: &Bench, (base, before): (&str, &str), schema: &str) -> (Vec<Finding>, String) {
    let name = unique("change");
    server().clone_database(base, &name).await.unwrap();
    let sql = bench.diff(schema, base).await;
    let catalog = proof::before(target(&name)).await.unwrap();
    let proof = proof::prove(&migration("20260102000000_x", &sql), catalog, target(&name)).await.unwrap();
    let origin = guard::origin::history([("20260101000000_before", before)]).unwrap();
    let terms = Terms { waivers: &Waivers::Ignored, proof: Some(&proof) };
    let mut findings = guard::inspect(&Script { file: None, sql: &sql }, &origin, terms).unwrap();
    renames::advise(&mut findings, &proof.effect);
    (findings, sql)
}

fn changed(replacements: &[(&str, &str)]) -> String {
    let schema = replacements.iter().fold(SCHEMA.to_owned(), |schema, (from, to)| schema.replace(from, to));
    assert_ne!(schema, SCHEMA, "{replacements:?} changes nothing");
    schema
}

#[tokio::test]
async fn every_change_is_judged_by_what_it_does() {
    let bench = Bench::new().await;
    let empty = replayed("").await;
    let before = bench.diff(SCHEMA, &empty).await;
    let base = replayed(&before).await;
    assert_eq!(bench.diff(SCHEMA, &base).await, "");
    for (what, replacements, comes) in CHANGES {
        let (findings, sql) = judged(&bench, (&base, &before), &changed(replacements)).await;
        let context = format!("{what}\n{sql}\n{findings:#?}");
        let refusing: Vec<_> = findings.iter().filter(|finding| finding.refuses()).collect();
        let warnings: Vec<_> = findings.iter().filter(|finding| finding.severity == Severity::Warn).collect();
        match comes {
            Refused(rule, object) => {
                let finding =
                    refusing.iter().find(|finding| finding.rule == rule && finding.object == object);
                let finding = finding.unwrap_or_else(|| panic!("{context}"));
                assert!(!finding.proof.is_empty() && finding.line.is_some(), "{context}");
                assert_eq!(finding.created_in.as_deref(), Some("20260101000000_before"), "{context}");
            }
            Warned(words) => {
                assert!(refusing.is_empty(), "{context}");
                let says = |finding: &&&Finding| {
                    let text = [&finding.why, &finding.statement, &finding.proof.join(" ")]
                        .map(String::as_str)
                        .join(" ");
                    text.contains(words) && !finding.proof.is_empty()
                };
                assert!(warnings.iter().any(|finding| says(&finding)), "{context}");
            }
            Passed => {
                let waits = ["rewrite_table", "create_index", "lock_table"];
                assert!(warnings.iter().all(|finding| waits.contains(&finding.rule)), "{context}");
                assert!(refusing.is_empty(), "{context}");
            }
        }
    }
}

#[tokio::test]
async fn a_new_name_is_offered_where_it_was_taken_for_a_loss() {
    let bench = Bench::new().await;
    let empty = replayed("").await;
    let before = bench.diff(SCHEMA, &empty).await;
    let base = replayed(&before).await;
    for (change, wanted) in [
        (("name     String?", "fullName String?"), "--rename User.name=fullName"),
        (("model Log", "model Journal"), "--rename Log=Journal"),
    ] {
        let (findings, _) = judged(&bench, (&base, &before), &changed(&[change])).await;
        assert!(
            findings.iter().any(|finding| finding.refuses() && finding.safer.contains(wanted)),
            "{findings:#?}"
        );
    }
}

const SHOP: &str = r#"
generator client {
  provider = "prisma-client-js"
}
datasource db {
  provider = "postgresql"
  url      = env("DATABASE_URL")
}
enum Kind {
  NEW
  USED
  OLD
}
enum Other {
  NEW
  USED
}
model Item {
  id      Int       @id @default(autoincrement())
  code    String    @db.Uuid
  ref     String    @unique @db.VarChar(40)
  label   String    @default("x")
  note    String?
  count   Int       @default(0)
  big     BigInt
  ratio   Float
  price   Decimal   @db.Decimal(10, 4)
  plain   Decimal
  at      DateTime  @default(now())
  zoned   DateTime  @db.Timestamptz(6)
  day     DateTime? @db.Date
  flag    Boolean   @default(false)
  data    Json
  text    Json      @db.Json
  raw     Bytes?
  tags    String[]
  nums    Int[]
  kind    Kind      @default(NEW)
  kinds   Kind[]
  fixed   String    @db.Char(8)
  ownerId Int
  owner   Owner     @relation(fields: [ownerId], references: [id])
  boxId   Int?
  box     Box?      @relation(fields: [boxId], references: [id])
  groups  Group[]
  @@unique([label, count])
  @@index([note, count])
}
model Owner {
  id    Int    @id
  items Item[]
}
model Box {
  id    Int    @id @default(autoincrement())
  items Item[]
}
model Group {
  id    Int    @id @default(autoincrement())
  items Item[]
}
model Pair {
  a Int
  b Int
  c String
  @@id([a, b])
}
"#;

const EXPLORE: &[(&str, &[(&str, &str)])] = &[
    ("Int to SmallInt", &[("count   Int       @default(0)", "count Int @default(0) @db.SmallInt")]),
    ("Int to Float", &[("count   Int       @default(0)", "count Float @default(0)")]),
    ("Int to Decimal", &[("count   Int       @default(0)", "count Decimal @default(0)")]),
    (
        "Int to small Decimal",
        &[("count   Int       @default(0)", "count Decimal @default(0) @db.Decimal(5, 2)")],
    ),
    ("Int to Boolean", &[("count   Int       @default(0)", "count Boolean @default(false)")]),
    ("BigInt to Float", &[("big     BigInt", "big Float")]),
    ("BigInt to String", &[("big     BigInt", "big String")]),
    ("Float to Decimal", &[("ratio   Float", "ratio Decimal")]),
    ("Float to Real", &[("ratio   Float", "ratio Float @db.Real")]),
    ("Float to String", &[("ratio   Float", "ratio String")]),
    ("Decimal to Float", &[("price   Decimal   @db.Decimal(10, 4)", "price Float")]),
    ("Decimal wider", &[("Decimal(10, 4)", "Decimal(12, 4)")]),
    ("Decimal scale down", &[("Decimal(10, 4)", "Decimal(10, 2)")]),
    ("Decimal scale up", &[("Decimal(10, 4)", "Decimal(10, 6)")]),
    ("Decimal fewer digits same scale", &[("Decimal(10, 4)", "Decimal(8, 4)")]),
    ("Decimal to Int", &[("price   Decimal   @db.Decimal(10, 4)", "price Int")]),
    ("Decimal plain to 10,2", &[("plain   Decimal\n", "plain Decimal @db.Decimal(10, 2)\n")]),
    (
        "timestamp to timestamptz",
        &[("at      DateTime  @default(now())", "at DateTime @default(now()) @db.Timestamptz(3)")],
    ),
    (
        "timestamptz to timestamp",
        &[("zoned   DateTime  @db.Timestamptz(6)", "zoned DateTime @db.Timestamp(6)")],
    ),
    ("timestamptz precision", &[("Timestamptz(6)", "Timestamptz(3)")]),
    ("timestamp to String", &[("at      DateTime  @default(now())", "at String")]),
    ("String to DateTime", &[("note    String?", "note DateTime?")]),
    ("date to timestamp", &[("day     DateTime? @db.Date", "day DateTime?")]),
    ("Boolean to String", &[("flag    Boolean   @default(false)", "flag String @default(\"f\")")]),
    ("Boolean to Int", &[("flag    Boolean   @default(false)", "flag Int @default(0)")]),
    ("Json to String", &[("data    Json\n", "data String\n")]),
    ("String to Json", &[("note    String?", "note Json?")]),
    ("jsonb to json", &[("data    Json\n", "data Json @db.Json\n")]),
    ("json to jsonb", &[("text    Json      @db.Json", "text Json")]),
    ("Text to Char", &[("note    String?", "note String? @db.Char(10)")]),
    ("Char to Text", &[("fixed   String    @db.Char(8)", "fixed String")]),
    ("Char wider", &[("Char(8)", "Char(12)")]),
    ("VarChar wider", &[("VarChar(40)", "VarChar(80)")]),
    ("VarChar to Text", &[("@db.VarChar(40)", "")]),
    ("Uuid to String", &[("code    String    @db.Uuid", "code String")]),
    ("String to Uuid", &[("note    String?", "note String? @db.Uuid")]),
    ("scalar to list", &[("note    String?", "note String[]")]),
    ("list of String to list of Int", &[("tags    String[]", "tags Int[]")]),
    ("list of Int to list of BigInt", &[("nums    Int[]", "nums BigInt[]")]),
    ("list of Int to list of String", &[("nums    Int[]", "nums String[]")]),
    ("Bytes to String", &[("raw     Bytes?", "raw String?")]),
    ("String to Bytes", &[("note    String?", "note Bytes?")]),
    ("enum to String", &[("kind    Kind      @default(NEW)", "kind String @default(\"NEW\")")]),
    ("enum to other enum", &[("kind    Kind      @default(NEW)", "kind Other @default(NEW)")]),
    ("String to enum", &[("note    String?", "note Kind?")]),
    ("enum default", &[("@default(NEW)", "@default(USED)")]),
    ("label removed, in a list too", &[("  OLD\n", "")]),
    (
        "label that is the default removed",
        &[("enum Kind {\n  NEW\n", "enum Kind {\n"), ("@default(NEW)", "@default(USED)")],
    ),
    ("label mapped", &[("  OLD\n", "  OLD @map(\"old\")\n")]),
    ("label added first", &[("enum Kind {\n", "enum Kind {\n  FIRST\n")]),
    ("labels added and removed", &[("  OLD\n", "  BROKEN\n")]),
    ("enum mapped", &[("  OLD\n}", "  OLD\n  @@map(\"kinds\")\n}")]),
    ("unused enum dropped", &[("enum Other {\n  NEW\n  USED\n}\n", "")]),
    ("optional to required with default", &[("note    String?", "note String @default(\"n\")")]),
    ("default added", &[("note    String?", "note String? @default(\"n\")")]),
    ("now removed", &[("  @default(now())", "")]),
    (
        "autoincrement removed",
        &[(
            "model Group {\n  id    Int    @id @default(autoincrement())",
            "model Group {\n  id    Int    @id",
        )],
    ),
    (
        "autoincrement added",
        &[(
            "model Owner {\n  id    Int    @id",
            "model Owner {\n  id    Int    @id @default(autoincrement())",
        )],
    ),
    (
        "id Int to BigInt",
        &[
            ("model Owner {\n  id    Int ", "model Owner {\n  id    BigInt "),
            ("ownerId Int", "ownerId BigInt"),
        ],
    ),
    (
        "id Int to String",
        &[
            ("model Owner {\n  id    Int ", "model Owner {\n  id    String "),
            ("ownerId Int", "ownerId String"),
        ],
    ),
    ("composite id narrowed", &[("@@id([a, b])", "@@id([a])")]),
    ("composite id widened", &[("@@id([a, b])", "@@id([a, b, c])")]),
    ("composite id order", &[("@@id([a, b])", "@@id([b, a])")]),
    ("composite unique removed", &[("  @@unique([label, count])\n", "")]),
    ("composite unique narrowed", &[("@@unique([label, count])", "@@unique([label])")]),
    (
        "composite unique added",
        &[("  @@unique([label, count])\n", "  @@unique([label, count])\n  @@unique([label, big])\n")],
    ),
    ("unique to index", &[("@@unique([label, count])", "@@index([label, count])")]),
    ("index columns changed", &[("@@index([note, count])", "@@index([count])")]),
    ("index renamed", &[("@@index([note, count])", "@@index([note, count], map: \"own\")")]),
    ("index sort", &[("@@index([note, count])", "@@index([note, count(sort: Desc)])")]),
    ("index type", &[("@@index([note, count])", "@@index([note, count])\n  @@index([note], type: Hash)")]),
    (
        "on delete cascade",
        &[(
            "@relation(fields: [ownerId], references: [id])",
            "@relation(fields: [ownerId], references: [id], onDelete: Cascade)",
        )],
    ),
    (
        "on delete no action",
        &[(
            "@relation(fields: [boxId], references: [id])",
            "@relation(fields: [boxId], references: [id], onDelete: NoAction)",
        )],
    ),
    ("relation to required", &[("boxId   Int?", "boxId Int"), ("box     Box?", "box Box")]),
    ("relation to optional", &[("ownerId Int", "ownerId Int?"), ("owner   Owner ", "owner Owner? ")]),
    (
        "relation to one",
        &[
            ("ownerId Int", "ownerId Int @unique"),
            (
                "model Owner {\n  id    Int    @id\n  items Item[]",
                "model Owner {\n  id    Int    @id\n  items Item?",
            ),
        ],
    ),
    ("foreign key renamed", &[("references: [id])\n  boxId", "references: [id], map: \"fk\")\n  boxId")]),
    ("table mapped", &[("@@id([a, b])", "@@id([a, b])\n  @@map(\"pairs\")")]),
    ("column mapped", &[("note    String?", "note String? @map(\"remark\")")]),
    (
        "many to many dropped",
        &[
            ("  groups  Group[]\n", ""),
            (
                "model Group {\n  id    Int    @id @default(autoincrement())\n  items Item[]",
                "model Group {\n  id    Int    @id @default(autoincrement())",
            ),
        ],
    ),
    (
        "many to many added",
        &[
            ("model Owner {\n  id    Int    @id\n", "model Owner {\n  id    Int    @id\n  boxes Box[]\n"),
            (
                "model Box {\n  id    Int    @id @default(autoincrement())\n",
                "model Box {\n  id    Int    @id @default(autoincrement())\n  owners Owner[]\n",
            ),
        ],
    ),
    ("new list", &[("  c String\n", "  c String\n  l String[]\n")]),
    ("new updatedAt", &[("  c String\n", "  c String\n  u DateTime @updatedAt\n")]),
    ("new required enum", &[("  c String\n", "  c String\n  k Kind\n")]),
    (
        "new required relation",
        &[
            (
                "  c String\n",
                "  c String\n  boxId Int\n  box Box @relation(fields: [boxId], references: [id])\n",
            ),
            (
                "model Box {\n  id    Int    @id @default(autoincrement())\n",
                "model Box {\n  id    Int    @id @default(autoincrement())\n  pairs Pair[]\n",
            ),
        ],
    ),
    ("new optional unique", &[("  c String\n", "  c String\n  o String? @unique\n")]),
    (
        "new column with a computed default",
        &[("  c String\n", "  c String\n  g String @default(dbgenerated(\"gen_random_uuid()\")) @db.Uuid\n")],
    ),
    (
        "referenced model dropped",
        &[
            ("model Box {\n  id    Int    @id @default(autoincrement())\n  items Item[]\n}\n", ""),
            ("  boxId   Int?\n  box     Box?      @relation(fields: [boxId], references: [id])\n", ""),
        ],
    ),
    (
        "only the relation dropped",
        &[
            (
                "model Box {\n  id    Int    @id @default(autoincrement())\n  items Item[]\n}\n",
                "model Box {\n  id    Int    @id @default(autoincrement())\n}\n",
            ),
            ("  box     Box?      @relation(fields: [boxId], references: [id])\n", ""),
        ],
    ),
    ("unique column dropped", &[("  ref     String    @unique @db.VarChar(40)\n", "")]),
    (
        "model split",
        &[
            ("  raw     Bytes?\n", ""),
            ("model Pair {", "model Blob {\n  id Int @id\n  raw Bytes?\n}\nmodel Pair {"),
        ],
    ),
];

#[tokio::test]
async fn explore() {
    let Ok(version) = std::env::var("EXPLORE") else { return };
    let mut site = Site::new(SHOP);
    site.named = Some(cli(&version));
    let bench = Bench { prisma: site.locate().await.unwrap(), site };
    let empty = replayed("").await;
    let before = bench.diff(SHOP, &empty).await;
    let base = replayed(&before).await;
    let rest = bench.diff(SHOP, &base).await;
    println!("REST {rest:?}");
    let only = std::env::var("ONLY").unwrap_or_default();
    for (what, replacements) in
        EXPLORE.iter().filter(|(what, _)| only.is_empty() || only.split(',').any(|one| what.starts_with(one)))
    {
        let schema = replacements.iter().fold(SHOP.to_owned(), |schema, (from, to)| {
            assert!(schema.contains(from), "{what}: {from}");
            schema.replace(from, to)
        });
        let (findings, sql) = judged(&bench, (&base, &before), &schema).await;
        println!("=== {what}");
        for line in sql.lines().filter(|line| !line.is_empty() && !line.starts_with("-- ")) {
            println!("    {line}");
        }
        for finding in &findings {
            println!(
                "  {:?} {} {} | {} | {}",
                finding.severity,
                finding.rule,
                finding.object,
                finding.why.lines().next().unwrap_or_default(),
                finding.proof.join(" ## ")
            );
        }
    }
}
