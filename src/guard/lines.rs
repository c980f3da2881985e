//! Lines and columns of a script's bytes.

use std::cell::Cell;

/// Where a script's lines begin.
#[derive(Debug)]
pub(super) struct Lines {
    starts: Vec<usize>,
    /// The byte that was last asked for and its column: the next one is most often further down the same line.
    last: Cell<(usize, usize)>,
}

impl Lines {
    /// The lines of `text`.
    pub(super) fn of(text: &str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { starts, last: Cell::new((0, 1)) }
    }

    /// The line of byte `at` and the column within it in characters, both from 1. A byte order mark is no
    /// character that anybody sees.
    pub(super) fn position(&self, text: &str, at: usize) -> (u32, u32) {
        let line = self.starts.partition_point(|start| *start <= at).max(1);
        let start = self.starts[line - 1];
        let (from, column) = match self.last.get() {
            (last, column) if (start..=at).contains(&last) => (last, column),
            _ => (start, 1),
        };
        let between = text.get(from..at).unwrap_or_default().trim_start_matches('\u{feff}');
        let column = column + between.chars().count();
        self.last.set((at, column));
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
        for (wanted, at) in [((1, 1), 0), ((1, 2), 4), ((1, 2), 4), ((1, 1), 3), ((2, 1), 7)] {
            assert_eq!(lines.position(text, at), wanted, "{at}");
        }
    }
}
