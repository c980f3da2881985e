//! What release notes and a terminal get.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use crate::support::release::{Pair, Release};

const OLD: (&str, &str) = (
    "20260101000000_old",
    "CREATE TABLE \"User\" (\"id\" INTEGER NOT NULL PRIMARY KEY, \"email\" TEXT NOT NULL, \"age\" INTEGER);\n\
     CREATE TABLE \"Log\" (\"id\" INTEGER NOT NULL PRIMARY KEY, \"at\" TIMESTAMP(3));\n",
);
const KEPT: (&str, &str) = ("20260102000000_a|b `c` <d>", "CREATE TABLE kept (id int);\n");
const NEW: (&str, &str) = (
    "20260103000000_new",
    "ALTER TABLE \"User\" DROP COLUMN \"email\";\nALTER TABLE \"User\" ALTER COLUMN \"age\" SET NOT NULL;\n\
     CREATE INDEX \"Log_at_idx\" ON \"Log\"(\"at\");\n",
);

fn pair() -> Pair {
    let release = |version, migrations: &[(&str, &str)]| Release::new(version).migrations(migrations);
    Pair::new(&release("1.0", &[OLD, KEPT]), &release("1.1", &[OLD, NEW]))
}

fn events(markdown: &str) -> Vec<Event<'_>> {
    Parser::new_ext(markdown, Options::all() - Options::ENABLE_SMART_PUNCTUATION).collect()
}

/// The texts of everything that begins with one tag and ends with another.
fn texts(markdown: &str, begins: impl Fn(&Tag<'_>) -> bool, ends: impl Fn(&TagEnd) -> bool) -> Vec<String> {
    let (mut texts, mut current) = (Vec::new(), None::<String>);
    for event in events(markdown) {
        match event {
            Event::Start(tag) if begins(&tag) => current = Some(String::new()),
            Event::End(tag) if ends(&tag) => texts.extend(current.take()),
            Event::Text(text) | Event::Code(text) => {
                if let Some(current) = &mut current {
                    current.push_str(&text);
                }
            }
            _ => {}
        }
    }
    texts
}

#[test]
fn release_notes_have_the_verdict_one_table_and_the_steps_in_order() {
    let page = pair().check(&["--format", "markdown"]).expect(2).stdout;
    let tables = events(&page).iter().filter(|event| matches!(event, Event::Start(Tag::Table(_)))).count();
    assert_eq!(tables, 1, "{page}");
    let cells = texts(&page, |tag| matches!(tag, Tag::TableCell), |tag| matches!(tag, TagEnd::TableCell));
    let severities: Vec<_> = cells.iter().step_by(4).skip(1).map(String::as_str).collect();
    let order =
        ["refused", "breaking", "write-reject", "warning", "prepared-plan", "lock", "allowed", "info"];
    let ranks: Vec<_> =
        severities.iter().map(|one| order.iter().position(|known| known == one).unwrap()).collect();
    assert!(
        ranks.is_sorted() && ranks.contains(&0) && ranks.contains(&1) && ranks.contains(&2),
        "{severities:?}"
    );
    assert!(cells.contains(&KEPT.0.to_owned()), "a name with marks in it stays a name: {cells:#?}");
    assert!(
        !events(&page).iter().any(|event| matches!(event, Event::Html(html) if html.contains("<d>"))),
        "{page}"
    );

    let bold = texts(&page, |tag| matches!(tag, Tag::Strong), |tag| matches!(tag, TagEnd::Strong));
    assert!(bold[0].starts_with("Refused: the migrations destroy data"), "{bold:?}");
    assert_eq!(bold[1], "Must the old pods be stopped first? Yes:");
    let steps = texts(&page, |tag| matches!(tag, Tag::Item), |tag| matches!(tag, TagEnd::Item));
    let place = |words: &str| {
        steps.iter().position(|step| step.contains(words)).unwrap_or_else(|| panic!("{words}: {steps:#?}"))
    };
    let order = [
        "Do not deploy 1.1 before somebody has decided",
        "See that the database is where 1.0 left it",
        "Take a backup: User.email",
        "Look for rows that are in the way in User.age",
        "Stop every pod of 1.0, all replicas",
        "Choose a quiet hour",
        "Run prisma migrate deploy with the migrations of 1.1 once",
        "Start the pods of 1.1.",
    ];
    assert!(order.map(place).is_sorted(), "{steps:#?}");
}

#[test]
fn a_terminal_gets_the_same_and_a_banner_for_each_refusal() {
    let ended = pair().check(&[]).expect(2).says(&[
        "DESTRUCTIVE MIGRATION DETECTED",
        "OUT OF SYNC",
        "migration_deleted",
        "AI AGENTS / ASSISTANTS:",
    ]);
    assert_eq!(ended.stderr.matches("refuse  migration_deleted").count(), 1, "{}", ended.stderr);
    for words in [
        "1.1 on a database that runs 1.0: refused_destructive",
        "What a process of 1.0 meets that is still running:",
        "breaking       User.email",
        "Must the old pods be stopped first? yes: processes of 1.0 break on `User.email`",
    ] {
        assert!(ended.stdout.contains(words), "{words:?} is missing in {}", ended.stdout);
    }
    assert!(ended.stdout.lines().all(|line| line.chars().count() <= 112), "{}", ended.stdout);
}

#[test]
fn other_formats_hold_the_findings_too() {
    let pair = pair();
    let sarif = pair.check(&["--no-database", "--format", "sarif"]).expect(2).stdout;
    assert!(sarif.contains("migration_deleted"), "{sarif}");
    let github = pair.check(&["--no-database", "--format", "github"]).expect(2).stdout;
    assert!(github.contains("migration_deleted"), "{github}");
    pair.check(&["--no-database", "--format", "nonsense"]).expect(64);
}
