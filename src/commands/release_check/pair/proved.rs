//! The gates that databases were asked for: a new one, an upgraded one, and what the schema wants.

use super::{Proofs, Schema, Story, Upgrade};
use crate::{
    finding::{Finding, Severity},
    guard::name::Name,
    history::replay::Failure,
    release::{upgrade, words::FAILS},
    report::gates::{Stopped, Verdict},
};

impl Story<'_> {
    pub(super) fn install(&self, proofs: &Proofs) {
        let to = &self.pair.to_name;
        let findings = match &proofs.fresh {
            Ok(_) => Vec::new(),
            Err(failure) => vec![fails(failure, &format!("a new database of {to} cannot be made"))],
        };
        let detail = match &proofs.fresh {
            Ok(_) => format!("a new database takes all {} migrations", self.pair.ours.len()),
            Err(_) => format!("a new database of {to} cannot be made"),
        };
        self.accepted("install", &detail, findings);
    }

    pub(super) fn upgrade(&self, proofs: &Proofs) {
        let names = (self.pair.from_name.as_str(), self.pair.to_name.as_str());
        let (from, to) = names;
        match &proofs.upgrade {
            Upgrade::Impossible(failure) => {
                let mut finding = fails(
                    failure,
                    &format!(
                        "{from} itself cannot be applied to an empty database, so that \
                                                           no upgrade from it can be tried"
                    ),
                );
                finding.severity = Severity::Warn;
                self.over(
                    "upgrade",
                    Verdict::LeftOut,
                    &format!("no database of {from} can be made"),
                    vec![finding],
                );
            }
            Upgrade::Unreadable(name) => {
                let detail = format!("{name} cannot be read");
                self.over("upgrade", Verdict::Stopped(Stopped::RefusedOutOfSync), &detail, Vec::new());
            }
            Upgrade::Stopped(failure) => {
                let finding = fails(failure, &format!("on a database on {from} it fails"));
                self.accepted(
                    "upgrade",
                    &format!("a database on {from} does not take the migrations of {to}"),
                    vec![finding],
                );
            }
            Upgrade::Done(done) => {
                let wanted = match &proofs.schema {
                    Schema::Compared { wanted, .. } => Some(&**wanted),
                    _ => None,
                };
                let mut findings = upgrade::catalogs_differ(&done.unlike, wanted, names);
                self.attribute(&findings);
                let known = self.report.borrow().findings.clone();
                findings.extend(upgrade::rows_changed(&done.fates, &known, names));
                findings.extend(done.rows_fail.iter().map(|failure| rows_fail(failure, from)));
                let rows = match done.rows {
                    0 => String::new(),
                    rows => format!(", {rows} rows carried along"),
                };
                let same = if done.unlike.is_empty() { "as a new one" } else { "other than a new one" };
                let detail = format!(
                    "a database on {from} takes {} migrations and is {same}{rows}",
                    proofs.steps.len()
                );
                self.accepted("upgrade", &detail, findings);
            }
        }
    }

    /// Tells a change of the history by what it led to: the differences that its own text names.
    fn attribute(&self, differences: &[Finding]) {
        let (from, to) = (&self.pair.from_name, &self.pair.to_name);
        for finding in &mut self.report.borrow_mut().findings {
            if !matches!(finding.rule, "migration_deleted" | "migration_edited") {
                continue;
            }
            let is_named = |object: &str| {
                Name::split(object).last().is_some_and(|name| finding.statement.contains(name.as_str()))
            };
            let named: Vec<_> = differences
                .iter()
                .map(|other| other.object.as_str())
                .filter(|object| is_named(object))
                .collect();
            if !named.is_empty() {
                finding.proof.push(format!(
                    "a database that was upgraded from {from} and a new one of {to} differ in what this text names: {}",
                    named.join(", ")
                ));
            }
        }
    }

    pub(super) fn schema(&self, proofs: &Proofs) {
        let names = (self.pair.from_name.as_str(), self.pair.to_name.as_str());
        match &proofs.schema {
            Schema::None => self.over("schema", Verdict::LeftOut, "there is no schema.prisma", Vec::new()),
            Schema::NoDatabase => {
                self.over("schema", Verdict::LeftOut, "there is no database to compare", Vec::new())
            }
            Schema::Failed(error) => self.failed("schema", error),
            Schema::Compared { unlike, before, .. } => {
                let findings = upgrade::schema_differs(unlike, before, names);
                let refuses = findings.iter().any(Finding::refuses);
                let detail = match (findings.is_empty(), refuses) {
                    (true, _) => "the migrations make what the schema says".to_owned(),
                    (false, true) => format!("{} objects are not as the schema says", findings.len()),
                    (false, false) => {
                        format!("as in {}, {} objects are not as the schema says", names.0, findings.len())
                    }
                };
                self.accepted("schema", &detail, findings);
            }
        }
    }
}

/// The finding on a migration that fails.
fn fails(failure: &Failure, what: &str) -> Finding {
    Finding {
            file: Some(failure.path.clone()),
            line: failure.line.and_then(|line| u32::try_from(line).ok()),
            statement: failure.statement.clone(),
            why: format!("{what}: {}. {FAILS}", failure.what.lines().next().unwrap_or_default()),
            safer: failure.hint.clone().unwrap_or_else(|| {
            "mend it before it is published; where it is published already, a later migration cannot help: it never comes \
             to that one's turn"
                .into()
        }),
            proof: vec!["it was tried on a temporary PostgreSQL".into()],
            ..Finding::new("migration_fails", Severity::Refuse, failure.migration.clone())
        }
}

/// The finding on a migration that fails on rows alone.
fn rows_fail(failure: &Failure, from: &str) -> Finding {
    Finding {
        severity: Severity::Warn,
        ..fails(
            failure,
            &format!("on a database on {from} with rows at the edges of what its tables take, it fails"),
        )
    }
}
