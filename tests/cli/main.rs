//! The command line from outside, with real parts: PostgreSQL, Prisma, git.

mod catalog;
mod data;
mod docs;
mod effect;
mod support;
