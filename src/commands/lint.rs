//! The guard on its own: SQL files in, findings out. No database, no repository, no layout needed.

mod sources;

use std::{collections::BTreeMap, fmt::Write};

use camino::{Utf8Path, Utf8PathBuf};
use jiff::{civil::Date, tz::TimeZone};

use self::sources::{Source, Unreadable};
use crate::{
    cli::{Format, LintArgs},
    config,
    context::Context,
    error::Error,
    finding::{Finding, Severity},
    guard::{
        self, Located, Script,
        allow_list::{AllowList, Entry},
        catalog::History,
        rules::pages,
        waiver::{self, Waivers},
    },
    outcome::Outcome,
    report::{Report, lint::snippet},
};

/// Waivers that a refusal spells out.
const SUGGESTED: usize = 10;

/// Checks the files, or explains a rule.
///
/// # Errors
/// Where a rule does not exist, the configuration is wrong, or the system grants no thread.
pub(super) async fn run(context: &Context, args: &LintArgs) -> Result<Report, Error> {
    if let Some(id) = &args.explain {
        return explain(id);
    }
    let (file, settings) = config::without_project(context)?;
    let job = Lint {
        waivers: Waivers::Honoured { except: settings.guard.forbid_waivers },
        allowed: (file, settings.allow),
        today: context.now.to_zoned(TimeZone::UTC).date(),
        cwd: context.cwd.clone(),
        files: args.files.clone(),
        least: match (context.settings.format, context.settings.quiet, context.settings.verbose) {
            (Format::Human, true, _) => Some(Severity::Refuse),
            (Format::Human, _, true) => Some(Severity::Info),
            (Format::Human, ..) => Some(Severity::Warn),
            _ => None,
        },
        ..Lint::default()
    };
    // In a thread of its own, so that a signal ends the run whatever it is reading.
    let (done, result) = tokio::sync::oneshot::channel();
    std::thread::Builder::new().name("lint".into()).spawn(move || drop(done.send(job.story())))?;
    result.await.map_err(|_gone| Error::failed("the check ended by a defect of its own"))?
}

fn explain(id: &str) -> Result<Report, Error> {
    let page = match (id, pages::page_of(id)) {
        ("all", _) => pages::document(),
        (_, Some(page)) => page,
        (_, None) => {
            let known: Vec<_> = pages::ids().collect();
            return Err(Error::Usage(format!("there is no rule {id}; there are {}", known.join(", "))));
        }
    };
    Ok(Report { result: Some(page), shows_findings: true, ..Report::new("lint", Outcome::Passed) })
}

/// The check at work.
#[derive(Default)]
struct Lint {
    waivers: Waivers,
    /// The configuration file and its allow list.
    allowed: (Utf8PathBuf, Vec<Entry>),
    today: Date,
    cwd: Utf8PathBuf,
    files: Vec<String>,
    /// The least severity that a person is shown; `None` where a program reads.
    least: Option<Severity>,
    findings: Vec<Finding>,
    text: String,
    checked: usize,
    unreadable: Vec<Unreadable>,
    /// What is known of each migrations directory, up to the file at work.
    histories: BTreeMap<Utf8PathBuf, (Vec<Utf8PathBuf>, History)>,
}

impl Lint {
    fn story(mut self) -> Result<Report, Error> {
        let (sources, unreadable) = sources::find(&self.cwd, &self.files);
        self.unreadable = unreadable;
        for source in &sources {
            match source.read() {
                Ok(sql) => self.check(source, &sql)?,
                Err(unreadable) => self.unreadable.push(unreadable),
            }
        }
        Ok(self.report())
    }

    fn check(&mut self, source: &Source, sql: &str) -> Result<(), Error> {
        self.checked += 1;
        let script = Script { file: Some(&source.shown), sql };
        let name = source.migration().unwrap_or_default().to_owned();
        let mut history = self.history_before(source)?;
        let mut found = guard::advance(&script, &mut history, &name, &self.waivers)?;
        if let Some(directory) = source.migrations() {
            let (_, known) = self.histories.entry(directory.to_owned()).or_default();
            *known = history;
        }
        let (file, entries) = &self.allowed;
        let mut allowed = AllowList::new(file, entries, self.today);
        for located in &mut found {
            allowed.apply(std::slice::from_mut(&mut located.finding), Some(&name));
            self.text.push_str(&self.shown(located, sql));
        }
        self.findings.extend(found.into_iter().map(|located| located.finding));
        Ok(())
    }

    /// What the migrations before this one made, where it is one of a history that Prisma keeps.
    fn history_before(&mut self, source: &Source) -> Result<History, Error> {
        let Some(directory) = source.migrations() else { return Ok(History::empty()) };
        let (left, mut history) = match self.histories.remove(directory) {
            Some(known) => known,
            None => (sources::migrations_in(directory), History::empty()),
        };
        let (before, after): (Vec<_>, Vec<_>) = left.into_iter().partition(|path| *path < source.path);
        for path in before {
            // Whoever asked for this one did not ask for those: what cannot be read tells nothing.
            let Ok(sql) = Source::file(path.clone(), path.clone()).read() else { continue };
            let name = path.parent().and_then(Utf8Path::file_name).unwrap_or_default();
            guard::advance(&Script { file: None, sql: &sql }, &mut history, name, &Waivers::Ignored)?;
        }
        let after = after.into_iter().filter(|path| *path != source.path).collect();
        self.histories.insert(directory.to_owned(), (after, History::empty()));
        Ok(history)
    }

    /// What a person is shown of the finding.
    fn shown(&self, located: &Located, sql: &str) -> String {
        let Located { finding, .. } = located;
        let severity = if finding.allowed.is_some() { Severity::Info } else { finding.severity };
        if self.least.is_some_and(|least| severity >= least) { snippet(located, sql) } else { String::new() }
    }

    fn report(self) -> Report {
        let refuses = self.findings.iter().any(Finding::refuses);
        let outcome = match (self.unreadable.is_empty(), refuses) {
            (false, _) => Outcome::Failed,
            (true, true) => Outcome::RefusedDestructive,
            (true, false) => Outcome::Passed,
        };
        let mut report = Report { shows_findings: true, ..Report::new("lint", outcome) };
        let summary = self.summary();
        report.result = self.least.map(|_| format!("{}{summary}\n", self.text));
        report.notes = vec![summary];
        report.findings = self.findings;
        if !self.unreadable.is_empty() {
            let texts: Vec<_> = self.unreadable.iter().map(ToString::to_string).collect();
            report.error = Some(crate::redact::redact(&texts.join("\n       ")));
            report.hint = self.unreadable.iter().find_map(Unreadable::hint);
        } else if refuses {
            report.hint = Some(way_through(&report));
        }
        report
    }

    fn summary(&self) -> String {
        let count = |wanted: Severity| {
            let is_open = |finding: &&Finding| finding.allowed.is_none() && finding.severity == wanted;
            self.findings.iter().filter(is_open).count()
        };
        let allowed = self.findings.iter().filter(|finding| finding.allowed.is_some()).count();
        let files = if self.checked == 1 { "file" } else { "files" };
        let mut text = format!(
            "{} {files}: {} refuse, {} warn, {} info",
            self.checked,
            count(Severity::Refuse),
            count(Severity::Warn),
            count(Severity::Info)
        );
        if allowed > 0 {
            // Writing to a string cannot fail.
            let _ = write!(text, ", {allowed} allowed");
        }
        if self.least.is_some_and(|least| least > Severity::Info) && count(Severity::Info) + allowed > 0 {
            text.push_str(" (-v shows them all)");
        }
        text
    }
}

/// What a human who has decided would write into the files.
fn way_through(report: &Report) -> String {
    let unparsed = |finding: &&Finding| finding.rule != "unparsed_sql";
    let mut lines: Vec<String> = Vec::new();
    for finding in report.refusing().filter(unparsed) {
        let line = format!("    {}", waiver::line(finding.rule, &finding.object, "REASON"));
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    let more = lines.len().saturating_sub(SUGGESTED);
    lines.truncate(SUGGESTED);
    if lines.is_empty() {
        return "What cannot be parsed cannot be allowed: mend it.".into();
    }
    let rest = if more > 0 { format!("\n    and {more} more") } else { String::new() };
    format!(
        "A human who has looked at each of these and wants them gone writes on a line of its own before the \
         statement\n\n{}{rest}",
        lines.join("\n")
    )
}
