//! Texts of migrations as a person reads them in a finding.

use similar::TextDiff;

use crate::history::compare::Shipped;

/// Longer ones are cut: the file holds them whole.
const LONGEST: usize = 3000;

/// The text of the migration `name`; what is no text is shown as far as it can be.
pub(super) fn of(shipped: &Shipped, name: &str) -> String {
    shipped.get(name).map(|sql| String::from_utf8_lossy(sql).into_owned()).unwrap_or_default()
}

/// What differs, as a unified diff without its head.
pub(super) fn diff(old: &str, new: &str) -> String {
    TextDiff::from_lines(old, new).unified_diff().context_radius(1).missing_newline_hint(false).to_string()
}

/// The text, or as much of it as a finding has room for.
pub(super) fn excerpt(text: &str) -> String {
    let text = text.trim_end();
    if text.len() <= LONGEST {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(LONGEST);
    let end = text[..end].rfind('\n').unwrap_or(end);
    format!("{}\n... ({} more lines)", &text[..end], text[end..].trim().lines().count())
}
