//! The `run-migration` command.

fn main() {}
