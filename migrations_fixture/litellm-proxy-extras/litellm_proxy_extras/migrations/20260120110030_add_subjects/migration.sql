-- AlterTable
ALTER TABLE "book" ADD COLUMN     "subject_id" INTEGER;

-- CreateTable
CREATE TABLE "subject" (
    "id" SERIAL NOT NULL,
    "parent_id" INTEGER,
    "code" VARCHAR(16) NOT NULL,
    "name" TEXT NOT NULL,

    CONSTRAINT "subject_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "subject_code_key" ON "subject"("code");

-- CreateIndex
CREATE INDEX "subject_parent_id_idx" ON "subject"("parent_id");

-- CreateIndex
CREATE INDEX "book_subject_id_published_idx" ON "book"("subject_id", "published" DESC);

-- AddForeignKey, unless a branch has already added it by hand
DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'book_subject_id_fkey') THEN
        ALTER TABLE "book" ADD CONSTRAINT "book_subject_id_fkey" FOREIGN KEY ("subject_id") REFERENCES "subject"("id") ON DELETE SET NULL ON UPDATE CASCADE;
    END IF;
END $$;

-- AddForeignKey
ALTER TABLE "subject" ADD CONSTRAINT "subject_parent_id_fkey" FOREIGN KEY ("parent_id") REFERENCES "subject"("id") ON DELETE SET NULL ON UPDATE CASCADE;
