//! What a CLI of Prisma's is run in: nothing that asks, phones home, or leads to another database.

use camino::Utf8Path;

use crate::process::Invocation;

/// What would change how it runs or what it connects to.
const REMOVED: &[&str] = &[
    "DATABASE_URL",
    "DIRECT_DATABASE_URL",
    "DIRECT_URL",
    "POSTGRES_PRISMA_URL",
    "POSTGRES_URL",
    "POSTGRES_URL_NON_POOLING",
    "SHADOW_DATABASE_URL",
    "DEBUG",
    "FORCE_COLOR",
    "NODE_OPTIONS",
    "NODE_PATH",
    "PRISMA_MIGRATION_ENGINE_BINARY",
    "RUN_MIGRATION_DATABASE_URL",
    "RUN_MIGRATION_SERVER_URL",
    "RUST_LOG",
];

const SET: &[(&str, &str)] = &[
    ("CHECKPOINT_DISABLE", "1"),
    ("NO_COLOR", "1"),
    ("NO_UPDATE_NOTIFIER", "1"),
    ("PRISMA_HIDE_UPDATE_MESSAGE", "1"),
    // Up to 6 the CLI wants to see a query engine before it does anything; any path will do.
    ("PRISMA_QUERY_ENGINE_BINARY", "/dev/null"),
    ("PRISMA_QUERY_ENGINE_LIBRARY", "/dev/null"),
];

/// `cli` in these surroundings, on `engine`.
pub(super) fn quiet(cli: Invocation, engine: &Utf8Path) -> Invocation {
    let cli = REMOVED.iter().fold(cli, |cli, name| cli.env_remove(name));
    let cli = SET.iter().fold(cli, |cli, (name, value)| cli.env(name, value));
    cli.env("PRISMA_SCHEMA_ENGINE_BINARY", engine)
}
