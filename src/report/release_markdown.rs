//! A release as Markdown for its notes: the verdict, one table with the worst first, the operator's steps in order.

use super::{Report, release::Release};
use crate::{
    finding::{Finding, Severity},
    outcome::Outcome,
    release::{rollout::Order, running::Trouble},
};

/// The page, where the report is one of releases.
#[must_use]
pub(super) fn render(report: &Report) -> Option<String> {
    if !report.pairs.is_empty() {
        let pages = report.pairs.iter().filter_map(|pair| Some(one(pair.release.as_ref()?, pair)));
        return Some(pages.collect::<Vec<_>>().join("\n"));
    }
    report.release.as_ref().map(|release| one(release, report))
}

fn one(release: &Release, report: &Report) -> String {
    let name = release.to.name.as_deref().filter(|_| release.to.version.is_some());
    let title = match name {
        Some(name) => format!("{} {}", text(name), text(&release.to.called)),
        None => text(&release.to.called),
    };
    let mut page = format!("## Database: {title} after {}\n\n", text(&release.from.called));
    page.push_str(&format!("**{}**\n\n", verdict(report)));
    if let Some(error) = &report.error {
        page.push_str(&format!("{}\n\n", sentence(error)));
    }
    page.push_str(&going_out(release));
    page.push_str(&table(report, release));
    if let Some(rollout) = &release.rollout {
        page.push_str("### Steps\n\n");
        for (number, step) in rollout.steps.iter().enumerate() {
            page.push_str(&format!("{}. {}\n", number + 1, text(step)));
        }
        page.push('\n');
    }
    for note in &report.notes {
        page.push_str(&format!("- {}\n", text(note)));
    }
    page
}

/// The outcome in words that a reader of release notes understands.
fn verdict(report: &Report) -> String {
    let code = report.outcome.exit_code();
    match report.outcome {
        Outcome::RefusedDestructive => {
            format!(
                "Refused: the migrations destroy data or objects, and nobody allowed it (exit code {code})."
            )
        }
        Outcome::RefusedOutOfSync => format!(
            "Refused: the migration history was changed, or databases, migrations and schema do not belong together \
             (exit code {code})."
        ),
        Outcome::Failed => format!("Not everything could be checked (exit code {code})."),
        _ => "Nothing stands against it.".to_owned(),
    }
}

fn going_out(release: &Release) -> String {
    let mut out = String::new();
    if let Some(rollout) = &release.rollout {
        let answer = match rollout.order {
            Order::StopFirst => "Yes",
            Order::Rolling => "No",
            Order::Unproved => "Not known",
        };
        out.push_str(&format!(
            "**Must the old pods be stopped first? {answer}:** {}.\n\n",
            text(&rollout.because)
        ));
    }
    let pending = match release.pending.as_slice() {
        [] => "No migration is applied.".to_owned(),
        [only] => format!("One migration is applied: {}.", code(only)),
        many => format!(
            "{} migrations are applied, from {} to {}.",
            many.len(),
            code(&many[0]),
            code(&many[many.len() - 1])
        ),
    };
    out.push_str(&format!("{pending}\n\n"));
    out
}

/// One row of the table.
struct Row {
    /// What it is sorted by.
    rank: usize,
    label: String,
    rule: String,
    objects: Vec<String>,
    what: String,
}

fn table(report: &Report, release: &Release) -> String {
    let mut rows: Vec<Row> = Vec::new();
    let impacts = release.running.iter().flatten().map(|impact| {
        let rank = match impact.severity {
            Trouble::Breaking => 1,
            Trouble::WriteReject => 2,
            Trouble::PreparedPlan => 4,
            Trouble::Lock => 5,
            Trouble::Info => 7,
        };
        let by = impact.migration.as_ref().map(|name| format!(" By {}.", code(name))).unwrap_or_default();
        Row {
            rank,
            label: impact.severity.word().to_owned(),
            rule: format!("processes of {}", text(&release.from.called)),
            objects: vec![impact.object.clone()],
            what: format!("{}{by}", sentence(&capital(&impact.what))),
        }
    });
    // What is the same about several objects is one row.
    for row in report.findings.iter().map(finding).chain(impacts) {
        let same = rows
            .iter_mut()
            .find(|known| (known.rank, &known.rule, &known.what) == (row.rank, &row.rule, &row.what));
        match same {
            Some(known) => known.objects.extend(row.objects),
            None => rows.push(row),
        }
    }
    if rows.is_empty() {
        return String::new();
    }
    rows.sort_by_key(|row| row.rank);
    let mut out =
        "| Severity | What | Object | What happens, and what to do |\n|---|---|---|---|\n".to_owned();
    for Row { label, rule, objects, what, .. } in rows {
        let objects: Vec<_> = objects.iter().map(|object| code(object)).collect();
        out.push_str(&format!("| {label} | {rule} | {} | {what} |\n", objects.join("<br>")));
    }
    out.push('\n');
    out
}

fn finding(finding: &Finding) -> Row {
    let (rank, label) = match (&finding.allowed, finding.severity) {
        (Some(_), _) => (6, "allowed"),
        (None, Severity::Refuse) => (0, "**refused**"),
        (None, Severity::Warn) => (3, "warning"),
        (None, Severity::Info) => (8, "info"),
    };
    let consent = finding.allowed.as_ref().and_then(|consent| consent.reason.as_deref());
    let consent = consent.map(|reason| format!(" Allowed: {}", sentence(reason))).unwrap_or_default();
    let proof: String = finding.proof.iter().map(|proof| format!(" {}", sentence(&capital(proof)))).collect();
    Row {
        rank,
        label: label.to_owned(),
        rule: code(finding.rule),
        objects: vec![finding.object.clone()],
        what: format!(
            "{}{proof}{consent} Instead: {}",
            sentence(&capital(&finding.why)),
            sentence(&finding.safer)
        ),
    }
}

fn capital(words: &str) -> String {
    let mut characters = words.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => String::new(),
    }
}

fn sentence(words: &str) -> String {
    let words = words.trim();
    let full = text(words);
    if words.ends_with(['.', '!', '?']) { full } else { format!("{full}.") }
}

/// A text within a line. What stands between backticks is code; everything else means nothing to Markdown or
/// HTML, and nobody is called by it.
fn text(words: &str) -> String {
    let words = one_line(words);
    let parts: Vec<_> = words.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return escaped(&words);
    }
    let piece = |(place, part): (usize, &&str)| match place % 2 {
        0 => escaped(part),
        _ => code(part),
    };
    parts.iter().enumerate().map(piece).collect()
}

fn escaped(words: &str) -> String {
    let mut out = String::with_capacity(words.len());
    for character in words.chars() {
        match character {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '&' => out.extend(['\\', character]),
            '@' | '#' => out.extend([character, '\u{200b}']),
            other => out.push(other),
        }
    }
    out
}

/// A name as code, within a fence that nothing in it can close.
fn code(words: &str) -> String {
    let words = one_line(words);
    if words.is_empty() {
        return String::new();
    }
    let longest = words.split(|character| character != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    let pad = if words.starts_with('`') || words.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{}{pad}{fence}", words.replace('|', "\\|"))
}

fn one_line(words: &str) -> String {
    words.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_outside_stay_text() {
        for (given, wanted) in [
            ("a_b *c* <img> [x](y) | z", "a\\_b \\*c\\* \\<img\\> \\[x\\](y) \\| z"),
            ("run `prisma migrate deploy` now", "run `prisma migrate deploy` now"),
            ("one ` alone", "one \\` alone"),
            ("mail @someone about #1", "mail @\u{200b}someone about #\u{200b}1"),
            ("two\nlines", "two lines"),
        ] {
            assert_eq!(text(given), wanted, "{given}");
        }
        assert_eq!(code("a`b|c"), "``a`b\\|c``");
        assert_eq!(code("`"), "`` ` ``");
    }
}
