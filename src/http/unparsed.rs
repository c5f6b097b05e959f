//! What never became a request. hyper answers that by itself, with a bare status line and no way to add to it; here the
//! bare answer is replaced on its way out by one that carries the headers and the document of every other answer.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes, BytesMut};
use http::{Response, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What hyper writes, after the version.
const BARE: [(&[u8], StatusCode); 3] = [
    (b" 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n", StatusCode::BAD_REQUEST),
    (b" 414 URI Too Long\r\nconnection: close\r\ncontent-length: 0\r\n\r\n", StatusCode::URI_TOO_LONG),
    (
        b" 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
    ),
];
/// Length of `HTTP/1.1`.
const VERSION_BYTES: usize = 8;

/// A stream on which hyper's bare answers are replaced by those of `refuse`. A bare answer comes alone, so it is looked for in
/// what is one buffer, which `Deadlines` writes as such.
pub(super) struct Unparsed<S, F> {
    stream: S,
    refuse: F,
    /// What is left to write in place of a bare answer.
    instead: Bytes,
    /// Has the client ended a line since it was last answered? If not, the head that is too large is a request line.
    line_ended: bool,
}

impl<S, F: Fn(StatusCode) -> Response<Bytes>> Unparsed<S, F> {
    /// Watches a stream.
    pub(super) const fn new(stream: S, refuse: F) -> Self {
        Self { stream, refuse, instead: Bytes::new(), line_ended: false }
    }

    /// The status, if hyper speaks for itself.
    fn bare_status(&self, written: &[u8]) -> Option<StatusCode> {
        let after_version = written.get(VERSION_BYTES..)?;
        let (_, status) = BARE.into_iter().find(|(bare, _)| *bare == after_version)?;
        let line_too_long = status == StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE && !self.line_ended;
        Some(if line_too_long { StatusCode::URI_TOO_LONG } else { status })
    }
}

impl<S: AsyncWrite + Unpin, F: Fn(StatusCode) -> Response<Bytes>> Unparsed<S, F> {
    /// Writes the answer in place of the bare one, of which it is `Ready` with the length when all is written.
    fn replace(&mut self, cx: &mut Context<'_>, bare: &[u8], status: StatusCode) -> Poll<io::Result<usize>> {
        if self.instead.is_empty() {
            self.instead = on_the_wire(&(self.refuse)(status));
        }
        while self.instead.has_remaining() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.instead))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.instead.advance(written);
        }
        Poll::Ready(Ok(bare.len()))
    }
}

fn on_the_wire(response: &Response<Bytes>) -> Bytes {
    let status = response.status();
    let mut wire = BytesMut::new();
    let mut line = |parts: &[&[u8]]| {
        wire.extend(parts.iter().copied().flatten());
        wire.extend_from_slice(b"\r\n");
    };
    let reason = status.canonical_reason().unwrap_or_default();
    line(&[b"HTTP/1.1 ", status.as_str().as_bytes(), b" ", reason.as_bytes()]);
    for (name, value) in response.headers() {
        line(&[name.as_str().as_bytes(), b": ", value.as_bytes()]);
    }
    line(&[b"connection: close"]);
    line(&[]);
    wire.extend_from_slice(response.body());
    wire.freeze()
}

impl<S: AsyncRead + Unpin, F: Unpin> AsyncRead for Unparsed<S, F> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let read = ready!(Pin::new(&mut this.stream).poll_read(cx, buf));
        this.line_ended |= buf.filled().iter().skip(before).any(|byte| *byte == b'\n');
        Poll::Ready(read)
    }
}

impl<S: AsyncWrite + Unpin, F: Fn(StatusCode) -> Response<Bytes> + Unpin> AsyncWrite for Unparsed<S, F> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if let Some(status) = this.bare_status(buf) {
            return this.replace(cx, buf, status);
        }
        this.line_ended = false;
        Pin::new(&mut this.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.line_ended = false;
        Pin::new(&mut this.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
