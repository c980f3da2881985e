//! What was consented to on the command line, and whether a human did.

use crate::{
    cli::GenerateArgs,
    context::Environment,
    error::Error,
    finding::Finding,
    guard::{agents, allow_list, consent::Consents},
};

/// The consent that the flags give. Where an AI agent passes them on, the human's own words are the reason.
///
/// # Errors
/// Where an agent passes a flag that is a human's decision and has no words of theirs.
pub(super) fn given(environment: &Environment, args: &GenerateArgs) -> Result<Consents, Error> {
    let flags: Vec<_> = [
        ("--allow-destructive", args.allow_destructive),
        ("--allow", !args.allow.is_empty()),
        ("--skip-freshness-check", args.skip_freshness_check),
    ]
    .into_iter()
    .filter_map(|(flag, passed)| passed.then_some(flag))
    .collect();
    let words = agents::human_words(environment, &flags).map_err(|error| Error::Usage(error.to_string()))?;
    let quoted = words.map(|words| format!("the human's words: {words}"));
    let reason = match (args.reason.clone(), quoted) {
        (Some(reason), Some(words)) => Some(format!("{reason} ({words})")),
        (reason, words) => reason.or(words),
    };
    Ok(Consents { everything: args.allow_destructive, allow: args.allow.clone(), reason })
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
