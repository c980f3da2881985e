//! A folder of releases, each checked against the one before it.

use camino::{Utf8Path, Utf8PathBuf};

use crate::{cli::release::ReleaseArgs, context::Context, error::Error, report::Report};

pub(super) async fn run(_: &Context, _: &ReleaseArgs, folder: &Utf8Path) -> Result<Report, Error> {
    let _: Vec<Utf8PathBuf> = Vec::new();
    Err(Error::failed(format!("{folder}: not yet")))
}
