//! What a `prisma.config.*` imports is installed before it is read.

use std::os::unix::fs::symlink;

use super::{
    check::{pull_request, runner_with},
    printed, schema, steps,
};
use crate::support::{git::Forge, prisma::cli, run::run};

const STEP: &str = "Install the packages";
const TOOL: &str = "exec \"$REAL_TOOL\" \"$@\" --no-database";

/// What stands for npm and for the managers that it brings: each leaves the Prisma of these tests.
const NPM: &str = r#"
place() { mkdir -p node_modules && ln -sfn "$REAL_PRISMA" node_modules/prisma; }
echo "$PWD: npm $*" >>"$LOG/packages"
if [ "$1" = ci ]; then place; exit; fi
modules=$3/node_modules
mkdir -p "$modules/.bin" "$modules/@oven/bun-linux-x64/bin"
for manager in .bin/pnpm .bin/yarn @oven/bun-linux-x64/bin/bun; do
  printf '%s\n' '#!/bin/bash' 'echo "$PWD: ${0##*/} $* ${YARN_ENABLE_SCRIPTS-}" >>"$LOG/packages"' \
    'mkdir -p node_modules && ln -sfn "$REAL_PRISMA" node_modules/prisma' >"$modules/$manager"
  chmod +x "$modules/$manager"
done
"#;

/// A repository with a project in `apps/db` that has a prisma.config.*, and these files beside it.
fn configured(files: &[(&str, &str)]) -> Forge {
    let forge = Forge::new();
    let author = forge.author();
    author.write(".gitignore", "node_modules\n");
    author.write(
        "apps/db/prisma.config.mjs",
        "export default { schema: 'here/schema.prisma', migrations: { path: 'here/migrations' } }\n",
    );
    author.write("apps/db/here/migrations/migration_lock.toml", "provider = \"postgresql\"\n");
    author.write("apps/db/here/schema.prisma", &schema(""));
    let sql =
        "CREATE TABLE \"Book\" (\"id\" INTEGER NOT NULL, CONSTRAINT \"Book_pkey\" PRIMARY KEY (\"id\"));\n";
    author.write("apps/db/here/migrations/20260101000000_begin/migration.sql", sql);
    for (name, text) in files {
        author.write(name, text);
    }
    author.git(&["add", "--all"]);
    author.git(&["commit", "-q", "-m", "Begin"]);
    author.push("main");
    let modules = author.file("apps/db/node_modules");
    std::fs::create_dir_all(&modules).unwrap();
    symlink(cli("6.19.0"), modules.join("prisma")).unwrap();
    forge
}

const FETCH: &str =
    "install --prefix TEMP/package-manager --no-save --ignore-scripts --no-audit --no-fund --";

#[test]
fn the_package_manager_of_the_lockfile_installs_exactly_that_and_runs_no_script() {
    let named = "{\"packageManager\": \"pnpm@9.15.9+sha512.abc\"}";
    for (files, calls, note) in [
        (
            &[("apps/db/package-lock.json", "{}")][..],
            &["WORK/apps/db: npm ci --ignore-scripts --no-audit --no-fund"][..],
            None,
        ),
        // Of a workspace it is above.
        (&[("package-lock.json", "{}")], &["WORK: npm ci --ignore-scripts --no-audit --no-fund"], None),
        (
            &[
                ("pnpm-lock.yaml", "lockfileVersion: '9.0'\n"),
                ("package-lock.json", "{}"),
                ("package.json", named),
            ],
            &["TEMP: npm FETCH pnpm@9.15.9", "WORK: pnpm install --frozen-lockfile --ignore-scripts"],
            None,
        ),
        (
            &[("apps/yarn.lock", "# yarn lockfile v1\n")],
            &[
                "TEMP: npm FETCH yarn@1",
                "WORK/apps: yarn install --frozen-lockfile --ignore-scripts --non-interactive",
            ],
            Some("apps/package.json names no version of yarn"),
        ),
        (
            &[("apps/db/yarn.lock", "__metadata:\n  version: 8\n")],
            &["TEMP: npm FETCH @yarnpkg/cli-dist@4", "WORK/apps/db: yarn install --immutable false"],
            Some("\"packageManager\": \"yarn@...\""),
        ),
        (
            &[("bun.lock", "{}"), ("package.json", "{\"packageManager\": \"bun@1.2.3\"}")],
            &[
                "TEMP: npm FETCH @oven/bun-linux-x64@1.2.3",
                "WORK: bun install --frozen-lockfile --ignore-scripts",
            ],
            None,
        ),
    ] {
        let forge = configured(files);
        let directory = forge.author().file("apps/db");
        let printed = printed(&directory, &[]);
        let [check] = printed.as_slice() else { panic!("{} workflows", printed.len()) };
        let said = run(&directory, &["ci", "github"]).expect(0).stderr;
        assert_eq!(said.contains("names no version of"), note.is_some(), "{files:?}: {said}");
        assert!(said.contains(note.unwrap_or_default()), "{files:?}: {said}");

        let mut runner = runner_with(&forge, &pull_request(&forge), TOOL);
        runner.script("bin/npm", NPM);
        runner.environment.push(("REAL_PRISMA".into(), cli("6.19.0").into_string()));
        let job = runner.run(check, "check").unwrap();
        assert!(job.succeeded(), "{files:?}: {:?}", job.steps);
        let said = runner.calls("packages");
        let said = said.replace(runner.file("temp").to_str().unwrap(), "TEMP");
        let said = said.replace(runner.file("workspace").to_str().unwrap(), "WORK").replace(FETCH, "FETCH");
        assert_eq!(said.lines().map(str::trim_end).collect::<Vec<_>>(), calls, "{files:?}");
        assert!(job.last().stderr.contains("history     passed"), "{}", job.last().stderr);
    }
}

/// After the checkout, before the check; by values of the environment, and nothing else is there to be pinned.
#[test]
fn the_step_stands_where_it_has_to_and_is_hardened_as_the_others() {
    let odd = "apps/db/pnpm-lock.yaml";
    let forge =
        configured(&[(odd, ""), ("apps/db/package.json", "{\"packageManager\": \"pnpm@9.0.0; echo\"}")]);
    let directory = forge.author().file("apps/db");
    let check = &printed(&directory, &[])[0];
    let names: Vec<_> =
        steps(&check.yaml, "check").iter().map(|step| step["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "Install run-migration",
            "Check out the trial merge",
            "Trust the checkout",
            STEP,
            "Check the migrations"
        ]
    );
    let step = &steps(&check.yaml, "check")[3];
    // What is no version has no say.
    assert_eq!(step["env"], serde_json::json!({"DIRECTORY": "apps/db", "PACKAGE_MANAGER": "pnpm@10"}));
    assert!(step["uses"].is_null() && !step["run"].as_str().unwrap().contains("${{"));
    assert!(check.text.contains("no\n      # script of a package is run"), "{}", check.text);
}

#[test]
fn without_a_lockfile_a_person_is_asked() {
    let forge = configured(&[]);
    let ended = run(&forge.author().file("apps/db"), &["ci", "github"]).expect(0);
    assert!(!ended.stdout.contains(STEP));
    ended.says(&["prisma.config.mjs is read with the project's own Prisma", "no lockfile", "commit one"]);
    // Where nothing is imported, nothing is installed.
    let (check, _) = super::of_litellm();
    assert!(!check.text.contains(STEP));
}
