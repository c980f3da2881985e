//! `run-migration ci`: what can be typed.

use clap::{Args, Subcommand};

/// The services that workflows are made for.
#[derive(Debug, Clone, Subcommand)]
pub enum CiCommand {
    /// Print the workflows for GitHub Actions: a check for every pull request, and one that commits the copies
    Github(GithubArgs),
}

/// Options of `ci github`.
#[derive(Debug, Clone, Default, Args)]
pub struct GithubArgs {
    /// Write them to .github/workflows instead; a file that holds something else is left alone
    #[arg(long)]
    pub write: bool,
    /// The URL of the repository that runners build run-migration from (https)
    #[arg(long, value_name = "URL", value_parser = repository)]
    pub tool_repository: Option<String>,
    /// The commit of it that runners build: its full hash
    #[arg(long, value_name = "HASH", value_parser = revision)]
    pub tool_revision: Option<String>,
}

fn repository(text: &str) -> Result<String, String> {
    let url = url::Url::parse(text).map_err(|error| error.to_string())?;
    match url.scheme() {
        "https" if url.has_host() && url.username().is_empty() && url.password().is_none() => Ok(url.into()),
        "https" => Err("a workflow is no place for credentials".into()),
        _ => Err("an https URL is needed".into()),
    }
}

fn revision(text: &str) -> Result<String, String> {
    let is_hash = text.len() == 40 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if is_hash {
        Ok(text.to_owned())
    } else {
        Err("the full hash of a commit is needed: 40 hexadecimal digits".into())
    }
}
