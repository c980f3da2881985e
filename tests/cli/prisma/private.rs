//! The repository is neither touched nor listened to, and no other database is ever seen.

use std::time::Duration;

use run_migration::prisma::{Diff, Error};

use crate::support::{
    prisma::{Site, VERSIONS, fake_cli, install, program},
    server::{database, server},
};
use run_migration::postgres::Role;

const SCHEMA: &str = "generator client {\n  provider = \"prisma-client-js\"\n  output   = env(\"CLIENT_OUTPUT\")\n}\n\n\
    datasource db {\n  provider  = \"postgresql\"\n  url       = env(\"MY_URL\")\n  directUrl = env(\"MY_DIRECT_URL\")\n}\n\n\
    model T {\n  id Int @id\n}\n";

/// Answers as Prisma does, and shows what it was given.
const SHOWING: &str = r#"
const fs = require('node:fs')
const at = process.argv.indexOf('--output')
const output = at < 0 ? process.stdout.fd : process.argv[at + 1]
const text = (name) => (fs.statSync(name).isFile() ? fs.readFileSync(name, 'utf8') : '')
const files = fs.readdirSync('.')
const seen = { argv: process.argv.slice(2), env: process.env, cwd: process.cwd(), files, texts: files.map(text).join('') }
fs.writeFileSync(output, '-- CreateIndex\nCREATE INDEX seen ON t(a); -- ' + JSON.stringify(seen))
process.exit(2)
"#;

const PLAIN: &str = "postgresql://me@localhost:1/db?host=/tmp";

/// What a CLI of `version` is given.
async fn given(version: &str) -> serde_json::Value {
    given_for(version, PLAIN).await
}

/// The same for the database in `url`.
async fn given_for(version: &str, url: &str) -> serde_json::Value {
    let mut site =
        Site::bare(|root| vec![("PRISMA_SCHEMA_ENGINE_BINARY".into(), root.join("engine").into())]);
    program(&site.root().join("engine"), "echo schema-engine-cli 1");
    site.write("schema.prisma", SCHEMA);
    fake_cli(&site.root().join("node_modules/prisma"), version, SHOWING);
    site.server_url = Some(url.to_owned());
    let Diff::Script(script) = site.diff(url).await.unwrap() else { panic!() };
    serde_json::from_str(script.split_once("; -- ").unwrap().1).unwrap()
}

#[tokio::test]
async fn every_url_that_the_schema_asks_for_is_the_temporary_databases() {
    let seen = given("6.0.0").await;
    for name in ["MY_URL", "MY_DIRECT_URL"] {
        assert_eq!(seen["env"][name], PLAIN, "{name}");
    }
    for name in ["DATABASE_URL", "DIRECT_URL", "SHADOW_DATABASE_URL", "NODE_OPTIONS", "DEBUG"] {
        assert!(seen["env"][name].is_null(), "{name}: {}", seen["env"][name]);
    }
    assert_eq!(seen["env"]["CHECKPOINT_DISABLE"], "1");
    assert!(seen["env"]["PRISMA_SCHEMA_ENGINE_BINARY"].as_str().unwrap().ends_with("/repo/engine"));
}

#[tokio::test]
async fn the_cli_works_in_a_directory_with_nothing_but_its_own() {
    let seen = given("6.0.0").await;
    assert_eq!(seen["files"], serde_json::json!(["database.prisma", "package.json", "schema"]));
    let cwd = seen["cwd"].as_str().unwrap();
    let argv: Vec<_> = seen["argv"].as_array().unwrap().iter().map(|arg| arg.as_str().unwrap()).collect();
    let schema = argv[argv.iter().position(|arg| *arg == "--to-schema-datamodel").unwrap() + 1];
    assert_eq!(schema, format!("{cwd}/schema/schema.prisma"));
    assert_eq!(argv[..4], ["migrate", "diff", "--script", "--exit-code"]);

    let seen = given("7.0.0").await;
    assert_eq!(seen["files"], serde_json::json!(["package.json", "prisma.config.mjs", "schema"]));
    let argv = seen["argv"].to_string();
    assert!(argv.contains("--from-config-datasource") && !argv.contains("postgresql://"), "{argv}");
}

#[tokio::test]
async fn a_password_is_in_the_environment_and_nowhere_else() {
    for secret in [
        "postgresql://me:hunter2@localhost:1/db",
        "postgresql://me@localhost:1/db?sslidentity=id.p12&sslpassword=hunter2",
    ] {
        for version in ["5.4.2", "5.22.0", "6.19.0", "7.0.0"] {
            let seen = given_for(version, secret).await;
            assert_eq!(seen["env"]["RUN_MIGRATION_TEMPORARY_DATABASE"], secret, "{version}");
            for place in ["argv", "files", "texts"] {
                assert!(!seen[place].to_string().contains("hunter2"), "{version}: {}", seen[place]);
            }
            // The CLI of 7 writes the URL that it is given into the command line of the engine, whichever that is:
            // ours finds the real one all the same.
            let engine = seen["env"]["PRISMA_SCHEMA_ENGINE_BINARY"].as_str().unwrap();
            assert_eq!(engine.ends_with("/schema-engine-7"), version.starts_with('7'), "{version}: {engine}");
        }
    }
}

/// What Prisma would read if it were called in the repository, beside the project's schema.
const LIES_ABOUT: [(&str, &str); 6] = [
    (".env", ELSEWHERE),
    ("prisma/.env", ELSEWHERE),
    ("package.json", "{\"prisma\": {\"schema\": \"nowhere.prisma\"}}"),
    ("prisma.config.ts", "throw new Error('the configuration was read')\n"),
    (".config/prisma.ts", "throw new Error('the configuration was read')\n"),
    ("prisma/schema.prisma", "no schema at all"),
];
const ELSEWHERE: &str =
    "MY_URL=postgresql://nobody@127.0.0.1:9/other\nDATABASE_URL=postgresql://nobody@127.0.0.1:9/other\n";

#[tokio::test]
async fn what_lies_about_in_the_repository_is_neither_read_nor_changed() {
    let empty = database("").await;
    for version in VERSIONS {
        // The project is what run-migration.toml says: all the rest is nobody's business.
        let site = Site::new(SCHEMA).untrusted();
        site.write("run-migration.toml", "schema = \"schema.prisma\"\nmigrations = \"migrations\"\n");
        install(version, &site.root());
        LIES_ABOUT.iter().for_each(|(file, text)| site.write(file, text));
        let before = site.contents();
        let diff = site.diff(&server().prisma_url(&empty, Role::Owner)).await.unwrap();
        let Diff::Script(script) = diff else { panic!("{version}") };
        assert!(script.contains("CREATE TABLE \"T\""), "{version}: {script}");
        assert!(site.contents() == before, "{version} changed the repository");
    }
}

#[tokio::test]
async fn the_projects_own_configuration_is_read_by_us_and_not_by_the_cli_that_is_asked() {
    let empty = database("").await;
    // It tells who evaluates it, and how often.
    let telling = "import fs from 'node:fs'\nfs.appendFileSync(`${import.meta.dirname}/evaluated`, process.argv.includes('diff') ? 'cli ' : 'us ')\n\
                   export default { schema: 'schema.prisma' }\n";
    for version in &VERSIONS[1..] {
        let site = Site::new(SCHEMA);
        install(version, &site.root());
        site.write("prisma.config.ts", telling);
        site.locate().await.unwrap();
        site.write("evaluated", "");
        let diff = site.diff(&server().prisma_url(&empty, Role::Owner)).await.unwrap();
        assert!(matches!(diff, Diff::Script(_)), "{version}");
        let evaluated = std::fs::read_to_string(site.root().join("evaluated")).unwrap();
        assert!(evaluated.contains("us") && !evaluated.contains("cli"), "{version}: {evaluated}");
    }
}

#[tokio::test]
async fn a_wrappers_noise_does_not_get_into_the_script() {
    let site = Site::bare(|root| vec![("PRISMA_SCHEMA_ENGINE_BINARY".into(), root.join("engine").into())]);
    program(&site.root().join("engine"), "echo schema-engine-cli 1");
    site.write("schema.prisma", SCHEMA);
    // Before 5.13 the script comes on standard output.
    let noisy = "console.log('Installing Prisma CLI'); console.error('warn'); console.log('-- DropTable\\nDROP TABLE t;'); process.exit(2)";
    fake_cli(&site.root().join("node_modules/prisma"), "5.4.2", noisy);
    assert_eq!(
        site.diff("postgresql://x").await.unwrap(),
        Diff::Script("-- DropTable\nDROP TABLE t;\n".into())
    );
}

#[tokio::test]
async fn a_cli_that_fails_or_hangs_is_named_with_what_it_said() {
    let mut site =
        Site::bare(|root| vec![("PRISMA_SCHEMA_ENGINE_BINARY".into(), root.join("engine").into())]);
    program(&site.root().join("engine"), "echo schema-engine-cli 1");
    site.write("schema.prisma", SCHEMA);
    let package = site.root().join("node_modules/prisma");
    fake_cli(
        &package,
        "6.0.0",
        "console.error('Error: no way to postgresql://u:secret@host/db'); process.exit(1)",
    );
    let error = site.diff("postgresql://x").await.unwrap_err().to_string();
    assert_eq!(
        error,
        "prisma migrate diff failed (exit status 1): Error: no way to postgresql://***@host/db"
    );

    fake_cli(&package, "6.0.0", "setInterval(() => {}, 1000)");
    // All that comes before takes as long as it takes.
    let toolchain = site.locate().await.unwrap();
    site.timeout = Duration::from_millis(300);
    let error = site.diff_with(&toolchain, "postgresql://x").await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error}");
    assert!(error.to_string().starts_with("prisma migrate diff did not answer within"), "{error}");
    assert!(error.hint().unwrap().contains("--timeout"));
}

#[tokio::test]
async fn a_schema_for_another_database_is_refused_by_its_name_and_line() {
    for provider in ["mysql", "sqlite", "cockroachdb", "mongodb", "sqlserver"] {
        let site = Site::new(&SCHEMA.replace("postgresql", provider));
        let error = site.diff("postgresql://x").await.unwrap_err().to_string();
        let schema = site.root().join("schema.prisma");
        assert_eq!(
            error,
            format!("{schema}:7: the provider is \"{provider}\"; only postgresql is supported")
        );
    }
}
