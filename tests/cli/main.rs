//! The command line from outside, with real parts: PostgreSQL, Prisma, git.

mod docs;
