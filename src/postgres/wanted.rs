//! What a project wants of its temporary server.

use camino::Utf8PathBuf;

use super::server::PUBLIC;

/// What a server must be and have.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// The one major that will do.
    pub major: Option<u32>,
    /// The extensions that the history installs, or the schema asks for.
    pub extensions: Vec<Wish>,
    /// The roles that the history names and does not make.
    pub roles: Vec<Wish>,
    /// The schema that Prisma works in, where it is not `public`.
    pub schema: Option<String>,
}

impl From<Option<u32>> for Wanted {
    fn from(major: Option<u32>) -> Self {
        Self { major, ..Self::default() }
    }
}

/// Something that the history needs, and where it says so first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// The extension's or the role's name.
    pub name: String,
    /// The migration's file.
    pub path: Utf8PathBuf,
    /// The line, from 1.
    pub line: usize,
}

/// What every PostgreSQL is shipped with, and so the packages that the tool installs. Of other extensions an
/// installation would have none.
const OWN: [&str; 56] = [
    "adminpack",
    "amcheck",
    "autoinc",
    "bloom",
    "bool_plperl",
    "bool_plperlu",
    "btree_gin",
    "btree_gist",
    "citext",
    "cube",
    "dblink",
    "dict_int",
    "dict_xsyn",
    "earthdistance",
    "file_fdw",
    "fuzzystrmatch",
    "hstore",
    "hstore_plperl",
    "hstore_plperlu",
    "hstore_plpython3u",
    "insert_username",
    "intagg",
    "intarray",
    "isn",
    "jsonb_plperl",
    "jsonb_plperlu",
    "jsonb_plpython3u",
    "lo",
    "ltree",
    "ltree_plpython3u",
    "moddatetime",
    "pageinspect",
    "pg_buffercache",
    "pg_freespacemap",
    "pg_prewarm",
    "pg_stat_statements",
    "pg_surgery",
    "pg_trgm",
    "pg_visibility",
    "pg_walinspect",
    "pgcrypto",
    "pgrowlocks",
    "pgstattuple",
    "plpgsql",
    "postgres_fdw",
    "refint",
    "seg",
    "sslinfo",
    "tablefunc",
    "tcn",
    "tsm_system_rows",
    "tsm_system_time",
    "unaccent",
    "uuid-ossp",
    "xml2",
    "pg_logicalinspect",
];

impl Wanted {
    /// The same with `more` extensions, but for those that are wanted already.
    #[must_use]
    pub fn with_extensions(mut self, more: Vec<Wish>) -> Self {
        for wish in more {
            if !self.extensions.iter().any(|known| known.name == wish.name) {
                self.extensions.push(wish);
            }
        }
        self
    }

    pub(crate) fn schema(&self) -> &str {
        self.schema.as_deref().unwrap_or(PUBLIC)
    }

    /// The extensions that no installation of the tool's own would have.
    pub(super) fn foreign(&self) -> Vec<&str> {
        let names = self.extensions.iter().map(|wish| wish.name.as_str());
        names.filter(|name| !OWN.contains(name)).collect()
    }
}

/// How the packages of an extension are called where not after it, and an image of a server with it.
const PACKAGES: [(&str, &str, &str); 3] = [
    ("vector", "pgvector", "pgvector/pgvector:pg17"),
    ("postgis", "postgis-3", "postgis/postgis:17-3.5"),
    ("timescaledb", "timescaledb-2", "timescale/timescaledb:latest-pg17"),
];

/// The ways out where no server has `wish`.
pub(super) fn ways_out(wish: &Wish) -> String {
    let known = PACKAGES.iter().find(|(name, _, _)| *name == wish.name);
    let package = known.map_or_else(|| wish.name.replace('_', "-"), |(_, package, _)| (*package).to_owned());
    let image = known.map_or_else(String::new, |(_, _, image)| format!(" (such as a container of {image})"));
    format!(
        "install it beside one of these servers (such as `apt-get install postgresql-17-{package}`), or name the \
         directory of initdb and postgres of one that has it with --postgres-bin DIR, or name a disposable server \
         that has it with --server-url URL{image}"
    )
}
