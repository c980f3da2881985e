//! The diff stage: which Prisma is found, what it is asked, and what becomes of its answer.

mod answers;
mod engine;
mod install;
mod private;
mod search;
