//! Asks about the rows of one table: makes rows that may exist, lets the script loose on them, and looks.

use std::collections::BTreeMap;

use super::{
    questions::{Demand, Question, Subject},
    rows::{Builder, Fill, Row, Values},
    stage::{End, Given, Refusal, Stage, Trial, Unable, Unit},
    values::{DataType, boundaries, sample},
};
use crate::{catalog::Catalog, guard::name::Name, history::replay::statements};

/// How often a row is changed to satisfy the table's conditions.
const MOST_ATTEMPTS: usize = 60;

/// How many statements are run for one table at most: with thousands of statements not every value is tried.
const MOST_RUNS: usize = 4000;

/// A number that no row has been given.
const ELSEWHERE: u32 = 500_000;

/// What was found out about a question.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Reply {
    /// The table refuses rows that would be in the way.
    Impossible,
    /// A row that may exist gets through.
    Satisfied,
    /// A row that may exist makes the script fail.
    Fails(Refusal),
    /// What becomes of the values that were tried.
    Values(Vec<Fate>),
    /// What becomes of rows.
    Rows(Losses),
    /// It could not be found out.
    Unknown(String),
}

/// What becomes of one value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fate {
    /// It is the same.
    Kept,
    /// Only blanks at its end are gone.
    Blanks,
    /// The last of more than fifteen digits is another one.
    Rounded { before: String, after: String },
    /// It is a text of what it was: a list, bytes.
    Written { before: String, after: String },
    /// It is another one.
    Changed { before: String, after: Option<String> },
    /// It makes the script fail.
    Fails { value: String, refusal: Refusal },
}

/// What becomes of rows whose columns keep their types.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Losses {
    /// How many rows there were.
    pub(super) rows: usize,
    /// How many of them are gone.
    pub(super) gone: usize,
    /// What was replaced, by column.
    pub(super) replaced: BTreeMap<String, Replaced>,
}

/// Values of a column that were replaced by others.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Replaced {
    /// How many there were.
    pub(super) values: usize,
    /// How many of them were replaced.
    pub(super) count: usize,
    /// One of them.
    pub(super) before: String,
    /// What it became.
    pub(super) after: Option<String>,
}

/// What can be run on rows of the table, and what cannot.
#[derive(Debug, Default)]
struct Plan {
    units: Vec<Unit>,
    /// Values that let a row through the units.
    base: Values,
    /// Units that fail with any row.
    left_out: Vec<Unit>,
    /// Why.
    refusals: Vec<Refusal>,
}

/// Asks about one table.
pub(super) struct Asker<'a> {
    stage: &'a Stage<'a>,
    catalog: &'a Catalog,
    subject: &'a Subject<'a>,
    builder: Builder<'a>,
    runs: usize,
}

type Broken = tokio_postgres::Error;

impl<'a> Asker<'a> {
    pub(super) fn new(stage: &'a Stage<'a>, catalog: &'a Catalog, subject: &'a Subject<'a>) -> Self {
        Self { stage, catalog, subject, builder: Builder::new(catalog), runs: 0 }
    }

    /// The reply to each of the subject's questions.
    pub(super) async fn replies(mut self) -> Result<Vec<(&'a Question, Reply)>, Broken> {
        let questions = &self.subject.questions;
        let plan = match self.plan().await? {
            Ok(plan) => plan,
            Err(why) => {
                return Ok(questions
                    .iter()
                    .map(|question| (question, Reply::Unknown(why.clone())))
                    .collect());
            }
        };
        let mut replies = Vec::new();
        for question in questions {
            replies.push((question, self.reply(question, &plan).await?));
        }
        Ok(replies)
    }

    async fn reply(&mut self, question: &Question, plan: &Plan) -> Result<Reply, Broken> {
        if self.runs > MOST_RUNS {
            return Ok(Reply::Unknown("the script is too long to try every value".into()));
        }
        match question {
            Question::Type { column, from, to } => self.values(column, (from, to), plan).await,
            Question::Required { column } => Ok(plan
                .refusal(|refusal| refusal.sqlstate == "23502" && refusal.column.as_ref() == Some(column))
                .map_or(Reply::Satisfied, Reply::Fails)),
            Question::NotNull { column } => self.with(column, None, plan).await,
            Question::Demand { demand, name, columns } => self.demand(*demand, (name, columns), plan).await,
            Question::Rows => self.rows(plan).await,
        }
    }

    /// Finds a row that gets through, and sets aside what none gets through.
    async fn plan(&mut self) -> Result<Result<Plan, String>, Broken> {
        let choices = self.choices();
        let mut choice = 0;
        let most = choices.iter().map(|(_, values)| values.len()).max().unwrap_or(0);
        let mut plan = Plan { units: self.stage.units(self.subject.statements.clone()), ..Plan::default() };
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

    /// Values of the type `from` that matter on the way to `to`.
    fn candidates(&self, from: &str, to: &str) -> Vec<String> {
        let mut values = boundaries(self.catalog, to, from);
        values.extend(boundaries(self.catalog, from, to));
        let mut seen = std::collections::BTreeSet::new();
        values.retain(|value| seen.insert(value.clone()));
        values
    }

    /// Runs `units` on one row with the values of `fixed`. The inner error says why there can be none.
    async fn one(&mut self, fixed: &Values, units: &[Unit]) -> Result<Result<Trial, String>, Broken> {
        let mut attempts: BTreeMap<(Name, String), usize> = BTreeMap::new();
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
    fn settle(
        &mut self,
        table: &Name,
        refusal: &Refusal,
        attempts: &mut BTreeMap<(Name, String), usize>,
    ) -> bool {
        let Some(constraint) = &refusal.constraint else { return false };
        if refusal.sqlstate != "23514" {
            return false;
        }
        let mut candidates = self.builder.candidates(table, constraint);
        for (column, values) in &mut candidates {
            let column = self.catalog.tables.get(table).and_then(|table| table.column(column));
            let data_type = column.map(|column| column.data_type.clone()).unwrap_or_default();
            values.extend(boundaries(self.catalog, &data_type, &data_type));
        }
        let attempt = attempts.entry((table.clone(), constraint.clone())).or_default();
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

    async fn run(&mut self, given: Given<'_>, units: &[Unit]) -> Result<Trial, Unable> {
        self.runs += units.len();
        self.stage.run(given, units, (self.subject.name, self.subject.after_name)).await
    }

    /// Whether a row with this value in this column gets through.
    async fn with(&mut self, column: &str, value: Option<String>, plan: &Plan) -> Result<Reply, Broken> {
        let mut fixed = plan.base.clone();
        fixed.insert(column.to_owned(), value);
        Ok(match self.one(&fixed, &plan.units).await? {
            Err(_) => Reply::Impossible,
            Ok(Trial { end: End::Done(_), .. }) => Reply::Satisfied,
            Ok(Trial { end: End::Failed(_, refusal), .. }) => Reply::Fails(refusal),
        })
    }

    /// What becomes of the values of a column.
    async fn values(&mut self, column: &str, types: (&str, &str), plan: &Plan) -> Result<Reply, Broken> {
        let quoted = crate::catalog::quoted(column);
        if plan.left_out.iter().any(|unit| unit.sql.contains(&quoted) || unit.sql.contains(column)) {
            return Ok(Reply::Unknown(
                "the statement fails with any row before its values can be seen".into(),
            ));
        }
        let values = self.candidates(types.0, types.1);
        let groups = self.groups(column, &values, plan);
        if self.key(column).is_some() {
            let trial = self.run(Given::Any(&groups), &plan.units).await;
            match trial {
                Ok(Trial { before, end: End::Done(after) }) => {
                    return Ok(Reply::Values(self.fates(column, types, (&before, &after)).await?));
                }
                Ok(_) | Err(Unable::Row(..)) => {}
                Err(Unable::Connection(error)) => return Err(error),
            }
        }
        let mut fates = Vec::new();
        for (value, group) in values.iter().zip(&groups) {
            if self.runs > MOST_RUNS {
                break;
            }
            match self.run(Given::All(group), &plan.units).await {
                Ok(Trial { end: End::Failed(_, refusal), .. }) => {
                    fates.push(Fate::Fails { value: value.clone(), refusal });
                }
                Ok(Trial { before, end: End::Done(after) }) => {
                    fates.extend(self.fates(column, types, (&before, &after)).await?);
                }
                Err(Unable::Row(..)) => {}
                Err(Unable::Connection(error)) => return Err(error),
            }
        }
        Ok(if fates.is_empty() {
            Reply::Unknown("no row with a value to try could be made".into())
        } else {
            Reply::Values(fates)
        })
    }

    /// A row for each value, after those that it points to.
    fn groups(&mut self, column: &str, values: &[String], plan: &Plan) -> Vec<Vec<Row>> {
        self.builder.begin();
        values
            .iter()
            .map(|value| {
                let mut fixed = plan.base.clone();
                fixed.insert(column.to_owned(), Some(value.clone()));
                self.builder.row(self.subject.name, &fixed, Fill::Full).unwrap_or_default()
            })
            .collect()
    }

    /// Columns that tell rows apart before and after, by both names: a key of which nothing changes.
    fn key(&self, focus: &str) -> Option<Vec<(String, String)>> {
        let (table, after) = (self.subject.table, self.subject.after);
        let kept = |name: &String| {
            let old = table.column(name)?;
            let new = after.columns.iter().find(|new| new.number == old.number)?;
            (name != focus && !old.nullable && old.data_type == new.data_type)
                .then(|| (name.clone(), new.name.clone()))
        };
        table
            .indexes
            .values()
            .filter(|index| index.unique && !index.partial)
            .find_map(|index| index.columns.iter().map(|column| kept(column.as_ref()?)).collect())
    }

    /// The rows before, each with itself after, if it is still there.
    fn pairs<'r>(
        &self,
        focus: &str,
        (before, after): (&'r [Values], &'r [Values]),
    ) -> Vec<(&'r Values, Option<&'r Values>)> {
        match self.key(focus) {
            Some(key) => before
                .iter()
                .map(|old| {
                    let is_it = |new: &&Values| {
                        key.iter().all(|(old_name, new_name)| old.get(old_name) == new.get(new_name))
                    };
                    (old, after.iter().find(is_it))
                })
                .collect(),
            // Rows are written anew in the order in which they were.
            None => before.iter().enumerate().map(|(place, old)| (old, after.get(place))).collect(),
        }
    }

    async fn fates(
        &self,
        column: &str,
        types: (&str, &str),
        rows: (&[Values], &[Values]),
    ) -> Result<Vec<Fate>, Broken> {
        let number = self.subject.table.column(column).map(|column| column.number);
        let after = self.subject.after.columns.iter().find(|after| Some(after.number) == number);
        let after_name = after.map_or(column, |after| &after.name);
        let mut fates = Vec::new();
        for (old, new) in self.pairs(column, rows) {
            let (Some(Some(before)), Some(new)) = (old.get(column), new) else { continue };
            let after = new.get(after_name).cloned().flatten();
            fates.push(self.fate(types, before, after).await?);
        }
        Ok(fates)
    }

    async fn fate(&self, types: (&str, &str), before: &str, after: Option<String>) -> Result<Fate, Broken> {
        let (from, to) = (DataType::parse(self.catalog, types.0), DataType::parse(self.catalog, types.1));
        let changed = |after| Fate::Changed { before: before.to_owned(), after };
        let Some(after) = after else { return Ok(changed(None)) };
        let another_shape = from.array && !to.array || from.base == "bytea" && to.is_text();
        let wrapped = to.array && !from.array && after == format!("{{{before}}}");
        if another_shape {
            return Ok(Fate::Written { before: before.to_owned(), after });
        }
        if before == after || wrapped {
            return Ok(Fate::Kept);
        }
        if from.is_text() && to.is_text() && before.trim_end_matches(' ') == after.trim_end_matches(' ') {
            return Ok(Fate::Blanks);
        }
        if self.stage.is_same(types.0, before, &after).await? {
            return Ok(Fate::Kept);
        }
        Ok(if are_close(before, &after) {
            Fate::Rounded { before: before.to_owned(), after }
        } else {
            changed(Some(after))
        })
    }

    /// Whether rows that may exist satisfy a new demand.
    async fn demand(
        &mut self,
        demand: Demand,
        (name, columns): (&str, &[String]),
        plan: &Plan,
    ) -> Result<Reply, Broken> {
        if let Some(refusal) = plan.refusal(|refusal| refusal.constraint.as_deref() == Some(name)) {
            return Ok(Reply::Fails(refusal));
        }
        if plan.left_out.iter().any(|unit| unit.sql.contains(name)) {
            return Ok(Reply::Unknown("it is not reached: an earlier statement fails with any row".into()));
        }
        match demand {
            Demand::UniqueIndex | Demand::Unique | Demand::PrimaryKey | Demand::Exclusion => {
                self.twins(columns, plan).await
            }
            Demand::ForeignKey => self.orphan(columns, plan).await,
            Demand::Check => self.each_value(name, columns, plan).await,
        }
    }

    /// Two rows that agree in `columns` and in nothing else that has to differ.
    async fn twins(&mut self, columns: &[String], plan: &Plan) -> Result<Reply, Broken> {
        let mut fixed = plan.base.clone();
        fixed.extend(self.samples(columns, ELSEWHERE));
        self.builder.begin();
        let mut rows = Vec::new();
        for _ in 0..2 {
            match self.builder.row(self.subject.name, &fixed, Fill::Full) {
                Ok(more) => rows.extend(more),
                Err(why) => return Ok(Reply::Unknown(why)),
            }
        }
        match self.run(Given::All(&rows), &plan.units).await {
            Ok(Trial { end: End::Failed(_, refusal), .. }) => Ok(Reply::Fails(refusal)),
            Ok(_) => Ok(Reply::Satisfied),
            Err(Unable::Row(..)) => Ok(Reply::Impossible),
            Err(Unable::Connection(error)) => Err(error),
        }
    }

    fn samples(&self, columns: &[String], number: u32) -> Values {
        let value = |name: &String| {
            let column = self.subject.table.column(name)?;
            Some((name.clone(), Some(sample(self.catalog, &column.data_type, number)?)))
        };
        columns.iter().filter_map(value).collect()
    }

    /// A row that points to nothing.
    async fn orphan(&mut self, columns: &[String], plan: &Plan) -> Result<Reply, Broken> {
        if columns.is_empty() {
            return Ok(Reply::Satisfied);
        }
        let mut fixed = plan.base.clone();
        fixed.extend(self.samples(columns, ELSEWHERE));
        Ok(match self.one(&fixed, &plan.units).await? {
            Err(why) => Reply::Unknown(why),
            Ok(Trial { end: End::Done(_), .. }) => Reply::Satisfied,
            Ok(Trial { end: End::Failed(_, refusal), .. }) => Reply::Fails(refusal),
        })
    }

    /// Every value at the edges of the columns of a condition.
    async fn each_value(&mut self, name: &str, columns: &[String], plan: &Plan) -> Result<Reply, Broken> {
        for column in columns {
            let Some(found) = self.subject.table.column(column) else { continue };
            let data_type = found.data_type.clone();
            for value in boundaries(self.catalog, &data_type, &data_type) {
                if let Reply::Fails(refusal) = self.with(column, Some(value), plan).await?
                    && refusal.constraint.as_deref() == Some(name)
                {
                    return Ok(Reply::Fails(refusal));
                }
            }
        }
        Ok(Reply::Satisfied)
    }

    /// What becomes of rows whose columns keep their types.
    async fn rows(&mut self, plan: &Plan) -> Result<Reply, Broken> {
        self.builder.begin();
        let mut groups = Vec::new();
        for fill in [Fill::Full, Fill::Full, Fill::Full, Fill::Full, Fill::Sparse] {
            groups.push(self.builder.row(self.subject.name, &plan.base, fill).unwrap_or_default());
        }
        while !groups.is_empty() {
            match self.run(Given::Any(&groups), &plan.units).await {
                Ok(Trial { before, .. }) if before.is_empty() => break,
                Ok(Trial { before, end: End::Done(after) }) => {
                    return Ok(Reply::Rows(self.losses((&before, &after))));
                }
                // One row may be in the way of another: fewer are tried.
                Ok(_) => {
                    groups.pop();
                }
                Err(Unable::Row(_, refusal)) => return Ok(Reply::Unknown(refusal.message)),
                Err(Unable::Connection(error)) => return Err(error),
            }
        }
        Ok(Reply::Unknown("no row could be made, or none gets through".into()))
    }

    fn losses(&self, rows: (&[Values], &[Values])) -> Losses {
        let mut losses = Losses { rows: rows.0.len(), ..Losses::default() };
        let pairs = self.pairs("", rows);
        losses.gone = pairs.iter().filter(|(_, new)| new.is_none()).count();
        for (old, new) in pairs {
            let Some(new) = new else { continue };
            for (column, before, after) in self.replaced(old, new) {
                let values = rows.0.iter().filter(|row| matches!(row.get(&column), Some(Some(_)))).count();
                let first = Replaced { values, count: 0, before, after };
                losses.replaced.entry(column).or_insert(first).count += 1;
            }
        }
        losses
    }

    /// Values of columns with the same type that are others now. NULL holds nothing to be lost.
    fn replaced(&self, old: &Values, new: &Values) -> Vec<(String, String, Option<String>)> {
        let (table, after) = (self.subject.table, self.subject.after);
        let mut replaced = Vec::new();
        for column in table.columns.iter().filter(|column| column.generated.is_none()) {
            let same = after.columns.iter().find(|new| new.number == column.number);
            let Some(same) = same.filter(|same| same.data_type == column.data_type) else { continue };
            let (before, after) =
                (old.get(&column.name).cloned().flatten(), new.get(&same.name).cloned().flatten());
            if let Some(before) = before
                && after.as_ref() != Some(&before)
            {
                replaced.push((column.name.clone(), before, after));
            }
        }
        replaced
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

    fn refusal(&self, is_it: impl Fn(&Refusal) -> bool) -> Option<Refusal> {
        self.refusals.iter().find(|refusal| is_it(refusal)).cloned()
    }
}

/// Whether two numbers agree in the first fifteen digits, which is what a cast of a float keeps.
fn are_close(before: &str, after: &str) -> bool {
    match (before.parse::<f64>(), after.parse::<f64>()) {
        (Ok(before), Ok(after)) => (before - after).abs() < before.abs() * 1e-14,
        _ => false,
    }
}
