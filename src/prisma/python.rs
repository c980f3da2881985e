//! prisma-client-py: its `prisma` runs a CLI that it keeps in a cache of its own.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use super::locate::LocateRequest;
use crate::process::{Invocation, Processes};

const ASK: Duration = Duration::from_secs(20);

/// The script of the CLI behind the Python `program`, be it installed yet or not; `None` where the program does
/// not tell. Run by itself, the script starts in half the time.
pub(super) async fn script_of(
    processes: &Processes,
    request: &LocateRequest<'_>,
    program: &Utf8Path,
) -> Option<Utf8PathBuf> {
    // It reads its settings from the pyproject.toml of the directory that it is called in.
    let asked =
        Invocation::new(program, &request.project.root).args(["py", "version", "--json"]).timeout(ASK);
    let finished = processes.run(asked).await.ok()?;
    let answer: serde_json::Value = serde_json::from_slice(&finished.stdout).ok()?;
    let cache = Utf8Path::new(answer.get("binary-cache-dir")?.as_str()?);
    Some(request.project.root.join(cache).join("node_modules/prisma/build/index.js"))
}
