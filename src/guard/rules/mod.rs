//! The rules: each is data (what it finds, why that matters, the safer way, examples) and a check of one step.

mod columns;
mod constraints;
mod drops;
mod enums;
mod locks;
mod names;
mod opaque;
pub mod pages;
mod protections;
mod rows;
mod types;
mod waivers;

use super::{
    action::{Action, Kind, Step},
    catalog::{Catalog, Key, Space},
    name::Name,
};
use crate::finding::Severity;

/// A rule. Its examples are tested: each bad one is found by it, no good one is.
#[derive(Debug)]
pub struct Rule {
    /// The id: stable, used by `--allow` and in waivers.
    pub id: &'static str,
    /// How bad it is, as a rule; a finding can be milder.
    pub severity: Severity,
    /// What it finds, a line.
    pub finds: &'static str,
    /// What would happen, a sentence or two.
    pub why: &'static str,
    /// What to do instead, a sentence or two.
    pub safer: &'static str,
    /// Scripts that it finds something in.
    pub bad: &'static [&'static str],
    /// Scripts that look alike and are fine.
    pub good: &'static [&'static str],
    /// Looks at one step.
    pub(super) check: fn(&Look<'_>) -> Option<Verdict>,
}

/// Every rule, the worst first.
pub static RULES: &[&Rule] = &[
    &drops::DROP_TABLE,
    &drops::DROP_COLUMN,
    &drops::DROP_INDEX,
    &drops::DROP_VIEW,
    &drops::DROP_SEQUENCE,
    &drops::DROP_TYPE,
    &drops::DROP_SCHEMA,
    &drops::DROP_DATABASE,
    &drops::DROP_EXTENSION,
    &drops::DROP_OWNED,
    &drops::DROP_CASCADE,
    &rows::TRUNCATE,
    &rows::DELETE_ALL_ROWS,
    &rows::UPDATE_ALL_ROWS,
    &rows::WRITE_CATALOG,
    &rows::DESTRUCTIVE_CALL,
    &rows::RESTART_SEQUENCE,
    &types::LOSSY_TYPE_CHANGE,
    &enums::REMOVE_ENUM_VALUE,
    &columns::DROP_EXPRESSION,
    &names::SET_SCHEMA,
    &names::DETACH_PARTITION,
    &locks::SET_UNLOGGED,
    &opaque::DYNAMIC_SQL,
    &opaque::UNPARSED_SQL,
    &opaque::RUN_PROGRAM,
    &opaque::STRING_SYNTAX,
    &columns::REQUIRED_COLUMN,
    &columns::SET_NOT_NULL,
    &constraints::ADD_UNIQUE,
    &constraints::ADD_CHECK,
    &types::TYPE_CHANGE_FAILS,
    &enums::ENUM_VALUE_USED,
    &locks::NOT_ALONE,
    &opaque::BYTE_ORDER_MARK,
    &names::RENAME_TABLE,
    &names::RENAME_COLUMN,
    &names::RENAME_OBJECT,
    &enums::RENAME_ENUM_VALUE,
    &columns::DROP_DEFAULT,
    &columns::CHANGE_DEFAULT,
    &constraints::DROP_CONSTRAINT,
    &constraints::CASCADING_DELETE,
    &protections::DISABLE_TRIGGER,
    &protections::DROP_TRIGGER,
    &protections::DROP_FUNCTION,
    &protections::DROP_OBJECT,
    &protections::CHANGE_POLICY,
    &protections::REVOKE,
    &protections::CREATE_RULE,
    &opaque::UNSEEN_PROCEDURE,
    &locks::CREATE_INDEX,
    &locks::REWRITE_TABLE,
    &locks::LOCK_TABLE,
    &waivers::UNUSED_WAIVER,
    &constraints::ADD_FOREIGN_KEY,
    &rows::DELETE_ROWS,
];

pub(super) use self::{
    opaque::{BYTE_ORDER_MARK, UNPARSED_SQL},
    waivers::UNUSED_WAIVER,
};

/// The rule called `id`.
#[must_use]
pub fn find(id: &str) -> Option<&'static Rule> {
    RULES.iter().copied().find(|rule| rule.id == id)
}

/// What a rule looks at: a step, and the catalog just before it.
pub(super) struct Look<'a> {
    /// The step.
    pub(super) step: &'a Step,
    /// What exists, and who made it.
    pub(super) catalog: &'a Catalog<'a>,
    /// Within a condition, or a block whose errors are caught.
    pub(super) guarded: bool,
}

impl Look<'_> {
    /// What the step does.
    pub(super) fn action(&self) -> &Action {
        &self.step.action
    }

    /// A verdict on the object.
    pub(super) fn on(&self, kind: Kind, name: &Name) -> Verdict {
        let space = Space::from(kind);
        let full = self.catalog.resolve(space, name);
        let key = (full.clone(), space);
        Verdict { object: full.to_string(), key: Some(key), ..Verdict::default() }
    }
}

/// Where a column's default stands among the objects that a script makes.
pub(super) const DEFAULTS: Space = Space::Other("default");

/// What a rule found in a step.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// The object, as reports print it.
    pub(super) object: String,
    /// The object in the catalog.
    pub(super) key: Option<Key>,
    /// Another severity than the rule's.
    pub(super) severity: Option<Severity>,
    /// More about this case, a sentence to put before the rule's own.
    pub(super) because: Option<String>,
    /// Where the script makes the object again further down: the object, the severity, and what to say instead.
    pub(super) if_made_again: Option<(Key, Severity, &'static str)>,
    /// Only worth a word where the script holds other statements.
    pub(super) in_company: bool,
}

impl Verdict {
    /// A verdict on something that is no object of the catalog.
    pub(super) fn about(object: impl Into<String>) -> Self {
        Self { object: object.into(), ..Self::default() }
    }

    /// With another severity.
    pub(super) fn severity(mut self, severity: Severity) -> Self {
        self.severity = Some(severity);
        self
    }

    /// With a sentence about this case.
    pub(super) fn because(mut self, why: impl Into<String>) -> Self {
        self.because = Some(why.into());
        self
    }

    /// With what changes where the script makes the object again.
    pub(super) fn if_made_again(mut self, severity: Severity, why: &'static str) -> Self {
        self.if_made_again = self.key.clone().map(|key| (key, severity, why));
        self
    }

    /// With what changes where the script sets the column's default again.
    pub(super) fn if_default_again(mut self, severity: Severity, why: &'static str) -> Self {
        self.if_made_again = self.key.clone().map(|(name, _)| ((name, DEFAULTS), severity, why));
        self
    }

    /// Only where the script holds other statements.
    pub(super) fn in_company(mut self) -> Self {
        self.in_company = true;
        self
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{
        finding::Finding,
        guard::{Script, catalog::History, inspect, waiver::Waivers},
    };

    fn found(rule: &Rule, sql: &str) -> Vec<Finding> {
        let waivers = Waivers::Honoured { except: Vec::new() };
        let findings = inspect(&Script { file: None, sql }, &History::empty(), &waivers).unwrap();
        findings.into_iter().filter(|finding| finding.rule == rule.id).collect()
    }

    #[test]
    fn every_bad_example_is_found_by_its_rule() {
        for rule in RULES {
            assert!(!rule.bad.is_empty() && !rule.good.is_empty(), "{}", rule.id);
            for sql in rule.bad {
                let worst = found(rule, sql).iter().map(|finding| finding.severity).max();
                assert_eq!(worst, Some(rule.severity), "{}: {sql}", rule.id);
            }
        }
    }

    #[test]
    fn no_good_example_is() {
        for rule in RULES {
            for sql in rule.good {
                let severe = found(rule, sql).into_iter().find(|finding| finding.severity > Severity::Info);
                assert_eq!(severe, None, "{}: {sql}", rule.id);
            }
        }
    }

    #[test]
    fn ids_are_unique_and_can_be_typed() {
        let ids: BTreeSet<_> = RULES.iter().map(|rule| rule.id).collect();
        assert_eq!(ids.len(), RULES.len());
        assert!(ids.iter().all(|id| id.chars().all(|c| c.is_ascii_lowercase() || c == '_')));
    }
}
