//! Whether a migration does its job: after it Prisma finds nothing left to do.

use crate::{history::replay::statements, prisma::Diff};

/// A migration after which the schema and the database still differ.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("after the migration the database would still not be what the schema says; what stays different:{}", list(.0))]
pub struct NotConverged(pub Vec<String>);

fn list(statements: &[String]) -> String {
    statements.iter().map(|statement| format!("\n  {}", statement.replace('\n', "\n  "))).collect()
}

/// Checks what Prisma says of the database that the migration was run on.
///
/// # Errors
/// The statements that Prisma would still run.
pub fn check(diff: &Diff) -> Result<(), NotConverged> {
    match diff {
        Diff::Empty => Ok(()),
        Diff::Script(sql) => {
            let statements = statements::split(sql);
            Err(NotConverged(statements.into_iter().map(|range| sql[range].trim_end().to_owned()).collect()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_different_is_listed() {
        assert!(check(&Diff::Empty).is_ok());
        let diff =
            Diff::Script("-- AlterTable\nALTER TABLE \"T\" DROP COLUMN \"a\";\n\nDROP INDEX \"i\";\n".into());
        let error = check(&diff).unwrap_err();
        assert_eq!(error.0, ["ALTER TABLE \"T\" DROP COLUMN \"a\"", "DROP INDEX \"i\""]);
        assert!(error.to_string().ends_with("\n  DROP INDEX \"i\""));
    }
}
