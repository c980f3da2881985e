-- CreateEnum
CREATE TYPE "LoanState" AS ENUM ('OPEN', 'RETURNED');

-- CreateEnum
CREATE TYPE "reader_kind" AS ENUM ('adult', 'child', 'institution');

-- CreateTable
CREATE TABLE "reader" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "card_number" VARCHAR(20) NOT NULL,
    "email" TEXT,
    "display_name" TEXT NOT NULL,
    "kind" "reader_kind" NOT NULL DEFAULT 'adult',
    "balance" DECIMAL(10,4) NOT NULL DEFAULT 0,
    "interests" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "blocked" BOOLEAN NOT NULL DEFAULT false,
    "joined_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "reader_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "loan" (
    "id" BIGSERIAL NOT NULL,
    "copy_id" BIGINT NOT NULL,
    "reader_id" UUID NOT NULL,
    "state" "LoanState" NOT NULL DEFAULT 'OPEN',
    "lent_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "due_on" DATE NOT NULL,
    "returned_at" TIMESTAMPTZ(3),
    "renewals" SMALLINT NOT NULL DEFAULT 0,

    CONSTRAINT "loan_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "reader_card_number_key" ON "reader"("card_number");

-- CreateIndex
CREATE UNIQUE INDEX "reader_email_key" ON "reader"("email");

-- CreateIndex
CREATE INDEX "loan_copy_id_lent_at_idx" ON "loan"("copy_id", "lent_at");

-- AddForeignKey
ALTER TABLE "loan" ADD CONSTRAINT "loan_copy_id_fkey" FOREIGN KEY ("copy_id") REFERENCES "copy"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "loan" ADD CONSTRAINT "loan_reader_id_fkey" FOREIGN KEY ("reader_id") REFERENCES "reader"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
