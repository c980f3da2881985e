//! Names of migrations: strict for those that are made here, lenient for those that exist.

use jiff::{Timestamp, ToSpan, civil::DateTime, tz::TimeZone};

/// The longest name of a migration, in bytes, without its time stamp.
pub const MAX_BYTES: usize = 80;

const STAMP_DIGITS: usize = 14;
const STAMP_FORMAT: &str = "%Y%m%d%H%M%S";

/// The name of a migration that is to be made: letters, digits and `_`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationName(String);

/// Why a name cannot be a migration's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing is left of it.
    #[error("a migration's name needs at least one letter or digit")]
    Empty,
    /// Too long.
    #[error("a migration's name may have {MAX_BYTES} bytes, this one has {0}")]
    TooLong(usize),
    /// A character that may not be in a name.
    #[error("{} may not be in a migration's name: letters, digits and _ may (spaces and hyphens become _)", .0.escape_debug())]
    Character(char),
}

impl std::str::FromStr for MigrationName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::parse(text)
    }
}

impl MigrationName {
    /// Reads what a person typed; spaces and hyphens become `_`.
    ///
    /// # Errors
    /// For anything but ASCII letters, digits, `_`, space and hyphen, for nothing, and for over 80 bytes.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if let Some(bad) = text.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '_' | ' ' | '-')))
        {
            return Err(NameError::Character(bad));
        }
        if text.len() > MAX_BYTES {
            return Err(NameError::TooLong(text.len()));
        }
        let name = text.trim().replace([' ', '-'], "_");
        if !name.contains(|c: char| c.is_ascii_alphanumeric()) {
            return Err(NameError::Empty);
        }
        Ok(Self(name))
    }

    /// The name of the migration that undoes the existing one `other`, as far as its characters allow.
    #[must_use]
    pub fn reverting(other: &str) -> Self {
        let rest = other.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start_matches('_');
        let allowed = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
        let mut name: String = format!("revert_{}", rest.chars().map(allowed).collect::<String>());
        name.truncate(MAX_BYTES);
        Self(name)
    }

    /// The name of the `at`th of several files that make one migration together, from 0: those after the first hold
    /// an index each.
    #[must_use]
    pub fn part(&self, at: usize) -> Self {
        let suffix = match at {
            0 => return self.clone(),
            1 => "_index".to_owned(),
            _ => format!("_index_{at}"),
        };
        // All of it is ASCII.
        Self(format!("{}{suffix}", &self.0[..self.0.len().min(MAX_BYTES - suffix.len())]))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// No directory name of ours can sort after this existing one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no time stamp sorts after the existing migration {0:?}")]
pub struct NothingSortsAfter(pub String);

/// The directory name `<UTC YYYYMMDDHHMMSS>_<name>` for a migration made at `now`.
///
/// It sorts after every one of `existing`, both by bytes (Prisma 5) and by `localeCompare` (Prisma 6 and 7): where
/// one of them has a stamp of now or later, ours is the next one after that.
///
/// # Errors
/// Where an existing name sorts after every possible stamp, such as one that begins with a letter.
pub fn directory_name(
    name: &MigrationName,
    now: Timestamp,
    existing: &[String],
) -> Result<String, NothingSortsAfter> {
    Ok(format!("{}_{}", stamp_after(now, existing)?, name.as_str()))
}

/// The stamp of `now`, or the first one that sorts after all of `existing`.
fn stamp_after(now: Timestamp, existing: &[String]) -> Result<String, NothingSortsAfter> {
    let mut stamp = text(now.to_zoned(TimeZone::UTC).datetime());
    for other in existing {
        let earliest = earliest_stamp_after(other).ok_or_else(|| NothingSortsAfter(other.clone()))?;
        stamp = stamp.max(earliest);
    }
    Ok(stamp)
}

/// The name of an existing migration with a new stamp in place of the one it begins with, found as in
/// [`directory_name`]. The rest of it, whatever it holds, stays.
///
/// # Errors
/// Where an existing name sorts after every possible stamp.
pub fn restamped(name: &str, now: Timestamp, existing: &[String]) -> Result<String, NothingSortsAfter> {
    let rest = name.trim_start_matches(|character: char| character.is_ascii_digit());
    let stamp = stamp_after(now, existing)?;
    Ok(if rest.is_empty() || rest.starts_with('_') {
        format!("{stamp}{rest}")
    } else {
        format!("{stamp}_{rest}")
    })
}

/// Whether `name` sorts after `other` in both orders, whatever follows their stamps.
#[must_use]
pub fn is_after(name: &str, other: &str) -> bool {
    let stamp = name.get(..STAMP_DIGITS).filter(|stamp| stamp.bytes().all(|byte| byte.is_ascii_digit()));
    match (stamp, earliest_stamp_after(other)) {
        (Some(stamp), Some(earliest)) => stamp >= earliest.as_str(),
        _ => false,
    }
}

/// The smallest stamp that sorts after `other` in both orders, whatever follows it; `None` where none does.
///
/// The two orders agree on digits against digits. Beyond them they agree only that the characters below `0` in
/// ASCII come first: `_` is before a digit for `localeCompare`, and after it by its byte.
fn earliest_stamp_after(other: &str) -> Option<String> {
    let digits: String = other.chars().take_while(char::is_ascii_digit).take(STAMP_DIGITS).collect();
    let next = other[digits.len()..].chars().next();
    let sorts_first = next.is_none_or(|next| next < '0');
    match (digits.len(), sorts_first) {
        (0, true) => Some("0".repeat(STAMP_DIGITS)),
        (0, false) => None,
        (count, true) if count < STAMP_DIGITS => first_stamp_from(&format!("{digits:0<STAMP_DIGITS$}")),
        _ => first_stamp_beyond(&format!("{digits:9<STAMP_DIGITS$}")),
    }
}

/// The first point in time whose stamp is greater than these 14 digits, as a stamp.
fn first_stamp_beyond(digits: &str) -> Option<String> {
    let first = first_stamp_from(digits)?;
    if first != digits {
        return Some(first);
    }
    DateTime::strptime(STAMP_FORMAT, &first).ok()?.checked_add(1.second()).ok().map(text)
}

/// The first point in time whose stamp is not less than these 14 digits, which may be no date, as a stamp.
fn first_stamp_from(digits: &str) -> Option<String> {
    let number = |range: std::ops::Range<usize>| digits.get(range)?.parse::<i8>().ok();
    let mut at = DateTime::new(digits.get(..4)?.parse().ok()?, 1, 1, 0, 0, 0, 0).ok()?;
    let month = number(4..6)?;
    if month < 1 {
        return Some(text(at));
    }
    if month > 12 {
        return at.checked_add(1.year()).ok().map(text);
    }
    at = at.with().month(month).build().ok()?;
    let day = number(6..8)?;
    if day < 1 {
        return Some(text(at));
    }
    if day > at.date().days_in_month() {
        return at.checked_add(1.month()).ok().map(text);
    }
    at = at.with().day(day).build().ok()?;
    let [hour, minute, second] = [number(8..10)?, number(10..12)?, number(12..14)?];
    if hour > 23 {
        return at.checked_add(1.day()).ok().map(text);
    }
    at = at.with().hour(hour).build().ok()?;
    if minute > 59 {
        return at.checked_add(1.hour()).ok().map(text);
    }
    at = at.with().minute(minute).build().ok()?;
    if second > 59 {
        return at.checked_add(1.minute()).ok().map(text);
    }
    at.with().second(second).build().ok().map(text)
}

fn text(at: DateTime) -> String {
    at.strftime(STAMP_FORMAT).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(existing: &[&str]) -> Result<String, NothingSortsAfter> {
        let name = MigrationName::parse("add_widget").unwrap();
        let now = "2026-03-04T05:06:07.9Z".parse().unwrap();
        let existing: Vec<_> = existing.iter().map(|name| (*name).to_owned()).collect();
        directory_name(&name, now, &existing)
    }

    #[test]
    fn a_name_is_letters_digits_and_underscores() {
        for (typed, wanted) in [("add_widget", "add_widget"), ("Add widget-2", "Add_widget_2"), (" x ", "x")]
        {
            assert_eq!(MigrationName::parse(typed).unwrap().as_str(), wanted);
        }
        for bad in
            ["", " ", "_", "-", "a/b", "..", "a\\b", "a\nb", "a\0b", "ä", "a.b", "a;b", &"x".repeat(81)]
        {
            assert!(MigrationName::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_undoes_a_migration_is_named_after_it() {
        for (other, wanted) in [
            ("20260101000000_add_x", "revert_add_x"),
            ("20260101 Grüße", "revert__Gr__e"),
            ("init", "revert_init"),
        ] {
            assert_eq!(MigrationName::reverting(other).as_str(), wanted);
        }
        assert_eq!(MigrationName::reverting(&"x".repeat(99)).as_str().len(), MAX_BYTES);
    }

    #[test]
    fn the_parts_of_a_migration_are_told_apart_and_stay_short_enough() {
        let part = |name: &str, at| MigrationName::parse(name).unwrap().part(at).0;
        assert_eq!([part("x", 0), part("x", 1), part("x", 2)], ["x", "x_index", "x_index_2"]);
        let long = part(&"x".repeat(80), 12);
        assert!(long.len() == 80 && long.ends_with("x_index_12"), "{long}");
    }

    #[test]
    fn the_stamp_is_now_in_utc_unless_something_is_newer() {
        for (existing, wanted) in [
            (&[][..], "20260304050607_add_widget"),
            (&["20250101000000_x"], "20260304050607_add_widget"),
            (&["20260304050607_x"], "20260304050608_add_widget"),
            (&["20991231235959_x", "20260304050607_x"], "21000101000000_add_widget"),
            // No dates, but digits all the same.
            (&["20269999999999_x"], "20270101000000_add_widget"),
            (&["20260431000000_x"], "20260501000000_add_widget"),
            (&["20260304056199_x"], "20260304060000_add_widget"),
            // A short stamp that goes on with `_` is before digits for one order and after them for the other.
            (&["20260304_x"], "20260305000000_add_widget"),
            (&["2026_x"], "20270101000000_add_widget"),
            (&["20260304 x"], "20260304050607_add_widget"),
            (&["20260304"], "20260304050607_add_widget"),
            (&["2026030405060799_x"], "20260304050608_add_widget"),
            (&[" x", "-x"], "20260304050607_add_widget"),
        ] {
            assert_eq!(made(existing).as_deref(), Ok(wanted), "{existing:?}");
        }
    }

    #[test]
    fn a_new_stamp_keeps_the_rest_of_a_name() {
        let now = "2026-03-04T05:06:07Z".parse().unwrap();
        for (name, wanted) in [
            ("20250101000000_add_a", "20260304050607_add_a"),
            ("20250101_short", "20260304050607_short"),
            ("20250101000000 with spaces", "20260304050607_ with spaces"),
            ("plain", "20260304050607_plain"),
        ] {
            assert_eq!(restamped(name, now, &[]).as_deref(), Ok(wanted));
        }
        assert!(is_after("20260304050607_b", "20260304050606_z"));
        assert!(!is_after("20260304050607_b", "20260304050607_a"), "a shared stamp is no order");
        assert!(!is_after("plain", "20260304050607_a"));
    }

    #[test]
    fn where_nothing_sorts_after_a_name_the_name_is_told() {
        for bad in ["init", "_x", "99991231235959_x", "ä", "9999_x"] {
            assert_eq!(made(&["20250101000000_x", bad]), Err(NothingSortsAfter(bad.to_owned())));
        }
    }
}
