//! Waivers that do not count.

use super::Rule;
use crate::finding::Severity::Warn;

/// Found by the inspection itself, once every other rule has had its say.
pub(in crate::guard) static UNUSED_WAIVER: Rule = Rule {
    id: "unused_waiver",
    severity: Warn,
    finds: "A waiver that is misspelled, has no reason, is forbidden, or allows nothing",
    why: "A waiver that does not count misleads whoever reads it, and may wait for a statement to come.",
    safer: "Mend it or take it out: `-- run-migration: allow RULE:OBJECT because REASON`, on a line of its own before \
            the statement.",
    bad: &[
        "-- run-migration: allow drop_table:users because it is empty\nSELECT 1;",
        "-- run-migration: allow drop_table:users\nDROP TABLE users;",
        "-- run-migration: allow dorp_table:users because it is empty\nDROP TABLE users;",
        "-- run-migration allow drop_table:users because it is empty\nDROP TABLE users;",
        "DROP TABLE users;\n-- run-migration: allow drop_table:users because it is empty",
    ],
    good: &[
        "-- run-migration: allow drop_table:users because it is empty\nDROP TABLE users;",
        "-- run-migration made this file",
    ],
    check: |_| None,
};
