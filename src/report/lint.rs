//! Findings for people, with the SQL and the place marked in it.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use crate::{
    finding::{Finding, Severity},
    guard::Located,
};

/// Lines of a clause that are shown.
const SHOWN: usize = 12;
/// Bytes that are shown before and after the place on its line: some files are one line.
const AROUND: usize = 300;
/// Bytes of the place that are shown.
const LONGEST: usize = 2_000;

/// `located` with its lines of `sql`, marked; styled for a terminal.
#[must_use]
pub fn snippet(located: &Located, sql: &str) -> String {
    let finding = &located.finding;
    let (lines, first, mark) = cut(located, sql);
    let title = format!("{}: {}", finding.rule, finding.object);
    let mut group = Group::with_title(level(finding).primary_title(&title));
    let mut source = Snippet::source(lines).line_start(first).fold(false);
    match (&finding.file, finding.column.unwrap_or(1) as usize) {
        (None, _) => {}
        // The column is counted from where the shown text begins: on a line that is cut it is told apart.
        (Some(file), column) if lines[..mark.start].chars().count() + 1 == column => {
            source = source.path(file.as_str());
        }
        (Some(file), column) => {
            group = group.element(Origin::path(file.as_str()).line(first).char_column(column));
        }
    }
    let group = group.element(source.annotation(AnnotationKind::Primary.span(mark)));
    let notes = notes(finding);
    let group = notes.iter().fold(group, |group, (name, text)| {
        group.element(Level::NOTE.with_name(Some(*name)).message(text.as_str()))
    });
    format!("{}\n\n", Renderer::styled().render(&[group]))
}

fn level(finding: &Finding) -> Level<'static> {
    match finding {
        Finding { allowed: Some(_), .. } => Level::INFO.with_name(Some("allowed")),
        Finding { severity: Severity::Refuse, .. } => Level::ERROR.with_name(Some("refuse")),
        Finding { severity: Severity::Warn, .. } => Level::WARNING.with_name(Some("warn")),
        Finding { severity: Severity::Info, .. } => Level::INFO.with_name(Some("info")),
    }
}

fn notes(finding: &Finding) -> Vec<(&'static str, String)> {
    let mut notes = vec![("why", finding.why.clone()), ("instead", finding.safer.clone())];
    if let Some(migration) = &finding.created_in {
        notes.insert(0, ("created by", migration.clone()));
    }
    if let Some(consent) = &finding.allowed {
        let reason = consent.reason.as_deref().unwrap_or("no reason given");
        notes.push(("allowed by", format!("{}: {reason}", consent.by)));
    }
    notes
}

/// The lines that the place is in, their first one's number, and the place within them.
fn cut<'a>(located: &Located, sql: &'a str) -> (&'a str, usize, Range<usize>) {
    let from = located.place.start.min(sql.len());
    let to = boundary(sql, located.place.end.clamp(from, from.saturating_add(LONGEST)));
    let first = boundary(sql, from.saturating_sub(AROUND));
    let start = sql[first..from].rfind('\n').map_or(first, |at| first + at + 1);
    let shown = sql[from..to].match_indices('\n').nth(SHOWN - 1).map_or(to, |(at, _)| from + at);
    let last = boundary(sql, shown.saturating_add(AROUND));
    let end = sql[shown..last].find('\n').map_or(last, |at| shown + at);
    let lines = sql[start..end].trim_end_matches('\r');
    let mark = from - start..(shown - start).min(lines.len());
    (lines, located.finding.line.unwrap_or(1) as usize, mark.start.min(mark.end)..mark.end)
}

/// The end of a character at `at` or before it.
fn boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
