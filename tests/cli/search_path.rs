//! Projects whose Prisma works in another schema of the database than `public`.

use camino::Utf8Path;

use crate::support::{
    prisma::{self, VERSIONS},
    project::Project,
    run::{Ended, tool},
};

const URL: &str = "postgresql://me:hunter2@db.example:5432/d?connection_limit=1&schema=app";

const SCHEMA: &str = "datasource db {\n  provider = \"postgresql\"\n  url      = env(\"DATABASE_URL\")\n}\n\n\
    model T {\n  id Int     @id\n  y  String?\n  e  E?\n}\n\nenum E {\n  A\n}\n";

/// It names its schema here and there.
const HISTORY: &str = r#"CREATE TYPE "E" AS ENUM ('A');
CREATE TABLE "T" ("id" INTEGER NOT NULL, "x" TEXT, "e" "app"."E", CONSTRAINT "T_pkey" PRIMARY KEY ("id"));
CREATE INDEX "T_x_idx" ON "T"("x");
CREATE TABLE "U" ("id" INTEGER NOT NULL, CONSTRAINT "U_pkey" PRIMARY KEY ("id"));
CREATE TABLE "app"."V" ("id" INTEGER NOT NULL, CONSTRAINT "V_pkey" PRIMARY KEY ("id"));
CREATE FUNCTION "count_u"() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM app."U"';
"#;

fn project(version: &str) -> Project {
    let project = Project::prisma(SCHEMA, &[("20260101000000_init", HISTORY)]);
    project.write("prisma/migrations/migration_lock.toml", "provider = \"postgresql\"\n");
    project.write(".gitignore", "node_modules\n");
    project.commit("as Prisma has it");
    prisma::install_all(version, Utf8Path::from_path(&project.path()).unwrap());
    project
}

/// The tool with the URL in the environment.
fn run(project: &Project, args: &[&str]) -> Ended {
    let ended = Ended::from(tool(&project.path(), args).env("DATABASE_URL", URL).output().unwrap());
    assert!(!format!("{}{}", ended.stdout, ended.stderr).contains("hunter2"), "{}", ended.stderr);
    ended
}

#[test]
fn what_is_lost_in_another_schema_is_one_finding_each() {
    for version in VERSIONS {
        let project = project(version);
        let report = run(&project, &["x", "--format", "json"]).expect(2).json();
        let refused: Vec<_> = report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|finding| finding["severity"] == "refuse")
            .map(|finding| {
                format!("{} {}", finding["rule"].as_str().unwrap(), finding["object"].as_str().unwrap())
            })
            .collect();
        let wanted = ["drop_index T_x_idx", "drop_column T.x", "drop_table U", "drop_table V"];
        assert_eq!(refused, wanted, "{version}: {report:#}");
        let notes = report["notes"].to_string();
        assert!(notes.contains("in the schema app, which DATABASE_URL names"), "{version}: {notes}");
        let column =
            &report["findings"].as_array().unwrap().iter().find(|one| one["object"] == "T.x").unwrap();
        assert_eq!(column["created_in"], "20260101000000_init");
        assert!(!column["proof"].as_array().unwrap().is_empty(), "{column}");
        assert!(column["safer"].as_str().unwrap().contains("--rename T.x=y"), "{column}");
    }
}

#[test]
fn what_is_kept_or_renamed_there_needs_no_schema_before_its_name() {
    for version in VERSIONS {
        let project = project(version);
        let keep = "[external]\nkeep = [\"table:U\", \"table:V\", \"index:T_x_idx\"]\n";
        project.write("run-migration.toml", keep);
        let ended = run(&project, &["renamed", "--rename", "T.x=y"]).expect(0);
        let sql = std::fs::read_to_string(project.path().join(ended.stdout.trim())).unwrap();
        assert_eq!(
            sql.trim(),
            "-- RenameColumn\nALTER TABLE \"T\" RENAME COLUMN \"x\" TO \"y\";",
            "{version}"
        );
        run(&project, &["again"]).expect(0).says(&["No schema changes"]);
        project.commit("renamed");
        run(&project, &["check"]).expect(0);
        let snapshot: serde_json::Value =
            serde_json::from_str(&run(&project, &["snapshot"]).expect(0).stdout).unwrap();
        let tables: Vec<_> = snapshot["tables"].as_object().unwrap().keys().collect();
        assert_eq!(tables, ["T", "U", "V"], "{version}");
    }
}

#[test]
fn without_the_url_the_configuration_names_the_schema() {
    let project = project("6.19.0");
    let bare = |args: &[&str]| Ended::from(tool(&project.path(), args).output().unwrap());
    bare(&["--dry-run"]).expect(1).says(&["schema \"app\" does not exist"]);
    bare(&["snapshot"]).expect(1).says(&["schema \"app\" does not exist"]);
    project.write("run-migration.toml", "database_schema = \"app\"\n");
    bare(&["--dry-run"]).expect(2);
    let snapshot = bare(&["snapshot"]).expect(0).stdout;
    assert!(snapshot.contains("\"T\"") && !snapshot.contains("app."), "{snapshot}");
}

#[test]
fn a_configuration_of_prismas_says_which_url_it_is() {
    for (url, environment) in [
        ("env('SPECIAL')", Some(("SPECIAL", URL))),
        ("process.env.SPECIAL!", Some(("SPECIAL", URL))),
        ("'postgresql://localhost/d?schema=app'", None),
    ] {
        let project = project("7.10.1");
        project.write("prisma/schema.prisma", &SCHEMA.replace("  url      = env(\"DATABASE_URL\")\n", ""));
        let config = format!(
            "import {{ defineConfig, env }} from 'prisma/config'\nvoid env\nexport default defineConfig({{ schema: 'prisma/schema.prisma', datasource: {{ url: {url} }} }})\n"
        );
        project.write("prisma.config.ts", &config);
        let mut command = tool(&project.path(), &["--dry-run", "--format", "json"]);
        // The wrong one, which nobody asks for.
        command.env("DATABASE_URL", "postgresql://u@h/d?schema=wrong").envs(environment);
        let report = Ended::from(command.output().unwrap()).expect(2).json();
        let place = environment.map_or("prisma.config.ts", |(name, _)| name);
        let wanted = format!("in the schema app, which {place} names");
        assert!(report["notes"].to_string().contains(&wanted), "{report:#}");
    }
}
