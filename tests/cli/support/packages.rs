//! Programs that tests need and a machine may lack: installed where that is possible, named where it is not.

use std::{path::PathBuf, process::Stdio};

use super::run::{hermetic, tools};

/// The program, installed from the Debian package `package` where it is missing and root can do that.
#[track_caller]
pub fn program(name: &str, package: &str) -> PathBuf {
    let lock = std::fs::File::create(tools().join("apt.lock")).unwrap();
    lock.lock().unwrap();
    if find(name).is_none() && nix::unistd::geteuid().is_root() {
        let _ = apt(&["update", "-q"]) && apt(&["install", "-qy", "--no-install-recommends", package]);
    }
    find(name).unwrap_or_else(|| panic!("this test needs {name}; on Debian: apt-get install {package}"))
}

fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    places.map(|place| place.join(name)).find(|program| program.is_file())
}

fn apt(args: &[&str]) -> bool {
    let mut apt = hermetic("apt-get", std::path::Path::new("/"));
    apt.args(args).env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null()).stderr(Stdio::null());
    apt.status().is_ok_and(|status| status.success())
}
