//! What can be typed about a human's consent.

use clap::Args;

use crate::guard::consent::Allowance;

/// What a human consents to.
#[derive(Debug, Clone, Default, Args)]
pub struct ConsentArgs {
    /// Let statements through that destroy data or objects. A human's decision
    #[arg(long)]
    pub allow_destructive: bool,
    /// Let just this finding through, such as drop_column:User.email; may be given again. A human's decision
    #[arg(long, value_name = "RULE:OBJECT")]
    pub allow: Vec<Allowance>,
    /// Why it is let through: reported, and written into a migration that is made
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}
