//! What cannot be checked because it cannot be seen.

use super::{Rule, Verdict};
use crate::{finding::Severity::Refuse, guard::action::Action};

pub(super) const UNPARSED_SQL: Rule = Rule {
    id: "unparsed_sql",
    severity: Refuse,
    finds: "SQL that the parser does not understand",
    why: "What cannot be read cannot be checked; PostgreSQL may well understand it and carry it out.",
    safer: "Mend the statement, or write it in a way that is understood. psql's commands (\\i, \\copy) are no SQL.",
    bad: &["DROPP TABLE users;", "\\i other.sql", "SELECT 'never closed", "DO $$ BEGIN DROP; END $$;"],
    good: &["-- nothing but a comment", "", "SELECT 1"],
    check: |look| match look.action() {
        Action::Unparsed(message) => {
            Some(Verdict::about("script").because(format!("The parser says: {message}.")))
        }
        _ => None,
    },
};

pub(super) const DYNAMIC_SQL: Rule = Rule {
    id: "dynamic_sql",
    severity: Refuse,
    finds: "EXECUTE of a text that is not known before it runs, and code in languages other than SQL and PL/pgSQL",
    why: "What it does depends on values that are only known in the database, so it may destroy anything.",
    safer: "Write the statements out, or EXECUTE a constant text. Names and values may stay open where they are \
            quoted safely: format('... %I ... %L', ...), quote_ident(), quote_literal().",
    bad: &[
        "DO $$ BEGIN EXECUTE 'DROP ' || kind || ' x'; END $$;",
        "DO $$ DECLARE r record; BEGIN FOR r IN SELECT * FROM commands LOOP EXECUTE r.text; END LOOP; END $$;",
        "DO LANGUAGE plpython3u $$ plpy.execute('x') $$;",
        "SELECT query_to_xml(text, true, true, '') FROM commands;",
    ],
    good: &[
        "DO $$ BEGIN EXECUTE format('COMMENT ON TABLE %I IS %L', name, text); END $$;",
        "DO $$ BEGIN EXECUTE 'ALTER TABLE t ADD COLUMN ' || quote_ident(name) || ' text'; END $$;",
        "DO $$ DECLARE q text := 'SELECT 1'; BEGIN EXECUTE q; END $$;",
    ],
    check: |look| match look.action() {
        Action::Dynamic(what) => {
            Some(Verdict::about("EXECUTE").because(format!("Unknown here: {}.", clip(what))))
        }
        _ => None,
    },
};

fn clip(text: &str) -> String {
    const LONGEST: usize = 120;
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
