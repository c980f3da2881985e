//! Who runs the server. PostgreSQL refuses to run as root, and `initdb` wants an account with a passwd entry.

use nix::unistd::{Uid, User, geteuid};

use super::{Attempt, locate::command};
use crate::{context::Context, process::RunAs};

/// Accounts that a root may lend to the server, best first.
const LENT: [&str; 2] = ["postgres", "nobody"];

/// The accounts that may be able to run the server, best first. What is ruled out beforehand is added to
/// `attempts`.
pub(super) fn candidates(attempts: &mut Vec<Attempt>) -> Vec<RunAs> {
    let me = geteuid();
    let mut accounts = Vec::new();
    if me.is_root() {
        for name in LENT {
            match lookup(name) {
                Some(user) => accounts.push(user),
                None => attempts.push(rejected(format!("account {name}"), "there is no such account")),
            }
        }
    } else if matches!(User::from_uid(me), Ok(Some(_))) {
        return vec![RunAs::Myself];
    } else {
        attempts.push(rejected(format!("user id {me}"), "initdb wants an account: it has no passwd entry"));
    }
    match namespace() {
        Ok(namespace) => accounts.push(namespace),
        Err(why) => attempts.push(rejected("another user in a user namespace".into(), why)),
    }
    accounts
}

/// Whether any of the accounts can run anything at all. Where none can, `attempts` says why.
pub(super) async fn any_runs(context: &Context, accounts: &[RunAs], attempts: &mut Vec<Attempt>) -> bool {
    let mut failures = Vec::new();
    for run_as in accounts {
        match context.processes.run(command("/bin/sh".into(), run_as).args(["-c", ":"])).await {
            Ok(finished) if finished.success() => return true,
            Ok(finished) => failures.push(rejected(describe(run_as), &finished.ended())),
            Err(error) => failures.push(rejected(describe(run_as), &error.to_string())),
        }
    }
    attempts.append(&mut failures);
    false
}

/// The account as a person would name it.
pub(super) fn describe(account: &RunAs) -> String {
    match account {
        RunAs::Myself => "this user".into(),
        RunAs::User { name, .. } => format!("user {name}"),
        RunAs::Namespace { uid, .. } => format!("uid {uid} in a user namespace"),
    }
}

fn lookup(name: &str) -> Option<RunAs> {
    let user = User::from_name(name).ok().flatten()?;
    (!user.uid.is_root()).then(|| RunAs::User {
        uid: user.uid.as_raw(),
        gid: user.gid.as_raw(),
        name: user.name,
    })
}

/// Within a namespace the server may be anybody but root, as long as there is a passwd entry for it.
fn namespace() -> Result<RunAs, &'static str> {
    if !cfg!(target_os = "linux") {
        return Err("this system has none");
    }
    let known = |uid: u32| User::from_uid(Uid::from_raw(uid)).ok().flatten();
    [65534, 1000, 1, 2, 99, 33]
        .into_iter()
        .find_map(known)
        .map(|user| RunAs::Namespace { uid: user.uid.as_raw(), gid: user.gid.as_raw() })
        .ok_or("no account but root has a passwd entry")
}

fn rejected(what: String, why: &str) -> Attempt {
    Attempt { what, why: why.into() }
}
