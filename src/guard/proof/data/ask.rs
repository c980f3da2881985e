//! Asks about the rows of one table: makes rows that may exist, lets the script loose on them, and looks.

use super::{
    compare::{Fate, Losses},
    plan::Plan,
    questions::{Demand, Question, Subject},
    rows::{Builder, Fill, Row, Values},
    stage::{End, Given, Refusal, Stage, Trial, Unable, Unit},
    values::{boundaries, sample},
};
use crate::catalog::Catalog;

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

/// Asks about one table.
pub(super) struct Asker<'a> {
    pub(super) stage: &'a Stage<'a>,
    pub(super) catalog: &'a Catalog,
    pub(super) subject: &'a Subject<'a>,
    pub(super) builder: Builder<'a>,
}

/// The connection is gone.
pub(super) type Broken = tokio_postgres::Error;

impl<'a> Asker<'a> {
    pub(super) fn new(stage: &'a Stage<'a>, catalog: &'a Catalog, subject: &'a Subject<'a>) -> Self {
        Self { stage, catalog, subject, builder: Builder::new(catalog).asking(&subject.asked) }
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
        if self.stage.is_tired() {
            return Ok(Reply::Unknown("the script is too long to try every value".into()));
        }
        match question {
            Question::Type { column, from, to } => self.values(column, (from, to), plan).await,
            Question::Required { column } => Ok(self.missing(column, plan).unwrap_or(Reply::Satisfied)),
            Question::NotNull { column } => match self.missing(column, plan) {
                Some(fails) => Ok(fails),
                None => self.with(column, None, plan).await,
            },
            Question::Demand { demand, name, columns } => self.demand(*demand, (name, columns), plan).await,
            Question::Rows => self.rows(plan).await,
        }
    }

    /// Values of the type `from` that matter on the way to `to`.
    pub(super) fn candidates(&self, from: &str, to: &str) -> Vec<String> {
        let mut values = boundaries(self.catalog, to, from);
        values.extend(boundaries(self.catalog, from, to));
        let mut seen = std::collections::BTreeSet::new();
        values.retain(|value| seen.insert(value.clone()));
        values
    }

    /// That any row fails for want of a value in the column.
    fn missing(&self, column: &str, plan: &Plan) -> Option<Reply> {
        let is_it = |refusal: &Refusal| {
            refusal.sqlstate == "23502" && refusal.is_on(self.subject.after_name, Some(column))
        };
        plan.refusal(is_it).map(Reply::Fails)
    }

    pub(super) async fn run(&self, given: Given<'_>, units: &[Unit]) -> Result<Trial, Unable> {
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
        if self.key(column).is_some() {
            self.builder.begin();
            let groups: Vec<_> = values.iter().map(|value| self.row_with(column, value, plan)).collect();
            let trial = self.run(Given::Any(&groups), &plan.units).await;
            match trial {
                // Rows that were in one another's way are tried by themselves.
                Ok(Trial { before, end: End::Done(after) }) if before.len() * 2 >= values.len() => {
                    return Ok(Reply::Values(self.fates(column, types, (&before, &after)).await?));
                }
                Ok(_) | Err(Unable::Row(..)) => {}
                Err(Unable::Connection(error)) => return Err(error),
            }
        }
        let fates = self.one_by_one(column, types, &values, plan).await?;
        Ok(if fates.is_empty() {
            Reply::Unknown("no row with a value to try could be made".into())
        } else {
            Reply::Values(fates)
        })
    }

    /// The same with one row at a time, so that each failure is that of its own value.
    async fn one_by_one(
        &mut self,
        column: &str,
        types: (&str, &str),
        values: &[String],
        plan: &Plan,
    ) -> Result<Vec<Fate>, Broken> {
        let mut fates = Vec::new();
        for value in values {
            if self.stage.is_tired() {
                break;
            }
            self.builder.begin();
            let rows = self.row_with(column, value, plan);
            match self.run(Given::All(&rows), &plan.units).await {
                Ok(Trial { end: End::Failed(_, refusal), .. }) => {
                    fates.push(Fate::Fails { value: value.clone(), refusal });
                }
                Ok(Trial { before, end: End::Done(after) }) => {
                    // Rows that the history inserted are in every trial.
                    for fate in self.fates(column, types, (&before, &after)).await? {
                        if fate == Fate::Kept || !fates.contains(&fate) {
                            fates.push(fate);
                        }
                    }
                }
                Err(Unable::Row(..)) => {}
                Err(Unable::Connection(error)) => return Err(error),
            }
        }
        Ok(fates)
    }

    /// A row with the value in the column, after those that it points to.
    fn row_with(&mut self, column: &str, value: &str, plan: &Plan) -> Vec<Row> {
        let mut fixed = plan.base.clone();
        fixed.insert(column.to_owned(), Some(value.to_owned()));
        self.builder.row(self.subject.name, &fixed, Fill::Full).unwrap_or_default()
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
}
