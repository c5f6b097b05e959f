//! A connection to a server, plain or by TLS.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use url::Url;

use super::FetchError;

/// Bytes to and from a server.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// TLS as every connection speaks it: the roots that browsers trust, compiled in, so that a machine without certificates
/// asks as well as any other.
pub(super) fn tls() -> ClientConfig {
    trusting(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() })
}

pub(super) fn trusting(roots: RootCertStore) -> ClientConfig {
    ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()
}

/// Name and port in one spelling, without the dot that may end a name.
pub(super) fn host_of(url: &Url) -> String {
    let port = url.port_or_known_default().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}{port}", url.host_str().unwrap_or_default().trim_end_matches('.'))
}

/// Connects to the server of an address, wherever that is: only for addresses that people of the newsroom have written down.
pub(super) async fn open(url: &Url, tls: Arc<ClientConfig>) -> Result<Box<dyn Stream>, FetchError> {
    let not_web = || FetchError::NotWeb(url.to_string());
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else { return Err(not_web()) };
    let unreachable = |error: io::Error| FetchError::Unreachable { host: host_of(url), why: error.to_string() };
    // The brackets of an IPv6 address belong to the URL only.
    let name = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    match url.scheme() {
        "http" => Ok(Box::new(TcpStream::connect((name, port)).await.map_err(unreachable)?)),
        "https" => {
            let server = ServerName::try_from(name.clone()).ok().ok_or_else(not_web)?;
            let plain = TcpStream::connect((name, port)).await.map_err(unreachable)?;
            Ok(Box::new(TlsConnector::from(tls).connect(server, plain).await.map_err(unreachable)?))
        }
        _ => Err(not_web()),
    }
}
