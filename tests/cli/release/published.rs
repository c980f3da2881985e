//! A folder of released packages.

use std::{fs, path::Path};

use crate::support::{
    release::{Release, findings},
    run::{Ended, run},
};

const ONE: (&str, &str) = ("20260101000000_one", "CREATE TABLE one (id int);\n");
const TWO: (&str, &str) = ("20260102000000_two", "CREATE TABLE two (id int);\n");
const FOUR: (&str, &str) = ("20260104000000_four", "CREATE TABLE four (id int);\n");

fn check(place: &Path, more: &[&str]) -> Ended {
    run(place, &[&["release-check", "--published", "."], more].concat())
}

/// Four releases: the second is sound, the third deletes, the fourth destroys.
fn folder() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    let drop = ("20260105000000_drop", "DROP TABLE one;\n");
    for (version, migrations) in [
        ("1.9", vec![ONE, TWO]),
        ("1.10", vec![ONE, TWO, FOUR]),
        ("1.10.post1", vec![ONE, FOUR]),
        ("2.0", vec![ONE, FOUR, drop]),
    ] {
        Release::new(version).migrations(&migrations).wheel(place.path());
    }
    fs::write(place.path().join("README.md"), "").unwrap();
    place
}

#[test]
fn each_release_is_checked_against_the_one_before_it() {
    let place = folder();
    let report = check(place.path(), &["--no-database", "--format", "json"]).expect(2).json();
    let pairs = report["pairs"].as_array().unwrap();
    let told: Vec<_> = pairs
        .iter()
        .map(|pair| {
            let release = &pair["release"];
            let called = |side: &str| release[side]["called"].as_str().unwrap().to_owned();
            (called("from"), called("to"), pair["exit_code"].as_u64().unwrap(), findings(pair))
        })
        .collect();
    let pair = |from: &str, to: &str, code, found: Vec<&str>| {
        (from.to_owned(), to.to_owned(), code, found.into_iter().map(str::to_owned).collect::<Vec<_>>())
    };
    assert_eq!(
        told,
        [
            pair("1.9", "1.10", 0, vec![]),
            pair("1.10", "1.10.post1", 4, vec!["refuse migration_deleted 20260102000000_two"]),
            pair("1.10.post1", "2.0", 2, vec!["refuse drop_table one"]),
        ]
    );
    assert_eq!(report["requires_human"], true);
}

#[test]
fn the_table_stands_on_standard_output() {
    let place = folder();
    let ended = check(place.path(), &["--no-database"]).expect(2).says(&["AI AGENTS / ASSISTANTS:"]);
    let lines: Vec<_> = ended.stdout.lines().collect();
    assert!(lines[0].starts_with("from") && lines[0].contains("out of order"), "{}", ended.stdout);
    assert_eq!(lines[1].split_whitespace().collect::<Vec<_>>(), ["1.9", "1.10", "0", "passed", "1"]);
    assert!(lines[2].starts_with("1.10        1.10.post1  4 refused_out_of_sync"), "{}", ended.stdout);
    assert!(ended.stdout.contains("2.0 after 1.10.post1:\n  drop_table  one\n"), "{}", ended.stdout);
}

#[test]
fn with_databases_each_release_is_made_once_more() {
    let place = folder();
    let report = check(place.path(), &["--format", "json"]).expect(2).json();
    let pairs = report["pairs"].as_array().unwrap();
    let codes: Vec<_> = pairs.iter().map(|pair| pair["exit_code"].as_u64().unwrap()).collect();
    assert_eq!(codes, [0, 4, 2]);
    assert!(findings(&pairs[1]).contains(&"refuse catalogs_differ two".to_owned()), "{:#}", pairs[1]);
    assert_eq!(pairs[2]["release"]["rollout"]["order"], "stop_first");
}

#[test]
fn packagings_are_held_against_each_other_and_what_cannot_be_read_fails_alone() {
    let place = folder();
    Release::new("2.0").migrations(&[ONE, FOUR]).sdist(place.path());
    fs::write(place.path().join("some_extras-2.1-py3-none-any.whl"), "no archive").unwrap();
    let report = check(place.path(), &["--no-database", "--format", "json"]).expect(1).json();
    let pairs = report["pairs"].as_array().unwrap();
    assert_eq!(pairs.len(), 5);
    assert_eq!(findings(&pairs[3]), ["refuse migration_not_packaged 20260105000000_drop"]);
    assert_eq!(pairs[4]["package"], "some_extras-2.1-py3-none-any.whl");
    assert!(pairs[4]["error"].as_str().unwrap().contains("damaged"), "{:#}", pairs[4]);
}

#[test]
fn two_releases_at_least() {
    let place = tempfile::tempdir().unwrap();
    Release::new("1.0").migrations(&[ONE]).wheel(place.path());
    check(place.path(), &["--no-database"]).expect(1).says(&["there are not two releases of one package"]);
    run(place.path(), &["release-check", "--published", "nowhere"]).expect(1).says(&["nowhere"]);
}
