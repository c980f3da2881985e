//! Databases that are not there yet.

use std::process::Stdio;

use crate::{
    live::{
        fixture::{MIGRATIONS, Site},
        prisma::Prisma,
    },
    support::{
        live::{Bouncer, server},
        prisma::VERSIONS,
        run::{Ended, tool},
    },
};

#[tokio::test]
async fn a_database_is_made_as_prisma_makes_it() {
    for (version, schema) in VERSIONS.into_iter().zip(["public", "other", "public"]) {
        let prisma = Prisma::new(version).await;
        let (theirs, ours) = (server().vacancy(), server().vacancy());
        let parameters = format!("schema={schema}");
        let said = prisma.migrate("deploy", &theirs.url("maker", &parameters)).expect(0);
        assert!(said.stdout.contains(" created at localhost:"), "{said:?}");
        let url = ours.url("maker", &parameters);
        let said = prisma.history.ask(&["deploy", "--skip-preflight"], &url).expect(0);
        said.says(&[&format!("the database {} was made at localhost:{}", ours.name, server().port)]);
        assert_eq!(ours.about().await.unwrap(), theirs.about().await.unwrap());
        let (ours, theirs) = (ours.made().await, theirs.made().await);
        assert_eq!(ours.dump(), theirs.dump());
        assert_eq!(ours.ledger(schema).await, theirs.ledger(schema).await);
        prisma.history.ask(&["status"], &url).expect(0);
        let again = prisma.migrate("deploy", &url).expect(0).stdout;
        assert!(again.contains("No pending migrations to apply"), "{again}");
    }
}

#[tokio::test]
async fn whoever_only_looks_says_that_deploy_makes_it() {
    let (site, vacancy) = (Site::new(), server().vacancy());
    let url = vacancy.url("maker", "");
    let there =
        format!("there is no database {} at localhost:{}: deploy makes it", vacancy.name, server().port);
    let status = site.ask(&["status"], &url).expect(4);
    assert!(status.stdout.starts_with(&format!("not there: {there}\ndatabase ")), "{}", status.stdout);
    assert!(status.stdout.contains("pending (3)\n"), "{}", status.stdout);
    let ready = site.ask(&["ready"], &url).expect(4).stdout;
    let name = MIGRATIONS[2].0;
    assert_eq!(
        ready,
        format!(
            "drift: db=none expected={name}; {}; 3 pending, first {}\n",
            there.replace(&vacancy.name, &format!("{:?}", vacancy.name)),
            MIGRATIONS[0].0
        )
    );
    let preflight = site.ask(&["preflight"], &url).expect(0);
    assert!(
        preflight.stdout.starts_with(&format!("clear: 3 migrations to apply; {there}\n")),
        "{preflight:?}"
    );
    for more in [&[][..], &["--skip-preflight"]] {
        let dry = site.ask(&[&["deploy", "--dry-run"], more].concat(), &url).expect(0);
        let line = format!("would make the database {} at ", vacancy.name);
        assert!(dry.stdout.starts_with(&line) && dry.stdout.contains(" and apply 3 migrations\n"), "{dry:?}");
    }
    for command in [&["baseline"][..], &["resolve", "--applied", MIGRATIONS[0].0]] {
        site.ask(command, &url).expect(1).says(&["3D000", "run-migration deploy"]);
    }
    // Nobody can serve where there is nothing, whatever is expected of it.
    let nothing = tempfile::tempdir().unwrap();
    for command in ["status", "ready"] {
        let migrations = nothing.path().to_str().unwrap();
        let said = site.ask(&[command, "--migrations", migrations], &url).expect(4);
        assert!(said.stdout.contains("there is no database"), "{said:?}");
    }
    // A migration that fails is found before the database is there.
    site.add("20260109000000_wrong", "ALTER TABLE \"Nobody\" ADD COLUMN a INT;");
    site.ask(&["preflight"], &url).expect(4).says(&["would_fail"]);
    assert_eq!(vacancy.about().await, None);
}

#[tokio::test]
async fn whoever_may_not_make_it_is_told() {
    let (site, vacancy) = (Site::new(), server().vacancy());
    let url = vacancy.url("app", "");
    let said = site.ask(&["deploy"], &url).expect(1);
    said.says(&[
        "there is no database",
        "it cannot be made",
        "permission denied to create database",
        "CREATEDB",
    ]);
    let report = site.ask(&["preflight", "--format", "json"], &url).expect(4).json();
    let findings = report["findings"].as_array().unwrap();
    assert_eq!((findings.len(), &findings[0]["rule"]), (1, &"missing_privilege".into()), "{report:#}");
    assert!(findings[0]["why"].as_str().unwrap().contains("the role app lacks CREATEDB"), "{report:#}");
    site.ask(&["deploy", "--dry-run"], &url).expect(4).says(&["CREATEDB"]);
}

#[tokio::test]
async fn of_several_at_once_one_makes_it_and_all_succeed() {
    let (site, vacancy) = (Site::new(), server().vacancy());
    let url = vacancy.url("maker", "");
    let children: Vec<_> = (0..8)
        .map(|_| {
            let mut deploy =
                tool(site.path().as_std_path(), &["deploy", "--skip-preflight", "--format", "json"]);
            deploy.env("DATABASE_URL", &url).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let (mut applied, mut made) = (0, 0);
    for child in children {
        let report = Ended::from(child.wait_with_output().unwrap()).expect(0).json();
        applied += report["deployment"]["applied"].as_array().map_or(0, Vec::len);
        made += usize::from(report["notes"].to_string().contains("was made at"));
    }
    assert_eq!((applied, made), (MIGRATIONS.len(), 1));
}

#[tokio::test]
async fn behind_a_pooler_none_is_made() {
    let (site, vacancy) = (Site::new(), server().vacancy());
    let bouncer = Bouncer::start(server()).await;
    let url = vacancy.url_at(bouncer.port, "maker", "pgbouncer=true");
    let said = site.ask(&["deploy", "--skip-preflight"], &url).expect(1);
    said.says(&["does not exist", "pooler", "DIRECT_URL"]);
    assert_eq!(vacancy.about().await, None);
}
