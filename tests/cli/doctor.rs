//! The doctor: what would be used and why.

use crate::support::{
    project::Project,
    run::{Ended, run, tool},
};

#[test]
fn everything_that_would_be_used_is_named_and_nothing_is_changed() {
    let project = Project::fixture();
    let before = project.state();
    let ended = run(&project.path(), &["doctor"]).expect(0);
    for word in ["layout", "LiteLLM's layout", "git", "remote", "postgres", "prisma", "cache", "8 migrations"]
    {
        assert!(ended.stdout.contains(word), "{word}: {}", ended.stdout);
    }
    assert_eq!(project.state(), before);
}

#[test]
fn what_is_missing_is_named_with_the_way_to_mend_it() {
    let empty = tempfile::tempdir().unwrap();
    let ended = run(empty.path(), &["doctor"]).expect(1);
    assert!(ended.stdout.contains("MISSING: no Prisma project found"), "{}", ended.stdout);
    assert!(ended.stdout.contains("to mend it:"), "{}", ended.stdout);
    let cache = empty.path().join("cache");
    let project = Project::fixture();
    let mut command = tool(&project.path(), &["doctor", "--format", "json"]);
    let ended = Ended::from(command.env("RUN_MIGRATION_CACHE_DIR", &cache).output().unwrap()).expect(0);
    assert_eq!(ended.json()["outcome"], "passed");
    for tools in ["postgres", "prisma"] {
        assert!(!cache.join(tools).exists(), "the doctor installs nothing");
    }
}
