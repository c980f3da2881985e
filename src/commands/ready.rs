//! `ready`: may code with these migrations serve on this database? Once, or for every probe.

use tokio::net::TcpListener;

use super::subject;
use crate::{
    cli::live::ReadyArgs,
    context::Context,
    error::Error,
    live::{
        connect::Database,
        observe::Observer,
        readiness::{Expectation, Strictness, Verdict, judge},
        serve::serve,
        snapshot::{Origin, Snapshot},
        url::Target,
        watch::{self, Watch},
    },
    outcome::Outcome,
    report::{self, Report},
};

/// Answers the question, with `--listen` until it is told to stop.
///
/// # Errors
/// Where the database or the history cannot be read; with `--advisory` never.
pub(super) async fn run(context: &Context, args: &ReadyArgs) -> Result<Report, Error> {
    let mut report = Report::new("ready", Outcome::Passed);
    // From here on, so that no SIGTERM is lost while the history is read.
    let stop = terminated();
    match answer(context, args, &mut report, stop).await {
        Err(error) if args.advisory => unknown(&mut report, &error),
        Err(error) => return Err(error),
        Ok(()) => {}
    }
    Ok(report)
}

/// Nobody can tell, and nobody is to be stopped by that.
fn unknown(report: &mut Report, error: &Error) {
    let line = format!("unknown: {}", error.text());
    report.result = Some(format!("CRITICAL: {line}\n"));
    report.hint = error.next_step();
    report.database = Some(report::Database { ready: Some(false), line, ..report::Database::default() });
}

async fn answer(
    context: &Context,
    args: &ReadyArgs,
    report: &mut Report,
    stop: impl Future<Output = ()>,
) -> Result<(), Error> {
    let target = subject::target(context, &args.database, report)?;
    let history = subject::expected(context, args.database.migrations.as_deref()).await?;
    let snapshot = args.snapshot.as_ref().map(|path| Snapshot::load(&context.absolute(path))).transpose()?;
    if let (Some(snapshot), Some(path)) = (&snapshot, &args.snapshot)
        && snapshot.history != Origin::from(&history)
    {
        report.notes.push(format!("{path} was made of another history than this one: make it again"));
    }
    let strictness = if args.strict { Strictness::Strict } else { Strictness::Lenient };
    let expectation = Expectation { history: &history, snapshot: snapshot.as_ref(), strictness };
    let schemas = snapshot.as_ref().map(|snapshot| snapshot.schemas(&target.schema));
    let observer = Observer::new(target.schema.clone(), schemas, subject::answer_limit(context, &target));
    if args.listen.is_some() {
        // A server's report comes too late for what should be known while it runs.
        report.notes.drain(..).for_each(|note| context.progress.say("note", &note));
        return listen(context, args, Question { target: &target, expectation, observer }, stop).await;
    }
    let verdict = ask(context, Question { target: &target, expectation, observer }).await?;
    conclude(report, args, &target, verdict);
    Ok(())
}

/// What is asked of whom.
struct Question<'a> {
    target: &'a Target,
    expectation: Expectation<'a>,
    observer: Observer,
}

async fn ask(context: &Context, mut question: Question<'_>) -> Result<Verdict, Error> {
    let Some(database) = Database::find(question.target, context.settings.step_timeout()).await? else {
        return Ok(judge(&question.observer.of_nothing(question.target), question.expectation));
    };
    let observation = question.observer.look(&database).await?;
    database.close().await;
    Ok(judge(&observation, question.expectation))
}

fn conclude(report: &mut Report, args: &ReadyArgs, target: &Target, verdict: Verdict) {
    let line = match (verdict.ready, args.advisory) {
        (false, true) => format!("CRITICAL: {}", verdict.line),
        _ => verdict.line.clone(),
    };
    if !verdict.ready && !args.advisory {
        report.outcome = Outcome::RefusedOutOfSync;
    }
    report.result = Some(line + "\n");
    report.database = Some(report::Database {
        place: target.place.clone(),
        schema: target.schema.clone(),
        ready: Some(verdict.ready),
        line: verdict.line,
        state: Some(verdict.state),
        missing: verdict.missing,
        retyped: verdict.retyped,
        warnings: verdict.warnings,
    });
}

/// Answers probes until SIGTERM.
async fn listen(
    context: &Context,
    args: &ReadyArgs,
    question: Question<'_>,
    stop: impl Future<Output = ()>,
) -> Result<(), Error> {
    let (Some(address), Some(interval)) = (args.listen, args.interval) else { return Ok(()) };
    let failed = |source: std::io::Error| Error::failed(format!("{address}: cannot listen there: {source}"));
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    context.progress.say("listen", &format!("http://{bound}/health/ready"));
    let watch = Watch {
        target: question.target,
        expectation: question.expectation,
        observer: question.observer,
        connect_limit: context.settings.step_timeout(),
        interval,
        clock: Context::clock,
    };
    let (sender, answers) = watch::channel();
    tokio::select! {
        () = watch.run(sender, |line| context.progress.say("database", line)) => {}
        () = serve(listener, answers, stop) => {}
    }
    Ok(())
}

/// Done with the first SIGTERM after this call: the ordinary end of a server.
fn terminated() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let signal = signal(SignalKind::terminate());
    async {
        match signal {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    }
}
