//! The egress guard: how strangers are called who say themselves where. It asks nobody but whom it may, says nothing but what
//! it was told, waits no longer than it should, and reads no more than it needs.
//!
//! A name is looked up once, every address that it has is checked, and the connection goes to one of these: there is no second
//! look-up that could say something else. Redirects are answers, and proxies are unknown here.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::Full;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;
use url::{Position, Url};

use super::addresses::is_public;
use super::callback::Callback;
use super::connection::{self, Stream, host_of};
use super::exchange::USER_AGENT;
use super::kept::Failed;
pub use super::kept::Kept;

/// Names that are looked up at a time, by all guards together. Each holds a thread until the system answers, whoever has given
/// up meanwhile; all of the program have 512 of these for what blocks, such as making documents.
static LOOKUPS: Semaphore = Semaphore::const_new(256);
/// A turn to look up a name comes within one part in so many of the time for all, or nobody is asked: the rest is the host's.
const TURN_PART: u32 = 2;

/// Who may be called.
#[derive(Debug, Clone)]
pub struct EgressOptions {
    /// Ports that callbacks may have.
    pub ports: Vec<u16>,
    /// For tests and demos: callbacks may be on every address and port.
    pub may_be_local: bool,
    /// Our own public address: nobody has us call ourselves, at whatever path of its host and port.
    pub own: Option<Url>,
    /// For each address of a host, until it has taken the connection.
    pub connect_timeout: Duration,
}

/// What is sent. It has no `Debug`: targets and signatures are nobody else's.
pub struct Message {
    /// `GET` without a body, or `POST`.
    pub method: Method,
    /// [`Callback::target`] or [`Callback::target_with`].
    pub target: String,
    /// All but `Host`, `User-Agent` and `Content-Length`.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// For all of it: the name, the connection, the last byte that is read.
    pub total_timeout: Duration,
    /// Of the answer's body. 0: nothing of it is waited for.
    pub reply_bytes_max: usize,
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Whichever it is, also a redirect.
    pub status: StatusCode,
    /// `Retry-After` as it was written.
    pub retry_after: Option<String>,
    /// The beginning of the body, up to the limit.
    pub body: Bytes,
    /// Is that all of it?
    pub whole: bool,
}

/// What came of a message.
#[derive(Debug)]
pub struct Sent {
    /// The answer.
    pub reply: Result<Reply, SendError>,
    /// The connection, if it can be used again.
    pub kept: Option<Kept>,
}

/// Why somebody is not called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A port of another service.
    #[error("port {port} is none that callbacks may have, which are {ports:?}")]
    Port {
        /// The callback's.
        port: u16,
        /// Those that it may have.
        ports: Vec<u16>,
    },
    /// An address of a private network, of this machine, or of nobody; literally, or what the host's name leads to.
    #[error("{0} is no address of the public internet")]
    Address(IpAddr),
    /// Ourselves.
    #[error("a callback cannot be on this very service")]
    Own,
}

/// Why there is no answer. The messages name neither path nor query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// It was not asked.
    #[error("refused: {0}")]
    Refused(#[from] Refusal),
    /// Its name leads nowhere.
    #[error("its name leads nowhere: {0}")]
    Unresolved(String),
    /// No connection came about.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// What came is no HTTP, or came only in part.
    #[error("it broke off: {0}")]
    Broken(String),
    /// Time was up.
    #[error("it did not answer in time")]
    Timeout,
    /// It was not asked: its name had no turn to be looked up in time. That is no fault of the host.
    #[error("too many names are being looked up")]
    Busy,
}

impl SendError {
    /// Was it the guard that said no? Then it says so again.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused(_))
    }
}

impl From<Failed> for SendError {
    fn from(failed: Failed) -> Self {
        Self::Broken(failed.why)
    }
}

/// The guard.
#[derive(Debug)]
pub struct Egress {
    options: EgressOptions,
    tls: Arc<ClientConfig>,
    lookups: &'static Semaphore,
}

impl Egress {
    /// With these options.
    #[must_use]
    pub fn new(options: EgressOptions) -> Self {
        Self { options, tls: Arc::new(connection::tls()), lookups: &LOOKUPS }
    }

    /// May it be called, as far as one can tell without looking up its name?
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn admits(&self, to: &Callback) -> Result<(), Refusal> {
        if self.options.own.as_ref().is_some_and(|own| host_of(own) == to.host()) {
            return Err(Refusal::Own);
        }
        if !self.options.may_be_local && !self.options.ports.contains(&to.port()) {
            return Err(Refusal::Port { port: to.port(), ports: self.options.ports.clone() });
        }
        to.name().parse::<IpAddr>().map_or(Ok(()), |address| self.admits_address(address))
    }

    fn admits_address(&self, address: IpAddr) -> Result<(), Refusal> {
        if self.options.may_be_local || is_public(address) { Ok(()) } else { Err(Refusal::Address(address)) }
    }

    /// Sends a message: by the connection that was kept, if it leads there and still stands, else by a new one.
    pub async fn send(&self, to: &Callback, message: Message, kept: Option<Kept>) -> Sent {
        let exchanged = timeout(message.total_timeout, self.exchange(to, message, kept)).await;
        match exchanged.unwrap_or(Err(SendError::Timeout)) {
            Ok((reply, kept)) => Sent { reply: Ok(reply), kept },
            Err(error) => Sent { reply: Err(error), kept: None },
        }
    }

    async fn exchange(
        &self,
        to: &Callback,
        message: Message,
        kept: Option<Kept>,
    ) -> Result<(Reply, Option<Kept>), SendError> {
        self.admits(to)?;
        let (reply_bytes_max, turn_timeout) = (message.reply_bytes_max, message.total_timeout / TURN_PART);
        let request = request(to, message)?;
        if let Some(kept) = kept.filter(|kept| kept.leads_to(to)) {
            match kept.ask(request.clone(), reply_bytes_max).await {
                // Servers close what waits whenever they like, also at this moment.
                Err(failed) if failed.unheard => {}
                asked => return asked.map_err(SendError::from),
            }
        }
        let new = Kept::over(self.connect(to, turn_timeout).await?, to).await?;
        Ok(new.ask(request, reply_bytes_max).await?)
    }

    /// Connects to the first of the host's addresses that takes the connection.
    async fn connect(&self, to: &Callback, turn_timeout: Duration) -> Result<Box<dyn Stream>, SendError> {
        let mut error = SendError::Unresolved("it has no address".to_owned());
        for address in self.addresses(to, turn_timeout).await? {
            let connecting = timeout(self.options.connect_timeout, TcpStream::connect(address));
            match connecting.await.unwrap_or_else(|late| Err(late.into())) {
                Ok(plain) => return self.begin(to, plain).await,
                Err(failed) => error = SendError::Unreachable(failed.to_string()),
            }
        }
        Err(error)
    }

    /// The host's addresses, if every one of them is admitted: what is public and private at once is a trap.
    async fn addresses(&self, to: &Callback, turn_timeout: Duration) -> Result<Vec<SocketAddr>, SendError> {
        let found = match to.name().parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, to.port())],
            Err(_) => self.look_up(to, turn_timeout).await?,
        };
        found.iter().try_for_each(|address| self.admits_address(address.ip()))?;
        Ok(found)
    }

    /// Asks the system, when it is this name's turn. What it does not answer in time goes on in its thread, and counts until it
    /// ends.
    async fn look_up(&self, to: &Callback, turn_timeout: Duration) -> Result<Vec<SocketAddr>, SendError> {
        let turn = timeout(turn_timeout, self.lookups.acquire()).await;
        let turn = turn.ok().and_then(Result::ok).ok_or(SendError::Busy)?;
        let host = (to.name().to_owned(), to.port());
        let asked = spawn_blocking(move || {
            let _turn = turn;
            host.to_socket_addrs().map(Iterator::collect)
        });
        asked.await.map_err(io::Error::other).flatten().map_err(|error| SendError::Unresolved(error.to_string()))
    }

    /// Begins TLS, if that is asked for.
    async fn begin(&self, to: &Callback, plain: TcpStream) -> Result<Box<dyn Stream>, SendError> {
        let unreachable = |error: io::Error| SendError::Unreachable(error.to_string());
        // The end of a message is not to wait until its beginning is acknowledged.
        plain.set_nodelay(true).map_err(unreachable)?;
        if !to.is_secure() {
            return Ok(Box::new(plain));
        }
        let server = ServerName::try_from(to.name().to_owned());
        let server = server.map_err(|error| SendError::Unreachable(error.to_string()))?;
        let connecting = TlsConnector::from(Arc::clone(&self.tls)).connect(server, plain);
        Ok(Box::new(connecting.await.map_err(unreachable)?))
    }
}

fn request(to: &Callback, message: Message) -> Result<Request<Full<Bytes>>, SendError> {
    let host = &to.url()[Position::BeforeHost..Position::AfterPort];
    let length = HeaderValue::from(message.body.len());
    let request = Request::builder()
        .method(&message.method)
        .uri(message.target)
        .header(header::HOST, host)
        .header(header::USER_AGENT, USER_AGENT)
        .body(Full::new(message.body));
    let mut request = request.map_err(|error| SendError::Broken(error.to_string()))?;
    request.headers_mut().extend(message.headers);
    // Always, so that nothing goes out in chunks: some subscribers cannot read these, and some want a length for nothing too.
    if message.method != Method::GET {
        request.headers_mut().insert(header::CONTENT_LENGTH, length);
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::outgoing::tests::{answer_one, trusting};

    fn options() -> EgressOptions {
        EgressOptions {
            ports: vec![80, 443],
            may_be_local: false,
            own: Some("https://tin.example/".parse().unwrap()),
            connect_timeout: Duration::from_secs(20),
        }
    }

    fn get(to: &Callback, total_timeout: Duration) -> Message {
        Message {
            method: Method::GET,
            target: to.target(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            total_timeout,
            reply_bytes_max: 100,
        }
    }

    #[test]
    fn what_can_be_told_at_once_is() {
        let admitted = |options: EgressOptions, text: &str| {
            let told = Egress::new(options).admits(&Callback::parse(text).unwrap());
            told.map_err(|refusal| refusal.to_string())
        };
        let check = |text: &str, expect: &str| match admitted(options(), text) {
            Ok(()) => assert_eq!(expect, "", "{text}"),
            Err(refusal) => assert_eq!(refusal, expect, "{text}"),
        };
        check("http://a.example/", "");
        check("https://93.184.215.14:80/", "");
        check("http://a.example:22/", "port 22 is none that callbacks may have, which are [80, 443]");
        check("http://0x7f000001/", "127.0.0.1 is no address of the public internet");
        check("http://[::ffff:10.0.0.1]/", "::ffff:10.0.0.1 is no address of the public internet");
        check("https://TIN.example.:443/khac?k", "a callback cannot be on this very service");
        check("http://tin.example/", "");

        let local = EgressOptions { may_be_local: true, ..options() };
        assert_eq!(admitted(local.clone(), "http://127.0.0.1:22/"), Ok(()));
        assert!(admitted(local, "https://tin.example/").is_err());
    }

    /// Names that nobody answers for hold every turn; an address needs none.
    #[tokio::test]
    async fn a_name_that_has_no_turn_to_be_looked_up_is_not_asked() {
        let lookups: &'static Semaphore = Box::leak(Box::new(Semaphore::new(0)));
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let options = EgressOptions { may_be_local: true, ..options() };
        let egress = Egress { lookups, ..Egress::new(options) };
        let told = async |host: &str, total_timeout: Duration| {
            let to = Callback::parse(&format!("http://{host}:{port}/")).unwrap();
            egress.send(&to, get(&to, total_timeout), None).await.reply
        };
        let (short, long) = (Duration::from_millis(100), Duration::from_secs(20));
        assert_eq!(told("localhost", short).await, Err(SendError::Busy));
        assert!(matches!(told("127.0.0.1", long).await, Err(SendError::Unreachable(_))));
        lookups.add_permits(1);
        for turn in 0..2 {
            assert!(matches!(told("localhost", long).await, Err(SendError::Unreachable(_))), "turn {turn}");
        }
    }

    #[tokio::test]
    async fn a_certificate_has_to_be_trusted_and_of_the_host() {
        let asked = async |host: &str, tls: ClientConfig| {
            let listener = TcpListener::bind("localhost:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            let to = Callback::parse(&format!("https://{host}:{port}/nhan")).unwrap();
            let options = EgressOptions { may_be_local: true, ..options() };
            let egress = Egress { tls: Arc::new(tls), ..Egress::new(options) };
            let message = get(&to, Duration::from_secs(20));
            let (sent, ()) = tokio::join!(egress.send(&to, message, None), answer_one(listener));
            sent.reply
        };
        assert_eq!(asked("localhost", trusting()).await.unwrap().body, "<rss/>");
        let error = asked("127.0.0.1", trusting()).await.unwrap_err().to_string();
        assert!(error.contains("cannot be reached") && error.contains("certificate"), "{error}");
        let error = asked("localhost", connection::tls()).await.unwrap_err().to_string();
        assert!(error.contains("cannot be reached") && error.contains("UnknownIssuer"), "{error}");
    }
}
