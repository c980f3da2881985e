//! Releases that are made for a test: wheels, source distributions, directories.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use serde_json::Value;
use zip::{ZipWriter, write::SimpleFileOptions};

use super::run::{Ended, run};

/// The package's name.
pub const NAME: &str = "some_extras";

/// What a release holds.
#[derive(Debug, Clone, Default)]
pub struct Release {
    version: &'static str,
    files: Vec<(String, Vec<u8>)>,
}

impl Release {
    /// An empty release of this version.
    pub fn new(version: &'static str) -> Self {
        Self { version, files: Vec::new() }
            .file("__init__.py", "")
            .file("migrations/migration_lock.toml", "provider = \"postgresql\"\n")
    }

    /// With a migration.
    pub fn migration(self, name: &str, sql: &str) -> Self {
        self.file(&format!("migrations/{name}/migration.sql"), sql)
    }

    /// With migrations.
    pub fn migrations(self, migrations: &[(&str, &str)]) -> Self {
        migrations.iter().fold(self, |release, (name, sql)| release.migration(name, sql))
    }

    /// With a schema of these models.
    pub fn schema(self, models: &str) -> Self {
        let schema = format!("{HEAD}{models}");
        self.file("schema.prisma", &schema)
    }

    /// With a file of the package.
    pub fn file(mut self, path: &str, text: &str) -> Self {
        self.files.retain(|(known, _)| known != path);
        self.files.push((path.to_owned(), text.as_bytes().to_vec()));
        self
    }

    /// Without a file of the package.
    pub fn without(mut self, path: &str) -> Self {
        self.files.retain(|(known, _)| known != path);
        self
    }

    fn metadata(&self) -> String {
        format!("Metadata-Version: 2.1\nName: some-extras\nVersion: {}\n", self.version)
    }

    /// Writes the wheel into `directory`.
    pub fn wheel(&self, directory: &Path) -> PathBuf {
        let path = directory.join(format!("{NAME}-{}-py3-none-any.whl", self.version));
        let mut writer = ZipWriter::new(fs::File::create(&path).unwrap());
        let mut put = |name: &str, bytes: &[u8]| {
            writer.start_file(name, SimpleFileOptions::default()).unwrap();
            writer.write_all(bytes).unwrap();
        };
        for (name, bytes) in &self.files {
            put(&format!("{NAME}/{name}"), bytes);
        }
        put(&format!("{NAME}-{}.dist-info/METADATA", self.version), self.metadata().as_bytes());
        writer.finish().unwrap();
        path
    }

    /// Writes the source distribution into `directory`.
    pub fn sdist(&self, directory: &Path) -> PathBuf {
        let root = format!("{NAME}-{}", self.version);
        let path = directory.join(format!("{root}.tar.gz"));
        let encoder =
            flate2::write::GzEncoder::new(fs::File::create(&path).unwrap(), flate2::Compression::fast());
        let mut builder = tar::Builder::new(encoder);
        let mut put = |name: String, bytes: &[u8]| {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            builder.append_data(&mut header, name, bytes).unwrap();
        };
        for (name, bytes) in &self.files {
            put(format!("{root}/{NAME}/{name}"), bytes);
        }
        put(format!("{root}/PKG-INFO"), self.metadata().as_bytes());
        builder.into_inner().unwrap().finish().unwrap();
        path
    }

    /// Writes the files into `directory`.
    pub fn unpack(&self, directory: &Path) -> PathBuf {
        for (name, bytes) in &self.files {
            let path = directory.join(NAME).join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let project = format!("[project]\nname = \"some-extras\"\nversion = \"{}\"\n", self.version);
        fs::write(directory.join("pyproject.toml"), project).unwrap();
        directory.to_owned()
    }
}

/// What a schema begins with.
pub const HEAD: &str = "datasource db {\n  provider = \"postgresql\"\n  url = env(\"DATABASE_URL\")\n}\n";

/// Two releases in a directory of their own.
pub struct Pair {
    directory: tempfile::TempDir,
    from: PathBuf,
    to: PathBuf,
}

impl Pair {
    /// Wheels of both.
    pub fn new(from: &Release, to: &Release) -> Self {
        let directory = tempfile::tempdir().unwrap();
        // Two of one version have one name.
        let other = directory.path().join("new");
        fs::create_dir(&other).unwrap();
        let (from, to) = (from.wheel(directory.path()), to.wheel(&other));
        Self { directory, from, to }
    }

    /// A directory where nothing is.
    pub fn place(&self) -> &Path {
        self.directory.path()
    }

    /// Runs `release-check` on both, with more options.
    pub fn check(&self, more: &[&str]) -> Ended {
        let (from, to) = (self.from.to_str().unwrap(), self.to.to_str().unwrap());
        let all = [&["release-check", "--from", from, "--to", to], more].concat();
        run(self.place(), &all)
    }

    /// The same without a database; gives the report.
    #[track_caller]
    pub fn text_report(&self, code: i32) -> Value {
        self.check(&["--no-database", "--format", "json"]).expect(code).json()
    }

    /// The same with one.
    #[track_caller]
    pub fn report(&self, code: i32) -> Value {
        self.check(&["--format", "json"]).expect(code).json()
    }
}

/// The findings of a report: severity, rule, object.
pub fn findings(report: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| {
            format!("{} {} {}", text(&finding["severity"]), text(&finding["rule"]), text(&finding["object"]))
        })
        .collect()
}

/// The verdict of a gate.
pub fn verdict<'a>(report: &'a Value, gate: &str) -> &'a str {
    let gates = report["gates"].as_array().unwrap();
    gates.iter().find(|one| one["name"] == gate).unwrap()["verdict"].as_str().unwrap()
}

/// The first finding of `rule`.
#[track_caller]
pub fn finding<'a>(report: &'a Value, rule: &str) -> &'a Value {
    let findings = report["findings"].as_array().unwrap();
    findings.iter().find(|one| one["rule"] == rule).unwrap_or_else(|| panic!("no {rule} in {report:#}"))
}
