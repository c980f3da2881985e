//! One file for each command: a path through the stages. Dispatch, no logic.

use crate::{cli::Command, context::Context, error::Error, report::Report};

/// Runs `command`.
///
/// # Errors
/// Where the work could not be done.
pub async fn run(context: &Context, command: &Command) -> Result<Report, Error> {
    let _ = (context, command);
    Err(Error::failed("not here yet"))
}
