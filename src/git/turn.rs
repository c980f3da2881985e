//! One run after the other in a shallow clone.

use std::{
    fs::{File, TryLockError},
    time::{Duration, Instant},
};

use super::{Error, Git};

/// How often it is looked whether it is our turn.
const PAUSE: Duration = Duration::from_millis(20);

/// Our turn, until it is dropped or the process ends.
#[derive(Debug)]
pub struct Turn {
    _locked: Option<File>,
}

impl Git {
    /// Waits for our turn among the runs that fetch into this shallow clone, from whatever work tree: two at once would
    /// cut each other's history off. Nothing is written: the lock is on git's own directory. Where the file system has
    /// no locks, or the others take longer than one call may, everybody goes at once.
    ///
    /// # Errors
    /// Where git does not answer.
    pub async fn turn(&self) -> Result<Turn, Error> {
        let list = self.list_of_cuts().await?;
        let Some(directory) = list.parent().filter(|_| list.exists()) else {
            return Ok(Turn { _locked: None });
        };
        let file = fs_err::File::open(directory)?.into_file();
        let started = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Turn { _locked: Some(file) }),
                Err(TryLockError::WouldBlock) if started.elapsed() < self.timeout => {
                    tokio::time::sleep(PAUSE).await;
                }
                Err(_) => return Ok(Turn { _locked: None }),
            }
        }
    }
}
