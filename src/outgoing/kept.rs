//! A connection that takes one request after another. It moves only while one is under way: nothing runs beside it, and what
//! happens to it meanwhile shows with the next one.

use std::fmt;
use std::pin::pin;

use bytes::{Bytes, BytesMut};
use futures_util::future::{Either, select};
use http::{Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;

use super::callback::Callback;
use super::connection::Stream;
use super::egress::Reply;

/// Longest head of an answer, in bytes; also what is read of a body before somebody wants it.
const HEAD_BYTES_MAX: usize = 16_384;

type Connection = http1::Connection<TokioIo<Box<dyn Stream>>, Full<Bytes>>;

/// A connection that waits for its next request, to the same host by the same scheme.
pub struct Kept {
    host: String,
    is_secure: bool,
    sender: SendRequest<Full<Bytes>>,
    connection: Connection,
}

/// Why there is no answer.
pub(super) struct Failed {
    pub(super) why: String,
    /// Nothing came: a server that had closed the connection before it knew of the request looks like this.
    pub(super) unheard: bool,
}

impl Kept {
    /// A connection that is new.
    pub(super) async fn over(stream: Box<dyn Stream>, to: &Callback) -> Result<Self, Failed> {
        let (host, is_secure) = (to.host(), to.is_secure());
        let shaken = http1::Builder::new().max_buf_size(HEAD_BYTES_MAX).handshake(TokioIo::new(stream)).await;
        let (sender, connection) = shaken.map_err(|error| Failed { why: error.to_string(), unheard: false })?;
        Ok(Self { host, is_secure, sender, connection })
    }

    /// Does it lead there?
    pub(super) fn leads_to(&self, to: &Callback) -> bool {
        self.host == to.host() && self.is_secure == to.is_secure()
    }

    /// Makes a request, and reads at most so many bytes of the body of its answer. Gives the connection back if it can take
    /// another one.
    pub(super) async fn ask(
        self,
        request: Request<Full<Bytes>>,
        reply_bytes_max: usize,
    ) -> Result<(Reply, Option<Self>), Failed> {
        let Self { host, is_secure, mut sender, mut connection } = self;
        let mut asking = pin!(sender.send_request(request));
        let first = match select(asking.as_mut(), &mut connection).await {
            Either::Left((answered, _)) => Some(answered),
            Either::Right(_) => None,
        };
        let (answered, connection, nothing_came) = match first {
            Some(Ok(answer)) => (Ok(answer), Some(connection), false),
            // The connection is over. Who waits for it is told once it is taken apart.
            failed => {
                let nothing_came = connection.into_parts().read_buf.is_empty();
                let answered = match failed {
                    Some(failed) => failed,
                    None => asking.await,
                };
                (answered, None, nothing_came)
            }
        };
        // What was cancelled never went out, whatever came.
        let failed =
            |error: hyper::Error| Failed { unheard: nothing_came || error.is_canceled(), why: error.to_string() };
        let (head, body) = answered.map_err(failed)?.into_parts();
        let (read, connection) = beside(connection, collect(body, reply_bytes_max)).await;
        let (body, whole) = read.map_err(|error| Failed { why: error.to_string(), unheard: false })?;
        let retry_after = head.headers.get(header::RETRY_AFTER).and_then(|value| Some(value.to_str().ok()?.to_owned()));
        // Not ready: the other side closes it, or has answered before it had everything.
        let kept = connection.filter(|_| whole && sender.is_ready());
        let kept = kept.map(|connection| Self { host, is_secure, sender, connection });
        Ok((Reply { status: head.status, retry_after, body, whole }, kept))
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").field("host", &self.host).finish_non_exhaustive()
    }
}

/// Does something for which a connection has to move, and gives that back if it is not over.
async fn beside<T>(connection: Option<Connection>, work: impl Future<Output = T>) -> (T, Option<Connection>) {
    let work = pin!(work);
    let Some(connection) = connection else { return (work.await, None) };
    match select(work, connection).await {
        Either::Left((done, connection)) => (done, Some(connection)),
        Either::Right((_, work)) => (work.await, None),
    }
}

/// The beginning of a body, and whether that is all of it. For nothing nobody waits.
async fn collect(mut body: Incoming, bytes_max: usize) -> hyper::Result<(Bytes, bool)> {
    let mut collected = BytesMut::new();
    if bytes_max == 0 {
        return Ok((collected.freeze(), body.is_end_stream()));
    }
    while let Some(frame) = body.frame().await {
        let Ok(mut data) = frame?.into_data() else { continue };
        let room = bytes_max - collected.len();
        let fits = data.len() <= room;
        data.truncate(room);
        collected.extend_from_slice(&data);
        if !fits {
            return Ok((collected.freeze(), false));
        }
    }
    Ok((collected.freeze(), true))
}
