//! AI agents: which ones are known, and what they need before they may pass a human's consent on.

use camino::Utf8Path;

use crate::context::Environment;

/// The variable that holds the human's own words.
pub const HUMAN_CONSENT: &str = "RUN_MIGRATION_HUMAN_CONSENT";

/// How an agent shows.
#[derive(Debug, Clone, Copy)]
enum Sign {
    /// The variable is set.
    Set(&'static str),
    /// The variable has this value.
    Is(&'static str, &'static str),
    /// The variable's value begins so.
    Begins(&'static str, &'static str),
    /// The variable's value holds this.
    Holds(&'static str, &'static str),
    /// The file exists: the agent's machine, where no variable is set.
    File(&'static str),
}

/// The signs of known agents, as of 2026-11-20. Only what an agent sets for the commands that it runs itself: a
/// variable that a human's terminal inside an editor has too (`CURSOR_TRACE_ID`, `TERM_PROGRAM`, `VSCODE_*`,
/// `ZED_TERM`, `REPL_ID`), or that holds a key or a setting (`AIDER_MODEL`, `COPILOT_GITHUB_TOKEN`), is none.
const AGENTS: &[(&str, Sign)] = &[
    ("Claude Code", Sign::Set("CLAUDECODE")),
    ("Claude Code", Sign::Set("CLAUDE_CODE")),
    ("Cursor", Sign::Set("CURSOR_AGENT")),
    ("Cursor", Sign::Is("CURSOR_EXTENSION_HOST_ROLE", "agent-exec")),
    ("Codex", Sign::Set("CODEX_SANDBOX")),
    ("Codex", Sign::Set("CODEX_SANDBOX_NETWORK_DISABLED")),
    ("Codex", Sign::Set("CODEX_THREAD_ID")),
    ("Codex", Sign::Set("CODEX_CI")),
    ("Gemini CLI", Sign::Set("GEMINI_CLI")),
    ("Qwen Code", Sign::Set("QWEN_CODE")),
    ("GitHub Copilot CLI", Sign::Set("COPILOT_CLI")),
    ("OpenCode", Sign::Set("OPENCODE")),
    ("OpenCode", Sign::Set("OPENCODE_CLIENT")),
    ("Cline", Sign::Set("CLINE_ACTIVE")),
    ("Crush", Sign::Set("CRUSH")),
    ("Augment", Sign::Set("AUGMENT_AGENT")),
    ("Antigravity", Sign::Set("ANTIGRAVITY_AGENT")),
    ("Trae", Sign::Set("TRAE_AI_SHELL_ID")),
    ("Goose", Sign::Set("GOOSE_TERMINAL")),
    ("Goose", Sign::Is("AGENT", "goose")),
    ("Amp", Sign::Is("AGENT", "amp")),
    ("Replit Agent", Sign::Begins("REPLIT_SESSION", "agent-")),
    ("Replit Agent", Sign::Set("REPLIT_AGENT")),
    ("Amazon Q", Sign::Holds("AWS_EXECUTION_ENV", "AmazonQ")),
    ("Pi", Sign::Set("PI_CODING_AGENT")),
    ("Devin", Sign::File("/opt/.devin")),
    // What agents agree to set whose names are not known here.
    ("an AI agent", Sign::Set("AI_AGENT")),
    ("an AI agent", Sign::Is("AGENT", "1")),
];

/// An agent that was recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agent {
    /// Its name.
    pub name: &'static str,
    /// What gave it away: a variable or a file.
    pub sign: &'static str,
}

/// The variables that agents are recognised by.
pub fn variables() -> impl Iterator<Item = &'static str> {
    AGENTS.iter().filter_map(|(_, sign)| match sign {
        Sign::Set(variable)
        | Sign::Is(variable, _)
        | Sign::Begins(variable, _)
        | Sign::Holds(variable, _) => Some(*variable),
        Sign::File(_) => None,
    })
}

/// The agent that this process runs under, where it is a known one.
#[must_use]
pub fn detect(environment: &Environment) -> Option<Agent> {
    AGENTS.iter().find_map(|(name, sign)| {
        let value = |variable| environment.get(variable);
        let sign = match *sign {
            Sign::Set(variable) => environment.is_on(variable).then_some(variable),
            Sign::Is(variable, wanted) => value(variable).filter(|value| *value == wanted).map(|_| variable),
            Sign::Begins(variable, start) => {
                value(variable).filter(|value| value.starts_with(start)).map(|_| variable)
            }
            Sign::Holds(variable, part) => {
                value(variable).filter(|value| value.contains(part)).map(|_| variable)
            }
            Sign::File(path) => Utf8Path::new(path).exists().then_some(path),
        }?;
        Some(Agent { name, sign })
    })
}

/// A human's decision that an agent passed on by itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{flag} is a human's decision, and this runs under {} ({}). Stop, show the human what was refused, and only \
     where they agree run it again with their own words, unchanged, in {HUMAN_CONSENT}", .agent.name, .agent.sign
)]
pub struct NotHuman {
    /// The flag that was passed.
    pub flag: &'static str,
    /// Who passed it.
    pub agent: Agent,
}

/// Whether consent may be given with these `flags`: `Ok` with the human's own words where an agent passes them on,
/// and without words where no agent is at work or no flag was passed.
///
/// # Errors
/// Where an agent passes a flag and has no words of a human.
pub fn human_words(environment: &Environment, flags: &[&'static str]) -> Result<Option<String>, NotHuman> {
    let (Some(flag), Some(agent)) = (flags.first(), detect(environment)) else { return Ok(None) };
    let words = environment.get(HUMAN_CONSENT).map(str::trim).filter(|words| !words.is_empty());
    words.map(|words| Some(words.to_owned())).ok_or(NotHuman { flag, agent })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_are_told_from_terminals_in_editors() {
        for (variable, value, wanted) in [
            ("CLAUDECODE", "1", Some("Claude Code")),
            ("CURSOR_AGENT", "1", Some("Cursor")),
            ("GEMINI_CLI", "1", Some("Gemini CLI")),
            ("CODEX_SANDBOX", "seatbelt", Some("Codex")),
            ("REPLIT_SESSION", "agent-12", Some("Replit Agent")),
            ("AI_AGENT", "somebody@2", Some("an AI agent")),
            ("AGENT", "goose", Some("Goose")),
            ("AGENT", "jenkins-7", None),
            ("CLAUDECODE", "0", None),
            ("CURSOR_TRACE_ID", "abc", None),
            ("TERM_PROGRAM", "vscode", None),
            ("REPLIT_SESSION", "12", None),
        ] {
            let found = detect(&Environment::from_pairs([(variable, value)]));
            assert_eq!(found.map(|agent| agent.name), wanted, "{variable}={value}");
        }
    }

    #[test]
    fn an_agent_needs_a_humans_words_and_a_human_needs_none() {
        let agent = [("CLAUDECODE", "1")];
        let environment = Environment::from_pairs(agent);
        assert_eq!(human_words(&environment, &[]), Ok(None));
        let error = human_words(&environment, &["--allow"]).unwrap_err().to_string();
        assert!(
            error.contains("--allow") && error.contains("CLAUDECODE") && error.contains(HUMAN_CONSENT),
            "{error}"
        );
        let spoken = Environment::from_pairs([agent[0], (HUMAN_CONSENT, "yes, drop it")]);
        assert_eq!(human_words(&spoken, &["--allow"]), Ok(Some("yes, drop it".into())));
        let blank = Environment::from_pairs([agent[0], (HUMAN_CONSENT, "  ")]);
        assert!(human_words(&blank, &["--allow"]).is_err());
        assert_eq!(human_words(&Environment::from_pairs([(HUMAN_CONSENT, "x")]), &["--allow"]), Ok(None));
    }
}
