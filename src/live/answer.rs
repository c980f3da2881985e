//! The last answer of a database, written down once for all who ask: as JSON and as Prometheus' text.

use std::{fmt::Write, time::Duration};

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{connect::DatabaseError, readiness::Verdict};
use crate::redact::redact;

/// Longer lists are cut: a probe's answer has to stay small.
const LISTED: usize = 50;

/// What every probe gets until the database is asked again.
#[derive(Debug)]
pub struct Answer {
    /// Whether the program may serve.
    pub is_ready: bool,
    /// Why, in one line: `ready: ...`, `drift: ...` or `unknown: ...`.
    pub line: String,
    /// The same as JSON.
    pub body: Bytes,
    /// The same in Prometheus' text format.
    pub metrics: Bytes,
}

/// What is counted from one answer to the next.
#[derive(Debug, Default)]
pub struct Tally {
    checks: u64,
    failures: u64,
    took: Duration,
    at: Timestamp,
}

impl Tally {
    /// Counts one answer that took so long and came at that time.
    pub fn count(&mut self, result: &Result<Verdict, DatabaseError>, took: Duration, at: Timestamp) {
        self.checks += 1;
        self.failures += u64::from(result.is_err());
        self.took = took;
        self.at = at;
    }
}

impl Answer {
    /// Writes down what came of asking.
    #[must_use]
    pub fn new(result: &Result<Verdict, DatabaseError>, tally: &Tally) -> Self {
        let metrics = metrics(result.as_ref().ok(), tally);
        match result {
            Ok(verdict) => Self {
                is_ready: verdict.ready,
                line: verdict.line.clone(),
                body: body(&of_verdict(verdict)),
                metrics,
            },
            Err(error) => {
                let line = format!("unknown: {}", redact(&error.to_string()).escape_debug());
                let json = json!({ "status": "unknown", "line": line, "hint": error.hint() });
                Self { is_ready: false, line, body: body(&json), metrics }
            }
        }
    }
}

fn body(json: &Value) -> Bytes {
    Bytes::from(format!("{json}\n"))
}

/// What a prober may know: names, but neither checksums nor the texts of errors, which may hold data.
fn of_verdict(verdict: &Verdict) -> Value {
    let state = &verdict.state;
    let names = |names: &mut dyn Iterator<Item = &str>| Value::from(names.take(LISTED).collect::<Vec<_>>());
    let missing: Vec<_> = verdict.missing.iter().take(LISTED).map(ToString::to_string).collect();
    json!({
        "status": if verdict.ready { "ready" } else { "drift" },
        "line": verdict.line,
        "standing": state.standing,
        "db": state.last_applied,
        "expected": state.last_expected,
        "pending": names(&mut state.pending.iter().map(|pending| pending.name.as_str())),
        "broken_off": names(&mut state.broken_off.iter().map(String::as_str)),
        "failed": names(&mut state.failed.iter().map(|failed| failed.name.as_str())),
        "not_in_directory": names(&mut state.not_in_directory.iter().map(String::as_str)),
        "missing": missing,
        "warnings": verdict.warnings.iter().take(LISTED).collect::<Vec<_>>(),
    })
}

/// Gauges about the database are left out while nothing is known of it: an old value would look like a new one.
fn metrics(verdict: Option<&Verdict>, tally: &Tally) -> Bytes {
    let mut text = String::new();
    let mut put = |kind: &str, name: &str, help: &str, value: f64| {
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "# HELP run_migration_{name} {help}\n# TYPE run_migration_{name} {kind}\nrun_migration_{name} {value}\n"
        );
    };
    let is_ready = verdict.is_some_and(|verdict| verdict.ready);
    put("gauge", "ready", "Whether the code may serve on this database.", u8::from(is_ready).into());
    put(
        "gauge",
        "database_up",
        "Whether the database answered the last question.",
        u8::from(verdict.is_some()).into(),
    );
    if let Some(Verdict { state, missing, .. }) = verdict {
        put(
            "gauge",
            "behind",
            "Migrations that the code expects and the database lacks.",
            count(state.pending.len()),
        );
        put(
            "gauge",
            "ahead",
            "Migrations of the database that the code does not know.",
            count(state.not_in_directory.len()),
        );
        put("gauge", "failed", "Migrations that failed and are not resolved.", count(state.failed.len()));
        put("gauge", "edited", "Migrations that were applied from another text.", count(state.edited.len()));
        put(
            "gauge",
            "missing",
            "Tables and columns that the code expects and the database lacks.",
            count(missing.len()),
        );
    }
    put(
        "gauge",
        "last_check_timestamp_seconds",
        "When the database was last asked.",
        tally.at.as_millisecond() as f64 / 1e3,
    );
    put("gauge", "check_duration_seconds", "How long the last answer took.", tally.took.as_secs_f64());
    put("counter", "checks_total", "How often the database was asked.", tally.checks as f64);
    put("counter", "check_failures_total", "How often it did not answer.", tally.failures as f64);
    Bytes::from(text)
}

fn count(length: usize) -> f64 {
    f64::from(u32::try_from(length).unwrap_or(u32::MAX))
}
