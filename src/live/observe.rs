//! One look at a database: its ledger, and its catalog where somebody wants to know.

use std::time::Duration;

use tokio_postgres::error::SqlState;

use super::{
    catalog::{self, Catalog, Schemas},
    connect::{Database, DatabaseError},
    ledger::{self, Ledger},
    url::Target,
};

/// What was seen in one look. Both parts are of the same moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// What the database records about its migrations.
    pub ledger: Ledger,
    /// Its tables and columns, where they were asked for.
    pub catalog: Option<Catalog>,
}

/// Asks a database, and remembers whether it has a ledger: after the first time one question is enough.
#[derive(Debug)]
pub struct Observer {
    /// The schema that Prisma works in.
    pub schema: String,
    /// Whose tables and columns are of interest; `None` for nobody's.
    pub schemas: Option<Schemas>,
    /// How long one answer may take.
    pub limit: Duration,
    has_ledger: bool,
}

impl Observer {
    /// An observer that knows nothing yet.
    #[must_use]
    pub const fn new(schema: String, schemas: Option<Schemas>, limit: Duration) -> Self {
        Self { schema, schemas, limit, has_ledger: false }
    }

    /// What is seen of a database that its server does not have.
    #[must_use]
    pub fn of_nothing(&self, target: &Target) -> Observation {
        let catalog = self.schemas.as_ref().map(|_| Catalog::default());
        Observation { ledger: Ledger::of_nothing(target), catalog }
    }

    /// Looks at `database`.
    ///
    /// # Errors
    /// Where it does not answer, or the role may not read the ledger.
    pub async fn look(&mut self, database: &Database) -> Result<Observation, DatabaseError> {
        if self.has_ledger {
            match self.ask(database, &ledger::question(&self.schema)).await {
                Err(error) if is_gone(&error) => self.has_ledger = false,
                other => {
                    return other.map(|(rows, catalog)| Observation { ledger: ledger::read(&rows), catalog });
                }
            }
        }
        let (rows, catalog) = self.ask(database, &ledger::probe(&self.schema)).await?;
        if let Some(ledger) = ledger::absence(&rows) {
            return Ok(Observation { ledger, catalog });
        }
        self.has_ledger = true;
        let (rows, catalog) = self.ask(database, &ledger::question(&self.schema)).await?;
        Ok(Observation { ledger: ledger::read(&rows), catalog })
    }

    /// Asks `question` and, in the same breath, for the catalog.
    async fn ask(
        &self,
        database: &Database,
        question: &str,
    ) -> Result<(Vec<tokio_postgres::SimpleQueryRow>, Option<Catalog>), DatabaseError> {
        let about_catalog = self.schemas.as_ref().map(catalog::question).unwrap_or_default();
        let mut answers = database.ask(&format!("{question}{about_catalog}"), self.limit).await?.into_iter();
        let rows = answers.next().unwrap_or_default();
        let catalog =
            self.schemas.as_ref().map(|_| catalog::read(&answers.next().unwrap_or_default(), &self.schema));
        Ok((rows, catalog))
    }
}

/// The ledger was there, and somebody dropped it.
fn is_gone(error: &DatabaseError) -> bool {
    error.is(&SqlState::UNDEFINED_TABLE) || error.is(&SqlState::INVALID_SCHEMA_NAME)
}
