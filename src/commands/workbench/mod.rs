//! The temporary database with the history in it, Prisma beside it, and what the two are asked.
//!
//! What they answered to an earlier run with the same inputs is not asked again: then neither of them is started.

mod inputs;
mod live;

use std::{collections::HashMap, rc::Rc};

use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::{Mutex, OnceCell};

use self::{inputs::Inputs, live::Live};
use super::{
    job::{Job, Stop},
    replayed::HISTORY,
    way::Ground,
};
use crate::{
    cache::{Fingerprint, Key, answers::Answers, databases::follows_the_clock},
    catalog::{self, Catalog, Matching},
    guard::{
        convergence::{self, NotConverged},
        name::Name,
        proof::{self, Proof},
    },
    history::{History, Migration, replay, squash::Verdict},
    postgres::{self, Role},
    prisma::Diff,
    report::{FromCache, Tool},
};

/// Whom the questions of a run are put to: earlier runs, else a server with the history in it, and Prisma.
pub(super) struct Workbench<'j> {
    job: &'j Job<'j>,
    inputs: Inputs<'j>,
    answers: Answers<'j>,
    /// Started by the first question that no earlier run has answered.
    live: OnceCell<Live>,
    /// What was proved in this run about the migrations of a question. Whoever asks while the proof is being made waits
    /// for it.
    proved: Mutex<HashMap<Key, Rc<Vec<Proof>>>>,
}

/// The database that migrations led to, and its catalog.
struct Led {
    database: String,
    catalog: Catalog,
}

impl<'j> Workbench<'j> {
    /// Finds PostgreSQL and Prisma. Where no earlier run knows anything of these inputs, they begin to work.
    pub(super) async fn set_up(job: &'j Job<'j>, history: &'j History) -> Result<Self, Stop> {
        let inputs = Inputs::gather(job, history).await?;
        let answers = Answers::about(job.context, inputs.key());
        let (live, proved) = (OnceCell::new(), Mutex::default());
        let bench = Self { job, inputs, answers, live, proved };
        let root = bench.job.project.root.as_str();
        let notes: Vec<String> = bench
            .answer(&Fingerprint::new("notes"), async || {
                // The repository may lie elsewhere next time.
                Ok(bench.live().await?.notes.iter().map(|note| note.replace(root, ROOT)).collect())
            })
            .await?;
        notes.iter().for_each(|note| job.note(&note.replace(ROOT, root)));
        if let postgres::Venue::Ours(installation) = &bench.inputs.venue {
            job.report.borrow_mut().toolchain.push(installation.tool());
        } else if let Some(live) = bench.live.get() {
            job.report.borrow_mut().toolchain.push(live.replayed.tool.clone());
        }
        Ok(bench)
    }

    /// What the history makes, with what is built beside it.
    pub(super) async fn catalog(&self) -> Result<Catalog, Stop> {
        let question = Fingerprint::new("catalog");
        self.answer(&question, async || Ok(self.live().await?.catalog(self.job).await?.clone())).await
    }

    /// The tables of the replayed history that are split into partitions.
    pub(super) async fn partitioned_tables(&self) -> Result<Vec<Name>, Stop> {
        let question = Fingerprint::new("partitioned tables");
        self.answer(&question, async || Ok(self.read_partitioned_tables().await?)).await
    }

    /// What the schema has and the history lacks, once `renames`, SQL, has been run.
    pub(super) async fn missing(&self, renames: &str) -> Result<Option<String>, Stop> {
        let question = Fingerprint::new("missing").with(renames);
        let missing = self.answer(&question, async || self.ask_what_is_missing(renames).await).await?;
        self.prisma_took_part();
        Ok(missing)
    }

    /// Proves on clones what `migrations` do, one after the other; what is kept and they take away all the same is
    /// among the verdicts.
    pub(super) async fn prove(&self, migrations: &[Migration]) -> Result<Vec<Proof>, Stop> {
        let question = self.about("proofs", migrations);
        self.answer(&question, async || Ok(self.proved(migrations).await?.to_vec())).await
    }

    /// What the schema still has and the database lacks after `migrations`.
    pub(super) async fn left_after(&self, migrations: &[Migration]) -> Result<Option<String>, Stop> {
        let question = self.about("left", migrations);
        let left = self.answer(&question, async || self.ask_what_is_left(migrations).await).await?;
        self.prisma_took_part();
        Ok(left)
    }

    /// Checks that `migrations` do their job. `own` is Prisma's own text, which does: what leads to the same catalog
    /// does as well. Otherwise Prisma is asked again.
    pub(super) async fn converges(&self, migrations: &[Migration], own: Option<&str>) -> Result<(), Stop> {
        if migrations.is_empty() {
            return Ok(());
        }
        if let Some(own) = own {
            let question = self.about("led where its text leads", migrations).with(own);
            if self.answer(&question, async || self.leads_where(migrations, own).await).await? {
                return Ok(());
            }
        }
        let left = self.left_after(migrations).await?.map_or(Diff::Empty, Diff::Script);
        convergence::check(&left).map_err(|left: NotConverged| left.into())
    }

    /// What Prisma sees of the database after `migrations`: its own script for it, run on an empty one. What of it cannot
    /// be run there is left out.
    pub(super) async fn seen_by_prisma(&self, migrations: &[Migration]) -> Result<Catalog, Stop> {
        let Led { database, catalog } = self.led(migrations).await?;
        self.live().await?.seen_by_prisma((self.job, &self.inputs), (&database, &catalog)).await
    }

    /// Whether `theirs`, another history, makes from nothing what this one and `migrations` make.
    pub(super) async fn stands_in_for(
        &self,
        theirs: &History,
        migrations: &[Migration],
    ) -> Result<Verdict, Stop> {
        let Led { database, catalog } = self.led(migrations).await?;
        let live = self.live().await?;
        live.stands_in_for((self.job, &self.inputs), theirs, (&database, &catalog)).await
    }

    /// Where ways back are found and proved.
    pub(super) async fn ground(&self) -> Result<Ground<'_>, Stop> {
        let server = self.live().await?.server();
        Ok(Ground { job: self.job, server, external: &self.inputs.external })
    }

    /// The way back from each of `migrations`, one after the other, as `down.sql` has it.
    pub(super) async fn downs(&self, migrations: &[Migration]) -> Result<Vec<String>, Stop> {
        let ground = self.ground().await?;
        let mut before = HISTORY.to_owned();
        let mut downs = Vec::new();
        for (at, migration) in migrations.iter().enumerate() {
            let after = format!("down_{at}");
            ground.server.clone_database(&before, &after).await?;
            replay::add(migration, self.job.target(ground.server, &after)).await?;
            downs.push(ground.down(migration, (&before, &after)).await?);
            before = after;
        }
        Ok(downs)
    }

    /// Ends the server, if there is one.
    pub(super) async fn stop(self) -> Result<(), Stop> {
        let from_cache = match self.live.get() {
            None => Some(FromCache::Answers),
            Some(live) if live.replayed.remembered.is_some() => Some(FromCache::Database),
            Some(_) => None,
        };
        self.job.report.borrow_mut().from_cache = from_cache;
        match self.live.into_inner() {
            Some(live) => live.replayed.stop().await?,
            None => {
                let stage = self.job.context.progress.stage("cache");
                self.job.done(stage.done("nothing was started: the same inputs had their answers before"));
            }
        }
        Ok(())
    }

    /// The answer of an earlier run to `question`, else that of `ask`.
    async fn answer<T: Serialize + DeserializeOwned>(
        &self,
        question: &Fingerprint,
        ask: impl AsyncFnOnce() -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        if let Some(known) = self.answers.recall(question) {
            return Ok(known);
        }
        let answer = ask().await?;
        self.answers.remember(question, &answer);
        Ok(answer)
    }

    /// A question about `migrations` after the history. What they are called makes no difference to it.
    fn about(&self, what: &str, migrations: &[Migration]) -> Fingerprint {
        let dated = migrations.iter().any(|one| follows_the_clock(&one.sql));
        Fingerprint::new(what)
            .with_all(migrations.iter().map(|one| &one.sql))
            .with_option(dated.then(|| self.inputs.today.to_string()))
    }

    async fn live(&self) -> Result<&Live, Stop> {
        self.live.get_or_try_init(async || Live::start(self.job, &self.inputs).await).await
    }

    async fn read_partitioned_tables(&self) -> Result<Vec<Name>, Stop> {
        let server = self.live().await?.server();
        let client = server.connect(HISTORY, self.job.role()).await?;
        let question = "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                        WHERE c.relkind = 'p'";
        let rows = client.query(question, &[]).await.map_err(|source| postgres::Error::Query {
            what: "list its partitioned tables".into(),
            source,
        })?;
        // What is in the schema that Prisma works in is written without it.
        let name = |schema: String, table: String| match schema == server.schema() {
            true => Name::bare(&table),
            false => Name::from_parts(&[schema, table]),
        };
        Ok(rows.iter().map(|row| name(row.get(0), row.get(1))).collect())
    }

    async fn ask_what_is_missing(&self, renames: &str) -> Result<Option<String>, Stop> {
        let live = self.live().await?;
        if renames.is_empty() {
            return live.ask((self.job, &self.inputs), (HISTORY, live.catalog(self.job))).await;
        }
        let renamed = "renamed";
        live.server().clone_database(HISTORY, renamed).await?;
        let target = self.job.target(live.server(), renamed);
        let client = live.server().connect(renamed, Role::from(target.replay_as)).await?;
        client.batch_execute(renames).await.map_err(proof::ProofError::Connection)?;
        drop(client);
        let catalog = async { Ok(proof::before(target).await?) };
        live.ask((self.job, &self.inputs), (renamed, catalog)).await
    }

    /// The proofs of `migrations`, made at most once in a run.
    async fn proved(&self, migrations: &[Migration]) -> Result<Rc<Vec<Proof>>, Stop> {
        let key = self.about("proofs", migrations).key();
        let mut proved = self.proved.lock().await;
        if let Some(known) = proved.get(&key) {
            return Ok(Rc::clone(known));
        }
        let proofs = Rc::new(self.prove_now(migrations).await?);
        proved.insert(key, Rc::clone(&proofs));
        Ok(proofs)
    }

    async fn prove_now(&self, migrations: &[Migration]) -> Result<Vec<Proof>, Stop> {
        let live = self.live().await?;
        let target = self.job.target(live.server(), HISTORY);
        let mut proofs = proof::prove_all(migrations, live.catalog(self.job).await?.clone(), target).await?;
        for proof in &mut proofs {
            proof.verdicts.extend(self.inputs.external.lost(&proof.effect));
            self.job.report.borrow_mut().timings.extend(proof.timings.iter().copied());
        }
        Ok(proofs)
    }

    /// Where `migrations` led; the history, where there are none.
    async fn led(&self, migrations: &[Migration]) -> Result<Led, Stop> {
        Ok(match self.proved(migrations).await?.last() {
            Some(last) => Led { database: last.database.clone(), catalog: last.effect.after.clone() },
            None => Led {
                database: HISTORY.to_owned(),
                catalog: self.live().await?.catalog(self.job).await?.clone(),
            },
        })
    }

    async fn ask_what_is_left(&self, migrations: &[Migration]) -> Result<Option<String>, Stop> {
        let Led { database, catalog } = self.led(migrations).await?;
        let catalog = std::future::ready(Ok(&catalog));
        self.live().await?.ask((self.job, &self.inputs), (&database, catalog)).await
    }

    async fn leads_where(&self, migrations: &[Migration], own: &str) -> Result<bool, Stop> {
        let wanted = proof::leads_to(own, self.job.target(self.live().await?.server(), HISTORY)).await?;
        let led = self.led(migrations).await?;
        Ok(catalog::compare(&wanted, &led.catalog, Matching::Names).is_empty())
    }

    fn prisma_took_part(&self) {
        let prisma = &self.inputs.prisma;
        prisma.notes().iter().for_each(|note| self.job.note(note));
        self.job.report.borrow_mut().toolchain.extend(prisma.tools());
    }
}

/// Stands for the repository's root in what is kept.
const ROOT: &str = "\u{0}root\u{0}";

/// What is said of programs that took part, a line each.
fn lines(tools: &[Tool]) -> String {
    let lines: Vec<_> =
        tools.iter().map(|tool| format!("{} {}, {}", tool.role, tool.version, tool.why)).collect();
    lines.join("\n            ")
}
