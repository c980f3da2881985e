//! Whole schemas of the kinds that people have: from nothing, then a change, then nothing more.

use std::path::Path;

use camino::Utf8Path;

use crate::support::{
    prisma,
    project::{Project, write},
    run::run,
};

/// A schema's life with one version of Prisma.
struct Life {
    version: &'static str,
    /// The file, or the folder, in `schemas/`.
    schema: &'static str,
    /// The file in it that changes, what stands there, and what stands there afterwards.
    changes: &'static [(&'static str, &'static str, &'static str)],
    /// What the first migration has to hold.
    made: &'static [&'static str],
    /// What the second one is.
    changed: &'static str,
}

/// Lives it, and checks it at the end as a pull request would be.
fn live(life: &Life) {
    let Life { version, schema, changes, made, changed } = life;
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/schemas").join(schema);
    let project = Project::new("main", |path| {
        write(&path.join(".gitignore"), "node_modules\n");
        copy(&from, &path.join(if from.is_dir() { "prisma/schema" } else { "prisma/schema.prisma" }));
    });
    prisma::install(version, Utf8Path::from_path(&project.path()).unwrap());
    let sql_of = |stdout: &str| std::fs::read_to_string(project.path().join(stdout.trim())).unwrap();

    let first = sql_of(&run(&project.path(), &["init_schema"]).expect(0).stdout);
    for wanted in *made {
        assert!(first.contains(wanted), "{schema}: {wanted} is missing in {first}");
    }
    project.commit("the schema");
    for (file, before, after) in *changes {
        let path = project.path().join("prisma").join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(before), "{before}");
        std::fs::write(&path, text.replacen(before, after, 1)).unwrap();
    }
    let second = sql_of(&run(&project.path(), &["second"]).expect(0).stdout);
    assert_eq!(second.trim(), changed.trim(), "{schema}");
    run(&project.path(), &["third"]).expect(0).says(&["No schema changes"]);
    project.commit("the change");
    run(&project.path(), &["check"]).expect(0);
}

fn copy(from: &Path, to: &Path) {
    if !from.is_dir() {
        return write(to, &std::fs::read_to_string(from).unwrap());
    }
    for entry in from.read_dir().unwrap().map(|entry| entry.unwrap()) {
        copy(&entry.path(), &to.join(entry.file_name()));
    }
}

#[test]
fn appointments() {
    live(&Life {
        version: "5.4.2",
        schema: "scheduling.prisma",
        changes: &[
            ("schema.prisma", "  CANCELLED\n", "  CANCELLED\n  AWAITING_HOST\n"),
            (
                "schema.prisma",
                "  bio           String?\n",
                "  bio           String?\n  phone         String? @unique @db.VarChar(20)\n",
            ),
            (
                "schema.prisma",
                "  hashed      HashedLink?\n",
                "  hashed      HashedLink?\n  webhooks    Webhook[]\n",
            ),
            ("schema.prisma", "  secret  String?\n", "  secret  String?\n  offers  Offer[]\n"),
        ],
        made: &[
            "CREATE TYPE \"membership_role\" AS ENUM ('MEMBER', 'admin', 'owner');",
            "\"preferences\" JSONB NOT NULL DEFAULT '{\"weekStart\": 1, \"theme\": \"light // dark\"}'",
            "CREATE UNIQUE INDEX \"people_email_zone\" ON \"people\"(\"email\", \"time_zone\");",
            "CREATE INDEX \"Schedule_ownerId_idx\" ON \"Schedule\" USING HASH (\"ownerId\");",
            "CREATE INDEX \"Offer_metadata_idx\" ON \"Offer\" USING GIN (\"metadata\" jsonb_path_ops);",
            "CONSTRAINT \"host_key\" PRIMARY KEY (\"personId\",\"offerId\")",
            "CREATE UNIQUE INDEX \"_Favourite_AB_unique\" ON \"_Favourite\"(\"A\", \"B\");",
            "FOREIGN KEY (\"parentId\") REFERENCES \"Team\"(\"id\") ON DELETE CASCADE ON UPDATE NO ACTION;",
            "DEFAULT (CURRENT_TIMESTAMP AT TIME ZONE 'utc'::text)",
            "\"opens\" TIME(0) NOT NULL",
        ],
        changed: r#"-- AlterEnum
ALTER TYPE "BookingState" ADD VALUE 'AWAITING_HOST';

-- AlterTable
ALTER TABLE "people" ADD COLUMN     "phone" VARCHAR(20);

-- CreateTable
CREATE TABLE "_OfferToWebhook" (
    "A" INTEGER NOT NULL,
    "B" TEXT NOT NULL
);

-- CreateIndex
CREATE UNIQUE INDEX "_OfferToWebhook_AB_unique" ON "_OfferToWebhook"("A", "B");

-- CreateIndex
CREATE INDEX "_OfferToWebhook_B_index" ON "_OfferToWebhook"("B");

-- CreateIndex
CREATE UNIQUE INDEX "people_phone_key" ON "people"("phone");

-- AddForeignKey
ALTER TABLE "_OfferToWebhook" ADD CONSTRAINT "_OfferToWebhook_A_fkey" FOREIGN KEY ("A") REFERENCES "Offer"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "_OfferToWebhook" ADD CONSTRAINT "_OfferToWebhook_B_fkey" FOREIGN KEY ("B") REFERENCES "Webhook"("id") ON DELETE CASCADE ON UPDATE CASCADE;
"#,
    });
}

#[test]
fn forms() {
    live(&Life {
        version: "6.19.0",
        schema: "forms.prisma",
        changes: &[
            ("schema.prisma", "  consent\n}", "  consent\n  ranking\n}"),
            (
                "schema.prisma",
                "  counts    BigInt          @default(0)\n",
                "  counts    BigInt          @default(0)\n  endsAt    DateTime?       @db.Date\n",
            ),
            (
                "schema.prisma",
                "  @@index([workspaceId])\n}\n\nmodel Integration",
                "  @@index([workspaceId])\n  @@index([url])\n}\n\nmodel Integration",
            ),
            ("schema.prisma", "  stars     Int      @db.SmallInt\n", "  stars     Int      @default(3)\n"),
        ],
        made: &[
            "'enterprise-2024'",
            "\"rights\" \"Right\"[] DEFAULT ARRAY['read']::\"Right\"[]",
            "\"endings\" JSONB[] DEFAULT ARRAY[]::JSONB[]",
            "CREATE INDEX \"Response_data_idx\" ON \"Response\" USING GIN (\"data\");",
            "CREATE UNIQUE INDEX \"value_once\" ON \"Value\"(\"responseId\", \"elementId\");",
            "CONSTRAINT \"_ChoiceToValue_AB_pkey\" PRIMARY KEY (\"A\",\"B\")",
            "\"net\" MONEY NOT NULL",
            "CREATE UNIQUE INDEX \"Form_successorId_key\" ON \"Form\"(\"successorId\");",
        ],
        changed: r#"-- AlterEnum
ALTER TYPE "Kind" ADD VALUE 'ranking';

-- AlterTable
ALTER TABLE "Quota" ADD COLUMN     "endsAt" DATE;

-- AlterTable
ALTER TABLE "Review" ALTER COLUMN "stars" SET DEFAULT 3,
ALTER COLUMN "stars" SET DATA TYPE INTEGER;

-- CreateIndex
CREATE INDEX "Hook_url_idx" ON "Hook"("url");
"#,
    });
}

#[test]
fn short_links() {
    live(&Life {
        version: "7.10.1",
        schema: "links.prisma",
        changes: &[
            (
                "schema.prisma",
                "  comments    String?\n",
                "  comments    String?\n  noIndex     Boolean    @default(true)\n",
            ),
            (
                "schema.prisma",
                "  winners   Partner[]\n}\n",
                "  winners   Partner[]\n  notes     BountyNote[]\n}\n\nmodel BountyNote {\n  bountyId String\n  line     Int    @db.SmallInt\n  text     String\n  bounty   Bounty @relation(fields: [bountyId], references: [id], onDelete: Cascade)\n\n  @@id([bountyId, line])\n}\n",
            ),
        ],
        made: &[
            "CREATE INDEX \"Event_at_idx\" ON \"Event\" USING BRIN (\"at\");",
            "CREATE INDEX \"Event_address_idx\" ON \"Event\" USING GIST (\"address\" inet_ops);",
            "CREATE INDEX \"Link_url_idx\" ON \"Link\" USING HASH (\"url\");",
            "\"createdAt\" DESC)",
            "CONSTRAINT \"HourlyCount_pkey\" PRIMARY KEY (\"linkId\",\"hour\",\"kind\")",
            "\"raw\" XML",
            "\"failed\" INTEGER[]",
            "FOREIGN KEY (\"domain\") REFERENCES \"Domain\"(\"name\") ON DELETE CASCADE ON UPDATE CASCADE;",
        ],
        changed: r#"-- AlterTable
ALTER TABLE "Link" ADD COLUMN     "noIndex" BOOLEAN NOT NULL DEFAULT true;

-- CreateTable
CREATE TABLE "BountyNote" (
    "bountyId" TEXT NOT NULL,
    "line" SMALLINT NOT NULL,
    "text" TEXT NOT NULL,

    CONSTRAINT "BountyNote_pkey" PRIMARY KEY ("bountyId","line")
);

-- AddForeignKey
ALTER TABLE "BountyNote" ADD CONSTRAINT "BountyNote_bountyId_fkey" FOREIGN KEY ("bountyId") REFERENCES "Bounty"("id") ON DELETE CASCADE ON UPDATE CASCADE;
"#,
    });
}

#[test]
fn traces() {
    live(&Life {
        version: "7.10.1",
        schema: "tracing",
        changes: &[
            ("schema/models/traces.prisma", "  TOOL\n", "  TOOL\n  RETRIEVER\n"),
            (
                "schema/models/people.prisma",
                "  flags         String[]           @default([])\n",
                "  flags         String[]           @default([\"beta\"])\n",
            ),
            (
                "schema/models/work.prisma",
                "  url       String?\n  lines     BigInt?\n",
                "  url       String?\n  lines     BigInt?\n  expires   DateTime?   @db.Timestamptz(0)\n",
            ),
            (
                "schema/models/work.prisma",
                "  widgets   Widget[]\n}",
                "  widgets   Widget[]\n\n  @@index([projectId])\n}",
            ),
        ],
        made: &[
            "CREATE INDEX \"trace_name_prefix\" ON \"Trace\" USING SPGIST (\"name\");",
            "CONSTRAINT \"trace_session\" FOREIGN KEY (\"sessionId\", \"projectId\") REFERENCES \"TraceSession\"(\"id\", \"projectId\") ON DELETE RESTRICT ON UPDATE CASCADE;",
            "\"amount\" DECIMAL(38,18) NOT NULL",
            "CREATE TYPE \"score_source\" AS ENUM ('API', 'HUMAN', 'llm_judge');",
            "CREATE TABLE \"_Dependency\"",
            "CREATE TABLE \"_DashboardToWidget\"",
            "DEFAULT clock_timestamp()",
            "CREATE INDEX \"ApiKey_organisationId_idx\" ON \"ApiKey\" USING HASH (\"organisationId\");",
        ],
        changed: r#"-- AlterEnum
ALTER TYPE "ObservationKind" ADD VALUE 'RETRIEVER';

-- AlterTable
ALTER TABLE "BatchExport" ADD COLUMN     "expires" TIMESTAMPTZ(0);

-- AlterTable
ALTER TABLE "users" ALTER COLUMN "flags" SET DEFAULT ARRAY['beta']::TEXT[];

-- CreateIndex
CREATE INDEX "Dashboard_projectId_idx" ON "Dashboard"("projectId");
"#,
    });
}

#[test]
fn a_shop() {
    live(&Life {
        version: "5.4.2",
        schema: "shop.prisma",
        changes: &[
            ("schema.prisma", "  VOUCHER\n}", "  VOUCHER\n  CRYPTO\n}"),
            (
                "schema.prisma",
                "  note       String?\n  lines",
                "  note       String?\n  giftFor    String?      @db.Citext\n  lines",
            ),
            ("schema.prisma", "  carrier     String?\n", "  carrier     String?        @db.VarChar(40)\n"),
            (
                "schema.prisma",
                "  items      WishListItem[]\n}",
                "  items      WishListItem[]\n  sharedWith Customer[]     @relation(\"Shared\")\n}",
            ),
            (
                "schema.prisma",
                "  tickets     Ticket[]\n\n  @@index([lastName",
                "  tickets     Ticket[]\n  sharedLists WishList[]  @relation(\"Shared\")\n\n  @@index([lastName",
            ),
        ],
        made: &[
            "CREATE EXTENSION IF NOT EXISTS \"citext\";",
            "CREATE EXTENSION IF NOT EXISTS \"pg_trgm\";",
            "\"id\" UUID NOT NULL DEFAULT uuid_generate_v4()",
            "\"email\" CITEXT NOT NULL",
            "CREATE INDEX \"product_title_trgm\" ON \"Product\" USING GIN (\"title\" gin_trgm_ops);",
            "\"place\" point",
            "CONSTRAINT \"stock_key\" PRIMARY KEY (\"warehouseId\",\"productId\",\"code\")",
            "FOREIGN KEY (\"warehouseId\", \"productId\", \"code\") REFERENCES \"Stock\"(\"warehouseId\", \"productId\", \"code\")",
            "CREATE UNIQUE INDEX \"_Related_AB_unique\"",
            "\"states\" \"order_state\"[]",
        ],
        changed: r#"-- AlterEnum
ALTER TYPE "PaymentKind" ADD VALUE 'CRYPTO';

-- AlterTable
ALTER TABLE "Shipment" ALTER COLUMN "carrier" SET DATA TYPE VARCHAR(40);

-- AlterTable
ALTER TABLE "orders" ADD COLUMN     "giftFor" CITEXT;

-- CreateTable
CREATE TABLE "_Shared" (
    "A" UUID NOT NULL,
    "B" UUID NOT NULL
);

-- CreateIndex
CREATE UNIQUE INDEX "_Shared_AB_unique" ON "_Shared"("A", "B");

-- CreateIndex
CREATE INDEX "_Shared_B_index" ON "_Shared"("B");

-- AddForeignKey
ALTER TABLE "_Shared" ADD CONSTRAINT "_Shared_A_fkey" FOREIGN KEY ("A") REFERENCES "customers"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "_Shared" ADD CONSTRAINT "_Shared_B_fkey" FOREIGN KEY ("B") REFERENCES "WishList"("id") ON DELETE CASCADE ON UPDATE CASCADE;
"#,
    });
}

#[test]
fn staff_of_many_tenants() {
    live(&Life {
        version: "6.19.0",
        schema: "people.prisma",
        changes: &[
            ("schema.prisma", "  DECLINED\n", "  DECLINED\n  WITHDRAWN\n"),
            (
                "schema.prisma",
                "  lines          InvoiceLine[]\n",
                "  lines          InvoiceLine[]\n  paidAt         DateTime?     @db.Date\n",
            ),
            (
                "schema.prisma",
                "view HeadCount",
                "model Payslip {\n  tenantId   String  @db.Uuid\n  employeeNo Int\n  month      DateTime @db.Date\n  net        Decimal @db.Decimal(12, 2)\n  invoiceYear Int?   @db.SmallInt\n\n  @@id([tenantId, employeeNo, month])\n  @@schema(\"billing\")\n}\n\nview HeadCount",
            ),
        ],
        made: &[
            "CREATE SCHEMA IF NOT EXISTS \"billing\";",
            "CREATE TYPE \"hr\".\"leave_kind\" AS ENUM ('HOLIDAY', 'SICK', 'parental_leave');",
            "CREATE TABLE \"hr\".\"Employee\"",
            "\"employed\" daterange",
            "\"words\" tsvector",
            "CREATE INDEX \"Permission_actions_idx\" ON \"core\".\"Permission\" USING GIN (\"actions\");",
            "REFERENCES \"hr\".\"Department\"(\"tenantId\", \"number\") ON DELETE NO ACTION ON UPDATE NO ACTION;",
            "CREATE TABLE \"billing\".\"_AddOnToSubscription\"",
            "\"halves\" BOOLEAN[] DEFAULT ARRAY[false, false]::BOOLEAN[]",
        ],
        changed: r#"-- AlterEnum
ALTER TYPE "hr"."Standing" ADD VALUE 'WITHDRAWN';

-- AlterTable
ALTER TABLE "billing"."Invoice" ADD COLUMN     "paidAt" DATE;

-- CreateTable
CREATE TABLE "billing"."Payslip" (
    "tenantId" UUID NOT NULL,
    "employeeNo" INTEGER NOT NULL,
    "month" DATE NOT NULL,
    "net" DECIMAL(12,2) NOT NULL,
    "invoiceYear" SMALLINT,

    CONSTRAINT "Payslip_pkey" PRIMARY KEY ("tenantId","employeeNo","month")
);
"#,
    });
}
