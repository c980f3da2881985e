//! Running the tool as a user would, without anything of this machine's user.

pub mod corpus;
pub mod git;
pub mod postgres;
pub mod project;
pub mod run;
