//! The allow list of run-migration.toml: what humans have accepted, with their reasons.

use camino::Utf8Path;
use jiff::civil::Date;
use serde::{Deserialize, Deserializer, de::Error};

use super::consent::Allowance;
use crate::finding::{Consent, Finding, Severity};

/// One `[[allow]]` entry: a human accepts one rule's finding on one object.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The rule's id.
    pub rule: String,
    /// The object, as reports print it.
    pub object: String,
    /// The migration's directory, where the entry is for one migration alone.
    pub migration: Option<String>,
    /// Why. An entry without a reason allows nothing.
    #[serde(default)]
    pub reason: String,
    /// The last day (UTC) that it holds: `YYYY-MM-DD`, as a date of TOML's or as text.
    #[serde(default, deserialize_with = "date")]
    pub until: Option<Date>,
}

fn date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Date>, D::Error> {
    let value = toml::Value::deserialize(deserializer)?;
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.parse().map(Some).map_err(|_| D::Error::custom(format!("{text} is no date such as 2027-03-31")))
}

/// The entries, and which of them were needed.
#[derive(Debug)]
pub struct AllowList<'a> {
    file: &'a Utf8Path,
    today: Date,
    entries: Vec<(&'a Entry, bool)>,
}

impl<'a> AllowList<'a> {
    /// The `entries` of the configuration `file`, on the day `today`.
    #[must_use]
    pub fn new(file: &'a Utf8Path, entries: &'a [Entry], today: Date) -> Self {
        Self { file, today, entries: entries.iter().map(|entry| (entry, false)).collect() }
    }

    /// Lets through those of `findings` that an entry covers. `migration` is where they were found; for a finding
    /// of the history it is the object itself.
    pub fn apply(&mut self, findings: &mut [Finding], migration: Option<&str>) {
        for finding in findings {
            let place = migration.unwrap_or(&finding.object).to_owned();
            for (entry, used) in &mut self.entries {
                if entry.covers(finding, &place) {
                    *used = true;
                    entry.let_through(finding, self.today);
                }
            }
        }
    }

    /// What is wrong with the entries themselves: no reason, past their day, or needed by nothing that
    /// [`apply`](Self::apply) has seen.
    #[must_use]
    pub fn complaints(&self) -> Vec<Finding> {
        self.entries.iter().filter_map(|(entry, used)| self.complaint(entry, *used)).collect()
    }

    fn complaint(&self, entry: &Entry, used: bool) -> Option<Finding> {
        let (rule, severity, why, safer) = if entry.reason.trim().is_empty() {
            let why = "an entry without a reason allows nothing: nobody could tell later why it is there";
            (
                "allow_without_reason",
                Severity::Refuse,
                why.to_owned(),
                "write reason = \"...\" into the entry",
            )
        } else if let Some(until) = entry.until.filter(|until| *until < self.today) {
            let why = format!("the entry held until {until}");
            ("allow_expired", Severity::Refuse, why, "remove the entry, or have a human renew it")
        } else if !used {
            let why = "nothing in the whole history matches the entry".to_owned();
            ("allow_unused", Severity::Warn, why, "remove the entry, or mend its rule, object or migration")
        } else {
            return None;
        };
        Some(Finding {
            file: Some(self.file.to_owned()),
            why,
            safer: safer.to_owned(),
            ..Finding::new(rule, severity, format!("{}:{}", entry.rule, entry.object))
        })
    }
}

impl Entry {
    /// Whether the entry is about `finding`, found in `migration`.
    #[must_use]
    pub fn covers(&self, finding: &Finding, migration: &str) -> bool {
        let allowance = Allowance { rule: self.rule.clone(), object: self.object.clone() };
        allowance.covers(finding) && self.migration.as_deref().is_none_or(|only| only == migration)
    }

    /// Marks a finding that the entry covers as let through, where the entry has a reason and holds on the day `today`.
    pub fn let_through(&self, finding: &mut Finding, today: Date) {
        if self.holds(today) && finding.refuses() {
            finding.allowed = Some(Consent { by: "configuration", reason: Some(self.reason.clone()) });
        }
    }

    fn holds(&self, today: Date) -> bool {
        !self.reason.trim().is_empty() && self.until.is_none_or(|until| today <= until)
    }
}

/// The entry that would allow `finding` of `migration`, ready to be pasted into run-migration.toml.
#[must_use]
pub fn entry_for(finding: &Finding, migration: &str) -> String {
    let quote = |text: &str| toml::Value::String(text.to_owned()).to_string();
    format!(
        "[[allow]]\nrule = {}\nobject = {}\nmigration = {}\nreason = \"\"\n",
        quote(finding.rule),
        quote(&finding.object),
        quote(migration)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct File {
        allow: Vec<Entry>,
    }

    fn entries(toml: &str) -> Vec<Entry> {
        toml::from_str::<File>(toml).unwrap().allow
    }

    fn finding() -> Finding {
        Finding::new("drop_column", Severity::Refuse, "User.email")
    }

    /// Whether the entry lets the finding through, and what is said of the entry.
    fn judged(toml: &str) -> (bool, Vec<&'static str>) {
        let entries = entries(toml);
        let mut list = AllowList::new("run-migration.toml".into(), &entries, "2026-06-01".parse().unwrap());
        let mut findings = [finding()];
        list.apply(&mut findings, Some("20260101000000_x"));
        (findings[0].allowed.is_some(), list.complaints().iter().map(|complaint| complaint.rule).collect())
    }

    #[test]
    fn an_entry_allows_with_a_reason_and_within_its_time() {
        let base = "[[allow]]\nrule = \"drop_column\"\nobject = \"User.email\"\n";
        for (more, wanted) in [
            ("reason = \"gone\"", (true, vec![])),
            ("reason = \"gone\"\nuntil = 2026-06-01", (true, vec![])),
            ("reason = \"gone\"\nuntil = \"2026-05-31\"", (false, vec!["allow_expired"])),
            ("reason = \" \"", (false, vec!["allow_without_reason"])),
            ("", (false, vec!["allow_without_reason"])),
            ("reason = \"gone\"\nmigration = \"20260101000000_x\"", (true, vec![])),
            ("reason = \"gone\"\nmigration = \"20260101000000_y\"", (false, vec!["allow_unused"])),
        ] {
            assert_eq!(judged(&format!("{base}{more}\n")), wanted, "{more}");
        }
    }

    #[test]
    fn a_printed_entry_is_read_back() {
        let mut odd = finding();
        odd.object = "\"a \\\"b\\\" c\".d".into();
        let read = entries(&entry_for(&odd, "20260101 with spaces"));
        assert_eq!(
            (read[0].object.as_str(), read[0].migration.as_deref()),
            (odd.object.as_str(), Some("20260101 with spaces"))
        );
    }
}
