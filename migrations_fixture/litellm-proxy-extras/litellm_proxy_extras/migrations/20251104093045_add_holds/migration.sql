-- CreateTable
CREATE TABLE "hold" (
    "book_id" UUID NOT NULL,
    "reader_id" UUID NOT NULL,
    "branch_id" INTEGER NOT NULL,
    "placed_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(3),

    CONSTRAINT "hold_pkey" PRIMARY KEY ("book_id","reader_id")
);

-- CreateIndex
CREATE INDEX "hold_branch_id_placed_at_idx" ON "hold"("branch_id", "placed_at");

-- AddForeignKey
ALTER TABLE "hold" ADD CONSTRAINT "hold_book_id_fkey" FOREIGN KEY ("book_id") REFERENCES "book"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "hold" ADD CONSTRAINT "hold_reader_id_fkey" FOREIGN KEY ("reader_id") REFERENCES "reader"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "hold" ADD CONSTRAINT "hold_branch_id_fkey" FOREIGN KEY ("branch_id") REFERENCES "branch"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
