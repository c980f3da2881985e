//! A report as SARIF 2.1.0, the format that code scanning reads. On failure too, and without a finding.

use std::collections::{BTreeMap, HashMap};

use camino::Utf8Path;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::Report;
use crate::{
    finding::{Consent, Finding, Severity},
    guard::rules::{self, pages},
    history,
    outcome::Outcome,
};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// Paths are relative to this: the consumer knows where the repository is.
const ROOT: &str = "%SRCROOT%";

/// The report as one SARIF log, ended by a line break.
#[must_use]
pub fn render(report: &Report) -> String {
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": driver(report) },
            // The slash at the end: the name of a category, not of one run.
            "automationDetails": { "id": format!("run-migration/{}/", report.command) },
            "invocations": [invocation(report)],
            "originalUriBaseIds": { ROOT: { "description": { "text": "The repository's root." } } },
            "columnKind": "unicodeCodePoints",
            "results": results(report),
        }],
    });
    format!("{log:#}\n")
}

fn driver(report: &Report) -> Value {
    let mut worst: BTreeMap<&str, Severity> = BTreeMap::new();
    for finding in &report.findings {
        let severity = worst.entry(finding.rule).or_insert(finding.severity);
        *severity = finding.severity.max(*severity);
    }
    let rules: Vec<_> = worst.iter().map(|(id, severity)| rule(id, *severity)).collect();
    json!({
        "name": "run-migration",
        "version": env!("CARGO_PKG_VERSION"),
        "semanticVersion": env!("CARGO_PKG_VERSION"),
        "rules": rules,
    })
}

fn rule(id: &str, severity: Severity) -> Value {
    let words = id.replace('_', " ");
    let name: String = words.split(' ').map(capitalised).collect();
    let mut rule = json!({
        "id": id,
        "name": name,
        "shortDescription": { "text": format!("{}.", capitalised(&words)) },
        "help": { "text": "Each result says what would happen and what to do instead." },
        "defaultConfiguration": { "level": level(severity) },
    });
    if let (Some([finds, why, safer]), Some(page)) = (texts(id), pages::page_of(id)) {
        rule["fullDescription"] = json!({ "text": plain(&format!("{finds}. {why}")) });
        rule["help"] = json!({ "text": plain(&format!("{why}\n\nInstead: {safer}")), "markdown": page });
    }
    rule
}

/// What a rule finds, why that matters and what to do instead.
fn texts(id: &str) -> Option<[&'static str; 3]> {
    let of_the_guard = rules::find(id).map(|rule| [rule.finds, rule.why, rule.safer]);
    of_the_guard.or_else(|| history::rules::find(id).map(|rule| [rule.finds, rule.why, rule.safer]))
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Refuse => "error",
        Severity::Warn => "warning",
        Severity::Info => "note",
    }
}

/// How the run went. A refusal is an answer: the tool did its work.
fn invocation(report: &Report) -> Value {
    let failed = matches!(report.outcome, Outcome::Failed | Outcome::UsageError | Outcome::Interrupted(_));
    let mut told = Vec::new();
    if failed {
        let error = report.error.as_deref().unwrap_or(report.outcome.name());
        let hint = report.hint.as_ref().map(|hint| format!("\n{hint}")).unwrap_or_default();
        told.push(notification("error", &format!("{error}{hint}")));
    }
    if let Some(freshness) = report.freshness.as_ref().filter(|_| report.outcome == Outcome::RefusedStale) {
        told.push(notification("error", &freshness.summary()));
    }
    told.extend(report.gates.iter().map(|gate| {
        let level = if gate.outcome() == Outcome::Passed { "note" } else { "error" };
        notification(level, &format!("gate {}: {}: {}", gate.name, gate.word(), gate.detail))
    }));
    told.extend(report.notes.iter().map(|note| notification("note", note)));
    json!({
        "executionSuccessful": !failed,
        "exitCode": report.outcome.exit_code(),
        "exitCodeDescription": report.outcome.name(),
        "toolExecutionNotifications": told,
    })
}

fn notification(level: &str, text: &str) -> Value {
    json!({ "level": level, "message": { "text": plain(text) } })
}

fn results(report: &Report) -> Vec<Value> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    report
        .findings
        .iter()
        .map(|finding| {
            let identity = identity(finding);
            let occurrence = seen.entry(identity.clone()).and_modify(|count| *count += 1).or_insert(1);
            result(finding, report, &format!("{identity}:{occurrence}"))
        })
        .collect()
}

fn result(finding: &Finding, report: &Report, fingerprint: &str) -> Value {
    let suppressions: Vec<_> = finding.allowed.iter().map(suppression).collect();
    json!({
        "ruleId": finding.rule,
        "level": level(finding.severity),
        "message": { "text": message(finding) },
        "locations": [location(finding, report)],
        // The second name is the one that GitHub knows.
        "partialFingerprints": { "finding/v1": fingerprint, "primaryLocationLineHash": fingerprint },
        // Either every result of a run has this or none.
        "suppressions": suppressions,
    })
}

/// What makes a finding the same one in the next run: not its line, which moves.
fn identity(finding: &Finding) -> String {
    let statement = finding.statement.split_whitespace().collect::<Vec<_>>().join(" ");
    let file = finding.file.as_deref().unwrap_or(Utf8Path::new(""));
    let digest = Sha256::digest([finding.rule, &finding.object, file.as_str(), &statement].join("\0"));
    hex::encode(&digest[..16])
}

fn message(finding: &Finding) -> String {
    let mut lines =
        vec![format!("{}: {}", finding.object, finding.why), format!("Instead: {}", finding.safer)];
    lines.extend(finding.proof.iter().map(|proof| format!("Proof: {proof}")));
    lines.extend(finding.created_in.iter().map(|migration| format!("Created by {migration}")));
    plain(&lines.join("\n"))
}

/// In a message of SARIF `[text](target)` is a link. Names from outside make none.
fn plain(text: &str) -> String {
    text.replace("](", "] (")
}

/// Code scanning turns away a result without a file, so one that is about no file is about the migration that was
/// generated or about the project.
fn location(finding: &Finding, report: &Report) -> Value {
    let generated = report.migrations.first().map(|migration| migration.path.as_path());
    let file = report.prefix.join(finding.file.as_deref().or(generated).unwrap_or(Utf8Path::new("")));
    let uri = if file.as_str().is_empty() { ".".to_owned() } else { uri(&file) };
    let mut physical = Map::new();
    let artifact =
        if file.is_absolute() { json!({ "uri": uri }) } else { json!({ "uri": uri, "uriBaseId": ROOT }) };
    physical.insert("artifactLocation".into(), artifact);
    match (finding.line, finding.column) {
        (Some(line), Some(column)) => {
            physical.insert("region".into(), json!({ "startLine": line, "startColumn": column }));
        }
        (Some(line), None) => {
            physical.insert("region".into(), json!({ "startLine": line }));
        }
        (None, _) => {}
    }
    json!({
        "physicalLocation": physical,
        "logicalLocations": [{ "fullyQualifiedName": finding.object }],
    })
}

fn suppression(consent: &Consent) -> Value {
    // A waiver stands beside the statement that it is about.
    let kind = if consent.by == "waiver" { "inSource" } else { "external" };
    let reason = consent.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    json!({ "kind": kind, "status": "accepted", "justification": format!("{}{reason}", consent.by) })
}

/// The path as a URI: relative as it is, absolute with its scheme; everything that is not unreserved is encoded.
fn uri(path: &Utf8Path) -> String {
    let encoded: String = path
        .as_str()
        .bytes()
        .map(|byte| match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            other if other.is_ascii_alphanumeric() => char::from(other).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect();
    if path.is_absolute() { format!("file://{encoded}") } else { encoded }
}
