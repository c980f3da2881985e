//! Data directories as the cache keeps them: packed, made from a server that was shut down in order. They are gathered in
//! one file first, which is quicker than a copy, so that the server can go on at once.

use std::{
    io::{BufWriter, Cursor, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Component,
};

use camino::{Utf8Path, Utf8PathBuf};
use lz4_flex::frame::{BlockMode, BlockSize, FrameDecoder, FrameEncoder, FrameInfo};

use super::{Installation, data, workdir::give};
use crate::{cache::Fingerprint, process::RunAs};

/// Where in `global/pg_control` the state of the server stands, and what it is after an orderly end.
const STATE: std::ops::Range<usize> = 16..20;
const SHUT_DOWN: u32 = 1;

/// What a server writes for itself and makes anew.
const OF_THE_MOMENT: [&str; 2] = ["postmaster.opts", "postmaster.pid"];

/// Where the control files of extensions may be, seen from the programs.
const EXTENSIONS: [&str; 4] =
    ["../share/extension", "../share/postgresql/extension", "../share/postgresql/{major}/extension", ""];

/// What of an installation shapes the databases that it makes, wherever it is installed; `None` where that cannot be
/// told.
pub(crate) fn identity(installation: &Installation) -> Option<Fingerprint> {
    let program = fs_err::metadata(installation.bin.join("postgres")).ok()?;
    let print = Fingerprint::new("postgres")
        .with(std::env::consts::OS)
        .with(std::env::consts::ARCH)
        .with(&installation.version.build)
        .with(program.len().to_le_bytes())
        .with(data::form(installation));
    extensions(installation).map(|files| print.with_all(files))
}

/// The names and contents of the control files: an extension is installed in the version that they name.
fn extensions(installation: &Installation) -> Option<Vec<Vec<u8>>> {
    let major = installation.version.major.to_string();
    let system = format!("/usr/share/postgresql/{major}/extension");
    let mut files = Vec::new();
    for place in EXTENSIONS {
        let directory = match place {
            "" => Utf8PathBuf::from(&system),
            relative => installation.bin.join(relative.replace("{major}", &major)),
        };
        let Ok(entries) = directory.read_dir_utf8() else { continue };
        for entry in entries.flatten().filter(|entry| entry.file_name().ends_with(".control")) {
            let mut file = entry.file_name().as_bytes().to_vec();
            file.push(0);
            file.extend(fs_err::read(entry.path()).ok()?);
            files.push(file);
        }
    }
    files.sort();
    // PostgreSQL itself has plpgsql: where nothing is found, it was looked for in the wrong places.
    (!files.is_empty()).then_some(files)
}

/// Whether the server of the data directory was shut down in order, so that its files are all there is.
pub(super) fn is_at_rest(data: &Utf8Path) -> bool {
    let control = fs_err::read(data.join("global/pg_control")).unwrap_or_default();
    let state = control.get(STATE).and_then(|bytes| bytes.try_into().ok()).map(u32::from_ne_bytes);
    state == Some(SHUT_DOWN) && data.join("postmaster.pid").symlink_metadata().is_err()
}

/// Gathers a data directory in one file, `aside`.
///
/// # Errors
/// Where a file cannot be read, or there is what cannot be kept, such as a tablespace; where the disk is full.
pub(super) fn gather(data: &Utf8Path, aside: &Utf8Path) -> std::io::Result<()> {
    let mut archive = tar::Builder::new(BufWriter::with_capacity(1 << 20, fs_err::File::create_new(aside)?));
    archive.mode(tar::HeaderMode::Deterministic);
    // Holes are no saving once it is packed.
    archive.sparse(false);
    for (name, is_directory) in contents(data)? {
        let path = data.join(&name);
        match is_directory {
            true => archive.append_dir(&name, &path)?,
            false => archive.append_path_with_name(&path, &name)?,
        }
    }
    archive.into_inner()?.flush()
}

/// Packs what was gathered in `aside`.
///
/// # Errors
/// Where it cannot be read.
pub(crate) fn pack(aside: &Utf8Path) -> std::io::Result<Vec<u8>> {
    let form = FrameInfo::new().block_size(BlockSize::Max4MB).block_mode(BlockMode::Independent);
    let mut packed = FrameEncoder::with_frame_info(form, Vec::new());
    std::io::copy(&mut fs_err::File::open(aside)?, &mut packed)?;
    packed.finish().map_err(std::io::Error::other)
}

/// Every directory and file below `root`, by its name within, directories before what they hold.
fn contents(root: &Utf8Path) -> std::io::Result<Vec<(Utf8PathBuf, bool)>> {
    let mut found = Vec::new();
    let mut open = vec![Utf8PathBuf::new()];
    while let Some(directory) = open.pop() {
        for entry in root.join(&directory).read_dir_utf8()? {
            let entry = entry?;
            let name = directory.join(entry.file_name());
            let kind = entry.file_type()?;
            if kind.is_dir() {
                open.push(name.clone());
                found.push((name, true));
            } else if !kind.is_file() {
                return Err(std::io::Error::other(format!("{} is no plain file", entry.path())));
            } else if !OF_THE_MOMENT.contains(&name.as_str()) {
                found.push((name, false));
            }
        }
    }
    Ok(found)
}

/// Makes the data directory `data` of what was packed, for the account that runs the server.
///
/// # Errors
/// Where it is not what [`pack`] makes, or the disk is full.
pub(super) fn unpack(packed: &[u8], data: &Utf8Path, run_as: &RunAs) -> std::io::Result<()> {
    let make_directory = |path: &Utf8Path| {
        std::fs::DirBuilder::new().mode(0o700).create(path)?;
        give(path, run_as)
    };
    make_directory(data)?;
    let mut archive = tar::Archive::new(FrameDecoder::new(Cursor::new(packed)));
    let mut bytes = Vec::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        let name = Utf8PathBuf::from_path_buf(entry.path()?.into_owned())
            .ok()
            .filter(|name| name.as_std_path().components().all(|part| matches!(part, Component::Normal(_))))
            .ok_or_else(|| std::io::Error::other("a name that leads out of the directory"))?;
        let path = data.join(name);
        match entry.header().entry_type() {
            tar::EntryType::Directory => make_directory(&path)?,
            tar::EntryType::Regular => {
                bytes.clear();
                entry.read_to_end(&mut bytes)?;
                let mut file = std::fs::OpenOptions::new();
                let file = file.write(true).create_new(true).mode(0o600).open(&path)?;
                (&file).write_all(&bytes)?;
                give(&path, run_as)?;
            }
            other => return Err(std::io::Error::other(format!("an entry of the kind {other:?}"))),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Utf8Path, name: &str, bytes: &[u8]) {
        let path = root.join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, bytes).unwrap();
    }

    #[test]
    fn what_is_packed_comes_out_again_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap();
        let data = root.join("data");
        write(&data, "PG_VERSION", b"15\n");
        write(&data, "base/1/1234", &[7; 100_000]);
        write(&data, "postmaster.opts", b"of the moment");
        write(&data, "pg_wal/1", b"with a hole");
        fs_err::File::options().write(true).open(data.join("pg_wal/1")).unwrap().set_len(1 << 20).unwrap();
        fs_err::create_dir(data.join("pg_tblspc")).unwrap();
        let aside = root.join("aside");
        gather(&data, &aside).unwrap();
        let packed = pack(&aside).unwrap();
        assert!(packed.len() < 10_000, "{}", packed.len());
        unpack(&packed, &root.join("again"), &RunAs::Myself).unwrap();
        let again = root.join("again");
        assert_eq!(fs_err::read(again.join("base/1/1234")).unwrap(), [7; 100_000]);
        assert_eq!(fs_err::metadata(again.join("pg_wal/1")).unwrap().len(), 1 << 20);
        assert!(again.join("pg_tblspc").is_dir() && !again.join("postmaster.opts").exists());
        assert!(unpack(&packed[..packed.len() / 2], &root.join("torn"), &RunAs::Myself).is_err());

        std::os::unix::fs::symlink("/tmp", data.join("pg_tblspc/16384")).unwrap();
        assert!(gather(&data, &root.join("no file")).is_err());
    }

    #[test]
    fn nothing_leads_out_of_the_directory() {
        let mut archive = tar::Builder::new(FrameEncoder::new(Vec::new()));
        let mut header = tar::Header::new_gnu();
        header.as_gnu_mut().unwrap().name[..8].copy_from_slice(b"../outer");
        header.set_size(1);
        header.set_cksum();
        archive.append(&header, &b"x"[..]).unwrap();
        let packed = archive.into_inner().unwrap().finish().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap();
        assert!(unpack(&packed, &root.join("data"), &RunAs::Myself).is_err());
        assert!(!root.join("outer").exists());
    }

    #[test]
    fn only_an_orderly_end_leaves_files_at_rest() {
        let directory = tempfile::tempdir().unwrap();
        let data = Utf8Path::from_path(directory.path()).unwrap();
        assert!(!is_at_rest(data));
        let mut control = [0; 64];
        control[STATE].copy_from_slice(&6_u32.to_ne_bytes());
        write(data, "global/pg_control", &control);
        assert!(!is_at_rest(data));
        control[STATE].copy_from_slice(&SHUT_DOWN.to_ne_bytes());
        write(data, "global/pg_control", &control);
        assert!(is_at_rest(data));
        write(data, "postmaster.pid", b"1");
        assert!(!is_at_rest(data));
    }
}
