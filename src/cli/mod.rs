//! What can be typed: clap's types. `parse` turns the arguments into them.

pub mod baseline;
pub mod cache;
pub mod check;
pub mod ci;
pub mod consent;
pub mod deploy;
pub mod live;
pub mod parse;
pub mod release;

use camino::Utf8PathBuf;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{guard::renames::Rename, history::name::MigrationName};

/// Generates and checks Prisma migrations for PostgreSQL.
///
/// Without a subcommand it generates: the history is replayed on a temporary PostgreSQL, `prisma migrate diff`
/// compares it with schema.prisma, and what is missing becomes the next migration. A stale branch, copies that
/// differ, a damaged history or a statement that destroys data stops it before anything is written.
#[derive(Debug, Parser)]
#[command(name = "run-migration", version, max_term_width = 100, subcommand_precedence_over_arg = true)]
#[command(
    after_help = "Exit codes: 0 done or nothing to do, 1 failed, 2 refused: destructive, 3 refused: stale branch,\n\
    4 refused: out of sync, 64 usage, 130 and 143 interrupted."
)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// Options of the main job, when it is meant without its name.
    #[command(flatten)]
    pub generate: GenerateArgs,
    /// The subcommand; none means `generate`.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The subcommands.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Generate the next migration from the changed schema (the same as no subcommand at all)
    Generate(GenerateArgs),
    /// Ask every gate that a pull request needs: one verdict
    Check(check::CheckArgs),
    /// Look for what destroys data, breaks running code or blocks tables in SQL files; needs no database
    Lint(LintArgs),
    /// Give this branch's own migrations time stamps that sort after the base's
    Restamp(check::BaseArgs),
    /// Make the copies of schema.prisma equal to the source
    Sync(SyncArgs),
    /// Say what a release would do to a database that runs the previous one
    ReleaseCheck(release::ReleaseArgs),
    /// Say where a database stands: applied, pending, failed, edited, unknown migrations
    Status(live::StatusArgs),
    /// Say whether code with these migrations may serve on a database: for probes and start-up checks
    Ready(live::ReadyArgs),
    /// Say what a deployment would meet: drift, failures, destruction, missing privileges. Only reads
    Preflight(deploy::PreflightArgs),
    /// Apply the pending migrations to a database as Prisma does, under its lock and in its ledger
    Deploy(deploy::DeployArgs),
    /// Tell a database what it has of the history already, after proving that it is there
    Baseline(baseline::BaselineArgs),
    /// Record what became of a migration that failed or was applied by hand, as `prisma migrate resolve` does
    Resolve(baseline::ResolveArgs),
    /// Write the tables and columns that the migrations make, for `ready --snapshot`
    Snapshot(live::SnapshotArgs),
    /// Write a commented run-migration.toml from what the repository has
    Init(InitArgs),
    /// Show what would be used and why, and how to mend what is missing
    Doctor,
    /// Show what earlier runs found out, where that is kept, and remove it
    #[command(subcommand)]
    Cache(cache::CacheCommand),
    /// Print the workflows that make every pull request pass the check
    #[command(subcommand)]
    Ci(ci::CiCommand),
    /// Print a shell's completion script
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

impl Command {
    /// The name as it is typed.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Generate(_) => "generate",
            Self::Lint(_) => "lint",
            Self::Check(_) => "check",
            Self::Restamp(_) => "restamp",
            Self::Sync(_) => "sync",
            Self::ReleaseCheck(_) => "release-check",
            Self::Status(_) => "status",
            Self::Ready(_) => "ready",
            Self::Preflight(_) => "preflight",
            Self::Deploy(_) => "deploy",
            Self::Baseline(_) => "baseline",
            Self::Resolve(_) => "resolve",
            Self::Snapshot(_) => "snapshot",
            Self::Init(_) => "init",
            Self::Doctor => "doctor",
            Self::Cache(_) => "cache",
            Self::Ci(_) => "ci",
            Self::Completions { .. } => "completions",
        }
    }

    /// Whether SIGTERM is this command's ordinary end, which it comes to by itself.
    #[must_use]
    pub const fn stops_in_order(&self) -> bool {
        matches!(self, Self::Ready(args) if args.listen.is_some())
    }
}

/// Options of the main job.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Of the main job")]
pub struct GenerateArgs {
    /// What the migration is called: letters, digits and _ (spaces and hyphens become _); derived from the
    /// change where it is left out
    pub name: Option<MigrationName>,
    /// Which base to compare with.
    #[command(flatten)]
    pub base: check::BaseArgs,
    /// Do not ask whether the branch is up to date. A human's decision
    #[arg(long, conflicts_with_all = ["base_branch", "base_ref", "remote"])]
    pub skip_freshness_check: bool,
    /// What is allowed.
    #[command(flatten)]
    pub consent: consent::ConsentArgs,
    /// A column or table that got another name, such as User.name=fullName or User=Person; may be given again
    #[arg(long, value_name = "OLD=NEW")]
    pub rename: Vec<Rename>,
    /// Remove the migrations that this branch has added, and generate one in their place
    #[arg(long, conflicts_with_all = ["skip_freshness_check", "revert"])]
    pub replace: bool,
    /// Ask Prisma once more whether the migration does its job, even where that is for certain
    #[arg(long)]
    pub verify: bool,
    /// Print the SQL on standard output and write nothing; every gate still holds
    #[arg(long)]
    pub dry_run: bool,
    /// Also write down.sql: the way back, proved on the temporary database; `=MIGRATION` for one that is there already
    #[arg(long, value_name = "MIGRATION", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub down: Option<String>,
    /// Write a new migration that undoes this one, from its down.sql where there is one. The schema must have been
    /// changed back before
    #[arg(long, value_name = "MIGRATION", conflicts_with = "rename")]
    pub revert: Option<String>,
    /// Write SQL that succeeds where its objects exist already, and a second time; `=false` for SQL as Prisma
    /// writes it [default: the configuration's; in LiteLLM's layout true]
    #[arg(long, value_name = "BOOL", env = "RUN_MIGRATION_IDEMPOTENT", num_args = 0..=1, require_equals = true,
        default_missing_value = "true")]
    pub idempotent: Option<bool>,
}

/// Options of the guard on its own.
#[derive(Debug, Clone, Default, Args)]
pub struct LintArgs {
    /// SQL files, directories of them, or - for standard input
    #[arg(value_name = "FILE", required_unless_present = "explain")]
    pub files: Vec<String>,
    /// Print what a rule finds, why that matters and what to do instead (all: every rule)
    #[arg(long, value_name = "RULE", conflicts_with = "files")]
    pub explain: Option<String>,
}

/// Options of `sync`.
#[derive(Debug, Clone, Default, Args)]
pub struct SyncArgs {
    /// Which base to compare with.
    #[command(flatten)]
    pub base: check::BaseArgs,
    /// Change nothing: show what differs, and exit with 4 where something does
    #[arg(long)]
    pub check: bool,
    /// Stage exactly the copies in git
    #[arg(long, conflicts_with = "check")]
    pub stage: bool,
    /// Throw away lines of a copy that the source never had. A human's decision
    #[arg(long, conflicts_with = "check")]
    pub discard: bool,
}

/// Options of `init`.
#[derive(Debug, Clone, Default, Args)]
pub struct InitArgs {
    /// Print it and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Options of every command, before or after its name.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Everywhere")]
pub struct GlobalArgs {
    /// The repository [default: found upwards from the working directory]
    #[arg(long, global = true, value_name = "DIR", env = "RUN_MIGRATION_REPO")]
    pub repo: Option<Utf8PathBuf>,
    /// The configuration file [default: run-migration.toml in the repository, if there is one]
    #[arg(long, global = true, value_name = "FILE", env = "RUN_MIGRATION_CONFIG")]
    pub config: Option<Utf8PathBuf>,
    /// Of several projects in one repository, this one [default: all, or that of the working directory]
    #[arg(long, global = true, value_name = "NAME", env = "RUN_MIGRATION_PROJECT")]
    pub project: Option<String>,
    /// Run no code of the repository's to find out about it: prisma.config.* is not read
    #[arg(long, global = true, env = "RUN_MIGRATION_UNTRUSTED", value_parser = clap::builder::FalseyValueParser::new())]
    pub untrusted: bool,
    /// How the result is written on standard output
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "FORMAT",
        env = "RUN_MIGRATION_FORMAT"
    )]
    pub format: Format,
    /// Say nothing but the result and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say what is used and why
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// When to use colour
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "WHEN",
        env = "RUN_MIGRATION_COLOR"
    )]
    pub color: Color,
    /// The time limit of each single step that could hang, such as a fetch or Prisma's answer
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 120, env = "RUN_MIGRATION_TIMEOUT",
        value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub timeout: u64,
    /// The Prisma CLI to use, instead of the project's own or the managed one
    #[arg(long, global = true, value_name = "PATH", env = "RUN_MIGRATION_PRISMA")]
    pub prisma: Option<Utf8PathBuf>,
    /// The directory with initdb and postgres to use, instead of searching
    #[arg(long, global = true, value_name = "DIR", env = "RUN_MIGRATION_POSTGRES_BIN")]
    pub postgres_bin: Option<Utf8PathBuf>,
    /// A disposable server to replay the history on, instead of a temporary one: databases of the tool's own are made
    /// there, and dropped at the end
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "RUN_MIGRATION_SERVER_URL",
        hide_env_values = true,
        conflicts_with = "postgres_bin"
    )]
    pub server_url: Option<live::Secret>,
    /// Where installed tools are kept, and what earlier runs found out
    #[arg(long, global = true, value_name = "DIR", env = "RUN_MIGRATION_CACHE_DIR")]
    pub cache_dir: Option<Utf8PathBuf>,
    /// Use nothing that earlier runs found out, and keep nothing for later ones; installed tools are used all the same
    #[arg(long, global = true, env = "RUN_MIGRATION_NO_CACHE", value_parser = clap::builder::FalseyValueParser::new())]
    pub no_cache: bool,
}

impl GlobalArgs {
    /// `--timeout` as a duration.
    #[must_use]
    pub const fn step_timeout(&self) -> std::time::Duration {
        std::time::Duration::from_secs(self.timeout)
    }
}

/// How the result is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Human,
    /// For programs: one JSON object, on failure too
    Json,
    /// For GitHub Actions: annotations on the files, and a summary of the step
    Github,
    /// For code scanning: SARIF 2.1.0
    Sarif,
    /// For release notes and other pages
    Markdown,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}
