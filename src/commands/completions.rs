//! `run-migration completions`: what a shell needs to complete what is typed.

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::{cli::Cli, outcome::Outcome, report::Report};

/// The program's name without its hyphen: the generator for bash takes that for the mark of a subcommand.
const PLAIN: &str = "runmigration";

/// Prints the completion script for `shell`.
pub(super) fn run(shell: Shell) -> Report {
    let mut script = Vec::new();
    generate(shell, &mut Cli::command().name(PLAIN), PLAIN, &mut script);
    let result = Some(String::from_utf8_lossy(&script).replace(PLAIN, "run-migration"));
    Report { result, ..Report::new("completions", Outcome::Passed) }
}
