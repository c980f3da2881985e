//! Differences in a person's words, from where the first catalog says what should be.

use std::fmt;

use super::{Change, Difference};

/// Longer values are cut.
const SHOWN: usize = 120;

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, object) = (self.kind.words(), &self.object);
        match &self.change {
            Change::Lost => write!(f, "{kind} {object} is missing"),
            Change::Added => write!(f, "{kind} {object} is there and should not be"),
            Change::Replaced => write!(f, "{kind} {object} is another one of that name"),
            Change::Renamed { to } => write!(f, "{kind} {object} is called {to}"),
            Change::Changed { property, before, after, .. } => {
                write!(f, "{kind} {object}: {} {}, not {}", property.words(), value(after), value(before))
            }
        }
    }
}

fn value(parts: &[String]) -> String {
    let text = parts.join(", ");
    match text.char_indices().nth(SHOWN) {
        _ if text.is_empty() => "none".to_owned(),
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
