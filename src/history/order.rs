//! The two orders that Prisma applies migrations in: up to 5 by the bytes of their names, from 6 on by
//! JavaScript's `localeCompare`, which sorts `_` before digits and lets case decide only at the very end.

use std::cmp::Ordering;

/// The printable ASCII characters but letters, in the order of the Unicode collation's root. Letters follow.
const ROOT_ORDER: &str = "\t\n\u{b}\u{c}\r _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$0123456789";

/// Two names that stand next to each other in byte order and that `localeCompare` puts the other way round, or
/// may do so: what it makes of letters beyond ASCII depends on the user's language.
pub fn differing_pair<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<(&'a str, &'a str)> {
    let mut names: Vec<&str> = names.into_iter().collect();
    names.sort_unstable();
    names.dedup();
    // Where all neighbours agree, everybody does.
    names
        .windows(2)
        .map(|pair| (pair[0], pair[1]))
        .find(|(a, b)| locale_compare(a, b) != Some(Ordering::Less))
}

/// What `a.localeCompare(b)` says; `None` where it cannot be known.
fn locale_compare(a: &str, b: &str) -> Option<Ordering> {
    let (mut left, mut right) = (a.chars(), b.chars());
    // Letters decide before their case does: the first difference in case counts if nothing else differs.
    let mut case = Ordering::Equal;
    loop {
        let (x, y) = match (left.next(), right.next()) {
            (None, None) => return Some(case),
            (x, y) => (x.map(weight), y.map(weight)),
        };
        // Past the end there is nothing, which is less than anything.
        let (x, y) = (x.unwrap_or(Some(NOTHING))?, y.unwrap_or(Some(NOTHING))?);
        match x.letter.cmp(&y.letter) {
            Ordering::Equal => case = case.then(x.is_upper.cmp(&y.is_upper)),
            decided => return Some(decided),
        }
    }
}

/// What a character counts for.
struct Weight {
    letter: usize,
    is_upper: bool,
}

const NOTHING: Weight = Weight { letter: 0, is_upper: false };

/// `None` for what the root's order of ASCII does not settle.
fn weight(character: char) -> Option<Weight> {
    let is_upper = character.is_ascii_uppercase();
    let letter = if character.is_ascii_alphabetic() {
        1 + ROOT_ORDER.len() + usize::from(character.to_ascii_lowercase() as u8 - b'a')
    } else {
        1 + ROOT_ORDER.find(character)?
    };
    Some(Weight { letter, is_upper })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_orders_agree_on_ordinary_names() {
        let names = [
            "20240101000000_init",
            "20240101000000_then",
            "20240102000000_add_a_column",
            "migration_lock.toml",
        ];
        assert_eq!(differing_pair(names), None);
        assert_eq!(differing_pair([]), None);
        assert_eq!(differing_pair(["one"]), None);
    }

    #[test]
    fn an_underscore_comes_before_digits_and_case_comes_last() {
        for (names, wanted) in [
            (["20260108000000_a", "20260108_b"], Some(("20260108000000_a", "20260108_b"))),
            (["1_B", "1_a"], Some(("1_B", "1_a"))),
            (["1_a", "1_B"], Some(("1_B", "1_a"))),
            // Capitals come first by bytes, small letters first otherwise.
            (["1_Same", "1_same"], Some(("1_Same", "1_same"))),
            (["1_Ab", "1_ac"], None),
            (["1 a", "1_a"], None),
            (["1-a", "1_a"], Some(("1-a", "1_a"))),
        ] {
            assert_eq!(differing_pair(names), wanted, "{names:?}");
        }
    }

    #[test]
    fn what_cannot_be_known_counts_as_different() {
        assert_eq!(differing_pair(["1_z", "1_ä"]), Some(("1_z", "1_ä")));
        assert_eq!(differing_pair(["1_ä", "2_a"]), None);
    }
}
