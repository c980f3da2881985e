//! `snapshot`: the tables and columns that the migrations make, written down for `ready --snapshot`.

use super::subject;
use crate::{cli::live::SnapshotArgs, context::Context, error::Error, report::Report};

pub(super) async fn run(context: &Context, args: &SnapshotArgs) -> Result<Report, Error> {
    let _history = subject::expected(context, args.migrations.as_deref()).await?;
    Err(Error::failed("not here yet"))
}
