//! Published wheels of litellm-proxy-extras: real input, where this checkout has it beside it.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

/// What a wheel ships.
pub struct Release {
    /// Its schema.prisma.
    pub schema: String,
    /// Each migration's directory name and `migration.sql`.
    pub migrations: Vec<(String, String)>,
}

/// The wheel of the release `version`, or `None` with a visible message where the corpus is not there.
pub fn wheel(version: &str) -> Option<PathBuf> {
    Some(corpus()?.join(format!("litellm_proxy_extras-{version}-py3-none-any.whl")))
}

/// The release `version`, or `None` with a visible message where the corpus is not there.
pub fn release(version: &str) -> Option<Release> {
    let mut archive = zip::ZipArchive::new(std::fs::File::open(wheel(version)?).unwrap()).unwrap();
    let mut release = Release { schema: String::new(), migrations: Vec::new() };
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).unwrap();
        let Some(name) = entry.name().unwrap().strip_prefix("litellm_proxy_extras/").map(str::to_owned)
        else {
            continue;
        };
        let mut text = String::new();
        if name == "schema.prisma" {
            entry.read_to_string(&mut release.schema).unwrap();
        } else if let Some(name) =
            name.strip_prefix("migrations/").and_then(|name| name.strip_suffix("/migration.sql"))
        {
            entry.read_to_string(&mut text).unwrap();
            release.migrations.push((name.to_owned(), text));
        }
    }
    Some(release)
}

#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn corpus() -> Option<PathBuf> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?.join("shared/corpus");
    if !corpus.is_dir() {
        eprintln!("SKIPPED: the corpus is not at {}: real releases are not tested here", corpus.display());
        return None;
    }
    Some(corpus)
}
