//! Asking a database again and again, and keeping the last answer ready for whoever wants it.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::{
    sync::watch::{self, Receiver, Sender},
    time::{Instant, MissedTickBehavior, interval},
};

use super::{
    answer::{Answer, Tally},
    connect::{Database, DatabaseError},
    observe::Observer,
    readiness::{Expectation, Verdict, judge},
    url::Target,
};

/// Everything that asking takes.
#[derive(Debug)]
pub struct Watch<'a> {
    /// The database.
    pub target: &'a Target,
    /// What it should have.
    pub expectation: Expectation<'a>,
    /// How it is asked.
    pub observer: Observer,
    /// How long making a connection may take where the URL does not say.
    pub connect_limit: Duration,
    /// How often it is asked.
    pub interval: Duration,
    /// The time of day.
    pub clock: fn() -> Timestamp,
}

/// The answers' two ends.
#[must_use]
pub fn channel() -> (Sender<Arc<Answer>>, Receiver<Arc<Answer>>) {
    watch::channel(Arc::new(Answer::not_yet()))
}

impl Watch<'_> {
    /// Asks once per interval for ever and publishes each answer. `changed` is told of every line that differs
    /// from the one before.
    pub async fn run(mut self, answers: Sender<Arc<Answer>>, mut changed: impl FnMut(&str)) {
        let mut ticks = interval(self.interval);
        // A slow answer does not make up for the questions that it kept from being asked.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut connection = None;
        let mut tally = Tally::default();
        loop {
            ticks.tick().await;
            let began = Instant::now();
            let result = self.ask(&mut connection).await;
            tally.count(&result, began.elapsed(), (self.clock)());
            let answer = Answer::new(&result, &tally);
            let line = answer.line.clone();
            if answers.send_replace(Arc::new(answer)).line != line {
                changed(&line);
            }
        }
    }

    /// Asks once, over the connection that there is or a new one.
    async fn ask(&mut self, connection: &mut Option<Database>) -> Result<Verdict, DatabaseError> {
        if let Some(database) = connection.as_ref() {
            match self.observer.look(database).await {
                Ok(observation) => return Ok(judge(&observation, self.expectation)),
                Err(error) if error.is_cut() => *connection = None,
                Err(error @ DatabaseError::Refused { .. }) => return Err(error),
                Err(error) => {
                    *connection = None;
                    return Err(error);
                }
            }
        }
        let Some(database) = Database::find(self.target, self.connect_limit).await? else {
            return Ok(judge(&self.observer.of_nothing(self.target), self.expectation));
        };
        let observation = self.observer.look(&database).await?;
        *connection = Some(database);
        Ok(judge(&observation, self.expectation))
    }
}

impl Answer {
    /// What is said before the first answer.
    fn not_yet() -> Self {
        Self {
            is_ready: false,
            line: "unknown: the database has not been asked yet".into(),
            body: Bytes::from_static(
                b"{\"status\":\"unknown\",\"line\":\"unknown: the database has not been asked yet\"}\n",
            ),
            metrics: Bytes::new(),
        }
    }
}
