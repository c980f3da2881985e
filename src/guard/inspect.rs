//! The inspection of one script: its steps against every rule, in the order in which they happen.

use std::{collections::HashMap, ops::Range};

use super::{
    Located, Script, Terms,
    action::{Action, Branch, Step},
    catalog::{Catalog, History, Key, Layer, Space},
    join,
    lines::Lines,
    name::Name,
    proof::{self, Proof},
    rules::{BYTE_ORDER_MARK, DEFAULTS, Look, RULES, Rule, UNPARSED_SQL, UNUSED_WAIVER, Verdict},
    sql,
    waiver::{self, Waiver, Waivers},
};
use crate::finding::{Consent, Finding, Severity};

/// More than a person reads, and more than the memory for reports should hold.
const MOST: usize = 10_000;
/// Bytes of a statement that a finding quotes.
const QUOTED: usize = 2_000;

/// An inspection at work.
pub(super) struct Inspection<'s> {
    script: &'s Script<'s>,
    lines: Lines,
    catalog: Catalog<'s>,
    findings: Vec<Pending>,
    /// Findings of objects that the script may make again, by object.
    gone: HashMap<Key, Vec<usize>>,
    /// Bodies that nothing has called yet.
    routines: Vec<(Name, Vec<Step>)>,
    /// The routine whose body is looked at although nothing calls it.
    uncalled: Option<Name>,
    branches: Vec<Branch>,
    statements: usize,
    terms: Terms<'s>,
}

struct Pending {
    /// The bytes it is about.
    place: Range<usize>,
    /// The bytes of its statement.
    statement: Range<usize>,
    finding: Finding,
    if_made_again: Option<(Severity, &'static str)>,
    in_company: bool,
}

impl<'s> Inspection<'s> {
    pub(super) fn new(script: &'s Script<'s>, history: &'s History, terms: Terms<'s>) -> Self {
        Self {
            script,
            lines: Lines::of(script.sql),
            catalog: Catalog::new(history),
            findings: Vec::new(),
            gone: HashMap::new(),
            routines: Vec::new(),
            uncalled: None,
            branches: Vec::new(),
            statements: 0,
            terms,
        }
    }

    /// Runs it: the findings in the order of their places, and what the script leaves behind in the catalog.
    pub(super) fn run(mut self) -> (Vec<Located>, Layer) {
        self.byte_order_mark();
        sql::for_each_statement(self.script.sql, &mut |steps| {
            self.statements += 1;
            self.steps(steps);
        });
        for (name, body) in std::mem::take(&mut self.routines) {
            self.uncalled = Some(name);
            self.steps(body);
        }
        self.uncalled = None;
        let alone = self.statements < 2;
        self.findings.retain(|pending| !(pending.in_company && alone));
        if let Some(proof) = self.terms.proof {
            self.join(proof);
        }
        self.waive();
        let located = |Pending { finding, place, .. }| Located { finding, place };
        let mut findings: Vec<Located> = self.findings.into_iter().map(located).collect();
        findings.sort_by_key(|located| located.place.start);
        (findings, self.catalog.into_layer())
    }

    fn byte_order_mark(&mut self) {
        if self.script.sql.starts_with('\u{feff}') {
            let place = 0..'\u{feff}'.len_utf8();
            let step = Step { action: Action::Leave, place: place.clone(), statement: place };
            self.found(&BYTE_ORDER_MARK, &step, Verdict::about("script"));
        }
    }

    /// Adds what was proved.
    fn join(&mut self, proof: &Proof) {
        let located = |Pending { finding, place, .. }| Located { finding, place };
        let mut found: Vec<Located> = std::mem::take(&mut self.findings).into_iter().map(located).collect();
        join::join(&mut found, proof, self.script);
        for Located { mut finding, place } in found {
            if finding.created_in.is_none() {
                let key = key_of(&finding, proof);
                let before = key.as_ref().and_then(|key| self.catalog.made_before(key)).map(str::to_owned);
                finding.created_in = before.or_else(|| self.maker(&key?));
            }
            let statement = place.clone();
            self.findings.push(Pending { place, statement, finding, if_made_again: None, in_company: false });
        }
    }

    fn steps(&mut self, steps: Vec<Step>) {
        for step in steps {
            self.step(&step);
            self.after(step);
        }
    }

    fn step(&mut self, step: &Step) {
        for rule in RULES {
            let look = Look { step, catalog: &self.catalog, guarded: self.branches.contains(&Branch::Guard) };
            if let Some(verdict) = (rule.check)(&look) {
                self.found(rule, step, verdict);
            }
        }
    }

    /// What the step leaves behind.
    fn after(&mut self, step: Step) {
        self.catalog.apply(&step);
        if let Some(key) = made(&step.action, &self.catalog) {
            self.made_again(&key);
        }
        match step.action {
            Action::Enter(branch) => self.branches.push(branch),
            Action::Leave => {
                self.branches.pop();
            }
            Action::Define(routine) => self.routines.push((routine.name, routine.body)),
            Action::Call(call) => self.called(&call.name),
            Action::CreateTrigger(trigger) => self.called(&trigger.function),
            _ => {}
        }
    }

    /// A body runs where it is called; of several with one name each may be meant.
    fn called(&mut self, name: &Name) {
        let is_meant = |routine: &Name| {
            routine.name == name.name
                && (routine.schema == name.schema || routine.schema.is_none() || name.schema.is_none())
        };
        let (called, others) =
            std::mem::take(&mut self.routines).into_iter().partition(|(routine, _)| is_meant(routine));
        self.routines = others;
        for (_, body) in called {
            self.steps(body);
        }
    }

    fn made_again(&mut self, key: &Key) {
        for index in self.gone.remove(key).unwrap_or_default() {
            let pending = &mut self.findings[index];
            if let Some((severity, why)) = pending.if_made_again.take() {
                pending.finding.severity = pending.finding.severity.min(severity);
                pending.finding.why = why.to_owned();
            }
        }
    }

    fn found(&mut self, rule: &'static Rule, step: &Step, verdict: Verdict) {
        if self.findings.len() > MOST {
            return;
        }
        if self.findings.len() == MOST && rule.id != UNPARSED_SQL.id {
            let why = "There is more to find than is listed; the rest of the script was not looked at";
            return self.found(&UNPARSED_SQL, step, Verdict::about("script").because(format!("{why}.")));
        }
        // One statement does one thing to one object, however many of its clauses ask for it.
        let is_same = |pending: &Pending| {
            pending.finding.rule == rule.id
                && pending.finding.object == verdict.object
                && pending.statement == step.statement
        };
        if self.findings.last().is_some_and(is_same) {
            return;
        }
        let (line, column) = self.lines.position(self.script.sql, step.place.start);
        let key = verdict.key.clone();
        let finding = Finding {
            created_in: key.as_ref().and_then(|key| self.maker(key)),
            why: self.why(rule, &verdict),
            file: self.script.file.map(ToOwned::to_owned),
            line: Some(line),
            column: Some(column),
            statement: quote(self.script.sql, &step.statement),
            safer: rule.safer.to_owned(),
            ..Finding::new(rule.id, self.severity(rule, &verdict), verdict.object)
        };
        let if_made_again = verdict.if_made_again.map(|(key, severity, why)| {
            self.gone.entry(key).or_default().push(self.findings.len());
            (severity, why)
        });
        let in_company = verdict.in_company;
        let place = step.place.clone();
        let statement = step.statement.clone();
        self.findings.push(Pending { place, statement, finding, if_made_again, in_company });
    }

    /// Lets through what the script's own waivers allow, and reports those that do not count.
    fn waive(&mut self) {
        let Waivers::Honoured { except } = self.terms.waivers else { return };
        for waiver in waiver::find(self.script.sql) {
            let problem = match &waiver.meaning {
                Err(problem) => Some(problem.clone()),
                Ok((allowance, _)) if except.contains(&allowance.rule) => {
                    Some(format!("the configuration forbids waivers for {}", allowance.rule))
                }
                Ok((allowance, reason)) => {
                    let mut used = false;
                    let in_scope = |at: usize| waiver.scope.contains(&at);
                    for pending in self.findings.iter_mut().filter(|pending| in_scope(pending.place.start)) {
                        if allowance.covers(&pending.finding) {
                            used = true;
                            let consent = Consent { by: "waiver", reason: Some(reason.clone()) };
                            pending.finding.allowed = Some(consent);
                        }
                    }
                    (!used).then(|| "the statement after it has no such finding".to_owned())
                }
            };
            if let Some(problem) = problem {
                let place = waiver.at..waiver.at + waiver.text.len();
                let verdict = Verdict::about(waiver_object(&waiver)).because(format!("This one: {problem}."));
                let step = Step { action: Action::Leave, place: place.clone(), statement: place };
                self.found(&UNUSED_WAIVER, &step, verdict);
            }
        }
    }

    fn severity(&self, rule: &Rule, verdict: &Verdict) -> Severity {
        let severity = verdict.severity.unwrap_or(rule.severity);
        // What cannot be read may be anything, a call included.
        let is_unread = rule.id == "unparsed_sql";
        if self.uncalled.is_some() && !is_unread { severity.min(Severity::Info) } else { severity }
    }

    fn why(&self, rule: &Rule, verdict: &Verdict) -> String {
        let own = match &verdict.because {
            Some(because) => format!("{because} {}", rule.why),
            None => rule.why.to_owned(),
        };
        match &self.uncalled {
            Some(routine) => format!("Only when something calls {routine}, which nothing does here: {own}"),
            None => own,
        }
    }

    /// The migration that made the object; for what belongs to a table, the table's where nothing else is known.
    fn maker(&self, key: &Key) -> Option<String> {
        let itself = self.catalog.made_in(key.1, &key.0);
        let table = || {
            key.0.member.as_ref()?;
            self.catalog.made_in(Space::Relation, &key.0.table())
        };
        itself.or_else(table).map(str::to_owned)
    }
}

/// What only the proof tells of stands in the history, too.
fn key_of(finding: &Finding, proof: &Proof) -> Option<Key> {
    let is_it = |verdict: &&proof::Verdict| verdict.object == finding.object && verdict.rule == finding.rule;
    let kind = proof.verdicts.iter().find(is_it)?.kind;
    let mut parts = Name::split(&finding.object);
    let member = if kind.is_member() { parts.pop() } else { None };
    let mut name = Name::from_parts(&parts);
    name.schema.get_or_insert_with(|| "public".into());
    Some((Name { member, ..name }, kind.into()))
}

fn waiver_object(waiver: &Waiver) -> String {
    match &waiver.meaning {
        Ok((allowance, _)) => format!("{}:{}", allowance.rule, allowance.object),
        Err(_) => "waiver".into(),
    }
}

/// The object that the step makes, where it can be one that was dropped before.
fn made(action: &Action, catalog: &Catalog<'_>) -> Option<Key> {
    use super::action::TableChange as Change;
    let (space, name) = match action {
        Action::Create(create) => (create.kind.into(), create.name.clone()),
        Action::Rename(kind, _, to) => ((*kind).into(), to.clone()),
        Action::CreateTrigger(trigger) => (Space::Trigger, trigger.name.clone()),
        Action::CreateRule(name, _) => (Space::Rule, name.clone()),
        Action::Define(routine) => (Space::Routine, routine.name.clone()),
        Action::AlterTable(table, Change::AddColumn(column, _)) => {
            (Space::Column, table.member(&column.name))
        }
        Action::AlterTable(table, Change::AddConstraint(constraint)) => {
            (Space::Constraint, table.member(constraint.name.as_ref()?))
        }
        Action::AlterTable(table, Change::SetDefault(column, _)) => {
            let column = catalog.resolve(Space::Column, &table.member(column));
            return Some((column, DEFAULTS));
        }
        _ => return None,
    };
    Some((catalog.resolve(space, &name), space))
}

/// The statement as it stands in the script, cut where it is very long.
fn quote(sql: &str, statement: &Range<usize>) -> String {
    let text = sql.get(statement.clone()).unwrap_or_default().trim();
    if text.len() <= QUOTED {
        return text.to_owned();
    }
    let mut end = QUOTED;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{} …", &text[..end])
}
