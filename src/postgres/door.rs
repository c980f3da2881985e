//! A socket that stands for the server's own before there is a server.
//!
//! Whoever connects is kept waiting until the door is opened, and is then led to a database of the server. So a client
//! that takes its time to start can do that while the database is still being made.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{UnixListener, UnixStream},
    sync::watch,
    task::JoinHandle,
};

use super::{
    Error, Role,
    postmaster::SOCKET_NAME,
    server::{Server, url},
    workdir::WorkDirectory,
};
use crate::{context::Context, process::RunAs};

/// The name that clients know the database by, whatever it is called on the server.
const DATABASE: &str = "database";

/// What a client may begin with: a request for encryption, which is declined, or its start.
const ENCRYPTION: [u32; 2] = [80_877_103, 80_877_104];
const START: u32 = 3 << 16;

/// The longest beginning that PostgreSQL itself takes.
const LONGEST: u32 = 10_000;

/// The socket, as long as the value lives.
#[derive(Debug)]
pub struct Door {
    directory: WorkDirectory,
    opened: watch::Sender<Option<Arc<Behind>>>,
    porter: JoinHandle<()>,
}

/// What is behind the door.
#[derive(Debug)]
struct Behind {
    socket: Utf8PathBuf,
    database: String,
}

impl Door {
    /// A door that is closed, in a private directory.
    ///
    /// # Errors
    /// Where no directory will do.
    pub async fn closed(context: &Context) -> Result<Self, Error> {
        let directory = WorkDirectory::create(context, &RunAs::Myself).await?;
        let path = directory.path().join(SOCKET_NAME);
        let listener = UnixListener::bind(&path).map_err(|source| Error::File { path, source })?;
        let (opened, behind) = watch::channel(None);
        let porter = tokio::spawn(async move {
            while let Ok((visitor, _)) = listener.accept().await {
                tokio::spawn(lead(visitor, behind.clone()));
            }
        });
        Ok(Self { directory, opened, porter })
    }

    /// The URL of what is behind it, in Prisma's dialect.
    #[must_use]
    pub fn prisma_url(&self, role: Role, schema: &str) -> String {
        url((role, DATABASE), self.directory.path(), schema)
    }

    /// A private directory that goes with the door.
    #[must_use]
    pub fn directory(&self) -> &Utf8Path {
        self.directory.path()
    }

    /// Leads everybody to `database` of `server`, which is one of ours.
    pub fn open(&self, server: &Server, database: &str) {
        let socket = server.socket_directory().join(SOCKET_NAME);
        self.opened.send_replace(Some(Arc::new(Behind { socket, database: database.to_owned() })));
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.porter.abort();
    }
}

/// Leads one visitor in. Whatever goes wrong, it sees the end of its connection, as with a server that is gone.
async fn lead(
    mut visitor: UnixStream,
    mut opened: watch::Receiver<Option<Arc<Behind>>>,
) -> std::io::Result<()> {
    let greeting = greeting(&mut visitor).await?;
    let Ok(behind) = opened.wait_for(Option::is_some).await.map(|behind| behind.clone()) else {
        return Ok(());
    };
    let Some(behind) = behind else { return Ok(()) };
    let mut server = UnixStream::connect(&behind.socket).await?;
    server.write_all(&addressed(&greeting, &behind.database)).await?;
    copy_bidirectional(&mut visitor, &mut server).await.map(drop)
}

/// What the visitor begins with, its length left out.
async fn greeting(visitor: &mut UnixStream) -> std::io::Result<Vec<u8>> {
    loop {
        let length = visitor.read_u32().await?;
        if !(8..=LONGEST).contains(&length) {
            return Err(std::io::ErrorKind::InvalidData.into());
        }
        let mut greeting = vec![0; length as usize - 4];
        visitor.read_exact(&mut greeting).await?;
        if !ENCRYPTION.contains(&code(&greeting)) {
            return Ok(greeting);
        }
        visitor.write_all(b"N").await?;
    }
}

fn code(greeting: &[u8]) -> u32 {
    greeting.first_chunk().map_or(0, |code| u32::from_be_bytes(*code))
}

/// The greeting with its length, and with the name that the database has on the server.
fn addressed(greeting: &[u8], database: &str) -> Vec<u8> {
    let mut message = greeting.get(..4).unwrap_or_default().to_vec();
    if code(greeting) == START {
        let texts: Vec<&[u8]> = greeting[4..].split(|byte| *byte == 0).collect();
        for pair in texts.chunks_exact(2).take_while(|pair| !pair[0].is_empty()) {
            let value = if pair[0] == b"database" { database.as_bytes() } else { pair[1] };
            for text in [pair[0], value] {
                message.extend(text);
                message.push(0);
            }
        }
        message.push(0);
    } else {
        message.extend(&greeting[4..]);
    }
    let length = u32::try_from(message.len() + 4).unwrap_or_default();
    [&length.to_be_bytes()[..], &message].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_of_the_database_is_another_one() {
        let mut greeting = START.to_be_bytes().to_vec();
        greeting.extend(b"user\0a\0database\0database\0options\0\0application_name\0database\0\0");
        let message = addressed(&greeting, "history_of_a_long_name");
        assert_eq!(message.len(), u32::from_be_bytes(*message.first_chunk().unwrap()) as usize);
        assert_eq!(
            &message[8..],
            b"user\0a\0database\0history_of_a_long_name\0options\0\0application_name\0database\0\0"
        );
        let cancel = [&(80_877_102_u32).to_be_bytes()[..], &[0, 0, 0, 7, 0, 0, 0, 9]].concat();
        assert_eq!(addressed(&cancel, "x")[4..], cancel);
    }
}
