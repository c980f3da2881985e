//! What pending migrations would destroy of what a live database has.

use std::collections::BTreeSet;

use camino::Utf8Path;

use crate::{
    catalog::{Catalog, Kind},
    error::Error,
    finding::{Finding, Severity},
    guard::{self, Script, Terms, proof::Proof, waiver::Waivers},
    history::Migration,
};

/// Rules about what is not an object of the database: they hold on an empty one, too.
const BEYOND_OBJECTS: [&str; 4] = ["run_program", "drop_database", "drop_owned", "write_catalog"];

/// Rules about what cannot be read: nobody can say that it destroys nothing, but where there is nothing.
const UNREADABLE: [&str; 4] = ["dynamic_sql", "unparsed_sql", "string_syntax", "destructive_call"];

/// What is looked at.
#[derive(Debug)]
pub struct Question<'a> {
    /// The migrations that are applied already: they tell who made what.
    pub applied: Vec<&'a Migration>,
    /// Those that are not.
    pub pending: &'a [&'a Migration],
    /// What was proved about each of these, as far as it was.
    pub proofs: &'a [Proof],
    /// The live database.
    pub live: &'a Catalog,
    /// The schema that Prisma works in there.
    pub schema: &'a str,
    /// What a person would call the directory of the migrations.
    pub directory: &'a Utf8Path,
}

/// What the rules find in the pending migrations, one list for each. What a pending migration makes and another one
/// destroys is no loss where the database does not have it; waivers in the files do not count.
///
/// # Errors
/// Where the system grants no thread to read the SQL in.
pub fn findings(question: &Question<'_>) -> Result<Vec<Vec<Finding>>, Error> {
    let scripts = question.applied.iter().map(|one| (one.name.as_str(), one.sql.as_str()));
    let mut history = guard::origin::history(scripts)?;
    let live = Live::of(question);
    let mut all = Vec::new();
    for (at, migration) in question.pending.iter().enumerate() {
        let path = question.directory.join(&migration.name).join(crate::history::FILE_NAME);
        let script = Script { file: Some(&path), sql: &migration.sql };
        let terms = Terms { waivers: &Waivers::Ignored, proof: question.proofs.get(at) };
        let found = guard::advance(&script, &mut history, &migration.name, terms)?;
        all.push(found.into_iter().map(|located| live.judge(located.finding)).collect());
    }
    Ok(all)
}

/// What is there to be lost.
struct Live<'a> {
    names: BTreeSet<String>,
    pending: BTreeSet<&'a str>,
    is_empty: bool,
}

impl<'a> Live<'a> {
    fn of(question: &Question<'a>) -> Self {
        let objects = question.live.objects();
        let home = format!("{}.", question.schema);
        let bare = |name: &str| name.strip_prefix(&home).unwrap_or(name).to_owned();
        let is_something = |kind: Kind| kind != Kind::Schema && kind != Kind::Extension;
        Self {
            is_empty: !objects.iter().any(|object| is_something(object.kind)),
            names: objects.iter().flat_map(|object| [object.name.clone(), bare(&object.name)]).collect(),
            pending: question.pending.iter().map(|migration| migration.name.as_str()).collect(),
        }
    }

    /// The finding as it is for this database.
    fn judge(&self, finding: Finding) -> Finding {
        if BEYOND_OBJECTS.contains(&finding.rule) {
            return finding;
        }
        let is_new = finding.created_in.as_deref().is_some_and(|maker| self.pending.contains(maker))
            && !self.names.contains(&finding.object);
        let refuses = finding.severity == Severity::Refuse;
        let proof = match (self.is_empty, refuses && is_new && !UNREADABLE.contains(&finding.rule)) {
            (true, _) => "the database is empty: there is nothing to be lost, and nobody who waits",
            (false, true) => "a pending migration makes it: the database does not have it yet",
            (false, false) => return finding,
        };
        let mut finding = Finding { severity: Severity::Info, ..finding };
        finding.proof.push(proof.to_owned());
        finding
    }
}
