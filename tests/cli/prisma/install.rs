//! What the tool installs for itself.

use std::{fs, time::Duration};

use camino::Utf8PathBuf;

use crate::support::prisma::{Site, fake_cli, program};

const SCHEMA: &str = "datasource db {\n  provider = \"postgresql\"\n  url = env(\"DATABASE_URL\")\n}\n";

/// A project with a CLI but no engine, and a cache of its own.
fn site(path: Option<&str>) -> Site {
    let mut site = Site::bare(|root| match path {
        Some(path) => vec![("PATH".into(), path.replace("{repo}", root.as_str()))],
        None => Vec::new(),
    });
    site.write("schema.prisma", SCHEMA);
    fake_cli(&site.root().join("node_modules/prisma"), "6.2.0", "");
    site.cache = site.beside("cache");
    site
}

async fn engine(site: &Site) -> Utf8PathBuf {
    site.locate().await.unwrap().tools()[1].path.clone().into()
}

/// What is in the directory of installed packages.
fn installed(site: &Site) -> Vec<String> {
    let mut names: Vec<_> = site
        .cache
        .join("prisma")
        .read_dir_utf8()
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_owned())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn runs_at_once_install_it_once_and_leave_nothing_else() {
    let first = site(None);
    let mut second = site(None);
    second.cache = first.cache.clone();
    let (one, other) = tokio::join!(engine(&first), engine(&second));
    assert_eq!(one, other);
    let names = installed(&first);
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(names[0].starts_with("schema-engine-") && names[1] == "schema-engine.lock", "{names:?}");
}

#[tokio::test]
async fn a_torn_installation_is_noticed_and_made_anew() {
    let site = site(None);
    let engine = engine(&site).await;
    let wasm = engine.with_file_name("node_modules/schema-engine-6/schema_engine_bg.wasm");
    let whole = fs::metadata(&wasm).unwrap().len();
    fs::write(&wasm, "half").unwrap();
    assert_eq!(self::engine(&site).await, engine);
    assert_eq!(fs::metadata(&wasm).unwrap().len(), whole);
    fs::remove_file(&wasm).unwrap();
    self::engine(&site).await;
    assert_eq!(fs::metadata(&wasm).unwrap().len(), whole);
    assert_eq!(installed(&site).len(), 2);
}

/// A PATH with nothing but the real Node.js, and `npm` played by a script.
fn with_npm(script: &str) -> Site {
    let site = site(Some("{repo}/bin"));
    let node = which::which("node").unwrap();
    program(&site.root().join("bin/npm"), script);
    std::os::unix::fs::symlink(node, site.root().join("bin/node")).unwrap();
    site
}

#[tokio::test]
async fn an_npm_that_fails_is_quoted_and_nothing_is_left() {
    let site = with_npm(
        "echo 'npm error code ENOTFOUND' >&2; echo 'npm error https://u:secret@registry/' >&2; exit 1",
    );
    let error = site.locate().await.unwrap_err();
    let wanted = "npm could not install the schema engine: npm error code ENOTFOUND\n  npm error https://***@registry/";
    assert_eq!(error.to_string(), wanted);
    assert!(error.hint().unwrap().contains("npm ping"), "{error:?}");
    assert_eq!(installed(&site), ["schema-engine.lock"]);
}

#[tokio::test]
async fn the_projects_npmrc_counts_and_is_not_kept() {
    let site = with_npm("cat .npmrc >&2; exit 1");
    site.write(".npmrc", "registry=https://npm.example.com/\n");
    let error = site.locate().await.unwrap_err().to_string();
    assert!(error.ends_with("registry=https://npm.example.com/"), "{error}");

    let site = self::site(None);
    site.write(".npmrc", "package-lock=false\nglobal=true\ndry-run=true\ninstall-strategy=nested\n");
    let engine = engine(&site).await;
    assert!(!engine.with_file_name(".npmrc").exists());
}

#[tokio::test]
async fn an_npm_that_hangs_is_ended_and_nobody_waits_for_it_for_ever() {
    let mut site = with_npm("sleep 600");
    site.timeout = Duration::from_millis(300);
    let error = site.locate().await.unwrap_err().to_string();
    assert!(error.contains("npm") && error.contains("did not answer within"), "{error}");
    assert_eq!(installed(&site), ["schema-engine.lock"]);

    let lock = fs::File::create(site.cache.join("prisma/schema-engine.lock")).unwrap();
    lock.lock().unwrap();
    let error = site.locate().await.unwrap_err();
    assert!(
        error.to_string().starts_with("another run has been installing the schema engine for more"),
        "{error}"
    );
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let nothing = site(Some("{repo}/bin"));
    let error = nothing.locate().await.unwrap_err();
    assert_eq!(error.to_string(), "node is not on the PATH; it runs Prisma");
    assert!(error.hint().unwrap().starts_with("install Node.js with npm"));

    let no_npm = with_npm("");
    fs::remove_file(no_npm.root().join("bin/npm")).unwrap();
    let error = no_npm.locate().await.unwrap_err().to_string();
    assert_eq!(error, "npm is not on the PATH; it installs the schema engine");

    let old = site(Some("{repo}/bin"));
    program(&old.root().join("bin/node"), "echo v16.20.2");
    let error = old.locate().await.unwrap_err().to_string();
    let node = old.root().join("bin/node");
    assert_eq!(error, format!("Node.js 16.20.2 ({node}) is too old: Prisma 6.2.0 needs 18.18.0 or newer"));
}
