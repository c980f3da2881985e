//! The file with the way back, beside the migration's own.

use super::{Back, Losses};

/// Its name. Prisma looks at `migration.sql` alone.
pub const FILE_NAME: &str = "down.sql";

/// The file: what a person has to know, then the statements.
#[must_use]
pub fn render(migration: &str, back: &Back) -> String {
    format!(
        "-- The way back from {migration}, proved on a temporary database: after it the catalog is as it was.\n\
         -- Prisma never runs this file. Run by hand, it leaves the migration in Prisma's ledger as applied; to undo it\n\
         -- everywhere, in order: run-migration generate --revert {}\n{}\n{}",
        crate::guard::consent::shell_quote(migration),
        comments(&back.losses),
        back.sql
    )
}

/// What cannot come back, as comments; empty where everything can.
#[must_use]
pub fn comments(losses: &Losses) -> String {
    let Losses { destroys, stays_lost, fails_where } = losses;
    let sections = [
        ("What goes for good:", destroys),
        ("What does not come back:", stays_lost),
        ("It fails where:", fails_where),
    ];
    let mut text = String::new();
    for (title, lines) in sections.into_iter().filter(|(_, lines)| !lines.is_empty()) {
        text.push_str(&format!("--\n-- {title}\n"));
        // A label may hold a line break.
        let lines = lines.iter().map(|line| format!("--   {}\n", line.replace(['\n', '\r'], " ")));
        text.extend(lines);
    }
    text
}

/// A file's statements, without what stands at its head.
#[must_use]
pub fn statements_of(text: &str) -> &str {
    let first =
        crate::history::replay::statements::split(text).first().map_or(text.len(), |first| first.start);
    &text[first..]
}
