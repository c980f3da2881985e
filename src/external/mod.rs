//! Objects outside Prisma's model: what a project builds beside its migrations, and what Prisma must not drop.
//!
//! ```text
//! empty database -> before       roles and schemas that the history needs
//! the history replayed -> setup  objects that are built outside migrations
//! a clone -> hidden              what is kept is taken away, so that Prisma never asks to drop it
//! ```
//!
//! The proof of a migration works on the database that nothing is taken away from.

mod advice;
mod kept;
mod litellm;
mod script;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;

pub use self::{
    advice::advise,
    kept::{Kept, Unreadable},
    script::ExternalError,
};
use crate::{
    cache::{Fingerprint, Key},
    catalog::{Catalog, Difference},
    guard::proof::{Effect, Verdict},
    history::replay::Target,
    postgres::Role,
};

/// `[external]`: objects outside Prisma's model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExternalTable {
    /// What Prisma must not drop: `index:NAME`, `column:Table.column`, `table:NAME`, `constraint:Table.NAME`,
    /// `enum:NAME`.
    #[serde(default)]
    pub keep: Vec<Kept>,
    /// SQL for the temporary database after the history.
    pub setup: Option<Utf8PathBuf>,
    /// SQL for the temporary database before the history.
    pub before: Option<Utf8PathBuf>,
}

/// What a project has outside Prisma's model.
#[derive(Debug, Clone, Default)]
pub struct External {
    keep: Vec<Kept>,
    setup: Vec<script::Script>,
    before: Option<script::Script>,
    /// `migrations.initShadowDb` of prisma.config.*.
    init: Option<script::Script>,
}

impl External {
    /// What `table` says; its paths are relative to `base`. `schema` is the project's schema.prisma, where the
    /// layout is LiteLLM's: its request log indexes are built in.
    ///
    /// # Errors
    /// Where a file cannot be read.
    pub fn load(
        table: &ExternalTable,
        base: &Utf8Path,
        litellm_schema: Option<&Utf8Path>,
    ) -> Result<Self, ExternalError> {
        let read = |path: &Utf8PathBuf| script::Script::read(&base.join(path));
        let mut setup: Vec<_> = table.setup.iter().map(read).collect::<Result<_, _>>()?;
        if let Some(schema) = litellm_schema.filter(|schema| schema.is_file()) {
            setup.extend(litellm::request_log_indexes(&fs_err::read_to_string(schema)?));
        }
        Ok(Self {
            keep: table.keep.clone(),
            setup,
            before: table.before.as_ref().map(read).transpose()?,
            init: None,
        })
    }

    /// Runs `before` on the empty database of `target`, as a superuser, for roles need one. Schemas that it makes
    /// are handed to the role that the history is replayed as.
    ///
    /// # Errors
    /// The statement that fails.
    pub async fn prepare(&self, target: Target<'_>) -> Result<(), ExternalError> {
        if let Some(before) = &self.before {
            let client = target.server.connect(target.database, Role::Superuser).await?;
            before.run_all(&client).await?;
            script::hand_over_schemas(&client, Role::from(target.replay_as)).await?;
        }
        if let Some(init) = &self.init {
            // Prisma runs it as it runs migrations.
            let client = target.server.connect(target.database, Role::from(target.replay_as)).await?;
            init.run_all(&client).await?;
        }
        Ok(())
    }

    /// Begins with `sql`, which stands in the file `path`, before the history.
    pub fn begin_with(&mut self, path: &Utf8Path, sql: &str) {
        self.init = Some(script::Script::within(path, sql));
    }

    /// Runs `setup` on the database of `target` after the history. What an object still lacks that a later
    /// migration makes, and what the history makes itself, is left out; the notes say so.
    ///
    /// # Errors
    /// The statement that fails for another reason.
    pub async fn set_up(&self, target: Target<'_>) -> Result<Vec<String>, ExternalError> {
        let mut notes = Vec::new();
        if self.setup.is_empty() {
            return Ok(notes);
        }
        let client = target.server.connect(target.database, Role::from(target.replay_as)).await?;
        for script in &self.setup {
            notes.extend(script.run_what_can_be(&client).await?);
        }
        Ok(notes)
    }

    /// Whether Prisma has to be asked about a clone that something is taken away from.
    #[must_use]
    pub fn hides_something(&self) -> bool {
        !self.keep.is_empty()
    }

    /// Takes what is kept away from the database of `target`, a clone whose catalog is `catalog`.
    ///
    /// # Errors
    /// Where an object cannot be taken away without something that is not kept.
    pub async fn hide(&self, catalog: &Catalog, target: Target<'_>) -> Result<(), ExternalError> {
        let client = target.server.connect(target.database, Role::from(target.replay_as)).await?;
        let mut hidden: Vec<_> =
            self.keep.iter().filter_map(|kept| Some((kept, kept.removal(catalog)?))).collect();
        // Tables take their parts along; a type can only go when no column has it any more.
        hidden.sort_by_key(|(kept, _)| kept.kind);
        for (kept, removal) in hidden {
            client
                .batch_execute(&removal)
                .await
                .map_err(|source| ExternalError::Hide { kept: kept.to_string(), source })?;
        }
        Ok(())
    }

    /// What is kept but is not there: `index:NAME` and so on.
    #[must_use]
    pub fn unmatched(&self, catalog: &Catalog) -> Vec<String> {
        self.keep.iter().filter(|kept| kept.removal(catalog).is_none()).map(ToString::to_string).collect()
    }

    /// Whether the difference is about what is kept, or stands on it.
    #[must_use]
    pub fn keeps(&self, difference: &Difference) -> bool {
        self.keep.iter().any(|kept| kept.is_about(difference))
    }

    /// The verdicts on kept objects that a migration takes away all the same.
    #[must_use]
    pub fn lost(&self, effect: &Effect) -> Vec<Verdict> {
        self.keep.iter().filter_map(|kept| kept.lost(effect)).collect()
    }

    /// A hash of all that shapes a temporary database before the history.
    #[must_use]
    pub fn beginning(&self) -> Key {
        Fingerprint::new("before the history")
            .with_option(self.before.as_ref().map(script::Script::sql))
            .with_option(self.init.as_ref().map(script::Script::sql))
            .key()
    }

    /// A hash of all that shapes a temporary database and what Prisma sees of it.
    #[must_use]
    pub fn fingerprint(&self) -> Key {
        Fingerprint::new("outside of Prisma's model")
            .with(self.beginning())
            .with_all(self.setup.iter().map(script::Script::sql))
            .with_all(self.keep.iter().map(ToString::to_string))
            .key()
    }

    /// The scripts, for whoever wants to know what they do.
    pub fn scripts(&self) -> impl Iterator<Item = &str> {
        self.before.iter().chain(&self.init).chain(&self.setup).map(script::Script::sql)
    }
}
