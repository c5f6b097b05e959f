//! A TCP proxy that a test can take away and bring back: a database server that is not there.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use url::Url;

/// A proxy in front of a server.
pub(crate) struct Proxy {
    address: SocketAddr,
    server: String,
    task: Mutex<JoinSet<()>>,
    /// Rung when connections fall silent.
    silence: Arc<Notify>,
}

impl Proxy {
    /// In front of the server that `url` names.
    pub(crate) async fn before(url: &str) -> Self {
        let url = Url::parse(url).unwrap();
        let server = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let proxy = Self { address, server, task: Mutex::default(), silence: Arc::default() };
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

    /// Nothing passes on the present connections any more, and nobody is told; new ones are served.
    pub(crate) fn fall_silent(&self) {
        self.silence.notify_waiters();
    }

    fn run(&self, listener: TcpListener) {
        let (server, silence) = (self.server.clone(), Arc::clone(&self.silence));
        self.task.lock().unwrap().spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut client, _)) = listener.accept().await {
                let (server, silence) = (server.clone(), Arc::clone(&silence));
                connections.spawn(async move {
                    let mut upstream = TcpStream::connect(server).await.unwrap();
                    tokio::select! {
                        _closed = copy_bidirectional(&mut client, &mut upstream) => {}
                        () = silence.notified() => std::future::pending().await,
                    }
                });
            }
        });
    }
}
