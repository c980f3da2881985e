//! Which CLI and which engine are found. The CLIs here are hollow: nothing runs them.

use std::os::unix::fs::symlink;

use camino::Utf8Path;

use crate::support::prisma::{Site, fake_cli, program, write};

const SCHEMA: &str = "datasource db {\n  provider = \"postgresql\"\n  url      = env(\"DATABASE_URL\")\n}\n";
const LITELLM: &str = "litellm-proxy-extras/litellm_proxy_extras/migrations/migration_lock.toml";
const ENGINE: &str = "engine/schema-engine";

/// A repository whose engine is named by the environment, so that none is installed.
fn site(more: impl FnOnce(&Utf8Path) -> Vec<(String, String)>) -> Site {
    let site = Site::bare(|root| {
        let mut pairs = vec![("PRISMA_SCHEMA_ENGINE_BINARY".to_owned(), root.join(ENGINE).into_string())];
        pairs.extend(more(root));
        pairs
    });
    program(&site.root().join(ENGINE), "echo schema-engine-cli 1234");
    site.write("schema.prisma", SCHEMA);
    site
}

/// The path of the CLI that is found, from the repository's parent, its version, and why.
async fn found(site: &Site) -> (String, String, String) {
    let tools = site.locate().await.unwrap().tools();
    let prisma = tools.iter().find(|tool| tool.role == "prisma").unwrap();
    let path = Utf8Path::new(&prisma.path);
    let path = path.strip_prefix(site.root().parent().unwrap()).unwrap_or(path).to_string();
    (path, prisma.version.clone(), prisma.why.clone())
}

/// What stops the search.
async fn stopped(site: &Site) -> (String, String) {
    let error = site.locate().await.unwrap_err();
    (error.to_string(), error.hint().unwrap_or_default())
}

#[tokio::test]
async fn the_nearest_package_above_the_schema_is_the_projects_own() {
    let site = Site::bare(|root| vec![("PRISMA_SCHEMA_ENGINE_BINARY".into(), root.join(ENGINE).into())]);
    program(&site.root().join(ENGINE), "echo schema-engine-cli 1234");
    site.write("run-migration.toml", "schema = \"packages/api/prisma/schema.prisma\"\n");
    site.write("packages/api/prisma/schema.prisma", SCHEMA);
    fake_cli(&site.root().join("node_modules/prisma"), "5.0.0", "");
    fake_cli(&site.root().join("packages/api/node_modules/prisma"), "6.1.0", "");
    let (path, version, why) = found(&site).await;
    assert_eq!(path, "repo/packages/api/node_modules/prisma/build/index.js");
    assert_eq!(version, "6.1.0");
    assert_eq!(why, "the project's own, packages/api/node_modules/prisma");
}

#[tokio::test]
async fn a_package_is_found_through_the_links_of_pnpm() {
    let site = site(|_| Vec::new());
    let store = "node_modules/.pnpm/prisma@6.2.0/node_modules/prisma";
    fake_cli(&site.root().join(store), "6.2.0", "");
    symlink(".pnpm/prisma@6.2.0/node_modules/prisma", site.root().join("node_modules/prisma")).unwrap();
    assert_eq!(found(&site).await.0, format!("repo/{store}/build/index.js"));
}

#[tokio::test]
async fn nothing_above_the_repository_is_looked_at() {
    let site = site(|root| vec![("PATH".into(), path_with(&root.join("bin")))]);
    fake_cli(&site.beside("node_modules/prisma"), "6.2.0", "");
    program(&site.root().join("bin/prisma"), "echo 'prisma : 5.9.0'");
    let (path, version, why) = found(&site).await;
    assert_eq!((path.as_str(), version.as_str()), ("repo/bin/prisma", "5.9.0"));
    assert_eq!(why, "first on the PATH");
}

#[tokio::test]
async fn a_link_on_the_path_leads_to_the_script_behind_it() {
    let site = site(|root| vec![("PATH".into(), path_with(&root.join("bin")))]);
    let package = site.beside("global/node_modules/prisma");
    fake_cli(&package, "7.3.0", "");
    write(&site.root().join("bin/.keep"), "");
    std::os::unix::fs::symlink(package.join("build/index.js"), site.root().join("bin/prisma")).unwrap();
    // A script is executable where npm has linked it.
    std::fs::set_permissions(
        package.join("build/index.js"),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    let (path, version, _) = found(&site).await;
    assert_eq!((path.as_str(), version.as_str()), ("global/node_modules/prisma/build/index.js", "7.3.0"));
}

#[tokio::test]
async fn a_program_on_the_path_that_does_not_work_is_passed_over_but_not_one_that_is_named() {
    let mut site = site(|root| vec![("PATH".into(), path_with(&root.join("bin")))]);
    let shim = site.root().join("bin/prisma");
    program(&shim, "echo 'prisma: no such command here' >&2; exit 127");
    let toolchain = site.locate().await.unwrap();
    assert!(toolchain.tools()[0].why.contains("installed by this tool"));
    let why = format!("{shim} does not tell its version; it said: prisma: no such command here");
    assert_eq!(toolchain.notes(), [why.as_str()]);
    site.named = Some(shim);
    assert_eq!(stopped(&site).await.0, why);
}

/// A `prisma` as prisma-client-py installs it, whose CLI is `version`.
fn python(environment: &Utf8Path, version: &str) {
    let cache = environment.join("cache");
    fake_cli(&cache.join("node_modules/prisma"), version, "");
    let answer = format!(r#"{{"prisma": "{version}", "binary-cache-dir": "{cache}"}}"#);
    let script = format!(
        "# python\n# from prisma.cli import main\n[ \"$*\" = 'py version --json' ] && echo '{answer}'"
    );
    program(&environment.join("bin/prisma"), &script);
}

#[tokio::test]
async fn in_litellms_layout_python_comes_first_and_the_active_environment_before_the_usual() {
    let site = site(|_| Vec::new());
    site.write(LITELLM, "");
    fake_cli(&site.root().join("node_modules/prisma"), "6.2.0", "");
    assert_eq!(found(&site).await.1, "6.2.0");
    python(&site.root().join(".venv"), "5.4.2");
    let (path, version, why) = found(&site).await;
    assert_eq!(
        (path.as_str(), version.as_str()),
        ("repo/.venv/cache/node_modules/prisma/build/index.js", "5.4.2")
    );
    assert!(why.starts_with("the project's Python environment, "), "{why}");

    let active = self::site(|root| vec![("VIRTUAL_ENV".into(), root.with_file_name("active").into())]);
    active.write(LITELLM, "");
    python(&active.root().join(".venv"), "5.4.2");
    python(&active.beside("active"), "5.17.0");
    assert_eq!(found(&active).await.1, "5.17.0");
}

#[tokio::test]
async fn elsewhere_python_does_not_come_before_the_project() {
    let site = site(|_| Vec::new());
    python(&site.root().join(".venv"), "5.4.2");
    fake_cli(&site.root().join("node_modules/prisma"), "6.2.0", "");
    assert_eq!(found(&site).await.1, "6.2.0");
}

#[tokio::test]
async fn a_cli_can_be_named_in_every_form_and_is_taken_before_all_others() {
    let mut site = site(|_| Vec::new());
    fake_cli(&site.root().join("node_modules/prisma"), "6.2.0", "");
    let package = site.beside("other/node_modules/prisma");
    fake_cli(&package, "5.22.0", "");
    program(&site.beside("wrapper"), "echo 'prisma : 7.1.0'");
    for (named, version) in [
        (package.clone(), "5.22.0"),
        (package.join("build/index.js"), "5.22.0"),
        (site.beside("other"), "5.22.0"),
        (site.beside("wrapper"), "7.1.0"),
    ] {
        site.named = Some(named.clone());
        let (_, found, why) = found(&site).await;
        assert_eq!(
            (found.as_str(), why.as_str()),
            (version, "named by --prisma or the configuration"),
            "{named}"
        );
    }
}

#[tokio::test]
async fn what_is_named_and_is_no_cli_stops_the_search() {
    let mut site = site(|_| Vec::new());
    write(&site.beside("text"), "prisma");
    for (named, problem) in [
        (site.beside("nowhere"), "no such file or directory"),
        (site.root(), "no package of Prisma's CLI is in this directory"),
        (site.beside("text"), "neither a program nor the script of Prisma's CLI"),
    ] {
        site.named = Some(named.clone());
        let (error, hint) = stopped(&site).await;
        assert_eq!(error, format!("{named}: {problem}"));
        assert!(hint.contains("--prisma PATH"), "{hint}");
    }
}

#[tokio::test]
async fn other_majors_are_refused_with_the_way_out() {
    for (version, way_out) in
        [("8.0.0", "prisma@7"), ("4.16.2", "Prisma 5 or newer"), ("8.1.0-dev.3", "prisma@7")]
    {
        let site = site(|_| Vec::new());
        fake_cli(&site.root().join("node_modules/prisma"), version, "");
        let (error, hint) = stopped(&site).await;
        assert!(error.starts_with(&format!("Prisma {version} (")), "{error}");
        assert!(error.ends_with("is not supported: majors 5, 6 and 7 are"), "{error}");
        assert!(hint.contains(way_out), "{hint}");
    }
}

#[tokio::test]
async fn a_named_engine_that_is_not_there_stops_the_search() {
    let site = Site::bare(|_| vec![("PRISMA_SCHEMA_ENGINE_BINARY".into(), "engines/missing".into())]);
    site.write("schema.prisma", SCHEMA);
    fake_cli(&site.root().join("node_modules/prisma"), "6.2.0", "");
    let (error, hint) = stopped(&site).await;
    let missing = site.root().join("engines/missing");
    assert_eq!(error, format!("PRISMA_SCHEMA_ENGINE_BINARY names {missing}, which is no file"));
    assert!(hint.contains("unset PRISMA_SCHEMA_ENGINE_BINARY"), "{hint}");
}

#[tokio::test]
async fn a_native_engine_on_the_disk_serves_if_it_runs_here() {
    let site = Site::new(SCHEMA);
    let engines = site.root().join("node_modules/@prisma/engines");
    fake_cli(&site.root().join("node_modules/prisma"), "6.2.0", "");
    program(&engines.join("schema-engine-another-system"), "exit 126");
    write(&engines.join("schema-engine-half"), "no program");
    let engine = engine(&site).await;
    assert!(engine.0.ends_with("/schema-engine-6"), "{engine:?}");
    let why = "Prisma's wasm build, installed by this tool: no native engine of this Prisma is on the disk that runs here";
    assert_eq!(engine.2, why);

    program(&engines.join("schema-engine-this-system"), "echo schema-engine-cli 1234");
    let (path, version, why) = self::engine(&site).await;
    assert!(path.ends_with("node_modules/@prisma/engines/schema-engine-this-system"), "{path}");
    assert_eq!((version.as_str(), why.as_str()), ("1234", "the native engine of this Prisma"));
}

#[tokio::test]
async fn a_native_engine_that_prisma_downloaded_earlier_serves_from_its_cache() {
    let site = Site::new(SCHEMA);
    fake_cli(&site.root().join("node_modules/prisma"), "6.2.0", "");
    let manifest = r#"{"dependencies":{"@prisma/engines-version":"6.2.0-14.cafe"}}"#;
    site.write("node_modules/@prisma/engines/package.json", manifest);
    let downloaded = site.beside("home/.cache/prisma/master/cafe/some-system/schema-engine");
    program(&downloaded, "echo schema-engine-cli cafe");
    assert_eq!(engine(&site).await.0, downloaded);
}

/// The engine that is found: its path, its version and why.
async fn engine(site: &Site) -> (String, String, String) {
    let tools = site.locate().await.unwrap().tools();
    let engine = tools.iter().find(|tool| tool.role == "engine").unwrap();
    (engine.path.clone(), engine.version.clone(), engine.why.clone())
}

#[tokio::test]
async fn without_any_cli_ours_answers_as_the_major_that_the_project_speaks() {
    let without_url = "datasource db {\n  provider = \"postgresql\"\n}\n";
    for (schema, manifest, layout, major, why) in [
        (SCHEMA, "", "", 6, "the schema holds its URL, as up to Prisma 6"),
        (without_url, "", "", 7, "the schema holds no URL, as from Prisma 7 on"),
        (SCHEMA, "", LITELLM, 5, "LiteLLM uses Prisma 5"),
        (
            SCHEMA,
            r#"{"devDependencies":{"prisma":"^5.10.2"}}"#,
            "",
            5,
            "package.json asks for Prisma ^5.10.2",
        ),
        (SCHEMA, r#"{"dependencies":{"prisma":"~7.2"}}"#, "", 7, "package.json asks for Prisma ~7.2"),
        (
            SCHEMA,
            r#"{"dependencies":{"prisma":"latest"}}"#,
            "",
            6,
            "the schema holds its URL, as up to Prisma 6",
        ),
    ] {
        let site = Site::bare(|_| vec![("PATH".into(), path_without_prisma())]);
        site.write("schema.prisma", schema);
        for (path, text) in [("package.json", manifest), (layout, "")] {
            if !path.is_empty() && (path != "package.json" || !text.is_empty()) {
                site.write(path, text);
            }
        }
        let toolchain = site.locate().await.unwrap();
        let tools = toolchain.tools();
        assert_eq!(tools[0].version, "5.22.0");
        assert!(tools[0].why.contains("installed by this tool"), "{tools:?}");
        assert!(tools[1].path.ends_with(&format!("/schema-engine-{major}")), "{tools:?}");
        assert_eq!(tools[1].why, format!("Prisma's wasm build, installed by this tool: {why}"));
        assert_eq!(toolchain.notes().len(), usize::from(why.starts_with("package.json")), "{why}");
    }
}

/// The PATH with `directory` before all others.
fn path_with(directory: &Utf8Path) -> String {
    format!("{directory}:{}", std::env::var("PATH").unwrap())
}

/// The PATH, as long as no `prisma` is on it.
fn path_without_prisma() -> String {
    let path = std::env::var("PATH").unwrap();
    let kept: Vec<_> =
        path.split(':').filter(|directory| !Utf8Path::new(directory).join("prisma").exists()).collect();
    kept.join(":")
}
