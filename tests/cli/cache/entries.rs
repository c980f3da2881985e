//! An entry that is torn, edited or somebody else's is not believed; what is killed leaves none.

use std::{
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use crate::support::{
    cache::{Cache, findings},
    postgres::eventually,
    project::Project,
    run::Ended,
};

const ARGS: [&str; 6] = ["generate", "next", "--dry-run", "--format", "json", "--skip-freshness-check"];

fn source(ended: &Ended) -> Option<String> {
    ended.json()["from_cache"].as_str().map(str::to_owned)
}

fn mode(path: &Path) -> u32 {
    path.symlink_metadata().unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn entries_are_private_and_name_no_place() {
    let (cache, project) = (Cache::new(), Project::fixture());
    cache.run(&project, &ARGS).expect(0);
    for kind in ["databases", "answers", "scripts", "programs"] {
        assert_eq!(mode(&cache.path().join(kind)), 0o700, "{kind}");
        let entries = cache.entries(kind);
        assert!(!entries.is_empty(), "{kind}");
        for entry in entries {
            assert_eq!(mode(&entry), 0o600);
            let text = String::from_utf8_lossy(&std::fs::read(&entry).unwrap()).into_owned();
            assert!(!text.contains(project.path().to_str().unwrap()), "{}", entry.display());
        }
    }
    // The whole cache elsewhere, as a CI cache restores it, with a checkout elsewhere.
    let (other, elsewhere) = (Cache::new(), Project::fixture());
    for kind in ["databases", "answers"] {
        std::fs::create_dir(other.path().join(kind)).unwrap();
        set_mode(&other.path().join(kind), 0o700);
        for entry in cache.entries(kind) {
            std::fs::copy(&entry, other.path().join(kind).join(entry.file_name().unwrap())).unwrap();
        }
    }
    assert_eq!(source(&other.run(&elsewhere, &ARGS).expect(0)), Some("answers".into()));
    other.forget_answers();
    assert_eq!(source(&other.run(&elsewhere, &ARGS).expect(0)), Some("database".into()));
}

#[test]
fn what_is_not_whole_or_not_ours_is_made_again() {
    let (cache, project) = (Cache::new(), Project::fixture());
    let good = cache.run(&project, &ARGS).expect(0);
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 8] = [
        ("torn", |path| {
            let bytes = std::fs::read(path).unwrap();
            std::fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
        }),
        ("empty", |path| std::fs::write(path, "").unwrap()),
        ("edited", |path| {
            let mut bytes = std::fs::read(path).unwrap();
            let last = bytes.len() - 1;
            bytes[last] ^= 1;
            std::fs::write(path, bytes).unwrap();
        }),
        ("writable for the group", |path| set_mode(path, 0o620)),
        ("writable for all", |path| set_mode(path, 0o602)),
        ("a link", |path| {
            let beside = path.with_file_name("beside");
            std::fs::rename(path, &beside).unwrap();
            symlink(&beside, path).unwrap();
        }),
        ("a directory", |path| {
            std::fs::remove_file(path).unwrap();
            std::fs::create_dir(path).unwrap();
        }),
        ("a pipe", |path| {
            std::fs::remove_file(path).unwrap();
            nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        }),
    ];
    for kind in ["answers", "databases"] {
        for (what, damage) in damages {
            cache.entries(kind).iter().for_each(|path| damage(path));
            if kind == "databases" {
                cache.forget_answers();
            }
            let ended = cache.run(&project, &ARGS).expect(0);
            let believed = if kind == "databases" { None } else { Some("database".to_owned()) };
            assert_eq!(source(&ended), believed, "{kind} {what}");
            assert_eq!(findings(&ended), findings(&good), "{kind} {what}");
            let again = cache.run(&project, &ARGS);
            assert_eq!(source(&again), Some("answers".into()), "{kind} {what}: made again");
            let _ = std::fs::remove_file(cache.path().join(kind).join("beside"));
        }
    }
}

#[test]
fn a_directory_that_others_can_write_to_is_not_used_at_all() {
    let (cache, project) = (Cache::new(), Project::fixture());
    cache.run(&project, &ARGS).expect(0);
    let directories = ["answers", "databases"].map(|kind| cache.path().join(kind));
    directories.iter().for_each(|directory| set_mode(directory, 0o770));
    let before = (cache.entries("answers"), cache.entries("databases"));
    assert_eq!(source(&cache.run(&project, &ARGS).expect(0)), None);
    assert_eq!((cache.entries("answers"), cache.entries("databases")), before);
    let info = cache.run(&project, &["cache", "info"]).expect(0);
    assert_eq!(info.stdout.matches("others can write to it").count(), 2, "{}", info.stdout);

    directories.iter().for_each(|directory| set_mode(directory, 0o700));
    let elsewhere = cache.path().join("elsewhere");
    for directory in &directories {
        std::fs::rename(directory, &elsewhere).unwrap();
        set_mode(&elsewhere, 0o700);
        symlink(&elsewhere, directory).unwrap();
        let ended = cache.run(&project, &ARGS).expect(0);
        // Where the answers can be believed, no database is needed.
        let is_answers = directory.ends_with("answers");
        assert_eq!(source(&ended), Some(if is_answers { "database" } else { "answers" }.into()));
        std::fs::remove_file(directory).unwrap();
        std::fs::rename(&elsewhere, directory).unwrap();
    }
}

#[test]
fn somebody_elses_entry_is_not_believed() {
    if !nix::unistd::geteuid().is_root() {
        // Only the superuser can give a file away.
        return;
    }
    let (cache, project) = (Cache::new(), Project::fixture());
    cache.run(&project, &ARGS).expect(0);
    for path in cache.entries("answers").iter().chain(&cache.entries("databases")) {
        std::os::unix::fs::chown(path, Some(65534), None).unwrap();
    }
    assert_eq!(source(&cache.run(&project, &ARGS).expect(0)), None);
    std::os::unix::fs::chown(cache.path().join("answers"), Some(65534), None).unwrap();
    assert_eq!(source(&cache.run(&project, &ARGS).expect(0)), Some("database".into()));
}

#[test]
fn many_runs_at_once_agree() {
    let (cache, project) = (Cache::new(), Project::fixture());
    let runs: Vec<_> = (0..4)
        .map(|_| {
            let mut command = cache.tool(&project, &ARGS);
            command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    let ended: Vec<Ended> =
        runs.into_iter().map(|run| Ended::from(run.wait_with_output().unwrap()).expect(0)).collect();
    assert!(ended.iter().all(|one| findings(one) == findings(&ended[0])));
    assert_eq!(cache.entries("databases").len(), 1);
    assert_eq!(source(&cache.run(&project, &ARGS)), Some("answers".into()));
}

#[test]
fn a_run_that_is_killed_leaves_no_half_entry() {
    let project = Project::fixture();
    // At whatever moment: the directory of entries holds whole ones, or what is on its way and soon gone.
    for moment in ["databases", "answers"] {
        let cache = Cache::new();
        let mut run = cache
            .tool(&project, &ARGS)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        eventually(moment, || !cache.entries(moment).is_empty());
        run.kill().unwrap();
        run.wait().unwrap();
        eventually("what was staged is gone", || {
            let is_staged =
                |path: &std::path::PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with('.');
            !["databases", "answers"].iter().any(|kind| cache.entries(kind).iter().any(is_staged))
        });
        let good = cache.without(&project, &ARGS);
        for _ in 0..2 {
            assert_eq!(findings(&cache.run(&project, &ARGS).expect(0)), findings(&good), "{moment}");
        }
    }
}

#[test]
fn a_failure_keeps_nothing() {
    let (cache, project) = (Cache::new(), Project::fixture());
    let broken = "litellm-proxy-extras/litellm_proxy_extras/migrations/20991231000000_broken/migration.sql";
    project.write(broken, "CREATE TABLE");
    for _ in 0..2 {
        let ended = cache.run(&project, &ARGS).expect(1);
        assert!(ended.json()["error"].as_str().unwrap().contains("20991231000000_broken"));
    }
    assert!(cache.entries("answers").is_empty() && cache.entries("databases").is_empty());
}
