//! The accept loop, and the life of a connection.

use std::convert::Infallible;
use std::future::{poll_fn, ready};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::Either;
use http::request::Parts;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Collected, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustix::net::sockopt::set_tcp_nodelay;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Limits;
use super::deadlines::{Answering, Deadlines};
use super::unparsed::Unparsed;

/// Pause after a failed accept. Without file descriptors it fails at once, again and again, until a connection ends.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// hyper's read buffer holds the head; this much of it is for the method, the version and the line ends.
const HEAD_REST_BYTES: usize = 1_024;
/// hyper asserts that its buffer is not smaller.
const BUFFER_BYTES_MIN: usize = 8_192;

/// A request as it came.
pub(super) struct Asked {
    /// Its head.
    pub head: Parts,
    /// Read by the hub only. Dropped before the answer is made, it would be read to its end.
    body: Incoming,
    /// The address that the client connected to.
    pub local: IpAddr,
    /// The client's own address, or that of the proxy in front.
    pub peer: IpAddr,
}

/// Why there is no body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoBody {
    /// It has more bytes than it may have.
    TooLarge,
    /// It broke off.
    Broken,
}

impl Asked {
    /// Has it a body?
    pub(super) fn has_body(&self) -> bool {
        !self.body.is_end_stream()
    }

    /// Its body, of so many bytes at most. What is not read to its end stays there.
    pub(super) async fn read_body(&mut self, bytes_max: usize) -> Result<Bytes, NoBody> {
        let collected = Limited::new(&mut self.body, bytes_max).collect().await;
        let why = |error: Box<dyn std::error::Error + Send + Sync>| {
            if error.is::<LengthLimitError>() { NoBody::TooLarge } else { NoBody::Broken }
        };
        collected.map(Collected::to_bytes).map_err(why)
    }

    /// Does the client say that it sends nothing more, in the one way that leaves hyper no choice?
    fn is_last(&self) -> bool {
        let mut lines = self.head.headers.get_all(header::CONNECTION).iter();
        let (Some(line), None) = (lines.next(), lines.next()) else { return false };
        line.as_bytes().eq_ignore_ascii_case(b"close") && !self.has_body()
    }
}

/// Who answers on a listener.
pub(super) trait Answers: Send + Sync + 'static {
    /// The answer, if nothing has to be waited for: without the cost of a future that can wait.
    fn at_once(&self, asked: &Asked) -> Option<Response<Bytes>>;

    /// The answer.
    fn answer(&self, asked: Asked) -> impl Future<Output = Response<Bytes>> + Send + '_;

    /// The answer to what could not be parsed.
    fn refuse(&self, status: StatusCode) -> Response<Bytes>;
}

/// Tells every connection that the shutdown has begun, and when it is over. Whoever watches a `CancellationToken` takes its
/// lock each time it is polled, and a connection is polled with each request.
#[derive(Debug, Default)]
struct Drain {
    begun: AtomicBool,
    over: AtomicBool,
    bell: Notify,
}

impl Drain {
    fn begin(&self) {
        self.begun.store(true, Ordering::Release);
        self.bell.notify_waiters();
    }

    fn end(&self) {
        self.over.store(true, Ordering::Release);
        self.bell.notify_waiters();
    }
}

/// What the connections of a listener share.
struct Serving<A> {
    answers: A,
    limits: Limits,
    parser: http1::Builder,
    drain: Drain,
    /// Where everybody connects to; `None` if that is any address of the machine.
    local: Option<IpAddr>,
}

/// Accepts until `shutdown`, then waits for the connections, at most `shutdown_grace`.
pub(super) async fn run(listener: TcpListener, answers: impl Answers, limits: Limits, shutdown: CancellationToken) {
    if let Err(error) = set_tcp_nodelay(&listener, true) {
        tracing::warn!(%error, "answers may be held back for a moment");
    }
    let local = listener.local_addr().ok().map(address).filter(|local| !local.is_unspecified());
    let serving = Arc::new(Serving { answers, limits, parser: parser(limits), drain: Drain::default(), local });
    let permits = Arc::new(Semaphore::new(limits.connections_max));
    // A set of tasks would take its lock, and wake who accepts, for each that ends.
    let connections = TaskTracker::new();
    let mut told = pin!(shutdown.cancelled());
    loop {
        tokio::select! {
            biased;
            () = &mut told => break,
            accepted = accept(&listener, &permits) => match accepted {
                Ok((stream, peer, permit)) => {
                    let serving = Arc::clone(&serving);
                    connections.spawn(async move {
                        connection(stream, peer, serving).await;
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
    connections.close();
    serving.drain.begin();
    if tokio::time::timeout(limits.shutdown_grace, connections.wait()).await.is_err() {
        tracing::warn!(http.connections = connections.len(), "the shutdown grace is over, connections are cut");
        serving.drain.end();
        connections.wait().await;
    }
}

fn address(of: SocketAddr) -> IpAddr {
    of.ip().to_canonical()
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> io::Result<(TcpStream, IpAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, address(peer), permit))
}

/// The client went away while it waited: no reason to pause.
fn is_of_the_connection(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
}

async fn connection<A: Answers>(stream: TcpStream, peer: IpAddr, serving: Arc<Serving<A>>) {
    let Some(local) = serving.local.or_else(|| stream.local_addr().ok().map(address)) else {
        return; // gone before it began
    };
    let answering = Answering::default();
    let refusing = Arc::clone(&serving);
    let wire = Unparsed::new(stream, move |status| refusing.answers.refuse(status));
    let wire = TokioIo::new(Deadlines::new(wire, answering.clone(), serving.limits));
    let asking = Arc::clone(&serving);
    let service = service_fn(move |request| {
        let (head, body) = Request::into_parts(request);
        let asked = Asked { head, body, local, peer };
        answering.begin(asked.is_last());
        if let Some(response) = asking.answers.at_once(&asked) {
            return Either::Left(ready(Ok::<_, Infallible>(response.map(Full::new))));
        }
        let asking = Arc::clone(&asking);
        Either::Right(Box::pin(async move { Ok(asking.answers.answer(asked).await.map(Full::new)) }))
    });
    let mut connection = pin!(serving.parser.serve_connection(wire, service));
    let drain = &serving.drain;
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
            // For the end of it.
            bell.set(drain.bell.notified());
            listening = bell.as_mut().poll(cx).is_pending();
        }
        if draining && drain.over.load(Ordering::Acquire) {
            return Poll::Ready(Ok(()));
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

#[cfg(test)]
mod tests {
    use super::*;

    /// So does Linux; a call for each connection would say the same.
    #[tokio::test]
    async fn a_connection_has_what_its_listener_has() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        set_tcp_nodelay(&listener, true).unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        assert!(listener.accept().await.unwrap().0.nodelay().unwrap());
    }
}
