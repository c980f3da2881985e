//! A clone on which rows are tried: rows are inserted, statements run, the rows read again, and all of it is
//! taken back to a savepoint.

use std::{cell::Cell, sync::LazyLock};

use regex::Regex;
use tokio_postgres::{Client, SimpleQueryMessage};

use super::rows::{Row, Values, literal};
use crate::guard::{
    name::Name,
    proof::{
        places::Places,
        trace::{Seen, is_transaction_control},
    },
};

/// How many statements are run in trials at most: of a script with thousands of statements not everything is
/// tried, so that the proof takes seconds and not minutes.
const MOST_RUNS: usize = 4_000;

/// How many rows of a table are read.
const MOST_ROWS: usize = 1000;

/// A statement of the script, or one action of it.
#[derive(Debug, Clone)]
pub(super) struct Unit {
    /// The number of the statement in the script.
    pub(super) place: usize,
    /// What is run.
    pub(super) sql: String,
}

/// What PostgreSQL said no with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) sqlstate: String,
    pub(super) message: String,
    pub(super) table: Option<String>,
    pub(super) column: Option<String>,
    pub(super) constraint: Option<String>,
}

impl Refusal {
    fn of(error: &tokio_postgres::Error) -> Option<Self> {
        let error = error.as_db_error()?;
        Some(Self {
            sqlstate: error.code().code().to_owned(),
            message: error.message().to_owned(),
            table: error.table().map(str::to_owned),
            column: error.column().map(str::to_owned),
            constraint: error.constraint().map(str::to_owned),
        })
    }

    /// Whether it is about this column, or any, of `table`.
    pub(super) fn is_on(&self, table: &Name, column: Option<&str>) -> bool {
        self.table.as_ref() == Some(&table.name)
            && column.is_none_or(|column| self.column.as_deref() == Some(column))
    }

    /// Whether it is about the rows, not about the statement.
    pub(super) fn is_about_data(&self) -> bool {
        self.sqlstate.starts_with("22") || self.sqlstate.starts_with("23")
    }

    /// Whether it is about a single value: one that cannot be cast.
    pub(super) fn is_about_a_value(&self) -> bool {
        self.sqlstate.starts_with("22")
    }
}

/// What became of rows in a trial.
#[derive(Debug)]
pub(super) struct Trial {
    /// The table's rows before, those included that the history inserted.
    pub(super) before: Vec<Values>,
    /// How it ended.
    pub(super) end: End,
}

/// How a trial ended.
#[derive(Debug)]
pub(super) enum End {
    /// All statements were done; the table's rows after.
    Done(Vec<Values>),
    /// PostgreSQL refused this one of the units.
    Failed(usize, Refusal),
}

/// The rows before could not be made.
#[derive(Debug)]
pub(super) enum Unable {
    /// PostgreSQL refused a row of this table.
    Row(Name, Refusal),
    /// The connection broke.
    Connection(tokio_postgres::Error),
}

impl From<tokio_postgres::Error> for Unable {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Connection(error)
    }
}

/// The rows that a trial begins with.
#[derive(Debug, Clone, Copy)]
pub(super) enum Given<'a> {
    /// All of these, or the trial means nothing.
    All(&'a [Row]),
    /// As many of these as the table takes. Each is a row after those that it points to.
    Any(&'a [Vec<Row>]),
}

/// The clone, in one open transaction that is never committed.
pub(super) struct Stage<'a> {
    client: &'a Client,
    places: Places<'a>,
    position: usize,
    /// How many statements were run in trials.
    runs: Cell<usize>,
}

impl<'a> Stage<'a> {
    /// Opens the transaction.
    pub(super) async fn open(client: &'a Client, places: Places<'a>) -> Result<Self, tokio_postgres::Error> {
        client.batch_execute("BEGIN").await?;
        Ok(Self { client, places, position: 0, runs: Cell::new(0) })
    }

    /// The statements `places` as they can be run here: without those that begin and end transactions, and
    /// none `CONCURRENTLY`.
    pub(super) fn units(&self, places: impl IntoIterator<Item = usize>) -> Vec<Unit> {
        places.into_iter().filter_map(|place| Some(Unit { place, sql: self.runnable(place)? })).collect()
    }

    fn runnable(&self, place: usize) -> Option<String> {
        static CONCURRENTLY: LazyLock<Option<Regex>> = LazyLock::new(|| {
            Regex::new(r"(?i)^(create\s+(?:unique\s+)?index|drop\s+index)\s+concurrently\b").ok()
        });
        let text = self.places.text(place);
        if is_transaction_control(text) {
            return None;
        }
        match self.places.trace.steps.get(place) {
            Some(Seen::Alone) => {
                let pattern = CONCURRENTLY.as_ref()?;
                pattern.is_match(text).then(|| pattern.replace(text, "$1").into_owned())
            }
            _ => Some(text.to_owned()),
        }
    }

    /// Runs every statement before `place` for good. One that fails here though the whole script does not is
    /// left out.
    pub(super) async fn advance(&mut self, place: usize) -> Result<(), tokio_postgres::Error> {
        for unit in self.units(self.position..place.max(self.position)) {
            self.attempt(&unit.sql).await?;
        }
        self.position = self.position.max(place);
        Ok(())
    }

    /// Runs `sql`; if PostgreSQL refuses it, nothing has happened.
    async fn attempt(&self, sql: &str) -> Result<Option<Refusal>, tokio_postgres::Error> {
        match self.client.batch_execute(&format!("SAVEPOINT attempt;{sql}\n;RELEASE attempt")).await {
            Ok(()) => Ok(None),
            Err(error) => {
                let refusal = Refusal::of(&error).ok_or(error)?;
                self.client.batch_execute("ROLLBACK TO attempt;RELEASE attempt").await?;
                Ok(Some(refusal))
            }
        }
    }

    /// Whether so much was tried that the rest has to remain unknown.
    pub(super) fn is_tired(&self) -> bool {
        self.runs.get() > MOST_RUNS
    }

    /// Inserts the rows, runs the units, and reads the rows of the table, which is called `names.0` before and
    /// `names.1` after. Then everything is as it was.
    pub(super) async fn run(
        &self,
        given: Given<'_>,
        units: &[Unit],
        names: (&Name, &Name),
    ) -> Result<Trial, Unable> {
        self.runs.set(self.runs.get() + units.len());
        self.client.batch_execute("SAVEPOINT trial").await?;
        let trial = self.trial(given, units, names).await;
        self.client.batch_execute("ROLLBACK TO trial;RELEASE trial").await?;
        trial
    }

    async fn trial(&self, given: Given<'_>, units: &[Unit], names: (&Name, &Name)) -> Result<Trial, Unable> {
        match given {
            Given::All(rows) => {
                for row in rows {
                    if let Some(refusal) = self.attempt(&row.sql()).await? {
                        return Err(Unable::Row(row.table.clone(), refusal));
                    }
                }
            }
            Given::Any(groups) => {
                for group in groups {
                    let sql: Vec<_> = group.iter().map(Row::sql).collect();
                    self.attempt(&sql.join(";")).await?;
                }
            }
        }
        let before = self.rows(names.0).await?;
        for (place, unit) in units.iter().enumerate() {
            if let Some(refusal) = self.attempt(&unit.sql).await? {
                return Ok(Trial { before, end: End::Failed(place, refusal) });
            }
        }
        Ok(Trial { before, end: End::Done(self.rows(names.1).await?) })
    }

    async fn rows(&self, table: &Name) -> Result<Vec<Values>, tokio_postgres::Error> {
        let question = format!("SELECT * FROM {} LIMIT {MOST_ROWS}", table.sql());
        let messages = self.client.simple_query(&question).await?;
        let row = |message: &SimpleQueryMessage| match message {
            SimpleQueryMessage::Row(row) => Some(
                row.columns()
                    .iter()
                    .enumerate()
                    .map(|(place, column)| (column.name().to_owned(), row.get(place).map(str::to_owned)))
                    .collect(),
            ),
            _ => None,
        };
        Ok(messages.iter().filter_map(row).collect())
    }

    /// Whether `after`, a value of the type `to`, is what `before` of the type `from` was: read as that type, or cast
    /// back to it.
    pub(super) async fn is_same(
        &self,
        (from, before): (&str, &str),
        (to, after): (&str, &str),
    ) -> Result<bool, tokio_postgres::Error> {
        let (before, after) = (literal(Some(before)), literal(Some(after)));
        if matches!(from, "json" | "jsonb") {
            return self.holds(&format!("{after}::jsonb = {before}::jsonb")).await;
        }
        let was = format!("({before}::{from})::text");
        Ok(self.holds(&format!("({after}::{from})::text = {was}")).await?
            || self.holds(&format!("({after}::{to}::{from})::text = {was}")).await?)
    }

    /// Whether `condition` holds; it does not where it fails.
    async fn holds(&self, condition: &str) -> Result<bool, tokio_postgres::Error> {
        let question = format!("SAVEPOINT same;SELECT {condition};RELEASE same");
        match self.client.simple_query(&question).await {
            Ok(messages) => Ok(messages
                .iter()
                .any(|message| matches!(message, SimpleQueryMessage::Row(row) if row.get(0) == Some("t")))),
            Err(error) if error.as_db_error().is_some() => {
                self.client.batch_execute("ROLLBACK TO same;RELEASE same").await?;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}
