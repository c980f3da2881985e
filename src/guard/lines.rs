//! Lines and columns of a script's bytes.

/// Where a script's lines begin.
#[derive(Debug)]
pub(super) struct Lines(Vec<usize>);

impl Lines {
    /// The lines of `text`.
    pub(super) fn of(text: &str) -> Self {
        Self(std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect())
    }

    /// The line of byte `at` and the column within it in characters, both from 1. A byte order mark is no
    /// character that anybody sees.
    pub(super) fn position(&self, text: &str, at: usize) -> (u32, u32) {
        let line = self.0.partition_point(|start| *start <= at).max(1);
        let start = self.0[line - 1];
        let before = text.get(start..at).unwrap_or_default().trim_start_matches('\u{feff}');
        let column = before.chars().count() + 1;
        (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        let text = "\u{feff}ab\r\nçd\n\nx";
        let lines = Lines::of(text);
        for (wanted, needle) in [((1, 1), "ab"), ((1, 2), "b"), ((2, 2), "d"), ((4, 1), "x")] {
            assert_eq!(lines.position(text, text.find(needle).unwrap()), wanted, "{needle}");
        }
        assert_eq!(lines.position(text, text.len()), (4, 2));
    }
}
