//! A PostgreSQL as operators have them: on a TCP port, with TLS, passwords and roles. And a PgBouncer before it.

use std::{
    net::TcpListener,
    os::unix::fs::{PermissionsExt, chown},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use camino::{Utf8Path, Utf8PathBuf};
use run_migration::{
    cli::GlobalArgs,
    context::{Context, Environment},
    postgres::{self, Installation},
    process::{Invocation, RunAs},
    report::progress::{Mode, Progress},
};
use tokio_postgres::{Client, NoTls};

use super::{
    packages::program,
    run::{PATIENCE, hermetic},
};

/// Every role's password: each character of it that means something in a URL.
pub const PASSWORD: &str = "hunter2/%@:?#&=+ ";

/// The same as it has to stand in a URL.
const ENCODED: &str = "hunter2%2F%25%40%3A%3F%23%26%3D%2B%20";

/// Who may do what: the owner of all databases, two that only log in, one that is let in with TLS only, and one that may
/// make databases.
const ROLES: [&str; 5] = ["app", "reader", "stranger", "encrypted", "maker"];

/// A running server. It ends when the test binary does.
pub struct Server {
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// The directory of its socket, where everybody is trusted.
    pub socket: Utf8PathBuf,
    /// Its authority's certificate; the server's own is for `localhost` alone.
    pub authority: Utf8PathBuf,
    /// What it was asked, one line each.
    pub log: Utf8PathBuf,
    installation: Installation,
    context: Context,
}

/// The server that all tests share.
pub fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let (sender, receiver) = mpsc::channel();
        // Its process is a child in a runtime that outlives every test's own.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let (server, _child) = start().await;
                sender.send(server).unwrap();
                std::future::pending::<()>().await;
            });
        });
        receiver.recv().expect("the server starts")
    })
}

async fn start() -> (Server, tokio::process::Child) {
    let settings = GlobalArgs { timeout: PATIENCE.as_secs(), ..GlobalArgs::default() };
    let context = Context::gather(settings, Environment::read(), Progress::new(Mode::Silent)).unwrap();
    let stage = context.progress.stage("postgres");
    let installation = postgres::acquire(&context, None, &stage).await.unwrap();
    drop(stage);
    let directory = directory(&context, &installation.run_as);
    let data = directory.join("data");
    let initdb = Invocation::new(installation.bin.join("initdb"), "/")
        .args([
            "-D",
            data.as_str(),
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-locale",
            "--no-sync",
        ])
        .run_as(&installation.run_as);
    let made = context.processes.run(initdb).await.unwrap();
    assert!(made.success(), "{}", made.stderr_text());
    let authority = certificates(&directory, &installation.run_as);
    std::fs::write(data.join("pg_hba.conf"), HBA).unwrap();
    let port = free_port();
    let log = directory.join("log");
    let mut postgres = Invocation::new(installation.bin.join("postgres"), "/")
        .args(["-D", data.as_str(), "-k", directory.as_str(), "-c", &format!("port={port}")])
        .output_to(&log)
        .run_as(&installation.run_as);
    for setting in SETTINGS {
        postgres = postgres.args(["-c", setting]);
    }
    for (setting, file) in [("ssl_cert_file", "server.crt"), ("ssl_key_file", "server.key")] {
        postgres = postgres.args(["-c", &format!("{setting}={}", directory.join(file))]);
    }
    let child = context.processes.spawn(&postgres).unwrap();
    let server = Server { port, socket: directory, authority, log, installation, context };
    let admin = server.until_ready().await;
    admin.batch_execute("CREATE ROLE everybody").await.unwrap();
    for role in ROLES {
        let group = if role == "encrypted" { "" } else { "IN ROLE everybody" };
        let password = PASSWORD.replace('\'', "''");
        admin
            .batch_execute(&format!("CREATE ROLE {role} LOGIN PASSWORD '{password}' {group}"))
            .await
            .unwrap();
    }
    admin.batch_execute("ALTER ROLE maker CREATEDB").await.unwrap();
    (server, child)
}

const SETTINGS: [&str; 8] = [
    "listen_addresses=127.0.0.1",
    "ssl=on",
    "fsync=off",
    "synchronous_commit=off",
    "shared_buffers=16MB",
    "max_connections=200",
    "log_statement=all",
    "log_line_prefix=%d|%a|",
];

const HBA: &str = "\
local   all all                     trust
host    all postgres,+everybody 127.0.0.1/32 scram-sha-256
hostssl all encrypted           127.0.0.1/32 scram-sha-256
";

/// A directory that the server's account owns, gone when the test binary ends.
fn directory(context: &Context, run_as: &RunAs) -> Utf8PathBuf {
    let made = context.processes.temporary_directory(Utf8Path::new("/tmp"), "run-migration-live-").unwrap();
    let path = Utf8PathBuf::from_path_buf(made.keep()).unwrap();
    give(&path, run_as);
    path
}

fn give(path: &Utf8Path, run_as: &RunAs) {
    if let RunAs::User { uid, gid, .. } = run_as {
        chown(path, Some(*uid), Some(*gid)).unwrap();
    }
}

/// A port that nobody has, and that nobody is going to have by chance: it lies below those that the system hands out,
/// to clients too, and is given once.
pub fn free_port() -> u16 {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    loop {
        // Another run of these tests begins elsewhere.
        let number = std::process::id().wrapping_mul(97).wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(10_000 + number % 20_000).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Makes an authority and a certificate of it for `localhost` in `directory`; gives the authority's.
fn certificates(directory: &Utf8Path, run_as: &RunAs) -> Utf8PathBuf {
    std::fs::write(directory.join("extensions"), "subjectAltName=DNS:localhost\n").unwrap();
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    openssl(
        directory,
        &["req", "-x509", "-subj", "/CN=Authority", "-keyout", "ca.key", "-out", "ca.crt"],
        &key,
    );
    openssl(directory, &["req", "-subj", "/CN=Server", "-keyout", "server.key", "-out", "server.csr"], &key);
    let sign = ["x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial"];
    openssl(directory, &sign, &["-extfile", "extensions", "-out", "server.crt"]);
    // A stranger's authority, and a certificate that signed itself.
    openssl(
        directory,
        &["req", "-x509", "-subj", "/CN=Other", "-keyout", "other.key", "-out", "other.crt"],
        &key,
    );
    let own = ["req", "-x509", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
    openssl(directory, &own, &[&["-keyout", "own.key", "-out", "own.crt"], key.as_slice()].concat());
    for file in ["server.key", "own.key"] {
        let path = directory.join(file);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        give(&path, run_as);
    }
    directory.join("ca.crt")
}

fn openssl(directory: &Utf8Path, first: &[&str], more: &[&str]) {
    let output =
        hermetic(program("openssl", "openssl"), directory.as_std_path()).args(first).args(more).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

impl Server {
    async fn until_ready(&self) -> Client {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if let Ok(client) = self.try_connect("postgres", "postgres").await {
                return client;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the server does not start: {}", std::fs::read_to_string(&self.log).unwrap_or_default());
    }

    async fn try_connect(&self, database: &str, role: &str) -> Result<Client, tokio_postgres::Error> {
        let mut config = tokio_postgres::Config::new();
        config.host_path(&self.socket).port(self.port).user(role).dbname(database);
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// A name that no database has.
    pub fn vacancy(&'static self) -> Vacancy {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        Vacancy { server: self, name: format!("to be made {}", NEXT.fetch_add(1, Ordering::Relaxed)) }
    }

    /// A fresh database that `app` owns, with the schemas `public` and `other`.
    pub async fn database(&'static self) -> Database {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("live{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let admin = self.try_connect("postgres", "postgres").await.unwrap();
        admin.batch_execute(&format!("CREATE DATABASE {name} OWNER app")).await.unwrap();
        let client = self.try_connect(&name, "app").await.unwrap();
        client.batch_execute("CREATE SCHEMA other").await.unwrap();
        Database { server: self, name, client }
    }

    /// What was asked of `database` by connections that call themselves `application`.
    pub fn asked(&self, database: &str, application: &str) -> Vec<String> {
        let mark = format!("{database}|{application}|LOG:  statement: ");
        // Others are writing it: the end may be torn.
        let log = String::from_utf8_lossy(&std::fs::read(&self.log).unwrap()).into_owned();
        log.lines().filter_map(|line| line.strip_prefix(&mark)).map(ToOwned::to_owned).collect()
    }

    /// Runs PgBouncer as the server's account.
    fn pgbouncer(&self, configuration: &Utf8Path, log: &Utf8Path) -> tokio::process::Child {
        let program = program("pgbouncer", "pgbouncer");
        let invocation =
            Invocation::new(program, "/").arg(configuration).output_to(log).run_as(&self.installation.run_as);
        self.context.processes.spawn(&invocation).unwrap()
    }
}

fn url_of(database: &str, (host, port): (&str, u16), role: &str, parameters: &str) -> String {
    let database = database.replace(' ', "%20");
    let limits = ["connect_timeout", "socket_timeout"].into_iter();
    let left_out = limits.filter(|limit| !parameters.contains(limit)).map(|limit| format!("{limit}=120"));
    let given = Some(parameters.to_owned()).filter(|given| !given.is_empty());
    let all: Vec<_> = given.into_iter().chain(left_out).collect();
    format!("postgresql://{role}:{ENCODED}@{host}:{port}/{database}?{}", all.join("&"))
}

/// A database that is not there yet.
pub struct Vacancy {
    server: &'static Server,
    /// Its name, which has to be quoted.
    pub name: String,
}

impl Vacancy {
    /// Its URL for `role` over TCP, with `parameters` after the question mark.
    pub fn url(&self, role: &str, parameters: &str) -> String {
        self.url_at(self.server.port, role, parameters)
    }

    /// The same at another port.
    pub fn url_at(&self, port: u16, role: &str, parameters: &str) -> String {
        url_of(&self.name, ("localhost", port), role, parameters)
    }

    /// What the server knows of it: its owner, its encoding, its locale, its limits; `None` where it is not there.
    pub async fn about(&self) -> Option<String> {
        let admin = self.server.try_connect("postgres", "postgres").await.unwrap();
        let question = "SELECT concat_ws(' ', datdba::regrole, encoding, datcollate, datctype, datconnlimit, datacl) \
                        FROM pg_database WHERE datname = $1";
        admin.query_opt(question, &[&self.name]).await.unwrap().map(|row| row.get(0))
    }

    /// The database, once it is there.
    pub async fn made(&self) -> Database {
        let client = self.server.try_connect(&self.name, "maker").await.unwrap();
        Database { server: self.server, name: self.name.clone(), client }
    }
}

/// One test's database.
pub struct Database {
    /// Where it is.
    pub server: &'static Server,
    /// Its name.
    pub name: String,
    /// A client of its owner, `app`.
    pub client: Client,
}

impl Database {
    /// Its URL for `role` over TCP, with `parameters` after the question mark.
    pub fn url(&self, role: &str, parameters: &str) -> String {
        self.url_at("localhost", self.server.port, role, parameters)
    }

    /// The same at another place. On a busy machine the server may take its time: where `parameters` do not say how
    /// much, it has a lot.
    pub fn url_at(&self, host: &str, port: u16, role: &str, parameters: &str) -> String {
        url_of(&self.name, (host, port), role, parameters)
    }

    /// Another session of `role`.
    pub async fn session(&self, role: &str) -> Client {
        self.server.try_connect(&self.name, role).await.unwrap()
    }

    /// The database as SQL, without rows.
    pub fn dump(&self) -> String {
        let mut dump = hermetic(program("pg_dump", "postgresql-client"), std::path::Path::new("/"));
        dump.args(["-s", "-U", "postgres", "-h", self.server.socket.as_str()]);
        let output = dump.args(["-p", &self.server.port.to_string(), &self.name]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        // Newer ones mark the beginning and the end with a word of chance.
        let is_chance = |line: &&str| line.starts_with("\\restrict") || line.starts_with("\\unrestrict");
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().filter(|line| !is_chance(line)).map(|line| format!("{line}\n")).collect()
    }

    /// The ledger of `schema` without ids and times: name, checksum, logs, steps, and which times there are.
    pub async fn ledger(&self, schema: &str) -> Vec<String> {
        let question = format!(
            "SELECT migration_name || ' ' || checksum || ' ' || coalesce('logs ' || logs, 'none') || ' ' ||
                    applied_steps_count || ' ' || (finished_at IS NOT NULL) || ' ' || (rolled_back_at IS NOT NULL)
               FROM {schema}._prisma_migrations ORDER BY started_at"
        );
        self.client.query(&question, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
    }

    /// Runs SQL as the owner.
    pub async fn execute(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }
}

/// A PgBouncer in transaction mode before the server, gone when the value is dropped.
pub struct Bouncer {
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// The certificate that it shows, which signed itself.
    pub certificate: Utf8PathBuf,
    child: tokio::process::Child,
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        let _ = self.child.start_kill();
    }
}

impl Bouncer {
    /// Starts one; must be called within a tokio runtime.
    pub async fn start(server: &Server) -> Self {
        Self::start_at(server, free_port()).await
    }

    /// Starts one on this port.
    pub async fn start_at(server: &Server, port: u16) -> Self {
        let directory = directory(&server.context, &server.installation.run_as);
        let users: String = ROLES.iter().map(|role| format!("\"{role}\" \"{PASSWORD}\"\n")).collect();
        std::fs::write(directory.join("users"), users).unwrap();
        let settings = [
            ("listen_addr", "127.0.0.1".to_owned()),
            ("listen_port", port.to_string()),
            ("unix_socket_dir", String::new()),
            ("auth_type", "scram-sha-256".to_owned()),
            ("auth_file", directory.join("users").to_string()),
            ("pool_mode", "transaction".to_owned()),
            ("default_pool_size", "2".to_owned()),
            ("client_tls_sslmode", "allow".to_owned()),
            ("client_tls_cert_file", server.socket.join("own.crt").to_string()),
            ("client_tls_key_file", server.socket.join("own.key").to_string()),
        ];
        let settings: String = settings.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
        let databases = format!("[databases]\n* = host={} port={}\n", server.socket, server.port);
        let file = directory.join("pgbouncer.ini");
        std::fs::write(&file, format!("{databases}[pgbouncer]\n{settings}")).unwrap();
        let log = directory.join("log");
        let child = server.pgbouncer(&file, &log);
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return Self { port, certificate: server.socket.join("own.crt"), child };
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("pgbouncer does not start: {}", std::fs::read_to_string(&log).unwrap_or_default());
    }
}
