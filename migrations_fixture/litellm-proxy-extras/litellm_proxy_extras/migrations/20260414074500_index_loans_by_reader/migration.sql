-- Loans are many: built without blocking the desk. CONCURRENTLY wants a file of its own.
CREATE INDEX CONCURRENTLY "loan_reader_id_due_on_idx" ON "loan"("reader_id", "due_on");
