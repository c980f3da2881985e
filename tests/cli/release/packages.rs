//! Where releases come from: every kind of package, and those that nobody should read.

use std::{fs, io::Write, path::Path};

use zip::{ZipWriter, write::SimpleFileOptions};

use crate::support::{
    prisma::program,
    project::git,
    release::{NAME, Release, finding, findings, verdict},
    run::{Ended, run, tool},
};

const ONE: (&str, &str) = ("20260101000000_one", "CREATE TABLE one (id int);\n");
const TWO: (&str, &str) = ("20260102000000_two", "CREATE TABLE two (id int);\n");

fn old() -> Release {
    Release::new("1.0").migrations(&[ONE])
}

fn new() -> Release {
    Release::new("1.1").migrations(&[ONE, TWO])
}

fn check(place: &Path, from: &str, to: &str, more: &[&str]) -> Ended {
    let all = ["release-check", "--no-database", "--format", "json", "--from", from, "--to", to];
    run(place, &[&all, more].concat())
}

/// Fails unless the pair was read as one release after the other.
#[track_caller]
fn is_read(ended: Ended, kinds: (&str, &str)) {
    let report = ended.expect(0).json();
    let release = &report["release"];
    assert_eq!(
        (release["from"]["kind"].as_str(), release["to"]["kind"].as_str()),
        (Some(kinds.0), Some(kinds.1))
    );
    assert_eq!(release["pending"], serde_json::json!([TWO.0]), "{report:#}");
    assert_eq!((&release["from"]["called"], &release["to"]["called"]), (&"1.0".into(), &"1.1".into()));
}

#[test]
fn wheels_source_distributions_and_directories_are_read_without_a_repository() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    let wheels = (old().wheel(place), new().wheel(place));
    let sdists = (old().sdist(place), new().sdist(place));
    let directories = (old().unpack(&mkdir(place, "old")), new().unpack(&mkdir(place, "new")));
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    is_read(check(place, &text(&wheels.0), &text(&sdists.1), &[]), ("wheel", "sdist"));
    is_read(check(place, &text(&sdists.0), &text(&directories.1), &[]), ("sdist", "directory"));
    is_read(check(place, "old", "new", &[]), ("directory", "directory"));
    // The directory of migrations itself, the schema beside it.
    let migrations = |name: &str| format!("{name}/{NAME}/migrations");
    fs::write(place.join("new").join(NAME).join("schema.prisma"), "").unwrap();
    let report = check(place, &migrations("old"), &migrations("new"), &[]).expect(0).json();
    assert_eq!(report["release"]["to"]["schema"], "schema.prisma");
    assert_eq!(report["release"]["pending"], serde_json::json!([TWO.0]));
}

#[test]
fn commits_of_a_repository_are_read_as_they_were() {
    let place = tempfile::tempdir().unwrap();
    let repo = place.path();
    git(repo, &["init", "-q"]);
    for (release, tag) in [(old(), "v1.0"), (new(), "v1.1")] {
        release.unpack(repo);
        git(repo, &["add", "-A"]);
        git(repo, &["commit", "-q", "-m", tag]);
        git(repo, &["tag", tag]);
    }
    fs::remove_dir_all(repo.join(NAME)).unwrap();
    is_read(check(repo, "ref:v1.0", "ref:v1.1", &[]), ("commit", "commit"));
    let below = repo.join("below");
    fs::create_dir(&below).unwrap();
    is_read(check(&below, "ref:v1.0", "ref:v1.1", &[]), ("commit", "commit"));
    let deleted = check(repo, "ref:v1.1", "ref:v1.0", &[]).expect(4).json();
    let safer = finding(&deleted, "migration_deleted")["safer"].as_str().unwrap();
    assert!(safer.contains("git checkout ") && safer.contains(TWO.0), "{safer}");
    check(repo, "ref:v9", "ref:v1.1", &[]).expect(1).says(&["v9"]);
    check(repo, "ref:--output=x", "ref:v1.1", &[]).expect(1);
}

/// A pip that has two wheels, and writes down what it is asked.
fn pip(place: &Path, index: &Path) {
    let script = format!(
        "echo \"$@\" >> {place}/asked\n\
         for word in \"$@\"; do last=$word; done\n\
         while [ \"$1\" != --dest ]; do shift; done\n\
         case $last in\n\
           some-extras==1.1|some-extras) cp {index}/{NAME}-1.1-*.whl $2 ;;\n\
           some-extras\\<1.1) cp {index}/{NAME}-1.0-*.whl $2 ;;\n\
           *) echo 'ERROR: No matching distribution found for' \"$last\" 'in https://me:s3cret@index/simple' >&2; exit 1 ;;\n\
         esac",
        place = place.display(),
        index = index.display(),
    );
    program(camino::Utf8Path::from_path(&place.join("bin/pip")).unwrap(), &script);
}

#[test]
fn an_index_is_asked_through_the_user_s_own_pip() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    let index = mkdir(place, "index");
    old().wheel(&index);
    new().wheel(&index);
    pip(place, &index);
    let path = format!("{}:{}", place.join("bin").display(), std::env::var("PATH").unwrap());
    let check = |from: &str, to: &str| -> Ended {
        let args = ["release-check", "--no-database", "--format", "json", "--from", from, "--to", to];
        tool(place, &args).env("PATH", &path).output().unwrap().into()
    };
    is_read(check("pypi:some-extras", "pypi:some-extras==1.1"), ("wheel", "wheel"));
    let asked = fs::read_to_string(place.join("asked")).unwrap();
    assert_eq!(asked.lines().count(), 2, "{asked}");
    for line in asked.lines() {
        assert!(
            line.contains("--no-deps --only-binary=:all: --no-input"),
            "nothing of the package runs: {line}"
        );
    }
    assert!(asked.ends_with("-- some-extras<1.1\n"), "the latest below: {asked}");
    let report = check("pypi:some-extras==9", "pypi:some-extras").expect(1);
    assert!(
        report.stderr.contains("No matching distribution") && !report.stderr.contains("s3cret"),
        "{}",
        report.stderr
    );
    for wrong in ["pypi:--index-url=x", "pypi:a<2", "pypi:"] {
        check(wrong, "pypi:some-extras").expect(1).says(&["NAME==VERSION"]);
    }
}

#[test]
fn without_pip_and_uv_it_is_said_who_was_looked_for() {
    let place = tempfile::tempdir().unwrap();
    let args = ["release-check", "--no-database", "--from", "pypi:a==1", "--to", "pypi:a==2"];
    let mut command = tool(place.path(), &args);
    // Only what the reaper needs.
    let bin = mkdir(place.path(), "bin");
    for program in ["sh", "sleep", "kill", "rm", "cat"] {
        if let Some(found) =
            ["/bin", "/usr/bin"].iter().map(|at| Path::new(at).join(program)).find(|path| path.exists())
        {
            std::os::unix::fs::symlink(found, bin.join(program)).unwrap();
        }
    }
    let ended: Ended = command.env("PATH", &bin).output().unwrap().into();
    ended.expect(1).says(&["pip is not there", "uv is not there", "download the package and name the file"]);
}

#[test]
fn what_is_damaged_or_dangerous_is_named_and_not_read() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    let from = old().wheel(place);
    let whole = fs::read(new().wheel(place)).unwrap();
    let sdist = fs::read(new().sdist(place)).unwrap();
    let zip = |entries: &[(&str, &[u8])]| {
        let mut writer = ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, bytes) in entries {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    };
    let encrypted = {
        let mut bytes = zip(&[("p/migrations/1_a/migration.sql", b"SELECT 1;")]);
        let central = bytes.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
        bytes[6] |= 1;
        bytes[central + 8] |= 1;
        bytes
    };
    let two = zip(&[("p/a/1_a/migration.sql", b"SELECT 1;"), ("p/b/1_a/migration.sql", b"SELECT 1;")]);
    for (file, bytes, words) in [
        ("cut.whl", whole[..whole.len() / 2].to_vec(), "damaged"),
        ("cut.tar.gz", sdist[..sdist.len() / 2].to_vec(), "damaged"),
        ("none.whl", b"no archive".to_vec(), "damaged"),
        ("out.whl", zip(&[("../x/migration.sql", b"")]), "would lie outside of the package"),
        ("bomb.whl", zip(&[("p/m/1_a/migration.sql", &vec![b' '; (64 << 20) + 1])]), "unpacks to more than"),
        ("locked.whl", encrypted, "is encrypted"),
        ("two.whl", two, "p/a, p/b"),
        (
            "other.rpm",
            b"x".to_vec(),
            "neither a wheel (.whl), a source distribution (.tar.gz) nor a directory",
        ),
    ] {
        fs::write(place.join(file), bytes).unwrap();
        let ended = check(place, from.to_str().unwrap(), file, &[]).expect(1).says(&[file, words]);
        assert_eq!(ended.json()["outcome"], "failed");
    }
    check(place, from.to_str().unwrap(), "missing.whl", &[]).expect(1).says(&["no such file or directory"]);
    // With two places, one is named.
    let report = check(place, "two.whl", "two.whl", &["--migrations", "p/b"]).expect(0).json();
    assert_eq!(verdict(&report, "history"), "passed");
    let none = zip(&[("p/x.py", b"")]);
    fs::write(place.join("none.whl"), none).unwrap();
    check(place, "none.whl", "none.whl", &[]).expect(1).says(&["there are no migrations in it", "left out"]);
}

#[test]
fn a_package_without_a_schema_or_without_migrations_is_compared_all_the_same() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    let (old, new) = (old().wheel(place), new().wheel(place));
    let report = check(place, old.to_str().unwrap(), new.to_str().unwrap(), &[]).expect(0).json();
    let notes = report["notes"].to_string();
    assert!(
        notes.contains("1.0 has no schema.prisma") && notes.contains("1.1 has no schema.prisma"),
        "{notes}"
    );
    let empty = Release::new("0.9").wheel(place);
    let report = check(place, empty.to_str().unwrap(), old.to_str().unwrap(), &[]).expect(0).json();
    assert!(report["notes"].to_string().contains("0.9 has no migrations"), "{report:#}");
    let lost = Release::new("1.2").wheel(place);
    let report = check(place, new.to_str().unwrap(), lost.to_str().unwrap(), &[]).expect(4).json();
    assert_eq!(findings(&report).len(), 2, "{report:#}");
}

#[test]
fn what_was_typed_is_two_releases_or_a_folder() {
    let place = tempfile::tempdir().unwrap();
    for args in [&["--from", "a"][..], &["--to", "a"], &[], &["--from", "a", "--to", "b", "--published", "c"]]
    {
        run(place.path(), &[&["release-check"], args].concat()).expect(64);
    }
}

fn mkdir(place: &Path, name: &str) -> std::path::PathBuf {
    let path = place.join(name);
    fs::create_dir(&path).unwrap();
    path
}
