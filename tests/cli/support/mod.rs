//! Running the tool as a user would, without anything of this machine's user.

pub mod run;
pub mod server;
