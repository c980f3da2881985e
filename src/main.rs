//! The `run-migration` command: parse, run, render, exit code.

use std::process::ExitCode;

use run_migration::{
    cli::parse::{Instead, parse},
    commands,
    context::Environment,
    outcome::Outcome,
    process,
    report::emit,
};

fn main() -> ExitCode {
    emit::no_backtraces();
    let args: Vec<_> = std::env::args_os().collect();
    let environment = Environment::read();
    let typed = match parse(args.iter().cloned(), &environment) {
        Ok(typed) => typed,
        Err(Instead::Text(text)) => return emit::text(&text),
        Err(Instead::Usage(report, settings)) => return emit::report(&report, &settings, &environment),
    };
    process::conceal(&args, "--database-url", "RUN_MIGRATION_DATABASE_URL");
    process::conceal(&args, "--server-url", "RUN_MIGRATION_SERVER_URL");
    let settings = typed.settings.clone();
    let progress = emit::progress(&settings, &environment);
    let name = typed.command.name();
    let report = std::panic::catch_unwind(|| commands::execute(typed, environment.clone(), progress))
        .unwrap_or_else(|_| emit::broken(name, Outcome::Failed));
    emit::report(&report, &settings, &environment)
}
