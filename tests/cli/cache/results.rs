//! Cold, warm and unchanged say the same, whatever is edited in between.

use crate::support::{
    cache::{Cache, findings},
    prisma::cli,
    project::{LITELLM_MIGRATIONS, Project},
    run::Ended,
};

const GENERATE: [&str; 5] = ["generate", "next", "--dry-run", "--format", "json"];
const CHECK: [&str; 5] = ["check", "--base", "HEAD", "--format", "json"];

/// Runs the tool without a cache, with one, and once more, and expects the same of all. Where the last had its answers
/// from, and what it said.
#[track_caller]
fn same(cache: &Cache, project: &Project, args: &[&str]) -> (Option<String>, Ended) {
    let cold = cache.without(project, args);
    let first = cache.run(project, args);
    let again = cache.run(project, args);
    for other in [&first, &again] {
        assert_eq!(other.code, cold.code, "{}\n{}", other.stderr, cold.stderr);
        assert_same(&findings(&cold), &findings(other));
    }
    assert!(cold.json().get("from_cache").is_none());
    (again.json()["from_cache"].as_str().map(str::to_owned), again)
}

#[track_caller]
fn assert_same(wanted: &serde_json::Value, found: &serde_json::Value) {
    assert!(wanted == found, "{wanted:#}\n--- but with the cache\n{found:#}");
}

/// Where a run had what it knows from.
fn source(ended: &Ended) -> Option<String> {
    ended.json()["from_cache"].as_str().map(str::to_owned)
}

fn answers() -> Option<String> {
    Some("answers".to_owned())
}

#[test]
fn the_same_inputs_have_the_same_answers_and_nothing_is_started() {
    let (cache, project) = (Cache::new(), Project::fixture());
    let (from, ended) = same(&cache, &project, &GENERATE);
    assert_eq!(from, answers());
    assert!(ended.stderr.contains("cache       nothing was started"), "{}", ended.stderr);
    let (from, _) = same(&cache, &project, &CHECK);
    assert_eq!(from, answers());
    // A migration that is written changes the history, and its answers with it.
    cache.run(&project, &["generate", "next"]).expect(0);
    assert_eq!(same(&cache, &project, &GENERATE).1.json()["outcome"], "no_changes");
    assert_eq!(same(&cache, &project, &CHECK).0, answers());
}

#[test]
fn nothing_runs_where_every_answer_is_known() {
    let (cache, project) = (Cache::new(), Project::fixture());
    cache.run(&project, &GENERATE).expect(0);
    // Neither a server nor a CLI could work here: there is no place for a server's files.
    let mut bare = cache.tool(&project, &GENERATE);
    let ended: Ended = bare.env("RUN_MIGRATION_WORK_DIR", "/nonexistent").output().unwrap().into();
    assert_eq!(source(&ended.expect(0)), answers());
    let mut fresh = cache.tool(&project, &GENERATE);
    fresh.env("RUN_MIGRATION_NO_CACHE", "1").env("RUN_MIGRATION_WORK_DIR", "/nonexistent");
    Ended::from(fresh.output().unwrap()).expect(1);
}

#[test]
fn refusals_and_their_proofs_are_the_same() {
    let (cache, project) = (Cache::new(), Project::fixture());
    cache.run(&project, &["generate", "next"]).expect(0);
    project.commit("next");
    let schema = project.schema();
    let without: Vec<_> = schema.lines().filter(|line| !line.contains("subtitle")).collect();
    project.set_schemas(&format!("{}\n", without.join("\n")));
    let (from, ended) = same(
        &cache,
        &project,
        &["generate", "drop", "--dry-run", "--format", "json", "--skip-freshness-check"],
    );
    assert_eq!((from, ended.code), (answers(), 2));
    let proofs = &ended.json()["findings"][0]["proof"];
    assert!(proofs.as_array().is_some_and(|proofs| !proofs.is_empty()), "{}", ended.stdout);
}

/// Every kind of input is edited, one after the other and back: the answers follow, and old ones are believed again
/// where everything is as it was.
#[test]
fn every_kind_of_input_is_a_part_of_the_question() {
    let (cache, project) = (Cache::new(), Project::fixture());
    let first = format!("{LITELLM_MIGRATIONS}/{}/migration.sql", project.migrations()[0]);
    let sql = std::fs::read_to_string(project.path().join(&first)).unwrap();
    let schema = project.schema();
    let args = ["generate", "next", "--dry-run", "--format", "json", "--skip-freshness-check"];
    let begin = same(&cache, &project, &args).1;

    let append = |more: &str| project.write(&first, &format!("{sql}\n{more}\n"));
    let configure = |toml: &str| project.write("run-migration.toml", toml);
    let set_up = |text: &str| {
        project.write("setup.sql", text);
        configure("[external]\nsetup = \"setup.sql\"\n");
    };
    let table = "CREATE TABLE \"reading_list\" (\"id\" INTEGER PRIMARY KEY);";
    let edits: [(&str, &dyn Fn()); 8] = [
        ("a migration", &|| append("CREATE TABLE \"more\" (\"id\" INTEGER PRIMARY KEY);")),
        ("a comment in it", &|| append("-- a comment")),
        ("the schema", &|| project.set_schemas(&schema.replace("subtitle", "undertitle"))),
        ("a set-up file", &|| set_up("SELECT 1;")),
        ("its content", &|| set_up(table)),
        ("SQL before the history", &|| {
            project.write("before.sql", "CREATE ROLE reader;");
            configure("[external]\nbefore = \"before.sql\"\n");
        }),
        ("what Prisma must not see", &|| configure("[external]\nkeep = [\"table:gone\"]\n")),
        ("the role", &|| configure("replay_as = \"superuser\"\n")),
    ];
    for (what, edit) in edits {
        edit();
        assert_ne!(source(&cache.run(&project, &args)), answers(), "{what}");
        assert_eq!(same(&cache, &project, &args).0, answers(), "{what}");
        project.write(&first, &sql);
        project.set_schemas(&schema);
        let _ = std::fs::remove_file(project.path().join("run-migration.toml"));
        let back = cache.run(&project, &args);
        assert_eq!(source(&back), answers(), "back from {what}");
        assert_same(&findings(&begin), &findings(&back));
    }
}

#[test]
fn another_prisma_is_asked_anew() {
    let (cache, project) = (Cache::new(), Project::fixture());
    for version in ["5.4.2", "6.19.0"] {
        let cli = cli(version);
        let args = [&GENERATE[..], &["--prisma", cli.as_str()]].concat();
        assert_eq!(
            source(&cache.run(&project, &args).expect(0)),
            match version {
                "5.4.2" => None,
                _ => Some("database".to_owned()),
            }
        );
        assert_eq!(same(&cache, &project, &args).0, answers(), "{version}");
    }
    let mut odd = cache.tool(&project, &GENERATE);
    let odd: Ended = odd.env("PRISMA_SOMETHING", "else").output().unwrap().into();
    assert_ne!(source(&odd), answers(), "a variable that Prisma may read");
}

#[test]
fn another_name_or_order_of_migrations_is_another_history() {
    let schema = "datasource db {\n  provider = \"postgresql\"\n  url = env(\"DATABASE_URL\")\n}\nmodel a {\n  id Int @id\n  b Int\n}\n";
    let (one, two) = ("20260101000000_one", "20260102000000_two");
    let create = "CREATE TABLE \"a\" (\"id\" INTEGER NOT NULL, CONSTRAINT \"a_pkey\" PRIMARY KEY (\"id\"));";
    let project = Project::prisma(
        schema,
        &[(one, create), (two, "ALTER TABLE \"a\" ADD COLUMN IF NOT EXISTS \"b\" TEXT;")],
    );
    let cache = Cache::new();
    let args = ["generate", "--dry-run", "--format", "json", "--skip-freshness-check"];
    same(&cache, &project, &args);
    let rename = |from: &str, to: &str| {
        let at = |name: &str| project.path().join("prisma/migrations").join(name);
        std::fs::rename(at(from), at(to)).unwrap();
    };
    rename(two, "20260103000000_two");
    let renamed = cache.run(&project, &args);
    assert_eq!(source(&renamed), None, "it is another state: the ledger names it otherwise");
    // A third one makes the column first: what the second says is then no longer true.
    project.write(
        "prisma/migrations/20260102000000_between/migration.sql",
        "ALTER TABLE \"a\" ADD COLUMN \"b\" INTEGER NOT NULL;",
    );
    let between = same(&cache, &project, &args).1;
    assert_eq!(between.json()["outcome"], "no_changes", "{}", between.stdout);
    rename("20260103000000_two", "20260101500000_two");
    let before = cache.run(&project, &args);
    // Now it fails, cached or not: the column is there twice.
    assert_eq!(before.code, 1, "{}", before.stdout);
    assert_eq!(findings(&before), findings(&cache.run(&project, &args)));
}

#[test]
fn what_a_longer_history_has_in_common_is_not_replayed_again() {
    let schema = "datasource db {\n  provider = \"postgresql\"\n  url = env(\"DATABASE_URL\")\n}\nmodel a {\n  id Int @id\n}\n";
    let create = "CREATE TABLE \"a\" (\"id\" INTEGER NOT NULL, CONSTRAINT \"a_pkey\" PRIMARY KEY (\"id\"));";
    let args = ["generate", "--dry-run", "--format", "json", "--skip-freshness-check"];
    for (sets, comes_from) in
        [("SELECT 1;", Some("database".to_owned())), ("SET search_path = 'elsewhere';", None)]
    {
        let project =
            Project::prisma(schema, &[("20260101000000_one", create), ("20260102000000_two", sets)]);
        let cache = Cache::new();
        cache.run(&project, &args).expect(0);
        // It ends up in another schema where the one before has said so: only a session that is left with nothing is
        // as good as a new one.
        let sql = "CREATE SCHEMA \"elsewhere\"; CREATE TABLE \"t\" (\"id\" INTEGER PRIMARY KEY);";
        project.write("prisma/migrations/20260103000000_three/migration.sql", sql);
        let cold = cache.without(&project, &args);
        let warm = cache.run(&project, &args);
        assert_eq!(source(&warm), comes_from, "{sets}");
        assert_eq!(findings(&warm), findings(&cold), "{sets}");
        assert_eq!(warm.code, cold.code);
    }
}

#[test]
fn random_histories_say_the_same_cold_warm_and_unchanged() {
    let cache = Cache::new();
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    let args = ["generate", "--dry-run", "--format", "json", "--skip-freshness-check", "--allow-destructive"];
    let project = Project::prisma("", &[]);
    for round in 0..4 {
        let mut models = String::new();
        for table in 0..2 + next(3) {
            let columns: String = (0..next(4)).map(|column| format!("  c{column} Int?\n")).collect();
            models.push_str(&format!("model t{table} {{\n  id Int @id\n{columns}}}\n"));
        }
        let head = "datasource db {\n  provider = \"postgresql\"\n  url = env(\"DATABASE_URL\")\n}\n";
        project.write("prisma/schema.prisma", &format!("{head}{models}"));
        let cold = cache.without(&project, &args);
        let first = cache.run(&project, &args);
        cache.forget_answers();
        let warm = cache.run(&project, &args);
        let unchanged = cache.run(&project, &args);
        assert_eq!((source(&warm), source(&unchanged)), (Some("database".into()), answers()), "{round}");
        for other in [&first, &warm, &unchanged] {
            assert_eq!(findings(&cold), findings(other), "{round}");
        }
        // What it says becomes a part of the history.
        cache
            .run(
                &project,
                &["generate", &format!("round_{round}"), "--skip-freshness-check", "--allow-destructive"],
            )
            .expect(0);
    }
}

#[test]
fn roles_and_what_else_is_said_of_a_replay_are_remembered_with_it() {
    let schema = "datasource db {\n  provider = \"postgresql\"\n  url = env(\"DATABASE_URL\")\n}\nmodel a {\n  id Int @id\n  b Int?\n}\n";
    let sql = "CREATE TABLE \"a\" (\"id\" INTEGER NOT NULL, CONSTRAINT \"a_pkey\" PRIMARY KEY (\"id\"));\n\
               GRANT SELECT ON \"a\" TO \"reader\";";
    let project = Project::prisma(schema, &[("20260101000000_one", sql)]);
    project.write("run-migration.toml", "[external]\nkeep = [\"table:gone\"]\n");
    let cache = Cache::new();
    let args = ["generate", "--dry-run", "--format", "json", "--skip-freshness-check"];
    let (from, ended) = same(&cache, &project, &args);
    assert_eq!(from, answers());
    for note in ["made for the replay: reader", "table:gone matches nothing"] {
        assert!(ended.json()["notes"].to_string().contains(note), "{note}: {}", ended.stdout);
    }
    cache.forget_answers();
    let warm = cache.run(&project, &args);
    assert_eq!(source(&warm), Some("database".into()));
    assert_same(&findings(&ended), &findings(&warm));
}
