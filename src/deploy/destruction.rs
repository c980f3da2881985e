//! What pending migrations would destroy of what a live database has.

use std::collections::BTreeSet;

use camino::Utf8Path;

use crate::{
    catalog::{Catalog, Kind},
    error::Error,
    finding::{Finding, Severity},
    guard::{self, Script, Terms, name::Name, proof::Proof, waiver::Waivers},
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

/// Rules about what rows hold: without rows nothing is lost.
const ABOUT_ROWS: [&str; 9] = [
    "drop_table",
    "drop_column",
    "drop_index",
    "truncate",
    "delete_all_rows",
    "update_all_rows",
    "lossy_type_change",
    "set_unlogged",
    "drop_expression",
];

/// The tables of `live` whose rows decide whether `findings` lose something.
#[must_use]
pub fn tables_in_question(findings: &[Vec<Finding>], live: &Catalog, schema: &str) -> BTreeSet<Name> {
    let in_question = findings.iter().flatten().filter(|one| one.refuses() && ABOUT_ROWS.contains(&one.rule));
    in_question.filter_map(|finding| table_of(&finding.object, live, schema)).collect()
}

/// Settles the findings on tables that hold no row.
pub fn settle(findings: &mut [Vec<Finding>], empty: &BTreeSet<Name>, (live, schema): (&Catalog, &str)) {
    for finding in findings.iter_mut().flatten() {
        let is_about_rows = finding.refuses() && ABOUT_ROWS.contains(&finding.rule);
        if is_about_rows
            && table_of(&finding.object, live, schema).is_some_and(|table| empty.contains(&table))
        {
            finding.severity = Severity::Info;
            finding.proof.push("the table holds no row: nothing is lost".to_owned());
        }
    }
}

/// The table of `live` that `object` is, is a part of, or is an index of; `schema` is the one that Prisma works in.
#[must_use]
pub fn table_of(object: &str, live: &Catalog, schema: &str) -> Option<Name> {
    let home = format!("{schema}.");
    let is = |name: &Name| {
        let full = name.to_string();
        let bare = full.strip_prefix(&home).unwrap_or(&full);
        [full.as_str(), bare].into_iter().any(|name| {
            object.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    };
    let has_index = |name: &Name| {
        live.tables[name].indexes.keys().any(|index| {
            let full = name.renamed(index).to_string();
            object == full || Some(object) == full.strip_prefix(&home)
        })
    };
    let tables = || live.tables.keys();
    // A column may be called like an index; a table may not.
    tables().find(|name| is(name)).or_else(|| tables().find(|name| has_index(name))).cloned()
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
