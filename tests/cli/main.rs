//! The command line from outside, with real parts: PostgreSQL, Prisma, git.
#![expect(unreachable_pub, reason = "helpers are shared by the modules of this one binary")]
#![expect(clippy::unwrap_used, reason = "a helper that cannot help fails its test")]
#![expect(clippy::disallowed_methods, reason = "tests run programs and read the environment as a user does")]

mod cache;
mod catalog;
mod changes;
mod check;
mod completions;
mod consent;
mod corpus;
mod data;
mod deploy;
mod docs;
mod doctor;
mod effect;
mod endings;
mod freshness;
mod generate;
mod lint;
mod live;
mod locks;
mod needs;
mod outputs;
mod outside;
mod postgres;
mod postgres_endings;
mod postgres_install;
mod prisma;
mod process;
mod projects;
mod release;
mod replace;
mod replay;
mod replay_order;
mod schemas;
mod search_path;
mod squash;
mod style;
mod support;
mod sync;
mod way;
mod workflows;
