//! Every gate of a pull request: each damage is named, and what is undamaged passes.

use crate::support::{
    corpus::release,
    project::{LITELLM_BASE, LITELLM_COPIES, LITELLM_MIGRATIONS, Project, git},
    run::{Ended, run},
};

/// The fixture on a branch of its own, its pending change taken back: nothing stands against it.
fn whole() -> Project {
    let project = Project::fixture();
    git(&project.path(), &["switch", "-q", "-c", "feature"]);
    project
}

fn check(project: &Project, more: &[&str]) -> Ended {
    run(&project.path(), &[&["check", "--no-database", "--format", "json"], more].concat())
}

type Pairs = Vec<(String, String)>;

/// The rules and objects of the findings, and the verdicts of the gates.
fn verdicts(ended: &Ended) -> (Pairs, Pairs) {
    let report = ended.json();
    let pairs = |list: &str, one: &str, other: &str| {
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        report[list].as_array().unwrap().iter().map(|item| (text(&item[one]), text(&item[other]))).collect()
    };
    (pairs("findings", "rule", "object"), pairs("gates", "name", "verdict"))
}

#[track_caller]
fn finds(project: &Project, code: i32, rule: &str, object: &str) {
    let ended = check(project, &[]).expect(code);
    let (findings, _) = verdicts(&ended);
    assert!(findings.contains(&(rule.to_owned(), object.to_owned())), "{findings:?}\n{}", ended.stderr);
}

fn sql(project: &Project, name: &str) -> std::path::PathBuf {
    project.path().join(LITELLM_MIGRATIONS).join(name).join("migration.sql")
}

#[test]
fn what_is_undamaged_passes_every_gate() {
    let project = whole();
    let (_, gates) = verdicts(&check(&project, &[]).expect(0));
    let wanted = [
        ("freshness", "passed"),
        ("copies", "passed"),
        ("history", "passed"),
        ("guard", "passed"),
        ("replay", "left_out"),
    ];
    assert_eq!(gates, wanted.map(|(gate, verdict)| (gate.to_owned(), verdict.to_owned())));
    // A migration of the branch that loses nothing passes as well, and then the schema is reproduced.
    run(&project.path(), &["reading lists"]).expect(0);
    let ended = run(&project.path(), &["check"]).expect(0);
    assert!(ended.stderr.contains("replay      passed"), "{}", ended.stderr);
}

#[test]
fn a_schema_that_no_migration_makes_is_refused_with_what_is_missing() {
    let project = whole();
    let ended =
        run(&project.path(), &["check", "--format", "json"]).expect(4).says(&["OUT OF SYNC", "reading_list"]);
    let report = ended.json();
    assert_eq!(report["findings"][0]["rule"], "migration_missing");
    assert!(report["findings"][0]["statement"].as_str().unwrap().contains("CREATE TABLE \"reading_list\""));
    assert_eq!(report["requires_human"], true);
}

#[test]
fn every_rule_of_the_history_has_its_page() {
    let sources = ["compare.rs", "integrity.rs"].map(|file| {
        std::fs::read_to_string(format!("{}/src/history/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap()
    });
    let named = sources.iter().flat_map(|source| source.split('"').skip(1).step_by(2));
    let ids: std::collections::BTreeSet<_> = named
        .filter(|text| text.starts_with("migration_") && *text != "migration_lock.toml")
        .chain(["history_squashed", "migration_missing", "migration_hand_written"])
        .collect();
    assert!(ids.len() > 12, "{ids:?}");
    for id in ids {
        let page = run(std::path::Path::new("/"), &["lint", "--explain", id]).expect(0).stdout;
        assert!(page.starts_with(&format!("## {id}\n")), "{page}");
    }
}

#[test]
fn every_damage_to_the_history_is_named() {
    let names = whole().migrations();
    let (first, last) = (names[0].as_str(), names.last().unwrap().as_str());

    let project = whole();
    std::fs::remove_dir_all(sql(&project, first).parent().unwrap()).unwrap();
    finds(&project, 4, "migration_deleted", first);

    let project = whole();
    let text = std::fs::read_to_string(sql(&project, last)).unwrap();
    std::fs::write(sql(&project, last), format!("{text}-- edited\n")).unwrap();
    finds(&project, 4, "migration_edited", last);

    let project = whole();
    std::fs::write(sql(&project, last), text.replace('\n', "\r\n")).unwrap();
    finds(&project, 0, "migration_line_endings", last);

    let project = whole();
    let migrations = project.path().join(LITELLM_MIGRATIONS);
    std::fs::rename(migrations.join(last), migrations.join("20270101000000_renamed")).unwrap();
    finds(&project, 4, "migration_renamed", last);

    let project = whole();
    std::fs::remove_file(sql(&project, last)).unwrap();
    finds(&project, 4, "migration_missing_sql", last);
    let (findings, _) = verdicts(&check(&project, &[]));
    assert_eq!(findings.len(), 1, "{findings:?}");

    let project = whole();
    project.write(&format!("{LITELLM_MIGRATIONS}/20270101000000_empty/migration.sql"), " \n");
    finds(&project, 4, "migration_empty", "20270101000000_empty");

    let project = whole();
    project
        .write(&format!("{LITELLM_MIGRATIONS}/20270101000000_comment/migration.sql"), "-- nothing to do\n");
    check(&project, &[]).expect(0);

    let project = whole();
    for name in ["20270101000000_One", "20270101000000_one"] {
        project.write(&format!("{LITELLM_MIGRATIONS}/{name}/migration.sql"), "-- x\n");
    }
    finds(&project, 4, "migration_name_collision", "20270101000000_one");

    let project = whole();
    std::fs::remove_file(project.path().join(LITELLM_MIGRATIONS).join("migration_lock.toml")).unwrap();
    finds(&project, 4, "migration_lock", "migration_lock.toml");
}

#[test]
fn the_place_of_a_new_migration_is_looked_at() {
    let project = whole();
    project.write(&format!("{LITELLM_MIGRATIONS}/20260101000000_early/migration.sql"), "-- x\n");
    finds(&project, 0, "migration_out_of_order", "20260101000000_early");
    check(&project, &["--strict-order"]).expect(4);

    let project = whole();
    let stamp = project.migrations().last().unwrap()[..14].to_owned();
    let twin = format!("{stamp}_zz_twin");
    project.write(&format!("{LITELLM_MIGRATIONS}/{twin}/migration.sql"), "-- x\n");
    finds(&project, 0, "migration_shared_stamp", &twin);
}

#[test]
fn a_new_migration_that_destroys_something_is_refused_unless_it_is_on_the_list() {
    let project = whole();
    let name = "20270101000000_less";
    project.write(
        &format!("{LITELLM_MIGRATIONS}/{name}/migration.sql"),
        "ALTER TABLE \"branch\" DROP COLUMN \"address\";\n",
    );
    finds(&project, 2, "drop_column", "branch.address");
    let entry = "[[allow]]\nrule = \"drop_column\"\nobject = \"branch.address\"\n";
    project.write("run-migration.toml", &format!("{entry}reason = \"nobody uses it\"\n"));
    let report = check(&project, &[]).expect(0).json();
    assert_eq!(report["findings"][0]["allowed"]["reason"], "nobody uses it");
    project.write("run-migration.toml", entry);
    finds(&project, 2, "allow_without_reason", "drop_column:branch.address");
    project.write("run-migration.toml", &format!("{entry}reason = \"x\"\nuntil = 2020-01-01\n"));
    finds(&project, 2, "allow_expired", "drop_column:branch.address");
    project.write(
        "run-migration.toml",
        "[[allow]]\nrule = \"drop_table\"\nobject = \"nothing\"\nreason = \"x\"\n",
    );
    finds(&project, 2, "allow_unused", "drop_table:nothing");
}

#[test]
fn all_gates_are_asked_and_the_first_code_counts() {
    let project = whole();
    project.others_commit(LITELLM_BASE, "README.md", "somebody else's");
    project.write(LITELLM_COPIES[0], "// other\n");
    project.write(
        &format!("{LITELLM_MIGRATIONS}/20270101000000_less/migration.sql"),
        "DROP TABLE \"branch\";\n",
    );
    std::fs::remove_dir_all(sql(&project, &project.migrations()[1]).parent().unwrap()).unwrap();
    let ended = check(&project, &[]).expect(2).says(&[
        "STALE BRANCH",
        "OUT OF SYNC",
        "DESTRUCTIVE MIGRATION DETECTED",
    ]);
    let (_, gates) = verdicts(&ended);
    let wanted =
        ["refused_stale", "refused_out_of_sync", "refused_out_of_sync", "refused_destructive", "left_out"];
    assert_eq!(gates.into_iter().map(|(_, verdict)| verdict).collect::<Vec<_>>(), wanted);
    check(&project, &["--skip", "guard"]).expect(3);
    check(&project, &["--skip", "guard,freshness"]).expect(4);
    check(&project, &["--only", "replay"]).expect(0);
    run(&project.path(), &["check", "--only", "nonsense"]).expect(64);
}

#[test]
fn with_a_base_that_is_here_nothing_is_fetched() {
    let project = whole();
    git(&project.path(), &["remote", "set-url", "origin", "file:///nowhere"]);
    let (_, gates) = verdicts(&check(&project, &["--base", LITELLM_BASE]).expect(0));
    assert_eq!(gates[0], ("freshness".to_owned(), "left_out".to_owned()));
    let ended = check(&project, &[]).expect(1);
    let (_, gates) = verdicts(&ended);
    assert_eq!(gates[0].1, "failed");
    check(&project, &["--base", "no-such-ref"]).expect(1);
}

#[test]
fn the_deleted_migration_of_a_real_release_is_named() {
    let (Some(old), Some(new)) = (release("0.4.60"), release("0.4.61")) else { return };
    let project = Project::litellm(&old);
    git(&project.path(), &["switch", "-q", "-c", "release"]);
    let kept: Vec<_> = new.migrations.iter().map(|(name, _)| name.as_str()).collect();
    for name in project.migrations().iter().filter(|name| !kept.contains(&name.as_str())) {
        std::fs::remove_dir_all(sql(&project, name).parent().unwrap()).unwrap();
    }
    finds(&project, 4, "migration_deleted", "20260311180521_schema_sync");
    check(&project, &[]).expect(4).says(&["git checkout", "20260311180521_schema_sync"]);
}

#[test]
fn migrations_that_sort_before_the_base_get_new_stamps() {
    let project = whole();
    for name in ["20260101000000_first", "20260101000000_second"] {
        project.write(&format!("{LITELLM_MIGRATIONS}/{name}/migration.sql"), "-- x\n");
    }
    finds(&project, 0, "migration_out_of_order", "20260101000000_first");
    let before = project.migrations();
    let ended = run(&project.path(), &["restamp"]).expect(0);
    assert!(ended.stdout.contains("20260101000000_first -> "), "{}", ended.stdout);
    let (findings, _) = verdicts(&check(&project, &["--strict-order"]).expect(0));
    assert!(findings.is_empty(), "{findings:?}");
    let after = project.migrations();
    assert_eq!(after.len(), before.len());
    assert!(
        after[after.len() - 2].ends_with("_first") && after[after.len() - 1].ends_with("_second"),
        "{after:?}"
    );
    let state = project.state();
    run(&project.path(), &["restamp"]).expect(0).says(&["Nothing to do"]);
    assert_eq!(project.state(), state);
}
