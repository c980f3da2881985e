//! The one place with unsafe code: a child that enters a user namespace before it starts.
#![expect(
    unsafe_code,
    reason = "`pre_exec` is the only moment between fork and exec that the standard library offers"
)]

use tokio::process::Command;

/// Makes `command` run as `uid` and `gid` of a user namespace of its own, which outside is still the tool's
/// own user: for a server that refuses to run as root where root may not become anybody else.
#[cfg(target_os = "linux")]
pub(super) fn enter(command: &mut Command, uid: u32, gid: u32) {
    use nix::{
        sched::{CloneFlags, unshare},
        unistd::{getegid, geteuid},
    };
    let uid_map = format!("{uid} {} 1", geteuid());
    let gid_map = format!("{gid} {} 1", getegid());
    let enter = move || {
        unshare(CloneFlags::CLONE_NEWUSER)?;
        write_proc(c"/proc/self/setgroups", b"deny")?;
        write_proc(c"/proc/self/uid_map", uid_map.as_bytes())?;
        write_proc(c"/proc/self/gid_map", gid_map.as_bytes())
    };
    // SAFETY: between fork and exec only async-signal-safe calls are allowed. The closure makes plain system
    // calls (unshare, open, write, close) on memory that was allocated before the fork, and allocates nothing.
    unsafe {
        command.pre_exec(enter);
    }
}

#[cfg(target_os = "linux")]
fn write_proc(path: &std::ffi::CStr, bytes: &[u8]) -> std::io::Result<()> {
    use nix::{fcntl, sys::stat::Mode, unistd};
    let file = fcntl::open(path, fcntl::OFlag::O_WRONLY, Mode::empty())?;
    unistd::write(&file, bytes)?;
    Ok(())
}

/// Elsewhere there are no user namespaces; nothing offers this choice there.
#[cfg(not(target_os = "linux"))]
pub(super) fn enter(_: &mut Command, _: u32, _: u32) {}
