//! What was consented to on the command line, and whether a human did.

use crate::{
    cli::consent::ConsentArgs,
    context::Environment,
    error::Error,
    finding::Finding,
    guard::{
        agents, allow_list,
        consent::{self, Allowance, Consents},
    },
};

/// The consent that the flags give. Where an AI agent passes them on, the human's own words are the reason. `other` is
/// another flag that is a human's decision, where it was typed.
///
/// # Errors
/// Where an agent passes a flag that is a human's decision and has no words of theirs.
pub(super) fn given(
    environment: &Environment,
    args: &ConsentArgs,
    other: Option<&'static str>,
) -> Result<Consents, Error> {
    let ConsentArgs { allow_destructive: everything, allow, reason } = args.clone();
    let flags =
        [everything.then_some("--allow-destructive"), (!allow.is_empty()).then_some("--allow"), other];
    let flags: Vec<_> = flags.into_iter().flatten().collect();
    let words = agents::human_words(environment, &flags).map_err(|error| Error::Usage(error.to_string()))?;
    let quoted = words.map(|words| format!("the human's words: {words}"));
    let reason = match (reason, quoted) {
        (Some(reason), Some(words)) => Some(format!("{reason} ({words})")),
        (reason, words) => reason.or(words),
    };
    Ok(Consents { everything, allow, reason })
}

/// Marks what `consents` lets through. An `--allow` that is for nothing here stays without effect, for it may stand in
/// a manifest for longer than the migration is pending: these are named.
pub(super) fn apply_lenient(findings: &mut [Vec<Finding>], consents: &Consents) -> Vec<String> {
    let covers = |allowance: &&Allowance| findings.iter().flatten().any(|finding| allowance.covers(finding));
    let (used, unused): (Vec<_>, Vec<_>) = consents.allow.iter().partition(covers);
    for list in findings {
        let here = |allowance: &&&Allowance| list.iter().any(|finding| allowance.covers(finding));
        let allow = used.iter().filter(here).map(|allowance| (*allowance).clone()).collect();
        // Each of these covers something.
        let _ = consent::apply(list, &Consents { allow, ..consents.clone() });
    }
    unused.into_iter().map(|unused| format!("{}:{}", unused.rule, unused.object)).collect()
}

/// What a person has to do where findings were let through without a reason: `check` wants one.
pub(super) fn without_reason(findings: &[Finding], migration: &str) -> Option<String> {
    let is_bare =
        |finding: &&Finding| finding.allowed.as_ref().is_some_and(|consent| consent.reason.is_none());
    let entries: Vec<_> =
        findings.iter().filter(is_bare).map(|finding| allow_list::entry_for(finding, migration)).collect();
    (!entries.is_empty()).then(|| {
        format!(
            "What was let through has no reason (--reason), and `check` will want one. With a reason this goes into \
             run-migration.toml:\n\n{}",
            entries.join("\n")
        )
    })
}
