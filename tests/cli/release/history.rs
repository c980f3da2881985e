//! What became of published migrations, and of the package around them: nothing is overlooked, nothing invented.

use std::fs;

use crate::support::{
    release::{Pair, Release, finding, findings, verdict},
    run::run,
};

const ONE: (&str, &str) = ("20260101000000_one", "CREATE TABLE one (id int PRIMARY KEY);\n");
const TWO: (&str, &str) = ("20260102000000_two", "CREATE TABLE two (id int);\n");
const THREE: (&str, &str) = ("20260103000000_three", "ALTER TABLE one ADD COLUMN name text;\n");

fn pair(old: &[(&str, &str)], new: &[(&str, &str)]) -> Pair {
    Pair::new(&Release::new("1.0").migrations(old), &Release::new("1.1").migrations(new))
}

#[track_caller]
fn found(old: &[(&str, &str)], new: &[(&str, &str)], code: i32) -> Vec<String> {
    findings(&pair(old, new).text_report(code))
}

#[test]
fn every_change_is_named_with_its_rule() {
    assert!(found(&[ONE, TWO], &[ONE, TWO], 0).is_empty());
    assert!(found(&[ONE, TWO], &[ONE, TWO, THREE], 0).is_empty());
    assert_eq!(found(&[ONE, TWO], &[ONE], 4), [format!("refuse migration_deleted {}", TWO.0)]);
    let edited = (TWO.0, "CREATE TABLE two (id bigint);\n");
    assert_eq!(found(&[ONE, TWO], &[ONE, edited], 4), [format!("refuse migration_edited {}", TWO.0)]);
    let crlf = (TWO.0, "CREATE TABLE two (id int);\r\n");
    assert_eq!(found(&[ONE, TWO], &[ONE, crlf], 0), [format!("info migration_line_endings {}", TWO.0)]);
    let renamed = ("20260109000000_two", TWO.1);
    assert_eq!(found(&[ONE, TWO], &[ONE, renamed], 4), [format!("refuse migration_renamed {}", TWO.0)]);
    assert_eq!(
        found(&[ONE, THREE], &[ONE, TWO, THREE], 0),
        [format!("warn migration_out_of_order {}", TWO.0)]
    );
    let twin = ("20260102000000_zwei", "CREATE TABLE zwei (id int);\n");
    assert_eq!(found(&[ONE, TWO], &[ONE, TWO, twin], 0), [format!("warn migration_shared_stamp {}", twin.0)]);
    let empty = ("20260104000000_empty", " \n");
    assert_eq!(found(&[ONE], &[ONE, empty], 4), [format!("refuse migration_empty {}", empty.0)]);
    // What is wrong in both is no news.
    assert_eq!(found(&[ONE, empty], &[ONE, empty], 0), [format!("info migration_empty {}", empty.0)]);
}

#[test]
fn order_is_refused_on_request() {
    let pair = pair(&[ONE, THREE], &[ONE, TWO, THREE]);
    let strict = pair.check(&["--no-database", "--strict-order", "--format", "json"]).expect(4).json();
    assert_eq!(findings(&strict), [format!("refuse migration_out_of_order {}", TWO.0)]);
}

#[test]
fn what_is_lost_is_shown_with_the_way_back() {
    let edited = (TWO.0, "CREATE TABLE two (id bigint);\n");
    let report = pair(&[ONE, TWO, THREE], &[edited, THREE]).text_report(4);
    let deleted = finding(&report, "migration_deleted");
    assert_eq!(deleted["statement"], ONE.1.trim());
    let safer = deleted["safer"].as_str().unwrap();
    assert!(
        safer.contains("unzip -p ") && safer.contains("migrations/20260101000000_one/migration.sql"),
        "{safer}"
    );
    assert!(safer.contains("a file of comments alone") && safer.contains("a new migration"), "{safer}");
    let edit = finding(&report, "migration_edited");
    let diff = edit["statement"].as_str().unwrap();
    assert!(diff.contains("-CREATE TABLE two (id int);\n+CREATE TABLE two (id bigint);"), "{diff}");
    assert!(edit["why"].as_str().unwrap().contains("never runs it again"), "{edit:#}");
    assert_eq!(report["requires_human"], true);
}

#[test]
fn a_directory_that_lost_its_file_is_one_finding() {
    let old = Release::new("1.0").migrations(&[ONE, TWO]);
    let new = Release::new("1.1").migration(ONE.0, ONE.1).file(&format!("migrations/{}/README", TWO.0), "");
    let report = Pair::new(&old, &new).text_report(4);
    assert_eq!(findings(&report), [format!("refuse migration_missing_sql {}", TWO.0)]);
    let why = finding(&report, "migration_missing_sql")["why"].as_str().unwrap();
    assert!(why.contains("passes over it"), "{why}");
}

#[test]
fn destruction_comes_before_damage_in_the_exit_code() {
    let dropping = ("20260104000000_drop", "DROP TABLE one;\n");
    let report = pair(&[ONE, TWO], &[ONE, dropping]).text_report(2);
    assert_eq!(
        (verdict(&report, "history"), verdict(&report, "guard")),
        ("refused_out_of_sync", "refused_destructive")
    );
    let drop = finding(&report, "drop_table");
    assert!(
        drop["why"].as_str().unwrap().contains("`prisma migrate deploy` runs it without a question"),
        "{drop:#}"
    );
}

#[test]
fn waivers_in_the_sql_do_not_count_and_the_allow_list_does() {
    let sql = "-- run-migration: allow drop_table:one because nobody needs it\nDROP TABLE one;\n";
    let pair = pair(&[ONE, TWO], &[ONE, ("20260104000000_drop", sql)]);
    pair.text_report(2);
    let allow = |reason: &str| {
        let config = format!(
            "[[allow]]\nrule = \"drop_table\"\nobject = \"one\"\nreason = \"{reason}\"\n\
             [[allow]]\nrule = \"migration_deleted\"\nobject = \"{}\"\nreason = \"{reason}\"\n",
            TWO.0
        );
        fs::write(pair.place().join("run-migration.toml"), config).unwrap();
    };
    allow("nobody needs it");
    let report = pair.text_report(0);
    for rule in ["drop_table", "migration_deleted"] {
        assert_eq!(finding(&report, rule)["allowed"]["reason"], "nobody needs it");
    }
    allow("");
    let report = pair.text_report(2);
    assert!(
        findings(&report).contains(&"refuse allow_without_reason drop_table:one".to_owned()),
        "{report:#}"
    );
}

#[test]
fn what_the_same_release_made_is_nobody_s_loss() {
    let making = ("20260104000000_make", "CREATE TABLE tmp (id int);\nCREATE INDEX tmp_id ON tmp (id);\n");
    let dropping = ("20260105000000_drop", "DROP INDEX tmp_id;\nDROP TABLE tmp;\n");
    let report = pair(&[ONE], &[ONE, making, dropping]).text_report(0);
    let found = findings(&report);
    assert_eq!(found, ["info drop_index tmp_id", "info drop_table tmp"]);
    let old = pair(&[ONE, making], &[ONE, making, dropping]).text_report(2);
    assert_eq!(findings(&old), ["refuse drop_index tmp_id", "refuse drop_table tmp"]);
}

#[test]
fn a_version_that_was_not_raised_is_told() {
    let old = Release::new("1.0").migrations(&[ONE]);
    for (version, words) in [("1.0", "both call themselves 1.0"), ("0.9", "0.9 is lower than 1.0")] {
        let report = Pair::new(&old, &Release::new(version).migrations(&[ONE, TWO])).text_report(0);
        let why = finding(&report, "version_not_raised")["why"].as_str().unwrap();
        assert!(why.contains(words), "{why}");
        assert!(
            findings(&Pair::new(&old, &Release::new(version).migrations(&[ONE])).text_report(0)).is_empty()
        );
    }
    assert!(
        findings(&Pair::new(&old, &Release::new("1.0.post1").migrations(&[ONE, TWO])).text_report(0))
            .is_empty()
    );
}

#[test]
fn what_does_not_belong_into_a_package_is_told_once() {
    let old = Release::new("1.0").migrations(&[ONE]).file("__pycache__/a.pyc", "");
    let new = Release::new("1.1")
        .migrations(&[ONE])
        .file("__pycache__/a.pyc", "")
        .file("__pycache__/b.pyc", "")
        .file("lib.so", "")
        .file(".env", "PASSWORD=x");
    let report = Pair::new(&old, &new).text_report(0);
    let found = findings(&report);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found.iter().all(|finding| finding.starts_with("warn build_artefact some_extras/")), "{found:?}");
    let again = findings(&Pair::new(&new, &new).text_report(0));
    assert!(again.iter().all(|finding| finding.starts_with("info build_artefact")), "{again:?}");
}

#[test]
fn the_package_is_held_against_what_it_was_built_from() {
    let old = Release::new("1.0").migrations(&[ONE]).schema("");
    let source = Release::new("1.1").migrations(&[ONE, TWO, THREE]).schema("// new\n");
    let new = Release::new("1.1")
        .migrations(&[ONE, (TWO.0, "-- other\n"), ("20260109000000_left", "-- x\n")])
        .schema("");
    let pair = Pair::new(&old, &new);
    let repository = pair.place().join("repository");
    fs::create_dir(&repository).unwrap();
    source.unpack(&repository);
    let report =
        pair.check(&["--no-database", "--format", "json", "--source", "repository"]).expect(4).json();
    assert_eq!(verdict(&report, "source"), "refused_out_of_sync");
    let found: Vec<_> = findings(&report).into_iter().filter(|finding| !finding.contains("build_")).collect();
    assert_eq!(
        found,
        [
            format!("refuse migration_packaged_differently {}", TWO.0),
            format!("refuse migration_not_packaged {}", THREE.0),
            "refuse migration_not_in_source 20260109000000_left".to_owned(),
            "refuse schema_packaged_differently some_extras/schema.prisma".to_owned(),
        ]
    );
    new.unpack(&repository);
    fs::remove_dir_all(repository.join("some_extras/migrations").join(THREE.0)).unwrap();
    let report =
        pair.check(&["--no-database", "--format", "json", "--source", "repository"]).expect(0).json();
    assert_eq!(verdict(&report, "source"), "passed");
}

#[test]
fn two_packagings_of_one_release_must_hold_the_same() {
    let place = tempfile::tempdir().unwrap();
    let release = Release::new("1.0").migrations(&[ONE, TWO]).schema("");
    let wheel = release.wheel(place.path());
    let check = || {
        let (wheel, sdist) = (wheel.to_str().unwrap(), place.path().join("some_extras-1.0.tar.gz"));
        let args = ["release-check", "--no-database", "--format", "json", "--from", wheel, "--to"];
        run(place.path(), &[&args, &[sdist.to_str().unwrap()][..]].concat())
    };
    release.sdist(place.path());
    let report = check().expect(0).json();
    assert!(findings(&report).is_empty() && verdict(&report, "history") == "left_out", "{report:#}");
    release.without(&format!("migrations/{}/migration.sql", TWO.0)).sdist(place.path());
    let report = check().expect(4).json();
    assert_eq!(findings(&report), [format!("refuse migration_not_packaged {}", TWO.0)]);
}
