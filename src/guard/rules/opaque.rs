//! What cannot be checked because it cannot be seen.

use super::{Rule, Verdict};
use crate::{
    finding::Severity::{Refuse, Warn},
    guard::{
        action::{Action, Kind},
        catalog::Space,
    },
};

pub(in crate::guard) static UNPARSED_SQL: Rule = Rule {
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

/// Found by the inspection itself: no statement shows it.
pub(in crate::guard) static BYTE_ORDER_MARK: Rule = Rule {
    id: "byte_order_mark",
    severity: Warn,
    finds: "A byte order mark at the script's beginning",
    why: "It fails with 42601: to PostgreSQL the mark is no space, so the first word is one that it does not know.",
    safer: "Save the file as UTF-8 without a byte order mark.",
    bad: &["\u{feff}SELECT 1;"],
    good: &["SELECT '\u{feff}';"],
    check: |_| None,
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

pub(super) const UNSEEN_PROCEDURE: Rule = Rule {
    id: "unseen_procedure",
    severity: Warn,
    finds: "CALL of a procedure that this script does not define",
    why: "What the procedure does stands elsewhere, and is not looked at here.",
    safer: "Write the statements out, or define the procedure in the same migration.",
    bad: &["CALL clean_up();", "DO $$ BEGIN CALL clean_up(); END $$;"],
    good: &["CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1'; CALL p();", "SELECT clean_up();"],
    check: |look| match look.action() {
        Action::Call(call) if call.procedure && !look.catalog.is_ours(Space::Routine, &call.name) => {
            Some(look.on(Kind::Routine, &call.name))
        }
        _ => None,
    },
};

pub(super) const RUN_PROGRAM: Rule = Rule {
    id: "run_program",
    severity: Refuse,
    finds: "COPY with PROGRAM, LOAD: programs and libraries on the server's machine",
    why: "The program can do whatever the server's own user can, its data files included.",
    safer: "Load data from the client; leave libraries to whoever runs the server.",
    bad: &["COPY users TO PROGRAM 'gzip > /tmp/users';", "LOAD 'auto_explain';"],
    good: &["COPY users TO STDOUT;", "COMMENT ON TABLE t IS 'COPY t FROM PROGRAM';"],
    check: |look| match look.action() {
        Action::Outside(what) => Some(Verdict::about("server").because(format!("It {what}."))),
        _ => None,
    },
};

pub(super) const STRING_SYNTAX: Rule = Rule {
    id: "string_syntax",
    severity: Refuse,
    finds: "standard_conforming_strings = off",
    why: "Strings end elsewhere from then on, so that what follows is not what it looks like, here and in every \
          session that the setting reaches.",
    safer: "Leave it on, as it has been since PostgreSQL 9.1; write E'...' where backslashes mean something.",
    bad: &[
        "SET standard_conforming_strings = off;",
        "ALTER DATABASE app SET standard_conforming_strings TO 'off';",
    ],
    good: &["SET standard_conforming_strings = on;"],
    check: |look| {
        let is_off = |value: &str| {
            let value = value.trim_matches('\'').to_ascii_lowercase();
            ["off", "false", "no", "0", "f", "n", "of", "fa", "fal", "fals"].contains(&value.as_str())
        };
        match look.action() {
            Action::Set(setting, value) if setting == "standard_conforming_strings" && is_off(value) => {
                Some(Verdict::about("standard_conforming_strings"))
            }
            Action::Call(call) => {
                let (setting, value) = call.setting()?;
                (setting == "standard_conforming_strings" && is_off(value))
                    .then(|| Verdict::about("standard_conforming_strings"))
            }
            _ => None,
        }
    },
};
