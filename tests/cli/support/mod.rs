//! Running the tool as a user would, without anything of this machine's user.

pub mod git;
pub mod live;
pub mod run;
