//! What earlier runs found out: shown, removed, made small.

use std::{fmt::Write, time::SystemTime};

use crate::{
    cache::{Kind, Shelf, shelf},
    cli::cache::CacheCommand,
    context::Context,
    error::Error,
    outcome::Outcome,
    report::Report,
};

/// Runs the command.
///
/// # Errors
/// Where there is no cache directory, or something in it cannot be removed.
pub(super) fn run(context: &Context, command: &CacheCommand) -> Result<Report, Error> {
    let directory = context.cache_dir()?;
    let shelves: Vec<_> = Kind::ALL.iter().filter_map(|kind| Some((*kind, shelf(context, *kind)?))).collect();
    let said = match command {
        CacheCommand::Dir => format!("{directory}\n"),
        CacheCommand::Info => format!("{directory}\n{}", info(&shelves, context.now.into())),
        CacheCommand::Clear => {
            let before = size(&shelves);
            shelves.iter().try_for_each(|(_, shelf)| shelf.clear())?;
            format!("{} removed\n", bytes(before))
        }
        CacheCommand::Trim(args) => format!("{} removed\n", bytes(trim(&shelves, args.max_size)?)),
    };
    Ok(Report { result: Some(said), ..Report::new("cache", Outcome::Passed) })
}

/// A line for each kind, and one for each reason not to believe any of it.
fn info(shelves: &[(Kind, Shelf)], now: SystemTime) -> String {
    let mut lines = String::new();
    for (kind, shelf) in shelves {
        let entries = shelf.entries();
        let total = entries.iter().map(|entry| entry.size).sum();
        let used = entries.first().and_then(|entry| now.duration_since(entry.used).ok());
        let ago = used.map(|age| format!(", used last {}", ago(age.as_secs()))).unwrap_or_default();
        let _ = writeln!(lines, "{:<10}  {}, {}{ago}", kind.name(), count(entries.len()), bytes(total));
        if let Some(why) = shelf.distrusted() {
            let _ = writeln!(lines, "            not used: {why}");
        }
    }
    lines
}

fn size(shelves: &[(Kind, Shelf)]) -> u64 {
    shelves.iter().flat_map(|(_, shelf)| shelf.entries()).map(|entry| entry.size).sum()
}

/// Answers are small and save most: they stay before databases do. What programs said of themselves holds for one
/// machine alone.
fn trim(shelves: &[(Kind, Shelf)], limit: u64) -> std::io::Result<u64> {
    let (mut left, mut gone) = (limit, 0);
    for kind in [Kind::Answers, Kind::Databases] {
        let Some((_, shelf)) = shelves.iter().find(|(own, _)| *own == kind) else { continue };
        gone += shelf.trim(left)?;
        left -= left.min(shelf.entries().iter().map(|entry| entry.size).sum());
    }
    Ok(gone)
}

fn count(entries: usize) -> String {
    if entries == 1 { "1 entry".into() } else { format!("{entries} entries") }
}

fn bytes(bytes: u64) -> String {
    match bytes {
        0..1_024 => format!("{bytes} bytes"),
        1_024..1_048_576 => format!("{} KB", bytes.div_ceil(1 << 10)),
        _ => format!("{} MB", bytes.div_ceil(1 << 20)),
    }
}

fn ago(seconds: u64) -> String {
    match seconds {
        0..60 => "just now".into(),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..172_800 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}
