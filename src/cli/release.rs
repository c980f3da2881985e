//! What can be typed after `release-check`.

use camino::Utf8PathBuf;
use clap::Args;

/// Options of `release-check`.
#[derive(Debug, Clone, Default, Args)]
pub struct ReleaseArgs {
    /// The previous release: a wheel, a .tar.gz, a directory, ref:REVISION, or pypi:NAME[==VERSION]; without a
    /// version, the latest below that of --to
    #[arg(long, value_name = "A", required_unless_present = "published", requires = "to")]
    pub from: Option<String>,
    /// The new release, named in the same ways
    #[arg(long, value_name = "B", requires = "from")]
    pub to: Option<String>,
    /// A folder of released packages: each is checked against the one before it
    #[arg(long, value_name = "DIR", conflicts_with_all = ["from", "to", "source"])]
    pub published: Option<Utf8PathBuf>,
    /// The repository that B was built from: what is in it must be in the package, and the other way round
    #[arg(long, value_name = "DIR")]
    pub source: Option<Utf8PathBuf>,
    /// Where the migrations are within the packages, or the end of that path
    #[arg(long, value_name = "PATH")]
    pub migrations: Option<Utf8PathBuf>,
    /// Where the schema is within the packages, or the end of that path
    #[arg(long, value_name = "PATH")]
    pub schema: Option<Utf8PathBuf>,
    /// Refuse a new migration that sorts before one of A's, or shares its time stamp
    #[arg(long)]
    pub strict_order: bool,
    /// Leave out what is proved on a temporary database
    #[arg(long)]
    pub no_database: bool,
}
