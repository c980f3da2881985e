//! What of a script can be run on rows of a table at all, and with which values.

use std::collections::BTreeMap;

use super::{
    ask::{Asker, Broken},
    questions::Question,
    rows::{Fill, Values},
    stage::{End, Given, Refusal, Trial, Unable, Unit},
    values::boundaries,
};
use crate::{guard::name::Name, history::replay::statements};

/// How often a row is changed to satisfy the table's conditions.
const MOST_ATTEMPTS: usize = 60;

/// What can be run on rows of the table, and what cannot.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) units: Vec<Unit>,
    /// Values that let a row through the units.
    pub(super) base: Values,
    /// Units that fail with any row.
    pub(super) left_out: Vec<Unit>,
    /// Why.
    pub(super) refusals: Vec<Refusal>,
}

/// The conditions that values are being looked for, by table and name.
#[derive(Debug, Default)]
struct Attempts {
    counts: BTreeMap<(Name, String), usize>,
    last: Option<(Name, String)>,
}

impl Asker<'_> {
    /// Finds a row that gets through, and sets aside what none gets through.
    pub(super) async fn plan(&mut self) -> Result<Result<Plan, String>, Broken> {
        let choices = self.choices();
        let mut choice = 0;
        let most = choices.iter().map(|(_, values)| values.len()).max().unwrap_or(0);
        let mut plan =
            Plan { units: self.stage.units(self.subject.statements.iter().copied()), ..Plan::default() };
        loop {
            plan.base = choices
                .iter()
                .map(|(column, values)| {
                    (column.clone(), values.get(choice.min(values.len().max(1) - 1)).cloned())
                })
                .collect();
            let trial = match self.one(&plan.base.clone(), &plan.units).await? {
                Ok(trial) => trial,
                Err(_) if choice + 1 < most => {
                    choice += 1;
                    continue;
                }
                Err(why) => return Ok(Err(why)),
            };
            let End::Failed(place, refusal) = trial.end else { return Ok(Ok(plan)) };
            if self.stage.is_tired() {
                return Ok(Err("the script is too long to try everything".into()));
            }
            if refusal.is_about_a_value() && choice + 1 < most {
                choice += 1;
            } else {
                plan.set_aside(place, refusal);
            }
        }
    }

    /// For columns whose type changes: values to begin with. NULL gets through every cast.
    fn choices(&self) -> Vec<(String, Vec<String>)> {
        let mut choices = Vec::new();
        for question in &self.subject.questions {
            let Question::Type { column, from, to } = question else { continue };
            let nullable = self.subject.table.column(column).is_some_and(|column| column.nullable)
                && !self.subject.questions.contains(&Question::NotNull { column: column.clone() });
            let values = if nullable { Vec::new() } else { self.candidates(from, to) };
            choices.push((column.clone(), values));
        }
        choices
    }

    /// Runs `units` on one row with the values of `fixed`. The inner error says why there can be none.
    pub(super) async fn one(
        &mut self,
        fixed: &Values,
        units: &[Unit],
    ) -> Result<Result<Trial, String>, Broken> {
        let mut attempts = Attempts::default();
        for _ in 0..MOST_ATTEMPTS {
            self.builder.begin();
            let rows = match self.builder.row(self.subject.name, fixed, Fill::Full) {
                Ok(rows) => rows,
                Err(why) => return Ok(Err(why)),
            };
            match self.run(Given::All(&rows), units).await {
                Ok(trial) => return Ok(Ok(trial)),
                Err(Unable::Connection(error)) => return Err(error),
                Err(Unable::Row(table, refusal)) => {
                    if !self.settle(&table, &refusal, &mut attempts) {
                        return Ok(Err(format!(
                            "no row of {table} could be made: {} {}",
                            refusal.sqlstate, refusal.message
                        )));
                    }
                }
            }
        }
        Ok(Err(format!("no row was found that satisfies the conditions of {}", self.subject.name)))
    }

    /// Takes other values for the columns of a condition that refused a row; whether there are any left.
    fn settle(&mut self, table: &Name, refusal: &Refusal, attempts: &mut Attempts) -> bool {
        let condition = match (&refusal.constraint, refusal.sqlstate.as_str()) {
            (Some(constraint), "23514") => (table.clone(), constraint.clone()),
            // The last value that was tried for a condition does not even fit its column.
            _ if refusal.is_about_a_value() => match attempts.last.clone() {
                Some(last) => last,
                None => return false,
            },
            _ => return false,
        };
        attempts.last = Some(condition.clone());
        let (table, constraint) = &condition;
        let mut candidates = self.builder.candidates(table, constraint);
        for (column, values) in &mut candidates {
            let column = self.catalog.tables.get(table).and_then(|table| table.column(column));
            let data_type = column.map(|column| column.data_type.clone()).unwrap_or_default();
            values.extend(boundaries(self.catalog, &data_type, &data_type));
        }
        let attempt = attempts.counts.entry(condition.clone()).or_default();
        let mut rest = *attempt;
        *attempt += 1;
        let mut values = Values::new();
        for (column, candidates) in candidates {
            if candidates.is_empty() {
                continue;
            }
            values.insert(column, Some(candidates[rest % candidates.len()].clone()));
            rest /= candidates.len();
        }
        let any = !values.is_empty() && rest == 0;
        self.builder.want(table, values);
        any
    }
}

impl Plan {
    /// What fails with any row is left out: where it is one of several actions of a statement, only that one.
    fn set_aside(&mut self, place: usize, refusal: Refusal) {
        let unit = self.units.remove(place);
        if let Some(actions) = statements::actions(&unit.sql) {
            let units = actions.into_iter().map(|sql| Unit { place: unit.place, sql });
            self.units.splice(place..place, units);
            return;
        }
        self.left_out.push(unit);
        if refusal.is_about_data() {
            self.refusals.push(refusal);
        }
    }

    pub(super) fn refusal(&self, is_it: impl Fn(&Refusal) -> bool) -> Option<Refusal> {
        self.refusals.iter().find(|refusal| is_it(refusal)).cloned()
    }
}
