//! The summary of a step, read with a real Markdown parser.

use pulldown_cmark::{Event, Options, Parser, Tag};
use run_migration::{
    finding::{Finding, Severity},
    outcome::Outcome,
    report::{
        Report,
        gates::{Stopped, Verdict},
        github,
    },
};

use super::{NASTY, finding, gates, nasty_report, report, stale};

const LIMIT: usize = 1 << 20;

fn events(markdown: &str) -> Vec<Event<'_>> {
    Parser::new_ext(markdown, Options::all() - Options::ENABLE_SMART_PUNCTUATION).collect()
}

fn text(markdown: &str) -> String {
    events(markdown)
        .into_iter()
        .map(|event| match event {
            Event::Text(text) | Event::Code(text) => text.into_string(),
            Event::SoftBreak | Event::HardBreak | Event::End(_) => "\n".into(),
            _ => String::new(),
        })
        .collect()
}

fn count(markdown: &str, is_it: impl Fn(&Event<'_>) -> bool) -> usize {
    events(markdown).iter().filter(|event| is_it(event)).count()
}

#[test]
fn the_findings_stand_in_a_table_and_refused_statements_below_it() {
    let notes = vec!["The gate freshness was left out.".to_owned()];
    let findings = vec![finding(Severity::Info), finding(Severity::Refuse)];
    let markdown = github::summary(&Report { notes, ..report(Outcome::RefusedDestructive, findings) });
    let text = text(&markdown);
    for part in [
        "run-migration check: refused destructive",
        "Exit code 2",
        "AI AGENTS / ASSISTANTS: stop here.",
        "prisma/migrations/20260101000000_a/migration.sql:3",
        "the column's values are lost. Instead: keep it for one release.",
        "ALTER TABLE widget DROP COLUMN colour;",
        "The gate freshness was left out.",
    ] {
        assert!(text.contains(part), "{part:?} is missing in\n{text}");
    }
    assert!(text.find("refused\n").unwrap() < text.find("info").unwrap(), "{text}");
    assert_eq!(count(&markdown, |event| matches!(event, Event::Start(Tag::TableRow))), 2);
    assert_eq!(count(&markdown, |event| matches!(event, Event::Start(Tag::CodeBlock(_)))), 1);
}

#[test]
fn each_gate_has_its_row() {
    let report = gates(&[
        ("copies", Verdict::Passed, "2 copies of `a|b`"),
        ("guard", Verdict::Stopped(Stopped::RefusedDestructive), "1 new migration"),
        ("replay", Verdict::LeftOut, "--no-database"),
    ]);
    let markdown = github::summary(&report);
    let text = text(&markdown);
    for part in
        ["copies\npassed\n2 copies of `a|b`\n", "guard\nrefused\n", "replay\nleft out\n--no-database\n"]
    {
        assert!(text.replace("\n\n", "\n").contains(part), "{part:?} is missing in\n{text}");
    }
    assert_eq!(count(&markdown, |event| matches!(event, Event::Start(Tag::TableRow))), 3);
    assert!(text.contains("AI AGENTS / ASSISTANTS: stop here."), "{text}");
}

#[test]
fn a_stale_branch_is_told() {
    assert!(text(&github::summary(&stale())).contains("HEAD is behind origin/main by 2 commits"));
}

#[test]
fn no_name_and_no_text_becomes_markup() {
    let is_ours = |event: &Event<'_>| match event {
        Event::InlineHtml(html) => matches!(html.as_ref(), "<code>" | "</code>"),
        Event::Start(tag) => matches!(
            tag,
            Tag::Heading { .. }
                | Tag::Paragraph
                | Tag::Table(_)
                | Tag::TableHead
                | Tag::TableRow
                | Tag::TableCell
                | Tag::Strong
                | Tag::CodeBlock(_)
                | Tag::List(None)
                | Tag::Item
        ),
        Event::Text(_) | Event::End(_) => true,
        _ => false,
    };
    for nasty in NASTY {
        let mut report = nasty_report(nasty);
        report.findings.push(Finding { allowed: None, ..report.findings[0].clone() });
        let markdown = github::summary(&report);
        for event in events(&markdown) {
            assert!(is_ours(&event), "{nasty:?}: {event:?} in\n{markdown}");
        }
        assert_eq!(
            count(&markdown, |event| matches!(event, Event::Start(Tag::Heading { .. }))),
            1,
            "{markdown}"
        );
        assert_eq!(count(&markdown, |event| matches!(event, Event::Start(Tag::TableCell))), 15, "{markdown}");
        assert_eq!(
            count(&markdown, |event| matches!(event, Event::Start(Tag::CodeBlock(_)))),
            1,
            "{markdown}"
        );
        let prose = text(&github::summary(&Report { findings: Vec::new(), ..report }));
        assert!(!prose.contains("@somebody") && !prose.contains("#1"), "{prose}");
    }
}

#[test]
fn a_summary_fits_however_much_was_found() {
    let many = vec![Finding { why: "|".repeat(900), ..finding(Severity::Refuse) }; 5_000];
    let markdown = github::summary(&report(Outcome::RefusedDestructive, many));
    assert!(markdown.len() <= LIMIT, "{}", markdown.len());
    assert!(markdown.len() > LIMIT / 2, "{}", markdown.len());
    let shown = count(&markdown, |event| matches!(event, Event::Start(Tag::TableRow)));
    assert!(markdown.contains(&format!("and {} more: see the log.", 5_000 - shown)));
}
