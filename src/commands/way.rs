//! The way back from a migration: into `down.sql` beside it, or into a migration that undoes it.

use camino::Utf8PathBuf;

use super::job::{Job, Stop};
use crate::{
    back::{self, Back},
    cli::GenerateArgs,
    error::Error,
    external::External,
    history::{self, History, Migration, replay},
    outcome::Outcome,
    postgres::Server,
};

/// The database before the migration, the one after it, and the one with all later ones.
const BEFORE: &str = "way_before";
const AFTER: &str = "way_after";
const LATER: &str = "way_later";

/// Where ways back are found and proved.
#[derive(Clone, Copy)]
pub(super) struct Ground<'g> {
    pub(super) job: &'g Job<'g>,
    pub(super) server: &'g Server,
    pub(super) external: &'g External,
}

impl Ground<'_> {
    /// `down.sql` for a migration that leads from the database `before` to the database `after`.
    pub(super) async fn down(
        self,
        migration: &Migration,
        (before, after): (&str, &str),
    ) -> Result<String, Stop> {
        let stage = self.job.context.progress.stage("way back");
        let target = self.job.target(self.server, after);
        let effect = back::effect_of(before, target).await?;
        let found = back::find(migration, &effect, target).await?;
        self.job.done(stage.done("proved: up and down again, the catalog is as before"));
        Ok(back::render(&migration.name, &found))
    }

    /// A script that undoes the `at`th migration of `history` where all of it was applied: from its `down.sql`, where
    /// it has one.
    pub(super) async fn undoing(self, history: &History, at: usize) -> Result<String, Stop> {
        let migration = &history.migrations[at];
        let found = self.existing(history, at).await?;
        let later = &history.migrations[at + 1..];
        if !later.is_empty() {
            self.server.clone_database(AFTER, LATER).await?;
            let (after, target) = (self.job.target(self.server, AFTER), self.job.target(self.server, LATER));
            replay::go_on(later, target, |_| {}).await?;
            let effect = back::effect_of(BEFORE, after).await?;
            back::is_undone(migration, &found.sql, &effect, target).await?;
        }
        if found.sql.is_empty() {
            let message =
                format!("{} did nothing that a catalog shows: there is nothing to undo", migration.name);
            return Err(Error::failed(message)
                .hint("what it did to rows, a migration of your own undoes")
                .into());
        }
        let head =
            format!("-- Undoes {}\n{}", back::one_line(&migration.name), back::comments(&found.losses));
        Ok(format!("{head}\n{}", found.sql))
    }

    /// The way back from the `at`th migration of `history`: what stands in its `down.sql`, proved, else the one that is
    /// found. The databases before and after it stay.
    async fn existing(self, history: &History, at: usize) -> Result<Back, Stop> {
        let migration = &history.migrations[at];
        let stage = self.job.context.progress.stage("way back");
        stage.doing(format!("replaying the history up to {}", migration.name));
        self.server.create_database(BEFORE, self.job.role()).await?;
        let before = self.job.target(self.server, BEFORE);
        self.external.prepare(before).await?;
        replay::replay(&history.first(at), before, |_| {}).await?;
        self.server.clone_database(BEFORE, AFTER).await?;
        let target = self.job.target(self.server, AFTER);
        replay::add(migration, target).await?;
        let effect = back::effect_of(BEFORE, target).await?;
        let path = file_of(migration);
        let (found, how) = if path.symlink_metadata().is_ok() {
            let text = fs_err::read_to_string(&path)?;
            let sql = back::statements_of(&text);
            (back::given(migration, sql, &effect, target).await?, "from down.sql, proved again")
        } else {
            (back::find(migration, &effect, target).await?, "found and proved")
        };
        self.job.done(stage.done(&format!("from {}: {how}", migration.name)));
        Ok(found)
    }
}

fn file_of(migration: &Migration) -> Utf8PathBuf {
    migration.path.with_file_name(back::FILE_NAME)
}

/// Writes `down.sql` beside a migration that is there already, or proves the one that it has.
pub(super) async fn write_down(job: &Job<'_>, name: &str, args: &GenerateArgs) -> Result<Outcome, Stop> {
    if args.revert.is_some() || args.name.is_some() {
        let message =
            "--down=MIGRATION is about a migration that is there: no other is made in the same breath";
        return Err(Error::Usage(message.into()).into());
    }
    let history = job.history()?;
    let at = history.place_of(name)?;
    let migration = &history.migrations[at];
    let external = job.project.external()?;
    let server = job.postgres(&history, &external).await?;
    let found = Ground { job, server: &server, external: &external }.existing(&history, at).await?;
    server.stop().await?;
    let path = file_of(migration);
    if path.symlink_metadata().is_ok() {
        job.note(&format!("{} is there and leads back: nothing was written", job.project.relative(&path)));
        return Ok(Outcome::NoChanges);
    }
    let text = back::render(&migration.name, &found);
    if args.dry_run {
        job.report.borrow_mut().result = Some(text);
        return Ok(Outcome::WouldCreate);
    }
    history::write::write_beside(&job.context.processes, &path, &text)?;
    job.report.borrow_mut().result = Some(format!("{}\n", job.context.as_typed(&path)));
    Ok(Outcome::Created)
}

/// A migration that undoes another one leads to the schema, or the schema still wants what is undone.
pub(super) fn schema_was_reverted(undone: &str, converged: Result<(), Stop>) -> Result<(), Stop> {
    let Err(Stop::Failed(Error::Converged(left))) = converged else { return converged };
    let list: String =
        left.0.iter().map(|statement| format!("\n  {}", statement.replace('\n', "\n  "))).collect();
    let message = format!("without {undone} the schema would still want this:{list}");
    Err(Error::failed(message)
        .hint("change schema.prisma back first, and its copies (run-migration sync), then revert")
        .into())
}
