//! Data directories that a history was replayed into.
//!
//! The key of one is a chain of hashes: everything that a server begins with, then one migration after the other. So
//! the longest beginning of a history that some run has replayed is found, and only the rest has to be.

use std::sync::LazyLock;

use camino::Utf8PathBuf;
use jiff::civil::Date;
use regex::bytes::Regex;
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use super::{Fingerprint, Key, Kind, Shelf, results, shelf::Staged};
use crate::{
    config::ReplayAs,
    context::Context,
    external::External,
    history::{History, Migration},
    postgres::{self, Installation, Role, Wanted},
    process::Processes,
};

/// What a server begins with before the first migration.
#[derive(Debug, Clone, Copy)]
pub struct Beginning<'a> {
    /// The binaries.
    pub installation: &'a Installation,
    /// The roles and the schema.
    pub wanted: &'a Wanted,
    /// What runs before the history.
    pub external: &'a External,
    /// Whose rights the migrations have.
    pub replay_as: ReplayAs,
    /// The day of the run.
    pub today: Date,
}

/// What was replayed of a history by earlier runs.
#[derive(Debug)]
pub struct Databases {
    shelf: Shelf,
    /// The key before the first migration, then the one after each.
    chain: Vec<Key>,
}

/// A database that an earlier run left.
#[derive(Debug)]
pub struct Found {
    /// How many migrations are in it.
    pub applied: usize,
    /// What else there is to know.
    pub about: About,
    /// The data directory, packed.
    pub packed: Vec<u8>,
}

/// What is to know about a database, apart from its files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// Whether a new session is as good for the next migration as the one that it was replayed in.
    pub goes_on: bool,
    /// The roles that were made for the history.
    pub roles: Vec<String>,
}

impl Databases {
    /// Those of `history`; `None` where a person wants none, or it cannot be told what shapes them.
    #[must_use]
    pub fn of(context: &Context, beginning: &Beginning<'_>, history: &History) -> Option<Self> {
        let shelf = results(context, Kind::Databases)?;
        Some(Self { shelf, chain: chain(beginning, history)? })
    }

    /// The one with most of the history in it.
    #[must_use]
    pub fn longest(&self) -> Option<Found> {
        let names = self.shelf.names();
        let whole = self.chain.len() - 1;
        (0..=whole).rev().filter(|_| !names.is_empty()).find_map(|applied| {
            let key = &self.chain[applied];
            let contents = names.contains(&key.to_string()).then(|| self.shelf.get(key))??;
            let end = contents.iter().position(|byte| *byte == b'\n')?;
            let about: About = serde_json::from_slice(&contents[..end]).ok()?;
            let is_good = applied == whole || about.goes_on;
            is_good.then(|| Found { applied, about, packed: contents[end + 1..].to_vec() })
        })
    }

    /// Keeps the data directory that was gathered in `aside`, with all of the history in it. It is a courtesy to later
    /// runs: where it cannot be done, they replay.
    #[must_use]
    pub fn keep(&self, processes: &Processes, about: &About, aside: Utf8PathBuf) -> Option<JoinHandle<()>> {
        let staged = self.shelf.stage(processes).ok()?;
        let key = *self.chain.last()?;
        let mut contents = serde_json::to_vec(about).ok()?;
        contents.push(b'\n');
        Some(tokio::task::spawn_blocking(move || {
            let _ = publish(staged, key, contents, &aside);
            // Until the run is over it takes room, in memory for the most part.
            let _ = fs_err::remove_file(aside);
        }))
    }
}

fn publish(staged: Staged, key: Key, mut contents: Vec<u8>, aside: &camino::Utf8Path) -> std::io::Result<()> {
    contents.extend(postgres::pack(aside)?);
    staged.publish(&key, &contents)
}

/// The key before the first migration of `history`, then the one after each; `None` where it cannot be told what shapes
/// a database.
pub(crate) fn chain(beginning: &Beginning<'_>, history: &History) -> Option<Vec<Key>> {
    let Beginning { installation, wanted, external, replay_as, today } = *beginning;
    // Where a server is found that has the extensions says the installation itself.
    let Wanted { major: _, extensions: _, roles, schema: _ } = wanted;
    let day = |sql: &str| follows_the_clock(sql).then(|| today.to_string());
    let first = postgres::identity(installation)?
        .with(Role::from(replay_as).name())
        .with(wanted.schema())
        .with_all(roles.iter().map(|role| &role.name))
        .with(external.beginning())
        .with_all(external.scripts().filter_map(day))
        .key();
    let next = |key: &mut Key, migration: &Migration| {
        *key = Fingerprint::new("migration")
            .with(*key)
            .with(&migration.name)
            .with(&migration.sql)
            .with_option(day(&migration.sql))
            .key();
        Some(*key)
    };
    Some(std::iter::once(first).chain(history.migrations.iter().scan(first, next)).collect())
}

/// Whether what a script makes may depend on the day: it asks for the time, and decides or puts SQL together.
#[must_use]
pub fn follows_the_clock(sql: &str) -> bool {
    DECIDES.is_match(sql.as_bytes()) && CLOCK.is_match(sql.as_bytes())
}

#[expect(clippy::unwrap_used, reason = "a literal pattern, compiled by the tests below")]
static CLOCK: LazyLock<Regex> = LazyLock::new(|| {
    let words = "now|timeofday|localtime|current_(?:date|time)|(?:local|current_|clock_|statement_|transaction_)timestamp";
    // Tables of Unicode would take longer to set up than a history takes to look through.
    Regex::new(&format!(r"(?i-u)\b(?:{words})\b")).unwrap()
});

#[expect(clippy::unwrap_used, reason = "a literal pattern, compiled by the tests below")]
static DECIDES: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?i-u)\$[\w\x80-\xff]*\$|\bexecute\b|\bdo\b").unwrap());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_decides_by_the_time_follows_the_clock() {
        for sql in [
            "DO $$ BEGIN EXECUTE format('CREATE TABLE t_%s ()', to_char(now(), 'YYYYMM')); END $$",
            "DO $größe$ BEGIN IF now() > x THEN DROP TABLE t; END IF; END $größe$",
            "do 'begin if Current_Date > ''2026-01-01'' then create table t (); end if; end'",
        ] {
            assert!(follows_the_clock(sql), "{sql}");
        }
        for sql in [
            "CREATE TABLE t (at timestamptz DEFAULT now(), b timestamp DEFAULT CURRENT_TIMESTAMP)",
            "DO $$ BEGIN CREATE TABLE t (); END $$",
            "CREATE TABLE known (unknown int)",
        ] {
            assert!(!follows_the_clock(sql), "{sql}");
        }
    }
}
