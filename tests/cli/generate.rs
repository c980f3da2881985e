//! The main job, gate by gate, as a user meets it.

use crate::support::{
    project::{LITELLM_BASE, LITELLM_COPIES, LITELLM_MIGRATIONS, Project, git},
    run::{run, tool},
};

/// What the fixture's pending change comes to.
const PENDING: [&str; 3] = [
    "CREATE TABLE IF NOT EXISTS \"reading_list\"",
    "ADD COLUMN IF NOT EXISTS \"subtitle\"",
    "send_reminders",
];

/// Runs the tool, expects `code`, and expects that nothing has changed.
#[track_caller]
fn refuses(project: &Project, args: &[&str], code: i32, says: &[&str]) -> crate::support::run::Ended {
    let before = project.state();
    let ended = run(&project.path(), args).expect(code).says(says);
    assert_eq!(project.state(), before);
    ended
}

#[test]
fn a_dry_run_prints_the_sql_and_writes_nothing() {
    let project = Project::fixture();
    let ended = refuses(
        &project,
        &["--dry-run"],
        0,
        &["freshness", "copies", "history", "postgres", "replay", "diff", "guard"],
    );
    for piece in PENDING {
        assert!(ended.stdout.contains(piece), "{piece}: {}", ended.stdout);
    }
    assert!(!ended.stdout.contains("freshness"));
}

#[test]
fn the_migration_is_written_beside_the_others_and_then_nothing_is_left_to_do() {
    let project = Project::fixture();
    let before = project.migrations();
    let ended = run(&project.path(), &["Add reading-lists"]).expect(0);
    let after = project.migrations();
    assert_eq!(after[..before.len()], before[..]);
    assert!(after[before.len()].ends_with("_Add_reading_lists"), "{after:?}");
    let path = format!("{LITELLM_MIGRATIONS}/{}/migration.sql", after[before.len()]);
    assert_eq!(ended.stdout, format!("{path}\n"));
    let sql = std::fs::read_to_string(project.path().join(&path)).unwrap();
    assert!(PENDING.iter().all(|piece| sql.contains(piece)), "{sql}");
    assert_eq!(git(&project.path(), &["status", "--porcelain"]).lines().count(), 1);
    refuses(&project, &["again"], 0, &["No schema changes"]);
}

#[test]
fn without_a_name_one_is_derived_from_the_change() {
    let project = Project::fixture();
    let ended = run(&project.path(), &[]).expect(0);
    let name = ended.stdout.trim().rsplit('/').nth(1).unwrap().to_owned();
    assert!(name[15..].bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'), "{name}");
    assert!(name.len() > 18, "{name}");
}

#[test]
fn json_says_all_of_it() {
    let project = Project::fixture();
    let report = run(&project.path(), &["generate", "x", "--dry-run", "--format", "json"]).expect(0).json();
    assert_eq!(report["outcome"], "would_create");
    let sql = report["migration"]["sql"].as_str().unwrap();
    assert_eq!(report["migration"]["sha256"], run_migration::history::checksum(sql.as_bytes()));
    assert_eq!(report["freshness"]["behind"], 0);
    let roles: Vec<_> =
        report["toolchain"].as_array().unwrap().iter().map(|tool| tool["role"].as_str().unwrap()).collect();
    for role in ["postgres", "prisma", "engine"] {
        assert!(roles.contains(&role), "{roles:?}");
    }
    for stage in ["freshness", "copies", "history", "postgres", "replay", "diff", "guard"] {
        assert!(report["timings_ms"][stage].is_u64(), "{stage}: {report}");
    }
}

#[test]
fn a_stale_branch_is_refused() {
    let project = Project::fixture();
    project.others_commit(LITELLM_BASE, "README.md", "unrelated");
    project.others_commit(LITELLM_BASE, "schema.prisma", "somebody else's column");
    let ended = refuses(
        &project,
        &["x"],
        3,
        &[
            "STALE BRANCH",
            "by 2 commits",
            "somebody else's column",
            "AI AGENTS / ASSISTANTS:",
            "schema.prisma",
        ],
    );
    assert_eq!(ended.stdout, "");
    let first_listed = ended.stderr.lines().find(|line| line.contains("(Tester)")).unwrap();
    assert!(first_listed.contains("somebody else's column"), "{first_listed}");
    let report = refuses(&project, &["x", "--format=json"], 3, &[]).json();
    assert_eq!(report["outcome"], "refused_stale");
    assert_eq!(report["requires_human"], true);
    assert_eq!(report["freshness"]["commits"][0]["touches_schema"], true);
    // Only the human's flag gets past it, and nothing in the environment.
    let before = project.state();
    let mut with_environment = tool(&project.path(), &["x", "--dry-run"]);
    with_environment.env("RUN_MIGRATION_SKIP_FRESHNESS_CHECK", "1");
    crate::support::run::Ended::from(with_environment.output().unwrap()).expect(3);
    assert_eq!(project.state(), before);
    run(&project.path(), &["x", "--skip-freshness-check", "--dry-run"]).expect(0);
}

#[test]
fn without_the_freshness_check_no_repository_is_needed() {
    let project = Project::fixture();
    std::fs::remove_dir_all(project.path().join(".git")).unwrap();
    run(&project.path(), &["x", "--dry-run"]).expect(1).says(&["hint:"]);
    let mut without_git = tool(&project.path(), &["x", "--dry-run", "--skip-freshness-check"]);
    without_git.env("GIT_EXEC_PATH", "/nonexistent");
    crate::support::run::Ended::from(without_git.output().unwrap()).expect(0);
}

#[test]
fn copies_that_differ_are_refused() {
    let project = Project::fixture();
    let schema = project.schema();
    project.write(LITELLM_COPIES[0], &schema.replacen("model ", "model  ", 1));
    project.commit("an edited copy");
    refuses(
        &project,
        &["x"],
        4,
        &["OUT OF SYNC", LITELLM_COPIES[0], "run-migration sync", "AI AGENTS / ASSISTANTS:"],
    );
    std::fs::remove_file(project.path().join(LITELLM_COPIES[0])).unwrap();
    std::os::unix::fs::symlink("../../schema.prisma", project.path().join(LITELLM_COPIES[0])).unwrap();
    refuses(&project, &["x"], 4, &["symbolic link", LITELLM_COPIES[0]]);
}

#[test]
fn a_damaged_history_is_refused() {
    let project = Project::fixture();
    let name = project.migrations()[1].clone();
    std::fs::remove_file(project.path().join(LITELLM_MIGRATIONS).join(&name).join("migration.sql")).unwrap();
    let ended = refuses(&project, &["x", "--format", "json"], 4, &["OUT OF SYNC", &name]);
    let report = ended.json();
    assert_eq!(report["findings"][0]["rule"], "migration_missing_sql");
    assert_eq!(report["findings"][0]["object"], name.as_str());
    assert_eq!(report["findings"][0]["file"], format!("{LITELLM_MIGRATIONS}/{name}/migration.sql"));
}

#[test]
fn a_migration_that_fails_is_named_to_the_line() {
    let project = Project::fixture();
    project.write(
        &format!("{LITELLM_MIGRATIONS}/20990101000000_broken/migration.sql"),
        "-- a comment\nSELECT 1;\n\nALTER TABLE \"no_such_table\" ADD COLUMN a INT;\n",
    );
    refuses(&project, &["x"], 1, &["20990101000000_broken/migration.sql:4", "42P01", "no_such_table"]);
}

#[test]
fn a_destructive_change_is_refused_and_a_human_may_let_it_through() {
    let project = Project::fixture();
    let schema = project.schema();
    let dropped = schema.lines().find(|line| line.trim_start().starts_with("address ")).unwrap();
    project.set_schemas(&schema.replacen(&format!("{dropped}\n"), "", 1));
    let ended = refuses(
        &project,
        &["x"],
        2,
        &[
            "DESTRUCTIVE MIGRATION DETECTED",
            "drop_column",
            "branch.address",
            "created by 20250902081500_baseline",
            "AI AGENTS / ASSISTANTS:",
        ],
    );
    assert_eq!(ended.stdout, "");
    refuses(&project, &["x", "--dry-run"], 2, &["DESTRUCTIVE MIGRATION DETECTED"]);
    let report = refuses(&project, &["x", "--format", "json"], 2, &[]).json();
    assert_eq!(report["outcome"], "refused_destructive");
    assert!(report["agent_notice"].as_str().unwrap().starts_with("AI AGENTS / ASSISTANTS:"));
    run(&project.path(), &["x", "--allow-destructive"])
        .expect(0)
        .says(&["drop_column", "allowed by --allow-destructive"]);
    assert!(project.migrations().last().unwrap().ends_with("_x"));
}

#[test]
fn what_makes_no_sense_is_a_usage_error() {
    let project = Project::fixture();
    for args in [
        &["a/b"][..],
        &["../x"],
        &["a\nb"],
        &[&"x".repeat(81)],
        &["--nonsense"],
        &["x", "--base-branch", "-evil"],
        &["x", "--base-branch", "a..b"],
        &["x", "--timeout", "0"],
        &["--dry-run", "doctor"],
    ] {
        let ended = refuses(&project, args, 64, &["error"]);
        assert_eq!(ended.stdout, "", "{args:?}");
    }
    let report = refuses(&project, &["--nonsense", "--format", "json"], 64, &[]).json();
    assert_eq!(report["outcome"], "usage_error");
}

#[test]
fn a_schema_that_prisma_cannot_read_is_named_to_the_line() {
    let project = Project::fixture();
    let schema = format!("{}\nmodel Broken {{\n  id Nonsense @id\n}}\n", project.schema());
    project.set_schemas(&schema);
    let line = schema.lines().position(|line| line.contains("Nonsense")).unwrap() + 1;
    refuses(&project, &["x"], 1, &["schema.prisma", &line.to_string(), "Nonsense"]);
}

#[test]
fn a_place_that_is_no_project_is_said_to_be_none() {
    let directory = tempfile::tempdir().unwrap();
    run(directory.path(), &["x"]).expect(1).says(&["no Prisma project found", "--repo"]);
    run(directory.path(), &["x", "--repo", "nowhere"]).expect(1).says(&["nowhere: no such directory"]);
    std::fs::write(directory.path().join("run-migration.toml"), "schema = \"a.prisma\"\nnonsense = 1\n")
        .unwrap();
    run(directory.path(), &["x"]).expect(1).says(&["run-migration.toml:2", "nonsense"]);
}

const SMALL: &str = "datasource db {\n  provider = \"postgresql\"\n  url      = env(\"DATABASE_URL\")\n}\n\n\
                     model User {\n  id    Int    @id @default(autoincrement())\n  email String @unique\n}\n";

#[test]
fn prismas_own_layout_needs_no_configuration_either() {
    let project = Project::prisma(SMALL, &[]);
    let ended = run(&project.path(), &["--format", "json"]).expect(0);
    let report = ended.json();
    // The base is the branch that the remote's HEAD names, asked now.
    assert_eq!(report["freshness"]["base"], "origin/main");
    let name = report["migration"]["name"].as_str().unwrap();
    assert!(name.ends_with("_add_user"), "{name}");
    let lock = project.path().join("prisma/migrations/migration_lock.toml");
    assert!(std::fs::read_to_string(lock).unwrap().contains("provider = \"postgresql\""));
    project.write("prisma/schema.prisma", &SMALL.replace("@unique\n", "@unique\n  name  String?\n"));
    let below = project.path().join("prisma/migrations");
    let ended = run(&below, &["--dry-run"]).expect(0);
    assert!(ended.stdout.contains("ADD COLUMN     \"name\" TEXT;"), "{}", ended.stdout);
}

#[test]
fn a_renamed_model_loses_its_rows_and_is_refused() {
    let user = "CREATE TABLE \"User\" (\"id\" SERIAL NOT NULL, \"email\" TEXT NOT NULL, CONSTRAINT \"User_pkey\" \
                PRIMARY KEY (\"id\"));\nCREATE UNIQUE INDEX \"User_email_key\" ON \"User\"(\"email\");\n";
    let project = Project::prisma(&SMALL.replace("User", "Person"), &[("20260101000000_init", user)]);
    refuses(&project, &["x"], 2, &["drop_table  User", "created by 20260101000000_init"]);
}

#[test]
fn secrets_never_come_out() {
    let project = Project::fixture();
    let secret = "hunter2-and-more";
    git(&project.path(), &["remote", "set-url", "origin", &format!("https://me:{secret}@127.0.0.1:1/x.git")]);
    let mut command = tool(&project.path(), &["x", "--format", "json", "-v"]);
    command.env("DATABASE_URL", format!("postgresql://u:{secret}@db.example/x"));
    let ended = crate::support::run::Ended::from(command.output().unwrap()).expect(1);
    assert!(ended.stderr.contains("127.0.0.1:1/x.git"), "{}", ended.stderr);
    assert!(
        !format!("{}{}", ended.stdout, ended.stderr).contains(secret),
        "{}{}",
        ended.stdout,
        ended.stderr
    );
}

#[test]
fn an_empty_variable_is_none() {
    let project = Project::fixture();
    let mut command = tool(&project.path(), &["--dry-run"]);
    for variable in [
        "RUN_MIGRATION_BASE_REF",
        "RUN_MIGRATION_BASE_BRANCH",
        "RUN_MIGRATION_REMOTE",
        "RUN_MIGRATION_PRISMA",
    ] {
        command.env(variable, "");
    }
    crate::support::run::Ended::from(command.output().unwrap()).expect(0);
}
