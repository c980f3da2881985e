//! The migrations against the schema: Prisma's own script for the difference is run, and the catalogs are compared.

use camino::{Utf8Path, Utf8PathBuf};

use super::{Made, Schema, Side, Work};
use crate::{
    catalog::{Catalog, Matching, compare},
    config::Project,
    error::Error,
    guard::proof,
    postgres,
    prisma::{self, Diff},
    release::package::Package,
};

impl Work<'_> {
    pub(super) async fn schema(&self, fresh: Option<&Made>, from: Option<&Made>) -> Schema {
        let Some(schema) = &self.to.schema else { return Schema::None };
        let Some(fresh) = fresh else { return Schema::NoDatabase };
        let (made, wanted) = match self.wanted(fresh, &self.to, schema).await {
            Ok((made, wanted)) => (made, Box::new(wanted)),
            Err(error) => return Schema::Failed(error),
        };
        let unlike = compare(&made, &wanted, Matching::Names);
        let before = match (from, &self.from.schema) {
            (Some(from), Some(schema)) if !unlike.is_empty() => {
                let wanted = self.wanted(from, &self.from, schema).await;
                wanted.map(|(made, wanted)| compare(&made, &wanted, Matching::Names))
            }
            _ => Ok(Vec::new()),
        };
        match before {
            Ok(before) => Schema::Compared { wanted, unlike, before },
            Err(error) => Schema::Failed(error),
        }
    }

    /// What of `made` Prisma is to see, and what `schema` asks for: Prisma's own script is run on a clone.
    async fn wanted(&self, made: &Made, side: &Side, schema: &Utf8Path) -> Result<(Catalog, Catalog), Error> {
        let database = self.bench.database("schema");
        self.server.clone_database(&made.database, &database).await?;
        let mut seen = made.catalog.clone();
        if side.external.hides_something() {
            side.external.hide(&seen, self.target(&database)).await?;
            seen = proof::before(self.target(&database)).await?;
        }
        let wanted = match self.diff(&database, schema).await? {
            None => seen.clone(),
            Some(script) => {
                let client = self.server.connect(&database, self.bench.role()).await?;
                let what = || "run the script of `prisma migrate diff`".to_owned();
                let refused = |source| postgres::Error::Query { what: what(), source };
                client.batch_execute(&script).await.map_err(refused)?;
                drop(client);
                proof::before(self.target(&database)).await?
            }
        };
        self.server.drop_database(&database).await?;
        Ok((seen, wanted))
    }

    async fn diff(&self, database: &str, schema: &Utf8Path) -> Result<Option<String>, Error> {
        let processes = &self.bench.context.processes;
        let project = Project { schema: schema.to_owned(), ..self.bench.project.clone() };
        let prisma = self.bench.prisma(&project).await?;
        prisma.notes().iter().for_each(|note| self.note(note));
        let parent = self.server.socket_directory();
        let work = processes.temporary_directory(parent, "prisma-")?;
        let question = prisma::DiffRequest {
            database_url: &self.server.prisma_url(database, self.bench.role()),
            schema,
            work_dir: Utf8Path::from_path(work.path()).unwrap_or(parent),
            timeout: self.bench.context.settings.step_timeout(),
            config: self.bench.project.prisma_config.as_ref(),
        };
        Ok(match prisma::diff(processes, prisma, &question).await? {
            Diff::Empty => None,
            Diff::Script(script) => Some(script),
        })
    }
}

/// Writes the schema of `package` into `directory` and gives what Prisma is to be pointed at.
pub(super) fn write_schema(package: &Package, directory: &Utf8Path) -> Result<Utf8PathBuf, Error> {
    let files = package.schema_files();
    for (name, bytes) in &files {
        let path = directory.join(name);
        fs_err::create_dir_all(path.parent().unwrap_or(directory))?;
        fs_err::write(path, bytes)?;
    }
    let is_file = package.files.iter().any(|file| Some(&file.path) == package.schema.as_ref());
    Ok(match files.as_slice() {
        [(name, _)] if is_file => directory.join(name),
        _ => directory.to_owned(),
    })
}
