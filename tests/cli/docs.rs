//! What the documents promise, held against the code: exit codes, options, keys, fields, commands, links.
#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is not as it must be")]

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use clap::CommandFactory;
use run_migration::{
    cli::Cli,
    config::ConfigFile,
    outcome::{Interrupt, Outcome},
    report::agents,
};

const OUTCOMES: [Outcome; 15] = [
    Outcome::Created,
    Outcome::NoChanges,
    Outcome::WouldCreate,
    Outcome::Passed,
    Outcome::Synced,
    Outcome::Applied,
    Outcome::WouldApply,
    Outcome::RefusedDestructive,
    Outcome::RefusedStale,
    Outcome::RefusedOutOfSync,
    Outcome::Failed,
    Outcome::UsageError,
    Outcome::Interrupted(Interrupt::Hangup),
    Outcome::Interrupted(Interrupt::Interrupt),
    Outcome::Interrupted(Interrupt::Terminate),
];

/// Does not compile while an outcome is missing here; then it belongs into the list above, too.
const fn is_listed(outcome: Outcome) {
    match outcome {
        Outcome::Created
        | Outcome::NoChanges
        | Outcome::WouldCreate
        | Outcome::Passed
        | Outcome::Synced
        | Outcome::Applied
        | Outcome::WouldApply
        | Outcome::RefusedDestructive
        | Outcome::RefusedStale
        | Outcome::RefusedOutOfSync
        | Outcome::Failed
        | Outcome::UsageError
        | Outcome::Interrupted(Interrupt::Hangup | Interrupt::Interrupt | Interrupt::Terminate) => {}
    }
}

fn root() -> &'static Utf8Path {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs_err::read_to_string(root().join(path)).unwrap()
}

/// The text under the heading `title`, down to the next heading of the same level.
fn section<'a>(document: &'a str, title: &str) -> &'a str {
    let (_, rest) = document.split_once(&format!("\n## {title}\n")).expect(title);
    rest.split("\n## ").next().unwrap()
}

/// The contents of the code blocks of `language`.
fn code_blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    text.split(fence.as_str()).skip(1).map(|rest| rest.split("```").next().unwrap().trim_end()).collect()
}

/// The text on one line, without quotation marks and code marks of Markdown.
fn flat(text: &str) -> String {
    let lines = text.lines().map(|line| line.trim_start_matches("> "));
    lines.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

#[test]
fn every_exit_code_stands_in_the_readme_and_in_the_runbook() {
    for document in ["README.md", "runbook.md"] {
        let text = read(document);
        let codes: BTreeSet<String> = section(&text, "Exit codes")
            .lines()
            .filter_map(|row| row.strip_prefix("| "))
            .flat_map(|row| row.split(" |").next().unwrap().split(", "))
            .filter(|cell| cell.parse::<u8>().is_ok())
            .map(str::to_owned)
            .collect();
        let wanted = OUTCOMES.map(|outcome| outcome.exit_code().to_string()).into_iter().collect();
        assert_eq!(codes, wanted, "{document}");
    }
}

#[test]
fn every_outcome_stands_beside_its_exit_code() {
    let readme = read("README.md");
    let rows = section(&readme, "Exit codes");
    for outcome in OUTCOMES {
        is_listed(outcome);
        let word = format!("`{}`", outcome.name());
        let row = rows.lines().find(|row| row.contains(&word)).expect(&word);
        let codes = row.trim_start_matches("| ").split(" |").next().unwrap();
        assert!(codes.split(", ").any(|code| code == outcome.exit_code().to_string()), "{word}: {row}");
    }
}

#[test]
fn every_refusal_has_its_banner_and_its_paragraph_in_the_runbook() {
    let runbook = read("runbook.md");
    for outcome in OUTCOMES {
        let banner = match outcome {
            Outcome::RefusedStale => "STALE BRANCH",
            Outcome::RefusedDestructive => "DESTRUCTIVE MIGRATION DETECTED",
            Outcome::RefusedOutOfSync => "OUT OF SYNC",
            other => {
                assert!(!other.is_refusal(), "{} has no section in the runbook", other.name());
                continue;
            }
        };
        let opening = format!("Banner `{banner}`, exit code {}.", outcome.exit_code());
        let described = runbook.split("\n## ").find(|section| section.contains(&opening)).expect(&opening);
        let notice = flat(agents::notice(outcome).unwrap());
        assert!(flat(described).contains(&notice), "{banner}: the paragraph differs from {notice}");
    }
}

#[test]
fn every_command_option_and_variable_stands_in_the_readme() {
    let readme = read("README.md");
    let mut command = Cli::command();
    command.build();
    let subcommands: Vec<_> = command.get_subcommands().filter(|sub| sub.get_name() != "help").collect();
    for sub in &subcommands {
        let usage = format!("run-migration {}", sub.get_name());
        assert!(readme.contains(&usage), "{usage}");
    }
    for argument in subcommands.into_iter().chain([&command]).flat_map(clap::Command::get_arguments) {
        let long = argument.get_long().filter(|long| !["help", "version"].contains(long));
        for name in long.map(|long| format!("--{long}")).into_iter().chain(variable(argument)) {
            let found = readme.split('`').any(|code| code.split_whitespace().next() == Some(name.as_str()));
            assert!(found, "README.md does not describe {name}");
        }
    }
}

fn variable(argument: &clap::Arg) -> Option<String> {
    Some(argument.get_env()?.to_str().unwrap().to_owned())
}

#[test]
fn the_configuration_in_the_readme_holds_every_key_and_is_understood() {
    let readme = read("README.md");
    let [example] = code_blocks(section(&readme, "Configuration"), "toml")[..] else {
        panic!("one example is wanted")
    };
    toml::from_str::<ConfigFile>(example).unwrap();
    let several = readme.split("### Several projects\n\n```\n").nth(1).unwrap().split("```").next().unwrap();
    let projects = toml::from_str::<ConfigFile>(several).unwrap().project;
    assert!(projects.iter().any(|project| project.external.is_some()) && projects.len() > 1);
    let shown: BTreeSet<String> = example.parse::<toml::Table>().unwrap().keys().cloned().collect();
    // The answer to an unknown key lists the known ones.
    let answer = toml::from_str::<ConfigFile>("unknown = 1").unwrap_err();
    let known = answer.message().split('`').skip(3).step_by(2).map(str::to_owned).collect();
    assert_eq!(shown, known, "{}", answer.message());
}

#[test]
fn every_field_of_the_json_stands_in_the_readme() {
    let readme = read("README.md");
    let fields = section(&readme, "Output");
    let schema: serde_json::Value = serde_json::from_str(&read("docs/report.schema.json")).unwrap();
    let report = &schema["properties"];
    let described = [
        report,
        &schema["$defs"]["migration"]["properties"],
        &report["freshness"]["properties"],
        &report["toolchain"]["items"]["properties"],
        &schema["$defs"]["finding"]["properties"],
    ];
    for field in described.into_iter().flat_map(|properties| properties.as_object().unwrap().keys()) {
        assert!(fields.contains(&format!("`{field}`")), "{field}");
    }
}

#[test]
fn ci_runs_the_two_commands_of_the_readme() {
    let (readme, ci) = (read("README.md"), read(".ci/run"));
    let commands = code_blocks(section(&readme, "Try it"), "sh");
    assert_eq!(commands.len(), 2, "{commands:?}");
    for command in commands {
        assert!(ci.lines().any(|line| line.trim_start().starts_with(command)), ".ci/run lacks {command}");
    }
}

#[test]
fn every_link_in_the_documents_leads_somewhere() {
    for document in ["README.md", "runbook.md"] {
        let text = read(document);
        for link in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { text.clone() } else { read(file) };
            assert!(anchor.is_empty() || anchors(&target).contains(anchor), "{document}: {link}");
        }
    }
}

/// The anchors that a page's headings make.
fn anchors(markdown: &str) -> BTreeSet<String> {
    let titles =
        markdown.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_matches(['#', ' ']));
    titles
        .map(|title| {
            title.to_lowercase().replace(' ', "-").replace(|c: char| !(c.is_alphanumeric() || c == '-'), "")
        })
        .collect()
}

#[test]
fn the_fixture_is_a_whole_repository_in_litellms_layout() {
    let fixture = root().join("migrations_fixture");
    let extras = fixture.join("litellm-proxy-extras/litellm_proxy_extras");
    let source = fs_err::read(fixture.join("schema.prisma")).unwrap();
    for copy in [fixture.join("litellm/proxy/schema.prisma"), extras.join("schema.prisma")] {
        assert!(fs_err::read(&copy).unwrap() == source, "{copy} differs from the source");
    }
    assert!(extras.join("migrations/migration_lock.toml").is_file());
    let migrations = directories(&extras.join("migrations"));
    assert!(migrations.len() >= 6, "{migrations:?}");
    assert!(migrations.iter().any(|path| path.file_name().unwrap().contains(' ')), "none with a space");
    let scripts: Vec<_> =
        migrations.iter().map(|path| fs_err::read_to_string(path.join("migration.sql")).unwrap()).collect();
    assert!(scripts.iter().any(|sql| sql.contains("DO $$")), "none with a DO block");
}

fn directories(path: &Utf8Path) -> Vec<Utf8PathBuf> {
    let entries = path.read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path());
    entries.filter(|path| path.is_dir()).collect()
}
