//! What is no URL of a database that can be asked.

/// The URL names no database that can be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Nobody named a database.
    #[error("no database is named")]
    Missing,
    /// The quotation marks of a shell or an env file became part of the value.
    #[error("the database URL begins with a quotation mark")]
    Quoted,
    /// Not PostgreSQL's.
    #[error("the database URL does not begin with postgresql:// or postgres://")]
    Scheme,
    /// Prisma's own proxy, which is no PostgreSQL server.
    #[error("{0}:// names Prisma's own service (Accelerate or Prisma Postgres), not a PostgreSQL server")]
    Service(&'static str),
    /// It cannot be taken apart.
    #[error("the database URL cannot be read: {0}")]
    Malformed(&'static str),
    /// A parameter that is known has a value that is not.
    #[error("the database URL's {name} is not {wanted}")]
    Parameter {
        /// Its name.
        name: &'static str,
        /// What it may be.
        wanted: &'static str,
    },
}

impl UrlError {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Missing => "set DATABASE_URL, or pass --database-url",
            Self::Quoted => {
                "take the quotation marks away: env files and Kubernetes manifests keep them as they are"
            }
            Self::Scheme => "postgresql://USER:PASSWORD@HOST:5432/DATABASE?schema=public",
            Self::Service(_) => "name the database itself: the postgresql:// URL, often kept as DIRECT_URL",
            Self::Malformed(_) => {
                "write the characters / ? # @ : % [ ] and the space in user and password percent-encoded, such as %40 for @"
            }
            Self::Parameter { .. } => return None,
        };
        Some(hint.to_owned())
    }
}
