//! `--write`.

use super::{litellm, printed};
use crate::support::run::run;

const FILES: [&str; 2] =
    [".github/workflows/run-migration-check.yml", ".github/workflows/run-migration-sync.yml"];

#[test]
fn they_are_written_as_they_are_printed_and_once() {
    let forge = litellm();
    let author = forge.author();
    let ended = run(author.path(), &["ci", "github", "--write"]).expect(0);
    assert_eq!(ended.stdout, format!("{}\n{}\n", FILES[0], FILES[1]));
    let written = FILES.map(|file| std::fs::read_to_string(author.file(file)).unwrap());
    assert_eq!(run(author.path(), &["ci", "github"]).stdout, written.join("---\n"));
    assert_eq!(std::fs::read_dir(author.file(".github/workflows")).unwrap().count(), 2);
    let again = run(author.path(), &["ci", "github", "--write"]).expect(0);
    assert_eq!(again.stdout, format!("{} (unchanged)\n{} (unchanged)\n", FILES[0], FILES[1]));
}

#[test]
fn they_are_written_at_the_root_of_the_repository() {
    let forge = litellm();
    let author = forge.author();
    author.write("apps/a/prisma/schema.prisma", "");
    run(&author.file("apps/a"), &["ci", "github", "--write"]).expect(0);
    assert!(author.file(FILES[0]).exists() && !author.file("apps/a/.github").exists());
}

#[test]
fn a_file_that_holds_something_else_is_left_alone_and_none_is_written() {
    let forge = litellm();
    let author = forge.author();
    author.write(FILES[1], "ours\n");
    run(author.path(), &["ci", "github", "--write"]).expect(1).says(&[
        "run-migration-sync.yml exists already",
        "move",
        "hint: compare it",
    ]);
    assert_eq!(std::fs::read_to_string(author.file(FILES[1])).unwrap(), "ours\n");
    assert!(!author.file(FILES[0]).exists());
}

#[test]
fn no_link_is_followed() {
    let forge = litellm();
    let author = forge.author();
    let elsewhere = forge.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, author.file(".github")).unwrap();
    run(author.path(), &["ci", "github", "--write"]).expect(1).says(&[".github is a symbolic link"]);
    assert_eq!(std::fs::read_dir(&elsewhere).unwrap().count(), 0);
    std::fs::remove_file(author.file(".github")).unwrap();
    std::fs::create_dir_all(author.file(".github/workflows")).unwrap();
    std::os::unix::fs::symlink(elsewhere.join("x"), author.file(FILES[0])).unwrap();
    run(author.path(), &["ci", "github", "--write"]).expect(1).says(&["exists already"]);
    assert!(!elsewhere.join("x").exists());
}

#[test]
fn what_is_printed_does_not_depend_on_what_is_there() {
    let forge = litellm();
    let before: Vec<_> =
        printed(forge.author().path(), &[]).into_iter().map(|printed| printed.text).collect();
    run(forge.author().path(), &["ci", "github", "--write"]).expect(0);
    let after: Vec<_> = printed(forge.author().path(), &[]).into_iter().map(|printed| printed.text).collect();
    assert_eq!(before, after);
}
