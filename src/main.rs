//! The `run-migration` command: parse, run, render, exit code.

use std::process::ExitCode;

use run_migration::{
    cli::parse::{Instead, parse},
    commands,
    context::Environment,
    outcome::Outcome,
    report::emit,
};

fn main() -> ExitCode {
    emit::no_backtraces();
    let typed = match parse(std::env::args_os()) {
        Ok(typed) => typed,
        Err(Instead::Text(text)) => return emit::text(&text),
        Err(Instead::Usage(report, settings)) => return emit::report(&report, &settings),
    };
    let environment = Environment::read();
    let settings = typed.settings.clone();
    let progress = emit::progress(&settings, &environment);
    let name = typed.command.name();
    let report = std::panic::catch_unwind(|| commands::execute(typed, environment, progress))
        .unwrap_or_else(|_| emit::broken(name, Outcome::Failed));
    emit::report(&report, &settings)
}
