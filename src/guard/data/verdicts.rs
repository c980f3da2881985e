//! From replies to verdicts.

use super::{
    ask::{Fate, Losses, Reply},
    questions::{Demand, Question, Subject},
    stage::Refusal,
};
use crate::{
    finding::Severity,
    guard::place::{Places, Verdict},
};

/// How many examples a proof holds.
const EXAMPLES: usize = 4;

/// How much of a value is shown.
const SHOWN: usize = 40;

/// What is said about a question, or that there is nothing to say.
pub(super) fn verdict(
    subject: &Subject<'_>,
    question: &Question,
    reply: &Reply,
    places: Places<'_>,
) -> Option<Verdict> {
    let mut verdict = match question {
        Question::Type { column, from, to } => type_change(subject, (column, from, to), reply, places)?,
        Question::Required { column } => {
            let object = subject.after_name.member(column).to_string();
            fails(reply, "new_required_column", object, REQUIRED)?
        }
        Question::NotNull { column } => {
            fails(reply, "set_not_null", subject.name.member(column).to_string(), NOT_NULL)?
        }
        Question::Demand { demand, name, .. } => {
            let (rule, said) = said_of(*demand);
            let object = match demand {
                Demand::UniqueIndex => subject.after_name.renamed(name).to_string(),
                _ => subject.after_name.member(name).to_string(),
            };
            fails(reply, rule, object, said)?
        }
        Question::Rows => rows(subject, reply, places)?,
    };
    if verdict.statement.is_none() {
        let own = crate::guard::name::Name::split(&verdict.object).pop().unwrap_or_default();
        verdict.statement = places.changing(subject.table.id, &own);
    }
    Some(verdict)
}

/// What is said of a demand that rows may not satisfy: why it fails, and what to do first.
struct Said {
    why: &'static str,
    sqlstate: &'static str,
    safer: &'static str,
}

const REQUIRED: Said = Said {
    why: "Existing rows have no value for the new column: with any row in the table the migration fails",
    sqlstate: "23502",
    safer: "Give it a default in the database, or add it as optional, fill it, and require it in a later migration.",
};

const NOT_NULL: Said = Said {
    why: "Rows that hold NULL make the migration fail",
    sqlstate: "23502",
    safer: "UPDATE the rows that hold NULL first, in the same migration or an earlier one.",
};

fn said_of(demand: Demand) -> (&'static str, Said) {
    match demand {
        Demand::UniqueIndex | Demand::Unique => (
            "new_unique",
            Said {
                why: "Rows that agree in its columns make the migration fail",
                sqlstate: "23505",
                safer: "Look for duplicates first, and mend them in an earlier migration.",
            },
        ),
        Demand::PrimaryKey => (
            "new_primary_key",
            Said {
                why: "Rows that agree in its columns make the migration fail",
                sqlstate: "23505",
                safer: "Look for duplicates and NULLs first, and mend them in an earlier migration.",
            },
        ),
        Demand::ForeignKey => (
            "new_foreign_key",
            Said {
                why: "Rows that point to nothing make the migration fail",
                sqlstate: "23503",
                safer: "Look for such rows first, and mend them in an earlier migration.",
            },
        ),
        Demand::Check => (
            "new_check",
            Said {
                why: "Rows that do not satisfy the condition make the migration fail",
                sqlstate: "23514",
                safer: "Look for such rows first, or add the condition NOT VALID and validate it later.",
            },
        ),
        Demand::Exclusion => (
            "new_exclusion",
            Said {
                why: "Rows that exclude one another make the migration fail",
                sqlstate: "23P01",
                safer: "Look for such rows first, and mend them in an earlier migration.",
            },
        ),
    }
}

fn fails(reply: &Reply, rule: &'static str, object: String, said: Said) -> Option<Verdict> {
    let (sqlstate, proof) = match reply {
        Reply::Fails(refusal) => {
            (refusal.sqlstate.as_str(), format!("tried with such a row: {}", shown(refusal)))
        }
        Reply::Unknown(why) => (said.sqlstate, format!("not tried: {why}")),
        Reply::Satisfied | Reply::Values(_) | Reply::Rows(_) => return None,
    };
    Some(Verdict {
        rule,
        severity: Severity::Warn,
        object,
        why: format!("{} with {sqlstate}.", said.why),
        safer: said.safer.into(),
        proof: vec![proof],
        statement: None,
    })
}

fn shown(refusal: &Refusal) -> String {
    format!("{} {}", refusal.sqlstate, refusal.message)
}

fn type_change(
    subject: &Subject<'_>,
    (column, from, to): (&str, &str, &str),
    reply: &Reply,
    places: Places<'_>,
) -> Option<Verdict> {
    let statement = places.retyping(subject.table.id, column);
    let name = subject.name.member(column).to_string();
    if from == to
        && let Reply::Values(fates) = reply
    {
        return new_labels(from, &name, fates, statement);
    }
    let of = |severity, why: String, proof| {
        Some(Verdict {
            rule: "change_type",
            severity,
            object: name.clone(),
            why,
            safer: "Add a column of the new type beside the old one, fill it as you want it, move the code, and drop \
                    the old one in a later release."
                .into(),
            proof,
            statement,
        })
    };
    let change = if from == to {
        format!("{from} is another type of the same name")
    } else {
        format!("{from} becomes {to}")
    };
    match reply {
        Reply::Values(fates) => {
            let (severity, why) = judged(fates, &change)?;
            of(severity, why, proof(fates))
        }
        Reply::Unknown(why) => {
            let text = statement.map(|place| places.text(place).to_ascii_uppercase()).unwrap_or_default();
            let computed = text.split(|c: char| !c.is_alphanumeric()).any(|word| word == "USING");
            let severity = if computed { Severity::Refuse } else { Severity::Warn };
            let said = format!("{change}, and what becomes of its values could not be tried.");
            of(severity, said, vec![format!("not tried: {why}")])
        }
        Reply::Satisfied | Reply::Fails(_) | Reply::Rows(_) => None,
    }
}

/// An enum whose labels are others: Prisma makes a new type and moves every column to it.
fn new_labels(data_type: &str, column: &str, fates: &[Fate], statement: Option<usize>) -> Option<Verdict> {
    let lines: Vec<String> = fates
        .iter()
        .filter_map(|fate| match fate {
            Fate::Fails { value, refusal } => {
                Some(format!("a row with {} in {column} fails: {}", excerpt(value), shown(refusal)))
            }
            Fate::Changed { before, after } => {
                let after = after.as_deref().map_or_else(|| "NULL".to_owned(), excerpt);
                Some(format!("{} in {column} becomes {after}", excerpt(before)))
            }
            Fate::Kept | Fate::Blanks | Fate::Rounded { .. } | Fate::Written { .. } => None,
        })
        .collect();
    (!lines.is_empty()).then(|| Verdict {
        rule: "remove_enum_label",
        severity: Severity::Refuse,
        object: crate::catalog::relation(data_type.trim_end_matches("[]")).to_string(),
        why:
            "A label is gone: rows that hold it make the migration fail with 22P02, or are given another one."
                .into(),
        safer: "Move the rows to another label in an earlier release, or keep the label.".into(),
        proof: lines,
        statement,
    })
}

/// The worst that happens to a value.
fn judged(fates: &[Fate], change: &str) -> Option<(Severity, String)> {
    let changed = fates.iter().find_map(|fate| match fate {
        Fate::Changed { before, after } => Some((before, after)),
        _ => None,
    });
    if let Some((before, after)) = changed {
        let after = after.as_deref().map_or_else(|| "NULL".to_owned(), excerpt);
        let why =
            format!("{change}: values change without a word, such as {} into {after}.", excerpt(before));
        return Some((Severity::Refuse, why));
    }
    let written = fates.iter().find_map(|fate| match fate {
        Fate::Written { after, .. } => Some(after),
        _ => None,
    });
    if let Some(after) = written {
        let why =
            format!("{change}: values are replaced by how they are written, such as {}.", excerpt(after));
        return Some((Severity::Refuse, why));
    }
    let fails = fates.iter().find_map(|fate| match fate {
        Fate::Fails { value, refusal } => Some((value, refusal)),
        _ => None,
    });
    if let Some((value, refusal)) = fails {
        let why = format!(
            "{change}: rows that hold a value such as {} make the migration fail with {}.",
            excerpt(value),
            refusal.sqlstate
        );
        return Some((Severity::Warn, why));
    }
    if fates.iter().any(|fate| matches!(fate, Fate::Rounded { .. })) {
        return Some((Severity::Warn, format!("{change}: digits beyond the fifteenth are rounded.")));
    }
    fates.contains(&Fate::Blanks).then(|| {
        (Severity::Info, format!("{change}: blanks at the end of values are cut off without a word."))
    })
}

fn proof(fates: &[Fate]) -> Vec<String> {
    let mut proof = Vec::new();
    let kept = fates.iter().filter(|fate| **fate == Fate::Kept).count();
    proof.push(format!("tried with {} values on the temporary database, {kept} of them kept", fates.len()));
    let lines = fates.iter().filter_map(|fate| match fate {
        Fate::Kept => None,
        Fate::Blanks => Some("blanks at the end are cut off".to_owned()),
        Fate::Written { before, after } => Some(format!("{before} becomes the text {}", excerpt(after))),
        Fate::Rounded { before, after } => Some(format!("{} becomes {}", excerpt(before), excerpt(after))),
        Fate::Changed { before, after } => {
            let after = after.as_deref().map_or_else(|| "NULL".to_owned(), excerpt);
            Some(format!("{} becomes {after}", excerpt(before)))
        }
        Fate::Fails { value, refusal } => Some(format!("{} fails: {}", excerpt(value), shown(refusal))),
    });
    // What is lost is said before what fails.
    let (mut lost, failing): (Vec<_>, Vec<_>) = lines.partition(|line| !line.contains(" fails: "));
    lost.truncate(EXAMPLES);
    proof.extend(lost);
    proof.extend(failing.into_iter().take(EXAMPLES));
    proof
}

fn excerpt(value: &str) -> String {
    match value.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("'{}...'", &value[..end]),
        None => format!("'{value}'"),
    }
}

fn rows(subject: &Subject<'_>, reply: &Reply, places: Places<'_>) -> Option<Verdict> {
    let Reply::Rows(losses) = reply else { return None };
    let statement = places.writing(subject.table.id);
    let text = statement.map(|place| places.text(place).to_ascii_uppercase()).unwrap_or_default();
    let words: Vec<&str> =
        text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    // A condition that stands there to be read is the text's to judge; here it only matched what was tried.
    let selects = matches!(words.first(), Some(&"DELETE" | &"UPDATE")) && words.contains(&"WHERE");
    let of = |rule, severity, object: String, why, safer: &str, proof| {
        Some(Verdict { rule, severity, object, why, safer: safer.into(), proof: vec![proof], statement })
    };
    let Losses { rows, gone, replaced } = losses;
    if *gone > 0 {
        let severity = if gone == rows && !selects { Severity::Refuse } else { Severity::Warn };
        return of(
            "rows_lost",
            severity,
            subject.name.to_string(),
            format!(
                "Rows that are in the table are gone{}.",
                if gone == rows { ", all of them" } else { "" }
            ),
            "Delete by a condition that names what has to go, after a backup.",
            format!("tried with {rows} rows on the temporary database: {gone} of them are gone"),
        );
    }
    let (column, replaced) = replaced.iter().max_by_key(|(_, replaced)| replaced.count)?;
    let all = replaced.count == replaced.values && !selects;
    let after = replaced.after.as_deref().map_or_else(|| "NULL".to_owned(), excerpt);
    of(
        "values_replaced",
        if all { Severity::Refuse } else { Severity::Warn },
        subject.name.member(column).to_string(),
        "Values that are in the table are replaced by others.".into(),
        "Update by a condition that names what has to change, after a backup.",
        format!(
            "tried with {} values on the temporary database: {} of them changed, such as {} into {after}",
            replaced.values,
            replaced.count,
            excerpt(&replaced.before)
        ),
    )
}
