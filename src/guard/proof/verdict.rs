//! What a proof says about an object, in the words of the guard's rules.

use std::{borrow::Cow, ops::Range};

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use crate::{
    catalog::Kind,
    finding::{Finding, Severity},
    guard::{Script, lines::Lines, rules},
};

/// Bytes of a statement that a finding quotes.
const QUOTED: usize = 2_000;

/// The id of one of the guard's rules.
pub type RuleId = &'static str;

/// Whether a verdict was proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// It was.
    Proved,
    /// It could not be looked into: what the text tells stands.
    Untried,
}

/// What was found out about an object.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Verdict {
    /// Whether it was proved.
    pub standing: Standing,
    /// The rule's id.
    #[serde(deserialize_with = "rule")]
    pub rule: RuleId,
    /// How bad it is.
    pub severity: Severity,
    /// What the object is.
    pub kind: Kind,
    /// The object, as reports print it.
    pub object: String,
    /// What happens in this case, a sentence that stands before the rule's own; or nothing.
    pub because: String,
    /// A safer way for this case, where the rule's own is not the one.
    pub safer: Option<Cow<'static, str>>,
    /// What established it.
    pub proof: Vec<String>,
    /// The number of the statement that does it, from 0.
    pub statement: Option<usize>,
}

/// That something which a text may be suspected of is not as bad as it looks.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Settled {
    /// A rule whose findings on the object are settled, and those of the same topic.
    #[serde(deserialize_with = "rule")]
    pub rule: RuleId,
    /// The object.
    pub object: String,
    /// How bad it is at most.
    pub at_most: Severity,
    /// What established it.
    pub proof: String,
    /// How sure it is.
    pub basis: Basis,
}

/// What something was proved by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Basis {
    /// The catalogs before and after: there is no doubt.
    Catalogs,
    /// Rows that were tried: others may fare worse, so that what refused still warns.
    Samples,
}

impl Settled {
    /// How bad a finding of this severity is in the light of it.
    #[must_use]
    pub fn mitigated(&self, severity: Severity) -> Severity {
        let floor = match self.basis {
            Basis::Samples if severity == Severity::Refuse => Severity::Warn,
            Basis::Samples | Basis::Catalogs => Severity::Info,
        };
        severity.min(self.at_most.max(floor))
    }
}

impl Verdict {
    /// A verdict of `rule` on an object.
    #[must_use]
    pub fn new(rule: &'static str, severity: Severity, (kind, object): (Kind, String)) -> Self {
        let (because, safer, proof) = (String::new(), None, Vec::new());
        let standing = Standing::Proved;
        Self { standing, rule, severity, kind, object, because, safer, proof, statement: None }
    }

    /// With a sentence about this case.
    #[must_use]
    pub fn because(self, because: impl Into<String>) -> Self {
        Self { because: because.into(), ..self }
    }

    /// With what established it.
    #[must_use]
    pub fn proved(mut self, proof: impl Into<String>) -> Self {
        self.proof.push(proof.into());
        self
    }

    /// With the statement that does it.
    #[must_use]
    pub fn at(self, statement: Option<usize>) -> Self {
        Self { statement, ..self }
    }

    /// What would happen, in the rule's words after the verdict's own.
    #[must_use]
    pub fn why(&self) -> String {
        let rule = rules::find(self.rule).map_or("", |rule| rule.why);
        if self.because.is_empty() { rule.to_owned() } else { format!("{} {rule}", self.because) }
    }

    /// The finding that it is, in the statement of these bytes.
    #[must_use]
    pub fn finding(&self, script: &Script<'_>, statement: Option<&Range<usize>>) -> Finding {
        let at = statement.map(|range| Lines::of(script.sql).position(script.sql, range.start));
        let safer = self.safer.as_deref().or_else(|| rules::find(self.rule).map(|rule| rule.safer));
        Finding {
            file: script.file.map(ToOwned::to_owned),
            line: at.map(|(line, _)| line),
            column: at.map(|(_, column)| column),
            statement: statement.map(|range| quoted(&script.sql[range.clone()])).unwrap_or_default(),
            why: self.why(),
            safer: safer.unwrap_or_default().to_owned(),
            proof: self.proof.clone(),
            ..Finding::new(self.rule, self.severity, self.object.clone())
        }
    }
}

/// The id of a rule as the rule has it.
fn rule<'de, D: Deserializer<'de>>(deserializer: D) -> Result<&'static str, D::Error> {
    let id = Cow::<'de, str>::deserialize(deserializer)?;
    rules::find(&id).map(|rule| rule.id).ok_or_else(|| D::Error::custom(format!("no rule {id}")))
}

fn quoted(text: &str) -> String {
    let text = text.trim();
    match text.len() <= QUOTED {
        true => text.to_owned(),
        false => format!("{} …", &text[..text.floor_char_boundary(QUOTED)]),
    }
}

/// One verdict for what several parts of the proof found out about the same: the worst severity, every proof.
#[must_use]
pub(super) fn merged(verdicts: Vec<Verdict>) -> Vec<Verdict> {
    let mut merged: Vec<Verdict> = Vec::new();
    for verdict in verdicts {
        let is_same = |known: &&mut Verdict| {
            known.rule == verdict.rule
                && known.object == verdict.object
                && (known.statement == verdict.statement || verdict.rule == "remove_enum_value")
        };
        match merged.iter_mut().find(is_same) {
            Some(known) => {
                known.severity = known.severity.max(verdict.severity);
                known.statement = known.statement.min(verdict.statement);
                known.proof.extend(verdict.proof);
            }
            None => merged.push(verdict),
        }
    }
    merged.sort_by_key(|verdict| verdict.statement.unwrap_or(usize::MAX));
    merged
}
