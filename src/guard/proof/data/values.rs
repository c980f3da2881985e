//! Values by type: plain ones that tell rows apart, and those at the edges, where casts go wrong.

use crate::catalog::{Catalog, TypeShape, UserType};

/// How long a text without a limit is tried.
const LONG: usize = 300;

/// A type as SQL writes it, taken apart.
#[derive(Debug, Clone)]
pub(super) struct DataType<'a> {
    /// Without modifiers and brackets: `numeric`, `timestamp without time zone`, `"Status"`.
    pub(super) base: String,
    /// The numbers in parentheses.
    pub(super) modifiers: Vec<usize>,
    /// Whether it is an array of it.
    pub(super) array: bool,
    /// What the user made of it.
    pub(super) user: Option<&'a UserType>,
}

impl<'a> DataType<'a> {
    pub(super) fn parse(catalog: &'a Catalog, text: &str) -> Self {
        let element = text.trim_end_matches("[]");
        let (base, modifiers) = match (element.find('('), element.find(')')) {
            (Some(open), Some(close)) if !element.starts_with('"') && open < close => {
                let numbers =
                    element[open + 1..close].split(',').filter_map(|number| number.trim().parse().ok());
                (format!("{}{}", &element[..open], &element[close + 1..]), numbers.collect())
            }
            _ => (element.to_owned(), Vec::new()),
        };
        Self { base, modifiers, array: element.len() < text.len(), user: catalog.user_type(element) }
    }

    fn first(&self) -> Option<usize> {
        self.modifiers.first().copied()
    }

    /// Digits before and after the point.
    fn digits(&self) -> Option<(usize, usize)> {
        let (precision, scale) = (self.first()?, self.modifiers.get(1).copied().unwrap_or(0));
        Some((precision.saturating_sub(scale), scale))
    }

    /// Whether its digits beyond the fifteenth mean nothing.
    pub(super) fn is_float(&self) -> bool {
        !self.array && matches!(self.base.as_str(), "real" | "double precision")
    }

    /// Whether it is a text of any kind.
    pub(super) fn is_text(&self) -> bool {
        !self.array
            && matches!(self.base.as_str(), "text" | "character varying" | "character" | "citext" | "name")
    }
}

/// A plain value of the type, another one for another `number`, as text that PostgreSQL reads. `None` where the
/// type is unknown.
pub(super) fn sample(catalog: &Catalog, data_type: &str, number: u32) -> Option<String> {
    let parsed = DataType::parse(catalog, data_type);
    let value = match parsed.user {
        Some(user) => user_sample(catalog, &user.shape, number)?,
        None => builtin_sample(&parsed, number)?,
    };
    Some(if parsed.array { array(&[Some(&value)]) } else { value })
}

fn user_sample(catalog: &Catalog, shape: &TypeShape, number: u32) -> Option<String> {
    match shape {
        TypeShape::Enum { labels } => labels.get(number as usize % labels.len().max(1)).cloned(),
        TypeShape::Domain { base, .. } => sample(catalog, base, number),
        TypeShape::Composite { attributes } => {
            let values: Option<Vec<_>> =
                attributes.iter().map(|(_, data_type)| sample(catalog, data_type, number)).collect();
            let values = values?;
            Some(format!("({})", values.iter().map(|value| quoted(value)).collect::<Vec<_>>().join(",")))
        }
        TypeShape::Range { of } => {
            let (from, to) = (sample(catalog, of, number)?, sample(catalog, of, number + 2)?);
            Some(format!("[{},{})", quoted(&from), quoted(&to)))
        }
    }
}

fn builtin_sample(data_type: &DataType<'_>, number: u32) -> Option<String> {
    let limit = data_type.first();
    Some(match data_type.base.as_str() {
        "smallint" | "integer" | "bigint" | "oid" | "real" | "double precision" | "money" => {
            (1000 + number).to_string()
        }
        "numeric" => match data_type.digits() {
            Some((whole, scale)) if whole < 4 => small_number(number, whole, scale),
            _ => (1000 + number).to_string(),
        },
        "text" | "character varying" | "citext" | "name" => short_text(number, limit.unwrap_or(LONG)),
        "character" => short_text(number, limit.unwrap_or(1)),
        "\"char\"" => short_text(number, 1),
        "boolean" => (number % 2 == 1).to_string(),
        "uuid" => format!("00000000-0000-4000-8000-{number:012x}"),
        // Some before today, some after, all at midnight in UTC.
        "date" => day(number),
        "timestamp without time zone" => format!("{} 00:00:00", day(number)),
        "timestamp with time zone" => format!("{} 00:00:00+00", day(number)),
        "time without time zone" | "time with time zone" => {
            format!("{:02}:{:02}:{:02}", number / 3600 % 24, number / 60 % 60, number % 60)
        }
        "interval" => format!("{number} days"),
        "json" | "jsonb" => format!("{{\"n\": {number}}}"),
        "jsonpath" => format!("$.\"n{number}\""),
        "bytea" => format!("\\x{number:08x}"),
        "inet" | "cidr" => format!("10.{}.{}.{}", number >> 16 & 255, number >> 8 & 255, number & 255),
        "macaddr" => {
            format!("08:00:2b:{:02x}:{:02x}:{:02x}", number >> 16 & 255, number >> 8 & 255, number & 255)
        }
        "bit" => format!("{:0width$b}", number % 2, width = limit.unwrap_or(1)),
        "bit varying" => format!("{:b}", number % 2),
        "xml" => format!("<n>{number}</n>"),
        "tsvector" | "ltree" => format!("n{number}"),
        "tsquery" => format!("n{number}"),
        "hstore" => format!("\"n\"=>\"{number}\""),
        "point" => format!("({number},{number})"),
        "int4range" | "int8range" | "numrange" => format!("[{number},{})", number + 1),
        "daterange" | "tsrange" | "tstzrange" => format!("[{},{})", day(2 * number), day(2 * number + 2)),
        "vector" | "halfvec" => format!("[{}]", vec![number.to_string(); limit.unwrap_or(3)].join(",")),
        _ => return None,
    })
}

/// A number with few digits before the point.
fn small_number(number: u32, whole: usize, scale: usize) -> String {
    let base = 10_u32.pow(u32::try_from(whole).unwrap_or(0));
    if scale == 0 { (number % base).to_string() } else { format!("{}.{}", number % base, number / base % 10) }
}

/// A text that says which row it is of, as far as there is room.
fn short_text(number: u32, limit: usize) -> String {
    let text = format!("r{number}");
    if text.len() <= limit {
        return text;
    }
    let mut digits = Vec::new();
    let mut rest = number;
    while digits.len() < limit {
        digits.push(char::from_digit(rest % 36, 36).unwrap_or('0'));
        rest /= 36;
    }
    digits.iter().rev().collect()
}

/// A day: of 2001 for odd numbers, of 2101 for even ones, and so on.
fn day(number: u32) -> String {
    let century = if number % 2 == 1 { 2000 } else { 2100 };
    let half = number / 2;
    format!("{:04}-{:02}-{:02}", century + 1 + half / 336, half / 28 % 12 + 1, half % 28 + 1)
}

/// Values of the type where a change to `target` may go wrong, as texts that PostgreSQL reads.
pub(super) fn boundaries(catalog: &Catalog, data_type: &str, target: &str) -> Vec<String> {
    let (from, to) = (DataType::parse(catalog, data_type), DataType::parse(catalog, target));
    let mut values = match from.user.map(|user| &user.shape) {
        Some(TypeShape::Enum { labels }) => labels.clone(),
        Some(TypeShape::Domain { base, .. }) => boundaries(catalog, base, target),
        Some(_) => Vec::new(),
        None => builtin_boundaries(&from, &to),
    };
    values.extend(
        [1, 2].into_iter().filter_map(|number| sample(catalog, data_type.trim_end_matches("[]"), number)),
    );
    if from.array {
        let pair: Vec<Option<&String>> = values.iter().take(2).map(Some).collect();
        let pair = array(&pair);
        values = values.iter().map(|value| array(&[Some(value)])).collect();
        values.extend([pair, "{}".into(), "{NULL}".into()]);
    }
    values
}

fn builtin_boundaries(from: &DataType<'_>, to: &DataType<'_>) -> Vec<String> {
    let fixed: &[&str] = match from.base.as_str() {
        "smallint" => &["0", "-1", "32767", "-32768"],
        "integer" => &["0", "-1", "32768", "16777217", "2147483647", "-2147483648"],
        "bigint" => {
            &["0", "-1", "2147483648", "9007199254740993", "9223372036854775807", "-9223372036854775808"]
        }
        "real" => &["0", "1.75", "-0.5", "0.1", "1e+38"],
        "double precision" => &["0", "1.75", "-0.5", "0.1", "123456789.125", "1e+300"],
        "numeric" => return numbers(from),
        "text" | "character varying" | "citext" | "character" => return texts(from, to),
        "boolean" => &["true", "false"],
        "date" => &["2024-02-29", "0001-01-01", "9999-12-31"],
        "timestamp without time zone" => &[
            "2024-06-30 23:59:59.987654",
            "2024-01-01 00:00:00",
            "1900-01-01 12:34:56",
            "9999-12-31 23:59:59",
        ],
        "timestamp with time zone" => {
            &["2024-06-30 23:59:59.987654+05:30", "2024-01-01 00:00:00+00", "1900-01-01 12:34:56+00"]
        }
        "time without time zone" | "time with time zone" => &["23:59:59.987654", "00:00:00"],
        "interval" => &["1 mon 2 days 03:04:05.987654", "-1 days"],
        "json" | "jsonb" => &["{\"a\": [1, 2.50, null], \"b\": \"x\"}", "[]", "\"text\"", "1", "null"],
        "bytea" => &["\\x00ff", "\\x616263", "\\x"],
        "inet" => &["10.0.0.1/8", "::1"],
        "uuid" => &["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
        "money" => &["12.34", "-0.01"],
        _ => &[],
    };
    fixed.iter().map(|value| (*value).to_owned()).collect()
}

fn numbers(data_type: &DataType<'_>) -> Vec<String> {
    let Some((whole, scale)) = data_type.digits() else {
        return ["0", "1.75", "-0.5", "123456789012345678901234567890.123456789"].map(str::to_owned).into();
    };
    let nines = |count: usize| "9".repeat(count);
    let fraction: String = "123456789".chars().cycle().take(scale).collect();
    let point = |whole: &str, fraction: &str| {
        if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
    };
    let whole = if whole == 0 { "0".to_owned() } else { nines(whole) };
    let small = if whole == "0" { "0" } else { "1" };
    vec![
        "0".into(),
        point(small, &fraction),
        point(&whole, &nines(scale)),
        format!("-{}", point(&whole, &nines(scale))),
    ]
}

/// Texts short and long; the longest is longer than the target holds, if the column takes it.
fn texts(from: &DataType<'_>, to: &DataType<'_>) -> Vec<String> {
    let target = if to.is_text() { to.first().unwrap_or(0) } else { 0 };
    let length = match from.base.as_str() {
        "character" => from.first().unwrap_or(1),
        _ => from.first().unwrap_or(LONG.max(target + 1)),
    };
    let mut values =
        vec![String::new(), "x".repeat(length), "1".into(), "12".into(), "1.75".into(), "abc".into()];
    values.push(format!("{:<length$}", "ab"));
    values.retain(|value| value.len() <= length);
    values
}

/// An array literal.
fn array<T: AsRef<str>>(values: &[Option<T>]) -> String {
    let element = |value: &Option<T>| match value {
        Some(value) => quoted(value.as_ref()),
        None => "NULL".into(),
    };
    format!("{{{}}}", values.iter().map(element).collect::<Vec<_>>().join(","))
}

/// An element of an array, a row or a range.
fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Texts and numbers that stand in SQL: what a condition asks for is often written in it.
pub(super) fn literals(sql: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = sql;
    while let Some(start) = rest.find(|c: char| c == '\'' || c.is_ascii_digit()) {
        let before = rest[..start].chars().next_back();
        rest = &rest[start..];
        if let Some(text) = rest.strip_prefix('\'') {
            let (text, more) = text.split_once('\'').unwrap_or((text, ""));
            found.push(text.to_owned());
            rest = more;
            continue;
        }
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let is_name = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
        if let (false, Ok(number)) = (is_name, rest[..end].parse::<i64>()) {
            let sign = if before == Some('-') { -1 } else { 1 };
            found.extend([0, 1, -1].map(|step| (sign * number).saturating_add(step).to_string()));
        }
        rest = &rest[end..];
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> (String, Vec<usize>, bool) {
        let catalog = Catalog::default();
        let parsed = DataType::parse(&catalog, text);
        (parsed.base, parsed.modifiers, parsed.array)
    }

    #[test]
    fn types_are_taken_apart() {
        assert_eq!(parse("numeric(10,2)"), ("numeric".into(), vec![10, 2], false));
        assert_eq!(
            parse("timestamp(3) without time zone[]"),
            ("timestamp without time zone".into(), vec![3], true)
        );
        assert_eq!(parse("\"odd (type)\""), ("\"odd (type)\"".into(), vec![], false));
    }

    #[test]
    fn samples_fit_and_differ() {
        let catalog = Catalog::default();
        let of = |data_type: &str| [7, 8].map(|number| sample(&catalog, data_type, number).unwrap());
        assert_eq!(of("integer"), ["1007", "1008"]);
        assert_eq!(of("numeric(3,2)"), ["7.0", "8.0"]);
        assert_eq!(of("numeric(2,2)"), ["0.7", "0.8"]);
        assert_eq!(of("character varying(1)"), ["7", "8"]);
        assert_eq!(of("text[]"), ["{\"r7\"}", "{\"r8\"}"]);
        assert_eq!(of("date"), ["2001-01-04", "2101-01-05"]);
        assert_eq!(sample(&catalog, "geometry", 1), None);
    }

    #[test]
    fn edges_are_those_of_the_type() {
        let catalog = Catalog::default();
        let of = |data_type: &str, target: &str| boundaries(&catalog, data_type, target);
        assert!(of("numeric(6,2)", "integer").contains(&"9999.99".into()));
        assert!(of("numeric(6,2)", "integer").contains(&"1.12".into()));
        assert!(of("text", "character varying(500)").contains(&"x".repeat(501)));
        assert!(of("character varying(5)", "integer").iter().all(|value| value.len() <= 5));
        assert!(of("integer[]", "text").contains(&"{\"0\",\"-1\"}".into()));
    }

    #[test]
    fn conditions_name_what_they_want() {
        assert_eq!(literals("CHECK ((a = ANY (ARRAY['x'::text, 'y'::text])))"), ["x", "y"]);
        assert_eq!(literals("CHECK ((b1 > -5))"), ["-5", "-4", "-6"]);
        assert_eq!(literals("CHECK (a ~ 'open"), ["open"]);
    }
}
