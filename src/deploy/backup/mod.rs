//! Copies out what an allowed migration is about to destroy, with a manifest and the SQL that brings it back.
//!
//! ```text
//! losses   findings that a human let through -> the tables and columns that go
//! take     COPY, one snapshot for all        -> a directory with files, manifest.json and restore.sql
//! restore  the text of restore.sql
//! ```

mod losses;
mod restore;

use std::os::unix::fs::DirBuilderExt;

use camino::{Utf8Path, Utf8PathBuf};
use futures_util::{StreamExt, pin_mut};
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio_postgres::Client;

pub use losses::{Loss, Unknowable, knowable, losses};

use crate::{
    catalog::{Catalog, quoted},
    guard::consent::shell_quote,
    history::Migration,
};

/// The version of the manifest's shape.
const VERSION: u32 = 1;

/// What could not be copied out.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The system says no; the text names the file.
    #[error("the backup cannot be written: {0}")]
    File(#[from] std::io::Error),
    /// PostgreSQL says no.
    #[error("the backup cannot be taken: {}", crate::postgres::describe(.0))]
    Database(#[from] tokio_postgres::Error),
    /// What goes cannot be told.
    #[error(transparent)]
    Unknowable(#[from] Unknowable),
}

/// Where a backup comes from and goes to.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The directory of all backups.
    pub directory: &'a Utf8Path,
    /// The database, for the manifest.
    pub database: &'a str,
    /// The time, as text that sorts.
    pub stamp: &'a str,
}

/// What was copied out.
#[derive(Debug, Clone)]
pub struct Taken {
    /// Where it is.
    pub directory: Utf8PathBuf,
    /// The command that brings it back.
    pub restore: String,
}

#[derive(Serialize)]
struct Manifest<'a> {
    version: u32,
    migration: &'a str,
    checksum: &'a str,
    database: &'a str,
    taken_at: &'a str,
    tables: Vec<Copied>,
    restore: &'a str,
}

/// A part of a table, copied out.
#[derive(Debug, Serialize)]
struct Copied {
    table: String,
    columns: Vec<String>,
    rows: u64,
    file: String,
    sha256: String,
}

/// Copies out what `losses` name, before `migration` runs. `live` is the catalog just now; `client` is in no
/// transaction.
///
/// # Errors
/// Where a table cannot be read whole or a file cannot be written.
pub async fn take(
    client: &Client,
    (migration, losses): (&Migration, &[Loss]),
    live: &Catalog,
    place: Place<'_>,
) -> Result<Taken, BackupError> {
    let directory = place.directory.join(format!("{}-{}", place.stamp, file_name(&migration.name)));
    // What was in the database is nobody else's to read.
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
    // A policy that hides rows is to be an error, not a gap.
    client
        .batch_execute(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = 0; \
             SET LOCAL row_security = off",
        )
        .await?;
    let copied = copy_all(client, losses, live, &directory).await;
    client.batch_execute("ROLLBACK").await?;
    let copied = copied?;
    let restore = format!(
        "cd {} && psql --single-transaction --set ON_ERROR_STOP=1 --file restore.sql --dbname \"$DATABASE_URL\"",
        shell_quote(directory.as_str())
    );
    fs_err::write(directory.join("restore.sql"), restore::script(losses, live, &copied))?;
    let manifest = Manifest {
        version: VERSION,
        migration: &migration.name,
        checksum: &migration.checksum,
        database: place.database,
        taken_at: place.stamp,
        tables: copied,
        restore: &restore,
    };
    let text = serde_json::to_string_pretty(&manifest).map_err(std::io::Error::other)?;
    fs_err::write(directory.join("manifest.json"), text + "\n")?;
    fs_err::File::open(&directory)?.sync_all()?;
    Ok(Taken { directory, restore })
}

async fn copy_all(
    client: &Client,
    losses: &[Loss],
    live: &Catalog,
    directory: &Utf8Path,
) -> Result<Vec<Copied>, BackupError> {
    let mut copied = Vec::new();
    for (at, loss) in losses.iter().enumerate() {
        let columns = loss.copied_columns(live);
        let file = format!("{:02}-{}.copy", at + 1, file_name(&loss.table.to_string()));
        let (rows, sha256) = copy(client, loss, &columns, &directory.join(&file)).await?;
        copied.push(Copied { table: loss.table.to_string(), columns, rows, file, sha256 });
    }
    Ok(copied)
}

async fn copy(
    client: &Client,
    loss: &Loss,
    columns: &[String],
    path: &Utf8Path,
) -> Result<(u64, String), BackupError> {
    use std::io::Write;
    let columns: Vec<_> = columns.iter().map(|column| quoted(column)).collect();
    let question = format!("COPY (SELECT {} FROM {}) TO STDOUT", columns.join(", "), loss.table.sql());
    let rows = client.copy_out(&question).await?;
    pin_mut!(rows);
    let mut file = std::io::BufWriter::new(fs_err::File::create(path)?);
    let (mut count, mut hash) = (0, Sha256::new());
    while let Some(row) = rows.next().await {
        let row = row?;
        // A line each: line breaks in values are escaped.
        count += row.iter().filter(|byte| **byte == b'\n').count() as u64;
        hash.update(&row);
        file.write_all(&row)?;
    }
    let file = file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    file.sync_all()?;
    Ok((count, hex::encode(hash.finalize())))
}

/// `name` as it is safe in a file's name.
fn file_name(name: &str) -> String {
    let plain = |character: char| {
        if character.is_ascii_alphanumeric() || "_-.".contains(character) { character } else { '_' }
    };
    name.chars().map(plain).take(100).collect()
}
