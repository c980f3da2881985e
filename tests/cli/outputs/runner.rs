//! What the runner of GitHub Actions makes of a stream, as its documentation and its source describe it: the new
//! notation after leading blanks, then the old one anywhere in a line, with characters passed over that have no width.

use std::collections::BTreeMap;

/// Every command that the runner knows; what it does not know it prints.
const KNOWN: [&str; 16] = [
    "add-mask",
    "add-matcher",
    "add-path",
    "debug",
    "echo",
    "endgroup",
    "error",
    "group",
    "internal-set-repo-path",
    "notice",
    "remove-matcher",
    "save-state",
    "set-env",
    "set-output",
    "stop-commands",
    "warning",
];

/// A command that the runner would obey.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Obeyed {
    pub(super) name: String,
    pub(super) properties: BTreeMap<String, String>,
    pub(super) data: String,
}

/// The commands in `stream`.
pub(super) fn obeyed(stream: &str) -> Vec<Obeyed> {
    stream.split(['\n', '\r']).filter_map(|line| new_notation(line).or_else(|| old_notation(line))).collect()
}

fn new_notation(line: &str) -> Option<Obeyed> {
    // With characters of no width and without: whichever way the runner compares, it is a command.
    let bare: String = line.chars().filter(|character| !is_passed_over(*character)).collect();
    let (info, data) = [line, bare.as_str()]
        .into_iter()
        .find_map(|line| line.trim_start().strip_prefix("::")?.split_once("::"))?;
    let unescape = |text: &str| text.replace("%0D", "\r").replace("%0A", "\n");
    let property = |text: &str| unescape(text).replace("%3A", ":").replace("%2C", ",").replace("%25", "%");
    command(info, ',', property, &unescape(data).replace("%25", "%"))
}

fn old_notation(line: &str) -> Option<Obeyed> {
    let bare: String = line.chars().filter(|character| !is_passed_over(*character)).collect();
    let (_, rest) = bare.split_once("##[")?;
    let (info, data) = rest.split_once(']')?;
    command(info, ';', str::to_owned, data)
}

fn command(info: &str, separator: char, value: impl Fn(&str) -> String, data: &str) -> Option<Obeyed> {
    let (name, properties) = info.split_once(' ').unwrap_or((info, ""));
    let name = name.to_lowercase();
    KNOWN.contains(&name.as_str()).then(|| Obeyed {
        name,
        properties: properties
            .trim()
            .split(separator)
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, text)| (key.to_owned(), value(text)))
            .collect(),
        data: data.to_owned(),
    })
}

const fn is_passed_over(character: char) -> bool {
    matches!(character, '\0'..='\u{8}' | '\u{e}'..='\u{1a}' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}
