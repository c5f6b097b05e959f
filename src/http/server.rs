//! The accept loop, and the life of a connection.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::Limits;
use super::deadlines::{Answering, Deadlines};
use super::unparsed::Unparsed;

/// Pause after a failed accept. Without file descriptors it fails at once, again and again, until a connection ends.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// hyper's read buffer holds the head; this much of it is for the method, the version and the line ends.
const HEAD_REST_BYTES: usize = 1_024;
/// hyper asserts that its buffer is not smaller.
const BUFFER_BYTES_MIN: usize = 8_192;

/// Who answers on a listener.
pub(super) trait Answers: Send + Sync + 'static {
    /// The answer to a request; `local` is the address that the client connected to.
    fn answer(&self, request: Request<Incoming>, local: IpAddr) -> impl Future<Output = Response<Bytes>> + Send + '_;

    /// The answer to what could not be parsed.
    fn refuse(&self, status: StatusCode) -> Response<Bytes>;
}

/// Tells every connection that the shutdown has begun. Whoever watches a `CancellationToken` takes its lock each time it is
/// polled, and a connection is polled with each request.
#[derive(Debug, Default)]
struct Drain {
    begun: AtomicBool,
    bell: Notify,
}

impl Drain {
    fn begin(&self) {
        self.begun.store(true, Ordering::Release);
        self.bell.notify_waiters();
    }
}

/// Accepts until `shutdown`, then waits for the connections, at most `shutdown_grace`.
pub(super) async fn run(listener: TcpListener, answers: impl Answers, limits: Limits, shutdown: CancellationToken) {
    let answers = Arc::new(answers);
    let permits = Arc::new(Semaphore::new(limits.connections_max));
    let drain = Arc::<Drain>::default();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            Some(ended) = connections.join_next() => report(ended),
            accepted = accept(&listener, &permits) => match accepted {
                Ok((stream, permit)) => {
                    let (answers, drain) = (Arc::clone(&answers), Arc::clone(&drain));
                    connections.spawn(async move {
                        connection(stream, answers, limits, &drain).await;
                        drop(permit);
                    });
                }
                Err(error) if is_of_the_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "a connection cannot be accepted, trying again");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    drain.begin();
    if tokio::time::timeout(limits.shutdown_grace, finish(&mut connections)).await.is_err() {
        tracing::warn!(http.connections = connections.len(), "the shutdown grace is over, connections are cut");
        connections.shutdown().await;
    }
}

async fn accept(listener: &TcpListener, permits: &Arc<Semaphore>) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, permit))
}

/// The client went away while it waited: no reason to pause.
fn is_of_the_connection(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
}

async fn finish(connections: &mut JoinSet<()>) {
    while let Some(ended) = connections.join_next().await {
        report(ended);
    }
}

fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection ended by a panic");
    }
}

async fn connection<A: Answers>(stream: TcpStream, answers: Arc<A>, limits: Limits, drain: &Drain) {
    let Ok(local) = stream.local_addr().map(|local: SocketAddr| local.ip().to_canonical()) else {
        return; // gone before it began
    };
    if stream.set_nodelay(true).is_err() {
        return; // the same
    }
    let answering = Answering::default();
    let refuse = Arc::clone(&answers);
    let wire = Unparsed::new(stream, move |status| refuse.refuse(status));
    let wire = TokioIo::new(Deadlines::new(wire, answering.clone(), limits));
    let service = service_fn(move |request| {
        answering.begin();
        let answers = Arc::clone(&answers);
        async move { Ok::<_, Infallible>(answers.answer(request, local).await.map(Full::new)) }
    });
    let mut connection = pin!(parser(limits).serve_connection(wire, service));
    let mut bell = pin!(drain.bell.notified());
    let (mut listening, mut draining) = (false, false);
    let ended = poll_fn(|cx| {
        if !listening {
            // Once is enough: the task that it wakes stays the same.
            listening = bell.as_mut().poll(cx).is_pending();
        }
        if !draining && drain.begun.load(Ordering::Acquire) {
            draining = true;
            connection.as_mut().graceful_shutdown();
        }
        connection.as_mut().poll(cx)
    });
    if let Err(error) = ended.await {
        tracing::debug!(%error, "a connection broke off");
    }
}

fn parser(limits: Limits) -> http1::Builder {
    let head_bytes_max = limits.headers_bytes_max + limits.target_bytes_max + HEAD_REST_BYTES;
    let mut builder = http1::Builder::new();
    builder
        // `Deadlines` has the time limits: one timer for a connection, not one more set for each request.
        .header_read_timeout(None)
        .max_buf_size(head_bytes_max.max(BUFFER_BYTES_MIN))
        // `headers` writes it: hyper's stands still when the clock is set back.
        .auto_date_header(false);
    builder
}
