//! What in a migration is neither Prisma's nor the house style's: somebody wrote it by hand.

use std::ops::Range;

use super::{Style, apply};
use crate::guard::{
    action::{Action, DataType, Kind, Step, TableChange, Transaction, TypeChange, Using},
    sql::repeat::{self, Statement},
};

/// Settings that a prelude makes.
const PRELUDE: [&str; 2] = ["lock_timeout", "statement_timeout"];

/// A statement that was written by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    /// Its line in the script, from 1.
    pub line: u32,
    /// It as it stands there.
    pub sql: String,
}

/// The statements of `script` that do what Prisma's own never do, in whatever style: change rows, names or settings,
/// call or compute something, or hang on a condition. Those that `known`, another script, holds as well are left out.
/// Whether Prisma could have made the objects is not told here.
///
/// # Errors
/// Where the system grants no thread to work in.
pub fn foreign(script: &str, known: &str) -> std::io::Result<Vec<Foreign>> {
    let known = repeat::with_statements(known, |statements| texts(known, &statements))?;
    let suspects = repeat::with_statements(script, |statements| {
        let suspects = statements.into_iter().filter(|one| !is_generated(one));
        suspects.map(|one| one.range).collect::<Vec<_>>()
    })?;
    let mut found = Vec::new();
    for range in suspects {
        let sql = words(&script[range.clone()]);
        if !known.contains(&sql) && !is_repeatable_form(&script[range.clone()])? {
            found.push(Foreign { line: line(script, &range), sql: script[range].to_owned() });
        }
    }
    Ok(found)
}

fn texts(script: &str, statements: &[Statement]) -> Vec<String> {
    statements.iter().map(|one| words(&script[one.range.clone()])).collect()
}

/// The text without what space and the last semicolon make of it.
fn words(sql: &str) -> String {
    let words: Vec<_> = sql.trim_end().trim_end_matches(';').split_whitespace().collect();
    words.join(" ")
}

fn line(script: &str, range: &Range<usize>) -> u32 {
    let line = script[..range.start].matches('\n').count() + 1;
    u32::try_from(line).unwrap_or(u32::MAX)
}

/// Whether `block` is what the house style makes of a statement of Prisma's: that statement under a condition.
fn is_repeatable_form(block: &str) -> std::io::Result<bool> {
    let inner = block
        .split_once(" THEN\n        ")
        .and_then(|(_, rest)| rest.rsplit_once(";\n    END IF;\nEND "))
        .map(|(inner, _)| inner);
    let Some(inner) = inner else { return Ok(false) };
    let generated =
        repeat::with_statements(inner, |statements| matches!(&statements[..], [only] if is_generated(only)))?;
    let style = Style { idempotent: true, ..Style::default() };
    let again = apply(&format!("{inner};\n"), &style, &[])?.files.concat();
    Ok(generated && words(&again) == words(block))
}

/// Whether the statement is one of those in Prisma's scripts, or a prelude.
fn is_generated(statement: &Statement) -> bool {
    let has_defaults = statement
        .steps
        .iter()
        .any(|step| matches!(step.action, Action::CreateTable(_) | Action::AlterTable(..)));
    statement.steps.iter().all(|step| match step.action {
        Action::Call(_) => has_defaults,
        _ => is_prismas_step(step),
    })
}

fn is_prismas_step(step: &Step) -> bool {
    match &step.action {
        Action::Statement(nature) => !nature.is_nested,
        Action::Text(_)
        | Action::CreateIndex(_)
        | Action::Transaction(Transaction::Begin | Transaction::Commit) => true,
        Action::CreateTable(table) => !table.temporary && !table.columns.is_empty(),
        Action::Create(create) => is_prismas(create.kind),
        Action::Drop(drop) => is_prismas(drop.kind) && !drop.cascade,
        Action::AlterTable(_, change) => is_prismas_change(change),
        Action::Rename(kind, ..) => matches!(kind, Kind::Index | Kind::Constraint | Kind::Type),
        Action::Enum(_, change) => matches!(change, crate::guard::action::EnumChange::AddValue(_)),
        Action::Set(setting, _) => PRELUDE.contains(&setting.as_str()),
        _ => false,
    }
}

const fn is_prismas(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Table
            | Kind::Column
            | Kind::Index
            | Kind::Constraint
            | Kind::Type
            | Kind::Schema
            | Kind::Sequence
            | Kind::Extension
    )
}

fn is_prismas_change(change: &TableChange) -> bool {
    match change {
        TableChange::AddColumn(column, _) => !column.generated,
        TableChange::AddConstraint(constraint) => !constraint.not_valid,
        TableChange::SetType(change) => is_prismas_type(change),
        TableChange::SetNotNull(_)
        | TableChange::DropNotNull(_)
        | TableChange::SetDefault(..)
        | TableChange::DropDefault(_) => true,
        _ => false,
    }
}

/// Prisma computes nothing, but goes from one enum to another by way of text.
fn is_prismas_type(change: &TypeChange) -> bool {
    match &change.using {
        Using::Nothing => true,
        Using::Casts(casts) => matches!(&casts[..], [DataType { name, .. }, _] if name == "text"),
        Using::Constant | Using::Computed => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRISMAS: &str = r#"-- CreateEnum
CREATE TYPE "Status" AS ENUM ('A', 'B');

-- AlterEnum
BEGIN;
CREATE TYPE "Role_new" AS ENUM ('USER');
ALTER TABLE "User" ALTER COLUMN "role" DROP DEFAULT;
ALTER TABLE "User" ALTER COLUMN "role" TYPE "Role_new" USING ("role"::text::"Role_new");
ALTER TYPE "Role" RENAME TO "Role_old";
ALTER TYPE "Role_new" RENAME TO "Role";
DROP TYPE "Role_old";
ALTER TABLE "User" ALTER COLUMN "role" SET DEFAULT 'USER';
COMMIT;

-- AlterEnum
ALTER TYPE "Kind" ADD VALUE 'NEW';

-- DropForeignKey
ALTER TABLE "Post" DROP CONSTRAINT "Post_authorId_fkey";

-- DropIndex
DROP INDEX "Post_title_idx";

-- AlterTable
ALTER TABLE "User" DROP COLUMN "nick",
ADD COLUMN     "email" TEXT NOT NULL DEFAULT 'x',
ALTER COLUMN "score" SET DATA TYPE BIGINT;

-- AlterTable
CREATE SEQUENCE user_id_seq;
ALTER TABLE "User" ALTER COLUMN "id" SET DEFAULT nextval('user_id_seq');
ALTER SEQUENCE user_id_seq OWNED BY "User"."id";

-- CreateTable
CREATE TABLE "Post" (
    "id" SERIAL NOT NULL,
    "status" "Status" NOT NULL DEFAULT 'A',

    CONSTRAINT "Post_pkey" PRIMARY KEY ("id")
);

-- DropTable
DROP TABLE "Log";

-- CreateIndex
CREATE UNIQUE INDEX "User_email_key" ON "User"("email");

-- AddForeignKey
ALTER TABLE "Post" ADD CONSTRAINT "Post_authorId_fkey" FOREIGN KEY ("authorId") REFERENCES "User"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- RenameIndex
ALTER INDEX "a" RENAME TO "b";
"#;

    fn lines(script: &str) -> Vec<u32> {
        foreign(script, "").unwrap().iter().map(|one| one.line).collect()
    }

    #[test]
    fn prismas_own_words_are_never_taken_for_a_persons() {
        assert_eq!(foreign(PRISMAS, "").unwrap(), []);
    }

    #[test]
    fn nor_is_the_house_style() {
        let style = Style {
            idempotent: true,
            prelude: Some("SET LOCAL lock_timeout = '10s'".into()),
            concurrent_indexes: true,
        };
        let styled = apply(PRISMAS, &style, &[]).unwrap();
        assert!(styled.files[0].contains("DO $$"));
        for file in styled.files {
            assert_eq!(foreign(&file, "").unwrap(), [], "{file}");
        }
    }

    #[test]
    fn what_a_person_wrote_is_named_by_its_line() {
        for sql in [
            "UPDATE \"User\" SET a = 1;",
            "INSERT INTO \"User\" VALUES (1);",
            "DELETE FROM \"User\" WHERE a;",
            "ALTER TABLE \"User\" RENAME COLUMN a TO b;",
            "ALTER TABLE \"User\" RENAME TO \"Person\";",
            "ALTER TABLE \"User\" ALTER COLUMN a TYPE int USING (a::int);",
            "ALTER TYPE \"Role\" RENAME VALUE 'A' TO 'B';",
            "SELECT setval('s', 100);",
            "DO $$ BEGIN UPDATE \"User\" SET a = 1; END $$;",
            "DO $$\nBEGIN\n    IF true THEN\n        DROP TABLE x;\n    END IF;\nEND $$;",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';",
            "CREATE VIEW v AS SELECT 1;",
            "CREATE TABLE copy AS SELECT * FROM \"User\";",
            "DROP TABLE x CASCADE;",
            "SET search_path = app;",
            "this is no SQL;",
        ] {
            assert_eq!(lines(&format!("-- CreateTable\nCREATE TABLE x (a int);\n{sql}\n")), [3], "{sql}");
        }
    }

    #[test]
    fn what_another_script_holds_as_well_is_left_out() {
        let rename = "ALTER TABLE \"User\"\n  RENAME COLUMN a TO b;";
        assert_eq!(lines(rename), [1]);
        assert_eq!(foreign(rename, "ALTER TABLE \"User\" RENAME COLUMN a TO b;\n").unwrap(), []);
    }
}
