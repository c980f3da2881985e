//! The printed workflows: read as YAML, and run step by step around a real origin.

mod check;
mod files;
mod hardening;
mod job;
mod packages;
mod sync;
mod text;

use std::{path::Path, sync::LazyLock};

use serde_json::Value;

use crate::support::{git::Forge, run::run};

const REPOSITORY: &str = "https://example.com/tools/run-migration";
const REVISION: &str = "0123456789abcdef0123456789abcdef01234567";

const MIGRATIONS: &str = "litellm-proxy-extras/litellm_proxy_extras/migrations";
const MIGRATION: &str = "20260101000000_begin";
const SCHEMA: &str = "schema.prisma";
const COPIES: [&str; 2] =
    ["litellm/proxy/schema.prisma", "litellm-proxy-extras/litellm_proxy_extras/schema.prisma"];

/// A workflow as text and as what the text means.
#[derive(Clone)]
struct Printed {
    text: String,
    yaml: Value,
}

/// The workflows that are printed in `directory`.
#[track_caller]
fn printed(directory: &Path, options: &[&str]) -> Vec<Printed> {
    let args =
        [&["ci", "github", "--tool-repository", REPOSITORY, "--tool-revision", REVISION], options].concat();
    let stdout = run(directory, &args).expect(0).stdout;
    stdout
        .split("---\n")
        .map(|text| Printed { text: text.to_owned(), yaml: serde_saphyr::from_str(text).unwrap() })
        .collect()
}

/// The check and the sync of a repository in LiteLLM's layout, printed once.
fn of_litellm() -> (Printed, Printed) {
    static PRINTED: LazyLock<Vec<Printed>> = LazyLock::new(|| {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(directory.path().join(MIGRATIONS)).unwrap();
        printed(directory.path(), &[])
    });
    let [check, sync] = PRINTED.as_slice() else { panic!("{} workflows", PRINTED.len()) };
    (check.clone(), sync.clone())
}

/// A schema with what is between the braces of its one model.
fn schema(fields: &str) -> String {
    format!(
        "datasource db {{\n  provider = \"postgresql\"\n  url = env(\"DATABASE_URL\")\n}}\n\n\
         model Book {{\n  id Int @id\n{fields}}}\n"
    )
}

/// An origin with a repository in LiteLLM's layout, everything in step.
fn litellm() -> Forge {
    let forge = Forge::new();
    let author = forge.author();
    for path in [&COPIES[..], &[SCHEMA]].concat() {
        author.write(path, &schema(""));
    }
    author.write(
        &format!("{MIGRATIONS}/{MIGRATION}/migration.sql"),
        "CREATE TABLE \"Book\" (\"id\" INTEGER NOT NULL, CONSTRAINT \"Book_pkey\" PRIMARY KEY (\"id\"));\n",
    );
    author.write(&format!("{MIGRATIONS}/migration_lock.toml"), "provider = \"postgresql\"\n");
    author.git(&["add", "--all"]);
    author.git(&["commit", "-q", "-m", "Begin the history"]);
    author.push("main");
    forge
}

/// The steps of a job.
fn steps<'a>(yaml: &'a Value, job: &str) -> &'a Vec<Value> {
    yaml["jobs"][job]["steps"].as_array().unwrap()
}
