//! What a change of type does to values, by PostgreSQL's rules for casts.

use super::action::DataType;

/// What becomes of the values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Conversion {
    /// Every value stays what it was.
    Keeps {
        /// Every row is written anew.
        rewrites: bool,
        /// What happens, a sentence.
        why: String,
    },
    /// A value that does not fit is an error: what happens, a sentence with the SQLSTATE.
    MayFail(String),
    /// Values change without an error: how, a sentence.
    Loses(String),
}

impl Conversion {
    pub(super) fn keeps() -> Self {
        Self::Keeps { rewrites: false, why: String::new() }
    }

    fn rewrites(why: &str) -> Self {
        Self::Keeps { rewrites: true, why: why.to_owned() }
    }

    pub(super) fn loses(why: &str) -> Self {
        Self::Loses(why.to_owned())
    }

    fn may_fail(why: &str) -> Self {
        Self::MayFail(why.to_owned())
    }

    /// The worse of the two.
    pub(super) fn worse(self, other: Self) -> Self {
        let rank = |conversion: &Self| match conversion {
            Self::Keeps { rewrites: false, .. } => 0,
            Self::Keeps { rewrites: true, .. } => 1,
            Self::MayFail(_) => 2,
            Self::Loses(_) => 3,
        };
        if rank(&other) > rank(&self) { other } else { self }
    }
}

/// What becomes of values of type `from` (`None` where it is not known) as `to`. An explicit cast cuts where an
/// assignment fails.
pub(super) fn convert(from: Option<&DataType>, to: Option<&DataType>, explicit: bool) -> Conversion {
    let Some(to) = to else { return Conversion::loses("The new type cannot be read.") };
    let Some(from) = from else { return from_unknown(to, explicit) };
    if from == to {
        return Conversion::keeps();
    }
    match (from.array, to.array) {
        (true, false) => Conversion::loses("A list becomes its text, such as {x,y}."),
        (false, true) => Conversion::may_fail("22P02 where a value is no list; every row is written anew."),
        _ => scalar(from, to, explicit),
    }
}

/// The families of types that behave alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    /// Whole numbers; how many bytes.
    Integer(u32),
    Numeric,
    /// Floating point; how many bytes.
    Float(u32),
    /// Text without a limit of its own kind: text, varchar, citext.
    Text,
    /// Blank-padded text.
    Padded,
    Bits,
    Timestamp,
    TimestampZoned,
    Date,
    Time,
    Interval,
    Json,
    Jsonb,
    Boolean,
    Other,
}

fn family(data_type: &DataType) -> Family {
    match data_type.name.as_str() {
        "int2" | "serial2" => Family::Integer(2),
        "int4" | "serial4" => Family::Integer(4),
        "int8" | "serial8" | "oid" => Family::Integer(8),
        "numeric" => Family::Numeric,
        "money" => Family::Numeric,
        "float4" => Family::Float(4),
        "float8" => Family::Float(8),
        "text" | "varchar" | "citext" | "name" => Family::Text,
        "bpchar" => Family::Padded,
        "bit" | "varbit" => Family::Bits,
        "timestamp" => Family::Timestamp,
        "timestamptz" => Family::TimestampZoned,
        "date" => Family::Date,
        "time" | "timetz" => Family::Time,
        "interval" => Family::Interval,
        "json" => Family::Json,
        "jsonb" => Family::Jsonb,
        "bool" => Family::Boolean,
        _ => Family::Other,
    }
}

/// The text's greatest length; a bare `char` holds one character.
fn limit(data_type: &DataType) -> Option<u32> {
    data_type.modifiers.first().copied().or_else(|| (family(data_type) == Family::Padded).then_some(1))
}

/// Digits behind the second.
fn precision(data_type: &DataType) -> u32 {
    data_type.modifiers.first().copied().unwrap_or(6)
}

fn too_long(to: &DataType, explicit: bool) -> Conversion {
    let most = limit(to).map_or_else(String::new, |most| format!(" than {most}"));
    if explicit {
        Conversion::Loses(format!("The cast cuts what is longer{most}, without an error."))
    } else {
        Conversion::MayFail(format!(
            "22001 where a value is longer{most}; blanks at the end are cut without an error."
        ))
    }
}

fn from_unknown(to: &DataType, explicit: bool) -> Conversion {
    const UNKNOWN: &str = "The old type is not known here;";
    let loses = |how: &str| Conversion::Loses(format!("{UNKNOWN} {how}"));
    let rewrites = || Conversion::Keeps {
        rewrites: true,
        why: format!("{UNKNOWN} unless it is stored alike, every row is written anew."),
    };
    if to.array {
        return Conversion::MayFail(format!("{UNKNOWN} 22P02 where a value does not fit."));
    }
    match family(to) {
        Family::Text | Family::Padded | Family::Bits if limit(to).is_some() => too_long(to, explicit),
        Family::Text | Family::Padded | Family::Bits | Family::Integer(8) => rewrites(),
        Family::Json | Family::Jsonb | Family::TimestampZoned if to.modifiers.is_empty() => rewrites(),
        Family::Numeric if to.modifiers.is_empty() => rewrites(),
        Family::Timestamp | Family::TimestampZoned if precision(to) >= 6 => rewrites(),
        Family::Timestamp | Family::TimestampZoned | Family::Interval => {
            loses("parts of a second that are finer are rounded away.")
        }
        Family::Integer(_) | Family::Numeric | Family::Float(_) => {
            loses("digits that do not fit are rounded away.")
        }
        Family::Date => loses("the time of day is cut off a time stamp."),
        Family::Time => loses("the day is cut off a time stamp."),
        Family::Boolean => loses("whatever is not zero or false becomes true."),
        Family::Json | Family::Jsonb | Family::Other => {
            Conversion::MayFail(format!("{UNKNOWN} 22P02 where a value does not fit."))
        }
    }
}

fn scalar(from: &DataType, to: &DataType, explicit: bool) -> Conversion {
    match (family(from), family(to)) {
        (source, Family::Text | Family::Padded) => to_text(source, from, to, explicit),
        (Family::Text | Family::Padded, _) => Conversion::may_fail(
            "22P02 where a text does not read as the new type; every row is written anew.",
        ),
        (Family::Integer(_) | Family::Numeric | Family::Float(_), _) => number(from, to),
        (source, target) => other(source, target, from, to),
    }
}

fn to_text(source: Family, from: &DataType, to: &DataType, explicit: bool) -> Conversion {
    let fits = match (limit(from), limit(to)) {
        (_, None) => true,
        (Some(old), Some(new)) => old <= new,
        (None, Some(_)) => false,
    };
    match source {
        _ if !fits => too_long(to, explicit),
        Family::Text if family(to) == Family::Text => Conversion::keeps(),
        _ => Conversion::rewrites("Every value becomes its text, and every row is written anew."),
    }
}

fn number(from: &DataType, to: &DataType) -> Conversion {
    let wider = || Conversion::rewrites("Every row is written anew.");
    match (family(from), family(to)) {
        (Family::Integer(old), Family::Integer(new)) if old == new => Conversion::keeps(),
        (Family::Integer(old), Family::Integer(new)) if old < new => wider(),
        (Family::Integer(_), Family::Integer(_)) => {
            Conversion::may_fail("22003 where a number is too large; every row is written anew.")
        }
        (Family::Integer(2), Family::Float(_)) | (Family::Integer(4), Family::Float(8)) => wider(),
        (Family::Float(4), Family::Float(8)) => wider(),
        (Family::Integer(_), Family::Numeric) if to.modifiers.is_empty() => wider(),
        (Family::Integer(bytes), Family::Numeric) => {
            let digits = match bytes {
                2 => 5,
                4 => 10,
                _ => 19,
            };
            if whole_digits(to) >= digits {
                wider()
            } else {
                Conversion::may_fail("22003 where a number is too large.")
            }
        }
        (Family::Numeric, Family::Numeric) => decimal(from, to),
        (Family::Numeric, Family::Integer(_)) if from.modifiers.len() < 2 && !from.modifiers.is_empty() => {
            Conversion::may_fail("22003 where a number is too large; every row is written anew.")
        }
        (_, Family::Integer(_)) => Conversion::loses("1.75 becomes 2."),
        (_, Family::Numeric | Family::Float(_)) => {
            Conversion::loses("Digits that do not fit are rounded away.")
        }
        (_, Family::Boolean) => Conversion::loses("Every number but 0 becomes true."),
        _ => Conversion::may_fail("42804 or 22P02 where the types do not go together."),
    }
}

fn whole_digits(data_type: &DataType) -> u32 {
    let scale = data_type.modifiers.get(1).copied().unwrap_or(0);
    data_type.modifiers.first().copied().unwrap_or(1_000).saturating_sub(scale)
}

fn decimal(from: &DataType, to: &DataType) -> Conversion {
    let scale = |data_type: &DataType| data_type.modifiers.get(1).copied().unwrap_or(0);
    if to.modifiers.is_empty() {
        Conversion::keeps()
    } else if from.modifiers.is_empty() || scale(from) > scale(to) {
        Conversion::Loses(format!("Digits behind the decimal point are rounded to {}.", scale(to)))
    } else if whole_digits(from) > whole_digits(to) {
        Conversion::may_fail("22003 where a number is too large.")
    } else if scale(from) == scale(to) {
        Conversion::keeps()
    } else {
        Conversion::rewrites("Every row is written anew.")
    }
}

fn other(source: Family, target: Family, from: &DataType, to: &DataType) -> Conversion {
    use Family::{Bits, Boolean, Date, Integer, Interval, Json, Jsonb, Time, Timestamp, TimestampZoned};
    match (source, target) {
        (Timestamp, Timestamp) | (TimestampZoned, TimestampZoned) | (Time, Time) | (Interval, Interval) => {
            if precision(from) <= precision(to) {
                Conversion::keeps()
            } else {
                Conversion::loses("Parts of a second that are finer are rounded away.")
            }
        }
        (Timestamp, TimestampZoned) | (TimestampZoned, Timestamp) if precision(from) <= precision(to) => {
            Conversion::may_fail(
                "Every value is read in the session's time zone, so it may shift; no error says so.",
            )
        }
        (Timestamp, TimestampZoned) | (TimestampZoned, Timestamp) => {
            Conversion::loses("Parts of a second that are finer are rounded away.")
        }
        (Date, Timestamp | TimestampZoned) => Conversion::rewrites("Every row is written anew."),
        (Timestamp | TimestampZoned, Date) => Conversion::loses("The time of day is cut off."),
        (Timestamp | TimestampZoned, Time) => Conversion::loses("The day is cut off."),
        (Json, Jsonb) => {
            Conversion::loses("Spaces, the order of keys and keys that stand twice are not kept.")
        }
        (Jsonb, Json) => Conversion::rewrites("Every row is written anew."),
        (Bits, Bits) if limit(from) <= limit(to) => Conversion::keeps(),
        (Bits, Bits) => Conversion::may_fail("22001 where a value is longer."),
        (Boolean, Integer(_)) => Conversion::rewrites("Every row is written anew."),
        _ => Conversion::may_fail(
            "22P02 where a value does not read as the new type; every row is written anew.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> DataType {
        let (plain, array) = text.strip_suffix("[]").map_or((text, false), |plain| (plain, true));
        let (name, numbers) = plain.split_once('(').unwrap_or((plain, ""));
        let modifiers =
            numbers.trim_end_matches(')').split(',').filter_map(|number| number.parse().ok()).collect();
        DataType { name: name.into(), modifiers, array }
    }

    #[test]
    fn values_are_kept_lost_or_refused_as_postgresql_does() {
        for (from, to, wanted) in [
            ("int4", "int8", "rewrites"),
            ("int8", "int4", "fails"),
            ("float8", "int4", "loses"),
            ("float4", "float8", "rewrites"),
            ("float8", "numeric", "loses"),
            ("int8", "float8", "loses"),
            ("numeric(10,4)", "numeric(6,2)", "loses"),
            ("numeric(10,2)", "numeric(12,2)", "keeps"),
            ("numeric(10,2)", "numeric(8,2)", "fails"),
            ("numeric(10,2)", "numeric", "keeps"),
            ("numeric(10)", "int8", "fails"),
            ("varchar(50)", "text", "keeps"),
            ("varchar(50)", "varchar(80)", "keeps"),
            ("varchar(50)", "varchar(20)", "fails"),
            ("text", "varchar(20)", "fails"),
            ("text", "int4", "fails"),
            ("text", "uuid", "fails"),
            ("uuid", "text", "rewrites"),
            ("timestamp(3)", "timestamp", "keeps"),
            ("timestamp(3)", "timestamp(0)", "loses"),
            ("timestamp(3)", "date", "loses"),
            ("date", "timestamp(3)", "rewrites"),
            ("timestamp(3)", "timestamptz(3)", "fails"),
            ("text[]", "text", "loses"),
            ("int4[]", "int8[]", "rewrites"),
            ("json", "jsonb", "loses"),
            ("jsonb", "json", "rewrites"),
            ("text", "text", "keeps"),
        ] {
            let found = match convert(Some(&of(from)), Some(&of(to)), false) {
                Conversion::Keeps { rewrites: false, .. } => "keeps",
                Conversion::Keeps { rewrites: true, .. } => "rewrites",
                Conversion::MayFail(_) => "fails",
                Conversion::Loses(_) => "loses",
            };
            assert_eq!(found, wanted, "{from} -> {to}");
        }
    }

    #[test]
    fn an_explicit_cast_cuts_where_an_assignment_fails() {
        let (text, short) = (of("text"), of("varchar(3)"));
        assert!(matches!(convert(Some(&text), Some(&short), true), Conversion::Loses(_)));
        assert!(matches!(convert(Some(&text), Some(&short), false), Conversion::MayFail(_)));
    }
}
