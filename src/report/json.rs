//! A report for programs: one JSON object, on failure too.

use serde_json::{Map, Value, json};

use super::Report;

/// The version of the JSON's shape; raised when a field changes its meaning or goes away.
pub const VERSION: u32 = 1;

/// The report as one JSON object, ended by a line break.
#[must_use]
pub fn render(report: &Report) -> String {
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
    put("version", json!(VERSION));
    put("command", json!(report.command));
    put("outcome", json!(report.outcome.name()));
    put("exit_code", json!(report.outcome.exit_code()));
    if let Some(first) = report.migrations.first() {
        put("migration", json!(first));
        put("migrations", json!(report.migrations));
    }
    // Of a migration there is more to say than its path.
    if let (None, Some(result)) = (report.migrations.first(), &report.result) {
        put("result", json!(result));
    }
    if !report.replaced.is_empty() {
        put("replaced", json!(report.replaced));
    }
    put("findings", json!(report.findings));
    if !report.gates.is_empty() {
        put("gates", json!(report.gates));
    }
    if let Some(freshness) = &report.freshness {
        put("freshness", json!(freshness));
    }
    if let Some(database) = &report.database {
        put("database", json!(database));
    }
    if let Some(preflight) = &report.preflight {
        put("preflight", json!(preflight));
    }
    if let Some(deployment) = &report.deployment {
        put("deployment", json!(deployment));
    }
    if let Some(release) = &report.release {
        put("release", json!(release));
    }
    if !report.pairs.is_empty() {
        put("pairs", Value::Array(report.pairs.iter().map(pair).collect()));
    }
    put("toolchain", json!(report.toolchain));
    let timings: Map<String, Value> =
        report.timings.iter().map(|(stage, took)| ((*stage).to_owned(), json!(took.as_millis()))).collect();
    put("timings_ms", Value::Object(timings));
    put("notes", json!(report.notes));
    if let Some(from_cache) = report.from_cache {
        put("from_cache", json!(from_cache));
    }
    if let Some(error) = &report.error {
        put("error", json!(error));
    }
    if let Some(hint) = &report.hint {
        put("hint", json!(hint));
    }
    put("requires_human", json!(report.requires_human()));
    if let [first, ..] = report.agent_notices()[..] {
        put("agent_notice", json!(first));
    }
    format!("{:#}\n", Value::Object(object))
}

/// What is said of one of several releases.
fn pair(report: &Report) -> Value {
    let mut object = json!({
        "outcome": report.outcome.name(),
        "exit_code": report.outcome.exit_code(),
        "findings": report.findings,
        "gates": report.gates,
        "release": report.release,
        "notes": report.notes,
    });
    let more = [("package", &report.result), ("error", &report.error)];
    for (key, value) in more.into_iter().filter_map(|(key, value)| Some((key, value.as_ref()?))) {
        object[key] = json!(value);
    }
    object
}
