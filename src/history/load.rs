//! Reading a history from disk. What is damaged is found and named, never passed over.

use camino::{Utf8Path, Utf8PathBuf};

use super::{FILE_NAME, History, Migration, checksum, integrity};
use crate::finding::Finding;

/// Larger than any migration; beyond it something is wrong.
const MAX_BYTES: u64 = 64 << 20;

/// A history as far as it can be read.
#[derive(Debug)]
pub struct Loaded {
    /// The migrations that are whole.
    pub history: History,
    /// What is wrong with the rest.
    pub damages: Vec<Finding>,
}

/// The directory itself cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It is no directory, or a link to one.
    #[error("{0} is not a directory")]
    NotADirectory(Utf8PathBuf),
    /// The system says no; the text names the file.
    #[error("the migration history cannot be read: {0}")]
    Io(#[from] std::io::Error),
}

/// Reads the history in `directory`, in byte order of the migrations' names. A directory that does not exist is a
/// history without migrations: a project's first one is still to be made. Files beside the migrations'
/// directories, `migration_lock.toml` among them, are no migrations.
///
/// # Errors
/// Where the directory itself cannot be read. What is wrong with one migration is a damage, not an error.
pub fn load(directory: &Utf8Path) -> Result<Loaded, LoadError> {
    let history = History { directory: directory.to_owned(), migrations: Vec::new() };
    let mut loaded = Loaded { history, damages: Vec::new() };
    match directory.symlink_metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(loaded),
        Ok(metadata) if !metadata.is_dir() => return Err(LoadError::NotADirectory(directory.to_owned())),
        _ => {}
    }
    let mut entries = fs_err::read_dir(directory)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs_err::DirEntry::file_name);
    for entry in entries {
        let file_type = entry.file_type()?;
        let Ok(name) = entry.file_name().into_string() else {
            if !file_type.is_file() {
                loaded.damages.push(integrity::name_not_utf8(&entry.file_name().to_string_lossy()));
            }
            continue;
        };
        if file_type.is_symlink() {
            loaded.damages.push(integrity::symlink(&name, &directory.join(&name)));
        } else if file_type.is_dir() && !name.starts_with('.') {
            match migration(directory, name) {
                Ok(migration) => loaded.history.migrations.push(migration),
                Err(damage) => loaded.damages.push(*damage),
            }
        }
    }
    Ok(loaded)
}

fn migration(directory: &Utf8Path, name: String) -> Result<Migration, Box<Finding>> {
    let path = directory.join(&name).join(FILE_NAME);
    let metadata = match path.symlink_metadata() {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Box::new(integrity::missing_sql(&name, &path)));
        }
        Err(error) => return Err(Box::new(integrity::unreadable(&name, &path, &error.to_string()))),
    };
    if metadata.is_symlink() {
        return Err(Box::new(integrity::symlink(&name, &path)));
    }
    if !metadata.is_file() {
        return Err(Box::new(integrity::unreadable(&name, &path, "it is not a regular file")));
    }
    if metadata.len() > MAX_BYTES {
        let cause = format!("it has {} bytes, more than {MAX_BYTES}", metadata.len());
        return Err(Box::new(integrity::unreadable(&name, &path, &cause)));
    }
    let bytes = std::fs::read(&path)
        .map_err(|error| Box::new(integrity::unreadable(&name, &path, &error.to_string())))?;
    from_bytes(name, path, bytes)
}

/// The migration `name` whose file at `path`, or as its reader would name it, holds `bytes`.
///
/// # Errors
/// The damage, where they are no text.
pub fn from_bytes(name: String, path: Utf8PathBuf, bytes: Vec<u8>) -> Result<Migration, Box<Finding>> {
    let checksum = checksum(&bytes);
    match String::from_utf8(bytes) {
        Ok(sql) => Ok(Migration { name, path, sql, checksum }),
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let line = error.as_bytes()[..valid].iter().filter(|byte| **byte == b'\n').count() + 1;
            let cause = format!("it is not UTF-8 (line {line}, byte {valid})");
            Err(Box::new(integrity::unreadable(&name, &path, &cause)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixture(tempfile::TempDir);

    impl Fixture {
        fn new(names: &[&str]) -> Self {
            let directory = tempfile::tempdir().unwrap();
            for name in names {
                std::fs::create_dir_all(directory.path().join(name)).unwrap();
                std::fs::write(directory.path().join(name).join(FILE_NAME), "SELECT 1;").unwrap();
            }
            Self(directory)
        }

        fn path(&self) -> &Utf8Path {
            Utf8Path::from_path(self.0.path()).unwrap()
        }

        fn rules(&self) -> Vec<(&'static str, String)> {
            load(self.path())
                .unwrap()
                .damages
                .into_iter()
                .map(|damage| (damage.rule, damage.object))
                .collect()
        }
    }

    #[test]
    fn migrations_come_in_byte_order_and_other_files_are_none() {
        let fixture = Fixture::new(&["20260108_b", "20260108000000_a", "20260107 Add Spaces", ".hidden"]);
        std::fs::write(fixture.path().join("migration_lock.toml"), "").unwrap();
        let history = load(fixture.path()).unwrap().history;
        let names: Vec<_> = history.migrations.iter().map(|migration| migration.name.as_str()).collect();
        assert_eq!(names, ["20260107 Add Spaces", "20260108000000_a", "20260108_b"]);
        assert_eq!(
            history.migrations[0].checksum,
            "17db4fd369edb9244b9f91d9aeed145c3d04ad8ba6e95d06247f07a63527d11a"
        );
        assert!(fixture.rules().is_empty());
    }

    #[test]
    fn a_history_that_does_not_exist_yet_is_empty_and_a_file_is_none() {
        let fixture = Fixture::new(&[]);
        assert!(load(&fixture.path().join("none")).unwrap().history.migrations.is_empty());
        std::fs::write(fixture.path().join("file"), "").unwrap();
        assert!(load(&fixture.path().join("file")).is_err());
    }

    #[test]
    fn every_damage_is_named() {
        let fixture = Fixture::new(&["1_good", "2_latin", "3_directory", "6_linked_file"]);
        let path = |name: &str| fixture.path().join(name);
        std::fs::write(path("2_latin/migration.sql"), b"SELECT 1;\n-- \xe9").unwrap();
        std::fs::remove_file(path("3_directory/migration.sql")).unwrap();
        std::fs::create_dir(path("3_directory/migration.sql")).unwrap();
        std::fs::create_dir(path("4_missing")).unwrap();
        std::os::unix::fs::symlink(path("1_good"), path("5_link")).unwrap();
        std::fs::remove_file(path("6_linked_file/migration.sql")).unwrap();
        std::os::unix::fs::symlink(path("1_good/migration.sql"), path("6_linked_file/migration.sql"))
            .unwrap();
        let wanted = [
            ("migration_unreadable", "2_latin"),
            ("migration_unreadable", "3_directory"),
            ("migration_missing_sql", "4_missing"),
            ("migration_symlink", "5_link"),
            ("migration_symlink", "6_linked_file"),
        ];
        assert_eq!(fixture.rules(), wanted.map(|(rule, object)| (rule, object.to_owned())));
        assert!(load(fixture.path()).unwrap().damages[0].why.contains("line 2, byte 13"));
    }
}
