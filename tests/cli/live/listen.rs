//! `ready --listen`: probes over HTTP, however many, slow or rude.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, ChildStderr, Command, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use super::fixture::{MIGRATIONS, Site, State, in_state};
use crate::support::{
    live::{Bouncer, free_port, server},
    postgres::eventually,
    run::{PATIENCE, run, tool},
};

/// A running probe server. It is killed with the value.
struct Probe {
    child: Child,
    stderr: BufReader<ChildStderr>,
    address: String,
}

/// The answer to one request.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn line(&self) -> String {
        self.json()["line"].as_str().unwrap().to_owned()
    }
}

impl Probe {
    /// Starts one that asks `url` every `interval` seconds.
    fn start(site: &Site, url: &str, interval: &str, more: &[&str]) -> Self {
        let args = ["ready", "--listen", "0", "--interval", interval];
        let mut command = tool(site.path().as_std_path(), &[&args, more].concat());
        command.env("DATABASE_URL", url);
        Self::run(command)
    }

    fn run(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        let (_, address) = line.trim().split_once("http://").unwrap_or_else(|| panic!("{line}"));
        let address = address.trim_end_matches("/health/ready").to_owned();
        Self { child, stderr, address }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends `request` as it is and reads until the server closes. A client that was kept from saying anything for
    /// longer than the server waits comes again.
    fn send(&self, request: &[u8]) -> Answer {
        let began = Instant::now();
        let mut text = Vec::new();
        while text.is_empty() && began.elapsed() < PATIENCE {
            let mut stream = self.connect();
            // A server that has heard enough may close before all is said.
            let _ = stream.write_all(request);
            let _ = stream.read_to_end(&mut text);
        }
        let text = String::from_utf8(text).unwrap();
        assert!(!text.contains("hunter2"), "{text}");
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
        Answer { status, head: head.to_lowercase(), body: body.to_owned() }
    }

    fn get(&self, path: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes())
    }

    fn ready(&self) -> Answer {
        self.get("/health/ready")
    }

    /// Asks until the status is `status` and the line holds `text`.
    fn until(&self, status: u16, text: &str) -> Answer {
        let began = Instant::now();
        loop {
            let answer = self.ready();
            if answer.status == status && answer.line().contains(text) {
                return answer;
            }
            assert!(began.elapsed() < PATIENCE, "never {status} with {text:?}, but {answer:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn metric(&self, name: &str) -> Option<f64> {
        let text = self.get("/metrics").body;
        text.lines().find_map(|line| line.strip_prefix(&format!("run_migration_{name} "))?.parse().ok())
    }

    /// Sends a signal and gives the exit code and the rest of what was said.
    fn end(mut self, signal: Signal) -> (Option<i32>, String) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
        let mut said = String::new();
        self.stderr.read_to_string(&mut said).unwrap();
        (self.child.wait().unwrap().code(), said)
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn code_ahead_of_its_database_is_not_ready_until_the_migration_came() {
    let site = Site::new();
    // Made when the image was built.
    let snapshot = site.path().join("snapshot.json");
    run(site.path().as_std_path(), &["snapshot", "--output", snapshot.as_str()]).expect(0);
    for schema in ["public", "other"] {
        let database = in_state(State::Behind, schema).await;
        let url = database.url("app", &format!("schema={schema}"));
        let probe = Probe::start(&site, &url, "0.2", &["--snapshot", snapshot.as_str()]);
        let answer = probe.until(503, "drift");
        let [.., (second, _), (third, sql)] = MIGRATIONS;
        let line = format!("drift: db={second} expected={third}; 1 pending: {third}; lacks column Loan.due");
        assert_eq!(answer.line(), line);
        assert_eq!(answer.json()["missing"], serde_json::json!(["column Loan.due"]));
        assert_eq!(probe.metric("ready"), Some(0.0));
        assert_eq!((probe.metric("behind"), probe.metric("missing")), (Some(1.0), Some(1.0)));
        assert_eq!(probe.get("/health").status, 200, "liveness is no business of the schema");

        let checks = probe.metric("checks_total").unwrap();
        database.apply(schema, third, sql).await;
        let answer = probe.until(200, "ready");
        assert_eq!(answer.line(), format!("ready: db={third} expected={third}"));
        let text = probe.get("/metrics").body;
        assert!(
            text.contains("run_migration_behind 0\n") && text.contains("run_migration_missing 0\n"),
            "{text}"
        );
        assert!(probe.metric("checks_total").unwrap() > checks);
        // Somebody drops the column behind Prisma's back.
        database.execute(&format!("ALTER TABLE {schema}.\"Loan\" DROP COLUMN due")).await;
        probe.until(503, "lacks column Loan.due");
    }
}

/// An image may hold nothing but the program: no shell, for instance.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn no_other_program_is_needed() {
    let site = Site::new();
    let database = in_state(State::Equal, "public").await;
    let probe = Probe::start(&site, &database.url("app", ""), "0.2", &[]);
    probe.until(200, "ready");
    let threads = format!("/proc/{}/task", probe.child.id());
    let mut seen = 0;
    for thread in std::fs::read_dir(threads).unwrap() {
        // A thread that has ended meanwhile has no children.
        if let Ok(children) = std::fs::read_to_string(thread.unwrap().path().join("children")) {
            assert_eq!(children, "");
            seen += 1;
        }
    }
    assert!(seen > 0);
}

#[tokio::test]
async fn however_many_ask_the_database_is_asked_once_per_interval() {
    let site = Site::new();
    let database = in_state(State::Equal, "public").await;
    let probe = Probe::start(&site, &database.url("app", "application_name=often"), "3600", &[]);
    probe.until(200, "ready");
    for _ in 0..500 {
        assert_eq!(probe.ready().status, 200);
    }
    // The first look takes two questions, whether there is a ledger and what is in it; later ones take one.
    assert_eq!(server().asked(&database.name, "often").len(), 2);
    drop(probe);

    let probe = Probe::start(&site, &database.url("app", "application_name=steady"), "0.1", &[]);
    while probe.metric("checks_total").unwrap_or_default() < 5.0 {
        std::thread::sleep(Duration::from_millis(20));
    }
    // Counted in this order the bounds hold however slow the machine is: one more for the first look, and one for
    // the look that is under way.
    let asked = server().asked(&database.name, "steady").len();
    let checks = probe.metric("checks_total").unwrap() as usize;
    assert!(asked <= checks + 2, "{asked} questions for {checks} checks");
    assert!(server().asked(&database.name, "steady").len() > checks);
}

#[tokio::test]
async fn a_database_that_hangs_or_is_away_hangs_nobody_and_may_come_back() {
    let site = Site::new();
    let database = in_state(State::Equal, "public").await;
    let probe = Probe::start(&site, &database.url("app", "socket_timeout=1"), "0.1", &[]);
    probe.until(200, "ready");
    database.execute("BEGIN; LOCK TABLE _prisma_migrations IN ACCESS EXCLUSIVE MODE").await;
    probe.until(503, "did not answer within 1 s");
    // An answer from before the lock may still have been on its way.
    eventually("nothing is known of the database", || {
        (probe.metric("database_up"), probe.metric("behind")) == (Some(0.0), None)
    });
    assert_eq!(probe.get("/health").status, 200);
    database.execute("ROLLBACK").await;
    probe.until(200, "ready");

    let port = free_port();
    let probe = Probe::start(&site, &database.url_at("localhost", port, "app", ""), "0.1", &[]);
    let answer = probe.until(503, "cannot be reached");
    assert!(answer.line().starts_with("unknown: localhost:"), "{}", answer.line());
    for _ in 0..2 {
        let bouncer = Bouncer::start_at(server(), port).await;
        probe.until(200, "ready");
        drop(bouncer);
        probe.until(503, "unknown");
    }
}

#[tokio::test]
async fn a_connection_that_was_cut_says_nothing_about_the_database() {
    let site = Site::new();
    let database = in_state(State::Equal, "public").await;
    let probe = Probe::start(&site, &database.url("app", "application_name=cut"), "0.1", &[]);
    probe.until(200, "ready");
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'cut'";
    for _ in 0..5 {
        database.execute(cut).await;
        let checks = probe.metric("checks_total").unwrap();
        while probe.metric("checks_total").unwrap() < checks + 2.0 {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    assert_eq!(probe.metric("check_failures_total"), Some(0.0));
    // A ledger that is dropped is noticed, too, and one that comes back.
    database.execute("ALTER TABLE _prisma_migrations RENAME TO put_away").await;
    probe.until(200, "not managed by Prisma Migrate");
    database.execute("ALTER TABLE put_away RENAME TO _prisma_migrations").await;
    probe.until(200, "ready: db=20260103000000_due expected=20260103000000_due");
}

#[tokio::test]
async fn rude_and_slow_clients_get_short_answers() {
    let site = Site::new();
    let database = in_state(State::Equal, "public").await;
    let probe = Probe::start(&site, &database.url("app", ""), "0.2", &[]);
    probe.until(200, "ready");
    let request = |method: &str, path: &str| {
        format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    };
    for (request, status) in [
        (request("GET", "/health?verbose=1"), 200),
        (request("HEAD", "/health/ready"), 200),
        (request("GET", "/"), 404),
        (request("GET", "/health/ready/.."), 404),
        (request("POST", "/health/ready"), 405),
        (request("DELETE", "/metrics"), 405),
        (format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(100_000)), 431),
        (format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(100_000)), 431),
        (format!("GET / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(1000)), 431),
        ("\u{16}\u{3}\u{1} this is no HTTP\r\n\r\n".to_owned(), 400),
    ] {
        let answer = probe.send(request.as_bytes());
        assert_eq!(answer.status, status, "{:.60}: {answer:?}", request);
        if request.starts_with("HEAD") {
            assert_eq!(answer.body, "");
        }
    }
    assert!(probe.get("/metrics").head.contains("content-type: text/plain; version=0.0.4"));
    assert!(probe.ready().head.contains("cache-control: no-store"));

    // More connections than are served at once, none of which ever sends a whole request.
    let mut idle: Vec<_> = (0..300).map(|_| probe.connect()).collect();
    for stream in &mut idle {
        stream.write_all(b"GET /health HT").unwrap();
    }
    assert_eq!(probe.get("/health").status, 200, "the others are cut to let this one in");
    for mut stream in idle {
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        assert!(!rest.starts_with(b"HTTP/1.1 200"));
    }
}

#[tokio::test]
async fn it_stops_in_order_and_says_what_changed_meanwhile() {
    let site = Site::new();
    let database = in_state(State::Behind, "public").await;
    let url = database.url("app", "");
    let probe = Probe::start(&site, &url, "0.1", &[]);
    probe.until(503, "drift");
    let (name, sql) = MIGRATIONS[2];
    database.apply("public", name, sql).await;
    probe.until(200, "ready");
    // A client that only keeps its connection does not delay the end.
    let _idle = probe.connect();
    let (code, said) = probe.end(Signal::SIGTERM);
    assert_eq!(code, Some(0), "{said}");
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), 2, "{said}");
    assert!(lines[0].contains("drift: db=") && lines[1].contains("ready: db="), "{said}");
    let (code, _) = Probe::start(&site, &url, "0.1", &[]).end(Signal::SIGINT);
    assert_eq!(code, Some(130));
}

#[tokio::test]
async fn the_process_list_does_not_show_the_url() {
    let site = Site::new();
    let database = in_state(State::Equal, "public").await;
    let url = database.url("app", "");
    let args = ["ready", "--listen=0", "--database-url", &url, "--interval", "0.1"];
    let probe = Probe::run(tool(site.path().as_std_path(), &args));
    probe.until(200, "ready");
    let cmdline = std::fs::read(format!("/proc/{}/cmdline", probe.child.id())).unwrap();
    let cmdline = String::from_utf8(cmdline).unwrap();
    assert!(cmdline.contains("ready") && !cmdline.contains("postgresql"), "{cmdline}");
    let (code, _) = probe.end(Signal::SIGTERM);
    assert_eq!(code, Some(0));
}
