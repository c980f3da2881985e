//! Changes of a schema, from the schema to the verdict: the SQL is what a real Prisma writes.

use run_migration::{
    finding::{Finding, Severity},
    guard::{self, Script, Terms, proof, renames, waiver::Waivers},
    postgres::Role,
    prisma::{Diff, Toolchain},
};

use crate::{
    effect::{forget, migration, replayed, target},
    support::{
        prisma::{Site, cli},
        server::server,
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
    let sql = bench.diff(schema, base).await;
    let catalog = proof::before(target(base)).await.unwrap();
    let proof = proof::prove(&migration("20260102000000_x", &sql), catalog, target(base)).await.unwrap();
    let origin = guard::origin::history([("20260101000000_before", before)]).unwrap();
    let terms = Terms { waivers: &Waivers::Ignored, proof: Some(&proof) };
    let mut findings = guard::inspect(&Script { file: None, sql: &sql }, &origin, terms).unwrap();
    renames::advise(&mut findings, &proof.effect);
    forget(&proof).await;
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
