//! The database itself, where its server does not have it yet: made as Prisma makes it.

use std::time::Duration;

use postgres_protocol::escape::escape_identifier;
use tokio_postgres::{Client, error::SqlState};

use super::{
    DeployError,
    sessions::{Asking, own_backends},
};
use crate::live::{
    connect::{self, DatabaseError},
    url::Target,
};

/// The databases that a server has from its beginning. Another one can be made from within them.
const FIRST: [&str; 2] = ["postgres", "template1"];

/// Who made a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maker {
    /// We did.
    Ourselves,
    /// Another deployment, in the meantime.
    SomebodyElse,
}

/// Makes the database of `target`, which belongs to the role of the URL then. A pooler in transaction mode is found out
/// before.
///
/// # Errors
/// Where the server cannot be reached, is a pooler or a standby, or the role may not make databases.
pub async fn create(target: &Target, limit: Duration) -> Result<Maker, DeployError> {
    let (client, place) = beside(target, limit).await?;
    let (other, _) = beside(target, limit).await?;
    let asking = Asking { place: &place, limit };
    own_backends(&asking, &client, &other).await?;
    // A database that somebody else is connected to cannot be copied, and every new one is a copy.
    drop(other);
    if asking.first(&client, "SELECT pg_catalog.pg_is_in_recovery()").await? == "t" {
        return Err(DeployError::Standby { place });
    }
    let statement = format!("CREATE DATABASE {}", escape_identifier(target.name()));
    match client.batch_execute(&statement).await {
        Ok(()) => Ok(Maker::Ourselves),
        Err(error) if is_there_already(&error) => Ok(Maker::SomebodyElse),
        Err(source) => Err(DeployError::Creation {
            name: target.name().to_owned(),
            server: target.server().to_owned(),
            source,
        }),
    }
}

/// Whether the role may make databases, and what it is called.
///
/// # Errors
/// Where the server cannot be reached.
pub async fn right(target: &Target, limit: Duration) -> Result<(bool, String), DeployError> {
    let (client, place) = beside(target, limit).await?;
    let asking = Asking { place: &place, limit };
    let may = "SELECT rolcreatedb OR rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user";
    let may = asking.first(&client, may).await? == "t";
    Ok((may, asking.first(&client, "SELECT current_user").await?))
}

/// A session in one of the databases that a server has from its beginning, and where that is.
async fn beside(target: &Target, limit: Duration) -> Result<(Client, String), DatabaseError> {
    let [first, second] = FIRST.map(|name| target.beside(name));
    match connect::client(&first, limit).await {
        Err(error) if is_closed(&error) => Ok((connect::client(&second, limit).await?, second.place)),
        client => Ok((client?, first.place)),
    }
}

/// Whether somebody dropped the database, or lets nobody in.
fn is_closed(error: &DatabaseError) -> bool {
    [SqlState::INVALID_CATALOG_NAME, SqlState::INSUFFICIENT_PRIVILEGE].iter().any(|state| error.is(state))
}

/// Of two who make it at once, one is told so: by the catalog, where both had begun.
fn is_there_already(error: &tokio_postgres::Error) -> bool {
    error.code().is_some_and(|code| [SqlState::DUPLICATE_DATABASE, SqlState::UNIQUE_VIOLATION].contains(code))
}
