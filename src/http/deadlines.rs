//! The time limits of a connection, kept where its bytes pass by. hyper has one timer only, for a request head, and none
//! for a client that does not take its answer.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::Limits;

/// How long a closed connection is read on, so that the client finds our last answer before a reset tells it that we
/// did not read everything (RFC 9112 section 9.6).
const LINGER: Duration = Duration::from_secs(1);
/// Bytes thrown away at a time while lingering.
const LINGER_BUFFER_BYTES: usize = 4_096;

/// Is a request being answered, and is it the last one? Set by the service, cleared when the answer has left.
#[derive(Debug, Clone, Default)]
pub(super) struct Answering(Arc<AtomicU8>);

impl Answering {
    const NOTHING: u8 = 0;
    const REQUEST: u8 = 1;
    const LAST: u8 = 2;

    /// A request head is complete: its time limit no longer counts. `last` if the client sends nothing after it, as it says.
    pub(super) fn begin(&self, last: bool) {
        self.0.store(if last { Self::LAST } else { Self::REQUEST }, Ordering::Relaxed);
    }

    fn end(&self) {
        self.0.store(Self::NOTHING, Ordering::Relaxed);
    }

    fn now(&self) -> bool {
        self.0.load(Ordering::Relaxed) != Self::NOTHING
    }

    fn is_last(&self) -> bool {
        self.0.load(Ordering::Relaxed) == Self::LAST
    }
}

/// What the client has time for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The first request head, from its beginning on.
    First,
    /// A further one, once it has begun.
    Head,
    /// The first byte of the next one.
    Idle,
    /// The client to take what we wrote.
    Taking,
    /// The client to close as well.
    Lingering,
}

/// A stream that fails with `TimedOut` when the client takes too long.
#[derive(Debug)]
pub(super) struct Deadlines<S> {
    stream: S,
    answering: Answering,
    limits: Limits,
    phase: Phase,
    /// When the phase is over; reckoned when somebody has to wait in it.
    until: Option<Instant>,
    /// Goes off then, or earlier and is set again: a request that comes in time sets no timer, and who never waits has none.
    timer: Option<Pin<Box<Sleep>>>,
    wrote: bool,
}

impl<S> Deadlines<S> {
    /// Watches a stream that was just accepted.
    pub(super) const fn new(stream: S, answering: Answering, limits: Limits) -> Self {
        Self { stream, answering, limits, phase: Phase::First, until: None, timer: None, wrote: false }
    }

    fn enter(&mut self, phase: Phase) {
        if self.phase != phase {
            self.phase = phase;
            self.until = None;
        }
    }

    /// What the present phase may take.
    const fn time(&self) -> Duration {
        match self.phase {
            Phase::First => self.limits.first_request_timeout,
            Phase::Head => self.limits.header_timeout,
            Phase::Idle => self.limits.idle_timeout,
            Phase::Taking => self.limits.answer_timeout,
            Phase::Lingering => LINGER,
        }
    }

    /// Pending until the phase is over, then the error.
    fn expired<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let time = self.time();
        let until = *self.until.get_or_insert_with(|| Instant::now() + time);
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(until)));
        if timer.deadline() > until {
            timer.as_mut().reset(until);
        }
        loop {
            ready!(timer.as_mut().poll(cx));
            if timer.deadline() >= until {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            timer.as_mut().reset(until);
        }
    }

    fn written(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_pending() {
            self.enter(Phase::Taking);
            return self.expired(cx);
        }
        self.wrote = true;
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Deadlines<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        if let Poll::Ready(read) = Pin::new(&mut this.stream).poll_read(cx, buf) {
            if this.phase == Phase::Idle && buf.filled().len() > before {
                this.enter(Phase::Head);
            }
            return Poll::Ready(read);
        }
        if this.answering.now() { Poll::Pending } else { this.expired(cx) }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Deadlines<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.written(cx, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let stream = Pin::new(&mut this.stream);
        let written = match bufs {
            // Most answers are a head alone: the system sends one buffer sooner than a list of one.
            [head] => stream.poll_write(cx, head),
            _ => stream.poll_write_vectored(cx, bufs),
        };
        this.written(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// hyper flushes when its own buffer is empty: what was written until then is a whole answer.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(Pin::new(&mut this.stream).poll_flush(cx))?;
        if std::mem::take(&mut this.wrote) && !this.answering.is_last() {
            this.answering.end();
            this.enter(Phase::Idle);
            // hyper has looked for the next request already, and is not going to again before it comes.
            if let Poll::Ready(expired) = this.expired(cx) {
                return Poll::Ready(expired);
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.answering.is_last() {
            return Poll::Ready(Ok(())); // whatever closes the socket does it all
        }
        if this.phase != Phase::Lingering {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
            this.enter(Phase::Lingering);
        }
        let mut scratch = [0; LINGER_BUFFER_BYTES];
        while this.expired::<()>(cx).is_pending() {
            let mut rest = ReadBuf::new(&mut scratch);
            let read = ready!(Pin::new(&mut this.stream).poll_read(cx, &mut rest));
            if read.is_err() || rest.filled().is_empty() {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }
}
