//! Our engine under the other commands of real CLIs: those that the tool's own bookkeeping is held against.

use std::{
    fs,
    os::unix::fs::symlink,
    process::{Command, Output},
};

use run_migration::postgres::Role;

use crate::support::{
    prisma::{MIGRATIONS, Site, VERSIONS, cli, install, replayed},
    run::hermetic,
    server::{server, unique},
};

const MODEL: &str = "model T {\n  id Int @id\n  a  Int\n  b  String?\n}\n";

/// A project of one version's, on a database that need not exist.
struct Deployment {
    site: Site,
    version: &'static str,
    url: String,
    engine: String,
}

impl Deployment {
    async fn new(version: &'static str, database: &str, model: &str) -> Self {
        let url = server().prisma_url(database, Role::Superuser);
        let holds_url = !version.starts_with('7');
        let url_line = if holds_url { "  url = env(\"DATABASE_URL\")\n" } else { "" };
        let site =
            Site::new(&format!("datasource db {{\n  provider = \"postgresql\"\n{url_line}}}\n{model}"));
        if !holds_url {
            let paths = "schema: 'schema.prisma', migrations: { path: 'migrations' }";
            site.write(
                "prisma.config.mjs",
                &format!("export default {{ {paths}, datasource: {{ url: '{url}' }} }}"),
            );
        }
        install(version, &site.root());
        let engine = site.locate().await.unwrap().tools()[1].path.clone();
        Self { site, version, url, engine }
    }

    /// `prisma` with `args`: whether it succeeded, and what it said.
    fn prisma(&self, args: &[&str]) -> (bool, String) {
        let mut prisma: Command = hermetic("node", self.site.root().as_std_path());
        let Output { status, stdout, stderr } = prisma
            .arg(cli(self.version).join("build/index.js"))
            .args(args)
            .env("DATABASE_URL", &self.url)
            .env("PRISMA_SCHEMA_ENGINE_BINARY", &self.engine)
            .env("PRISMA_QUERY_ENGINE_LIBRARY", "/dev/null")
            .env("CHECKPOINT_DISABLE", "1")
            .output()
            .unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        (status.success(), format!("{} {args:?}: {said}", self.version))
    }

    fn migration(&self, name: &str, sql: &str) {
        self.site.write("migrations/migration_lock.toml", "provider = \"postgresql\"\n");
        self.site.write(&format!("migrations/{name}/migration.sql"), sql);
    }
}

#[tokio::test]
async fn the_engine_that_serves_a_major_is_the_one_that_the_report_names() {
    for version in VERSIONS {
        let site = Site::new("datasource db {\n  provider = \"postgresql\"\n}\n");
        install(version, &site.root());
        let engine = site.locate().await.unwrap().tools().swap_remove(1);
        let output = hermetic(&engine.path, site.root().as_std_path()).arg("--version").output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(said, format!("schema-engine-cli {}\n", engine.version), "{version}");
    }
}

#[tokio::test]
async fn after_a_replay_every_prisma_says_that_the_database_is_up_to_date() {
    let replayed = replayed().await;
    for version in VERSIONS {
        let deployment = Deployment::new(version, &replayed, "").await;
        symlink(MIGRATIONS, deployment.site.root().join("migrations")).unwrap();
        let (success, said) = deployment.prisma(&["migrate", "status"]);
        assert!(success && said.contains("Database schema is up to date!"), "{said}");
    }
}

#[tokio::test]
async fn the_oldest_and_the_newest_prisma_deploy_fail_resolve_and_push() {
    for version in ["5.4.2", "7.10.1"] {
        let database = unique("deployed");
        let deployment = Deployment::new(version, &database, MODEL).await;
        // A body with semicolons reaches the server in one piece.
        deployment.migration(
            "20260101000000_first",
            "CREATE TABLE \"T\" (id int PRIMARY KEY, a int); DO $$ BEGIN PERFORM 1; PERFORM 2; END $$;",
        );
        let (success, said) = deployment.prisma(&["migrate", "deploy"]);
        assert!(success && said.contains("20260101000000_first"), "{said}");

        deployment.migration("20260102000000_second", "ALTER TABLE \"T\" ADD COLUMN c int; SELECT 1 / 0;");
        let (success, said) = deployment.prisma(&["migrate", "deploy"]);
        assert!(!success && said.contains("P3018") && said.contains("22012"), "{said}");
        assert!(said.contains("division by zero") && said.contains("20260102000000_second"), "{said}");
        let (success, said) = deployment.prisma(&["migrate", "status"]);
        assert!(!success && said.contains("20260102000000_second"), "{said}");

        let (success, said) =
            deployment.prisma(&["migrate", "resolve", "--rolled-back", "20260102000000_second"]);
        assert!(success, "{said}");
        fs::remove_dir_all(deployment.site.root().join("migrations/20260102000000_second")).unwrap();
        let (success, said) = deployment.prisma(&["db", "push", "--accept-data-loss"]);
        assert!(success && said.contains("in sync"), "{said}");
        let columns = "SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute \
                       WHERE attrelid = '\"T\"'::regclass AND attnum > 0 AND NOT attisdropped";
        let client = server().connect(&database, Role::Superuser).await.unwrap();
        let row = client.query_one(columns, &[]).await.unwrap();
        assert_eq!(row.get::<_, String>(0), "id a b", "{version}");
    }
}
