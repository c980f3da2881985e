//! `cache info`, `dir`, `clear` and `trim`, and `--no-cache`.

use crate::support::{cache::Cache, project::Project, run::Ended};

const ARGS: [&str; 4] = ["generate", "next", "--dry-run", "--skip-freshness-check"];

#[test]
fn it_is_shown_made_small_and_removed_and_installed_tools_stay() {
    let (cache, project) = (Cache::new(), Project::fixture());
    let path = cache.path().to_str().unwrap();
    assert_eq!(cache.run(&project, &["cache", "dir"]).expect(0).stdout, format!("{path}\n"));
    let info = |says: &[&str]| {
        let ended = cache.run(&project, &["cache", "info"]).expect(0);
        for text in says {
            assert!(ended.stdout.contains(text), "{text}: {}", ended.stdout);
        }
    };
    info(&[path, "databases   0 entries, 0 bytes\n", "answers     0 entries, 0 bytes\n"]);
    cache.run(&project, &ARGS).expect(0);
    info(&["databases   1 entry, ", " MB, used last just now\n", "answers     "]);

    cache.run(&project, &["cache", "trim"]).expect(0);
    assert_eq!(cache.entries("databases").len(), 1, "it is small enough");
    let answers = cache.entries("answers");
    assert!(!answers.is_empty());
    cache.run(&project, &["cache", "trim", "--max-size", "100K"]).expect(0);
    assert!(cache.entries("databases").is_empty());
    assert_eq!(cache.entries("answers"), answers, "answers are small and save most");

    cache.run(&project, &ARGS).expect(0);
    cache.run(&project, &["cache", "clear"]).expect(0);
    for kind in ["databases", "answers", "scripts", "programs"] {
        assert!(!cache.path().join(kind).exists(), "{kind}");
    }
    assert!(cache.path().join("prisma").read_dir().unwrap().next().is_some());
    cache.run(&project, &["cache", "clear"]).expect(0);
    cache.run(&project, &["cache", "trim", "--max-size", "many"]).expect(64);
}

#[test]
fn without_the_cache_nothing_is_used_and_nothing_kept() {
    let (cache, project) = (Cache::new(), Project::fixture());
    cache.run(&project, &[&ARGS[..], &["--no-cache"]].concat()).expect(0);
    assert!(cache.entries("databases").is_empty() && cache.entries("answers").is_empty());
    let mut by_variable = cache.tool(&project, &ARGS);
    Ended::from(by_variable.env("RUN_MIGRATION_NO_CACHE", "1").output().unwrap()).expect(0);
    assert!(cache.entries("databases").is_empty() && cache.entries("answers").is_empty());
    cache.run(&project, &ARGS).expect(0);
    let kept = (cache.entries("databases"), cache.entries("answers"));
    let ended = cache.run(&project, &[&ARGS[..], &["--no-cache"]].concat()).expect(0);
    assert!(ended.stderr.contains("migrations applied") && !ended.stderr.contains("from the cache"));
    assert_eq!((cache.entries("databases"), cache.entries("answers")), kept);
}

#[test]
fn a_snapshot_is_taken_from_the_same_database() {
    let (cache, project) = (Cache::new(), Project::fixture());
    let first = cache.run(&project, &["snapshot"]).expect(0);
    assert_eq!(cache.entries("databases").len(), 1);
    let second = cache.run(&project, &["snapshot"]).expect(0).says(&["migrations, from the cache"]);
    let without = cache.run(&project, &["snapshot", "--no-cache"]).expect(0);
    assert!(first.stdout == second.stdout && second.stdout == without.stdout);
}
