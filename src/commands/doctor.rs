//! What would be used and why, and how to mend what is missing.

use crate::{context::Context, error::Error, report::Report};

pub(super) async fn run(context: &Context) -> Result<Report, Error> {
    let _ = context;
    Err(Error::failed("not here yet"))
}
