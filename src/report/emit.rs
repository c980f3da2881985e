//! The last step: the report goes to standard output and standard error. The only place that prints.

use std::{
    io::{IsTerminal, Write},
    process::ExitCode,
};

use super::{
    Report, github, human, json, markdown,
    progress::{Mode, Progress},
    release_markdown, release_text, sarif,
};
use crate::{
    cli::{Color, Format, GlobalArgs},
    context::Environment,
    outcome::Outcome,
    redact::redact,
};

/// A panic is a bug of ours: it is told in one sentence, without a backtrace.
pub fn no_backtraces() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|at| format!(" ({}:{})", at.file(), at.line())).unwrap_or_default();
        err(&format!("internal error{place}: this is a bug in run-migration, please report it\n"));
    }));
}

/// The report of a run that a bug ended.
#[must_use]
pub fn broken(command: &'static str, outcome: Outcome) -> Report {
    Report { error: Some("internal error".into()), ..Report::new(command, outcome) }
}

/// The progress display for these settings.
#[must_use]
pub fn progress(settings: &GlobalArgs, environment: &Environment) -> Progress {
    let dumb = environment.get("TERM") == Some("dumb") || environment.is_on("CI");
    Progress::new(match () {
        () if settings.quiet => Mode::Silent,
        () if std::io::stderr().is_terminal() && !dumb => Mode::Terminal,
        () => Mode::Lines,
    })
}

/// Writes help or the version to standard output.
#[must_use]
pub fn text(text: &clap::builder::StyledStr) -> ExitCode {
    out(&text.ansi().to_string());
    ExitCode::SUCCESS
}

/// Writes the report as `settings` has it and gives the exit code.
#[must_use]
pub fn report(report: &Report, settings: &GlobalArgs, environment: &Environment) -> ExitCode {
    match settings.color {
        Color::Auto => {}
        Color::Always => anstream::ColorChoice::Always.write_global(),
        Color::Never => anstream::ColorChoice::Never.write_global(),
    }
    // The runner of GitHub Actions obeys what looks like a command in either stream.
    let is_obeyed = environment.is_on("GITHUB_ACTIONS") || settings.format == Format::Github;
    // The SQL that findings quote may hold a password.
    let report = &without_secrets(report);
    let said = human::render(report, settings);
    err(&if is_obeyed { github::harmless(&said) } else { said });
    match settings.format {
        Format::Json if is_obeyed => out(&github::harmless_json(&json::render(report))),
        Format::Json => out(&json::render(report)),
        Format::Sarif if is_obeyed => out(&github::harmless_json(&sarif::render(report))),
        Format::Sarif => out(&sarif::render(report)),
        Format::Markdown => {
            out(&release_markdown::render(report).unwrap_or_else(|| markdown::render(report, usize::MAX)));
        }
        Format::Human => {
            let result = release_text::render(report).or_else(|| report.result.clone()).unwrap_or_default();
            // What shows findings quotes the SQL of whoever wrote it.
            let is_quoting = report.shows_findings || report.release.is_some();
            out(&if is_obeyed && is_quoting { github::harmless(&result) } else { result });
        }
        Format::Github => {
            out(&github::render(report));
            summarise(report, environment);
        }
    }
    ExitCode::from(report.outcome.exit_code())
}

fn without_secrets(report: &Report) -> Report {
    let mut report = report.clone();
    for finding in &mut report.findings {
        finding.statement = redact(&finding.statement);
    }
    report
}

/// Adds the summary to the step's, where the runner takes one. Without it the run is what it is.
fn summarise(report: &Report, environment: &Environment) {
    let Some(path) = environment.get("GITHUB_STEP_SUMMARY") else { return };
    let opened = fs_err::OpenOptions::new().append(true).create(true).open(path);
    if let Err(error) = opened.and_then(|mut file| file.write_all(github::summary(report).as_bytes())) {
        err(&github::harmless(&format!("the step's summary could not be written: {error}\n")));
    }
}

/// A reader that has gone away is no error.
fn out(text: &str) {
    let mut stdout = anstream::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

fn err(text: &str) {
    let _ = anstream::stderr().lock().write_all(text.as_bytes());
}
