//! What the temporary database and Prisma said about the same inputs.

use serde::{Serialize, de::DeserializeOwned};

use super::{Fingerprint, Key, Kind, Shelf, results};
use crate::{context::Context, process::Processes};

/// The answers to questions about one set of inputs.
#[derive(Debug)]
pub struct Answers<'a> {
    processes: &'a Processes,
    /// The shelf, and the key of the inputs; `None` where nothing is remembered.
    about: Option<(Shelf, Key)>,
}

impl<'a> Answers<'a> {
    /// The answers about the inputs of this key; `None` where it cannot be told what they are.
    #[must_use]
    pub fn about(context: &'a Context, inputs: Option<Key>) -> Self {
        Self { processes: &context.processes, about: results(context, Kind::Answers).zip(inputs) }
    }

    /// What the text of scripts tells, which this key is made of.
    #[must_use]
    pub fn about_scripts(context: &'a Context, scripts: Key) -> Self {
        let about = results(context, Kind::Scripts).map(|shelf| (shelf, scripts));
        Self { processes: &context.processes, about }
    }

    /// The answer to `question`, if an earlier run had it.
    #[must_use]
    pub fn recall<T: DeserializeOwned>(&self, question: &Fingerprint) -> Option<T> {
        let (shelf, inputs) = self.about.as_ref()?;
        serde_json::from_slice(&shelf.get(&question.clone().with(inputs).key())?).ok()
    }

    /// Keeps the answer to `question`. It is a courtesy to later runs: where it cannot be done, they ask again.
    pub fn remember<T: Serialize>(&self, question: &Fingerprint, answer: &T) {
        if let Some((shelf, inputs)) = &self.about
            && let Ok(answer) = serde_json::to_vec(answer)
        {
            let _ = shelf.put(self.processes, &question.clone().with(inputs).key(), &answer);
        }
    }
}
