//! What a check found, in one shape for every check and every output.

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

/// How bad a finding is. Ordered: `Info < Warn < Refuse`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing has to be done.
    Info,
    /// May fail or block on a database with rows; a human should look.
    Warn,
    /// Stops the run until a human consents or the cause is gone.
    Refuse,
}

/// One thing that a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule's id, such as `drop_column`: stable, used by `--allow` and in waivers.
    pub rule: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What it is about: `[schema.]table[.column]`, an index's or a type's name (quoted as SQL only
    /// where needed, `public.` left out), or for the history the migration directory's name.
    pub object: String,
    /// The file that it is in, as a person at the repository's root would name it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<Utf8PathBuf>,
    /// The line in that file, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The column in that line, in characters from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// The SQL statement, or whatever text the finding is about, as it stands in the file.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub statement: String,
    /// What would happen, in one sentence.
    pub why: String,
    /// What to do instead, in one sentence.
    pub safer: String,
    /// What established it beyond the text, such as an effect seen on the temporary database.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub proof: Vec<String>,
    /// The migration that created the object, where the history tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_in: Option<String>,
    /// Whose consent let it through; `None` while it still refuses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed: Option<Consent>,
}

/// A human's consent to one finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Consent {
    /// Where it was given: `--allow-destructive`, `--allow`, `waiver`, `configuration`.
    pub by: &'static str,
    /// Why, in the human's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Finding {
    /// A finding about `object`, which nothing more is known of yet.
    #[must_use]
    pub fn new(rule: &'static str, severity: Severity, object: impl Into<String>) -> Self {
        Self {
            rule,
            severity,
            object: object.into(),
            file: None,
            line: None,
            column: None,
            statement: String::new(),
            why: String::new(),
            safer: String::new(),
            proof: Vec::new(),
            created_in: None,
            allowed: None,
        }
    }

    /// Whether this finding stops the run.
    #[must_use]
    pub fn refuses(&self) -> bool {
        self.severity == Severity::Refuse && self.allowed.is_none()
    }
}
