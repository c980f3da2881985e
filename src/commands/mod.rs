//! One file for each command: a path through the stages. Dispatch and life cycle, no logic.

mod doctor;
mod generate;
mod lint;

use crate::{
    cli::{Command, parse::Typed},
    context::{Context, Environment},
    error::Error,
    outcome::{Interrupt, Outcome},
    report::{Report, progress::Progress},
};

/// Runs what was typed to its end, whatever that is. When this returns, no child is left and no temporary directory.
#[must_use]
pub fn execute(typed: Typed, environment: Environment, progress: Progress) -> Report {
    let name = typed.command.name();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Report::of_error(name, &error.into()),
    };
    runtime.block_on(async {
        let context = match Context::gather(&typed, environment, progress) {
            Ok(context) => context,
            Err(error) => return Report::of_error(name, &error),
        };
        let report = tokio::select! {
            biased;
            interrupt = interrupted() => Report::new(name, Outcome::Interrupted(interrupt)),
            report = run(&context, &typed.command) => report.unwrap_or_else(|error| Report::of_error(name, &error)),
        };
        context.processes.finish().await;
        report
    })
}

async fn run(context: &Context, command: &Command) -> Result<Report, Error> {
    match command {
        Command::Generate(args) => generate::run(context, args).await,
        Command::Lint(args) => lint::run(context, args).await,
        Command::Doctor => doctor::run(context).await,
    }
}

/// Waits for a signal that asks the tool to end.
async fn interrupted() -> Interrupt {
    use tokio::signal::unix::{SignalKind, signal};
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = kinds.map(signal) else {
        // Without handlers the signals end the process by themselves, and the reaper does the rest.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => Interrupt::Interrupt,
        _ = terminate.recv() => Interrupt::Terminate,
        _ = hangup.recv() => Interrupt::Hangup,
    }
}
