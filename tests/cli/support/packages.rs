//! Programs that tests need and a machine may lack: installed where that is possible, named where it is not.

use std::{os::unix::fs::PermissionsExt, path::PathBuf, process::Stdio};

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

/// The directory with a PostgreSQL that has pgvector, in `pgserver/pginstall`, installed beside the build: a package for Python brings both.
pub fn pgvector() -> PathBuf {
    let place = tools().join("pgserver-0.1.4");
    let lock = std::fs::File::create(tools().join("pgserver.lock")).unwrap();
    lock.lock().unwrap();
    if !place.exists() {
        let staging = tempfile::tempdir_in(tools()).unwrap();
        let mut pip = hermetic("python3", staging.path());
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--target",
            ".",
            "--no-deps",
        ]);
        // No Python has to run it: any version's will do.
        pip.args([
            "--only-binary",
            ":all:",
            "--python-version",
            "3.12",
            "--platform",
            "manylinux2014_x86_64",
        ]);
        let output = pip.args(["--no-compile", "pgserver==0.1.4"]).output().unwrap();
        assert!(output.status.success(), "pip: {}", String::from_utf8_lossy(&output.stderr));
        std::fs::rename(staging.path(), &place).unwrap();
        std::fs::set_permissions(&place, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    place
}

fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    places.map(|place| place.join(name)).find(|program| program.is_file())
}

fn apt(args: &[&str]) -> bool {
    let mut apt = hermetic("apt-get", std::path::Path::new("/"));
    // Others may be installing, too.
    apt.args(["-o", "DPkg::Lock::Timeout=300"])
        .args(args)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    apt.status().is_ok_and(|status| status.success())
}
