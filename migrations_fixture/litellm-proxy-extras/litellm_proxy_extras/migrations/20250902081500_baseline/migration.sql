-- CreateEnum
CREATE TYPE "CopyState" AS ENUM ('AVAILABLE', 'ON_LOAN', 'IN_REPAIR', 'WITHDRAWN');

-- CreateTable
CREATE TABLE "branch" (
    "id" SERIAL NOT NULL,
    "code" VARCHAR(8) NOT NULL,
    "name" TEXT NOT NULL,
    "address" JSONB,
    "opening_hours" JSONB NOT NULL DEFAULT '{}',
    "latitude" DECIMAL(9,6),
    "longitude" DECIMAL(9,6),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "branch_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "shelf" (
    "id" SERIAL NOT NULL,
    "branch_id" INTEGER NOT NULL,
    "label" VARCHAR(32) NOT NULL,
    "capacity" SMALLINT NOT NULL DEFAULT 40,

    CONSTRAINT "shelf_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "author" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "name" TEXT NOT NULL,
    "sort_name" VARCHAR(120) NOT NULL,
    "born" DATE,

    CONSTRAINT "author_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "book" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "isbn" CHAR(13),
    "title" TEXT NOT NULL,
    "languages" TEXT[] DEFAULT ARRAY['en']::TEXT[],
    "pages" SMALLINT,
    "published" DATE,
    "list_price" DECIMAL(10,4),
    "metadata" JSONB NOT NULL DEFAULT '{}',
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "book_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "book_author" (
    "book_id" UUID NOT NULL,
    "author_id" UUID NOT NULL,
    "position" SMALLINT NOT NULL DEFAULT 1,

    CONSTRAINT "book_author_pkey" PRIMARY KEY ("book_id","author_id")
);

-- CreateTable
CREATE TABLE "copy" (
    "id" BIGSERIAL NOT NULL,
    "book_id" UUID NOT NULL,
    "branch_id" INTEGER NOT NULL,
    "shelf_id" INTEGER,
    "barcode" VARCHAR(24) NOT NULL,
    "state" "CopyState" NOT NULL DEFAULT 'AVAILABLE',
    "acquired_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "copy_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "branch_code_key" ON "branch"("code");

-- CreateIndex
CREATE UNIQUE INDEX "shelf_branch_id_label_key" ON "shelf"("branch_id", "label");

-- CreateIndex
CREATE INDEX "author_sort_name_idx" ON "author"("sort_name");

-- CreateIndex
CREATE UNIQUE INDEX "book_isbn_key" ON "book"("isbn");

-- CreateIndex
CREATE INDEX "book_title_idx" ON "book"("title");

-- CreateIndex
CREATE UNIQUE INDEX "copy_barcode_key" ON "copy"("barcode");

-- CreateIndex
CREATE INDEX "copy_book_id_state_idx" ON "copy"("book_id", "state");

-- AddForeignKey
ALTER TABLE "shelf" ADD CONSTRAINT "shelf_branch_id_fkey" FOREIGN KEY ("branch_id") REFERENCES "branch"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "book_author" ADD CONSTRAINT "book_author_book_id_fkey" FOREIGN KEY ("book_id") REFERENCES "book"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "book_author" ADD CONSTRAINT "book_author_author_id_fkey" FOREIGN KEY ("author_id") REFERENCES "author"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "copy" ADD CONSTRAINT "copy_book_id_fkey" FOREIGN KEY ("book_id") REFERENCES "book"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "copy" ADD CONSTRAINT "copy_branch_id_fkey" FOREIGN KEY ("branch_id") REFERENCES "branch"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "copy" ADD CONSTRAINT "copy_shelf_id_fkey" FOREIGN KEY ("shelf_id") REFERENCES "shelf"("id") ON DELETE SET NULL ON UPDATE CASCADE;
