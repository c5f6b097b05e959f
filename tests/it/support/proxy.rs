//! A TCP proxy that a test can take away and bring back: a database server that is not there.

use std::net::SocketAddr;
use std::sync::Mutex;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use url::Url;

/// A proxy in front of a server.
pub(crate) struct Proxy {
    address: SocketAddr,
    server: String,
    task: Mutex<JoinSet<()>>,
}

impl Proxy {
    /// In front of the server that `url` names.
    pub(crate) async fn before(url: &str) -> Self {
        let url = Url::parse(url).unwrap();
        let server = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Self { address: listener.local_addr().unwrap(), server, task: Mutex::default() };
        proxy.run(listener);
        proxy
    }

    /// The address of the same database through the proxy.
    pub(crate) fn url(&self, url: &str) -> String {
        let mut url = Url::parse(url).unwrap();
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(self.address.port())).unwrap();
        url.into()
    }

    /// Ends every connection and refuses new ones.
    pub(crate) async fn stop(&self) {
        let mut task = std::mem::take(&mut *self.task.lock().unwrap());
        task.shutdown().await;
    }

    /// Takes connections again.
    pub(crate) async fn go_on(&self) {
        self.run(TcpListener::bind(self.address).await.unwrap());
    }

    fn run(&self, listener: TcpListener) {
        let server = self.server.clone();
        self.task.lock().unwrap().spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut client, _)) = listener.accept().await {
                let server = server.clone();
                connections.spawn(async move {
                    let mut upstream = TcpStream::connect(server).await.unwrap();
                    let _closed = copy_bidirectional(&mut client, &mut upstream).await;
                });
            }
        });
    }
}
