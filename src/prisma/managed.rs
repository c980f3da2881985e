//! A project without a Prisma at hand: which major shall the managed one answer as?

use camino::Utf8Path;

use super::{error::Error, schema::Schema};
use crate::config::{Layout, Project};

/// The major that the managed CLI stands in for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StandIn {
    pub major: u64,
    /// Why this one.
    pub why: String,
    /// What a person should know.
    pub notes: Vec<String>,
}

/// Decides by what the project says: its package.json, its layout, its schema.
///
/// # Errors
/// Where the schema cannot be read.
pub(super) fn for_project(project: &Project) -> Result<StandIn, Error> {
    let plain = |major, why: &str| StandIn { major, why: why.to_owned(), notes: Vec::new() };
    if let Some((range, major)) = declared(project) {
        let note = format!(
            "package.json asks for Prisma {range}, which is not installed here; an engine for Prisma {major} stands \
             in for it (npm install would bring the real one)"
        );
        return Ok(StandIn {
            notes: vec![note],
            ..plain(major, &format!("package.json asks for Prisma {range}"))
        });
    }
    if project.layout == Layout::LiteLlm {
        return Ok(plain(5, "LiteLLM uses Prisma 5"));
    }
    Ok(match Schema::read(&project.schema)?.holds_url() {
        true => plain(6, "the schema holds its URL, as up to Prisma 6"),
        false => plain(7, "the schema holds no URL, as from Prisma 7 on"),
    })
}

/// The range of versions that the nearest package.json asks for, and its major.
fn declared(project: &Project) -> Option<(String, u64)> {
    for directory in project.schema.ancestors().skip(1) {
        if let Some(range) = range_in(&directory.join("package.json")) {
            let digits: String = range
                .chars()
                .skip_while(|letter| !letter.is_ascii_digit())
                .take_while(char::is_ascii_digit)
                .collect();
            let major = digits.parse().ok().filter(|major| (5..=7).contains(major))?;
            return Some((range, major));
        }
        if directory == project.root {
            break;
        }
    }
    None
}

fn range_in(manifest: &Utf8Path) -> Option<String> {
    let text = fs_err::read_to_string(manifest).ok()?;
    let manifest: serde_json::Value = serde_json::from_str(&text).ok()?;
    ["devDependencies", "dependencies"]
        .into_iter()
        .find_map(|kind| manifest.get(kind)?.get("prisma")?.as_str())
        .map(str::to_owned)
}
