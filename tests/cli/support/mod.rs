//! Running the tool as a user would, without anything of this machine's user.

pub mod cache;
pub mod catalog;
pub mod corpus;
pub mod dice;
pub mod git;
pub mod live;
pub mod packages;
pub mod postgres;
pub mod prisma;
pub mod project;
pub mod release;
pub mod run;
pub mod server;
pub mod theirs;
