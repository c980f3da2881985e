//! What this program brings along: our schema engine, and a CLI for projects that have none.

use super::install::{File, Package};

const PLAIN: u32 = 0o644;
const EXECUTABLE: u32 = 0o755;

/// The files at these paths under `$dir`, as parts of this program.
macro_rules! files {
    ($dir:literal: $($path:literal = $mode:expr),+ $(,)?) => {
        &[$(File { path: $path, text: include_str!(concat!($dir, "/", $path)), mode: $mode }),+]
    };
}

/// Our schema engine: Prisma's own wasm builds of it, driven over `pg`.
pub(super) const ENGINE: Package = Package {
    name: "schema-engine",
    what: "the schema engine",
    files: files!("engine":
        "package.json" = PLAIN,
        "package-lock.json" = PLAIN,
        "schema-engine-5" = EXECUTABLE,
        "schema-engine-6" = EXECUTABLE,
        "schema-engine-7" = EXECUTABLE,
        "lib/adapter.js" = PLAIN,
        "lib/arguments.js" = PLAIN,
        "lib/commands.js" = PLAIN,
        "lib/connection.js" = PLAIN,
        "lib/errors.js" = PLAIN,
        "lib/generations.js" = PLAIN,
        "lib/join-tables.js" = PLAIN,
        "lib/log.js" = PLAIN,
        "lib/main.js" = PLAIN,
        "lib/migrations.js" = PLAIN,
        "lib/requests.js" = PLAIN,
        "lib/rpc.js" = PLAIN,
        "lib/schema-files.js" = PLAIN,
        "lib/types.js" = PLAIN,
        "lib/wasm.js" = PLAIN,
    ),
};

/// The CLI for projects that have none.
///
/// For `migrate diff` the CLI only carries messages between the user and the engine, which alone reads the schema
/// and writes the SQL: on the same engine 5.4, 5.22, 6.19 and 7.10 give the same bytes, and 5.22 on the engine of
/// 7 understands what only 7 does. So the smallest and quickest is taken: 13 MB, and 0.3 s of processor time until
/// the engine starts (6.19: 97 MB and 0.65 s; 7.10: 234 MB and 0.75 s). 5.4 is as quick, but cannot write into a
/// file. Which engine it gets, the project decides.
pub(super) const CLI: Package = Package {
    name: "prisma",
    what: "the Prisma CLI",
    files: files!("cli": "package.json" = PLAIN, "package-lock.json" = PLAIN),
};

/// The version of the build that serves `major` in our engine.
pub(super) fn engine_version(major: u64) -> String {
    let package = if major == 7 { "schema-engine-7" } else { "schema-engine-6" };
    let manifest: serde_json::Value =
        serde_json::from_str(include_str!("engine/package.json")).unwrap_or_default();
    let wanted = manifest["dependencies"][package].as_str().unwrap_or_default();
    wanted.rsplit_once('@').map_or(wanted, |(_, version)| version).to_owned()
}
