//! From the arguments to a command, or to what is said instead.

use std::ffi::OsString;

use clap::{
    Arg, ArgMatches, CommandFactory, FromArgMatches, ValueEnum, error::ErrorKind, parser::ValueSource,
};

use super::{Cli, Color, Command, Format, GenerateArgs, GlobalArgs};
use crate::{context::Environment, error::Error, report::Report};

/// What was typed, understood.
#[derive(Debug, Clone)]
pub struct Typed {
    /// The words as they were typed, `run-migration` first.
    pub line: Vec<String>,
    /// The options of every command.
    pub settings: GlobalArgs,
    /// The command.
    pub command: Command,
}

/// There is nothing to run.
#[derive(Debug)]
pub enum Instead {
    /// Help or the version was asked for: this is it.
    Text(clap::builder::StyledStr),
    /// What was typed makes no sense. The report is written as `settings` has it.
    Usage(Box<Report>, Box<GlobalArgs>),
}

/// Reads the arguments, the program's own name first.
///
/// # Errors
/// Where there is nothing to run.
pub fn parse(args: impl IntoIterator<Item = OsString>, environment: &Environment) -> Result<Typed, Instead> {
    let args: Vec<_> = args.into_iter().collect();
    let command = without_empty_variables(Cli::command(), environment);
    let matches = command.try_get_matches_from(&args).map_err(|error| refusal(&error, &args))?;
    let cli = Cli::from_arg_matches(&matches).map_err(|error| refusal(&error, &args))?;
    if let Some(command) = &cli.command
        && let Some(stray) = typed_for_the_main_job(&matches)
    {
        let name = command.name();
        let message =
            format!("{stray} belongs to the main job and cannot stand before the subcommand {name}");
        let hint = format!(
            "write it after `generate`, or leave it out; a migration that is called {name} is made by `run-migration generate {name}`"
        );
        return Err(usage(&message, Some(hint), cli.global));
    }
    let words = args.iter().skip(1).map(|word| word.to_string_lossy().into_owned());
    let line = std::iter::once("run-migration".to_owned()).chain(words).collect();
    Ok(Typed { line, settings: cli.global, command: cli.command.unwrap_or(Command::Generate(cli.generate)) })
}

/// An empty variable means that there is none: it is how workflows pass on what they do not have.
fn without_empty_variables(command: clap::Command, environment: &Environment) -> clap::Command {
    let is_empty =
        |arg: &Arg| arg.get_env().is_some_and(|name| environment.is_empty_at(&name.to_string_lossy()));
    command
        .mut_args(|arg| if is_empty(&arg) { arg.env("").hide_env(true) } else { arg })
        .mut_subcommands(|command| without_empty_variables(command, environment))
}

/// The first argument of the main job that was typed before a subcommand.
fn typed_for_the_main_job(matches: &ArgMatches) -> Option<String> {
    let of_main_job = GenerateArgs::augment_args_for_names();
    of_main_job.get_arguments().find_map(|argument| {
        let id = argument.get_id().as_str();
        (matches.value_source(id) == Some(ValueSource::CommandLine)).then(|| match argument.get_long() {
            Some(long) => format!("--{long}"),
            None => {
                let value = matches.get_raw(id).and_then(|mut values| values.next()).unwrap_or_default();
                format!("the migration name {value:?}")
            }
        })
    })
}

impl GenerateArgs {
    fn augment_args_for_names() -> clap::Command {
        <Self as clap::Args>::augment_args(clap::Command::new("generate"))
    }
}

fn refusal(error: &clap::Error, args: &[OsString]) -> Instead {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Instead::Text(error.render()),
        _ => {
            let text = error.render().to_string();
            let message = text.trim().strip_prefix("error: ").unwrap_or(text.trim());
            usage(message, None, settings_for_the_refusal(args))
        }
    }
}

fn usage(message: &str, hint: Option<String>, settings: GlobalArgs) -> Instead {
    let mut report = Report::of_error("usage", &Error::Usage(message.to_owned()));
    report.hint = hint.or(report.hint);
    Instead::Usage(Box::new(report), Box::new(settings))
}

/// The output options, as far as they can be told from arguments that clap refused: a program that asked for JSON
/// gets JSON about its own mistake too.
fn settings_for_the_refusal(args: &[OsString]) -> GlobalArgs {
    let words: Vec<_> = args.iter().filter_map(|arg| arg.to_str()).collect();
    let value_of = |option: &str| {
        words.iter().enumerate().find_map(|(at, word)| match word.strip_prefix(option) {
            Some("") => words.get(at + 1).copied(),
            Some(rest) => rest.strip_prefix('='),
            None => None,
        })
    };
    GlobalArgs {
        format: value_of("--format")
            .and_then(|format| Format::from_str(format, false).ok())
            .unwrap_or_default(),
        color: match value_of("--color") {
            Some("always") => Color::Always,
            Some("never") => Color::Never,
            _ => Color::Auto,
        },
        ..GlobalArgs::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(line: &str) -> Result<Typed, Instead> {
        let words = std::iter::once("run-migration").chain(line.split_whitespace());
        parse(words.map(OsString::from), &Environment::default())
    }

    fn usage_error(line: &str) -> String {
        match typed(line) {
            Err(Instead::Usage(report, _)) => report.error.unwrap_or_default(),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_name_alone_is_the_main_job() {
        let Typed { command: Command::Generate(args), .. } = typed("add_widget --dry-run").unwrap() else {
            panic!()
        };
        assert_eq!(args.name.unwrap().as_str(), "add_widget");
        assert!(args.dry_run);
    }

    #[test]
    fn options_of_every_command_stand_before_and_after_it() {
        for line in ["--repo /r doctor", "doctor --repo /r", "--repo=/r doctor -v"] {
            let typed = typed(line).unwrap();
            assert!(matches!(typed.command, Command::Doctor), "{line}");
            assert_eq!(typed.settings.repo.as_deref(), Some(camino::Utf8Path::new("/r")), "{line}");
        }
    }

    #[test]
    fn what_belongs_to_the_main_job_cannot_stand_before_a_subcommand() {
        assert!(usage_error("--dry-run doctor").contains("--dry-run belongs to the main job"));
        assert!(usage_error("add_widget doctor").contains("add_widget"));
        assert!(usage_error("--allow-destructive generate x").contains("--allow-destructive"));
    }

    #[test]
    fn a_name_that_is_a_subcommand_is_reached_through_generate() {
        let Typed { command: Command::Generate(args), .. } = typed("generate doctor").unwrap() else {
            panic!()
        };
        assert_eq!(args.name.unwrap().as_str(), "doctor");
    }

    #[test]
    fn a_refused_line_still_tells_how_to_answer() {
        let Err(Instead::Usage(_, settings)) = typed("--format json --nonsense") else { panic!() };
        assert_eq!(settings.format, Format::Json);
    }
}
