-- CreateEnum
CREATE TYPE "FeeReason" AS ENUM ('OVERDUE', 'DAMAGE', 'REPLACEMENT');

-- CreateTable
CREATE TABLE "fee" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "reader_id" UUID NOT NULL,
    "loan_id" BIGINT,
    "reason" "FeeReason" NOT NULL,
    "amount" DECIMAL(10,4) NOT NULL,
    "currency" CHAR(3) NOT NULL DEFAULT 'EUR',
    "settled_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "fee_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "fee_reader_id_settled_at_idx" ON "fee"("reader_id", "settled_at");

-- CreateIndex
CREATE UNIQUE INDEX "fee_loan_id_reason_key" ON "fee"("loan_id", "reason");

-- AddForeignKey
ALTER TABLE "fee" ADD CONSTRAINT "fee_reader_id_fkey" FOREIGN KEY ("reader_id") REFERENCES "reader"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "fee" ADD CONSTRAINT "fee_loan_id_fkey" FOREIGN KEY ("loan_id") REFERENCES "loan"("id") ON DELETE SET NULL ON UPDATE CASCADE;
