//! Published releases, pair by pair: the verdicts stand here as they were found by hand.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{
    corpus::release,
    release::{finding, findings, verdict},
    run::run,
};

fn wheel(version: &str) -> String {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("shared/corpus");
    let wheel: PathBuf = corpus.join(format!("litellm_proxy_extras-{version}-py3-none-any.whl"));
    wheel.to_str().unwrap().to_owned()
}

/// The report on a pair, or `None` where the corpus is not there.
fn check(from: &str, to: &str, more: &[&str], code: i32) -> Option<Value> {
    release(from)?;
    let place = tempfile::tempdir().unwrap();
    let (from, to) = (wheel(from), wheel(to));
    let args = [&["release-check", "--from", &from, "--to", &to, "--format", "json"], more].concat();
    Some(run(place.path(), &args).expect(code).json())
}

#[test]
fn a_deleted_migration_is_told_in_plain_words() {
    const DELETED: &str = "20260311180521_schema_sync";
    let Some(report) = check("0.4.60", "0.4.61", &[], 4) else { return };
    let deleted = finding(&report, "migration_deleted");
    assert_eq!(deleted["object"], DELETED);
    let why = deleted["why"].as_str().unwrap();
    for words in [
        "0.4.60 shipped it and 0.4.61 does not",
        "a database on 0.4.60 has applied it and keeps all that it did, a new database of 0.4.61 never gets it",
        "`prisma migrate deploy` finds nothing to apply and undoes nothing",
    ] {
        assert!(why.contains(words), "{words:?} is missing in {why}");
    }
    assert!(deleted["proof"].to_string().contains("LiteLLM_MCPServerTable.approval_status"), "{deleted:#}");
    let differing: Vec<_> =
        findings(&report).into_iter().filter(|one| one.starts_with("refuse catalogs_differ")).collect();
    assert_eq!(differing.len(), 7, "{differing:?}");
    assert_eq!(
        ["history", "install", "upgrade", "schema"].map(|gate| verdict(&report, gate)),
        ["refused_out_of_sync", "passed", "refused_out_of_sync", "refused_out_of_sync",]
    );
    let steps = report["release"]["rollout"]["steps"].to_string();
    assert!(steps.contains("pods of 0.4.61 fail on this database"), "{steps}");
}

#[test]
fn a_release_that_adds_at_the_end_passes_with_its_proofs() {
    let Some(report) = check("0.4.109", "0.4.110", &[], 0) else { return };
    for gate in ["history", "guard", "install", "upgrade", "schema"] {
        assert_eq!(verdict(&report, gate), "passed", "{gate}: {report:#}");
    }
    let shared: Vec<_> = findings(&report).into_iter().filter(|one| one.starts_with("warn")).collect();
    assert_eq!(
        shared,
        [
            "warn migration_shared_stamp 20261013000000_access_group_mcp_tool_permissions",
            "warn migration_shared_stamp 20261013000000_add_access_group_skill_names",
        ]
    );
    assert_eq!(report["release"]["pending"].as_array().unwrap().len(), 3);
}

#[test]
fn every_other_pair_has_its_verdict() {
    for (from, to, code, refused) in [
        ("0.4.108", "0.4.109", 0, vec![]),
        ("0.4.61", "0.4.108", 2, vec!["guard"]),
        ("0.4.60", "0.4.110", 2, vec!["history", "guard"]),
        ("0.4.61", "0.4.60", 2, vec!["guard"]),
    ] {
        let Some(report) = check(from, to, &["--no-database"], code) else { return };
        for gate in ["history", "guard"] {
            let is_refused = verdict(&report, gate).starts_with("refused");
            assert_eq!(is_refused, refused.contains(&gate), "{from} {to} {gate}");
        }
    }
    let Some(report) = check("0.4.108", "0.4.109", &["--no-database", "--strict-order"], 4) else { return };
    let late: Vec<_> =
        findings(&report).into_iter().filter(|one| one.contains("migration_out_of_order")).collect();
    assert_eq!(
        late,
        [
            "refuse migration_out_of_order 20261008010000_add_daily_gateway_failed_requests",
            "refuse migration_out_of_order 20261008120000_add_daily_request_errors",
            "refuse migration_out_of_order 20261008120000_user_provider_credentials",
        ]
    );
}
