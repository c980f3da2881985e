//! Findings for people, with the SQL and the place marked in it.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::{
    finding::{Finding, Severity},
    guard::Located,
};

/// Lines of a clause that are shown.
const SHOWN: usize = 12;

/// `located` with its lines of `sql`, marked; styled for a terminal.
#[must_use]
pub fn snippet(located: &Located, sql: &str) -> String {
    let finding = &located.finding;
    let (lines, first, mark) = cut(located, sql);
    let title = format!("{}: {}", finding.rule, finding.object);
    let mut source = Snippet::source(lines).line_start(first).fold(false);
    if let Some(file) = &finding.file {
        source = source.path(file.as_str());
    }
    let group = Group::with_title(level(finding).primary_title(&title))
        .element(source.annotation(AnnotationKind::Primary.span(mark)));
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
fn cut<'a>(located: &Located, sql: &'a str) -> (&'a str, usize, std::ops::Range<usize>) {
    let place = located.place.start.min(sql.len())..located.place.end.min(sql.len());
    let start = sql[..place.start].rfind('\n').map_or(0, |at| at + 1);
    let ends = sql[start..].match_indices('\n').map(|(at, _)| start + at);
    let last = ends
        .clone()
        .enumerate()
        .find(|(line, end)| *end >= place.end || line + 1 >= SHOWN)
        .map_or(sql.len(), |(_, end)| end);
    let lines = sql[start..last].trim_end_matches('\r');
    let mark = place.start - start..place.end.min(last).max(place.start) - start;
    (
        lines,
        located.finding.line.unwrap_or(1) as usize,
        mark.start.min(lines.len())..mark.end.min(lines.len()),
    )
}
