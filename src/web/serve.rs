//! Connections: how many, how long they may be silent, and how they end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_service::Service;

/// How long a request's head may take to come, from the connection's beginning or from the last answer.
const HEAD_LIMIT: Duration = Duration::from_secs(20);
/// A peer that takes nothing of an answer for so long is gone.
const TAKE_LIMIT: Duration = Duration::from_mins(1);
/// How long answers may go on after a stop.
const STOP_LIMIT: Duration = Duration::from_secs(5);
/// A request's line and headers together.
const HEAD_BYTES: usize = 64 << 10;

/// Who is at the other end of the connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) SocketAddr);

/// Accepts connections until it is told to stop.
pub(super) async fn accept(listener: TcpListener, router: Router, most: usize, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(most));
    let (tasks, ending) = (TaskTracker::new(), GracefulShutdown::new());
    loop {
        let place = tokio::select! {
            () = stop.cancelled() => break,
            place = places.clone().acquire_owned() => place,
        };
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, peer)) = accepted else {
            // Out of file descriptors, as a rule: some will be given back.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        settle(&stream);
        let router = router.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(Peer(peer));
            router.clone().call(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_LIMIT)
            .max_buf_size(HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), service);
        let connection = ending.watch(connection);
        tasks.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, %peer, "a connection broke");
            }
            drop(place);
        });
    }
    tokio::select! {
        () = ending.shutdown() => {}
        () = tokio::time::sleep(STOP_LIMIT) => tracing::warn!("answers were cut off by the stop"),
    }
}

fn settle(stream: &TcpStream) {
    drop(stream.set_nodelay(true));
    let limit = u32::try_from(TAKE_LIMIT.as_millis()).unwrap_or(u32::MAX);
    if let Err(error) = rustix::net::sockopt::set_tcp_user_timeout(stream, limit) {
        tracing::debug!(%error, "a connection has no limit on silence");
    }
}
