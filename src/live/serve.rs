//! A small HTTP server for probes. It only hands out the answer that is there: no request makes it do anything
//! else, so that neither many nor slow nor hostile clients reach the database or keep others waiting for long.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch::Receiver},
    task::JoinSet,
    time::{sleep, timeout},
};

use super::answer::Answer;

/// How many connections there may be at once; more wait until one ends.
const CONNECTIONS: usize = 256;

/// How long a client may take to send a request, the next one on an open connection included.
const REQUEST: Duration = Duration::from_secs(2);

/// How long a connection may live; the request that is under way then is still answered.
const LIFE: Duration = Duration::from_secs(60);

/// How long an answer may take to leave when the connection or the server has to end.
const GRACE: Duration = Duration::from_secs(2);

/// Every byte of a request's head.
const HEAD: usize = 8 << 10;

/// Every header of a request.
const HEADERS: usize = 64;

const JSON: &str = "application/json";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Answers probes on `listener` until `stop` is done; what is under way then is finished first.
pub async fn serve(listener: TcpListener, answers: Receiver<Arc<Answer>>, stop: impl Future<Output = ()>) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    tokio::pin!(stop);
    loop {
        let arrival = async {
            let permit = Arc::clone(&permits).acquire_owned().await.ok()?;
            Some((permit, listener.accept().await))
        };
        tokio::select! {
            biased;
            () = &mut stop => break,
            Some(_) = connections.join_next() => {}
            Some((permit, accepted)) = arrival => match accepted {
                Ok((stream, _)) => {
                    let answers = answers.clone();
                    connections.spawn(async move {
                        converse(stream, answers).await;
                        drop(permit);
                    });
                }
                // No file descriptor is left: some connection has to end first.
                Err(_) => sleep(Duration::from_millis(50)).await,
            },
        }
    }
    drop(listener);
    // Whoever is being answered gets the answer; who only keeps a connection open is cut.
    let _ = timeout(GRACE, async { while connections.join_next().await.is_some() {} }).await;
}

/// Serves one connection to its end.
async fn converse(stream: TcpStream, answers: Receiver<Arc<Answer>>) {
    let service = service_fn(|request: Request<Incoming>| {
        let response = respond(&request, &answers.borrow());
        async { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST)
        .max_buf_size(HEAD)
        .max_headers(HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    // How a client misbehaves is nobody's concern: its connection ends.
    if timeout(LIFE, connection.as_mut()).await.is_err() {
        connection.as_mut().graceful_shutdown();
        let _ = timeout(GRACE, connection).await;
    }
}

fn respond(request: &Request<Incoming>, answer: &Answer) -> Response<Full<Bytes>> {
    let health = Bytes::from_static(b"{\"status\":\"alive\"}\n");
    let (status, kind, body) = match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/health") => (StatusCode::OK, JSON, health),
        (&Method::GET | &Method::HEAD, "/health/ready") if answer.is_ready => {
            (StatusCode::OK, JSON, answer.body.clone())
        }
        (&Method::GET | &Method::HEAD, "/health/ready") => {
            (StatusCode::SERVICE_UNAVAILABLE, JSON, answer.body.clone())
        }
        (&Method::GET | &Method::HEAD, "/metrics") => (StatusCode::OK, PROMETHEUS, answer.metrics.clone()),
        (&Method::GET | &Method::HEAD, _) => (StatusCode::NOT_FOUND, JSON, error("not found")),
        _ => (StatusCode::METHOD_NOT_ALLOWED, JSON, error("only GET and HEAD")),
    };
    let mut response =
        Response::builder().status(status).header(CONTENT_TYPE, kind).header(CACHE_CONTROL, "no-store");
    if status == StatusCode::METHOD_NOT_ALLOWED {
        response = response.header(ALLOW, "GET, HEAD");
    }
    // All parts are constants: this cannot fail.
    response.body(Full::new(body)).unwrap_or_default()
}

fn error(what: &str) -> Bytes {
    Bytes::from(format!("{{\"error\":\"{what}\"}}\n"))
}
