//! From replies to what is said about them.

use super::{
    super::{
        places::Places,
        verdict::{Basis, Settled, Standing, Verdict},
    },
    ask::Reply,
    compare::{Fate, Losses},
    questions::{Demand, Question, Subject},
    stage::Refusal,
};
use crate::{
    catalog::{Kind, relation},
    finding::Severity,
    guard::{name::Name, rules},
};

/// How many examples a proof holds of each kind.
const EXAMPLES: usize = 4;

/// How many values have to be kept before the others may be trusted to be.
const ENOUGH: usize = 3;

/// How much of a value is shown.
const SHOWN: usize = 40;

/// What is said about rows.
#[derive(Debug, Default)]
pub(in crate::guard::proof) struct Said {
    pub(in crate::guard::proof) verdicts: Vec<Verdict>,
    pub(in crate::guard::proof) settled: Vec<Settled>,
}

impl Said {
    /// Takes in the reply to a question about `subject`.
    pub(super) fn add(
        &mut self,
        subject: &Subject<'_>,
        (question, reply): (&Question, &Reply),
        places: Places<'_>,
    ) {
        let about = About { subject, question, places };
        match about.verdict(reply) {
            Some(verdict) => self.verdicts.push(verdict),
            None => self.settled.extend(about.settled(reply)),
        }
    }
}

/// A question and where it comes from.
struct About<'a> {
    subject: &'a Subject<'a>,
    question: &'a Question,
    places: Places<'a>,
}

impl About<'_> {
    /// The rule that the question is about, and the object.
    fn of(&self) -> (&'static str, (Kind, String)) {
        let Subject { name, after_name, .. } = self.subject;
        let column = |table: &Name, column: &str| (Kind::Column, table.member(column).to_string());
        match self.question {
            Question::Type { column: name_of, .. } => ("type_change_may_fail", column(name, name_of)),
            Question::Required { column: name_of } => ("required_column", column(after_name, name_of)),
            Question::NotNull { column: name_of } => ("set_not_null", column(name, name_of)),
            Question::Demand { demand, name: own, .. } => {
                let rule = match demand {
                    Demand::UniqueIndex | Demand::Unique | Demand::PrimaryKey | Demand::Exclusion => {
                        "add_unique"
                    }
                    Demand::ForeignKey => "add_foreign_key",
                    Demand::Check => "add_check",
                };
                let object = match demand {
                    Demand::UniqueIndex => (Kind::Index, after_name.renamed(own).to_string()),
                    _ => (Kind::Constraint, after_name.member(own).to_string()),
                };
                (rule, object)
            }
            Question::Rows => ("delete_rows", (Kind::Table, name.to_string())),
        }
    }

    fn verdict(&self, reply: &Reply) -> Option<Verdict> {
        let verdict = match (self.question, reply) {
            (Question::Type { column, from, to }, Reply::Values(fates)) => {
                let statement = self.places.retyping(self.subject.table.id, column);
                let verdict =
                    if from == to { self.labels(from, column, fates) } else { self.values(from, to, fates) };
                verdict?.at(statement)
            }
            (Question::Type { column, .. }, Reply::Unknown(why)) => self.untried(column, why),
            (Question::Rows, Reply::Rows(losses)) => self.rows(losses)?,
            (_, Reply::Fails(refusal)) => {
                let (rule, object) = self.of();
                let code = &refusal.sqlstate;
                let is_said = rules::find(rule).is_some_and(|rule| rule.why.contains(code.as_str()));
                let because = format!("A row that may exist makes it fail with {code}.");
                Verdict::new(rule, Severity::Warn, object)
                    .because(if is_said { String::new() } else { because })
                    .proved(format!("tried with such a row on the temporary database: {}", shown(refusal)))
            }
            _ => return None,
        };
        if verdict.statement.is_some() {
            return Some(verdict);
        }
        let own = Name::split(&verdict.object).pop().unwrap_or_default();
        let statement = self.places.changing(self.subject.table.id, &own);
        Some(verdict.at(statement))
    }

    /// That a suspicion is unfounded, or that it could not be looked into.
    fn settled(&self, reply: &Reply) -> Option<Settled> {
        let (rule, (_, object)) = self.of();
        let basis = Basis::Samples;
        let of = |at_most, proof: String| Some(Settled { rule, object, at_most, proof, basis });
        match reply {
            Reply::Values(fates) => {
                let at_most = match (self.are_enough(fates), self.hangs_on_the_zone()) {
                    (false, _) => Severity::Refuse,
                    (true, true) => Severity::Warn,
                    (true, false) => Severity::Info,
                };
                of(at_most, format!("tried with {} values on the temporary database: all kept", fates.len()))
            }
            Reply::Impossible => of(Severity::Info, "the table refuses such rows already".into()),
            // New writes are refused all the same.
            Reply::Satisfied => {
                of(Severity::Warn, "tried with such rows on the temporary database: it passes".into())
            }
            Reply::Rows(_) => of(
                Severity::Warn,
                "tried with rows on the temporary database: none is lost or changed".into(),
            ),
            Reply::Unknown(why) => of(Severity::Refuse, format!("not tried with rows: {why}")),
            Reply::Fails(_) => None,
        }
    }

    /// Whether what holds for these values may be trusted to hold for others.
    fn are_enough(&self, fates: &[Fate]) -> bool {
        let Question::Type { from, .. } = self.question else { return true };
        let has_few = from == "boolean" || from.ends_with('"');
        has_few || fates.len() >= ENOUGH
    }

    /// Whether other values come out in a session of another time zone than the temporary server's.
    fn hangs_on_the_zone(&self) -> bool {
        let Question::Type { from, to, .. } = self.question else { return false };
        let is = |text: &str, zone: &str| text.starts_with("timestamp") && text.ends_with(zone);
        let (zoned, plain) = (" with time zone", " without time zone");
        is(from, zoned) && is(to, plain) || is(from, plain) && is(to, zoned)
    }

    /// A column of another type.
    fn values(&self, from: &str, to: &str, fates: &[Fate]) -> Option<Verdict> {
        let (severity, why) = judged(fates)?;
        let rule = if severity == Severity::Refuse { "lossy_type_change" } else { "type_change_may_fail" };
        let mut verdict =
            Verdict::new(rule, severity, self.of().1).because(format!("{from} becomes {to}: {why}."));
        verdict.proof = proof(fates);
        Some(verdict)
    }

    /// A column of another type whose values could not be tried. What USING makes of them is then unknown.
    fn untried(&self, column: &str, why: &str) -> Verdict {
        let statement = self.places.retyping(self.subject.table.id, column);
        let text = statement.map(|place| self.places.text(place)).unwrap_or_default();
        let computes =
            text.split(|c: char| !c.is_alphanumeric()).any(|word| word.eq_ignore_ascii_case("using"));
        let (rule, severity) = if computes {
            ("lossy_type_change", Severity::Refuse)
        } else {
            ("type_change_may_fail", Severity::Warn)
        };
        let verdict = Verdict::new(rule, severity, self.of().1)
            .because("What becomes of the values could not be tried.")
            .proved(format!("not tried with rows: {why}"))
            .at(statement);
        Verdict { standing: Standing::Untried, ..verdict }
    }

    /// An enum whose labels are others: Prisma makes a new type and moves every column to it.
    fn labels(&self, data_type: &str, column: &str, fates: &[Fate]) -> Option<Verdict> {
        let column = self.subject.name.member(column);
        let line = |fate: &Fate| match fate {
            Fate::Fails { value, refusal } => {
                Some(format!("a row with {} in {column} fails: {}", excerpt(value), shown(refusal)))
            }
            Fate::Changed { before, after } => {
                Some(format!("{} in {column} becomes {}", excerpt(before), or_null(after.as_deref())))
            }
            Fate::Kept | Fate::Blanks | Fate::Rounded { .. } | Fate::Written { .. } => None,
        };
        let lines: Vec<String> = fates.iter().filter_map(line).collect();
        let name = relation(data_type.trim_end_matches("[]")).to_string();
        let verdict = Verdict::new("remove_enum_value", Severity::Refuse, (Kind::Type, name));
        (!lines.is_empty()).then_some(Verdict { proof: lines, ..verdict })
    }

    /// Rows that are gone, or hold other values.
    fn rows(&self, losses: &Losses) -> Option<Verdict> {
        let statement = self.places.writing(self.subject.table.id);
        let text = statement.map(|place| self.places.text(place).to_ascii_uppercase()).unwrap_or_default();
        let words: Vec<&str> =
            text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        // A condition that stands there to be read is the text's to judge; here it only met what was tried.
        let selects = matches!(words.first(), Some(&"DELETE" | &"UPDATE")) && words.contains(&"WHERE");
        let severity = |all: bool| match (selects, all) {
            (true, _) => Severity::Info,
            (false, true) => Severity::Refuse,
            (false, false) => Severity::Warn,
        };
        let tried = "tried with rows on the temporary database";
        let object = self.of().1;
        let Losses { rows, gone, replaced } = losses;
        if *gone > 0 {
            let all = gone == rows;
            let rule = match (all, self.places.empties(self.subject.table.id)) {
                (true, true) => "truncate",
                (true, false) if !selects => "delete_all_rows",
                _ => "delete_rows",
            };
            let mut verdict = Verdict::new(rule, severity(all), object)
                .proved(format!("{tried}: {gone} of {rows} are gone"))
                .at(statement);
            if !self.subject.followers.is_empty() {
                let followers = self.subject.followers.join(", ");
                verdict = verdict.proved(format!(
                    "go along, for they point to them ON DELETE CASCADE: rows of {followers}"
                ));
            }
            return Some(verdict);
        }
        let (column, replaced) = replaced.iter().max_by_key(|(_, replaced)| replaced.count)?;
        let proof = format!(
            "{tried}: {} of {} values of {column} changed, such as {} into {}",
            replaced.count,
            replaced.values,
            excerpt(&replaced.before),
            or_null(replaced.after.as_deref())
        );
        let severity = severity(replaced.count == replaced.values);
        Some(Verdict::new("update_all_rows", severity, object).proved(proof).at(statement))
    }
}

/// The worst that happens to a value, and that in words; nothing where all are kept.
fn judged(fates: &[Fate]) -> Option<(Severity, String)> {
    let changed = fates.iter().find_map(|fate| match fate {
        Fate::Changed { before, after } => {
            Some(format!("{} becomes {}", excerpt(before), or_null(after.as_deref())))
        }
        _ => None,
    });
    let written = || {
        fates.iter().find_map(|fate| match fate {
            Fate::Written { after, .. } => {
                Some(format!("values become the text of them, such as {}", excerpt(after)))
            }
            _ => None,
        })
    };
    if let Some(why) = changed.or_else(written) {
        return Some((Severity::Refuse, why));
    }
    let fails = fates.iter().find_map(|fate| match fate {
        Fate::Fails { value, refusal } => Some(format!(
            "rows with a value such as {} make it fail with {}",
            excerpt(value),
            refusal.sqlstate
        )),
        _ => None,
    });
    if let Some(why) = fails {
        return Some((Severity::Warn, why));
    }
    if fates.iter().any(|fate| matches!(fate, Fate::Rounded { .. })) {
        return Some((Severity::Warn, "digits beyond the fifteenth are rounded".into()));
    }
    fates.contains(&Fate::Blanks).then(|| (Severity::Info, "blanks at the end of values are cut off".into()))
}

/// What is lost, before what fails.
fn proof(fates: &[Fate]) -> Vec<String> {
    let line = |fate: &Fate| match fate {
        Fate::Kept | Fate::Fails { .. } => None,
        Fate::Blanks => Some("blanks at the end are cut off".to_owned()),
        Fate::Written { before, after } => Some(format!("{before} becomes the text {}", excerpt(after))),
        Fate::Rounded { before, after } => Some(format!("{} becomes {}", excerpt(before), excerpt(after))),
        Fate::Changed { before, after } => {
            Some(format!("{} becomes {}", excerpt(before), or_null(after.as_deref())))
        }
    };
    let failure = |fate: &Fate| match fate {
        Fate::Fails { value, refusal } => Some(format!("{} fails: {}", excerpt(value), shown(refusal))),
        _ => None,
    };
    let kept = fates.iter().filter(|fate| **fate == Fate::Kept).count();
    let mut proof = vec![format!("tried with {} values on the temporary database: {kept} kept", fates.len())];
    proof.extend(fates.iter().filter_map(line).take(EXAMPLES));
    proof.extend(fates.iter().filter_map(failure).take(EXAMPLES));
    proof
}

fn shown(refusal: &Refusal) -> String {
    format!("{} {}", refusal.sqlstate, refusal.message)
}

fn or_null(value: Option<&str>) -> String {
    value.map_or_else(|| "NULL".to_owned(), excerpt)
}

fn excerpt(value: &str) -> String {
    match value.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("'{}...'", &value[..end]),
        None => format!("'{value}'"),
    }
}
