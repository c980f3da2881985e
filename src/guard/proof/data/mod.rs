//! What becomes of rows: for every table that was there before and that a migration demands something new of,
//! rows at the edges of what may exist are made on a clone, and the migration is let loose on them.
//!
//! ```text
//! questions  what has to be asked, by what the migration did
//! values     values by type: plain ones, and those where casts go wrong
//! rows       rows of them, with the rows that they point to
//! stage      the clone: rows in, statements run, rows read, all taken back
//! plan       what of the script can be run on rows at all
//! ask        a question -> a reply
//! compare    rows before and after
//! verdicts   a reply -> what is said about it
//! carry      rows that go through several migrations
//! ```

mod ask;
pub mod carry;
mod compare;
mod plan;
mod questions;
mod rows;
mod stage;
mod values;
mod verdicts;

use tokio_postgres::Client;

pub(super) use self::verdicts::Said;
use self::{ask::Asker, stage::Stage};
use super::{effect::Effect, places::Places};

/// Whether there is anything to ask about rows; without, no clone is needed.
pub(super) fn is_needed(effect: &Effect, places: Places<'_>) -> bool {
    !questions::subjects(effect, places.trace).is_empty()
}

/// What becomes of rows, tried on the database of `client`, a fresh clone, which is left as it was.
///
/// # Errors
/// Where the connection breaks.
pub(super) async fn ask(
    client: &Client,
    effect: &Effect,
    places: Places<'_>,
) -> Result<Said, tokio_postgres::Error> {
    let mut stage = Stage::open(client, places).await?;
    let mut said = Said::default();
    for subject in questions::subjects(effect, places.trace) {
        stage.advance(subject.start).await?;
        for (question, reply) in Asker::new(&stage, &effect.before, &subject).replies().await? {
            said.add(&subject, (question, &reply), places);
        }
    }
    client.batch_execute("ROLLBACK").await?;
    Ok(said)
}
