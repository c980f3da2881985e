//! One file for each command: a path through the stages. Dispatch and life cycle, no logic.

mod baseline;
mod cache;
mod check;
mod ci;
mod completions;
mod consent;
mod deploy;
mod doctor;
mod generate;
mod init;
mod job;
mod lint;
mod preflight;
mod ready;
mod recorded;
mod reference;
mod release_check;
mod replace;
mod replayed;
mod resolve;
mod restamp;
mod snapshot;
mod status;
mod subject;
mod sync;
mod wanted;
mod way;
mod workbench;

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
        let context = match Context::gather(typed.settings, environment, progress) {
            Ok(context) => Context { command_line: typed.line, ..context },
            Err(error) => return Report::of_error(name, &error),
        };
        let report = tokio::select! {
            biased;
            interrupt = interrupted(&typed.command) => Report::new(name, Outcome::Interrupted(interrupt)),
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
        Command::Check(args) => check::run(context, args).await,
        Command::Restamp(args) => restamp::run(context, args).await,
        Command::Sync(args) => sync::run(context, args).await,
        Command::ReleaseCheck(args) => release_check::run(context, args).await,
        Command::Status(args) => status::run(context, args).await,
        Command::Ready(args) => ready::run(context, args).await,
        Command::Preflight(args) => preflight::run(context, args).await,
        Command::Deploy(args) => deploy::run(context, args).await,
        Command::Baseline(args) => baseline::run(context, args).await,
        Command::Resolve(args) => resolve::run(context, args).await,
        Command::Snapshot(args) => snapshot::run(context, args).await,
        Command::Cache(command) => cache::run(context, command),
        Command::Ci(command) => ci::run(context, command).await,
        Command::Init(args) => init::run(context, args).await,
        Command::Doctor => doctor::run(context).await,
        Command::Completions { shell } => Ok(completions::run(*shell)),
    }
}

/// Waits for a signal that asks the tool to end. SIGTERM is left to a command that stops by itself then.
async fn interrupted(command: &Command) -> Interrupt {
    use tokio::signal::unix::{SignalKind, signal};
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = kinds.map(signal) else {
        // Without handlers the signals end the process by themselves, and the reaper does the rest.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => Interrupt::Interrupt,
        _ = terminate.recv(), if !command.stops_in_order() => Interrupt::Terminate,
        _ = hangup.recv() => Interrupt::Hangup,
    }
}
