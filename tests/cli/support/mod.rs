//! Running the tool as a user would, without anything of this machine's user.

pub mod postgres;
pub mod run;
